import { expect, test } from "vitest";
import { isOverdue } from "../../src/ui/overdue.js";

const DELAY = 600;
const [RECEIVED, DEADLINE] = [1_000, 1_600];
const outbox = {
  entry: "",
  hash: "",
  code: "",
  pseudonym: "",
  number: 1,
  receipt: "CQ",
  deadlineMs: DEADLINE,
  receivedMs: RECEIVED,
  proof: null,
  index: null,
  refused: false,
};
const calm = { serverMs: DEADLINE, deviceMs: RECEIVED, lowerMs: 0 };
const overdue = (changes: object = {}, clocks: object = {}, delay = DELAY) => isOverdue({ ...outbox, ...changes }, delay, { ...calm, ...clocks });

test("each of three clocks says that a ballot is overdue", () => {
  expect(overdue()).toBe(false);
  for (const [name, last] of [["serverMs", DEADLINE + DELAY], ["lowerMs", DEADLINE + DELAY], ["deviceMs", RECEIVED + 2 * DELAY]] as const) {
    expect([name, overdue({}, { [name]: last })]).toEqual([name, false]);
    expect([name, overdue({}, { [name]: last + 1 })]).toEqual([name, true]);
  }
});

test("a server whose clock stands still is not believed for ever", () => {
  expect(overdue({}, { serverMs: 0, deviceMs: RECEIVED + 10 * DELAY })).toBe(true);
  expect(overdue({ deadlineMs: 9e15 }, { deviceMs: RECEIVED + 10 * DELAY })).toBe(true);
});

test("the device's date alone accuses nobody", () => {
  const fast = 1e12;
  expect(overdue({ receivedMs: RECEIVED + fast }, { deviceMs: RECEIVED + fast + DELAY })).toBe(false);
  expect(overdue({ receivedMs: null }, { deviceMs: fast })).toBe(false);
  expect(overdue({}, { deviceMs: fast }, 0)).toBe(false);
});

test("what stands on the board, or has no receipt, is not overdue", () => {
  expect(overdue({ proof: "x" }, { serverMs: 9e15 })).toBe(false);
  expect(overdue({ deadlineMs: null }, { serverMs: 9e15 })).toBe(false);
});
