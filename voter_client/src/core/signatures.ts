/**
 * Ed25519 by the strict rule, signed notes, checkpoints, cosignatures, quorums, policies, passkey challenges (docs/spec/signatures.md).
 *
 * Verifying a passkey's assertion is the board's and the auditor's; the client makes challenges and signs no others.
 */

import { ed25519 } from "@noble/curves/ed25519.js";
import { type Bytes, concat, equal, fromBase64, fromUtf8, toBase64, toBase64Url, toBigInt, toHex, u16, u32, utf8 } from "./bytes.js";
import { MalformedEncoding, Misuse, Refused } from "./errors.js";
import { Element, fromLittleEndian, GENERATOR, ORDER, sumOf } from "./group.js";
import { sha256, sha512 } from "./transcript.js";

// ------------------------------------------------------------------------------------------------------------ Ed25519

const P = 2n ** 255n - 19n;
const Y_MASK = 2n ** 255n - 1n;
const Y_ORDER_8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022n;
/** The y coordinates of the eight points of small order. */
const SMALL_ORDER_Y: readonly bigint[] = [0n, 1n, P - 1n, Y_ORDER_8, P - Y_ORDER_8];

function decodePoint(data: Bytes): Element {
  const y = fromLittleEndian(data) & Y_MASK;
  if (y >= P || SMALL_ORDER_Y.includes(y)) throw invalid("a point is not canonical or has small order");
  try {
    return new Element(ed25519.Point.fromBytes(data, false));
  } catch {
    throw invalid("a point is not on the curve");
  }
}

/** Every refusal of a signature by the strict rule. */
function invalid(reason: string): Refused {
  return new Refused("SIGNATURE-1", reason);
}

/** Check a signature by the strict rule: canonical A, R and S, no small order, no cofactor. */
export function verifyEd25519(publicKey: Bytes, message: Bytes, signature: Bytes): void {
  if (publicKey.length !== 32 || signature.length !== 64) throw invalid("an Ed25519 key has 32 bytes and a signature 64");
  const r = signature.slice(0, 32);
  const key = decodePoint(publicKey);
  decodePoint(r);
  const s = fromLittleEndian(signature.subarray(32));
  if (s >= ORDER) throw invalid("the scalar of the signature is not canonical");
  const h = fromLittleEndian(sha512(r, publicKey, message)) % ORDER;
  // The encoding of S·B − h·A equals the bytes of R.
  const expected = sumOf([s, h], [GENERATOR, key.negate()]).point.toBytes();
  if (!equal(expected, r)) throw invalid("the Ed25519 signature is not valid under this key");
}

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

function malformed(reason: string): MalformedEncoding {
  return new MalformedEncoding("SIGNATURE-2", reason);
}

function decode(text: string): Bytes {
  const data = fromBase64(text);
  if (data === undefined) throw malformed("not the one base64 spelling of anything");
  return data;
}

const MAX_U63 = 2n ** 63n - 1n;

/** A decimal number below 2^63; one beyond 2^53 is exact enough to be refused wherever it is used. */
function parseNumber(text: string): number {
  if (!/^(0|[1-9][0-9]{0,18})$/.test(text) || BigInt(text) > MAX_U63) {
    throw malformed("not a decimal number below 2^63 without leading zeros");
  }
  return Number(text);
}

// The spaces of Unicode as other implementations count them: a byte order mark is none.
const SPACES = /[+\u0000-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

function requireName(name: string): void {
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

/** The three lines that a checkpoint's note holds. */
export function checkpointToText(checkpoint: Checkpoint): string {
  return `${checkpoint.origin}\n${checkpoint.size}\n${toBase64(checkpoint.root)}\n`;
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
