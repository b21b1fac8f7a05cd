"""What else the tally refuses: shares too early; decisions, disputes and releases out of place; counts that lie."""

from dataclasses import replace

import pytest

from crypto.election import tally
from crypto.election.entries import Close, Decision, Dispute, Release, ReleaseItem, Result, Seal, Share
from crypto.election.tally import DistrictCounts, hash_receipt, make_share, verify_counts
from crypto.errors import MalformedEncoding, Misuse, Refused
from tests.attacks.checks import TALLY_1, TALLY_3, TALLY_7, TALLY_8
from tests.simulator import fresh
from tests.trustees import HERE, Polls

DOCUMENT = bytes(32)


@pytest.mark.parametrize("ballots", [11, 13, 0])
def test_a_close_with_another_count_is_refused(ballots: int) -> None:
    polls = Polls()
    polls.cast_everywhere()
    refuse_close(polls, ballots)


def test_a_second_close_is_refused() -> None:
    polls = Polls()
    polls.cast_everywhere()
    polls.close()
    refuse_close(polls, 12)


def refuse_close(polls: Polls, ballots: int) -> None:
    with pytest.raises(Refused) as refusal:
        polls.tally.stage_close(Close(ballots=ballots), HERE)
    assert (refusal.value.check, refusal.value.culprit) == (TALLY_1, "officers")


@pytest.mark.parametrize("kind", ["aggregate", "share", "result", "decision", "release"])
def test_without_a_close_there_is_no_tally(kind: str) -> None:
    polls, later = Polls(), Polls()
    later.cast_everywhere()
    later.close()
    bodies = {
        "aggregate": later.aggregates()[0],
        "share": later.shares(1)[0],
        "result": Result(contest=1, cell=0, votes=(1, 1, 1)),
        "decision": Decision(action="annulled", contest=1, target=0, document_hash=DOCUMENT),
        "release": Release(items=(ReleaseItem(target=3, effect="not counted"),)),
    }
    with pytest.raises(Misuse):
        getattr(polls.tally, f"stage_{kind}")(bodies[kind], HERE)


