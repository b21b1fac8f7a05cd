// The worker, as the pages ask it: verifies the election with a curve of its own, seals, verifies what the server promises.
//
// Spec: docs/operations/pages.md.

import { fromHex, toHex } from "../core/bytes";
import type { BallotEntry } from "../core/entries";
import { Refused } from "../core/errors";
import { type Core, fetchPiece, startCore } from "../worker/client";
import type { InputOf } from "../worker/messages";
import type { ElectionFacts, Opened, Sealed } from "../worker/operations";
import { fetchElection, latestS, readTiles, type Wanted } from "./files";
import type { Outbox } from "./memory";

export interface SealRequest {
  readonly style: number;
  readonly contests: readonly number[];
  readonly choices: readonly (readonly number[])[];
  readonly pseudonym: Uint8Array;
  readonly number: number;
  readonly previous: Uint8Array;
  readonly head: { readonly size: number; readonly root: Uint8Array };
}

/** The worker, as the pages ask it. */
export class ElectionCore {
  private size = 0;
  private verified: { readonly pin: string; readonly wanted: Omit<Wanted, "ceremony"> } | null = null;

  constructor(private readonly core: Core) {}

  /** Fetch and verify the election, H computed again from the trustees' messages. Throws Refused, OfflineError. */
  async verifyElection(pin: string, nowMs: number, wanted: Omit<Wanted, "ceremony">): Promise<ElectionFacts> {
    const { size, files } = await fetchElection(pin, nowMs, { ...wanted, ceremony: true });
    const facts = await this.core.ask("verifyElection", files);
    this.size = size;
    this.verified = { pin, wanted };
    return facts;
  }

  /** Seal under the head that the server names; where it is newer than what was verified, the election is verified again. */
  async seal(request: SealRequest, nowMs: number): Promise<Sealed> {
    if (request.head.size > this.size && this.verified !== null) {
      await this.verifyElection(this.verified.pin, nowMs, { style: request.style, units: false });
    }
    const inside = request.head.size > 0 && request.head.size <= this.size;
    const tiles = inside ? await readTiles(this.size, request.head.size - 1) : [];
    return this.core.ask("seal", { ...request, tiles });
  }

  /** The seed of the sealed ballot, which then must not be cast. */
  open(hash: Uint8Array): Promise<Opened> {
    return this.core.ask("open", hash);
  }

  /** The seed is not needed any more. */
  forget(): Promise<void> {
    return this.core.ask("forget", undefined as never);
  }

  /** Check that a nonce was issued for this ballot; where it is by another key, look whether the receipt key was changed meanwhile. */
  async verifyNonce(input: InputOf<"verifyNonce">, nowMs: number): Promise<void> {
    try {
      await this.core.ask("verifyNonce", input);
    } catch (error) {
      if (!(error instanceof Refused) || this.verified === null) throw error;
      await this.verifyElection(this.verified.pin, nowMs, this.verified.wanted);
      await this.core.ask("verifyNonce", input);
    }
  }

  /** Sign with a seed that only this page has, an enrolment code's. */
  async sign(seed: Uint8Array, message: Uint8Array): Promise<{ readonly key: string; readonly signature: string }> {
    const { key, signature } = await this.core.ask("sign", { seed, message });
    return { key: toHex(key), signature: toHex(signature) };
  }

  /** Check, by this device's time, the server's receipt for the ballot of the outbox; return by when it stands on the board. */
  async verifyReceipt(receipt: Uint8Array, ballot: Uint8Array, outbox: Outbox): Promise<number> {
    const { pseudonym, number } = outbox;
    const input = { receipt, ballot, pseudonym: fromHex(pseudonym), number, now_ms: Date.now() };
    const read = await this.core.ask("verifyReceipt", input);
    return read.deadline_ms;
  }

  /** Check the proof that the ballot stands on the board; return its place. */
  async verifyOnTheBoard(cast: BallotEntry, proof: Uint8Array, nowMs: number): Promise<number> {
    return (await this.core.ask("verifyOnTheBoard", { cast, proof, now_s: latestS(nowMs) })).index;
  }
}

export async function openCore(): Promise<ElectionCore> {
  return new ElectionCore(await startCore(fetchPiece));
}
