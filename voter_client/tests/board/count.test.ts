import { describe, expect, test } from "vitest";
import type { Bytes } from "../../src/core/bytes.js";
import { AGGREGATE, type Aggregate, CLOSE, FREEZE, RESULT, SEAL } from "../../src/core/entries.js";
import { Blocks } from "../../src/board/blocks.js";
import { Contradiction, count } from "../../src/board/count.js";
import { toCsv } from "../../src/board/files.js";
import { groupsOf } from "../../src/board/turnout.js";
import { Log } from "../../src/public/log.js";
import { load } from "../core/vectors.js";
import { byLog, byOfficers, entries, filesOf, indexOf, largeLog, NOW_S, openLog, pinned, placeOf, raws, signed } from "../public/world.js";

const { votes } = load("record");
const closed = raws.slice(0, indexOf("aggregate"));
const aggregates: Aggregate[] = entries.filter(({ type }) => type === "aggregate").map(({ body }) => AGGREGATE.parse(body));
const first = aggregates[0]!;
const sum = (changes: Partial<Aggregate> = {}): Bytes => byLog("aggregate", AGGREGATE.toBytes({ ...first, ...changes }) as Bytes);
const result = (list: readonly number[]): Bytes => byOfficers("result", RESULT.toBytes({ contest: first.contest, cell: first.cell, votes: list }) as Bytes);
const figuresOf = async (list: readonly Bytes[]) => count(await openLog(list));
const contradiction = (key: string) => expect.objectContaining({ key });

describe("a small board", () => {
  test("gives the votes, the turnout and the checks of the record", async () => {
    const figures = await figuresOf(raws);
    expect(figures.contests.map((each) => each.votes)).toEqual([votes["1"], votes["2"]]);
    expect(figures.contests.map((each) => each.base)).toEqual([19, 14]);
    expect(figures.districts).toEqual([
      { unit: 2, slots: 10, credentials: 9, counted: 8 },
      { unit: 3, slots: 14, credentials: 11, counted: 11 },
    ]);
    const { whole, phase, ballots, counted, superseded, struck, refused, turnout } = figures;
    expect({ whole, phase, ballots, counted, superseded, struck, refused, turnout }).toEqual({
      whole: true, phase: "complete", ballots: 22, counted: 19, superseded: 2, struck: 1, refused: 0, turnout: "ballots",
    });
    const outcomes = Object.fromEntries(figures.checks.map(({ key, outcome }) => [key, outcome]));
    expect(outcomes).toMatchObject({ quorum: "passed", tree: "passed", authors: "passed", sequence: "passed", close: "passed", cells: "passed" });
    for (const key of ["ceremony", "passkeys", "proofs", "sums", "shares"]) expect(outcomes[key]).toBe("open");
    expect(figures.blocks.reduce((total, each) => total + each.size, 0)).toBe(raws.length);
  });

  test.each([["before the opening", "opening", "setup"], ["while voting", "close", "open"], ["after the close", "aggregate", "closed"]])(
    "%s it is %3$s", async (_, type, phase) => expect((await figuresOf(raws.slice(0, indexOf(type)))).phase).toBe(phase),
  );

  test("each figure that cannot be true is thrown", async () => {
    const over = [...closed, sum({ ballots: 90 }), result([90, 0, 0])];
    await expect(figuresOf(over)).rejects.toEqual(contradiction("more-votes-than-ballots"));
    await expect(figuresOf([...closed, sum(), result([first.ballots + 1, 0, 0])])).rejects.toEqual(contradiction("over-100"));
    await expect(figuresOf([...closed, sum(), result([1, 0, 0])])).rejects.toEqual(contradiction("votes-do-not-add-up"));
    await expect(figuresOf([...closed, sum(), result([1, 1])])).rejects.toEqual(contradiction("other-options"));
    await expect(figuresOf([...closed, sum(), sum({ cell: 99 })])).rejects.toEqual(contradiction("unit-twice"));
    await expect(figuresOf(over)).rejects.toBeInstanceOf(Contradiction);
  });

  test("a list that is smaller than its keys is thrown", async () => {
    const at = indexOf("freeze");
    const freeze = FREEZE.parse(entries[at]!.body);
    const slots = freeze.slots.map((each) => ({ ...each, count: 3 }));
    const small = [...raws.slice(0, at), byOfficers("freeze", FREEZE.toBytes({ ...freeze, slots }) as Bytes), ...raws.slice(at + 1)];
    await expect(figuresOf(small)).rejects.toEqual(contradiction("more-credentials-than-slots"));
  });

  test("a result that one officer signed, or a stranger, is none", async () => {
    const body = RESULT.toBytes({ contest: first.contest, cell: first.cell, votes: [8, 0, 0] }) as Bytes;
    for (const raw of [signed("result", body, ["officer", 0]), signed("result", body, ["officer", 0], ["stranger", 0])]) {
      const figures = await figuresOf([...closed, sum(), raw]);
      expect(figures.contests[0]!.cells[0]!.votes).toBeNull();
      expect(figures.checks.find(({ key }) => key === "authors")!.outcome).toBe("failed");
    }
  });

  test("a second result of a cell changes nothing and is listed", async () => {
    const before = await figuresOf(raws);
    const figures = await figuresOf([...raws, result([8, 0, 0])]);
    expect(figures.contests).toEqual(before.contests);
    expect(figures.refused).toBe(1);
  });

  test("a close with another number fails its check", async () => {
    const at = indexOf("close");
    const other = byOfficers("close", CLOSE.toBytes({ ballots: 23 }) as Bytes);
    const figures = await figuresOf([...raws.slice(0, at), other, ...raws.slice(at + 1)]);
    expect(figures.checks.find(({ key }) => key === "close")!.outcome).toBe("failed");
  });

  test("a ballot that is repeated is counted once, and said", async () => {
    const at = indexOf("ballot");
    const figures = await figuresOf([...raws.slice(0, at + 1), raws[at]!, ...raws.slice(at + 1)]);
    expect([figures.ballots, figures.refused]).toEqual([22, 1]);
    expect(figures.checks.find(({ key }) => key === "sequence")!.outcome).toBe("failed");
  });
});

