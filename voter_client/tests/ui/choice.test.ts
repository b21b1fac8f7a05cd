import fc from "fast-check";
import { expect, test } from "vitest";
import { mark, parties, type Rule, search, standing } from "../../src/ui/choice";

const rules = fc
  .tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 60 }), fc.integer({ min: 1, max: 60 }))
  .map(([options, least, most]): Rule => {
    const top = Math.min(most, options);
    return { options, least: Math.min(least, top), most: top };
  });

test("whatever is tapped, no ballot holds a line too many, twice, out of order or that is none", () => {
  fc.assert(
    fc.property(rules, fc.array(fc.integer({ min: -2, max: 62 }), { maxLength: 40 }), (rule, taps) => {
      const chosen = taps.reduce<readonly number[]>((marks, option) => mark(rule, marks, option), []);
      expect(chosen.length).toBeLessThanOrEqual(rule.most);
      expect([...new Set(chosen)].sort((first, second) => first - second)).toEqual(chosen);
      for (const option of chosen) expect(option >= 0 && option < rule.options).toBe(true);
    }),
  );
});

test("one of n: another line replaces the chosen one, the same takes it away", () => {
  const rule = { options: 3, least: 1, most: 1 };
  expect(mark(rule, [0], 2)).toEqual([2]);
  expect(mark(rule, [2], 2)).toEqual([]);
});

test("where a contest stands", () => {
  const rule = { options: 5, least: 2, most: 3 };
  expect([[], [1], [1, 2], [1, 2, 3]].map((chosen) => standing(rule, chosen))).toEqual(["none", "few", "fewer", "full"]);
});

test("open lists: neighbours of one party, in ballot order; anything else is no open list", () => {
  expect(parties(["A", "A / x", "A / y", "B", "C / z"])).toEqual([
    { name: "A", alone: 0, candidates: [{ option: 1, name: "x" }, { option: 2, name: "y" }] },
    { name: "B", alone: 3, candidates: [] },
    { name: "C", alone: null, candidates: [{ option: 4, name: "z" }] },
  ]);
  expect(parties(["A", "B", "C / z"])).toBeNull();
  expect(parties([])).toBeNull();
});

test("every line of an open list stands in one party, once", () => {
  const names = fc.array(fc.constantFrom("A", "B", "A / x", "A / y", "B / x", "", " / ", "A / B / x"), { maxLength: 20 });
  fc.assert(
    fc.property(names, (all) => {
      const list = parties(all);
      if (list === null) return;
      const lines = list.flatMap((party) => [
        ...(party.alone === null ? [] : [party.alone]),
        ...party.candidates.map((candidate) => candidate.option),
      ]);
      expect(lines).toEqual([...all.keys()]);
    }),
  );
});

test("a search hides lines and moves none", () => {
  const names = ["Ёлкин", "Асанов", "Елкина", "асанбаев"];
  expect(search(names, "  ")).toEqual([0, 1, 2, 3]);
  expect(search(names, "ЕЛК")).toEqual([0, 2]);
  expect(search(names, "асан")).toEqual([1, 3]);
  expect(search(names, ".*")).toEqual([]);
});
