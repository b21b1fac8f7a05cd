"""What a trustee is told, as values: the election, her next act, the checklist, what is wrong, why something must wait.

Spec: `docs/operations/trustee.md`. Pure; the command line (`screen`) and the screens (`screens`) show the same values,
so that they cannot say different things. No rule is decided here. Texts come from `locales`, keys `trustee.*`.

>>> from locales import dictionary
>>> say_target(dictionary("en"), "late")
'the late last block'
>>> say_time(1_768_050_000_000)
'2026-01-10 13:00 UTC'
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from crypto.election.ceremony import ANSWER_ROUND, ROUNDS, Task
from crypto.election.entries import CeremonyComplaint, parse_entry
from crypto.errors import Refused
from locales import Dictionary
from trustee_tools.ceremony import View, write_fingerprint

State = Literal["done", "now", "you", "later", "alarm"]


@dataclass(frozen=True, slots=True)
class Notice:
    """A title and what stands under it."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the checklist: who does what, whether it is done, and who saw it."""

    who: str
    what: str
    state: State
    detail: str
    witnessed: str


def say_time(ms: int) -> str:
    """Write an instant in UTC, to the minute."""
    return f"{datetime.fromtimestamp(ms / 1_000, UTC):%Y-%m-%d %H:%M} UTC"


def name_of(view: View, place: int) -> str:
    """Return a trustee's name by her place from 1."""
    return view.manifest.trustees[place - 1].name


def names_of(view: View, places: Iterable[int], say: Dictionary) -> str:
    """Return several trustees' names, or that there is nobody."""
    return ", ".join(name_of(view, place) for place in places) or say("trustee.nobody")


def say_title(view: View, say: Dictionary) -> str:
    """Return the election's title in the reader's language, as far as it has one."""
    title = view.manifest.title
    return say.pick({"ky": title.ky, "ru": title.ru, "en": title.en})[0]


def say_election(view: View, name: str, place: int, say: Dictionary) -> Notice:
    """Say kind, title, fingerprint and whose program this is: first, lest one work on the wrong one."""
    lines = [
        f"{say_title(view, say)} ({view.manifest.short_name})",
        say("trustee.election.fingerprint"),
        write_fingerprint(view.manifest_hash),
        say("trustee.election.you", name=name, place=place, count=len(view.keys)),
    ]
    if view.watched:
        lines.append(say("trustee.watched", names=", ".join(view.watched)))
    return Notice(say(f"trustee.kind.{view.manifest.kind}"), tuple(lines))


def say_task(view: View, task: Task, say: Dictionary, *, again: bool = False) -> Notice:
    """Say what comes next and why, or whom the ceremony waits for; `again`: it was done, but the record lacks it."""
    lines = [say(f"trustee.act.{task.act}.explain", number=task.number)]
    if task.missing and task.act == "wait":
        lines.append(say("trustee.wait.for", names=names_of(view, task.missing, say)))
    if again and task.act not in {"wait", "dealing"}:
        lines.append(say("trustee.again"))
    return Notice(say(f"trustee.act.{task.act}.title", number=task.number), tuple(lines))


def say_decryption(view: View, say: Dictionary) -> Notice:
    """Say what is about to be decrypted, and what officers released before it."""
    tally, title = view.tally, say("trustee.act.decrypt.title", number=0)
    if tally is None or tally.closed_root is None:
        return Notice(title, ())
    cells = len(tally.plan.items)
    lines = [
        say("trustee.decrypt.plan", cells=say.number(cells), ballots=say.number(tally.accepted)),
        say("trustee.decrypt.root", root=write_fingerprint(tally.closed_root)),
    ]
    lines += [
        say("trustee.decrypt.released", target=say_target(say, target), effect=effect)
        for target, effect in tally.released.items()
    ]
    return Notice(title, tuple(lines))


