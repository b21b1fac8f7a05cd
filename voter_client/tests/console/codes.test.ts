import { expect, test } from "vitest";
import { codeBytes, codeKey, makeCode } from "../../src/console/codes.js";
import { readCode } from "../../src/code.js";
import { decode, fits } from "../../src/console/acts.js";
import { BODIES } from "../../src/core/entries.js";
import { toBase64 } from "../../src/core/bytes.js";

const HASH = new Uint8Array(32).fill(7);

test("a code that is made here is one that the voter's page reads", () => {
  for (let round = 0; round < 50; round += 1) {
    const code = makeCode();
    expect(code).toMatch(/^([2-9ACEHKPTX]{4}-){5}[2-9ACEHKPTX]{4}$/);
    expect(readCode(code)).toBe(code.replaceAll("-", ""));
  }
});

test("a code's key differs with kind, election and code", () => {
  const code = makeCode();
  const keys = [codeKey("practice", HASH, code), codeKey("real", HASH, code), codeKey("practice", new Uint8Array(32), code), codeKey("practice", HASH, makeCode())];
  expect(new Set(keys.map(String)).size).toBe(4);
});

test("what the issuer signs names person, key and time", () => {
  const key = codeKey("practice", HASH, makeCode());
  const bytes = codeBytes("12345678901234", key, 5);
  expect(bytes.length).toBe(1 + 14 + 32 + 8 + 7);
});

test("an act is decoded from its bytes and from nothing else", () => {
  const body = toBase64(BODIES.close.toBytes({ ballots: 7 }));
  expect(decode("close", body)?.plain).toEqual({ ballots: 7 });
  expect(decode("opening", body)).toBeNull();
  expect(decode("nonsense", body)).toBeNull();
  expect(decode("close", "not base64")).toBeNull();
  expect(decode("close", toBase64(new Uint8Array([0xa0])))).toBeNull();
});

test("parts that are not the manifest's are no parts of it", () => {
  expect(fits({ manifest: null, parts: [] }, "practice")).toBe(false);
  expect(fits({ manifest: toBase64(BODIES.close.toBytes({ ballots: 7 })), parts: [] }, "practice")).toBe(false);
});
