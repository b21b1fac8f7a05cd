/** What a reader takes from the board's checkpoints: whose signatures count, and what time it was (docs/spec/board.md). */

import type { Manifest } from "./entries.js";
import type { Keyring } from "./manifest.js";
import { type QuorumCheckpoint, TYPE_COSIGNATURE, TYPE_ED25519, type VerifierKey, verifyQuorum } from "./notes.js";
import type { Bytes } from "./bytes.js";

/** The key of the log's own line. */
export function logKey(manifest: Manifest): VerifierKey {
  return { name: manifest.origin, publicKey: manifest.log_key, type: TYPE_ED25519 };
}

/** The keys of the witnesses' lines. */
export function witnessKeys(keyring: Keyring): VerifierKey[] {
  return keyring.witnesses().map(({ name, key }) => ({ name, publicKey: key, type: TYPE_COSIGNATURE }));
}

/** A head with a quorum, and what is known of its time, in ms. */
export interface Head extends QuorumCheckpoint {
  readonly lower_ms: number;
  readonly upper_ms: number;
}

/** Verify a checkpoint's quorum; `now_s` is the reader's clock in POSIX seconds. */
export function readHead(keyring: Keyring, checkpoint: Bytes, now_s: number): Head {
  const { manifest } = keyring;
  const quorum = verifyQuorum(checkpoint, logKey(manifest), witnessKeys(keyring), manifest.quorum, now_s);
  return { ...quorum, ...headTimes(quorum, manifest.faults) };
}

/** With f faulty witnesses: lower is the (f+1)-th largest cosignature time, upper the (f+1)-th smallest. */
export function headTimes(quorum: QuorumCheckpoint, faults: number): { lower_ms: number; upper_ms: number } {
  const times = quorum.cosignatures.map((item) => item.time_s).sort((left, right) => left - right);
  return { lower_ms: times[times.length - 1 - faults]! * 1000, upper_ms: times[faults]! * 1000 };
}
