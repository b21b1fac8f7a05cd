import fc from "fast-check";
import { expect, test } from "vitest";
import { type Bytes, fromBase64, toBase64 } from "../../src/core/bytes.js";
import { Misuse, Refused } from "../../src/core/errors.js";
import {
  bundlePath,
  bundleToBytes,
  leafHash,
  logProofToBytes,
  neededTiles,
  nodeHash,
  parseBundle,
  parseLogProof,
  parsePath,
  parseTile,
  pathOf,
  rootOf,
  TileReader,
  tilePath,
  verifyConsistency,
  verifyInclusion,
} from "../../src/core/merkle.js";
import { sha256 } from "../../src/core/transcript.js";
import { ascii, expectRefused, flip, load, unhex } from "./vectors.js";

const vectors = load("merkle");
const entry = (index: number) => ascii(`ballot-${index}`);
const leaves = (size: number) => Array.from({ length: size }, (_, at) => leafHash(entry(at)));
const root = (size: number | string): Bytes => fromBase64(vectors.roots[size])!;

/** All files of a log of this size. */
function filesOf(size: number): Map<string, Bytes> {
  const files = new Map<string, Bytes>();
  for (let start = 0; start < size; start += 256) {
    const chunk = Array.from({ length: Math.min(256, size - start) }, (_, at) => entry(start + at));
    files.set(bundlePath(start / 256, chunk.length), bundleToBytes(chunk));
  }
  let row = leaves(size);
  for (let level = 0; row.length > 0; level++) {
    const next: Bytes[] = [];
    for (let start = 0; start < row.length; start += 256) {
      const chunk = row.slice(start, start + 256);
      files.set(tilePath(level, start / 256, chunk.length), Uint8Array.from(chunk.flatMap((hash) => [...hash])));
      if (chunk.length === 256) next.push(rootOf(chunk));
    }
    row = next;
  }
  return files;
}

test("roots of independent programs", () => {
  expect(unhex(leafHash(entry(0)))).toBe(vectors.leaf_0);
  for (const size of Object.keys(vectors.roots)) {
    if (Number(size) < 1000) expect(toBase64(rootOf(leaves(Number(size))))).toBe(vectors.roots[size]);
  }
});

test("tiles of independent programs", () => {
  for (const { size, path, bytes, sha256: digest } of vectors.tiles) {
    if (size > 1000) continue;
    const data = filesOf(size).get(path)!;
    expect([path, data.length, unhex(sha256(data))]).toEqual([path, bytes, digest]);
  }
});

test("inclusion", () => {
  for (const { index, size, proof } of vectors.inclusion) {
    const path = proof.map((item: string) => fromBase64(item));
    const verify = (at: number, of: number, hashes: Bytes[]) => verifyInclusion(leafHash(entry(index)), at, of, root(size), hashes);
    verify(index, size, path);
    expectRefused("MERKLE-5", () => verify(index + 1, size, path));
    expectRefused("MERKLE-5", () => verify(index, 4, path));
    expectRefused("MERKLE-5", () => verify(size, size, path));
    expectRefused("MERKLE-5", () => verify(-1, size, path));
    expectRefused("MERKLE-5", () => verify(0.5, size, path));
    expectRefused("MERKLE-5", () => verify(index, size, path.slice(1)));
    expectRefused("MERKLE-5", () => verify(index, size, [...path, path[0]!]));
    expectRefused("MERKLE-5", () => verify(index, size, path.map((hash: Bytes, at: number) => (at === 0 ? flip(hash, 0) : hash))));
    expectRefused("MERKLE-5", () => verify(index, size, path.map((hash: Bytes) => hash.slice(1))));
    expectRefused("MERKLE-5", () => verifyInclusion(leafHash(entry(index + 1)), index, size, root(size), path));
  }
  verifyInclusion(leafHash(entry(0)), 0, 1, root(1), []);
  expectRefused("MERKLE-5", () => verifyInclusion(leafHash(entry(0)), 0, 0, root(0), []));
});

/** RFC 6962's own definitions, written out. */
const split = (size: number) => 2 ** Math.ceil(Math.log2(size) - 1);
function path(index: number, hashes: Bytes[]): Bytes[] {
  if (hashes.length === 1) return [];
  const k = split(hashes.length);
  const [left, right] = [hashes.slice(0, k), hashes.slice(k)];
  return index < k ? [...path(index, left), rootOf(right)] : [...path(index - k, right), rootOf(left)];
}
function consistency(old: number, hashes: Bytes[], whole: boolean): Bytes[] {
  if (old === hashes.length) return whole ? [] : [rootOf(hashes)];
  const k = split(hashes.length);
  const [left, right] = [hashes.slice(0, k), hashes.slice(k)];
  return old <= k ? [...consistency(old, left, whole), rootOf(right)] : [...consistency(old - k, right, false), rootOf(left)];
}

