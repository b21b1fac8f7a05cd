import { expect, test } from "vitest";
import { concat, equal } from "../../src/core/bytes.js";
import { Misuse } from "../../src/core/errors.js";
import {
  authorMessage,
  checkpointToText,
  clientDataStart,
  keyId,
  parseCheckpoint,
  parseNote,
  parsePolicy,
  parseVerifierKey,
  passkeyChallenge,
  policyToBytes,
  verifierKeyToText,
  verifyCheckpoint,
  verifyEd25519,
  verifyQuorum,
} from "../../src/core/signatures.js";
import { ed25519 } from "@noble/curves/ed25519.js";
import { fromBase64 } from "../../src/core/bytes.js";
import { ascii, expectRefused, flip, hex, load, text, unhex } from "./vectors.js";

const vectors = load("signatures");
const log = parseVerifierKey(vectors.log.vkey);
const witnesses = vectors.witnesses.map(({ vkey }: { vkey: string }) => parseVerifierKey(vkey));
const checkpoint = ascii(vectors.checkpoint);
const NOW = 2_000_000_000;

test.each(vectors.ed25519 as any[])("strict Ed25519: $why", ({ valid, public_key, message, signature }) => {
  const verify = () => verifyEd25519(hex(public_key), hex(message), hex(signature));
  if (valid) verify();
  else expectRefused("SIGNATURE-1", verify);
});

test("any changed bit of key, message or signature, and other lengths", () => {
  const secret = new Uint8Array(32).fill(7);
  const [key, message] = [ed25519.getPublicKey(secret), ascii("message")];
  const signature = ed25519.sign(message, secret);
  verifyEd25519(key, message, signature);
  for (let bit = 0; bit < 512; bit += 11) expectRefused("SIGNATURE-1", () => verifyEd25519(key, message, flip(signature, bit)));
  for (let bit = 0; bit < 256; bit += 17) expectRefused("SIGNATURE-1", () => verifyEd25519(flip(key, bit), message, signature));
  expectRefused("SIGNATURE-1", () => verifyEd25519(key, flip(message, 0), signature));
  expectRefused("SIGNATURE-1", () => verifyEd25519(key.slice(1), message, signature));
  expectRefused("SIGNATURE-1", () => verifyEd25519(key, message, concat(signature, new Uint8Array(1))));
});

test("authors", () => {
  const { seed, tag, manifest_hash, type, body, key_id, signature } = vectors.author;
  const key = ed25519.getPublicKey(hex(seed));
  expect(unhex(keyId(key))).toBe(key_id);
  verifyEd25519(key, authorMessage(ascii(tag), hex(manifest_hash), type, hex(key_id), hex(body)), hex(signature));
  expect(() => authorMessage(ascii(tag), new Uint8Array(31), type, hex(key_id), hex(body))).toThrow(Misuse);
  expect(() => authorMessage(ascii(tag), new Uint8Array(32), type, new Uint8Array(7), hex(body))).toThrow(Misuse);
});

test("keys of notes", () => {
  expect(verifierKeyToText(log)).toBe(vectors.log.vkey);
  expect(unhex(log.publicKey)).toBe(vectors.log.public_key);
  for (const { vkey } of vectors.refused_vkeys) expectRefused("SIGNATURE-2", () => parseVerifierKey(vkey));
});

test("a quorum checkpoint", () => {
  const { checkpoint: head, cosignatures } = verifyQuorum(checkpoint, log, witnesses, 2, NOW);
  expect([head.size, equal(head.root, fromBase64(vectors.checkpoint_root)!)]).toEqual([vectors.checkpoint_size, true]);
  expect(cosignatures.map((each) => each.time_s)).toEqual(vectors.witnesses.map((each: any) => each.time_s));
  expect(checkpointToText(head)).toBe(parseNote(checkpoint).text);
});

test("a quorum that is none", () => {
  const verify = (keys: typeof witnesses, quorum: number, now = NOW) => verifyQuorum(checkpoint, log, keys, quorum, now);
  expectRefused("SIGNATURE-5", () => verify(witnesses, 3));
  expectRefused("SIGNATURE-5", () => verify(witnesses.slice(1), 2));
  // The second cosigned a second later: from the future for whoever's clock says so.
  expectRefused("SIGNATURE-5", () => verify(witnesses, 2, vectors.witnesses[0].time_s));
  // One public key under two names is one witness.
  const twice = { ...witnesses[0], name: "watch.example/twin" };
  expectRefused("SIGNATURE-5", () => verify([witnesses[0], twice], 2));
  expect(() => verify(witnesses, 0)).toThrow(Misuse);
  // A log's key type is no witness's.
  expectRefused("SIGNATURE-5", () => verify(witnesses.map((key: any) => ({ ...key, type: 1 })), 1));
});

