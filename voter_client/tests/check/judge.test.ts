import { describe, expect, test } from "vitest";
import { hashBallot, parseBallot } from "../../src/core/ballot.js";
import { type Bytes, toHex } from "../../src/core/bytes.js";
import { BALLOT_ENTRY, SPOILED } from "../../src/core/entries.js";
import { judge } from "../../src/check/judge.js";
import { entries, filesOf, indexOf, largeLog, NOW_S, openLog, pinned, placeOf, raws, secret } from "../public/world.js";
import { Log } from "../../src/public/log.js";

const at = indexOf("spoiled");
const { ballot } = SPOILED.parse(entries[at]!.body);
const commitment = hashBallot("demo", ballot);
// The simulator seals a ballot before its block is written: at the length that the log has at the block's seal.
const sealAt = entries.slice(0, at).findLastIndex(({ type }) => type === "seal");
const seed = secret("ballot", toHex(parseBallot(ballot).pseudonym), 1, sealAt);
const before = raws.slice(0, sealAt);
const keys = ({ steps }: Awaited<ReturnType<typeof judge>>) => steps.map(({ key, outcome }) => `${key} ${outcome}`);
const ask = (log: Log, more: Partial<Parameters<typeof judge>[1]> = {}) => judge(log, { commitment, seed, ballot: undefined, ...more });

describe("a challenged ballot", () => {
  test("that stands on the board is opened", async () => {
    const found = await ask(await openLog(raws));
    expect(keys(found)).toEqual(["board passed", "commitment passed", "on-board passed", "election passed", "opened passed", "count passed"]);
    expect(found.choices).toEqual([{ contest: 1, chosen: [1] }, { contest: 2, chosen: [0, 3] }]);
    expect(found.waiting).toBe(false);
  });

  test("is found by its code alone", async () => {
    expect((await ask(await openLog(raws), { commitment: commitment.slice(0, 18) })).choices).not.toBeNull();
  });

  test("that the board does not hold is opened from a file, and nothing is finished", async () => {
    const found = await ask(await openLog(before), { ballot });
    expect(keys(found)).toContain("on-board-open open");
    expect([found.choices !== null, found.waiting]).toEqual([true, true]);
  });

  test("that nobody has is waited for", async () => {
    const found = await ask(await openLog(before));
    expect([keys(found).at(-1), found.choices, found.waiting]).toEqual(["not-there open", null, true]);
  });

  test("of another hash is not the one that was committed to", async () => {
    const other = ballot.slice() as Bytes;
    other[other.length - 1]! ^= 1;
    const found = await ask(await openLog(before), { ballot: other });
    expect([keys(found).at(-1), found.choices]).toEqual(["commitment-failed failed", null]);
  });

  test("does not open with another seed", async () => {
    const found = await ask(await openLog(raws), { seed: new Uint8Array(32) });
    expect([keys(found).at(-1), found.choices, found.waiting]).toEqual(["not-opened-lock failed", null, false]);
  });

  test("that was cast stays closed, whatever seed is given", async () => {
    const cast = BALLOT_ENTRY.parse(entries[indexOf("ballot")]!.body).ballot;
    const found = await ask(await openLog(raws), { commitment: hashBallot("demo", cast), ballot: cast });
    expect([keys(found).at(-1), found.choices]).toEqual(["was-cast failed", null]);
  });

  test("before the opening there is no key to open it with, and the phone is not blamed", async () => {
    const found = await ask(await openLog(raws.slice(0, indexOf("opening"))), { ballot });
    expect([keys(found).at(-1), found.choices]).toEqual(["election-refused failed", null]);
  });
});

describe("in a large log", () => {
  const { raws: long, places } = largeLog(20_500);
  const files = filesOf(long);
  const answers = { "../election/places": places, [`ballot/${toHex(commitment)}`]: { index: at }, [`../slots/${toHex(parseBallot(ballot).pseudonym)}`]: { ballots: 1 } };
  const open = (more: Record<string, unknown>) => Log.open(placeOf(files, { ...answers, ...more }).get, pinned, NOW_S);

  test("a ballot is found where the server says, and the count is the server's word", async () => {
    const found = await ask(await open({}));
    expect(keys(found)).toEqual(["board passed", "commitment passed", "on-board passed", "election passed", "opened passed", "count-said open"]);
  });

  test("a wrong hint finds nothing, and nothing is claimed", async () => {
    const found = await ask(await open({ [`ballot/${toHex(commitment)}`]: { index: at + 1 } }));
    expect([keys(found).at(-1), found.waiting]).toEqual(["not-there open", true]);
  });

  test("wrong places of the election are the server's fault", async () => {
    const found = await ask(await open({ "../election/places": { ...places, opening: 5 } }));
    expect(keys(found).at(-1)).toBe("election-refused failed");
  });
});