def misplace_share(polls: Polls, case: str) -> Share:
    """Bring the tally to a point where this share must not stand."""
    if case != "aggregates are missing":
        polls.publish_aggregates()
    (honest,) = polls.shares(2)
    if case == "the dispute period":
        polls.board.over = False
    if case == "sent before":
        polls.send_share(2)
    changes: dict[str, dict[str, object]] = {
        "another root": {"closed_root": bytes(32)},
        "no such trustee": {"trustee": 4},
        "a second part": {"part": 1},
        "too many parts": {"parts": 2},
        "a value missing": {"values": honest.values[:-32]},
        "a value more": {"values": honest.values + honest.values[:32]},
    }
    return replace(honest, **changes.get(case, {}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "case",
    [
        "aggregates are missing",
        "the dispute period",
        "sent before",
        "another root",
        "no such trustee",
        "a second part",
        "too many parts",
        "a value missing",
        "a value more",
        "unreleased",
    ],
)
def test_a_share_out_of_place_is_refused(case: str) -> None:
    polls = Polls()
    polls.cast_everywhere()
    polls.close([17] if case == "unreleased" else [])
    body = misplace_share(polls, case)
    with pytest.raises(Refused) as refusal:
        polls.tally.stage_share(body, HERE)
    assert (refusal.value.check, refusal.value.culprit) == (TALLY_3, f"trustee {body.trustee}")


@pytest.mark.parametrize(
    ("action", "contest", "target"),
    [("annulled", 1, 4), ("withdrawn", 1, 3), ("struck", 2, 3), ("annulled", 9, 0), ("withdrawn", 9, 0)],
)
def test_a_decision_about_nothing_is_refused(action: str, contest: int, target: int) -> None:
    polls = finish()
    refuse_decision(polls, action, contest, target)


def finish() -> Polls:
    polls = Polls()
    polls.cast_everywhere()
    polls.close()
    polls.publish_aggregates()
    polls.send_share(1)
    polls.send_share(2)
    polls.publish_results()
    return polls


def test_a_decision_before_the_results_is_refused() -> None:
    polls = Polls()
    polls.cast_everywhere()
    polls.close()
    refuse_decision(polls, "annulled", 1, 0)


def test_a_decision_is_said_once() -> None:
    polls = finish()
    body = Decision(action="annulled", contest=1, target=0, document_hash=DOCUMENT)
    polls.apply(polls.tally.stage_decision(body, HERE))
    refuse_decision(polls, "annulled", 1, 0)


def refuse_decision(polls: Polls, action: str, contest: int, target: int) -> None:
    body = Decision(action=action, contest=contest, target=target, document_hash=DOCUMENT)  # type: ignore[arg-type]
    with pytest.raises(Refused) as refusal:
        polls.tally.stage_decision(body, HERE)
    assert (refusal.value.check, refusal.value.culprit) == ("TALLY-6", "officers")


@pytest.mark.parametrize("case", ["not this election's", "said before"])
def test_a_dispute_without_a_case_is_refused(case: str) -> None:
    polls = Polls()
    body = Dispute(receipt=b"receipt")

    def refuse(_: bytes) -> None:
        raise Refused("", "the ballot is in the log")

    if case == "said before":
        polls.apply(polls.tally.stage_dispute(body, HERE))
    else:
        polls.board.dispute = refuse
    with pytest.raises(Refused) as refusal:
        polls.tally.stage_dispute(body, HERE)
    assert (refusal.value.check, refusal.value.culprit) == (TALLY_7, "server")
    assert len(polls.tally.disputes) == (1 if case == "said before" else 0)


def test_a_receipt_that_cannot_be_read_keeps_its_own_refusal() -> None:
    polls = Polls()

    def refuse(_: bytes) -> None:
        raise MalformedEncoding("", "no receipt")

    polls.board.dispute = refuse
    with pytest.raises(MalformedEncoding):
        polls.tally.stage_dispute(Dispute(receipt=b"receipt"), HERE)


@pytest.mark.parametrize("targets", [(4,), (17, 4), (17, 17), ("late",), (bytes(32),)])
def test_a_release_of_nothing_unresolved_is_refused(targets: tuple[int | bytes | str, ...]) -> None:
    polls = Polls()
    polls.cast_everywhere()
    polls.close([17])
    refuse_release(polls, targets)


def test_a_release_is_said_once_and_before_the_first_share() -> None:
    polls = Polls()
    polls.cast_everywhere()
    polls.apply(polls.tally.stage_dispute(Dispute(receipt=b"one"), HERE))
    polls.close([17], late=True)
    polls.apply(polls.tally.stage_dispute(Dispute(receipt=b"two"), HERE))
    one, two = (hash_receipt(receipt, "demo") for receipt in (b"one", b"two"))
    assert polls.tally.unresolved() == (17, one, "late", two)
    items = tuple(ReleaseItem(target=target, effect="not counted") for target in (17, one, "late"))
    polls.apply(polls.tally.stage_release(Release(items=items), HERE))
    refuse_release(polls, (17,))
    polls.apply(polls.tally.stage_release(Release(items=(ReleaseItem(target=two, effect="counted by hand"),)), HERE))
    assert polls.tally.unresolved() == ()
    polls.publish_aggregates()
    polls.send_share(1)
    polls.apply(polls.tally.stage_dispute(Dispute(receipt=b"three"), HERE))
    refuse_release(polls, (hash_receipt(b"three", "demo"),))


def test_failures_of_log_ceremony_or_roll_are_not_released() -> None:
    world = fresh("voted")
    seal = world.by_log("seal", Seal(77, world.writer.checkpoint, (), ()))
    assert world.block([seal])
    world.close()
    world.dispute()
    world.accept(world.aggregates())
    (index,) = world.record.tally.unresolved()
    release = Release(items=(ReleaseItem(target=index, effect="let it pass"),))
    assert world.refuse(world.by_officers("release", release)).check == TALLY_8
    assert world.refuse(*world.share(1)).check == TALLY_3


def test_a_release_after_the_date_of_the_manifest_is_refused() -> None:
    polls = Polls()
    polls.cast_everywhere()
    polls.close([17])
    polls.board.lower = 30_001
    refuse_release(polls, (17,))


def refuse_release(polls: Polls, targets: tuple[int | bytes | str, ...]) -> None:
    items = tuple(ReleaseItem(target=target, effect="not counted") for target in targets)
    with pytest.raises(Refused) as refusal:
        polls.tally.stage_release(Release(items=items), HERE)
    assert (refusal.value.check, refusal.value.culprit) == (TALLY_8, "officers")


@pytest.mark.parametrize(
    ("first", "second"),
    [((1, 1, 0), (0, 0, 0)), ((0, 0, 0), (0, 0, 0)), ((1, 0, 0), (1, 1, 1))],
    ids=["two votes of one", "no vote of one", "three votes of two"],
)
def test_votes_that_no_valid_ballots_hold_are_refused(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    polls = Polls(minimum=1)
    polls.cast(21, first, second)
    polls.close()
    polls.publish_aggregates()
    polls.send_share(1)
    polls.send_share(2)
    with pytest.raises(Refused) as refusal:
        polls.publish_results()
    assert (refusal.value.check, refusal.value.culprit) == ("TALLY-9", "server")


@pytest.mark.parametrize(
    "counts",
    [
        {"valid": 11},
        {"counted": 9},
        {"superseded": 0},
        {"struck": 2},
        {"districts": {5: DistrictCounts(slots=20, credentials=21, counted=10)}},
        {"districts": {5: DistrictCounts(slots=20, credentials=9, counted=10)}},
        {"districts": {5: DistrictCounts(slots=20, credentials=15, counted=9)}},
        {"districts": {}},
    ],
    ids=str,
)
def test_counts_that_do_not_add_up_are_refused(counts: dict[str, object]) -> None:
    honest: dict[str, object] = {
        "valid": 12,
        "counted": 10,
        "superseded": 1,
        "struck": 1,
        "districts": {5: DistrictCounts(slots=20, credentials=15, counted=10)},
    }
    verify_counts(**honest)  # type: ignore[arg-type]
    with pytest.raises(Refused) as refusal:
        verify_counts(**{**honest, **counts})  # type: ignore[arg-type]
    assert refusal.value.check == "TALLY-10"


def test_the_parts_of_a_share_come_in_their_order_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    world = fresh("closed")
    world.dispute()
    world.accept(world.aggregates())
    monkeypatch.setattr(tally, "POINTS_A_PART", 3)
    root = world.record.tally.closed_root or b""
    parts = make_share(world.record.tally.election, world.record.tally.plan, root, 1, world.shares[1])
    assert len(parts) > 2
    first, second, *_, last = parts

    def refused(part: Share) -> bool:
        with pytest.raises(Refused) as refusal:
            world.record.admit(world.by_trustee("share", part))
        return refusal.value.check == TALLY_3

    assert refused(second)
    assert refused(last)
    world.accept([world.by_trustee("share", first)])
    others = make_share(world.record.tally.election, world.record.tally.plan, root, 1, world.shares[1])
    assert refused(last)
    assert refused(replace(second, part=0))
    assert refused(replace(second, parts=len(parts) + 1))
    assert refused(replace(second, proof=bytes(96)))
    assert refused(replace(second, values=others[1].values[:-32]))
    world.accept([world.by_trustee("share", part) for part in parts[1:]])
    assert 1 in world.record.tally._after_close().valid
    assert refused(replace(first, proof=bytes(96)))
