/**
 * From a log's entries to figures: who may vote, who voted, what the cells came to, and what of it this page checked. Pure.
 *
 * A small log is read whole. Of a large one (a country's) the page fetches what results and turnout rest on: the freeze, the close
 * and everything after it. Each of these entries is compared with the signed root; the single ballots are not fetched.
 *
 * It follows the order of ballots, credentials and strikes, but no proof and no passkey: what it did not check it says (`open`
 * checks), and `dobush-audit` checks it. A contradiction between figures is thrown, so that nothing is shown beside it.
 */

import { equal, toHex } from "../core/bytes.js";
import { hashBallot, parseBallot } from "../core/ballot.js";
import { type Aggregate, type Decision, type EntryType, parseBody, parseEntry } from "../core/entries.js";
import { Refused } from "../core/errors.js";
import { Keyring } from "../core/manifest.js";
import { parseRule } from "../core/rules.js";
import { BUNDLE, type Log, typeOf } from "../public/log.js";

/** Figures that cannot all be true; `key` names the text, `fields` what stands in it. */
export class Contradiction extends Error {
  constructor(
    readonly key: string,
    readonly fields: Readonly<Record<string, string | number>>,
  ) {
    super(key);
  }
}

export interface Block {
  readonly number: number;
  readonly start: number;
  size: number;
  ballots: number;
  voters: number;
}

export interface District {
  readonly unit: number;
  slots: number;
  /** Null where the page did not read every credential. */
  credentials: number | null;
  counted: number;
}

export interface Cell {
  readonly number: number;
  readonly units: readonly number[];
  readonly ballots: number;
  /** Null until two officers' result stands. */
  readonly votes: readonly number[] | null;
  readonly annulled: boolean;
}

export interface ContestFigures {
  readonly id: number;
  readonly cells: readonly Cell[];
  /** Votes per option over the cells that are open and not annulled, and the ballots that they come from. */
  readonly votes: readonly number[];
  readonly base: number;
  /** Ballots counted in units that no cell holds: too few to be opened. Null where the page did not count. */
  readonly withheld: number | null;
  readonly out: readonly number[];
}

export type Outcome = "passed" | "failed" | "open";
export interface Check {
  readonly key: string;
  readonly outcome: Outcome;
  readonly count: number;
}

export interface Figures {
  /** Whether all entries were read, or only what results and turnout rest on. */
  readonly whole: boolean;
  /** How many entries were read. */
  readonly read: number;
  /** What the turnout by district rests on: every ballot, the numbers of the opened sums, or nothing yet. */
  readonly turnout: "ballots" | "sums" | "none";
  /** Counted ballots of sums that join several districts; only where the turnout rests on sums. */
  readonly across: number;
  /** Where the voting began and ended in the log, as far as known. */
  readonly opening: number;
  readonly close: number | null;
  readonly blocks: readonly Block[];
  readonly districts: readonly District[];
  readonly contests: readonly ContestFigures[];
  readonly phase: "setup" | "open" | "closed" | "complete";
  readonly ballots: number;
  readonly counted: number;
  readonly superseded: number;
  readonly struck: number;
  readonly refused: number;
  readonly checks: readonly Check[];
}

const TAIL_BUNDLES = 64;
/** After the close of a country's election stand its sums, shares and results: so many bundles are read. */
const MOST_AFTER_CLOSE = 400;

interface Slot {
  readonly unit: number;
  readonly style: number;
  credential: boolean;
  struck: boolean;
  number: number;
  last: Uint8Array;
}

const SIGNED: readonly EntryType[] = ["roll", "freeze", "close", "aggregate", "result", "decision", "client", "opening", "rotate"];

/** Count a log. `tell` hears how many entries are read. */
export async function count(log: Log, tell?: (done: number) => void): Promise<Figures> {
  const counter = new Counter(log, log.isSmall);
  const from = log.isSmall ? 0 : await readBefore(log, counter);
  if (log.size - from > MOST_AFTER_CLOSE * BUNDLE) throw new Refused("MERKLE-2", "more entries after the close than this page reads");
  for (let at = from; at < log.size; at = (Math.floor(at / BUNDLE) + 1) * BUNDLE) {
    const raws = await log.range(at, Math.min(log.size, (Math.floor(at / BUNDLE) + 1) * BUNDLE));
    for (const [place, raw] of raws.entries()) counter.add(at + place, raw);
    tell?.(at - from + raws.length);
    // The page stays alive while signatures are verified.
    if (!log.isSmall) await new Promise((resolve) => setTimeout(resolve));
  }
  return counter.figures();
}

