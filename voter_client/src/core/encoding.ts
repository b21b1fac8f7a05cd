/**
 * One declaration of a message's fields with their limits gives its strict reader and its writer (docs/spec/encoding.md).
 *
 * The reader walks the declaration: it takes exactly the bytes that the writer gives, and its depth is the declaration's.
 */

import { ARRAY, BSTR, malformed, MAP, NINT, type Read, readBytes, readHead, TSTR, UINT, writeBytes, writeHead } from "./cbor.js";
import { type Bytes, compare, concat, fromUtf8, hasAt, utf8 } from "./bytes.js";
import { MalformedEncoding, Misuse } from "./errors.js";

export const MAX_UINT = Number.MAX_SAFE_INTEGER;
export const MAX_ENTRY_SIZE = 65_535;

// Control characters, and those that turn the direction of a line: a name must read as what it is.
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/;

function outOfLimits(reason: string): MalformedEncoding {
  return new MalformedEncoding("ENCODING-2", reason);
}

/** Check the size of an entry or body before anything in it is read. */
export function requireSize(data: Bytes): void {
  if (data.length > MAX_ENTRY_SIZE) {
    throw new MalformedEncoding("ENCODING-3", `${data.length} bytes, ${MAX_ENTRY_SIZE} are allowed`);
  }
}

/** What a field may hold: how its bytes are read and how a value is written (Misuse outside the limits). */
export interface FieldKind<T> {
  read(data: Bytes, at: number): Read<T>;
  write(value: T): Bytes;
}

type Value<K> = K extends FieldKind<infer T> ? T : never;

function within(condition: boolean): void {
  if (!condition) throw new Misuse("a value is not within its declared limits");
}

export function uintField(maximum: number = MAX_UINT, minimum = 0): FieldKind<number> {
  return {
    read(data, at) {
      const read = readHead(data, at, UINT);
      if (read.value < minimum || read.value > maximum) {
        throw outOfLimits(`an integer is not between ${minimum} and ${maximum}`);
      }
      return read;
    },
    write(value) {
      within(Number.isSafeInteger(value) && value >= minimum && value <= maximum);
      return writeHead(UINT, value);
    },
  };
}

/** A signed integer of a closed list. */
export function intField(values: readonly number[]): FieldKind<number> {
  return {
    read(data, at) {
      const negative = at < data.length && data[at]! >> 5 === NINT;
      const { value, end } = readHead(data, at, negative ? NINT : UINT);
      const signed = negative ? -1 - value : value;
      if (!values.includes(signed)) throw outOfLimits(`an integer is none of ${values.join(", ")}`);
      return { value: signed, end };
    },
    write(value) {
      within(values.includes(value));
      return value < 0 ? writeHead(NINT, -1 - value) : writeHead(UINT, value);
    },
  };
}

export const flagField: FieldKind<boolean> = {
  read(data, at) {
    if (data[at] !== 0xf4 && data[at] !== 0xf5) throw malformed("a boolean was expected");
    return { value: data[at] === 0xf5, end: at + 1 };
  },
  write: (value) => Uint8Array.of(value ? 0xf5 : 0xf4),
};

/** A byte string of `minimum` to `maximum` bytes, a multiple of `step`; one number is the exact length. */
export function bytesField(minimum: number, maximum: number = minimum, step = 1): FieldKind<Bytes> {
  const fits = (size: number) => size >= minimum && size <= maximum && size % step === 0;
  return {
    read(data, at) {
      const read = readBytes(data, at);
      if (!fits(read.value.length)) throw outOfLimits(`${read.value.length} bytes where ${minimum} to ${maximum} are declared`);
      return read;
    },
    write(value) {
      within(fits(value.length));
      return writeBytes(value);
    },
  };
}

/** A text of 1 to `maximum` bytes of UTF-8 without control characters. */
export function textField(maximum: number): FieldKind<string> {
  const fits = (value: string, size: number) => size >= 1 && size <= maximum && !UNPRINTABLE.test(value);
  return {
    read(data, at) {
      const { value: raw, end } = readBytes(data, at, TSTR);
      const value = fromUtf8(raw);
      if (value === undefined) throw malformed("a text is not UTF-8");
      if (!fits(value, raw.length)) throw outOfLimits(`a text has not 1 to ${maximum} bytes, or holds a control character`);
      return { value, end };
    },
    write(value) {
      const raw = utf8(value);
      // A lone surrogate would be replaced without a word.
      within(fits(value, raw.length) && fromUtf8(raw) === value);
      return writeBytes(raw, TSTR);
    },
  };
}

