import { ed25519 } from "@noble/curves/ed25519.js";
import { describe, expect, test } from "vitest";
import { hashBallot, parseBallot, RECEIPT, receiptMessage } from "../../src/core/ballot.js";
import { type Bytes, utf8 } from "../../src/core/bytes.js";
import { BALLOT_ENTRY, SPOILED } from "../../src/core/entries.js";
import { judgeCode, judgePolicy, judgeReceipt } from "../../src/check/receipt.js";
import type { Log } from "../../src/public/log.js";
import { entries, filler, indexOf, manifest, openLog, pinned, raws, secret } from "../public/world.js";

const at = indexOf("ballot");
const { ballot } = BALLOT_ENTRY.parse(entries[at]!.body);
const { pseudonym, number } = parseBallot(ballot);
const hash = hashBallot("demo", ballot);
const without = raws.slice(0, entries.slice(0, at).findLastIndex(({ type }) => type === "seal"));

/** The last deadline that intake can give: earlier than the log of these tests is signed. */
const LAST_MS = manifest.closes_at_ms + manifest.grace_ms + manifest.receipt_delay_ms;

function receipt(changes: Partial<Parameters<typeof receiptMessage>[1]> = {}, key = secret("key", "receipt", 0)): Bytes {
  const empty = { origin: manifest.origin, manifest_hash: pinned, ballot_hash: hash, pseudonym, number, deadline_ms: LAST_MS, signature: new Uint8Array(64), ...changes };
  return RECEIPT.toBytes({ ...empty, signature: ed25519.sign(receiptMessage("demo", empty), key) }) as Bytes;
}

const keys = async (log: Log, file: Bytes, proof?: Bytes) =>
  (await judgeReceipt(log, { receipt: file, proof }, undefined)).map(({ key, outcome }) => `${key} ${outcome}`).slice(2);

describe("a receipt", () => {
  test("that was kept", async () => expect(await keys(await openLog(raws), receipt())).toEqual(["receipt passed", `kept passed`]));

  test("whose ballot is missing after the deadline convicts the server", async () => {
    expect(await keys(await openLog(without), receipt())).toEqual(["receipt passed", "broken failed"]);
  });

  test("whose deadline is not proved to have passed convicts nobody", async () => {
    const early = await openLog(without, {}, { time_s: LAST_MS / 1000 - 60 });
    expect(await keys(early, receipt())).toEqual(["receipt passed", "not-due open"]);
  });

  test("convicts nobody where the page has not looked everywhere", async () => {
    const long = [...without, ...Array.from({ length: 20_600 }, (_, place) => filler(place))];
    const log = await openLog(long);
    expect(await keys(log, receipt())).toEqual(["receipt passed", "not-found-far open"]);
    const code = await judgeCode(log, hash.slice(0, 18) as Bytes);
    expect(code.at(-1)).toMatchObject({ key: "not-found-far", outcome: "open" });
  });

  test.each([
    ["of another key", receipt({}, secret("stranger"))],
    ["of another log", receipt({ origin: "elsewhere.example/x" })],
    ["whose deadline never comes", receipt({ deadline_ms: LAST_MS + 1 })],
    ["of another election", receipt({ manifest_hash: new Uint8Array(32) })],
    ["that is none", Uint8Array.of(0xa7, 0)],
  ])("%s is refused", async (_, file) => {
    expect(await keys(await openLog(raws), file as Bytes)).toEqual(["receipt-foreign failed"]);
  });

  test("a proof that is none is refused beside a good receipt", async () => {
    expect(await keys(await openLog(raws), receipt(), utf8("c2sp.org/tlog-proof@v1\n"))).toEqual(["receipt passed", "kept passed", "proof-bad failed"]);
  });
});

describe("a tracking code", () => {
  const judged = async (start: Bytes) => (await judgeCode(await openLog(raws), start)).map(({ key }) => key).slice(1);

  test("of a cast, a spoiled and no ballot", async () => {
    expect(await judged(hash.slice(0, 18) as Bytes)).toEqual(["code-cast", expect.stringMatching(/^code-(last|replaced)$/)]);
    const { ballot: spoiled } = SPOILED.parse(entries[indexOf("spoiled")]!.body);
    expect(await judged(hashBallot("demo", spoiled))).toEqual(["code-spoiled"]);
    expect(await judged(new Uint8Array(18) as Bytes)).toEqual(["code-none"]);
  });
});

describe("a policy", () => {
  test("that is none, or of other witnesses, is said so", async () => {
    const log = await openLog(raws);
    expect(judgePolicy(log, undefined)).toMatchObject({ key: "policy-none", outcome: "open" });
    expect(judgePolicy(log, utf8("log x\n"))).toMatchObject({ key: "policy-other", outcome: "failed" });
  });
});
