import fc from "fast-check";
import { expect, test } from "vitest";
import {
  encodeDoubles,
  GENERATOR,
  halve,
  hashToElement,
  IDENTITY,
  multiply,
  ORDER,
  parseElement,
  parseScalar,
  parseSum,
  reduce,
  reduceWide,
  requireSuite,
  scalarToBytes,
  sumOf,
  Table,
  UnservedSuite,
} from "../../src/core/group.js";
import { Misuse } from "../../src/core/errors.js";
import { ascii, expectRefused, hex, load, unhex } from "./vectors.js";

const published = load("published");
const own = load("group").suites["RISTRETTO255-SHA512"];
const scalar = fc.bigInt({ min: 0n, max: ORDER - 1n });

test("multiples of the generator, of RFC 9496 and of this specification", () => {
  published.ristretto_multiples.forEach((encoded: string, factor: number) => {
    expect(unhex(multiply(BigInt(factor), GENERATOR).toBytes())).toBe(encoded);
    expect(unhex(parseSum(hex(encoded)).toBytes())).toBe(encoded);
  });
  own.multiples.forEach((encoded: string, factor: number) => {
    expect(unhex(multiply(BigInt(factor), GENERATOR).toBytes())).toBe(encoded);
  });
});

test.each(published.ristretto_bad_encodings as [string, string][])("refused: %s %s", (_, encoded) => {
  expectRefused("GROUP-1", () => parseElement(hex(encoded)));
  expectRefused("GROUP-1", () => parseSum(hex(encoded)));
});

test("lengths and the identity", () => {
  expectRefused("GROUP-1", () => parseElement(new Uint8Array(31)));
  expectRefused("GROUP-1", () => parseElement(new Uint8Array(33)));
  expectRefused("GROUP-2", () => parseElement(new Uint8Array(32)));
  expect(parseSum(new Uint8Array(32)).isIdentity()).toBe(true);
});

test("scalars", () => {
  expectRefused("GROUP-3", () => parseScalar(new Uint8Array(31)));
  expectRefused("GROUP-3", () => parseScalar(new Uint8Array(33)));
  expectRefused("GROUP-3", () => parseScalar(new Uint8Array(32).fill(255)));
  const order = scalarToBytes(ORDER - 1n);
  order[0]! += 1;
  expectRefused("GROUP-3", () => parseScalar(order));
  expect(unhex(scalarToBytes(-1n))).toBe(own.scalar_minus_one);
  expect(parseScalar(hex(own.scalar_minus_one))).toBe(ORDER - 1n);
  expect(reduceWide(new Uint8Array(64).fill(255))).toBe((2n ** 512n - 1n) % ORDER);
  expect(() => reduceWide(new Uint8Array(63))).toThrow(Misuse);
});

test("suites", () => {
  requireSuite("RISTRETTO255-SHA512");
  expect(() => requireSuite("P256-SHA256")).toThrow(UnservedSuite);
  expectRefused("GROUP-4", () => requireSuite("P256-SHA256 "));
});

test("generators are hashed to the group", () => {
  for (const [name, encoded] of Object.entries(own.generators)) {
    const index = new Uint8Array(4);
    new DataView(index.buffer).setUint32(0, Number(name.slice(1)));
    expect(unhex(hashToElement(Uint8Array.of(name.charCodeAt(0), ...index), ascii(own.dst)).toBytes())).toBe(encoded);
  }
});

test("tables, sums and encodings agree with one another", () => {
  const table = new Table(multiply(12345n, GENERATOR));
  fc.assert(
    fc.property(scalar, scalar, (first, second) => {
      const [left, right] = [table.multiply(first), multiply(second, GENERATOR)];
      expect(unhex(left.toBytes())).toBe(unhex(multiply(reduce(first * 12345n), GENERATOR).toBytes()));
      const sum = multiply(reduce(first * 12345n + second), GENERATOR);
      expect(left.add(right).equals(sum)).toBe(true);
      expect(sumOf([first, second], [multiply(12345n, GENERATOR), GENERATOR]).equals(sum)).toBe(true);
      const halves = [multiply(halve(first), GENERATOR), left, IDENTITY];
      const doubled = [multiply(first, GENERATOR), left.add(left), IDENTITY];
      expect(unhex(encodeDoubles(halves))).toBe(doubled.map((each) => unhex(each.toBytes())).join(""));
    }),
    { numRuns: 25, seed: 1 },
  );
});

test("the scalars at the edges of a window", () => {
  const table = new Table(GENERATOR);
  for (const value of [0n, 1n, 15n, 16n, 17n, 31n, 32n, 1023n, ORDER - 1n, 2n ** 252n, 2n ** 253n - 1n]) {
    const expected = unhex(multiply(value % ORDER, GENERATOR).toBytes());
    expect(unhex(table.multiply(value).toBytes())).toBe(expected);
    expect(unhex(sumOf([value], [GENERATOR]).toBytes())).toBe(expected);
  }
  expect(() => table.multiply(-1n)).toThrow(Misuse);
  expect(() => table.multiply(2n ** 256n)).toThrow(Misuse);
  expect(() => sumOf([1n], [])).toThrow(Misuse);
});

test("many points: the other way of summing gives the same", () => {
  const count = 170;
  const scalars = Array.from({ length: count }, (_, at) => reduceWide(new Uint8Array(64).fill(at)));
  const points = Array.from({ length: count }, (_, at) => multiply(BigInt(at), GENERATOR));
  const expected = scalars.reduce((sum, each, at) => sum + each * BigInt(at), 0n);
  expect(sumOf(scalars, points).equals(multiply(reduce(expected), GENERATOR))).toBe(true);
});
