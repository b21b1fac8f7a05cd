/**
 * A ballot's bytes, its hash, lock and code; sealing one, opening one with its seed; nonce, challenges and receipt
 * (docs/spec/ballot.md).
 */

import { ARRAY, readBytes, readHead, UINT, writeBytes, writeHead } from "./cbor.js";
import { type Bytes, concat, equal, toBigInt, toHex, u16, u32, u64, utf8 } from "./bytes.js";
import { BallotSeed, EncryptionKey, OPENING_SIZE } from "./elgamal.js";
import { bytesField, type MessageOf, message, textField, uintField } from "./encoding.js";
import type { Manifest } from "./entries.js";
import { MalformedEncoding, Misuse, Refused } from "./errors.js";
import { ELEMENT_SIZE, parseElement } from "./group.js";
import {
  type ContestStatement,
  decodeContest,
  encryptVotes,
  type Position,
  requirePosition,
  type SealedContest,
  sealContest,
  sealingSteps,
  verifyEquations,
} from "./proofs.js";
import type { Rule } from "./rules.js";
import { passkeyChallenge, verifyEd25519 } from "./signatures.js";
import { type Kind, tag, taggedHash } from "./transcript.js";

export const MAX_CONTESTS = 64;
export const NONCE_SIZE = 88;
export const HASH_SIZE = 32;
export const NO_PREVIOUS: Bytes = /* @__PURE__ */ new Uint8Array(32);
const TRACKING_ALPHABET = "23456789ACEHKPTX";
const TRACKING_SIZE = 18;

// --------------------------------------------------------------------------------------------------------------- bytes

/** A ballot's bytes taken apart. */
export interface Ballot extends Position {
  readonly manifestHash: Bytes;
  readonly style: number;
  readonly headSize: number;
  readonly headRoot: Bytes;
  readonly contests: readonly SealedContest[];
}

/** The one encoding of a ballot. */
export function ballotToBytes(ballot: Ballot): Bytes {
  return concat(
    writeHead(ARRAY, 9),
    writeBytes(ballot.manifestHash),
    writeHead(UINT, ballot.style),
    writeBytes(ballot.pseudonym),
    writeHead(UINT, ballot.number),
    writeBytes(ballot.previous),
    writeHead(UINT, ballot.headSize),
    writeBytes(ballot.headRoot),
    writeBytes(ballot.lock),
    writeHead(ARRAY, ballot.contests.length),
    ...ballot.contests.map(({ ciphertexts, proof }) =>
      concat(writeHead(ARRAY, 2), writeBytes(ciphertexts), writeBytes(proof)),
    ),
  );
}

/** Take a ballot's bytes apart, strictly. */
export function parseBallot(data: Bytes): Ballot {
  try {
    return readBallot(data);
  } catch (error) {
    // The bytes MUST be the one encoding of a ballot.
    throw error instanceof Refused ? new MalformedEncoding("BALLOT-1", "not the one encoding of a ballot") : error;
  }
}

function readBallot(data: Bytes): Ballot {
  const require = (condition: boolean) => {
    if (!condition) throw new MalformedEncoding("", "outside the limits");
  };
  let at = 0;
  const exact = (size: number): Bytes => {
    const { value, end } = readBytes(data, at);
    require(value.length === size);
    at = end;
    return value;
  };
  const between = (minimum: number, maximum: number, major = UINT): number => {
    const { value, end } = readHead(data, at, major);
    require(value >= minimum && value <= maximum);
    at = end;
    return value;
  };
  const any = (): Bytes => {
    const { value, end } = readBytes(data, at);
    at = end;
    return value;
  };
  between(9, 9, ARRAY);
  const manifestHash = exact(32);
  const style = between(0, 65_535);
  const pseudonym = exact(16);
  const number = between(1, 4_294_967_295);
  const previous = exact(32);
  const headSize = between(0, Number.MAX_SAFE_INTEGER);
  const headRoot = exact(32);
  const lock = exact(32);
  const count = between(1, MAX_CONTESTS, ARRAY);
  const contests: SealedContest[] = [];
  while (contests.length < count) {
    between(2, 2, ARRAY);
    contests.push({ ciphertexts: any(), proof: any() });
  }
  require(at === data.length);
  return { manifestHash, style, pseudonym, number, previous, headSize, headRoot, lock, contests };
}

/** The 32-byte ballot hash; passkey signatures are no part of it. */
export function hashBallot(kind: Kind, ballot: Bytes): Bytes {
  return taggedHash(tag(kind, "ballot"), ballot);
}

