/**
 * The judgement about one phone: does the ballot that it committed to say what the seed says? No DOM, no fetch.
 *
 * Each step is passed, failed or open (not run); the first failed one ends it. A ballot that was cast is never opened here: what
 * it says stays secret, and no check page may become a receipt. A ballot that a file brought may be opened before the board has
 * it, because the ciphertexts may come from anywhere; but only a *spoiled* entry bars it from being cast, so until that stands on
 * the board the judgement is not finished (`waiting`), and says so.
 */

import { BallotVerifier, DoesNotOpen, hashBallot, openBallot, parseBallot, type Styles } from "../core/ballot.js";
import { type Bytes, equal, toHex } from "../core/bytes.js";
import { type Election, neededFiles, type Places, verifyElection } from "../core/election.js";
import { parseBody, parseEntry } from "../core/entries.js";
import { Refused } from "../core/errors.js";
import { BUNDLE, type Log, orElse, typeOf } from "../public/log.js";

export type Outcome = "passed" | "failed" | "open";

export interface Step {
  readonly key: string;
  readonly outcome: Outcome;
  readonly fields: Readonly<Record<string, string | number>>;
}

export interface Choice {
  readonly contest: number;
  readonly chosen: readonly number[];
}

export interface Judgement {
  readonly steps: readonly Step[];
  /** What the ballot says, only where no step before it failed. */
  readonly choices: readonly Choice[] | null;
  /** True where the ballot may still come to the board: asking again makes sense, and nothing is finished. */
  readonly waiting: boolean;
}

/** At most so many bundles are read backwards for one ballot, or forwards for the opening. */
const MOST_BUNDLES = 80;

/** Collects steps; `pass` and its siblings keep the order in which they happened. */
export class Steps {
  readonly list: Step[] = [];

  add(key: string, outcome: Outcome, fields: Step["fields"] = {}): void {
    this.list.push({ key, outcome, fields });
  }
}

export interface Question {
  /** 32 bytes of the ballot hash or 18 of the code, taken before the voter decided. */
  readonly commitment: Bytes;
  readonly seed: Bytes;
  /** The ballot itself where a file brought it; else it is looked for on the board. */
  readonly ballot: Bytes | undefined;
}

/** Judge one ballot against a board whose checkpoint is verified. */
export async function judge(log: Log, question: Question): Promise<Judgement> {
  const steps = new Steps();
  const stop = (waiting = false): Judgement => ({ steps: steps.list, choices: null, waiting });
  addBoard(log, steps);
  const found = await findBallot(log, question.commitment);
  if (found?.type === "ballot") {
    steps.add("was-cast", "failed", { index: found.index });
    return stop();
  }
  const bytes = found?.ballot ?? question.ballot;
  if (bytes === undefined) {
    steps.add("not-there", "open");
    return stop(true);
  }
  const hash = hashBallot(log.manifest.kind, bytes);
  if (!equal(hash.slice(0, question.commitment.length), question.commitment)) {
    steps.add("commitment-failed", "failed");
    return stop();
  }
  steps.add("commitment", "passed");
  if (found === undefined) steps.add("on-board-open", "open");
  else steps.add("on-board", "passed", { index: found.index });
  let election: Election;
  try {
    election = await readElection(log);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    // Whoever gave these files is at fault: nothing is known about the phone.
    steps.add("election-refused", "failed", { reason: error.message });
    return stop();
  }
  steps.add("election", "passed", { hash: toHex(log.manifestHash) });
  try {
    const choices = open(election, bytes, question.seed, hash);
    steps.add("opened", "passed");
    await addCount(log, bytes, steps);
    return { steps: steps.list, choices, waiting: found === undefined };
  } catch (error) {
    if (error instanceof DoesNotOpen) steps.add(`not-opened-${error.what}`, "failed");
    else if (error instanceof Refused) steps.add("refused", "failed", { reason: error.message });
    else throw error;
    return stop();
  }
}

/** Repeat the encryption; the election's key and rules are those that `verifyElection` vouches for. */
function open(election: Election, ballot: Bytes, seed: Bytes, hash: Bytes): Choice[] {
  const { kind, manifest, manifestHash, key, parts } = election;
  const styles: Styles = new Map(
    manifest.styles.map((style) => [
      style.id,
      style.contests.map((id) => ({ id, rule: parts.contests.get(id)!.parsedRule })),
    ]),
  );
  const verifier = new BallotVerifier(kind, manifestHash, key, styles);
  const opened = openBallot(verifier, { kind, key, styles }, ballot, seed, hash);
  return opened.map(({ id, chosen }) => ({ contest: id, chosen }));
}

export interface Found {
  readonly index: number;
  readonly type: "ballot" | "spoiled";
  readonly ballot: Bytes;
  readonly hash: Bytes;
}

/** The cast or spoiled ballot of an entry, undefined for other entries. */
export function ballotIn(log: Log, raw: Bytes): Omit<Found, "index"> | undefined {
  const type = typeOf(raw);
  if (type !== "ballot" && type !== "spoiled") return undefined;
  return orElse(undefined, () => {
    const { ballot } = parseBody(parseEntry(raw), type);
    return { type, ballot, hash: hashBallot(log.manifest.kind, ballot) };
  });
}

