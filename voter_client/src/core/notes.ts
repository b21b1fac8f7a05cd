/**
 * Authors' messages, signed notes, checkpoints, cosignatures, quorums (docs/spec/signatures.md). Who verifies the signatures
 * themselves, `verifying.ts` knows.
 */

import { type Bytes, concat, equal, fromBase64, fromUtf8, toBigInt, u16, u32, utf8 } from "./bytes.js";
import { MalformedEncoding, Misuse, Refused } from "./errors.js";
import { sha256 } from "./hashing.js";
import { verifyEd25519 } from "./verifying.js";

// ------------------------------------------------------------------------------------------------------------ authors

/** The 8 bytes by which entries name an author's key. */
export function keyId(publicKey: Bytes): Bytes {
  return sha256(utf8("dobush/1/key"), publicKey).slice(0, 8);
}

/** What an author signs; the manifest hash is 32 zero bytes in the manifest itself. */
export function authorMessage(tagBytes: Bytes, manifestHash: Bytes, type: string, author: Bytes, body: Bytes): Bytes {
  if (manifestHash.length !== 32 || author.length !== 8) throw new Misuse("a manifest hash has 32 bytes and a key id 8");
  const name = utf8(type);
  return concat(u16(tagBytes.length), tagBytes, manifestHash, u16(name.length), name, author, u32(body.length), body);
}

// ------------------------------------------------------------------------------------------------------- signed notes

export const TYPE_ED25519 = 1;
export const TYPE_COSIGNATURE = 4;
export const MAX_NOTE_SIZE = 65_535;
export const MAX_SIGNATURE_LINES = 16;
const DASH = "\u2014 ";

/** The refusal of a text that is not in its one form. */
export function malformed(reason: string): MalformedEncoding {
  return new MalformedEncoding("SIGNATURE-2", reason);
}

/** The bytes of base64 in its one spelling. */
export function decode(text: string): Bytes {
  const data = fromBase64(text);
  if (data === undefined) throw malformed("not the one base64 spelling of anything");
  return data;
}

const MAX_U63 = 2n ** 63n - 1n;

/** A decimal number below 2^63; one beyond 2^53 is exact enough to be refused wherever it is used. */
export function parseNumber(text: string): number {
  if (!/^(0|[1-9][0-9]{0,18})$/.test(text) || BigInt(text) > MAX_U63) {
    throw malformed("not a decimal number below 2^63 without leading zeros");
  }
  return Number(text);
}

