import { describe, expect, test } from "vitest";
import { concat, utf8 } from "../../src/core/bytes.js";
import { bundlePath, rootOf, leafHash, tilePath } from "../../src/core/merkle.js";
import { Log, tryEntry, typeOf } from "../../src/public/log.js";
import { checkpointOf, filesOf, filler, largeLog, NOW_S, openLog, pinned, placeOf, raws, SIGNED_S } from "./world.js";

const refused = (check: string) => expect.objectContaining({ check });
const open = (files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>, pin: typeof pinned | null = pinned) => Log.open(placeOf(files).get, pin, NOW_S);

describe("a log behind a checkpoint", () => {
  test("is read under its pin: manifest, parts, witnesses, time", async () => {
    const log = await openLog(raws);
    expect([log.size, log.contests.size, log.units.size, log.head.cosignatures.length]).toEqual([raws.length, 2, 5, 4]);
    expect(log.time_ms).toBe((SIGNED_S + 1) * 1000);
    expect(await log.range(3, 9)).toEqual(raws.slice(3, 9));
    expect(log.districtOf(5)).toBe(3);
    expect(log.districtOf(1)).toBe(1);
    expect(log.isSmall).toBe(true);
  });

  test.each([
    ["no checkpoint", "MERKLE-2", (files: Map<string, Uint8Array>) => files.delete("checkpoint")],
    ["no tile", "MERKLE-2", (files: Map<string, Uint8Array>) => files.delete(tilePath(0, 0, raws.length))],
    ["no bundle", "MERKLE-2", (files: Map<string, Uint8Array>) => files.delete(bundlePath(0, raws.length))],
    ["a half bundle", "MERKLE-1", (files: Map<string, Uint8Array>) => files.set(bundlePath(0, raws.length), new Uint8Array(7))],
    ["other hashes", "MERKLE-3", (files: Map<string, Uint8Array>) => files.set(tilePath(0, 0, raws.length), new Uint8Array(32 * raws.length))],
    ["too few witnesses", "SIGNATURE-5", (files: Map<string, Uint8Array>) => files.set("checkpoint", checkpointOf(raws.length, rootOf(raws.map(leafHash)), 2))],
    ["another size", "MERKLE-2", (files: Map<string, Uint8Array>) => files.set("checkpoint", checkpointOf(raws.length + 1, rootOf(raws.map(leafHash))))],
  ])("%s: refused (%s)", async (_, check, change) => {
    const files = filesOf(raws);
    change(files);
    await expect(open(files)).rejects.toEqual(refused(check));
  });

  test("an entry that is not the tree's is refused", async () => {
    const other = filesOf([...raws.slice(0, -1), filler(1)]);
    const files = filesOf(raws);
    files.set(bundlePath(0, raws.length), other.get(bundlePath(0, raws.length))!);
    await expect(open(files)).rejects.toEqual(refused("MERKLE-4"));
  });

  test("another election than the pinned one is refused, and without a pin it is read", async () => {
    await expect(open(filesOf(raws), new Uint8Array(32))).rejects.toEqual(refused("RECORD-3"));
    expect((await open(filesOf(raws), null)).manifestHash).toEqual(pinned);
  });

  test("cosignatures from the future do not count", async () => {
    await expect(openLog(raws, {}, { time_s: NOW_S + 90_000 })).rejects.toEqual(refused("SIGNATURE-5"));
  });

  test("it continues its own beginnings and nothing else", async () => {
    const log = await openLog(raws);
    await log.continues(50, rootOf(raws.slice(0, 50).map(leafHash)));
    await expect(log.continues(50, new Uint8Array(32))).rejects.toEqual(refused("MERKLE-6"));
    await expect(log.continues(raws.length + 1, new Uint8Array(32))).rejects.toEqual(refused("MERKLE-6"));
    await expect(log.rootAt(0)).rejects.toEqual(refused("MERKLE-6"));
  });

  test("each witness's last word is found in older notes", async () => {
    const log = await openLog(raws, {}, { witnesses: 3 });
    const older = checkpointOf(50, rootOf(raws.slice(0, 50).map(leafHash)), 4, SIGNED_S - 60);
    expect(log.watches().map(({ time_s, here }) => [time_s, here])[3]).toEqual([0, false]);
    expect(log.watches([utf8("junk") as never, older])[3]).toEqual({ name: "watch.example/4", time_s: SIGNED_S - 57, here: false });
  });
});

