// Signatures that the browser verifies are accepted and refused as by this program's own curve, check by check.

import { afterEach, expect, test, vi } from "vitest";
import { type Bytes, concat } from "../../src/core/bytes";
import { CEREMONY_CERTIFICATE, entryToBytes, OPENING, parseBody } from "../../src/core/entries";
import { verifyElection } from "../../src/core/election";
import { Misuse, Refused } from "../../src/core/errors";
import { type ElectionInput, verifyOpened } from "../../src/core/opened";
import { verifyBy, verifyEd25519 } from "../../src/core/verifying";
import { canVerify, verifyNatively } from "../../src/ui/native";
import { ceremony, covering, entries, headOf, newest, NOW, opening, parts, pinned, places, raws, tilesOf } from "../core/record";
import { flip, hex, load } from "../core/vectors";

afterEach(() => void vi.unstubAllGlobals());

/** The check that refuses, or null. */
async function checkOf(run: () => unknown): Promise<string | null> {
  try {
    await run();
    return null;
  } catch (error) {
    if (error instanceof Refused) return error.check;
    throw error;
  }
}

const certificates = ceremony.filter((index) => entries[index]!.type === "ceremony-certificate");
const size = headOf(covering).size;

function inputOf(changes: Partial<ElectionInput> = {}): ElectionInput {
  const tiles = new Map(tilesOf(size));
  const few = { ...places, ceremony: certificates };
  return { pinned, now_s: NOW, checkpoint: covering, places: few, entry: (at) => raws[at], tile: (path) => tiles.get(path), ...changes };
}

const replaced = (index: number, raw: Bytes) => inputOf({ entry: (asked) => (asked === index ? raw : raws[asked]) });
const withBody = (index: number, body: Bytes) => entryToBytes({ ...entries[index]!, body });
const native = (input: ElectionInput) => verifyNatively(() => verifyOpened(input));

test("this browser verifies", async () => expect(await canVerify()).toBe(true));

test.each(load("signatures").ed25519 as any[])("strict Ed25519: $why", async ({ valid, public_key, message, signature }) => {
  const verify = () => verifyEd25519(hex(public_key), hex(message), hex(signature));
  expect(await checkOf(() => verifyNatively(verify))).toBe(valid ? null : "SIGNATURE-1");
  expect(await checkOf(verify)).toBe(valid ? null : "SIGNATURE-1");
});

test("the opened election of the record, from the certificates alone", async () => {
  const opened = await native(inputOf());
  const whole = verifyElection(inputOf({ places }));
  expect([opened.key, opened.manifestHash]).toEqual([whole.key, whole.manifestHash]);
  expect(opened.head.checkpoint).toEqual(whole.head.checkpoint);
  expect([...opened.parts.contests.keys()]).toEqual([...whole.parts.contests.keys()]);
});

const opens = parseBody(entries[opening]!, "opening");
const certifies = parseBody(entries[certificates[0]!]!, "ceremony-certificate");
const otherCertificate = CEREMONY_CERTIFICATE.toBytes({ ...certifies, hash: new Uint8Array(32) });
const signedByOne = entryToBytes({ ...entries[opening]!, signatures: entries[opening]!.signatures.slice(1) });
const swapped = entries[0]!.signatures.map(({ keyId }, at) => ({ keyId, signature: entries[0]!.signatures[1 - at]!.signature }));

test.each([
  ["another manifest hash", "RECORD-3", inputOf({ pinned: new Uint8Array(32) })],
  ["no manifest", "RECORD-1", replaced(0, raws[1]!)],
  ["officers' signatures of each other", "MANIFEST-12", replaced(0, entryToBytes({ ...entries[0]!, signatures: swapped }))],
  ["another key in the opening", "MANIFEST-12", replaced(opening, withBody(opening, OPENING.toBytes({ ...opens, key: flip(opens.key, 1) })))],
  ["an opening of one officer", "MANIFEST-11", replaced(opening, signedByOne)],
  ["another certificate", "MANIFEST-12", replaced(certificates[0]!, withBody(certificates[0]!, otherCertificate))],
  ["a certificate less", "CEREMONY-12", inputOf({ places: { ...places, ceremony: certificates.slice(1) } })],
  ["no certificate", "CEREMONY-12", inputOf({ places: { ...places, ceremony: [] } })],
  ["a part that is none", "MANIFEST-7", inputOf({ places: { ...places, ceremony: certificates, parts: [...parts, opening] } })],
  ["a changed checkpoint", "SIGNATURE-3", inputOf({ checkpoint: flip(covering, 8 * (covering.length - 12)) })],
  ["a checkpoint from the future", "SIGNATURE-5", inputOf({ now_s: 1 })],
  ["another tree", "MERKLE-2", inputOf({ checkpoint: newest })],
])("%s is refused by %s", async (_, check, input) => {
  expect(await checkOf(() => native(input))).toBe(check);
});

test("a browser that says yes to everything, or to nothing, does not verify", async () => {
  const subtle = { importKey: async () => ({}), verify: async () => true };
  vi.stubGlobal("crypto", { subtle });
  expect(await canVerify()).toBe(false);
  vi.stubGlobal("crypto", { subtle: { ...subtle, verify: async () => false } });
  expect(await canVerify()).toBe(false);
  vi.stubGlobal("crypto", { subtle: { importKey: () => Promise.reject(new Error("NotSupportedError")) } });
  expect(await canVerify()).toBe(false);
  expect(await checkOf(() => native(inputOf()))).toBe("MANIFEST-12");
  vi.stubGlobal("crypto", {});
  expect(await canVerify()).toBe(false);
});

test("outside of the check, whoever verified before verifies again", async () => {
  const before = verifyBy(undefined);
  try {
    expect(() => verifyEd25519(new Uint8Array(32), new Uint8Array(), new Uint8Array(64))).toThrow(Misuse);
    expect(await checkOf(() => native(inputOf()))).toBe(null);
    expect(() => verifyEd25519(new Uint8Array(32), new Uint8Array(), new Uint8Array(64))).toThrow(Misuse);
  } finally {
    verifyBy(before);
  }
});

test("a check that asks for something else the second time accepts nothing", async () => {
  const [row] = (load("signatures").ed25519 as any[]).filter((each) => each.valid);
  let runs = 0;
  const check = () => verifyEd25519(hex(row.public_key), concat(hex(row.message), Uint8Array.of(runs++)), hex(row.signature));
  await expect(verifyNatively(check)).rejects.toThrow(Misuse);
});
