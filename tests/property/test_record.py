"""Any story of votes, re-votes, spoiled ballots, changes and strikes ends in the totals of a plain count.

And any change of an entry shows.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.election.entries import Change, Strike
from crypto.election.record import Record
from demo.voters import make_passkey
from tests.simulator import Voter, World, fresh, secret, world_at
from tests.strategies import broken

ACTIONS = ("vote", "vote", "vote", "spoil", "strike", "change")


def act(world: World, action: str, voter: Voter, choice: int) -> bytes | None:
    """Return the entry of one action that the record must accept, None where there is none."""
    roll = world.record.roll
    if action == "vote":
        second = (choice % 4, (choice + 1) % 4)[: choice % 3]
        return world.vote(voter, ((choice % 3,), second)[: 2 if voter.style == 1 else 1])
    if action == "spoil":
        return world.spoil(*world.seal_ballot(voter, seed=secret("spoiled", voter.pseudonym.hex(), world.clock_ms)))
    if action == "strike" and not roll.is_struck(roll.slot(voter.pseudonym)):
        return world.by_registrars("strike", Strike(voter.pseudonym, "voted on paper"))
    if action == "change" and not voter.number:
        # Too late to take effect before anybody votes again: the old key goes on.
        key = make_passkey(secret("changed", voter.pseudonym.hex(), world.clock_ms)).cose_key
        return world.by_registrars("change", Change(voter.pseudonym, key, "software", "lost"))
    return None


def plain_count(world: World, contest: int, units: set[int]) -> list[int]:
    """Count the last choices of the voters of some units who were not struck."""
    votes = [0] * world.record.parts.rules[contest].options
    for voter in world.registered():
        contests = (1, 2) if voter.style == 1 else (1,)
        slot = world.record.roll.slot(voter.pseudonym)
        if contest in contests and voter.unit in units and voter.number and not world.record.roll.is_struck(slot):
            for option in voter.choices[contests.index(contest)]:
                votes[option] += 1
    return votes


@settings(max_examples=12)
@given(
    st.lists(
        st.lists(
            st.tuples(st.integers(0, 19), st.sampled_from(ACTIONS), st.integers(0, 11)),
            max_size=12,
            unique_by=lambda action: action[0],
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_story_gives_the_plain_count(story: list[list[tuple[int, str, int]]]) -> None:
    world = fresh("open")
    voters = world.registered()
    for block in story:
        entries = [act(world, action, voters[at], choice) for at, action, choice in block]
        world.accept([], [raw for raw in entries if raw is not None])
    world.accept()
    figures = world.record.figures()
    assert figures.valid == sum(voter.number for voter in voters)
    assert figures.valid == figures.counted + figures.superseded + figures.struck
    world.close()
    world.dispute()
    world.count()
    tally = world.record.tally
    opened: dict[int, set[int]] = {1: set(), 2: set()}
    for item in tally.plan.items:
        opened[item.contest] |= set(item.cell.units)
        assert item.cell.ballots >= world.manifest.minimum_cell
    for total in tally.totals():
        assert list(total.votes) == plain_count(world, total.contest, opened[total.contest])


@settings(max_examples=40)
@given(st.data())
def test_any_changed_entry_is_refused_or_breaks_the_next_seal(data: st.DataObject) -> None:
    entries = list(world_at("complete").entries)
    at = data.draw(st.integers(0, len(entries) - 3))
    _, entries[at] = data.draw(broken(entries[at]))
    if entries[at] == world_at("complete").entries[at]:
        return
    record = Record(entries.__getitem__)
    record.extend(entries)
    assert record.refused
    assert min(record.refused) >= at
    assert record.size == len(entries)
