import fc from "fast-check";
import { expect, test } from "vitest";
import { concat, hasAt } from "../../src/core/bytes.js";
import {
  bytesField,
  choiceField,
  type FieldKind,
  flagField,
  intField,
  itemsField,
  MAX_ENTRY_SIZE,
  type Message,
  message,
  optionalField,
  targetField,
  textField,
  uintField,
} from "../../src/core/encoding.js";
import { BODIES, CLIENT, CLOSE, entryToBytes, INCIDENT, parseBody, parseEntry, RELEASE } from "../../src/core/entries.js";
import { Misuse, Refused } from "../../src/core/errors.js";
import { leafHash } from "../../src/core/merkle.js";
import { expectRefused, hex, load, unhex } from "./vectors.js";

const encoding = load("encoding");
const entries = load("entries");
const credential = load("credential");
const record = load("record");

/** The vectors' name of a declaration: "Close" and so on. */
const byRule = new Map<string, Message<unknown>>(
  Object.entries(entries.bodies as Record<string, string>).map(([type, rule]) => [
    rule,
    BODIES[type as keyof typeof BODIES] as unknown as Message<unknown>,
  ]),
);

const plain = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return { hex: unhex(value) };
  if (Array.isArray(value)) return value.map(plain);
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]));
  }
  return value;
};

test("the same types of entries", () => {
  expect(Object.keys(BODIES).sort()).toEqual(Object.keys(entries.bodies).sort());
});

test.each([...encoding.messages, ...credential.bodies])("$rule $bytes", ({ rule, fields, bytes }) => {
  const declared = byRule.get(rule)!;
  const value = declared.parse(hex(bytes));
  expect(plain(value)).toEqual(fields);
  expect(unhex(declared.toBytes(value))).toBe(bytes);
});

test.each(encoding.refused_as_close as { bytes: string; check: string; why: string }[])("refused: $why", ({ bytes, check }) => {
  expectRefused(check, () => CLOSE.parse(hex(bytes)));
});

test("an entry", () => {
  const { type, body, signatures, bytes, leaf } = entries.entry;
  const entry = parseEntry(hex(bytes));
  expect(entry.type).toBe(type);
  expect(unhex(entry.body)).toBe(body);
  expect(entry.signatures.map((each) => [unhex(each.keyId), unhex(each.signature)])).toEqual(signatures);
  expect(unhex(entryToBytes({ ...entry, signatures: [...entry.signatures].reverse() }))).toBe(bytes);
  expect(unhex(leafHash(hex(bytes)))).toBe(leaf);
});

test.each(entries.refused as { bytes: string; check: string; why: string }[])("refused entry: $why", ({ bytes, check }) => {
  expectRefused(check, () => parseEntry(hex(bytes)));
});

test("every entry and body of a whole record is read, and written again byte for byte", () => {
  const seen = new Set<string>();
  for (const text of record.entries as string[]) {
    const raw = new Uint8Array(Buffer.from(text, "base64"));
    const entry = parseEntry(raw);
    expect(entryToBytes(entry)).toEqual(raw);
    const declared = BODIES[entry.type] as unknown as Message<unknown>;
    expect(declared.toBytes(declared.parse(entry.body))).toEqual(entry.body);
    seen.add(entry.type);
  }
  expect(seen.size).toBeGreaterThan(20);
});

test("refused after the end: what is wrong with the bytes alone", () => {
  for (const { entry, check } of record.refused_after_the_end as { entry: string; check: string }[]) {
    if (!check.startsWith("ENCODING")) continue;
    const raw = new Uint8Array(Buffer.from(entry, "base64"));
    expectRefused(check, () => {
      const parsed = parseEntry(raw);
      parseBody(parsed, parsed.type);
    });
  }
});

/** The one-field message with these bytes in place of the value. */
const only = (name: string, value: string): Uint8Array => hex(`a1${(0x60 + name.length).toString(16)}${unhex(new TextEncoder().encode(name))}${value}`);

test.each([
  ["ENCODING-2", "a word that is none of the list", choiceField(["late"]), "6465617273"],
  ["ENCODING-2", "a number that is none of the list", intField([-7]), "27"],
  ["ENCODING-1", "a negative number not in its shortest form", intField([-7]), "3806"],
  ["ENCODING-2", "too few bytes", bytesField(4), "43aabbcc"],
  ["ENCODING-2", "no multiple", bytesField(2, 8, 2), "43aabbcc"],
  ["ENCODING-1", "null where a flag is", flagField, "f6"],
  ["ENCODING-1", "a simple value", flagField, "e0"],
  ["ENCODING-1", "another flag", flagField, "f7"],
  ["ENCODING-1", "an array where a target is", targetField(uintField(), bytesField(1), textField(5)), "80"],
  ["ENCODING-1", "nothing where a target is", targetField(uintField(), bytesField(1), textField(5)), ""],
  ["ENCODING-2", "fewer members", itemsField(uintField(), 1, 2), "80"],
  ["ENCODING-2", "more members", itemsField(uintField(), 1, 2), "83010203"],
  ["ENCODING-2", "a smaller number", uintField(9, 2), "01"],
  ["ENCODING-1", "a number where null or bytes are", optionalField(bytesField(1)), "01"],
] as [string, string, FieldKind<unknown>, string][])("%s: %s", (check, _, field, value) => {
  expectRefused(check, () => message({ value: field }).parse(only("value", value)));
});

