import fc from "fast-check";
import { expect, test } from "vitest";
import { concat, hasAt } from "../../src/core/bytes.js";
import { type Message, MAX_ENTRY_SIZE } from "../../src/core/encoding.js";
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
