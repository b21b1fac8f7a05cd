import { expect, test } from "vitest";
import { hkdfExpand, hkdfExtract, tag, taggedHash, Transcript } from "../../src/core/transcript.js";
import { fromBase64, fromBase64Url, fromHex, toBase64, toBase64Url, uint } from "../../src/core/bytes.js";
import { Misuse } from "../../src/core/errors.js";
import { ascii, hex, load, unhex } from "./vectors.js";

const vectors = load("transcript");

test("tagged hash", () => {
  expect(unhex(taggedHash(hex(vectors.tag), ...vectors.fields.map(hex)))).toBe(vectors.tagged_hash);
});

test("tag", () => {
  expect(unhex(tag("practice", "example"))).toBe(vectors.tag);
});

test("every state, and challenges that leave it alone", () => {
  const transcript = Transcript.begin(hex(vectors.tag));
  expect(unhex(transcript.state)).toBe(vectors.states[0]);
  vectors.items.forEach(([label, item]: [string, string], at: number) => {
    transcript.absorb(label, hex(item));
    expect(unhex(transcript.state)).toBe(vectors.states[at + 1]);
  });
  expect(unhex(transcript.challenge("x"))).toBe(vectors.challenge);
  expect(unhex(transcript.challenge("x", 7))).toBe(vectors.challenge_7);
  expect(unhex(Transcript.resume(transcript.state).challenge("x"))).toBe(vectors.challenge);
});

test("a state that is kept is not changed by what follows", () => {
  const transcript = Transcript.begin(ascii("x"));
  const kept = transcript.state;
  const copy = unhex(kept);
  transcript.absorb("a", ascii("b"));
  expect(unhex(kept)).toBe(copy);
  kept.fill(0);
  expect(unhex(transcript.state)).not.toBe("00".repeat(64));
});

test("a state has 64 bytes", () => {
  expect(() => Transcript.resume(new Uint8Array(63))).toThrow(Misuse);
});

test("HKDF asks for one block at most", () => {
  const key = hkdfExtract(ascii("salt"), ascii("secret"));
  expect(key.length).toBe(64);
  expect(() => hkdfExpand(key, ascii(""), 65)).toThrow(Misuse);
  expect(() => hkdfExpand(key, ascii(""), 0)).toThrow(Misuse);
});

test("base64 has one spelling", () => {
  for (let size = 0; size < 70; size++) {
    const data = Uint8Array.from({ length: size }, (_, at) => (at * 37 + size) & 255);
    expect(toBase64(data)).toBe(Buffer.from(data).toString("base64"));
    expect(fromBase64(toBase64(data))).toEqual(data);
    expect(toBase64Url(data)).toBe(Buffer.from(data).toString("base64url"));
    expect(fromBase64Url(toBase64Url(data))).toEqual(data);
  }
  for (const wrong of ["A", "AA", "AA=", "AB==", "AAB=", "AA==\n", " AA==", "A===", "====", "AA-_", "AAAA="]) {
    expect(fromBase64(wrong), wrong).toBeUndefined();
  }
  for (const wrong of ["A", "AA==", "AB", "A/", "+A", "AAB"]) expect(fromBase64Url(wrong), wrong).toBeUndefined();
});

test("an integer fits its bytes or is Misuse", () => {
  expect(unhex(uint(2 ** 53 - 1, 8))).toBe("001fffffffffffff");
  for (const [value, size] of [[256, 1], [-1, 2], [1.5, 2], [2 ** 53, 8], [Number.NaN, 4]] as const) {
    expect(() => uint(value, size)).toThrow(Misuse);
  }
});

test("hexadecimal is lower case and whole", () => {
  for (const wrong of ["0", "0G", "AB", "0x", " 00"]) expect(() => fromHex(wrong), wrong).toThrow(Misuse);
});