/** Read of a large log what stands before the close and is needed; return where the rest begins. */
async function readBefore(log: Log, counter: Counter): Promise<number> {
  const places = await log.places();
  const wanted = [...(places?.rotations ?? []), places?.opening, places?.freeze].filter((index) => index !== undefined);
  const close = places === undefined ? await log.findLast((raw) => typeOf(raw) === "close", TAIL_BUNDLES) : places.close;
  if (close !== undefined && typeOf(await log.single(close)) !== "close") {
    throw new Refused("BOARD-5", "the server names another entry as the close", "server");
  }
  const until = close ?? log.size;
  for (const index of [...new Set(wanted)].filter((each) => each < until).sort((left, right) => left - right)) {
    counter.add(index, await log.single(index));
  }
  return until;
}

class Counter {
  private readonly slots = new Map<string, Slot>();
  private readonly districts = new Map<number, District>();
  private readonly blocks: Block[] = [];
  private readonly aggregates = new Map<string, Aggregate>();
  private readonly results = new Map<string, readonly number[]>();
  private readonly decisions: Decision[] = [];
  private ballots = 0;
  private refused = 0;
  private signed = 0;
  private badSignatures = 0;
  private closeCount = -1;
  private close: number | null = null;
  private opening = -1;
  private read = 0;
  private frozen = false;
  /** The keys as rotations have left them so far, since an entry is signed under the keys of its moment. */
  private readonly keyring: Keyring;

  constructor(
    private readonly log: Log,
    private readonly whole: boolean,
  ) {
    this.keyring = new Keyring(log.manifest, log.manifestHash);
  }

  add(index: number, raw: Uint8Array): void {
    const type = typeOf(raw);
    this.read += 1;
    if (this.whole && (type === "manifest" || type === "seal")) {
      const last = this.blocks.at(-1);
      this.blocks.push({ number: last === undefined ? 0 : last.number + 1, start: index, size: 0, ballots: 0, voters: 0 });
    }
    const block = this.blocks.at(-1);
    if (block !== undefined) block.size += 1;
    try {
      this.take(index, raw, type as EntryType, block);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.refused += 1;
    }
  }

  private take(index: number, raw: Uint8Array, type: EntryType, block: Block | undefined): void {
    if (type === "ballot") this.addBallot(raw, block);
    else if (type === "credential") this.slotOf(parseBody(parseEntry(raw), "credential").pseudonym).credential = true;
    else if (type === "strike") this.slotOf(parseBody(parseEntry(raw), "strike").pseudonym).struck = true;
    else if (SIGNED.includes(type)) this.addSigned(index, raw, type);
  }

  private addSigned(index: number, raw: Uint8Array, type: EntryType): void {
    const entry = parseEntry(raw);
    const body = parseBody(entry, type);
    this.signed += 1;
    try {
      this.keyring.verifyAuthors<EntryType>(entry, body);
    } catch (error) {
      this.badSignatures += 1;
      throw error;
    }
    if (type === "rotate") this.keyring.rotate(parseBody(entry, "rotate"));
    else if (type === "opening") this.opening = this.opening < 0 ? index : this.opening;
    else if (type === "roll") this.addRoll(raw);
    else if (type === "freeze") {
      this.frozen = true;
      for (const { district, count: slots } of parseBody(entry, "freeze").slots) this.districtOf(district).slots = slots;
    } else if (type === "close" && this.close === null) {
      this.closeCount = parseBody(entry, "close").ballots;
      this.close = index;
    }
    else if (type === "aggregate") {
      const aggregate = parseBody(entry, "aggregate");
      setOnce(this.aggregates, `${aggregate.contest}/${aggregate.cell}`, aggregate, "TALLY-2");
    } else if (type === "result") {
      const result = parseBody(entry, "result");
      setOnce(this.results, `${result.contest}/${result.cell}`, result.votes, "TALLY-5");
    } else if (type === "decision") this.decisions.push(parseBody(entry, "decision"));
  }

  private addRoll(raw: Uint8Array): void {
    for (const { unit, style, pseudonyms } of parseBody(parseEntry(raw), "roll").groups) {
      for (let at = 0; at < pseudonyms.length; at += 16) {
        const slot = { unit, style, credential: false, struck: false, number: 0, last: new Uint8Array(32) };
        this.slots.set(toHex(pseudonyms.slice(at, at + 16)), slot);
      }
    }
  }

  private slotOf(pseudonym: Uint8Array): Slot {
    const slot = this.slots.get(toHex(pseudonym));
    if (slot === undefined) throw new Refused("CREDENTIAL-6", "no such slot on the roll");
    return slot;
  }