/** What a voter compares: 36 signs for the first 18 bytes of the hash, in groups of four. */
export function trackingCode(ballotHash: Bytes): string {
  const signs = [...ballotHash.subarray(0, TRACKING_SIZE)]
    .map((byte) => TRACKING_ALPHABET[byte >> 4]! + TRACKING_ALPHABET[byte & 15]!)
    .join("");
  return signs.match(/.{4}/g)!.join("-");
}

/** The first 18 bytes of the hash behind a code as somebody typed it, or undefined. */
export function parseTrackingCode(text: string): Bytes | undefined {
  const signs = text.toUpperCase().replace(/[\s-]/g, "");
  if (signs.length !== 2 * TRACKING_SIZE || [...signs].some((sign) => !TRACKING_ALPHABET.includes(sign))) return undefined;
  const value = (at: number) => TRACKING_ALPHABET.indexOf(signs[at]!);
  return Uint8Array.from({ length: TRACKING_SIZE }, (_, at) => value(2 * at) * 16 + value(2 * at + 1));
}

/** The lock that an opening of 32 bytes opens. */
export function lockOf(kind: Kind, opening: Bytes): Bytes {
  if (opening.length !== OPENING_SIZE) throw new Misuse(`the opening of a lock has ${OPENING_SIZE} bytes`);
  return taggedHash(tag(kind, "lock"), opening);
}

// ------------------------------------------------------------------------------------------------------------- verifying

/** The contests of each style in the manifest's order. */
export type Styles = ReadonlyMap<number, readonly { readonly id: number; readonly rule: Rule }[]>;

/** Verifies ballots of one election from their bytes. */
export class BallotVerifier {
  constructor(
    private readonly kind: Kind,
    private readonly manifestHash: Bytes,
    private readonly key: Bytes,
    private readonly styles: Styles,
  ) {
    parseElement(key);
  }

  /** Throw the refusal of the ballot's first failing check. */
  verify(data: Bytes): Ballot {
    const ballot = parseBallot(data);
    // A ballot MUST name this election's manifest hash.
    if (!equal(ballot.manifestHash, this.manifestHash)) throw new Refused("BALLOT-2", "the ballot names another manifest");
    const contests = this.styles.get(ballot.style);
    if (contests === undefined) {
      throw new Refused("BALLOT-3", "the ballot names a style that the manifest does not have");
    }
    // A ballot MUST hold exactly the contests of its style.
    if (contests.length !== ballot.contests.length) {
      throw new Refused("BALLOT-4", "the ballot does not hold exactly the contests of its style");
    }
    const decoded = contests.map(({ id, rule }, at) => {
      const { kind, manifestHash, key } = this;
      const statement: ContestStatement = { kind, manifestHash, style: ballot.style, contest: id, rule, key };
      return decodeContest(statement, ballot, ballot.contests[at]!);
    });
    const firsts = new Set<string>();
    let count = 0;
    for (const { ciphertexts } of ballot.contests) {
      for (let at = 0; at < ciphertexts.length; at += 2 * ELEMENT_SIZE) {
        firsts.add(toHex(ciphertexts.subarray(at, at + ELEMENT_SIZE)));
        count++;
      }
    }
    // Within a ballot no first component A MUST occur twice.
    if (firsts.size !== count) throw new Refused("BALLOT-5", "one first component A occurs twice in the ballot");
    for (const contest of decoded) verifyEquations(contest);
    return ballot;
  }
}

// --------------------------------------------------------------------------------------------------------------- sealing

/** What a ballot is made of; `seed` holds 32 fresh random bytes that are used for no other ballot. */
export interface SealRequest {
  readonly kind: Kind;
  readonly manifestHash: Bytes;
  readonly key: Bytes;
  readonly style: number;
  readonly contests: readonly { readonly id: number; readonly rule: Rule; readonly chosen: readonly number[] }[];
  readonly pseudonym: Bytes;
  readonly number: number;
  readonly previous: Bytes;
  readonly head: { readonly size: number; readonly root: Bytes };
  readonly seed: Bytes;
}

export interface SealedBallot {
  readonly ballot: Bytes;
  readonly hash: Bytes;
  readonly code: string;
  /** k, which opens the lock: shown to nobody unless the ballot is spoiled. */
  readonly opening: Bytes;
}