describe("a large board", () => {
  const { raws: long, close, places } = largeLog();
  const files = filesOf(long);
  const singles = Object.fromEntries([places.opening, places.freeze, close].map((index) => [`entry/${index}`, long[index as number]]));
  const answers = { "../election/places": places, ...singles };
  const open = (more: Record<string, unknown> = {}, list = files) => {
    const place = placeOf(list, { ...answers, ...more });
    return Log.open(place.get, pinned, NOW_S).then((log) => ({ log, asked: place.asked }));
  };

  test("gives the same votes from what stands after the close, and reads no ballot's bundle", async () => {
    const { log, asked } = await open();
    const figures = await count(log);
    expect(figures.contests.map((each) => [each.votes, each.base, each.withheld])).toEqual([[votes["1"], 19, null], [votes["2"], 14, null]]);
    expect([figures.whole, figures.turnout, figures.phase, figures.across]).toEqual([false, "sums", "complete", 0]);
    expect(figures.districts.map(({ unit, slots, credentials, counted }) => [unit, slots, credentials, counted])).toEqual([[2, 10, null, 8], [3, 14, null, 11]]);
    const bundles = new Set(asked.filter((path) => path.startsWith("tile/entries/")));
    expect(bundles.size).toBeLessThanOrEqual(2);
    const outcomes = Object.fromEntries(figures.checks.map(({ key, outcome }) => [key, outcome]));
    expect(outcomes).toMatchObject({ authors: "passed", totals: "passed", cells: "open", close: "open", sequence: "open" });
  });

  test("without hints it looks for the close among the newest", async () => {
    const figures = await count(await Log.open(placeOf(files).get, pinned, NOW_S));
    expect(figures.contests[0]!.votes).toEqual(votes["1"]);
    expect([figures.turnout, figures.districts]).toEqual(["none", []]);
  });

  test("another entry named as the close, or as the freeze, changes no figure", async () => {
    await expect(open({ "../election/places": { ...places, close: close + 1 } }).then(({ log }) => count(log))).rejects.toMatchObject({ check: "BOARD-5" });
    const { log } = await open({ "../election/places": { ...places, freeze: 7 } });
    const figures = await count(log);
    expect([figures.turnout, figures.districts, figures.contests[0]!.votes]).toEqual(["none", [], votes["1"]]);
  });

  test("what comes after the close and may not is listed", async () => {
    const { log } = await open({}, filesOf([...long, raws[indexOf("ballot")]!]));
    expect((await count(log)).refused).toBe(1);
  });

  test("a district with more ballots than people is thrown", async () => {
    const freeze = FREEZE.parse(entries[indexOf("freeze")]!.body);
    const small = byOfficers("freeze", FREEZE.toBytes({ ...freeze, slots: freeze.slots.map((each) => ({ ...each, count: 3 })) }) as Bytes);
    const at = places.freeze as number;
    const { log } = await open({ [`entry/${at}`]: undefined }, filesOf([...long.slice(0, at), small, ...long.slice(at + 1)]));
    await expect(count(log)).rejects.toEqual(contradiction("more-votes-than-slots"));
  });

  test("sums that hold more than was closed are thrown", async () => {
    const other = [...long.slice(0, close), byOfficers("close", CLOSE.toBytes({ ballots: 18 }) as Bytes), ...long.slice(close + 1)];
    const { log } = await open({ [`entry/${close}`]: undefined }, filesOf(other));
    await expect(count(log)).rejects.toEqual(contradiction("more-counted-than-closed"));
  });
});

