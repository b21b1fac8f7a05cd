"""The log over HTTP: the published bytes with the right headers, single entries, proofs, and a feed that wakes up."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from crypto.election.entries import Incident, Seal, parse_entry
from crypto.merkle import CHECKPOINT_PATH, leaf_hash, parse_log_proof, verify_inclusion
from crypto.signatures import MAX_SIGNATURE_LINES, MAX_U63, parse_note, parse_policy, verify_quorum
from tests.integration.board.town import Town
from tests.simulator import signing_key
from voting_server.board import routes
from voting_server.plumbing import problems


@pytest.fixture
def client(desk: Town) -> Iterator[TestClient]:
    app = FastAPI()
    problems.install(app)
    app.include_router(routes.create_router(desk.board))
    with TestClient(app) as made:
        yield made


def test_checkpoint_and_tiles_are_the_files_with_their_cache_headers(desk: Town, client: TestClient) -> None:
    desk.run("certified")
    answer = client.get("/log/checkpoint")
    assert answer.content == desk.board.publication.get(CHECKPOINT_PATH)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cache-control"] == "public, max-age=1"
    size = desk.board.heads().size
    for path in (f"tile/0/000.p/{size}", f"tile/entries/000.p/{size}"):
        tile = client.get(f"/log/{path}")
        assert tile.content == desk.board.publication.get(path)
        assert tile.headers["content-type"] == "application/octet-stream"
        assert "immutable" in tile.headers["cache-control"]


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/001",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/00/000",
        "tile/64/000",
        "tile/0/0",
        "tile/%2e%2e/%2e%2e/ballot.sqlite",
        "tile/entries/000.p/1.new",
        "entry/999999",
        f"leaf/{'0' * 64}",
        f"ballot/{'0' * 64}",
        f"ballot/{'0' * 36}",
        f"ballot/{'0' * 64}/proof",
        "proof/999999",
    ],
)
def test_what_is_not_there_is_404_and_a_problem(desk: Town, client: TestClient, path: str) -> None:
    desk.run("founded")
    answer = client.get(f"/log/{path}")
    assert answer.status_code == 404
    assert b"sqlite" not in answer.content.lower()


@pytest.mark.parametrize(
    "path", ["entry/-1", "entry/x", "leaf/zz", f"leaf/{'A' * 64}", "ballot/00", "blocks?first=0", "blocks?step=0"]
)
def test_a_malformed_name_is_422_without_an_echo(desk: Town, client: TestClient, path: str) -> None:
    desk.run("founded")
    answer = client.get(f"/log/{path}")
    assert answer.status_code == 422
    assert path.rpartition("/")[2] not in answer.text


def test_where_blocks_begin_is_where_their_seals_stand(desk: Town, client: TestClient) -> None:
    desk.run("certified")
    size = desk.board.heads().size
    starts = client.get("/log/blocks").json()["starts"]
    inside = {int(block): index for block, index in starts.items() if index < size}
    assert inside
    for block, index in inside.items():
        entry = parse_entry(client.get(f"/log/entry/{index}").content)
        assert (entry.type, Seal.parse(entry.body).block) == ("seal", block)
    last = max(inside)
    assert client.get(f"/log/blocks?first={last}").json()["starts"][str(last)] == inside[last]
    every_second = client.get("/log/blocks?first=1&step=2").json()["starts"]
    assert list(every_second) == [block for block in starts if int(block) % 2 == 1]


def test_a_page_of_blocks_holds_as_many_as_the_limit(desk: Town, client: TestClient) -> None:
    for count in (500, 501):
        with desk.context.database.begin() as connection:
            for block in range(len(desk.board.store.sizes()), count):
                desk.board.store.add_checkpoint(connection, block + 1, block, b"")
        starts = client.get("/log/blocks").json()["starts"]
        assert (len(starts), min(map(int, starts)), max(map(int, starts))) == (500, 1, 500)
        assert len(client.get("/log/blocks?first=2").json()["starts"]) == count - 1


def test_without_a_checkpoint_there_is_none(client: TestClient) -> None:
    assert client.get("/log/checkpoint").status_code == 404
    assert client.get("/log/state").status_code == 404


def test_an_entry_by_index_and_by_leaf_and_its_proof(desk: Town, client: TestClient) -> None:
    desk.run("certified")
    raw = desk.sign("incident", Incident(bytes(32), "rehearsal"), signing_key("officer"))
    leaf = leaf_hash(raw)
    desk.board.enqueue(raw)
    assert client.get(f"/log/leaf/{leaf.hex()}").json()["state"] == "waiting"
    desk.write()
    place = client.get(f"/log/leaf/{leaf.hex()}").json()
    assert (place["state"], place["type"]) == ("sequenced", "incident")
    entry = client.get(f"/log/entry/{place['index']}")
    assert entry.content == raw
    assert entry.headers["etag"] == f'"{leaf.hex()}"'
    proof = parse_log_proof(client.get(f"/log/proof/{place['index']}").content)
    policy = parse_policy(client.get("/log/policy").content)
    head = verify_quorum(proof.checkpoint, policy.log, policy.witnesses, policy.quorum, MAX_U63).checkpoint
    verify_inclusion(leaf, place["index"], head.size, head.root, proof.proof)
    assert len(parse_note(proof.checkpoint).signatures) <= MAX_SIGNATURE_LINES
    seal = client.get(f"/log/leaf/{leaf_hash(client.get('/log/entry/5').content).hex()}").json()
    assert seal["type"] == "seal"