// The spaces of Unicode as other implementations count them: a byte order mark is none.
const SPACES = /[+\u0000-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

/** Check that a key's name can stand in a line. */
export function requireName(name: string): void {
  const length = [...name].length;
  if (length < 1 || length > 255 || SPACES.test(name)) {
    throw malformed("a key's name is empty, too long, or holds a space or a plus sign");
  }
}

/** A public key of the signed note format: name, type (1 log, 4 witness), 32 bytes. */
export interface VerifierKey {
  readonly name: string;
  readonly publicKey: Bytes;
  readonly type: number;
}

/** The 4 bytes by which a signature line names the key. */
export function noteKeyId(key: VerifierKey): Bytes {
  return sha256(utf8(`${key.name}\n`), Uint8Array.of(key.type), key.publicKey).slice(0, 4);
}

/** One signature line: the key's name, its 4-byte id, and the signature's bytes. */
export interface NoteSignature {
  readonly name: string;
  readonly id: Bytes;
  readonly signature: Bytes;
}

/** A signed note's text (ends with a line feed) and signature lines, none of them checked. */
export interface Note {
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

export function parseNote(data: Bytes): Note {
  if (data.length > MAX_NOTE_SIZE) throw malformed("a note is too long");
  const whole = fromUtf8(data);
  if (whole === undefined) throw malformed("a note is UTF-8");
  if (/[\u0000-\u0009\u000b-\u001f]/.test(whole)) throw malformed("a note holds no control character but the line feed");
  const split = whole.lastIndexOf("\n\n");
  if (split < 0) throw malformed("a note has an empty line before its signatures");
  return { text: whole.slice(0, split + 1), signatures: parseSignatureLines(whole.slice(split + 2)) };
}

function parseSignatureLines(text: string): NoteSignature[] {
  const lines = text.split("\n");
  if (lines.pop() !== "" || lines.length < 1 || lines.length > MAX_SIGNATURE_LINES) {
    throw malformed(`1 to ${MAX_SIGNATURE_LINES} signature lines, each with its line feed`);
  }
  return lines.map((line) => {
    const space = line.indexOf(" ", DASH.length);
    if (!line.startsWith(DASH) || space < 0) throw malformed("not a signature line");
    const name = line.slice(DASH.length, space);
    requireName(name);
    const blob = decode(line.slice(space + 1));
    if (blob.length < 5) throw malformed("a signature line holds a key id and a signature");
    return { name, id: blob.slice(0, 4), signature: blob.slice(4) };
  });
}

function linesOf(note: Note, key: VerifierKey): NoteSignature[] {
  const id = noteKeyId(key);
  return note.signatures.filter((line) => line.name === key.name && equal(line.id, id));
}

/** A tree's head. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Bytes;
}

export function parseCheckpoint(text: string): Checkpoint {
  const lines = text.split("\n");
  if (lines.length !== 4 || lines[3] !== "") throw malformed("a checkpoint has three lines and no extension");
  requireName(lines[0]!);
  const root = decode(lines[2]!);
  if (root.length !== 32) throw malformed("a root has 32 bytes");
  return { origin: lines[0]!, size: parseNumber(lines[1]!), root };
}

function verifyLine(key: VerifierKey, message: Bytes, signature: Bytes): void {
  try {
    verifyEd25519(key.publicKey, message, signature);
  } catch (error) {
    // A bad signature of a known key refuses the whole note.
    throw error instanceof Refused ? new Refused("SIGNATURE-3", "a known key's signature line is bad", key.name) : error;
  }
}

function verifyLog(note: Note, log: VerifierKey): Checkpoint {
  const checkpoint = parseCheckpoint(note.text);
  const line = linesOf(note, log)[0];
  // A checkpoint carries its origin's signature under the log key that the manifest names.
  if (log.type !== TYPE_ED25519 || checkpoint.origin !== log.name || line === undefined) {
    throw new Refused("SIGNATURE-4", "the checkpoint is not signed by the log", log.name);
  }
  verifyLine(log, utf8(note.text), line.signature);
  return checkpoint;
}

/** The head of a checkpoint's bytes after checking the log's signature. */
export function verifyCheckpoint(data: Bytes, log: VerifierKey): Checkpoint {
  return verifyLog(parseNote(data), log);
}

/** A verified witness line: whose, and at which time. */
export interface Cosignature {
  readonly witness: VerifierKey;
  readonly time_s: number;
}

/** A head with the cosignatures that count. */
export interface QuorumCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly cosignatures: readonly Cosignature[];
}

/** Every witness line of a known key MUST verify; those that count have a time above zero and not from the future. */
export function verifyCosignatures(note: Note, witnesses: readonly VerifierKey[], latest_s: number): Cosignature[] {
  const counted: Cosignature[] = [];
  for (const witness of witnesses) {
    const line = linesOf(note, witness)[0];
    if (line === undefined || witness.type !== TYPE_COSIGNATURE) continue;
    const time = toBigInt(line.signature.subarray(0, 8));
    const message = utf8(`cosignature/v1\ntime ${time}\n${note.text}`);
    verifyLine(witness, message, line.signature.slice(8));
    const known = counted.some((item) => equal(item.witness.publicKey, witness.publicKey));
    if (!known && time > 0n && time <= MAX_U63 && Number(time) <= latest_s) counted.push({ witness, time_s: Number(time) });
  }
  return counted;
}

/** A checkpoint that the log signed and at least `quorum` witnesses cosigned; `latest_s` is the reader's clock. */
export function verifyQuorum(
  data: Bytes,
  log: VerifierKey,
  witnesses: readonly VerifierKey[],
  quorum: number,
  latest_s: number,
): QuorumCheckpoint {
  if (quorum < 1) throw new Misuse("a quorum is at least one witness");
  const note = parseNote(data);
  const checkpoint = verifyLog(note, log);
  const cosignatures = verifyCosignatures(note, witnesses, latest_s);
  // At least k witnesses with different public keys cosigned, each at a time above zero and not from the future.
  if (cosignatures.length < quorum) {
    const reason = `${cosignatures.length} cosignatures count, ${quorum} are needed`;
    throw new Refused("SIGNATURE-5", reason, `checkpoint of ${checkpoint.size} entries`);
  }
  return { checkpoint, cosignatures };
}