test("fields are counted, named and in their order", () => {
  const two = message({ b: uintField(), aa: uintField() });
  expect(unhex(two.toBytes({ b: 1, aa: 2 }))).toBe("a261620162616102");
  for (const wrong of ["a262616102616201", "a1616201", "a361620162616102616303", "a261620162616202", "a261620161620162"]) {
    expectRefused("ENCODING-1", () => two.parse(hex(wrong)));
  }
});

test("sixteen signatures are the most", () => {
  const entry = (count: number) => ({
    type: "close" as const,
    body: hex("a16762616c6c6f747314"),
    signatures: Array.from({ length: count }, (_, at) => ({ keyId: new Uint8Array(8).fill(at), signature: new Uint8Array(64) })),
  });
  expect(parseEntry(entryToBytes(entry(16))).signatures.length).toBe(16);
  expectRefused("ENCODING-1", () => parseEntry(entryToBytes(entry(17))));
});

test("unknown types", () => {
  const { bytes } = entries.entry as { bytes: string };
  // "clase", "", and a name of 5,000 signs.
  expectRefused("ENCODING-4", () => parseEntry(hex(bytes.replace("636c6f7365", "636c617365"))));
  expectRefused("ENCODING-4", () => parseEntry(hex("8401604080")));
  expectRefused("ENCODING-4", () => parseEntry(hex(`840179${"1388"}${"61".repeat(5000)}4080`)));
  expectRefused("ENCODING-4", () => parseEntry(hex("84016b636f6e7374727563746f724080")));
});

test("sizes and counts", () => {
  expectRefused("ENCODING-3", () => parseEntry(new Uint8Array(MAX_ENTRY_SIZE + 1)));
  expectRefused("ENCODING-3", () => CLOSE.parse(new Uint8Array(MAX_ENTRY_SIZE + 1)));
  // 2^32 members declared, none there: refused before anything is made room for.
  expectRefused("ENCODING-2", () => CLIENT.parse(hex("a16566696c65739affffffff")));
  expectRefused("ENCODING-1", () => CLIENT.parse(hex("a16566696c6573811b0000000000000001")));
});

test.each([
  ["a control character", "a\u0000"],
  ["a line feed", "a\nb"],
  ["a change of direction", "a\u202eb"],
  ["an isolate", "a\u2066b"],
  ["a separator of lines", "a\u2028b"],
  ["nothing", ""],
  ["too many bytes", "ы".repeat(501)],
])("a text with %s is refused, and cannot be written", (_, note) => {
  const document_hash = new Uint8Array(32);
  expect(() => INCIDENT.toBytes({ note, document_hash })).toThrow(Misuse);
  const good = INCIDENT.toBytes({ note: "x", document_hash });
  const raw = new TextEncoder().encode(note);
  const head = raw.length < 24 ? [0x60 + raw.length] : [0x79, raw.length >> 8, raw.length & 255];
  const at = [...good.keys()].find((start) => hasAt(good, start, hex("646e6f7465")))!;
  const bad = concat(good.slice(0, at + 5), Uint8Array.from(head), raw, good.slice(at + 7));
  expectRefused("ENCODING-2", () => INCIDENT.parse(bad));
});

test("a text that is not UTF-8, and a lone surrogate", () => {
  expectRefused("ENCODING-1", () => INCIDENT.parse(hex(`a2646e6f746561ff6d646f63756d656e745f686173685820${"00".repeat(32)}`)));
  expect(() => INCIDENT.toBytes({ note: "a\ud800", document_hash: new Uint8Array(32) })).toThrow(Misuse);
});

test("a body of another type is the caller's mistake", () => {
  expect(() => parseBody({ type: "close", body: hex("a16762616c6c6f747314"), signatures: [] }, "freeze")).toThrow(Misuse);
});

test("whatever is changed in an entry is refused, or is another entry with the same bytes again", () => {
  const raws = (record.entries as string[]).map((text) => new Uint8Array(Buffer.from(text, "base64")));
  fc.assert(
    fc.property(fc.constantFrom(...raws), fc.nat(), fc.nat(255), fc.nat(3), (raw, place, byte, cut) => {
      const changed = raw.slice(0, raw.length - cut);
      changed[place % changed.length] = byte;
      try {
        const entry = parseEntry(changed);
        expect(entryToBytes(entry)).toEqual(changed);
        const declared = BODIES[entry.type] as unknown as Message<unknown>;
        expect(declared.toBytes(declared.parse(entry.body))).toEqual(entry.body);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
      }
    }),
    { numRuns: 400, seed: 7 },
  );
});

test("releases name an index, a hash or the last block", () => {
  const items = [{ target: 7, effect: "counted" }, { target: "late", effect: "counted" }, { target: new Uint8Array(32), effect: "no" }];
  expect(RELEASE.parse(RELEASE.toBytes({ items })).items).toEqual(items);
  expect(() => RELEASE.toBytes({ items: [{ target: "early", effect: "x" }] })).toThrow(Misuse);
});