/** One of a few fixed texts. */
export function choiceField<T extends string>(values: readonly T[]): FieldKind<T> {
  const text = textField(64);
  const isChoice = (value: string): value is T => (values as readonly string[]).includes(value);
  return {
    read(data, at) {
      const { value, end } = text.read(data, at);
      if (!isChoice(value)) throw outOfLimits(`a text is none of ${values.join(", ")}`);
      return { value, end };
    },
    write(value) {
      within(isChoice(value));
      return text.write(value);
    },
  };
}

/** A value or null. */
export function optionalField<T>(kind: FieldKind<T>): FieldKind<T | null> {
  return {
    read: (data, at) => (data[at] === 0xf6 ? { value: null, end: at + 1 } : kind.read(data, at)),
    write: (value) => (value === null ? Uint8Array.of(0xf6) : kind.write(value)),
  };
}

/** What a released item names: an index, a hash, or the word for the late last block; told apart by the first byte. */
export function targetField(
  index: FieldKind<number>,
  hash: FieldKind<Bytes>,
  word: FieldKind<string>,
): FieldKind<number | Bytes | string> {
  return {
    read(data, at) {
      const major = at < data.length ? data[at]! >> 5 : -1;
      if (major === UINT) return index.read(data, at);
      if (major === BSTR) return hash.read(data, at);
      if (major === TSTR) return word.read(data, at);
      throw malformed("an index, a hash or a word was expected");
    },
    write(value) {
      if (typeof value === "number") return index.write(value);
      return typeof value === "string" ? word.write(value) : hash.write(value);
    },
  };
}

/** An array of `minimum` to `maximum` values of one kind; its count is looked at before anything in it is read. */
export function itemsField<T>(kind: FieldKind<T>, minimum: number, maximum: number): FieldKind<readonly T[]> {
  return {
    read(data, at) {
      const { value: count, end: start } = readHead(data, at, ARRAY);
      if (count < minimum || count > maximum) throw outOfLimits(`${minimum} to ${maximum} members are declared`);
      const value: T[] = [];
      let end = start;
      for (let left = count; left > 0; left--) {
        const member = kind.read(data, end);
        value.push(member.value);
        end = member.end;
      }
      return { value, end };
    },
    write(value) {
      within(value.length >= minimum && value.length <= maximum);
      return concat(writeHead(ARRAY, value.length), ...value.map((member) => kind.write(member)));
    },
  };
}

/** A CBOR map with text keys. */
export interface Message<T> extends FieldKind<T> {
  /** Parse whole bytes; MalformedEncoding for anything but the one encoding. */
  parse(data: Bytes): T;
  toBytes(value: T): Bytes;
}

/** The type of a declared message. */
export type MessageOf<M> = M extends Message<infer T> ? T : never;

type Fields = Readonly<Record<string, FieldKind<never>>>;
type ValuesOf<F> = { readonly [K in keyof F]: Value<F[K]> };

/** Declare a message: each field once, with its limits. */
export function message<F extends Readonly<Record<string, FieldKind<any>>>>(declared: F): Message<ValuesOf<F>> {
  const fields = Object.entries(declared as unknown as Fields)
    .map(([name, kind]) => ({ name, kind: kind as FieldKind<unknown>, key: writeBytes(utf8(name), TSTR) }))
    .sort((left, right) => compare(left.key, right.key));
  const read = (data: Bytes, at: number): Read<ValuesOf<F>> => {
    const { value: count, end: start } = readHead(data, at, MAP);
    if (count !== fields.length) throw malformed(`${fields.length} fields are declared`);
    const values: Record<string, unknown> = {};
    let end = start;
    for (const field of fields) {
      if (!hasAt(data, end, field.key)) throw malformed(`the field "${field.name}" was expected`);
      const member = field.kind.read(data, end + field.key.length);
      values[field.name] = member.value;
      end = member.end;
    }
    return { value: values as ValuesOf<F>, end };
  };
  const write = (value: ValuesOf<F>): Bytes => {
    const values = value as Readonly<Record<string, unknown>>;
    const parts = fields.map((field) => concat(field.key, field.kind.write(values[field.name])));
    return concat(writeHead(MAP, fields.length), ...parts);
  };
  return {
    read,
    write,
    toBytes: write,
    parse(data) {
      requireSize(data);
      const { value, end } = read(data, 0);
      if (end !== data.length) throw malformed("bytes follow the end");
      // Reader and writer are two roads to the same bytes; that they meet costs little and is looked at each time.
      if (compare(write(value), data) !== 0) throw malformed("writing it again gives other bytes");
      return value;
    },
  };
}
