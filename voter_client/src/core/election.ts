/**
 * What a client verifies before it seals a ballot: that the election was opened, and that its key is the one that the trustees'
 * messages give (docs/spec/README.md, docs/client.md).
 */

import "./ed25519.js";
import { type Bytes, equal } from "./bytes.js";
import { recomputeCertificate } from "./ceremony.js";
import { type BodyOf, type Entry, parseBody } from "./entries.js";
import { Refused } from "./errors.js";
import { type Keyring, readParts, verifyManifest } from "./manifest.js";
import { rootAt } from "./merkle.js";
import { type Election, type ElectionInput, type Further, readPinned, verifyOpened } from "./opened.js";

export * from "./opened.js";

type RoundType = "ceremony-key" | "ceremony-commitment" | "ceremony-dealing" | "ceremony-acceptance";

/** H and the certificate's hash of a run, from its messages in any order. */
function recompute({ manifest, manifestHash }: Keyring, run: number, messages: readonly Entry[]): { key: Bytes; hash: Bytes } {
  const byTrustee = <T extends RoundType>(type: T): BodyOf<T>[] => {
    const bodies = messages.filter((entry) => entry.type === type).map((entry) => parseBody(entry, type));
    return bodies.filter((body) => body.run === run).sort((left, right) => left.trustee - right.trustee);
  };
  return recomputeCertificate(manifest, manifestHash, {
    run,
    keys: byTrustee("ceremony-key"),
    commitments: byTrustee("ceremony-commitment"),
    dealings: byTrustee("ceremony-dealing"),
    acceptances: byTrustee("ceremony-acceptance"),
  });
}

const FURTHER: Further = { judge: verifyManifest, readParts, recompute };

/** Check that the bytes of entry 0 hold the manifest with the pinned hash, sound by itself; return it with its keys. */
export function verifyPinned(raw: Bytes, pinned: Bytes): { entry: Entry; keyring: Keyring } {
  return readPinned(raw, pinned, verifyManifest);
}

/** Verify everything that a ballot rests on. Throws Refused with the first failing check. */
export function verifyElection(input: ElectionInput): Election {
  return verifyOpened(input, FURTHER);
}

/**
 * Check the head that a ballot is to name: a beginning of the verified tree that covers the opening entry. That it was sealed, and
 * covers the credential, only the board can tell.
 */
export function verifyHeadSeen(election: Election, head: { readonly size: number; readonly root: Bytes }): void {
  const { log, openingIndex } = election;
  const fits = Number.isSafeInteger(head.size) && head.size > openingIndex && head.size <= log.size;
  if (!fits || !equal(rootAt(log, head.size), head.root)) {
    // The head seen MUST be a quorum checkpoint of this log, and MUST cover the opening entry.
    throw new Refused("BALLOT-8", "the head is no beginning of the verified log, or older than its opening", "server");
  }
}
