import { expect, test } from "vitest";
import { readCode } from "../../src/code";

// As the registrars' program makes it (`make_code` over the bytes 0, 1, 2, …).
const CODE = "2345-6789-ACEH-KPTX-2345-678H";
const BARE = CODE.replaceAll("-", "");

test("a code is read as people write it", () => {
  for (const typed of [CODE, CODE.toLowerCase(), ` ${BARE} `, CODE.replaceAll("-", " "), CODE.replaceAll("-", " – ")]) {
    expect(readCode(typed)).toBe(BARE);
  }
});

test("with one sign wrong, missing or too many it is no code", () => {
  expect(readCode("")).toBeNull();
  expect(readCode(BARE.slice(1))).toBeNull();
  expect(readCode(`${BARE}2`)).toBeNull();
  for (const place of BARE.split("").keys()) {
    for (const sign of "23456789ACEHKPTX0OБ") {
      if (sign === BARE[place]) continue;
      expect(readCode(BARE.slice(0, place) + sign + BARE.slice(place + 1))).toBeNull();
    }
  }
});