  private districtOf(unit: number): District {
    const known = this.districts.get(unit) ?? { unit, slots: 0, credentials: this.whole ? 0 : null, counted: 0 };
    this.districts.set(unit, known);
    return known;
  }

  private addBallot(raw: Uint8Array, block: Block | undefined): void {
    const bytes = parseBody(parseEntry(raw), "ballot").ballot;
    const ballot = parseBallot(bytes);
    const slot = this.slotOf(ballot.pseudonym);
    // A ballot's number MUST be the last one's plus one, and its previous hash the last one's hash.
    if (!slot.credential || ballot.number !== slot.number + 1 || !equal(ballot.previous, slot.last)) {
      throw new Refused("BALLOT-7", "not the next ballot of its slot");
    }
    if (block !== undefined) {
      block.ballots += 1;
      if (slot.number === 0) block.voters += 1;
    }
    slot.number = ballot.number;
    slot.last = hashBallot(this.log.manifest.kind, bytes);
    this.ballots += 1;
  }

  figures(): Figures {
    let superseded = 0;
    let struck = 0;
    let counted = 0;
    for (const slot of this.slots.values()) {
      const district = this.districtOf(this.log.districtOf(slot.unit));
      if (slot.credential) district.credentials = (district.credentials ?? 0) + 1;
      if (slot.number === 0) continue;
      superseded += slot.number - 1;
      if (slot.struck) struck += 1;
      else {
        counted += 1;
        district.counted += 1;
      }
    }
    // Without the list's numbers there is no base to compare with.
    const across = this.whole ? 0 : this.frozen ? this.countFromSums() : null;
    const districts = [...this.districts.values()].sort((left, right) => left.unit - right.unit);
    districts.forEach((each) => this.refuseImpossible(each));
    const contests = [...this.log.contests.keys()].map((id) => this.contest(id));
    const complete = this.aggregates.size > 0 && this.results.size >= this.aggregates.size;
    const phase = complete ? "complete" : this.closeCount >= 0 ? "closed" : this.opening >= 0 || !this.whole ? "open" : "setup";
    return {
      whole: this.whole,
      read: this.read,
      turnout: this.whole ? "ballots" : across === null || this.aggregates.size === 0 ? "none" : "sums",
      across: across ?? 0,
      opening: Math.max(0, this.opening),
      close: this.close,
      blocks: this.blocks,
      districts,
      contests,
      phase,
      ballots: this.ballots,
      counted: this.whole ? counted : districts.reduce((sum, each) => sum + each.counted, across ?? 0),
      superseded,
      struck,
      refused: this.refused,
      checks: this.checks(),
    };
  }

  /**
   * Turnout by district from the numbers of the sums: those of a question that every style has exactly once, so that each counted
   * voter is in it once. Returns what lies in sums over several districts; null where no question is such.
   */
  private countFromSums(): number | null {
    const { styles } = this.log.manifest;
    const questions = new Map<number, Set<number>>();
    for (const { id, question } of this.log.contests.values()) {
      questions.set(question, (questions.get(question) ?? new Set()).add(id));
    }
    const chosen = [...questions.values()].find((ids) => styles.every(({ contests }) => contests.filter((id) => ids.has(id)).length === 1));
    if (chosen === undefined) return null;
    let across = 0;
    let total = 0;
    for (const { contest, units, ballots } of this.aggregates.values()) {
      if (!chosen.has(contest)) continue;
      const districts = new Set(units.map((unit) => this.log.districtOf(unit)));
      total += ballots;
      if (districts.size === 1) this.districtOf([...districts][0]!).counted += ballots;
      else across += ballots;
    }
    if (this.closeCount >= 0 && total > this.closeCount) {
      throw new Contradiction("more-counted-than-closed", { counted: total, closed: this.closeCount });
    }
    return across;
  }

  /** Counted ballots MUST NOT exceed credentials, nor credentials slots, in any district. */
  private refuseImpossible(district: District): void {
    const fields = { ...district, credentials: district.credentials ?? 0 };
    if (district.credentials === null) {
      if (district.counted > district.slots) throw new Contradiction("more-votes-than-slots", fields);
      return;
    }
    if (district.counted > district.credentials) throw new Contradiction("more-votes-than-credentials", fields);
    if (district.slots > 0 && district.credentials > district.slots) {
      throw new Contradiction("more-credentials-than-slots", fields);
    }
  }

