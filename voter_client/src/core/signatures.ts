/**
 * Ed25519 by the strict rule, signed notes, checkpoints, cosignatures, quorums, policies, passkey challenges (docs/spec/signatures.md).
 *
 * Verifying a passkey's assertion is the board's and the auditor's; the client makes challenges and signs no others.
 */

import "./ed25519.js";
import { type Bytes, concat, equal, fromUtf8, toBase64, toBase64Url, toHex, u16, utf8 } from "./bytes.js";
import {
  type Checkpoint,
  decode,
  malformed,
  MAX_NOTE_SIZE,
  noteKeyId,
  parseNumber,
  requireName,
  TYPE_COSIGNATURE,
  TYPE_ED25519,
  type VerifierKey,
} from "./notes.js";
import { sha256 } from "./transcript.js";

export * from "./notes.js";
export { verifyEd25519 } from "./verifying.js";

// ------------------------------------------------------------------------------------------------- keys, heads as text

export function verifierKeyToText(key: VerifierKey): string {
  return `${key.name}+${toHex(noteKeyId(key))}+${toBase64(concat(Uint8Array.of(key.type), key.publicKey))}`;
}

/** The key of a vkey of type 1 or 4. */
export function parseVerifierKey(text: string): VerifierKey {
  const first = text.indexOf("+");
  const second = text.indexOf("+", first + 1);
  if ([...text].length > 512 || first < 0 || second < 0) throw malformed("a vkey has three parts");
  const name = text.slice(0, first);
  requireName(name);
  const material = decode(text.slice(second + 1));
  const type = material[0];
  if (material.length !== 33 || (type !== TYPE_ED25519 && type !== TYPE_COSIGNATURE)) {
    throw malformed("a vkey holds an Ed25519 key of a log or a witness");
  }
  const key = { name, publicKey: material.slice(1), type };
  if (toHex(noteKeyId(key)) !== text.slice(first + 1, second)) throw malformed("a vkey's id is not that of its key");
  return key;
}

/** The three lines that a checkpoint's note holds. */
export function checkpointToText(checkpoint: Checkpoint): string {
  return `${checkpoint.origin}\n${checkpoint.size}\n${toBase64(checkpoint.root)}\n`;
}

/** A quorum as a tlog-policy file states it: one log, n witnesses, k of them. */
export interface Policy {
  readonly log: VerifierKey;
  readonly witnesses: readonly VerifierKey[];
  readonly quorum: number;
}

export function policyToBytes(policy: Policy): Bytes {
  const names = policy.witnesses.map((_, at) => `w${at + 1}`);
  return utf8(
    [
      `log ${verifierKeyToText(policy.log)}`,
      ...policy.witnesses.map((key, at) => `witness ${names[at]} ${verifierKeyToText(key)}`),
      `group quorum-of-witnesses ${policy.quorum} ${names.join(" ")}`,
      "quorum quorum-of-witnesses",
      "",
    ].join("\n"),
  );
}

/** The policy of a file in exactly the form that `policyToBytes` writes. */
export function parsePolicy(data: Bytes): Policy {
  const text = data.length <= MAX_NOTE_SIZE ? fromUtf8(data) : undefined;
  if (text === undefined) throw malformed("a policy is UTF-8");
  const lines = text.split("\n").map((line) => line.split(" "));
  const logs = lines.filter((line) => line[0] === "log" && line.length === 2);
  const witnesses = lines.filter((line) => line[0] === "witness" && line.length === 3).map((line) => parseVerifierKey(line[2]!));
  const counts = lines.filter((line) => line[0] === "group" && line.length > 2);
  if (logs.length !== 1 || counts.length !== 1) throw malformed("a policy names one log and one group");
  const policy = { log: parseVerifierKey(logs[0]![1]!), witnesses, quorum: parseNumber(counts[0]![2]!) };
  const distinct = new Set(witnesses.map((key) => toHex(key.publicKey))).size;
  if (!equal(policyToBytes(policy), data) || policy.quorum < 1 || policy.quorum > distinct || distinct !== witnesses.length) {
    throw malformed("a policy is k of n witnesses with different keys, in its one form");
  }
  return policy;
}

// ----------------------------------------------------------------------------------------------------------- passkeys

/** The challenge of a use over fields of fixed lengths: SHA-256(u16 length of tag, tag, fields). */
export function passkeyChallenge(tagBytes: Bytes, ...fields: readonly Bytes[]): Bytes {
  return sha256(u16(tagBytes.length), tagBytes, ...fields);
}

/** How clientDataJSON begins, up to the origin's first character (WebAuthn, section 5.8.1.1). */
export function clientDataStart(challenge: Bytes): Bytes {
  return utf8(`{"type":"webauthn.get","challenge":"${toBase64Url(challenge)}","origin":"`);
}

/** The COSE key of a P-256 point. */
export function coseEs256(x: Bytes, y: Bytes): Bytes {
  const head = Uint8Array.of(0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20);
  return concat(head, x, Uint8Array.of(0x22, 0x58, 0x20), y);
}

/** The COSE key of an Ed25519 key. */
export function coseEddsa(publicKey: Bytes): Bytes {
  return concat(Uint8Array.of(0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20), publicKey);
}
