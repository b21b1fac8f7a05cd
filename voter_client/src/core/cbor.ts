/** Heads and byte strings of CBOR in their shortest form only (docs/spec/encoding.md, section Bytes). */

import { type Bytes, concat, uint } from "./bytes.js";
import { MalformedEncoding, Misuse } from "./errors.js";

export const UINT = 0;
export const NINT = 1;
export const BSTR = 2;
export const TSTR = 3;
export const ARRAY = 4;
export const MAP = 5;

/** The refusal of bytes that are not the one encoding of what is declared. */
export function malformed(reason: string): MalformedEncoding {
  return new MalformedEncoding("ENCODING-1", reason);
}

/** Something read, and the position after it. */
export interface Read<T> {
  readonly value: T;
  readonly end: number;
}

/** An argument beyond 2^53, which no limit of this protocol allows, reads as infinity. */
export function readHead(data: Bytes, at: number, major: number): Read<number> {
  const first = data[at];
  if (first === undefined) throw malformed("the bytes end too early");
  if (first >> 5 !== major) throw malformed("another type was expected");
  const info = first & 31;
  if (info < 24) return { value: info, end: at + 1 };
  if (info > 27) throw malformed("indefinite and reserved lengths are not allowed");
  const size = 1 << (info - 24);
  const end = at + 1 + size;
  if (end > data.length) throw malformed("the bytes end too early");
  let value = 0;
  for (const byte of data.subarray(at + 1, end)) value = value * 256 + byte;
  if (value < (size === 1 ? 24 : 2 ** (4 * size))) throw malformed("an integer is not in its shortest form");
  return { value: Number.isSafeInteger(value) ? value : Number.POSITIVE_INFINITY, end };
}

export function readBytes(data: Bytes, at: number, major: number = BSTR): Read<Bytes> {
  const { value: length, end: start } = readHead(data, at, major);
  const end = start + length;
  if (end > data.length) throw malformed("the bytes end too early");
  return { value: data.slice(start, end), end };
}

/** The shortest head of a major type. */
export function writeHead(major: number, value: number): Bytes {
  if (!Number.isSafeInteger(value) || value < 0) throw new Misuse("a head's argument is an unsigned integer");
  if (value < 24) return Uint8Array.of((major << 5) | value);
  const size = value < 2 ** 8 ? 1 : value < 2 ** 16 ? 2 : value < 2 ** 32 ? 4 : 8;
  return concat(Uint8Array.of((major << 5) | (24 + Math.log2(size))), uint(value, size));
}

export function writeBytes(data: Bytes, major: number = BSTR): Bytes {
  return concat(writeHead(major, data.length), data);
}
