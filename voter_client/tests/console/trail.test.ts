import { describe, expect, test } from "vitest";
import { fromHex, toHex, u64, utf8 } from "../../src/core/bytes.js";
import { taggedHash } from "../../src/core/transcript.js";
import { holds } from "../../src/console/live.js";
import type { Act } from "../../src/console/service.js";

function trail(count: number, change: Partial<Act> = {}, at = -1): Act[] {
  const acts: Act[] = [];
  for (let number = 0; number < count; number += 1) {
    const made = { number, at_ms: 1_000 + number, person: 1, name: "A", act: "sign", subject: String(number), outcome: "done", ...(number === at ? change : {}) };
    const previous = fromHex(acts[0]?.hash ?? "00".repeat(32));
    const fields = [made.number, made.at_ms, made.person].map(u64);
    const hash = toHex(taggedHash(utf8("dobush/1/installation/role-act"), previous, ...fields, ...[made.act, made.subject, made.outcome].map(utf8)));
    acts.unshift({ ...made, hash });
  }
  return acts;
}

describe("the trail in the console", () => {
  const whole = trail(6);
  const seen = { number: 3, hash: whole[2]!.hash };

  test("a chain that grew since holds", () => {
    expect(holds(whole, null)).toBe(true);
    expect(holds(whole, seen)).toBe(true);
    expect(holds(whole.slice(0, 2), seen)).toBe(true);
    expect(holds([], null)).toBe(true);
  });

  test.each([
    ["an act that was changed in its place", whole.map((act) => (act.number === 2 ? { ...act, outcome: "begun" } : act)), null],
    ["an act that was taken out", whole.filter(({ number }) => number !== 4), null],
    ["a first act that begins nothing", whole.map((act) => (act.number === 0 ? { ...act, person: 2 } : act)), null],
    ["a chain that was written anew", trail(6, { outcome: "begun" }, 1), seen],
    ["a chain that was cut short", trail(3), seen],
    ["an empty trail", [], seen],
  ])("%s does not", (_, acts, known) => {
    expect(holds(acts, known)).toBe(false);
  });
});