  private contest(id: number): ContestFigures {
    const { options, rule } = this.log.contests.get(id)!;
    const least = parseRule(rule);
    const [kmin, kmax] = least.form === "one-of" ? [1, 1] : [least.minimum, least.maximum];
    const annulled = this.decided(id, "annulled");
    const votes = options.map(() => 0);
    const cells: Cell[] = [];
    const held = new Set<number>();
    let base = 0;
    for (const aggregate of this.aggregates.values()) {
      if (aggregate.contest !== id) continue;
      const found = this.results.get(`${id}/${aggregate.cell}`) ?? null;
      for (const unit of aggregate.units) {
        if (held.has(unit)) throw new Contradiction("unit-twice", { contest: id, unit });
        held.add(unit);
      }
      this.refuseWrongCount(aggregate);
      if (found !== null) refuseTooMany(id, aggregate, found, options.length, kmin, kmax);
      const out = annulled.includes(aggregate.cell);
      const { cell, units, ballots } = aggregate;
      cells.push({ number: cell, units, ballots, votes: found, annulled: out });
      if (found === null || out) continue;
      base += ballots;
      found.forEach((each, place) => (votes[place]! += each));
    }
    const withheld = this.whole && this.aggregates.size > 0 ? this.countedIn(id, (unit) => !held.has(unit)) : null;
    const out = [...this.decided(id, "withdrawn"), ...this.decided(id, "struck")];
    return { id, cells: cells.sort((left, right) => left.number - right.number), votes, base, withheld, out };
  }

  private decided(contest: number, action: Decision["action"]): number[] {
    return this.decisions.filter((each) => each.contest === contest && each.action === action).map(({ target }) => target);
  }

  /** Distinct pseudonyms whose last ballot holds the contest and that were not struck, in some units. */
  private countedIn(contest: number, wanted: (unit: number) => boolean): number {
    const styles = new Set(this.log.manifest.styles.filter((each) => each.contests.includes(contest)).map(({ id }) => id));
    let counted = 0;
    for (const { unit, style, struck, number } of this.slots.values()) {
      if (number > 0 && !struck && styles.has(style) && wanted(unit)) counted += 1;
    }
    return counted;
  }

  private refuseWrongCount({ contest, cell, units, ballots }: Aggregate): void {
    if (!this.whole) return;
    const counted = this.countedIn(contest, (unit) => units.includes(unit));
    if (counted < ballots) throw new Contradiction("more-votes-than-ballots", { contest, cell, ballots, counted });
  }

  private checks(): Check[] {
    const closed = this.closeCount >= 0;
    const open: Outcome = this.whole ? "failed" : "open";
    const cells = [...this.aggregates.values()];
    const agree = cells.every(({ contest, units, ballots }) => this.countedIn(contest, (unit) => units.includes(unit)) === ballots);
    const list: Check[] = [
      { key: "quorum", outcome: "passed", count: this.log.head.cosignatures.length },
      { key: "tree", outcome: "passed", count: this.read },
      { key: "manifest", outcome: "passed", count: 1 + this.log.manifest.contests.length + this.log.manifest.units.length },
      { key: "authors", outcome: this.badSignatures > 0 ? "failed" : this.signed > 0 ? "passed" : "open", count: this.signed },
      { key: "sequence", outcome: this.refused > 0 ? "failed" : this.whole && this.ballots > 0 ? "passed" : "open", count: this.ballots },
    ];
    if (closed) {
      list.push({ key: "close", outcome: this.whole && this.ballots === this.closeCount ? "passed" : open, count: this.closeCount });
    }
    if (cells.length > 0) {
      list.push({ key: "cells", outcome: this.whole && agree ? "passed" : open, count: cells.length });
      list.push({ key: "totals", outcome: this.results.size > 0 ? "passed" : "open", count: this.results.size });
    }
    // Never green: the work of an auditor's program, which takes hours of computing for a country.
    for (const key of ["ceremony", "passkeys", "proofs", "sums", "shares"]) list.push({ key, outcome: "open", count: 0 });
    return list;
  }
}

/** Votes of a result MUST fit the cell's ballots: so no share can be over 100 per cent. */
function refuseTooMany(
  contest: number,
  { cell, ballots }: Aggregate,
  votes: readonly number[],
  options: number,
  kmin: number,
  kmax: number,
): void {
  const sum = votes.reduce((total, each) => total + each, 0);
  const fields = { contest, cell, ballots, votes: sum };
  if (votes.length !== options) throw new Contradiction("other-options", fields);
  if (votes.some((each) => each > ballots)) throw new Contradiction("over-100", { ...fields, votes: Math.max(...votes) });
  if (sum < kmin * ballots || sum > kmax * ballots) throw new Contradiction("votes-do-not-add-up", fields);
}

/** A cell MUST have one aggregate and one result: what comes second is refused and changes nothing. */
function setOnce<T>(map: Map<string, T>, key: string, value: T, check: string): void {
  if (map.has(key)) throw new Refused(check, "the cell has one already");
  map.set(key, value);
}
