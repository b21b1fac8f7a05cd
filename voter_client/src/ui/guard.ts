// Covers the screen when the page is hidden, and wipes the choice when nobody touches the page for ten minutes.
//
// Spec: docs/operations/pages.md. The cover loses nothing; before the wipe the voter is asked and may stay.

import type { Model } from "./model";

export const WIPE_S = 600;
export const WARN_S = 20;

/** What the clock asks for after so many quiet seconds: nothing, the number of seconds to say, or the wipe. */
export function due(quietS: number, limitS = WIPE_S, warnS = WARN_S): "nothing" | "wipe" | number {
  if (quietS >= limitS) return "wipe";
  return quietS >= limitS - warnS ? Math.ceil(limitS - quietS) : "nothing";
}

/** Watch the page. Time is the page's own clock, which no phone setting moves. */
export function guard(model: Model): void {
  let touched = performance.now();
  const touch = (): void => {
    // Only an answer ends the question.
    if (model.state.wipingS === null) touched = performance.now();
  };
  for (const name of ["pointerdown", "keydown", "input", "scroll"]) addEventListener(name, touch, { passive: true });
  const cover = (): void => {
    if (document.visibilityState === "hidden" && model.isSecret()) model.set({ covered: true });
  };
  document.addEventListener("visibilitychange", cover);
  addEventListener("pagehide", () => {
    if (model.isSecret()) model.set({ covered: true });
  });
  let asked = false;
  setInterval(() => {
    if (!model.isSecret()) {
      touched = performance.now();
      return;
    }
    if (asked && model.state.wipingS === null) touched = performance.now();
    const what = due((performance.now() - touched) / 1_000);
    asked = typeof what === "number";
    if (what === "wipe") model.wipe();
    else if (typeof what === "number" && model.state.wipingS !== what) model.set({ wipingS: what });
  }, 500);
}
