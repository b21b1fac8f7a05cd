/**
 * The Merkle log: hashes, proofs, tiles, bundles and the offline proof, all as pure functions (docs/spec/merkle.md).
 *
 * Nothing here fetches: who reads hands in `get(path)`, which answers with bytes that are already there, or undefined.
 */

import { type Bytes, concat, equal, fromBase64, toBase64, u16, utf8 } from "./bytes.js";
import { MAX_ENTRY_SIZE } from "./encoding.js";
import { MalformedEncoding, Misuse, Refused } from "./errors.js";
import { sha256 } from "./hashing.js";

export const HASH_SIZE = 32;
export const TILE_WIDTH = 256;
export const MAX_PROOF_HASHES = 63;
export const MAX_LOG_PROOF_SIZE = 131_072;
export const CHECKPOINT_PATH = "checkpoint";
/** No log has more entries than a number holds exactly; the format's own limit is 2^63 - 1. */
export const MAX_SIZE = Number.MAX_SAFE_INTEGER;

const LEAF = /* @__PURE__ */ Uint8Array.of(0);
const NODE = /* @__PURE__ */ Uint8Array.of(1);

export type Get = (path: string) => Bytes | undefined;

export function leafHash(entry: Bytes): Bytes {
  return sha256(LEAF, entry);
}

export function nodeHash(left: Bytes, right: Bytes): Bytes {
  return sha256(NODE, left, right);
}

export function emptyRoot(): Bytes {
  return sha256();
}

/** The root over leaf hashes, or over the complete subtrees of one level. */
export function rootOf(leaves: readonly Bytes[]): Bytes {
  if (leaves.length === 0) return emptyRoot();
  if (leaves.length === 1) return leaves[0]!;
  const split = 2 ** Math.ceil(Math.log2(leaves.length) - 1);
  return nodeHash(rootOf(leaves.slice(0, split)), rootOf(leaves.slice(split)));
}

// ------------------------------------------------------------------------------------------------------------- proofs

const isOdd = (value: number): boolean => value % 2 === 1;
const half = (value: number): number => Math.floor(value / 2);
const isSize = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

/** Check that a leaf hash stands at `index` of the tree (RFC 9162, section 2.1.3.2). */
export function verifyInclusion(leaf: Bytes, index: number, size: number, root: Bytes, proof: readonly Bytes[]): void {
  if (!leads(leaf, index, size, root, proof)) {
    // The index is below the size, and the path has exactly the length that they determine and leads to the root.
    throw new Refused("MERKLE-5", "the path does not lead from the leaf to the root", `entry ${index}`);
  }
}

function leads(leaf: Bytes, index: number, size: number, root: Bytes, proof: readonly Bytes[]): boolean {
  if (!isSize(index) || !isSize(size) || index >= size || proof.length > MAX_PROOF_HASHES) return false;
  let hash = leaf;
  let node = index;
  let last = size - 1;
  for (const sibling of proof) {
    if (last === 0 || sibling.length !== HASH_SIZE) return false;
    if (isOdd(node) || node === last) {
      hash = nodeHash(sibling, hash);
      while (!isOdd(node) && node > 0) {
        node = half(node);
        last = half(last);
      }
    } else {
      hash = nodeHash(hash, sibling);
    }
    node = half(node);
    last = half(last);
  }
  return last === 0 && equal(hash, root);
}

/** Check that the tree of `newSize` begins with the leaves of the tree of `oldSize` (RFC 9162, section 2.1.4.2). */
export function verifyConsistency(
  oldSize: number,
  oldRoot: Bytes,
  newSize: number,
  newRoot: Bytes,
  proof: readonly Bytes[],
): void {
  if (!continues(oldSize, oldRoot, newSize, newRoot, proof)) {
    // The proof leads to both roots; a size has one root; the empty tree has its own root and an empty proof.
    throw new Refused("MERKLE-6", `the tree of ${newSize} entries does not continue the tree of ${oldSize}`);
  }
}