def list_complaints(view: View, entries: Iterable[bytes], say: Dictionary) -> list[str]:
    """Say whom own entries complain about: a person should not learn it from a count of files."""
    parsed = [entry for entry in map(parse_entry, entries) if entry.type == "ceremony-complaint"]
    dealers = [CeremonyComplaint.parse(entry.body).against for entry in parsed]
    return [say("trustee.complained", name=name_of(view, dealer)) for dealer in dealers]


def say_target(say: Dictionary, target: int | bytes | str) -> str:
    """Return in words what a release settles."""
    if isinstance(target, bytes):
        return say("trustee.target.receipt", hash=write_fingerprint(target))
    return say("trustee.target.late") if isinstance(target, str) else say("trustee.target.entry", index=target)


def say_refusal(refusal: Refused, say: Dictionary) -> Notice:
    """Say what was refused, by which check, and what the check is for."""
    meaning = f"check.{refusal.check}"
    lines = [f"{refusal.check}: {refusal.reason}" + (f" ({refusal.culprit})" if refusal.culprit else "")]
    if meaning in say:
        lines.append(say(meaning))
    lines.append(say("trustee.refused.what_now"))
    return Notice(say("trustee.refused.title"), tuple(lines))


# ------------------------------------------------------------------------------------------------------------ checklist


def list_steps(view: View, own: int, say: Dictionary) -> list[Row]:
    """Return the checklist of the whole election as trustees see it, from the first key to the decryption."""
    ceremony, tally = view.ceremony, view.tally
    everyone = say("trustee.list.trustees", count=len(view.keys))
    officers = say("trustee.list.officers")
    opened, closed = ceremony.opening is not None, tally is not None
    rows = [_round_row(view, number, own, everyone, say) for number in range(1, len(ROUNDS) + 1)]
    certified = ceremony.certificate is not None
    first = say("trustee.list.first-drill")
    rows += list(_drill_rows(view, own, everyone, say, first=first))
    ready = certified and any(len(passed) == len(view.keys) for passed in ceremony.passed.values())
    rows.append(Row(officers, say("trustee.list.opening"), _state(opened, now=ready), "", ""))
    undrilled = ceremony.undrilled() if opened else ()
    if not opened or undrilled:
        state: State = "alarm" if undrilled else "later"
        detail = say("trustee.wait.for", names=names_of(view, undrilled, say)) if undrilled else ""
        rows.append(Row(everyone, say("trustee.list.closing-drill"), state, detail, ""))
    rows.append(Row(officers, say("trustee.list.close"), _state(closed, now=opened), "", ""))
    unresolved = tally.unresolved() if tally is not None else ()
    settled = tally is not None and tally.is_summed() and view.dispute_over and not unresolved
    detail = ", ".join(say_target(say, target) for target in unresolved)
    rows.append(Row(officers, say("trustee.list.release"), _state(settled, now=closed), detail, ""))
    some = say("trustee.list.some-trustees", count=len(view.keys), threshold=view.manifest.threshold)
    shared = tally.shared() if tally is not None else frozenset[int]()
    enough = len(shared) >= view.manifest.threshold
    turn: State = "done" if enough else "you" if settled and own not in shared else _state(enough, now=settled)
    given = names_of(view, sorted(shared), say) if shared else ""
    rows.append(Row(some, say("trustee.list.decrypt"), turn, given, ""))
    return rows


def _state(done: object, *, now: object) -> State:
    return "done" if done else "now" if now else "later"


def _round_row(view: View, number: int, own: int, who: str, say: Dictionary) -> Row:
    ceremony = view.ceremony
    act, missing, open_round = ROUNDS[number - 1], ceremony.missing(number), ceremony.open_round()
    what = say(f"trustee.table.{act}") + (f" ({ceremony.run})" if ceremony.run > 1 else "")
    disputed = number == ANSWER_ROUND and bool(ceremony.judgements())
    if disputed:
        state: State = "alarm"
    elif not missing:
        state = "done"
    elif number != open_round:
        state = "later"
    else:
        state = "you" if own in missing else "now"
    waits = missing and number == open_round and not disputed
    detail = say("trustee.wait.for", names=names_of(view, missing, say)) if waits else ""
    if waits:
        deadlines = view.manifest.round_deadlines_ms
        # The certificate has no deadline of its own: it shares the last one.
        detail += "\n" + say("trustee.list.until", time=say_time(deadlines[min(number, len(deadlines)) - 1]))
    return Row(who, what, state, detail, _witnesses(view, act, ceremony.run, missing, say))


