import { expect, test } from "vitest";
import { advance, BEGINNING, type Flow, hasChoice, type Step } from "../../src/ui/flow";

const ONE = { options: 4, least: 1, most: 1 };
const SOME = { options: 5, least: 2, most: 3 };

function walk(from: Flow, ...steps: readonly Step[]): Flow {
  return steps.reduce(advance, from);
}

const go = (to: Flow["screen"]): Step => ({ type: "go", to });
const mark = (option: number, rule: typeof ONE): Step => ({ type: "mark", option, rule });
const next = (rule: typeof ONE, sure = false): Step => ({ type: "next", rule, sure });
const back: Step = { type: "back" };

/** At the check page of a ballot of two contests. */
const reviewed = walk(
  BEGINNING,
  { type: "replace", to: "start" },
  go("waiting"),
  go("login"),
  go("checking"),
  { type: "open", contests: 2 },
  mark(3, ONE),
  next(ONE),
  mark(0, SOME),
  mark(2, SOME),
  next(SOME, true),
);

test("the way leads from contest to contest to the check page", () => {
  expect(reviewed.screen).toBe("review");
  expect(reviewed.choices).toEqual([[3], [0, 2]]);
});

test("back loses no mark, and passes over what only does something", () => {
  const first = walk(reviewed, back, back);
  expect([first.screen, first.contest, first.choices]).toEqual(["ballot", 0, reviewed.choices]);
  expect(advance(first, back).screen).toBe("start");
});

test("back at the beginning stays", () => {
  expect(advance(BEGINNING, back)).toBe(BEGINNING);
});

test("nothing chosen, or too little, goes no further and says so", () => {
  const opened = advance(BEGINNING, { type: "open", contests: 1 });
  expect(advance(opened, next(SOME)).remark).toBe("none");
  const few = walk(opened, mark(1, SOME), next(SOME, true));
  expect([few.screen, few.remark]).toEqual(["ballot", "few"]);
});

test("who marks fewer lines than she may is asked once", () => {
  const asked = walk(BEGINNING, { type: "open", contests: 1 }, mark(1, SOME), mark(2, SOME), next(SOME));
  expect([asked.screen, asked.remark]).toEqual(["ballot", "fewer"]);
  expect(advance(asked, { type: "quiet" }).remark).toBeNull();
  expect(advance(asked, next(SOME, true)).screen).toBe("review");
});

test("a line too many changes nothing and is said", () => {
  const full = walk(BEGINNING, { type: "open", contests: 1 }, mark(0, SOME), mark(1, SOME), mark(2, SOME), mark(3, SOME));
  expect([full.choices, full.remark]).toEqual([[[0, 1, 2]], "full"]);
});

test("a change from the check page leads back to it, with the other contests as they were", () => {
  const changed = walk(reviewed, { type: "change", contest: 0 }, mark(1, ONE), next(ONE));
  expect([changed.screen, changed.choices]).toEqual(["review", [[1], [0, 2]]]);
  const left = walk(reviewed, { type: "change", contest: 0 }, back);
  expect([left.screen, left.choices]).toEqual(["review", reviewed.choices]);
});

test("a new ballot begins without marks", () => {
  expect(hasChoice(reviewed)).toBe(true);
  expect(hasChoice(advance(reviewed, { type: "open", contests: 2 }))).toBe(false);
});

test("a log-in that comes in between keeps the marks", () => {
  const between = walk(reviewed, { type: "replace", to: "login" }, { type: "replace", to: "review" });
  expect(between.choices).toEqual(reviewed.choices);
});

test("what is sent, refused, challenged or wiped has no way back into the ballot", () => {
  for (const to of ["challenge", "sending", "received", "refused"] as const) {
    expect(advance(walk(reviewed, go("sealing"), go("commitment"), go("decide")), go(to)).trail).toEqual(["start"]);
  }
  for (const last of [{ type: "done" }, { type: "wiped" }] as const) {
    const ended = advance(reviewed, last);
    expect([hasChoice(ended), ended.trail]).toEqual([false, ["start"]]);
    expect(JSON.stringify(ended)).not.toContain("3");
  }
});

test("no step changes the value that it was given", () => {
  const before = JSON.stringify(reviewed);
  const steps: readonly Step[] = [back, { type: "change", contest: 1 }, mark(1, ONE), { type: "wiped" }, { type: "done" }];
  for (const step of steps) advance(reviewed, step);
  expect(JSON.stringify(reviewed)).toBe(before);
});