function continues(oldSize: number, oldRoot: Bytes, newSize: number, newRoot: Bytes, proof: readonly Bytes[]): boolean {
  if (!isSize(oldSize) || !isSize(newSize) || oldSize > newSize || proof.length > MAX_PROOF_HASHES) return false;
  if ((oldSize === 0 && !equal(oldRoot, emptyRoot())) || (newSize === 0 && !equal(newRoot, emptyRoot()))) return false;
  if (oldSize === 0 || oldSize === newSize) {
    return proof.length === 0 && (oldSize !== newSize || equal(oldRoot, newRoot));
  }
  const isPower = Number.isInteger(Math.log2(oldSize)) && 2 ** Math.round(Math.log2(oldSize)) === oldSize;
  const [first, ...path] = isPower ? [oldRoot, ...proof] : proof;
  if (first === undefined || [first, ...path].some((hash) => hash.length !== HASH_SIZE)) return false;
  let node = oldSize - 1;
  let last = newSize - 1;
  while (isOdd(node)) {
    node = half(node);
    last = half(last);
  }
  let older = first;
  let newer = first;
  for (const sibling of path) {
    if (last === 0) return false;
    if (isOdd(node) || node === last) {
      older = nodeHash(sibling, older);
      newer = nodeHash(sibling, newer);
      while (!isOdd(node) && node > 0) {
        node = half(node);
        last = half(last);
      }
    } else {
      newer = nodeHash(newer, sibling);
    }
    node = half(node);
    last = half(last);
  }
  return last === 0 && equal(older, oldRoot) && equal(newer, newRoot);
}

// -------------------------------------------------------------------------------------------------- tiles and bundles

/** What a path names: a tile of a level, or (level null) a bundle of entries; width 256 is a full one. */
export interface TileName {
  readonly level: number | null;
  readonly index: number;
  readonly width: number;
}