describe("blocks", () => {
  const seals = [...entries.keys()].filter((index) => entries[index]!.type === "seal");
  const numbers = seals.map((index) => SEAL.parse(entries[index]!.body).block);
  const { raws: long, places } = largeLog();
  const files = filesOf(long);
  const moved = (index: number): number => (index < indexOf("close") - 1 ? index : index + long.length - raws.length);
  const starts = (step: number, first = 1) => Object.fromEntries(numbers.flatMap((block, place) => ((block - first) % step === 0 && block >= first ? [[block, moved(seals[place]!)]] : [])));
  const last = numbers.at(-1)!;
  const blocksOf = async (answers: Record<string, unknown>) => new Blocks(await Log.open(placeOf(files, answers).get, pinned, NOW_S), []);
  const all = Object.fromEntries([...Array(last + 1).keys()].map((first) => [`blocks?first=${Math.max(1, first)}&step=1`, { starts: starts(1, Math.max(1, first)) }]));

  test("of a large board are borders that prove themselves", async () => {
    const blocks = await blocksOf({ ...all, state: { block: last } });
    expect(await blocks.last()).toBe(last);
    const spans = (await blocks.spans(places.opening as number, (places.close as number) - 1, 4))!;
    expect(spans[0]!.start).toBeLessThanOrEqual(places.opening as number);
    expect(spans.at(-1)!.end).toBeGreaterThanOrEqual(places.close as number);
    for (const [place, span] of spans.entries()) expect(span.start).toBe(place === 0 ? span.start : spans[place - 1]!.end);
    expect(await blocks.span(last)).toEqual([moved(seals.at(-1)!), long.length]);
    expect(await blocks.notBefore(numbers[5]!)).toBeGreaterThan(0);
    expect((await blocks.notes(5)).length).toBe(5);
  });

  test("that begin elsewhere than the server says are refused", async () => {
    const wrong = { starts: { ...starts(1), 3: moved(seals[3]!) } };
    const blocks = await blocksOf({ ...all, state: { block: last }, "blocks?first=3&step=1": wrong, "blocks?first=1&step=1": wrong });
    await expect(blocks.start(3)).rejects.toMatchObject({ check: "BOARD-6" });
    await expect(blocks.spans(0, long.length, 40)).rejects.toMatchObject({ check: "BOARD-6" });
  });

  test("of a place without hints are not known", async () => {
    const blocks = await blocksOf({});
    expect(await blocks.last()).toBe(last);
    expect([await blocks.span(3), await blocks.spans(0, long.length, 4)]).toEqual([undefined, undefined]);
  });

  test("of a small board are known from its entries", async () => {
    const log = await openLog(raws);
    const figures = await count(log);
    const blocks = new Blocks(log, figures.blocks);
    expect([await blocks.last(), await blocks.span(0), await blocks.span(99)]).toEqual([last, [0, 4], undefined]);
    const groups = groupsOf(figures.blocks);
    expect(groups.reduce((total, each) => total + each.ballots, 0)).toBe(22);
    expect(groups.at(-1)!.sum).toBe(20);
  });
});

describe("CSV", () => {
  test("keeps what spreadsheets would run as text", () => {
    expect(toCsv([["=1+1", 'a"b', "x,y", 5, "-2", "\tz"]])).toBe('\ufeff"\'=1+1","a""b","x,y",5,"\'-2","\'\tz"\r\n');
  });
});
