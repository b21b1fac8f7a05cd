// The check before anything of the election is shown: that it is the pinned one, and was opened. The browser verifies its signatures.
//
// Spec: docs/client.md, section "Before a ballot is shown". H is computed again from the trustees' messages before anything is sealed.

import { type ElectionFacts, factsOf, inputOf } from "../core/facts";
import { verifyOpened } from "../core/opened";
import { fetchElection, type Wanted } from "./files";
import { canVerify, verifyNatively } from "./native";

/** Fetch and verify; null where this browser has no Ed25519. Throws Refused, OfflineError. */
export async function look(pin: string, nowMs: number, wanted: Omit<Wanted, "ceremony">): Promise<ElectionFacts | null> {
  if (!(await canVerify())) return null;
  const { files } = await fetchElection(pin, nowMs, { ...wanted, ceremony: false });
  return verifyNatively(() => factsOf(verifyOpened(inputOf(files))));
}