def _drill_rows(view: View, own: int, who: str, say: Dictionary, *, first: str) -> Iterator[Row]:
    ceremony = view.ceremony
    if not ceremony.passed:
        state: State = "now" if ceremony.certificate is not None else "later"
        yield Row(say("trustee.list.officers") if state == "now" else who, first, state, "", "")
    for number, passed in sorted(ceremony.passed.items()):
        missing = tuple(sorted(set(ceremony.everyone) - passed))
        state = "done" if not missing else "later" if view.tally is not None else "you" if own in missing else "now"
        detail = say("trustee.wait.for", names=names_of(view, missing, say)) if missing else ""
        seen = _witnesses(view, "drill", number, missing, say)
        yield Row(who, say("trustee.table.drill", number=number), state, detail, seen)


def _witnesses(view: View, act: str, number: int, missing: tuple[int, ...], say: Dictionary) -> str:
    """Say by when a quorum had seen the last message of a step that is complete."""
    if missing or not view.seen_ms:
        return ""
    times = [view.seen_ms.get((act, number, place)) for place in view.ceremony.everyone]
    seen = [time for time in times if time is not None]
    return say("trustee.seen", time=say_time(max(seen))) if len(seen) == len(times) else say("trustee.unseen")


# --------------------------------------------------------------------------------------------------- what is in the way


def list_alarms(view: View, now_ms: int, say: Dictionary) -> list[str]:
    """Return what is wrong or needs people: forks, complaints as judged, ended runs, refusals, drills, disputes."""
    ceremony, tally = view.ceremony, view.tally
    alarms = [say("trustee.alarm.fork", folder=folder) for folder in view.forks]
    for ended in ceremony.ended:
        missing, liars = (names_of(view, places, say) for places in (ended.round.missing, ended.round.disqualified))
        alarms.append(say("trustee.alarm.ended", run=ended.round.run, missing=missing, disqualified=liars))
    for judged in ceremony.judgements():
        by, against, liar = (name_of(view, place) for place in (judged.trustee, judged.against, judged.liar))
        alarms.append(say("trustee.alarm.judged", by=by, against=against, liar=liar))
    alarms += [say("trustee.alarm.refused", reason=refused) for refused in view.refused]
    if ceremony.opening is not None and ceremony.undrilled():
        key = "trustee.alarm.undrilled" if tally is None else "trustee.alarm.missed"
        alarms.append(say(key, names=names_of(view, ceremony.undrilled(), say)))
    if tally is not None:
        unresolved = tally.unresolved()
        alarms += [say("trustee.alarm.unresolved", target=say_target(say, target)) for target in unresolved]
        alarms += [
            say("trustee.alarm.released", target=say_target(say, target), effect=effect)
            for target, effect in tally.released.items()
        ]
        if unresolved and now_ms > view.manifest.release_by_ms:
            alarms.append(say("trustee.alarm.late", time=say_time(view.manifest.release_by_ms)))
    return alarms


def list_obstacles(view: View, now_ms: int, say: Dictionary) -> list[str]:
    """Say why nothing can be decrypted yet: a forbidden act is shown with its reason, not hidden."""
    manifest, tally = view.manifest, view.tally
    reasons = {
        "closed": tally is None or not view.close_covered,
        "dispute": not view.dispute_over,
        "clock": now_ms < manifest.closes_at_ms + manifest.grace_ms,
        "release": tally is not None and bool(tally.unresolved()),
        "sums": tally is not None and not tally.is_summed(),
    }
    return [say(f"trustee.obstacle.{name}") for name, holds in reasons.items() if holds]