/** Encrypt and prove every contest. Misuse for a choice that its rule does not allow. */
export function sealBallot(request: SealRequest, progress: (done: number, total: number) => void = () => {}): SealedBallot {
  const { kind, manifestHash, style, pseudonym, number, previous, head } = request;
  const key = new EncryptionKey(parseElement(request.key));
  const seed = new BallotSeed(kind, request.seed);
  const opening = seed.deriveOpening();
  const position = { pseudonym, number, previous, lock: lockOf(kind, opening) };
  requirePosition(position);
  if (request.contests.length < 1 || request.contests.length > MAX_CONTESTS) throw new Misuse("a ballot has 1 to 64 contests");
  const total = request.contests.reduce((steps, contest) => steps + sealingSteps(contest.rule), 0);
  let done = 0;
  const step = () => progress(++done, total);
  try {
    const contests = request.contests.map(({ id, rule, chosen }) => {
      const statement = { kind, manifestHash, style, contest: id, rule, key: request.key };
      return sealContest(statement, position, key, seed, chosen, step);
    });
    const ballot = ballotToBytes({ manifestHash, style, ...position, headSize: head.size, headRoot: head.root, contests });
    const hash = hashBallot(kind, ballot);
    return { ballot, hash, code: trackingCode(hash), opening };
  } finally {
    seed.wipe();
  }
}

// --------------------------------------------------------------------------------------------------------------- opening

/** Why a ballot and a seed do not belong together: what a second device tells the voter. No rule of the board. */
export class DoesNotOpen extends Error {
  override readonly name: string = "DoesNotOpen";

  constructor(
    readonly what: "commitment" | "lock" | "ciphertexts",
    message: string,
  ) {
    super(message);
  }
}

/** One contest of an opened ballot: the indices of the chosen options. */
export interface OpenedContest {
  readonly id: number;
  readonly chosen: readonly number[];
}

/**
 * Repeat the encryption with the seed and tell what was chosen. `commitment` is the full ballot hash that the voter took before
 * the client knew whether it would be checked. Throws Refused for a ballot that no board would take, DoesNotOpen for one
 * that the commitment or the seed do not belong to.
 */
export function openBallot(
  verifier: BallotVerifier,
  election: { readonly kind: Kind; readonly key: Bytes; readonly styles: Styles },
  data: Bytes,
  seedBytes: Bytes,
  commitment: Bytes,
): OpenedContest[] {
  if (commitment.length !== HASH_SIZE || !equal(hashBallot(election.kind, data), commitment)) {
    throw new DoesNotOpen("commitment", "the ballot is not the one that the commitment names");
  }
  const ballot = verifier.verify(data);
  const seed = new BallotSeed(election.kind, seedBytes);
  try {
    if (!equal(lockOf(election.kind, seed.deriveOpening()), ballot.lock)) {
      throw new DoesNotOpen("lock", "the seed is not the one that the ballot was sealed with");
    }
    const key = new EncryptionKey(parseElement(election.key));
    // That the rule allows what comes out, the proof has shown.
    return election.styles.get(ballot.style)!.map(({ id, rule }, at) => {
      return { id, chosen: readVotes(id, rule, key, seed, ballot.contests[at]!.ciphertexts) };
    });
  } finally {
    seed.wipe();
  }
}

function readVotes(id: number, rule: Rule, key: EncryptionKey, seed: BallotSeed, ciphertexts: Bytes): number[] {
  const every = Array.from({ length: rule.options }, (_, option) => option);
  const free: Rule = { form: "between", options: rule.options, minimum: 0, maximum: rule.options };
  const without = encryptVotes(id, free, key, seed, []);
  const withAll = encryptVotes(id, free, key, seed, every);
  return every.filter((option) => {
    const at = 2 * option * ELEMENT_SIZE;
    const pair = (data: Bytes) => data.subarray(at, at + 2 * ELEMENT_SIZE);
    if (equal(pair(ciphertexts), pair(without))) return false;
    if (equal(pair(ciphertexts), pair(withAll))) return true;
    throw new DoesNotOpen("ciphertexts", "the seed does not open the ciphertexts");
  });
}

// ------------------------------------------------------------------------------------------------- nonce, cast, log-in

/** What the passkey signs to cast a ballot: the client computes it itself and signs no other 32 bytes. */
export function castChallenge(kind: Kind, manifestHash: Bytes, ballotHash: Bytes, nonce: Bytes): Bytes {
  if (nonce.length !== NONCE_SIZE) throw new Misuse(`a nonce has ${NONCE_SIZE} bytes`);
  return passkeyChallenge(tag(kind, "cast"), manifestHash, ballotHash, nonce);
}