test("the log's own line", () => {
  verifyCheckpoint(checkpoint, log);
  const whole = text(checkpoint);
  const lines = whole.split("\n");
  const without = lines.filter((_, at) => at !== 4).join("\n");
  expectRefused("SIGNATURE-4", () => verifyCheckpoint(ascii(without), log));
  expectRefused("SIGNATURE-4", () => verifyCheckpoint(checkpoint, { ...log, name: "board.example/other" }));
  expectRefused("SIGNATURE-4", () => verifyCheckpoint(checkpoint, { ...log, type: 4 }));
  expectRefused("SIGNATURE-3", () => verifyCheckpoint(ascii(whole.replace("\n7\n", "\n8\n")), log));
});

test("a bad line of a known witness refuses the whole note", () => {
  const lines = text(checkpoint).split("\n");
  // Another letter late in the base64 leaves name and key id as they are.
  const changed = (line: string) => line.slice(0, -10) + (line.at(-10) === "A" ? "B" : "A") + line.slice(-9);
  const bad = lines.map((line, at) => (at === 5 ? changed(line) : line)).join("\n");
  expectRefused("SIGNATURE-3", () => verifyQuorum(ascii(bad), log, witnesses, 1, NOW));
  // Nobody's line is ignored.
  verifyQuorum(ascii(bad), log, [witnesses[1]], 1, NOW);
});

test.each(vectors.refused_notes as { why: string; note: string }[])("refused note: $why", ({ note }) => {
  expectRefused("SIGNATURE-2", () => parseNote(ascii(note)));
});

test("keys of other types, and names without end", () => {
  expectRefused("SIGNATURE-2", () => parseVerifierKey(verifierKeyToText({ ...log, type: 2 })));
  expectRefused("SIGNATURE-2", () => parseVerifierKey(verifierKeyToText({ ...log, publicKey: new Uint8Array(31) })));
  expectRefused("SIGNATURE-2", () => parseVerifierKey(verifierKeyToText({ ...log, name: "x".repeat(256) })));
  expectRefused("SIGNATURE-2", () => parseVerifierKey("board.example"));
  expectRefused("SIGNATURE-2", () => parsePolicy(Uint8Array.of(0xff)));
});

test("a note that is too long, or no UTF-8", () => {
  expectRefused("SIGNATURE-2", () => parseNote(ascii(`${"x\n".repeat(33_000)}\n\u2014 w AAAAAAAA\n`)));
  expectRefused("SIGNATURE-2", () => parseNote(ascii("x\u2014 w AAAAAAAA\n")));
  expectRefused("SIGNATURE-2", () => parseNote(new Uint8Array(65_536)));
  expectRefused("SIGNATURE-2", () => parseNote(Uint8Array.of(0xff, 10, 10)));
});

test.each(vectors.refused_checkpoint_texts as { why: string; text: string }[])("refused checkpoint: $why", ({ text: wrong }) => {
  expectRefused("SIGNATURE-2", () => parseCheckpoint(wrong));
});

test("policy", () => {
  const policy = parsePolicy(ascii(vectors.policy));
  expect(text(policyToBytes(policy))).toBe(vectors.policy);
  for (const wrong of [
    vectors.policy.replace("w1", "w01"),
    `${vectors.policy}\n`,
    vectors.policy.replace("quorum quorum-of-witnesses", "quorum none"),
    vectors.policy.replace(/group quorum-of-witnesses \d+/, "group quorum-of-witnesses 9"),
    vectors.policy.replace(/group quorum-of-witnesses \d+/, "group quorum-of-witnesses 0"),
    vectors.policy.replace(/log .*\n/, ""),
  ]) {
    expectRefused("SIGNATURE-2", () => parsePolicy(ascii(wrong)));
  }
});

test("challenges", () => {
  const { tag, fields, challenge } = vectors.challenge;
  expect(unhex(passkeyChallenge(ascii(tag), ...fields.map(hex)))).toBe(challenge);
  const [assertion] = vectors.passkeys.assertions;
  expect(assertion.client_data.startsWith(text(clientDataStart(hex(challenge))))).toBe(true);
});
