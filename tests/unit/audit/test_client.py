"""The served client against the board's client entry and a build: whatever differs is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

from audit.cli import app
from audit.client import (
    Declared,
    Finding,
    Judgement,
    Listing,
    Outcome,
    judge,
    read_build,
    read_declared,
    read_list,
    restore,
)
from audit.fetch import InputError
from audit.lookup import Lookup
from crypto.election.entries import Client, ClientFile
from tests.folders import Memory, files_of, write_files
from tests.simulator import World, fresh, signing_key

INDEX = b"""<!doctype html><meta name="dobush-manifest" content=""><meta name="dobush-identity" content="">
<meta name="dobush-ballot" content=""><script type="module" src="main-0a1b2c3d.js" integrity="sha384-x"></script>"""
BUILT = {
    "check/index.html": b"<!doctype html><script>check()</script>",
    "vote/index.html": INDEX,
    "vote/main-0a1b2c3d.js": b"export {}",
}
ORIGINS = ("https://vote.example",)


def fill(page: bytes, manifest: str, identity: str = "../identity/", ballot: str = "../") -> bytes:
    for name, value in (("manifest", manifest), ("identity", identity), ("ballot", ballot)):
        tag = '<meta name="dobush-{}" content="{}">'
        page = page.replace(tag.format(name, "").encode(), tag.format(name, value).encode())
    return page


@cache
def world() -> World:
    """Return a world with two client entries before its opening; the newer one counts."""
    made = fresh("frozen")
    for version in (b"old", BUILT["vote/main-0a1b2c3d.js"]):
        listing = Listing.of({**BUILT, "vote/main-0a1b2c3d.js": version})
        files = tuple(ClientFile(name=name, hash=bytes.fromhex(each)) for name, each in listing.files.items())
        made.accept([made.by_officers("client", Client(files))])
    return made


def declared() -> Declared:
    found = read_declared(Lookup.open(Memory(files_of(world())).get))
    assert found is not None
    return found


def served(**changes: bytes | None) -> dict[str, bytes]:
    digest = world().manifest_hash.hex()
    contents: dict[str, bytes | None] = {
        "vote/": fill(INDEX, digest),
        "check/": BUILT["check/index.html"],
        "vote/main-0a1b2c3d.js": BUILT["vote/main-0a1b2c3d.js"],
        **changes,
    }
    return {name: data for name, data in contents.items() if data is not None}


def look(contents: dict[str, bytes], build: Listing | None = None, given: bytes | None = None) -> Judgement:
    return judge(contents.get, declared(), build, given or world().manifest_hash, frozenset())


def odd(found: Judgement) -> list[tuple[str, Outcome]]:
    return [(each.name, each.outcome) for each in found.findings if each.outcome is not Outcome.SAME]


def test_the_client_of_the_board_is_status_0() -> None:
    found = look(served(), Listing.of(BUILT))
    assert (found.exit_status, odd(found), found.build_findings) == (0, [], ())
    assert found.entry == declared().index


CHANGES: dict[str, tuple[dict[str, bytes | None], list[tuple[str, Outcome]]]] = {
    "tampered": ({"vote/main-0a1b2c3d.js": b"export { }"}, [("vote/main-0a1b2c3d.js", Outcome.DIFFERS)]),
    "missing": ({"vote/main-0a1b2c3d.js": None}, [("vote/main-0a1b2c3d.js", Outcome.MISSING)]),
    "no first page": ({"check/": None}, [("check/index.html", Outcome.MISSING)]),
    "another check page": ({"check/": b"<script>check( )</script>"}, [("check/index.html", Outcome.DIFFERS)]),
}


@pytest.mark.parametrize("case", CHANGES)
def test_what_is_not_the_boards_file_is_named(case: str) -> None:
    changes, wanted = CHANGES[case]
    found = look(served(**changes))
    assert (found.exit_status, odd(found)) == (1, wanted)


def test_another_index_with_an_extra_script_is_named_and_so_is_the_script() -> None:
    index = fill(INDEX + b'<script src="spy.js"></script>', world().manifest_hash.hex())
    found = look(served(**{"vote/": index, "vote/spy.js": b"spy()"}))
    assert odd(found) == [("vote/index.html", Outcome.DIFFERS), ("vote/spy.js", Outcome.EXTRA)]


@pytest.mark.parametrize(
    ("pins", "name"),
    [
        ({"manifest": "ab" * 32}, "dobush-manifest"),
        ({"manifest": ""}, "dobush-manifest"),
        ({"identity": "https://evil.example/"}, "dobush-identity"),
        ({"ballot": "//evil.example/"}, "dobush-ballot"),
        ({"ballot": "javascript:x"}, "dobush-ballot"),
    ],
)
def test_a_pin_to_another_election_or_host_fails(pins: dict[str, str], name: str) -> None:
    values = {"manifest": world().manifest_hash.hex(), **pins}
    found = look(served(**{"vote/": fill(INDEX, **values)}))
    assert (found.exit_status, odd(found)) == (1, [(f"vote/index.html: {name}", Outcome.PIN)])


def test_a_pin_filled_twice_is_another_page() -> None:
    twice = fill(INDEX, world().manifest_hash.hex()) + b'<meta name="dobush-manifest" content="">'
    assert odd(look(served(**{"vote/": twice}))) == [
        ("vote/index.html", Outcome.DIFFERS),
        ("vote/index.html: dobush-manifest", Outcome.PIN),
    ]


def test_pins_may_name_the_manifests_own_origins() -> None:
    first = fill(INDEX, world().manifest_hash.hex(), f"{ORIGINS[0]}/", f"{ORIGINS[0]}/")
    assert ORIGINS[0] in world().manifest.origins
    assert look(served(**{"vote/": first})).exit_status == 0


def test_another_manifest_hash_from_outside_fails() -> None:
    assert look(served(), given=bytes(32).replace(b"\0", b"\1")).exit_status == 1


def test_a_build_that_is_not_the_boards_fails() -> None:
    build = Listing.of({**BUILT, "vote/main-0a1b2c3d.js": b"other", "vote/more.js": b""})
    found = look(served(), build)
    assert found.exit_status == 1
    assert [(each.name, each.outcome) for each in found.build_findings] == [
        ("vote/main-0a1b2c3d.js", Outcome.DIFFERS),
        ("vote/more.js", Outcome.EXTRA),
    ]


def test_what_was_not_compared_is_never_status_0() -> None:
    get = served().get
    everything = frozenset[str]()
    assert judge(get, declared(), None, None, everything).exit_status == 3
    assert judge(get, None, Listing.of(BUILT), world().manifest_hash, everything).exit_status == 3
    assert judge(get, None, None, None, everything).exit_status == 3
    with pytest.raises(InputError, match="no first page"):
        judge(get, declared(), None, None, frozenset({"console"}))


def test_only_the_pages_asked_for() -> None:
    contents = served(**{"check/": None})
    assert judge(contents.get, declared(), None, world().manifest_hash, frozenset({"vote"})).exit_status == 0


def test_a_record_without_a_client_entry_declares_nothing() -> None:
    assert read_declared(Lookup.open(Memory(files_of(fresh("founded"))).get)) is None


def test_a_client_entry_that_the_record_refuses_does_not_count() -> None:
    made = fresh("frozen")
    body = Client((ClientFile(name="vote/index.html", hash=bytes(32)),))
    before = read_declared(Lookup.open(Memory(files_of(made)).get))
    assert made.refuse(made.sign("client", body, signing_key("officer", 0))).check == "MANIFEST" + "-11"
    assert read_declared(Lookup.open(Memory(files_of(made)).get)) == before


# ------------------------------------------------------------------------------------------------------------- a build


@pytest.fixture
def build(tmp_path: Path) -> Path:
    rows = {name: {"sha256": digest} for name, digest in Listing.of(BUILT).files.items()}
    return write_files(tmp_path / "build", {**BUILT, "manifest.sri.json": json.dumps({"files": rows}).encode()})


def test_the_entrys_list_is_made_from_a_build(build: Path) -> None:
    result = CliRunner().invoke(app, ["client-files", str(build)])
    assert result.exit_code == 0
    rows = json.loads(result.output)["files"]
    assert [row["name"] for row in rows] == sorted(BUILT)
    assert {row["name"]: row["hash"] for row in rows} == dict(Listing.of(BUILT).files)


@pytest.mark.parametrize("fault", ["changed", "gone", "unlisted", "no list", "no json", "strange name"])
def test_a_build_that_is_not_its_list_makes_no_entry(build: Path, fault: str) -> None:
    spoil: dict[str, Callable[[], object]] = {
        "changed": lambda: (build / "vote/main-0a1b2c3d.js").write_bytes(b"x"),
        "gone": (build / "vote/main-0a1b2c3d.js").unlink,
        "unlisted": lambda: (build / "vote/spy.js").write_bytes(b"x"),
        "no list": (build / "manifest.sri.json").unlink,
        "no json": lambda: (build / "manifest.sri.json").write_bytes(b"[" * 100_000),
        "strange name": lambda: (build / "manifest.sri.json").write_bytes(b'{"files": {"../x": {"sha256": "00"}}}'),
    }
    spoil[fault]()
    with pytest.raises(InputError):
        read_build(build)
    assert CliRunner().invoke(app, ["client-files", str(build)]).exit_code == 2


def test_a_list_alone_can_stand_for_a_build(build: Path) -> None:
    assert read_list((build / "manifest.sri.json").read_bytes()) == read_build(build)


def test_a_first_page_is_emptied_to_its_template() -> None:
    assert restore(fill(INDEX, "ab"))[0] == INDEX
    assert restore(INDEX.replace(b"<meta", b"<META"))[1].keys() == set()


def test_findings_know_both_hashes() -> None:
    found = look(served(**{"vote/main-0a1b2c3d.js": b"x"})).findings
    wanted, had = Listing.of(BUILT).files["vote/main-0a1b2c3d.js"], Listing.of({"a": b"x"}).files["a"]
    assert Finding("vote/main-0a1b2c3d.js", Outcome.DIFFERS, wanted, had) in found
