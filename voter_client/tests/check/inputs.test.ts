import { describe, expect, test } from "vitest";
import { trackingCode } from "../../src/core/ballot.js";
import { toBase64, toBase64Url, toHex, utf8 } from "../../src/core/bytes.js";
import { readBoardFile, readCheckFile, readCommitment, readPin, readReceiptFile, readSeed } from "../../src/check/inputs.js";

const HASH = Uint8Array.from({ length: 32 }, (_, place) => place * 7) as never as Uint8Array<ArrayBuffer>;
const url = toBase64Url(HASH);
const code = trackingCode(HASH);
const file = (value: unknown) => utf8(JSON.stringify(value));

describe("commitments", () => {
  test.each([
    `https://vote.example/check/#c=${url}`,
    ` http://localhost:8000/practice/check/#c=${url}\n`,
    `#c=${url}`,
    toHex(HASH),
    toHex(HASH).toUpperCase().replace(/(.{4})/g, "$1 "),
  ])("the whole hash: %s", (text) => expect(readCommitment(text)).toEqual(HASH));

  test("a tracking code gives the hash's beginning, however it is typed", () => {
    for (const text of [code, code.toLowerCase(), code.replaceAll("-", " "), code.replaceAll("-", "")]) {
      expect(readCommitment(text)).toEqual(HASH.slice(0, 18));
    }
  });

  test.each(["", "x", code.slice(1), `dobush:seed:1:${url}`, `#c=${url}A`, `#c=${url.slice(1)}`, `javascript:#c=${url}`, `${toHex(HASH)}00`])(
    "nothing else: %s",
    (text) => expect(readCommitment(text)).toBeUndefined(),
  );
});

describe("seeds", () => {
  test("only in their own form", () => {
    expect(readSeed(` dobush:seed:1:${url} `)).toEqual(HASH);
    for (const text of [url, toHex(HASH), code, `#c=${url}`, `dobush:seed:2:${url}`, `dobush:seed:1:${url}=`, `dobush:seed:1:${url.slice(1)}`]) {
      expect(readSeed(text)).toBeUndefined();
    }
  });
});

describe("the number of an election", () => {
  test("in any grouping, and nothing else", () => {
    expect(readPin(toHex(HASH).replace(/(.{4})/g, "$1 "))).toBe(toHex(HASH));
    for (const text of ["", "12", `${toHex(HASH)}0`, "g".repeat(64)]) expect(readPin(text)).toBeUndefined();
  });
});

describe("files", () => {
  const good = { dobush: "check/1", ballot: toBase64(utf8("ballot")), seed: toBase64(HASH) };

  test("a check file", () => expect(readCheckFile(file(good))).toEqual({ ballot: utf8("ballot"), seed: HASH }));

  test.each([
    { ...good, dobush: "check/2" },
    { ...good, seed: toBase64(HASH.slice(1)) },
    { ...good, seed: 7 },
    { ...good, ballot: "%" },
    { dobush: "check/1" },
    [good],
    null,
    "check/1",
  ])("no check file: %j", (value) => expect(readCheckFile(file(value))).toBeUndefined());

  test("a board file holds every path's bytes, or is none", () => {
    const board = { dobush: "board/1", files: { checkpoint: toBase64(utf8("x")), __proto__x: "" } };
    expect(readBoardFile(file(board))?.get("checkpoint")).toEqual(utf8("x"));
    for (const value of [{ ...board, files: null }, { ...board, files: { a: 1 } }, { ...board, files: { a: "*" } }, { ...board, dobush: "x" }]) {
      expect(readBoardFile(file(value))).toBeUndefined();
    }
    expect(readBoardFile(utf8("{"))).toBeUndefined();
    expect(readBoardFile(Uint8Array.of(0xff, 0xfe) as never)).toBeUndefined();
  });

  test("receipts in three forms", () => {
    const receipt = Uint8Array.of(0xa7, 1) as never as Uint8Array<ArrayBuffer>;
    const proof = utf8("c2sp.org/tlog-proof@v1\nindex 1\n");
    expect(readReceiptFile(receipt)).toEqual({ receipt, proof: undefined });
    expect(readReceiptFile(proof)).toEqual({ receipt: undefined, proof });
    const both = { dobush: "receipt/1", receipt: toBase64(receipt), proof: "c2sp" };
    expect(readReceiptFile(file(both))).toEqual({ receipt, proof: utf8("c2sp") });
    expect(readReceiptFile(file({ ...both, proof: null }))).toEqual({ receipt, proof: undefined });
    for (const value of [{ ...both, receipt: 1 }, { ...both, dobush: "receipt/2" }, {}]) expect(readReceiptFile(file(value))).toBeUndefined();
  });
});
