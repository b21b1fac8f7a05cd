/** Byte strings: joining, comparing, and their spellings as text. */

import { Misuse } from "./errors.js";

export type Bytes = Uint8Array;

export function concat(...parts: readonly Bytes[]): Bytes {
  const out = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** The order of byte strings: negative, zero or positive. */
export function compare(left: Bytes, right: Bytes): number {
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at++) {
    const difference = left[at]! - right[at]!;
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

export function equal(left: Bytes, right: Bytes): boolean {
  return left.length === right.length && compare(left, right) === 0;
}

/** Whether `data` has `part` at a position. */
export function hasAt(data: Bytes, at: number, part: Bytes): boolean {
  return at + part.length <= data.length && part.every((byte, offset) => data[at + offset] === byte);
}

/** An unsigned integer below 2^53 in a fixed number of bytes, big endian. */
export function uint(value: number, size: number): Bytes {
  if (!Number.isSafeInteger(value) || value < 0 || value >= 2 ** (8 * size)) {
    throw new Misuse(`${value} does not fit into ${size} bytes`);
  }
  const out = new Uint8Array(size);
  let rest = value;
  for (let at = size - 1; at >= 0; at--) {
    out[at] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return out;
}

export const u16 = (value: number): Bytes => uint(value, 2);
export const u32 = (value: number): Bytes => uint(value, 4);
export const u64 = (value: number): Bytes => uint(value, 8);

/** A big endian integer of any length, exact. */
export function toBigInt(data: Bytes): bigint {
  let value = 0n;
  for (const byte of data) value = (value << 8n) | BigInt(byte);
  return value;
}

/** Overwrite secrets. What the engine has copied elsewhere, and every bigint, is out of reach. */
export function wipe(...parts: readonly Bytes[]): void {
  for (const part of parts) part.fill(0);
}

const ENCODER = /* @__PURE__ */ new TextEncoder();
const DECODER = /* @__PURE__ */ new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function utf8(text: string): Bytes {
  return ENCODER.encode(text);
}

/** The text of strict UTF-8, or undefined. */
export function fromUtf8(data: Bytes): string | undefined {
  try {
    return DECODER.decode(data);
  } catch {
    return undefined;
  }
}

export function toHex(data: Bytes): string {
  let text = "";
  for (const byte of data) text += byte.toString(16).padStart(2, "0");
  return text;
}

/** The bytes of lower-case hexadecimal; Misuse for anything else. */
export function fromHex(text: string): Bytes {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) throw new Misuse("not lower-case hexadecimal");
  const out = new Uint8Array(text.length / 2);
  for (let at = 0; at < out.length; at++) out[at] = Number.parseInt(text.slice(2 * at, 2 * at + 2), 16);
  return out;
}

const SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Standard base64 with padding. */
export function toBase64(data: Bytes): string {
  let text = "";
  for (let at = 0; at < data.length; at += 3) {
    const left = data.length - at;
    const group = (data[at]! << 16) | ((data[at + 1] ?? 0) << 8) | (data[at + 2] ?? 0);
    text += SIGNS[group >> 18]! + SIGNS[(group >> 12) & 63]!;
    text += left > 1 ? SIGNS[(group >> 6) & 63]! : "=";
    text += left > 2 ? SIGNS[group & 63]! : "=";
  }
  return text;
}

/** The bytes of standard base64 with padding in its one spelling, or undefined. */
export function fromBase64(text: string): Bytes | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  const signs = text.replace(/=+$/, "");
  const out = new Uint8Array(Math.floor((signs.length * 3) / 4));
  let group = 0;
  let bits = 0;
  let at = 0;
  for (const sign of signs) {
    group = ((group << 6) | SIGNS.indexOf(sign)) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out[at++] = (group >> bits) & 255;
    }
  }
  return toBase64(out) === text ? out : undefined;
}

/** base64url without padding. */
export function toBase64Url(data: Bytes): string {
  return toBase64(data).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The bytes of base64url without padding in its one spelling, or undefined. */
export function fromBase64Url(text: string): Bytes | undefined {
  if (/[+/=]/.test(text)) return undefined;
  const padded = text.replaceAll("-", "+").replaceAll("_", "/") + "=".repeat((4 - (text.length % 4)) % 4);
  return fromBase64(padded);
}
