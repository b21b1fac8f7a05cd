import { expect, test } from "vitest";
import { ARRAY, BSTR, readBytes, readHead, UINT, writeBytes, writeHead } from "../../src/core/cbor.js";
import { Misuse } from "../../src/core/errors.js";
import { expectRefused, hex, unhex } from "./vectors.js";

test.each([
  ["", UINT],
  ["40", UINT],
  ["18", UINT],
  ["19ff", UINT],
  ["1b00000001000000", UINT],
  ["1817", UINT],
  ["1900ff", UINT],
  ["1a0000ffff", UINT],
  ["1b00000000ffffffff", UINT],
  ["1c", UINT],
  ["1d", UINT],
  ["1e", UINT],
  ["1f", UINT],
  ["9f", ARRAY],
])("%s is no head", (bytes, major) => {
  expectRefused("ENCODING-1", () => readHead(hex(bytes), 0, major));
});

test.each(["43aabb", "5803aabbcc", "5bffffffffffffffff", "5f", "63616263", ""])("%s is no byte string", (bytes) => {
  expectRefused("ENCODING-1", () => readBytes(hex(bytes), 0));
});

test("every length of argument", () => {
  for (const value of [0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
    const head = writeHead(UINT, value);
    expect(readHead(head, 0, UINT)).toEqual({ value, end: head.length });
  }
  expect(unhex(writeHead(ARRAY, 65_536))).toBe("9a00010000");
  expect(readHead(hex("1bffffffffffffffff"), 0, UINT).value).toBe(Number.POSITIVE_INFINITY);
  for (const wrong of [-1, 0.5, 2 ** 53, Number.NaN]) expect(() => writeHead(UINT, wrong)).toThrow(Misuse);
});

test("a byte string is a copy", () => {
  const data = writeBytes(Uint8Array.of(1, 2, 3));
  const { value, end } = readBytes(data, 0, BSTR);
  data.fill(0);
  expect([unhex(value), end]).toEqual(["010203", 4]);
});