/** What the passkey signs to log in; `token` is the server's, and means nothing to the board. */
export function loginChallenge(kind: Kind, manifestHash: Bytes, token: Bytes): Bytes {
  return passkeyChallenge(tag(kind, "log-in"), manifestHash, token);
}

/** What a new passkey is registered with. */
export function registerChallenge(kind: Kind, manifestHash: Bytes, token: Bytes): Bytes {
  return passkeyChallenge(tag(kind, "register"), manifestHash, token);
}

/** Check that a nonce was issued for this ballot at or before closing; return the time of issue in ms. */
export function verifyNonce(
  manifest: Manifest,
  manifestHash: Bytes,
  receiptKey: Bytes,
  pseudonym: Bytes,
  ballotHash: Bytes,
  nonce: Bytes,
): number {
  const issued = nonce.length === NONCE_SIZE ? toBigInt(nonce.subarray(16, 24)) : -1n;
  // The nonce MUST have been issued at or before closing.
  if (issued < 0n || issued > BigInt(manifest.closes_at_ms)) throw new Refused("BALLOT-10", "begun after closing");
  const use = tag(manifest.kind, "nonce");
  const signed = concat(u16(use.length), use, manifestHash, pseudonym, ballotHash, nonce.subarray(0, 24));
  try {
    verifyEd25519(receiptKey, signed, nonce.slice(24));
  } catch (error) {
    // The nonce MUST be signed under the receipt key for this manifest, pseudonym and ballot.
    throw error instanceof Refused ? new Refused("BALLOT-11", "the nonce was not issued for this ballot") : error;
  }
  return Number(issued);
}

// -------------------------------------------------------------------------------------------------------------- receipt

/** The server's promise, at intake, that a ballot stands on the board by a deadline (ms). */
export const RECEIPT = /* @__PURE__ */ message({
  origin: textField(200),
  manifest_hash: bytesField(32),
  ballot_hash: bytesField(32),
  pseudonym: bytesField(16),
  number: uintField(4_294_967_295, 1),
  deadline_ms: uintField(),
  signature: bytesField(64),
});

export type Receipt = MessageOf<typeof RECEIPT>;

export function parseReceipt(data: Bytes): Receipt {
  return RECEIPT.parse(data);
}

/** What the receipt key signs. */
export function receiptMessage(kind: Kind, receipt: Receipt): Bytes {
  const use = tag(kind, "receipt");
  const origin = utf8(receipt.origin);
  return concat(
    u16(use.length),
    use,
    receipt.manifest_hash,
    u16(origin.length),
    origin,
    receipt.ballot_hash,
    receipt.pseudonym,
    u32(receipt.number),
    u64(receipt.deadline_ms),
  );
}

/** What a promise may exceed a voter's own time by, which may be slow. */
const SLOW_CLOCK_MS = 600_000;

/**
 * Check that a receipt is this election's, signed under one of its receipt keys, and falls due: after every intake at the latest and,
 * where it was just given, soon after `nowMs`, a time that no server tells.
 */
export function verifyReceipt(
  receipt: Receipt,
  manifest: Manifest,
  manifestHash: Bytes,
  keys: readonly Bytes[],
  nowMs = Infinity,
): void {
  const { closes_at_ms, grace_ms, receipt_delay_ms } = manifest;
  const named = receipt.origin === manifest.origin && equal(receipt.manifest_hash, manifestHash);
  const signed = receiptMessage(manifest.kind, receipt);
  const isSigned = keys.some((key) => {
    try {
      verifyEd25519(key, signed, receipt.signature);
      return true;
    } catch (error) {
      if (error instanceof Refused) return false;
      throw error;
    }
  });
  const isOwn = named && isSigned;
  const latestMs = Math.min(closes_at_ms + grace_ms, nowMs + SLOW_CLOCK_MS) + receipt_delay_ms;
  if (!isOwn || receipt.deadline_ms > latestMs) {
    // A receipt MUST name this election, carry the signature of one of its receipt keys, and fall due at or before
    // closes_at_ms + grace_ms + receipt_delay_ms.
    const reason = isOwn ? "the deadline is later than any that can be given now" : "not a receipt of this election";
    throw new Refused("RECEIPT-2", reason, isOwn ? "server" : toHex(receipt.pseudonym));
  }
}