test("every inclusion and consistency proof of the trees up to 33 entries, and no other", () => {
  const all = leaves(33);
  for (let size = 1; size <= 33; size++) {
    const tree = all.slice(0, size);
    const top = rootOf(tree);
    for (let index = 0; index < size; index++) {
      verifyInclusion(tree[index]!, index, size, top, path(index, tree));
      const other = (index + 1) % size;
      if (other !== index) expectRefused("MERKLE-5", () => verifyInclusion(tree[index]!, other, size, top, path(index, tree)));
    }
    for (let old = 1; old <= size; old++) {
      const proof = consistency(old, tree, true);
      const before = rootOf(tree.slice(0, old));
      verifyConsistency(old, before, size, top, proof);
      expectRefused("MERKLE-6", () => verifyConsistency(old, flip(before, 3), size, top, proof));
      expectRefused("MERKLE-6", () => verifyConsistency(old, before, size, flip(top, 3), proof));
      expectRefused("MERKLE-6", () => verifyConsistency(old, before, size, top, [...proof, top]));
      if (proof.length > 0) expectRefused("MERKLE-6", () => verifyConsistency(old, before, size, top, proof.slice(1)));
    }
  }
});

test("consistency: the vectors, the empty tree, and sizes that fall", () => {
  for (const { old, new: size, proof } of vectors.consistency) {
    verifyConsistency(old, root(old), size, root(size), proof.map((item: string) => fromBase64(item)));
  }
  verifyConsistency(0, root(0), 7, root(7), []);
  verifyConsistency(7, root(7), 7, root(7), []);
  expectRefused("MERKLE-6", () => verifyConsistency(0, root(1), 7, root(7), []));
  expectRefused("MERKLE-6", () => verifyConsistency(0, root(0), 7, root(7), [root(1)]));
  expectRefused("MERKLE-6", () => verifyConsistency(7, root(7), 7, root(5), []));
  expectRefused("MERKLE-6", () => verifyConsistency(7, root(7), 5, root(5), []));
});

test("paths", () => {
  for (const { level, index, width, path: spelled } of vectors.paths) {
    expect(pathOf({ level, index, width })).toBe(spelled);
    expect(parsePath(spelled)).toEqual({ level, index, width });
  }
  for (const { path: wrong } of vectors.refused_paths) expectRefused("MERKLE-1", () => parsePath(wrong));
});

test("tiles and bundles have exactly their width", () => {
  expect(parseTile(new Uint8Array(64), 2).length).toBe(2);
  expectRefused("MERKLE-1", () => parseTile(new Uint8Array(63), 2));
  expectRefused("MERKLE-1", () => parseTile(new Uint8Array(0), 0));
  const bundle = bundleToBytes([entry(0), new Uint8Array(0), entry(1)]);
  expect(parseBundle(bundle, 3)).toEqual([entry(0), new Uint8Array(0), entry(1)]);
  expectRefused("MERKLE-1", () => parseBundle(bundle, 2));
  expectRefused("MERKLE-1", () => parseBundle(bundle, 4));
  expectRefused("MERKLE-1", () => parseBundle(bundle.slice(0, -1), 3));
  expect(() => bundleToBytes([new Uint8Array(65_536)])).toThrow(Misuse);
});

test.each([7, 255, 256, 257, 300, 512])("a log of %d entries is read, each file under its root", (size) => {
  const files = filesOf(size);
  const reader = new TileReader((name) => files.get(name), size, root(size));
  for (const index of [0, size >> 1, size - 1]) {
    reader.requireEntry(index, entry(index));
    expectRefused("MERKLE-4", () => reader.requireEntry(index, entry(index + 1)));
  }
  const bundles = Math.ceil(size / 256);
  expect(Array.from({ length: bundles }, (_, at) => reader.bundle(at)).flat()).toEqual(Array.from({ length: size }, (_, at) => entry(at)));
  expect(() => reader.leaf(size)).toThrow(Misuse);
  const needed = new Set(neededTiles(size, [0, size - 1]));
  const few = new TileReader((name) => (needed.has(name) ? files.get(name) : undefined), size, root(size));
  few.requireEntry(0, entry(0));
  few.requireEntry(size - 1, entry(size - 1));
});

