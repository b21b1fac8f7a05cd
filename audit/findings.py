"""What an audit's outcome means: one finding a numbered check, and the election's figures, as the report's one value.

Spec: `docs/operations/audit.md`. Pure. Promises that a check is *passed* only where the whole record was read and the
check covered at least one object; where the record rightly holds no such object it is *not run* and says so.

>>> order("TALLY-2") < order("TALLY-10"), order("MERKLE-1") < order("BALLOT-1")
(True, True)
"""

from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Final

from audit.report import (
    SHOWN_CULPRITS,
    Cell,
    Contest,
    Culprit,
    District,
    Finding,
    Option,
    Report,
    Sighting,
    Software,
    Span,
    Subject,
    Witness,
    Work,
    spans,
    withhold,
)
from audit.verify import Audited, Given
from crypto.election.board import Attendance
from crypto.election.entries import Text3
from crypto.election.record import CHECKS, Record, Refusal
from crypto.merkle import TILE_WIDTH
from locales import dictionary

# The order in which a record is judged (PROTOCOL: what the auditor checks); a family that is not here comes last.
_ORDER: Final = (
    "AUDIT",
    "MERKLE",
    "ENCODING",
    "SIGNATURE",
    "BOARD",
    "MANIFEST",
    "GROUP",
    "THRESHOLD",
    "CEREMONY",
    "CREDENTIAL",
    "BALLOT",
    "PROOF",
    "ELGAMAL",
    "TALLY",
    "RECORD",
)
_FROM_OUTSIDE: Final = frozenset(f"RECORD-{number}" for number in (3, 4))
_NOT_OF_A_RECORD: Final = frozenset({"TRUSTEE", "RECEIPT", "WITNESS"})


def order(check: str) -> tuple[int, str, int]:
    """Return where a check stands in the report."""
    family, _, number = check.rpartition("-")
    return _ORDER.index(family) if family in _ORDER else len(_ORDER), family, int(number)


def checks_of_a_record() -> list[str]:
    """Return the ids of all numbered checks that an audit answers for, in their order.

    They are the ones with a claim in the dictionary, which a test compares with the specification; checks of other
    programs are left out.
    """
    ids = (key.removeprefix("check.") for key in dictionary("en").texts if key.startswith("check."))
    numbered = (check for check in ids if check.rpartition("-")[2].isdigit())
    return sorted((check for check in numbered if check.rpartition("-")[0] not in _NOT_OF_A_RECORD), key=order)


def conclude(
    audited: Audited,
    given: Given,
    *,
    command: str,
    name: str,
    checked_at: str,
    software: Software,
    work: Work,
) -> Report:
    """Return the report of an audit; `command` repeats it, `name` is what the caller calls the record."""
    record, checkpoint = audited.record, audited.checkpoint
    known = record is not None and record.manifest is not None
    return Report(
        command=command,
        record=name,
        checked_at=checked_at,
        software=software,
        subject=_subject(record) if record is not None and known else None,
        size=checkpoint.size if checkpoint else 0,
        root_hash=checkpoint.root.hex() if checkpoint else "",
        findings=_findings(audited, given),
        numbers=_numbers(record, audited) if record is not None and known else {},
        contests=_contests(record) if record is not None and known else (),
        districts=_districts(record, given) if record is not None and known else (),
        turnout=_spans(record, record.board.ballots_by_block) if record is not None and known else (),
        revotes=_spans(record, record.board.revotes_by_block) if record is not None and known else (),
        witnesses=_witnesses(record) if record is not None and known else (),
        sightings=_sightings(record) if record is not None and known else (),
        remarks=_remarks(record) if record is not None and known else (),
        undrilled=_undrilled(record) if record is not None and known else (),
        work=work,
    )


# ------------------------------------------------------------------------------------------------------------- findings


