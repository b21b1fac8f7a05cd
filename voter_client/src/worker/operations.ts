/**
 * What the worker does for a page: verify the election, seal a ballot, verify what the server promises.
 *
 * Everything that is costly or secret happens here, so that the page stays responsive and needs no curve arithmetic of its own.
 * A seed never leaves the worker unless the voter has decided to check the ballot instead of casting it.
 */

import { hashBallot, parseReceipt, type Receipt, sealBallot, verifyNonce, verifyReceipt } from "../core/ballot.js";
import { readHead } from "../core/board.js";
import { type Bytes, equal, toHex, wipe } from "../core/bytes.js";
import { ballotContests, type Election, verifyElection, verifyHeadSeen } from "../core/election.js";
import { BALLOT_ENTRY, type BallotEntry, entryToBytes } from "../core/entries.js";
import { signEd25519 } from "../core/ed25519.js";
import { Misuse, Refused } from "../core/errors.js";
import { type ElectionFacts, type ElectionFiles, factsOf, type HeadFacts, headFacts, inputOf } from "../core/facts.js";
import { leafHash, parseLogProof, verifyConsistency, verifyInclusion } from "../core/merkle.js";

export interface ReceiptInput {
  readonly receipt: Bytes;
  readonly ballot: Bytes;
  readonly pseudonym: Bytes;
  readonly number: number;
  /** The device's time, not the server's. */
  readonly now_ms: number;
}

export interface SealInput {
  readonly style: number;
  /** The contests that were shown, in order. */
  readonly contests: readonly number[];
  /** Indices of the chosen options, one list a contest of the style, in order. */
  readonly choices: readonly (readonly number[])[];
  readonly pseudonym: Bytes;
  readonly number: number;
  readonly previous: Bytes;
  /** The sealed head that the server names, and the tiles of its last entry (`neededTiles(size, [head.size - 1])`). */
  readonly head: { readonly size: number; readonly root: Bytes };
  readonly tiles: readonly (readonly [path: string, data: Bytes])[];
}

export interface Sealed {
  readonly ballot: Bytes;
  readonly hash: Bytes;
  readonly code: string;
}

/** What goes to the voter's second device and to the board when a ballot is checked instead of cast. */
export interface Opened {
  readonly seed: Bytes;
  readonly opening: Bytes;
}

/** Everything that a ballot entry is made of: what the client sent. */
export type Cast = BallotEntry;

/** Where a cast ballot stands. */
export interface OnTheBoard {
  readonly index: number;
  readonly head: HeadFacts;
}

export type { ElectionFacts, ElectionFiles, HeadFacts };

export type Progress = (done: number, total: number) => void;

/** The state of one worker. */
export class Operations {
  private election: Election | undefined;
  private tiles = new Map<string, Bytes>();
  private last: { hash: Bytes; seed: Bytes; opening: Bytes } | undefined;

  constructor(private readonly random: (bytes: Bytes) => void) {}

  /** Verify the election and keep it for everything that follows. */
  verifyElection(files: ElectionFiles): ElectionFacts {
    const tiles = new Map(files.tiles);
    const election = verifyElection(inputOf(files, tiles));
    this.tiles = tiles;
    const known = this.election?.head.checkpoint;
    const next = election.head.checkpoint;
    // One size with two roots is two trees.
    if (known !== undefined && known.size === next.size) verifyConsistency(known.size, known.root, next.size, next.root, []);
    this.election = election;
    return factsOf(election);
  }

  /** Seal a ballot with a fresh seed; the seed of the one before is forgotten. */
  seal(input: SealInput, progress: Progress): Sealed {
    const election = this.verified();
    this.forget();
    const contests = ballotContests(election, input.style);
    if (contests.length !== input.contests.length || contests.some(({ id }, at) => id !== input.contests[at])) {
      throw new Refused("BALLOT-3", "other contests than those that were shown", "server");
    }
    if (contests.length !== input.choices.length) throw new Misuse("one choice a contest");
    for (const [path, data] of input.tiles) this.tiles.set(path, data);
    verifyHeadSeen(election, input.head);
    const seed = new Uint8Array(32);
    this.random(seed);
    const sealed = sealBallot(
      {
        kind: election.kind,
        manifestHash: election.manifestHash,
        key: election.key,
        style: input.style,
        contests: contests.map(({ id, parsedRule }, at) => ({ id, rule: parsedRule, chosen: input.choices[at]! })),
        pseudonym: input.pseudonym,
        number: input.number,
        previous: input.previous,
        head: input.head,
        seed,
      },
      progress,
    );
    this.last = { hash: sealed.hash, seed, opening: sealed.opening };
    return { ballot: sealed.ballot, hash: sealed.hash, code: sealed.code };
  }

  /** Hand out the seed of the last sealed ballot, which then must not be cast. */
  open(hash: Bytes): Opened {
    if (this.last === undefined || !equal(this.last.hash, hash)) throw new Misuse("this ballot's seed is gone");
    return { seed: this.last.seed.slice(), opening: this.last.opening.slice() };
  }

  /** Overwrite the last seed: when the ballot was cast, when it was opened and shown, when the voter leaves. */
  forget(): void {
    if (this.last !== undefined) wipe(this.last.seed, this.last.opening);
    this.last = undefined;
  }

  /** Check that a nonce was issued for this ballot; return the time of issue in ms. */
  verifyNonce(input: { readonly pseudonym: Bytes; readonly hash: Bytes; readonly nonce: Bytes }): number {
    const { manifest, manifestHash, keyring } = this.verified();
    return verifyNonce(manifest, manifestHash, keyring.receiptKeys.at(-1)!, input.pseudonym, input.hash, input.nonce);
  }

  /** Check that a receipt that just came is this election's, falls due soon, and names exactly this ballot. */
  verifyReceipt(input: ReceiptInput): Receipt {
    const { kind, manifest, manifestHash, keyring, head } = this.verified();
    const receipt = parseReceipt(input.receipt);
    // The witnesses' time helps a device whose clock is slow.
    verifyReceipt(receipt, manifest, manifestHash, keyring.receiptKeys, Math.max(input.now_ms, head.lower_ms));
    const named = equal(receipt.ballot_hash, hashBallot(kind, input.ballot)) && equal(receipt.pseudonym, input.pseudonym);
    if (!named || receipt.number !== input.number) {
      throw new Refused("RECEIPT-2", "the receipt names another ballot", toHex(receipt.pseudonym));
    }
    return receipt;
  }

  /** Check by an offline proof that a cast ballot stands on the board, under a quorum. */
  verifyOnTheBoard(input: { readonly cast: Cast; readonly proof: Bytes; readonly now_s: number }): OnTheBoard {
    const election = this.verified();
    const { index, proof, checkpoint } = parseLogProof(input.proof);
    const head = readHead(election.keyring, checkpoint, input.now_s);
    const raw = entryToBytes({ type: "ballot", body: BALLOT_ENTRY.toBytes(input.cast), signatures: [] });
    verifyInclusion(leafHash(raw), index, head.checkpoint.size, head.checkpoint.root, proof);
    return { index, head: headFacts({ head }) };
  }

  /** Sign with a seed of the page's, in a browser without Ed25519 of its own. */
  sign(input: { readonly seed: Bytes; readonly message: Bytes }): { key: Bytes; signature: Bytes } {
    return signEd25519(input.seed, input.message);
  }

  private verified(): Election {
    if (this.election === undefined) throw new Misuse("no election was verified");
    return this.election;
  }
}