test("the empty log", () => {
  expect(new TileReader(() => undefined, 0, root(0)).size).toBe(0);
  expectRefused("MERKLE-3", () => new TileReader(() => undefined, 0, root(1)));
});

test("any changed byte of any file is found; a missing file too", () => {
  const files = filesOf(300);
  const names = [...files.keys()];
  fc.assert(
    fc.property(fc.constantFrom(...names), fc.nat(), (name, bit) => {
      const data = files.get(name)!;
      const get = (asked: string) => (asked === name ? flip(data, bit % (8 * data.length)) : files.get(asked));
      const readAll = (from: (asked: string) => Bytes | undefined) => {
        const reader = new TileReader(from, 300, root(300));
        reader.bundle(0);
        reader.bundle(1);
      };
      expect(() => readAll(get)).toThrow(Refused);
      expectRefused("MERKLE-2", () => readAll((asked) => (asked === name ? undefined : files.get(asked))));
    }),
    { numRuns: 40, seed: 5 },
  );
});

test("an entry that only its own tile vouches for", () => {
  const files = filesOf(300);
  const forged = ascii("forged");
  const tile = files.get(tilePath(0, 0))!.slice();
  tile.set(leafHash(forged), 0);
  const reader = new TileReader((name) => (name === tilePath(0, 0) ? tile : files.get(name)), 300, root(300));
  expectRefused("MERKLE-3", () => reader.requireEntry(0, forged));
  expectRefused("MERKLE-3", () => reader.leaf(5));
  reader.requireEntry(299, entry(299));
});

test("questions that make no sense are the caller's mistakes", () => {
  const files = filesOf(7);
  const reader = new TileReader((name) => files.get(name), 7, root(7));
  for (const wrong of [() => reader.tile(0, 1), () => reader.bundle(1), () => reader.leaf(-1), () => neededTiles(7, [7])]) {
    expect(wrong).toThrow(Misuse);
  }
  for (const size of [-1, 0.5, 2 ** 53]) expect(() => new TileReader(() => undefined, size, root(0))).toThrow(Misuse);
});

test("a full file may stand for the partial one that it replaced", () => {
  const [now, later] = [filesOf(300), filesOf(512)];
  const get = (name: string) => (name.endsWith("001.p/44") ? undefined : (later.get(name) ?? now.get(name)));
  const reader = new TileReader(get, 300, root(300));
  reader.requireEntry(299, entry(299));
  expect(reader.bundle(1).length).toBe(44);
});

test("the root of every beginning, from the tiles of its last entry", () => {
  for (const size of [7, 257, 300]) {
    const files = filesOf(size);
    for (let old = 1; old <= size; old += size < 10 ? 1 : 37) {
      const needed = new Set(neededTiles(size, [old - 1]));
      const reader = new TileReader((name) => (needed.has(name) ? files.get(name) : undefined), size, root(size));
      expect(unhex(reader.rootAt(old))).toBe(unhex(rootOf(leaves(old))));
      expect(() => reader.rootAt(size + 1)).toThrow(Misuse);
    }
  }
});

test("offline proofs", () => {
  const proof = parseLogProof(ascii(vectors.log_proof));
  expect(logProofToBytes(proof)).toEqual(ascii(vectors.log_proof));
  verifyInclusion(leafHash(entry(proof.index)), proof.index, 7, root(7), proof.proof);
  for (const { text } of vectors.refused_log_proofs) expectRefused("MERKLE-1", () => parseLogProof(ascii(text)));
  const long = new Uint8Array(131_073);
  long.set(ascii(vectors.log_proof));
  expectRefused("MERKLE-1", () => parseLogProof(long));
  expectRefused("MERKLE-1", () => parseLogProof(ascii("c2sp.org/tlog-proof@v1\nindex 0\n")));
  const extra = { index: 0, proof: [], checkpoint: ascii("x"), extra: ascii("y") };
  expect(parseLogProof(logProofToBytes(extra))).toEqual(extra);
});

test("a node is not a leaf", () => {
  const [left, right] = [leafHash(entry(0)), leafHash(entry(1))];
  expect(unhex(nodeHash(left, right))).not.toBe(unhex(leafHash(Uint8Array.of(...left, ...right))));
});