/** Which state of the board was read, and that it may be an old one. */
export function addBoard(log: Log, steps: Steps): void {
  steps.add("board", "passed", { n: log.size, signed: log.head.cosignatures.length, time_ms: log.time_ms });
}

/** Whether everything is looked through for one ballot: only then "it is not there" can be said. */
export function searchesAll(log: Log): boolean {
  return log.size <= MOST_BUNDLES * BUNDLE;
}

/**
 * Find the ballot whose hash begins so: where a proof or the server says that it stands (a hint that proves itself), else among the
 * newest entries. Not found in a log that is not looked through whole (`searchesAll`) says nothing.
 */
export async function findBallot(log: Log, start: Bytes, proved?: number): Promise<Found | undefined> {
  const fits = (raw: Bytes): boolean => {
    const found = ballotIn(log, raw);
    return found !== undefined && equal(found.hash.slice(0, start.length), start);
  };
  for (const hint of [proved, searchesAll(log) ? undefined : await log.placeOf("ballot", start)]) {
    if (hint === undefined || hint >= log.size) continue;
    const raw = await log.single(hint);
    if (fits(raw)) return { index: hint, ...ballotIn(log, raw)! };
  }
  const index = await log.findLast(fits, MOST_BUNDLES);
  return index === undefined ? undefined : { index, ...ballotIn(log, await log.entry(index))! };
}

const CEREMONY = ["ceremony-key", "ceremony-commitment", "ceremony-dealing", "ceremony-acceptance", "ceremony-certificate"] as const;

/** Verify what a voter's client verifies: manifest, ceremony, key, checkpoint. */
export async function readElection(log: Log): Promise<Election> {
  const hints = log.isSmall ? undefined : await log.places();
  if (hints?.opening === undefined) return readFromStart(log);
  const count = 1 + log.manifest.contests.length + log.manifest.units.length;
  const { opening, ceremony, rotations } = hints;
  const places: Places = { opening, parts: Array.from({ length: count - 1 }, (_, place) => place + 1), ceremony, rotations };
  const { entries: indices } = neededFiles(places, log.size);
  const entries = new Map(await Promise.all(indices.map(async (index) => [index, await log.single(index)] as const)));
  return verify(log, places, (index) => entries.get(index));
}

function verify(log: Log, places: Places, entry: (index: number) => Bytes | undefined): Election {
  return verifyElection({
    pinned: log.manifestHash,
    now_s: log.latest_s,
    checkpoint: log.note,
    places,
    entry,
    tile: (path) => log.files.get(path),
  });
}

/** Read every entry up to the opening, where nobody says where it stands. */
async function readFromStart(log: Log): Promise<Election> {
  const entries: Bytes[] = [];
  let opening = -1;
  for (let at = 0; at * BUNDLE < log.size && at < MOST_BUNDLES && opening < 0; at++) {
    entries.push(...(await log.bundle(at)));
    opening = entries.findIndex((raw) => typeOf(raw) === "opening");
  }
  if (opening < 0) throw new Refused("BALLOT-8", "the opening entry is not among the log's first entries", "server");
  const count = 1 + log.manifest.contests.length + log.manifest.units.length;
  const places: Places = {
    opening,
    parts: Array.from({ length: count - 1 }, (_, place) => place + 1),
    ceremony: certifiedRun(entries.slice(0, opening)),
    rotations: entries.slice(0, opening).flatMap((raw, index) => (typeOf(raw) === "rotate" ? [index] : [])),
  };
  return verify(log, places, (index) => entries[index]);
}

/** The indices of the messages of the newest run that has a certificate. */
function certifiedRun(entries: readonly Bytes[]): number[] {
  const messages = entries.flatMap((raw, index) => {
    const type = CEREMONY.find((each) => each === typeOf(raw));
    if (type === undefined) return [];
    const run = orElse(-1, () => parseBody(parseEntry(raw), type).run);
    return [{ index, type, run }];
  });
  const certified = Math.max(0, ...messages.filter(({ type }) => type === "ceremony-certificate").map(({ run }) => run));
  return messages.filter(({ run }) => run === certified).map(({ index }) => index);
}

/** How many ballots the board holds for the pseudonym: counted here where the log is small, else by the server's word. */
async function addCount(log: Log, bytes: Bytes, steps: Steps): Promise<void> {
  const { pseudonym } = parseBallot(bytes);
  if (!searchesAll(log)) {
    const said = await log.saidBallots(pseudonym);
    steps.add(said === undefined ? "count-open" : "count-said", "open", { n: said ?? 0 });
    return;
  }
  steps.add("count", "passed", { n: await countOf(log, pseudonym) });
}

/** Cast ballots of a pseudonym in the whole log. */
export async function countOf(log: Log, pseudonym: Bytes): Promise<number> {
  const raws = await log.range(0, log.size);
  return raws.filter((raw) => {
    const found = ballotIn(log, raw);
    return found?.type === "ballot" && orElse(false, () => equal(parseBallot(found.ballot).pseudonym, pseudonym));
  }).length;
}