def _findings(audited: Audited, given: Given) -> tuple[Finding, ...]:
    """Return one finding a check, in the report's order."""
    failed: dict[str, list[Culprit]] = {}
    counts: Counter[str] = Counter()
    skipped: frozenset[str] = frozenset()
    for refusal in audited.files:
        failed.setdefault(refusal.check, []).append(Culprit(None, refusal.reason, refusal.culprit))
        counts[refusal.check] += 1
    if audited.record is not None:
        for place in audited.record.refused.values():
            failed.setdefault(place.refused.check, []).append(_culprit(audited, place))
        end = audited.record.finish(given.slots, given.manifest_hash)
        counts.update(end.counts)
        skipped = frozenset(end.not_run)
        if audited.complete:
            for refusal in end.failed:
                failed.setdefault(refusal.check, []).append(Culprit(None, refusal.reason, refusal.culprit))
    counts.update(_covered_files(audited))
    listed = [check for check in checks_of_a_record() if check in CHECKS or check in counts]
    listed += sorted(check for check in failed if check not in listed)
    return tuple(
        _finding(check, counts[check], failed.get(check, []), skipped, complete=audited.complete) for check in listed
    )


def _finding(check: str, count: int, culprits: list[Culprit], skipped: frozenset[str], *, complete: bool) -> Finding:
    if culprits:
        return Finding(check, "failed", count, tuple(culprits[:SHOWN_CULPRITS]), len(culprits))
    if check in skipped:
        note = "report.note.not_given" if check in _FROM_OUTSIDE else "report.note.not_due"
        return Finding(check, "not run", 0, blocking=True, note=note)
    if not complete:
        return Finding(check, "not run", count, blocking=True, note="report.note.unreached")
    if not count:
        return Finding(check, "not run", 0, note="report.note.no_object")
    return Finding(check, "passed", count)


def _culprit(audited: Audited, place: Refusal) -> Culprit:
    leaf = audited.refused_leaves.get(place.index, b"")
    record = audited.record
    released = record is not None and record.manifest is not None and place.index in _released(record)
    return Culprit(place.index, place.refused.reason, place.refused.culprit, leaf.hex(), released)


def _released(record: Record) -> Container[object]:
    return record.tally.released if record.board.close_index >= 0 else ()