export function pathOf(name: TileName): string {
  const groups = [String(name.index % 1000).padStart(3, "0")];
  for (let rest = Math.floor(name.index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    groups.unshift(`x${String(rest % 1000).padStart(3, "0")}`);
  }
  const partial = name.width === TILE_WIDTH ? "" : `.p/${name.width}`;
  return `tile/${name.level ?? "entries"}/${groups.join("/")}${partial}`;
}

export function tilePath(level: number, index: number, width: number = TILE_WIDTH): string {
  return pathOf({ level, index, width });
}

export function bundlePath(index: number, width: number = TILE_WIDTH): string {
  return pathOf({ level: null, index, width });
}

/** What a path of the log's static files names; MalformedEncoding for any but its one spelling. */
export function parsePath(path: string): TileName {
  const match = path.length <= 64 ? /^tile\/(entries|[0-9]{1,2})((?:\/x[0-9]{3})*\/[0-9]{3})(?:\.p\/([0-9]{1,3}))?$/.exec(path) : null;
  if (match === null) throw malformed("not the path of a tile or bundle");
  const index = Number(match[2]!.replaceAll("/x", "").replaceAll("/", ""));
  const level = match[1] === "entries" ? null : Number(match[1]);
  const name = { level, index, width: match[3] === undefined ? TILE_WIDTH : Number(match[3]) };
  const fits = (level ?? 0) <= 63 && name.width >= 1 && name.width <= TILE_WIDTH && index <= MAX_SIZE;
  if (!fits || pathOf(name) !== path) throw malformed("a tile's path has another spelling");
  return name;
}

function malformed(reason: string): MalformedEncoding {
  return new MalformedEncoding("MERKLE-1", reason);
}

/** A tile's hashes; exactly `width` of them. */
export function parseTile(data: Bytes, width: number): Bytes[] {
  if (width < 1 || width > TILE_WIDTH || data.length !== width * HASH_SIZE) {
    throw malformed(`a tile of width ${width} has ${width * HASH_SIZE} bytes`);
  }
  return Array.from({ length: width }, (_, at) => data.slice(at * HASH_SIZE, (at + 1) * HASH_SIZE));
}

export function bundleToBytes(entries: readonly Bytes[]): Bytes {
  if (entries.some((entry) => entry.length > MAX_ENTRY_SIZE)) throw new Misuse("an entry is too long");
  return concat(...entries.flatMap((entry) => [u16(entry.length), entry]));
}

/** A bundle's entries; exactly `width` of them and no byte left. */
export function parseBundle(data: Bytes, width: number): Bytes[] {
  const entries: Bytes[] = [];
  let start = 0;
  while (start + 2 <= data.length && entries.length < width) {
    const stop = start + 2 + data[start]! * 256 + data[start + 1]!;
    entries.push(data.slice(start + 2, stop));
    start = stop;
  }
  if (start !== data.length || entries.length !== width) {
    throw malformed(`a bundle of width ${width} holds exactly that many entries`);
  }
  return entries;
}

/** How many hashes (level 0: also entries) a tile has in a tree of this size. */
export function widthOf(size: number, level: number, index: number): number {
  return Math.min(TILE_WIDTH, Math.floor(size / 256 ** level) - index * TILE_WIDTH);
}

/** The files that a reader of these entries' leaf hashes needs, with their width in a tree of this size. */
export function neededTiles(size: number, indices: readonly number[]): string[] {
  const paths = new Set<string>();
  for (let level = 0; Math.floor(size / 256 ** level) > 0; level++) {
    const count = Math.floor(size / 256 ** level);
    if (count % TILE_WIDTH > 0) paths.add(tilePath(level, Math.floor(count / TILE_WIDTH), count % TILE_WIDTH));
  }
  for (const index of indices) {
    if (index >= size) throw new Misuse("the tree has no such entry");
    let tile = Math.floor(index / TILE_WIDTH);
    for (let level = 0; widthOf(size, level, tile) === TILE_WIDTH; level++) {
      paths.add(tilePath(level, tile));
      tile = Math.floor(tile / TILE_WIDTH);
    }
  }
  return [...paths].sort();
}

/** The tiles of one checkpoint, each compared with the hash above it, up to the root, before it is handed out. */
export class LeafReader {
  private readonly rows: Bytes[][] = [];
  private readonly known = new Map<string, Bytes[]>();

  constructor(
    private readonly get: Get,
    readonly size: number,
    root: Bytes,
  ) {
    if (!isSize(size)) throw new Misuse("a size is a number of entries");
    for (let level = 0; Math.floor(size / 256 ** level) > 0; level++) {
      const count = Math.floor(size / 256 ** level);
      this.rows.push(count % TILE_WIDTH > 0 ? this.read(level, Math.floor(count / TILE_WIDTH)) : []);
    }
    // The unfinished tiles of all levels give the checkpoint's root.
    if (!equal(foldRows(this.rows), root)) throw this.refuse("the tiles do not give the checkpoint's root", `tree of ${size} entries`);
  }

  /** The hashes of a tile. Throws Refused where they do not give the hash above it. */
  tile(level: number, index: number): Bytes[] {
    const width = widthOf(this.size, level, index);
    if (width < 1) throw new Misuse("the tree has no such tile");
    if (width < TILE_WIDTH) return this.rows[level]!;
    const path = tilePath(level, index);
    const known = this.known.get(path);
    if (known !== undefined) return known;
    const above = this.tile(level + 1, Math.floor(index / TILE_WIDTH))[index % TILE_WIDTH]!;
    const hashes = this.read(level, index);
    // A full tile's root is the hash that the tile above it holds.
    if (!equal(rootOf(hashes), above)) {
      const first = index * 256 ** (level + 1);
      throw this.refuse(`a tile does not give the hash above it; first entry under it: ${first}`, path);
    }
    this.known.set(path, hashes);
    return hashes;
  }

  private refuse(reason: string, culprit: string): Refused {
    return new Refused("MERKLE-3", reason, culprit);
  }

  /** The leaf hash of an entry. */
  leaf(index: number): Bytes {
    if (!isSize(index) || index >= this.size) throw new Misuse("the tree has no such entry");
    return this.tile(0, Math.floor(index / TILE_WIDTH))[index % TILE_WIDTH]!;
  }

  /** Check that these bytes are the entry at an index. */
  requireEntry(index: number, entry: Bytes): void {
    if (!equal(leafHash(entry), this.leaf(index))) {
      // An entry's leaf hash is the one that the level 0 tile holds.
      throw new Refused("MERKLE-4", "the entry is not the one that the tree holds", `entry ${index}`);
    }
  }

  private read(level: number, index: number): Bytes[] {
    const width = widthOf(this.size, level, index);
    const { data, served } = this.fetch({ level, index, width });
    return parseTile(data, served).slice(0, width);
  }

  protected fetch(name: TileName): { data: Bytes; served: number } {
    const data = this.get(pathOf(name));
    if (data !== undefined) return { data, served: name.width };
    const full = name.width < TILE_WIDTH ? this.get(pathOf({ ...name, width: TILE_WIDTH })) : undefined;
    if (full !== undefined) return { data: full, served: TILE_WIDTH };
    // Every tile and bundle of the checkpoint's size is served.
    throw new Refused("MERKLE-2", "a file of the log is missing", pathOf(name));
  }
}

/** The root of a tree from the unfinished tiles of its levels: complete subtrees, largest first, folded from the right. */
function foldRows(rows: readonly (readonly Bytes[])[]): Bytes {
  const peaks: Bytes[] = [];
  for (const row of [...rows].reverse()) {
    let rest = row;
    while (rest.length > 0) {
      const part = 2 ** Math.floor(Math.log2(rest.length));
      peaks.push(rootOf(rest.slice(0, part)));
      rest = rest.slice(part);
    }
  }
  let root = peaks.pop();
  if (root === undefined) return emptyRoot();
  for (let peak = peaks.pop(); peak !== undefined; peak = peaks.pop()) root = nodeHash(peak, root);
  return root;
}

/** The root of this tree's first `size` entries; the tiles of entry size-1 are all that it needs. */
export function rootAt(reader: LeafReader, size: number): Bytes {
  if (!isSize(size) || size > reader.size) throw new Misuse("the tree has no such beginning");
  const rows: Bytes[][] = [];
  for (let level = 0; Math.floor(size / 256 ** level) > 0; level++) {
    const count = Math.floor(size / 256 ** level);
    const width = count % TILE_WIDTH;
    rows.push(width > 0 ? reader.tile(level, Math.floor(count / TILE_WIDTH)).slice(0, width) : []);
  }
  return foldRows(rows);
}

/** Reads whole entries and earlier roots too. */
export class TileReader extends LeafReader {
  rootAt(size: number): Bytes {
    return rootAt(this, size);
  }

  /** The entries of a bundle, each compared with its leaf. */
  bundle(index: number): Bytes[] {
    const width = widthOf(this.size, 0, index);
    if (width < 1) throw new Misuse("the tree has no such bundle");
    this.tile(0, index);
    const { data, served } = this.fetch({ level: null, index, width });
    const entries = parseBundle(data, served).slice(0, width);
    entries.forEach((entry, offset) => this.requireEntry(index * TILE_WIDTH + offset, entry));
    return entries;
  }
}

// ------------------------------------------------------------------------------------------------------ offline proof

/** A voter's offline proof (C2SP tlog-proof): an entry's index, its path, and the signed checkpoint as served. */
export interface LogProof {
  readonly index: number;
  readonly proof: readonly Bytes[];
  readonly checkpoint: Bytes;
  readonly extra: Bytes | null;
}

const LOG_PROOF_HEADER = "c2sp.org/tlog-proof@v1";

export function logProofToBytes(proof: LogProof): Bytes {
  const lines = [LOG_PROOF_HEADER];
  if (proof.extra !== null) lines.push(`extra ${toBase64(proof.extra)}`);
  lines.push(`index ${proof.index}`, ...proof.proof.map(toBase64), "", "");
  return concat(utf8(lines.join("\n")), proof.checkpoint);
}

/** The parts of a `.tlog-proof` file; what its checkpoint is worth, `verifyQuorum` says. */
export function parseLogProof(data: Bytes): LogProof {
  const end = data.findIndex((byte, at) => byte === 10 && data[at + 1] === 10);
  if (data.length > MAX_LOG_PROOF_SIZE || end < 0) throw malformed("not a log proof");
  const head = latin1(data.subarray(0, end)).split("\n");
  if (head.shift() !== LOG_PROOF_HEADER) throw malformed("not a log proof");
  const extra = head[0]?.startsWith("extra ") === true ? decode(head.shift()!.slice(6)) : null;
  const index = /^index (0|[1-9][0-9]{0,18})$/.exec(head.shift() ?? "");
  if (index === null || !Number.isSafeInteger(Number(index[1]))) throw malformed("a log proof names an index");
  const proof = head.map(decode);
  if (proof.length > MAX_PROOF_HASHES || proof.some((hash) => hash.length !== HASH_SIZE)) {
    throw malformed("a log proof has at most 63 hashes of 32 bytes");
  }
  return { index: Number(index[1]), proof, checkpoint: data.slice(end + 2), extra };
}

function latin1(data: Bytes): string {
  let text = "";
  for (const byte of data) text += String.fromCharCode(byte);
  return text;
}

function decode(text: string): Bytes {
  const data = fromBase64(text);
  if (data === undefined) throw malformed("not the one base64 spelling of anything");
  return data;
}
