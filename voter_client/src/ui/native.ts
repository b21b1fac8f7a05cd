/**
 * A check whose signatures the browser verifies, where it can (docs/client.md, section "Before a ballot is shown").
 *
 * A check runs from its beginning to its first failure and asks for signatures on the way; the browser answers later. So the check runs
 * twice: the first run takes note of what it asks, then the browser is asked, and the second run gets the answers. What is accepted or
 * refused, and by which check, is what one run with a curve would give. Encodings that the strict rule forbids are refused here,
 * because libraries differ in them; for all others the rule is the one without cofactor that browsers follow.
 */

import { type Bytes, concat, fromHex, toHex } from "../core/bytes";
import { Misuse } from "../core/errors";
import { invalidSignature, requireCanonical } from "../core/strict";
import { type Verifier, verifyBy } from "../core/verifying";

const ED25519 = "Ed25519";

async function isValid(publicKey: Bytes, message: Bytes, signature: Bytes): Promise<boolean> {
  const own = (data: Bytes) => Uint8Array.from(data);
  const { subtle } = crypto;
  try {
    const key = await subtle.importKey("raw", own(publicKey), ED25519, false, ["verify"]);
    return await subtle.verify(ED25519, key, own(signature), own(message));
  } catch {
    // Not a point, or no such algorithm here: nothing is accepted.
    return false;
  }
}

// RFC 8032, section 7.1, test 1: the empty message.
const KNOWN_KEY = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
const KNOWN_SIGNATURE =
  "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";

/** Whether the browser verifies Ed25519: it accepts a known signature and refuses it for another message. */
export async function canVerify(): Promise<boolean> {
  if (globalThis.crypto?.subtle === undefined) return false;
  const [key, signature] = [fromHex(KNOWN_KEY), fromHex(KNOWN_SIGNATURE)];
  return (await isValid(key, new Uint8Array(), signature)) && !(await isValid(key, Uint8Array.of(0), signature));
}

/** Run a check with these answers; the check is over when this returns. */
function runWith<T>(check: () => T, verify: Verifier["verify"]): T {
  // Which keys are printed in documents is asked again by the curve, before anything is sealed.
  const before = verifyBy({ verify, isPublished: () => false });
  try {
    return check();
  } finally {
    verifyBy(before);
  }
}

/** Run a check twice, the browser's answers in between. Throws what the check throws. */
export async function verifyNatively<T>(check: () => T): Promise<T> {
  const nameOf = (publicKey: Bytes, message: Bytes, signature: Bytes) => toHex(concat(publicKey, signature, message));
  const asked = new Map<string, Promise<boolean>>();
  try {
    runWith(check, (publicKey, message, signature) => {
      requireCanonical(publicKey, signature);
      const name = nameOf(publicKey, message, signature);
      if (!asked.has(name)) asked.set(name, isValid(publicKey, message, signature));
    });
  } catch {
    // The second run comes to the same failure, or to an earlier one.
  }
  const answers = new Map<string, boolean>();
  for (const [name, answer] of asked) answers.set(name, await answer);
  return runWith(check, (publicKey, message, signature) => {
    requireCanonical(publicKey, signature);
    const answer = answers.get(nameOf(publicKey, message, signature));
    if (answer === undefined) throw new Misuse("a check that asks for other signatures each time");
    if (!answer) throw invalidSignature("the Ed25519 signature is not valid under this key");
  });
}
