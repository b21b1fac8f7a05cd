import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { due, guard } from "../../src/ui/guard";
import type { Model } from "../../src/ui/model";

/** What the guard sees of the page. */
class Page {
  state = { wipingS: null as number | null, covered: false };
  wiped = 0;
  constructor(public secret: boolean) {}
  isSecret = (): boolean => this.secret;
  set = (change: Partial<Page["state"]>): void => void (this.state = { ...this.state, ...change });
  wipe = (): void => {
    this.wiped++;
    this.secret = false;
    this.state = { wipingS: null, covered: false };
  };
}

let heard: Map<string, () => void>;
const page = { visibilityState: "visible", addEventListener: (name: string, act: () => void) => heard.set(name, act) };

beforeEach(() => {
  heard = new Map();
  page.visibilityState = "visible";
  vi.useFakeTimers();
  vi.stubGlobal("document", page);
  vi.stubGlobal("addEventListener", (name: string, act: () => void) => heard.set(name, act));
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function watched(secret: boolean): Page {
  const made = new Page(secret);
  guard(made as unknown as Model);
  return made;
}

test("what the clock asks for", () => {
  expect([0, 579.9, 580, 595.2, 599.9, 600, 10_000].map((quietS) => due(quietS))).toEqual([
    "nothing", "nothing", 20, 5, 1, "wipe", "wipe",
  ]);
});

test("ten quiet minutes, twenty seconds of them with a question, end in one wipe", () => {
  const seen = watched(true);
  vi.advanceTimersByTime(579_000);
  expect(seen.state.wipingS).toBeNull();
  vi.advanceTimersByTime(2_000);
  expect(seen.state.wipingS).toBeGreaterThan(17);
  vi.advanceTimersByTime(20_000);
  expect(seen.wiped).toBe(1);
  vi.advanceTimersByTime(3_600_000);
  expect(seen.wiped).toBe(1);
});

test("a touch begins the ten minutes anew, but does not answer the question", () => {
  const seen = watched(true);
  vi.advanceTimersByTime(570_000);
  heard.get("keydown")?.();
  vi.advanceTimersByTime(570_000);
  expect(seen.state.wipingS).toBeNull();
  vi.advanceTimersByTime(15_000);
  expect(seen.state.wipingS).not.toBeNull();
  heard.get("pointerdown")?.();
  vi.advanceTimersByTime(20_000);
  expect(seen.wiped).toBe(1);
});

test("an answer begins the ten minutes anew, again and again", () => {
  const seen = watched(true);
  for (let time = 0; time < 3; time++) {
    vi.advanceTimersByTime(585_000);
    expect(seen.state.wipingS).not.toBeNull();
    seen.set({ wipingS: null });
  }
  vi.advanceTimersByTime(570_000);
  expect([seen.state.wipingS, seen.wiped]).toEqual([null, 0]);
});

test("a page without a secret is neither asked nor covered", () => {
  const seen = watched(false);
  vi.advanceTimersByTime(3_600_000);
  page.visibilityState = "hidden";
  heard.get("visibilitychange")?.();
  heard.get("pagehide")?.();
  expect([seen.state, seen.wiped]).toEqual([{ wipingS: null, covered: false }, 0]);
});

test("a hidden page with a secret is covered, and stays so until somebody uncovers it", () => {
  const seen = watched(true);
  heard.get("visibilitychange")?.();
  expect(seen.state.covered).toBe(false);
  page.visibilityState = "hidden";
  heard.get("visibilitychange")?.();
  page.visibilityState = "visible";
  heard.get("visibilitychange")?.();
  expect(seen.state.covered).toBe(true);
});

test("a touch after the end does not wake a page that slept", () => {
  const seen = watched(true);
  vi.setSystemTime(Date.now() + 3_600_000);
  heard.get("pointerdown")!();
  expect(seen.wiped).toBe(1);
});

test("a page that comes back after the end is wiped at once", () => {
  const seen = watched(true);
  vi.setSystemTime(Date.now() + 3_600_000);
  heard.get("visibilitychange")!();
  expect(seen.wiped).toBe(1);
});

test("what the page scrolls by itself is no touch", () => {
  watched(true);
  expect([...heard.keys()].sort()).toEqual(["input", "keydown", "pagehide", "pointerdown", "touchmove", "visibilitychange", "wheel"]);
});
