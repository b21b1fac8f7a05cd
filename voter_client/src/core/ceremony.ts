/**
 * The election key from the record of the ceremony (docs/spec/ceremony.md): H and every X_j recomputed from the dealings, and the
 * certificate's hash from all messages of the run.
 *
 * The proofs of knowledge inside the messages are what each trustee's program checks before it certifies; the client relies
 * on that one of n was honest, and checks that all n signed exactly this transcript.
 */

import { type Bytes, equal, u32 } from "./bytes.js";
import type { CeremonyAcceptance, CeremonyCommitment, CeremonyDealing, CeremonyKey, Manifest } from "./entries.js";
import { CEREMONY_ACCEPTANCE, CEREMONY_COMMITMENT, CEREMONY_DEALING, CEREMONY_KEY } from "./entries.js";
import { Refused } from "./errors.js";
import { type Element, IDENTITY, parseElement } from "./group.js";
import { tag, taggedHash } from "./transcript.js";

/** The messages of one run, each list in the order of the trustees. */
export interface Run {
  readonly run: number;
  readonly keys: readonly CeremonyKey[];
  readonly commitments: readonly CeremonyCommitment[];
  readonly dealings: readonly CeremonyDealing[];
  readonly acceptances: readonly CeremonyAcceptance[];
}

/** What a finished run gives. */
export interface KeyCertificate {
  readonly hash: Bytes;
  readonly key: Bytes;
  readonly shareKeys: readonly Bytes[];
}

function trusteeName(trustee: number): string {
  return `trustee ${trustee}`;
}

/** Check that every trustee has exactly one message of a round in this run, in order. */
function requireRound(run: number, count: number, messages: readonly { readonly run: number; readonly trustee: number }[]): void {
  if (messages.some((message) => message.run !== run)) {
    throw new Refused("CEREMONY-1", "a message of another run", "server");
  }
  // A trustee MUST be one of 1..n, MUST send at most one message for each round of a run.
  if (messages.length !== count || messages.some((message, at) => message.trustee !== at + 1)) {
    throw new Refused("CEREMONY-2", "not one message of each trustee", "server");
  }
}

/** Recompute H, X_1 to X_n and the certificate's hash of a run. */
export function recomputeCertificate(manifest: Manifest, manifestHash: Bytes, run: Run): KeyCertificate {
  const count = manifest.trustees.length;
  for (const messages of [run.keys, run.commitments, run.dealings, run.acceptances]) requireRound(run.run, count, messages);
  const { kind, threshold } = manifest;
  const bodies = run.dealings.map((dealing) => CEREMONY_DEALING.toBytes(dealing));
  run.dealings.forEach((dealing, at) => {
    const expected = taggedHash(tag(kind, "ceremony-commitment"), manifestHash, bodies[at]!);
    // The body of R1 MUST hash to the commitment that the trustee sent in R0.5.
    if (!equal(expected, run.commitments[at]!.hash)) {
      throw new Refused("CEREMONY-4", "not the dealing that was committed to", trusteeName(at + 1));
    }
    // A dealing MUST hold exactly t commitments.
    if (dealing.commitments.length !== threshold) {
      throw new Refused("THRESHOLD-2", "another number of commitments", trusteeName(at + 1));
    }
    // R1 MUST have exactly n shares.
    if (dealing.shares.length !== count) throw new Refused("CEREMONY-5", "another number of shares", trusteeName(at + 1));
  });
  const digest = taggedHash(tag(kind, "ceremony-dealings"), manifestHash, u32(run.run), ...bodies);
  for (const acceptance of run.acceptances) {
    // The digest of an acceptance MUST be that of all R1 of the run.
    if (!equal(acceptance.digest, digest)) {
      throw new Refused("CEREMONY-8", "the digest is not that of all dealings", trusteeName(acceptance.trustee));
    }
  }
  const sums = sumCommitments(run.dealings, threshold);
  const key = sums[0]!.toBytes();
  const shareKeys = run.dealings.map((_, at) => evaluateAt(sums, at + 1).toBytes());
  const hash = taggedHash(
    tag(kind, "ceremony-certificate"),
    manifestHash,
    u32(run.run),
    ...run.keys.map((body) => CEREMONY_KEY.toBytes(body)),
    ...run.commitments.map((body) => CEREMONY_COMMITMENT.toBytes(body)),
    ...bodies,
    ...run.acceptances.map((body) => CEREMONY_ACCEPTANCE.toBytes(body)),
    key,
    ...shareKeys,
  );
  parseElement(key);
  return { hash, key, shareKeys };
}

/** Σ_i F_{i,l} for each l. */
function sumCommitments(dealings: readonly CeremonyDealing[], threshold: number): Element[] {
  return Array.from({ length: threshold }, (_, l) =>
    dealings.reduce(
      (sum, dealing) => sum.add(parseElement(dealing.commitments[l]!, trusteeName(dealing.trustee))),
      IDENTITY,
    ),
  );
}

/** Σ_l point^l × coefficient_l, by Horner's rule. */
function evaluateAt(coefficients: readonly Element[], point: number): Element {
  return [...coefficients].reverse().reduce((sum, coefficient) => smallMultiple(point, sum).add(coefficient), IDENTITY);
}

function smallMultiple(factor: number, element: Element): Element {
  let sum = IDENTITY;
  for (const bit of factor.toString(2)) sum = bit === "1" ? sum.add(sum).add(element) : sum.add(sum);
  return sum;
}