def _covered_files(audited: Audited) -> dict[str, int]:
    """Return what the checks of folder and tree have covered; MERKLE 5 and 6 are about proofs, and here are none."""
    if not audited.complete or audited.checkpoint is None:
        return {}
    size = audited.checkpoint.size
    bundles = -(-size // TILE_WIDTH)
    # Without a manifest there are no keys under which the checkpoint could be judged.
    judged = int(audited.record is not None and audited.record.manifest is not None)
    files = [f"AUDIT-{number}" for number in (1, 2)]
    tree = [f"MERKLE-{number}" for number in (1, 2, 3, 4)]
    return dict(zip([*files, *tree], (audited.paths, judged, audited.paths, audited.paths, bundles, size), strict=True))


# -------------------------------------------------------------------------------------------------------------- figures


def _text(names: Text3) -> dict[str, str]:
    return {"ky": names.ky, "ru": names.ru, "en": names.en}


def _subject(record: Record) -> Subject:
    manifest = record.parts.manifest
    return Subject(
        kind=manifest.kind,
        title=_text(manifest.title),
        short_name=manifest.short_name,
        origin=manifest.origin,
        manifest_hash=record.manifest_hash.hex(),
        suite=manifest.suite,
        trustees=len(manifest.trustees),
        threshold=manifest.threshold,
        minimum_cell=manifest.minimum_cell,
        opens_at_ms=manifest.opens_at_ms,
        closes_at_ms=manifest.closes_at_ms,
        interval_ms=manifest.interval_ms,
    )


def _numbers(record: Record, audited: Audited) -> dict[str, int]:
    refused = record.refused.values()
    ballots = record.accepted["ballot"] + sum(place.type == "ballot" for place in refused)
    figures = record.figures()
    return {
        "ballots": ballots,
        "ballots_checked": ballots if audited.complete else record.accepted["ballot"],
        "ballots_valid": figures.valid,
        "counted": figures.counted,
        "superseded": figures.superseded,
        "struck": figures.struck,
        "spoiled": record.accepted["spoiled"],
        "credentials": record.roll.credentials,
        "slots": len(record.roll.names),
        "blocks": record.board.block + 1,
        "blocks_without_quorum": record.board.quorumless,
        "refused": len(refused),
        "released": sum(place.index in _released(record) for place in refused),
    }


def _contests(record: Record) -> tuple[Contest, ...]:
    """Return the recomputed results; empty before the results of all cells stand in the record."""
    if not record.is_complete():
        return ()
    units, made = record.parts.units, []
    for total in record.tally.totals():
        contest = record.parts.contests[total.contest]
        cells = tuple(
            Cell(
                places=tuple(_text(units[unit].name) for unit in item.cell.units),
                ballots=item.cell.ballots,
                votes=record.tally.results[item.contest, item.number],
                unanimous=item.number in total.unanimous,
                annulled=item.number in total.annulled,
            )
            for item in record.tally.plan.items
            if item.contest == total.contest
        )
        out = {*total.withdrawn, *total.struck}
        options = tuple(
            Option(_text(option.name), votes, withdrawn=number in out)
            for number, (option, votes) in enumerate(zip(contest.options, total.votes, strict=True))
        )
        made.append(Contest(str(contest.id), _text(contest.title), options, total.ballots, total.undisclosed, cells))
    return tuple(made)


def _districts(record: Record, given: Given) -> tuple[District, ...]:
    roll, slots = record.roll, given.slots
    names = sorted({*roll.slots_by_district, *(slots or {})})
    counts, minimum = record.figures().districts, record.parts.manifest.minimum_cell
    voted = withhold({name: each.counted for name, each in counts.items()}, minimum)
    revotes = withhold({name: each.revotes for name, each in counts.items()}, minimum)
    return tuple(
        District(
            id=district,
            name=_text(record.parts.units[district].name) if district in record.parts.units else {"en": str(district)},
            slots=roll.slots_by_district[district],
            given=None if slots is None else slots.get(district, 0),
            credentials=roll.credentials_by_district[district],
            changes=roll.changes_by_district[district],
            strikes=roll.strikes_by_district[district],
            voted=voted.get(district, 0),
            revotes=revotes.get(district, 0),
        )
        for district in names
    )


def _spans(record: Record, by_block: Mapping[int, int]) -> tuple[Span, ...]:
    board = record.board
    found = spans([by_block.get(block, 0) for block in range(board.block + 1)], record.parts.manifest.minimum_cell)
    starts = {block: size for size, block in board.ends.items()}
    # A block's last entry stands before the next one's seal.
    return tuple(replace(span, seen_ms=board.upper_ms(starts.get(span.last_block, record.size) - 1)) for span in found)


def _witnesses(record: Record) -> tuple[Witness, ...]:
    attendance = record.board.attendance
    names = sorted({*record.keyring.witnesses, *attendance})
    kept = {name: attendance.get(name, Attendance()) for name in names}
    return tuple(
        Witness(name, each.heads, round(each.behind_s / each.heads, 2) if each.heads else 0.0, each.most_s)
        for name, each in kept.items()
    )


def _sightings(record: Record) -> tuple[Sighting, ...]:
    board = record.board
    heads = [board.heads[size] for size in board.sizes]
    return tuple(
        Sighting(board.ends[head.size], head.upper_ms, max(head.upper_ms - before.upper_ms, 0))
        for before, head in pairwise(heads)
    )


def _remarks(record: Record) -> tuple[str, ...]:
    unanimous = record.is_complete() and any(total.unanimous for total in record.tally.totals())
    late = record.board.close_index >= 0 and record.board.is_late()
    opened, undrilled = record.ceremony.opening is not None, record.ceremony.undrilled()
    said = (
        ("time_late", late),
        ("server_fault", bool(record.refused)),
        ("unanimous", unanimous),
        ("grace", record.accepted["ballot"] > 0),
        ("drilled", opened and not undrilled),
        ("undrilled", opened and bool(undrilled)),
    )
    return tuple(name for name, holds in said if holds)


def _undrilled(record: Record) -> tuple[str, ...]:
    """Name the trustees who did not show between opening and close that they still held their share."""
    return tuple(record.parts.manifest.trustees[place - 1].name for place in record.ceremony.undrilled())