describe("a large log", () => {
  const { raws: long, places } = largeLog();
  const files = filesOf(long);

  test("single entries come alone where the place has them, compared with the tree", async () => {
    const place = placeOf(files, { "entry/9000": long[9000] });
    const log = await Log.open(place.get, pinned, NOW_S);
    expect(log.isSmall).toBe(false);
    place.asked.length = 0;
    expect(await log.single(9000)).toEqual(long[9000]);
    expect(place.asked.filter((path) => path.startsWith("tile/entries/"))).toEqual([]);
    expect(log.files.get("entry/9000")).toEqual(long[9000]);
  });

  test("a wrong single entry is refused; where there is none its bundle is read", async () => {
    const log = await Log.open(placeOf(files, { "entry/9000": long[9001] }).get, pinned, NOW_S);
    await expect(log.single(9000)).rejects.toEqual(refused("MERKLE-4"));
    expect(await log.single(9001)).toEqual(long[9001]);
  });

  test("hints are read strictly", async () => {
    const answers = {
      "../election/places": { ...places, freeze: "12", close: long.length, rotations: [1, -1, 2.5, "3", 7] },
      "blocks?first=1&step=2": { starts: { 3: 30, 1: 4, x: 5, 5: long.length, 7: -1 } },
      state: { block: 20 },
      [`../slots/${"00".repeat(16)}`]: { ballots: 3 },
    };
    const log = await Log.open(placeOf(files, answers).get, pinned, NOW_S);
    expect(await log.places()).toEqual({ ...places, freeze: undefined, close: undefined, rotations: [1, 7] });
    expect([...(await log.blockStarts(1, 2))]).toEqual([[1, 4], [3, 30]]);
    expect([await log.saidBlock(), await log.saidBallots(new Uint8Array(16))]).toEqual([20, 3]);
  });

  test.each([["nothing", undefined], ["a list", []], ["a text", "x"], ["no JSON", new Uint8Array([123])]])("%s is no hint", async (_, answer) => {
    const log = await Log.open(placeOf(files, { state: answer, "blocks?first=1&step=1": answer, "ballot/00": answer }).get, pinned, NOW_S);
    expect(await log.saidBlock()).toBeUndefined();
    expect((await log.blockStarts(1, 1)).size).toBe(0);
    expect(await log.placeOf("ballot", new Uint8Array(1) as never)).toBeUndefined();
  });

  test("a place that breaks where a mirror has nothing is a place without hints", async () => {
    const { get } = placeOf(files);
    const log = await Log.open((path) => (path.startsWith("../") ? Promise.reject(new Error("line")) : get(path)), pinned, NOW_S);
    expect(await log.places()).toBeUndefined();
  });
});

describe("types of entries", () => {
  test.each([
    [raws[0]!, "manifest"],
    [new Uint8Array(), "?"],
    [Uint8Array.of(0x84, 2, 0x61, 0x61), "?"],
    [Uint8Array.of(0x84, 1, 0x61, 0xff), "?"],
    [concat(Uint8Array.of(0x84, 1, 0x78, 30), utf8("x".repeat(30))), "x".repeat(30)],
  ])("are read without the body", (raw, type) => {
    expect(typeOf(raw as never)).toBe(type);
  });

  test("what is no entry has a leaf and a reason", () => {
    expect(tryEntry(filler(1)).entry).toBeNull();
    expect(tryEntry(filler(1)).reason).not.toBe("");
  });
});
