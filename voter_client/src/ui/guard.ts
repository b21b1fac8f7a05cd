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

/** How long nobody has touched the page, in seconds: by the page's clock, or by the phone's, where that stood still in its sleep. */
class Quiet {
  private page = performance.now();
  private phone = Date.now();

  seconds(): number {
    return Math.max(performance.now() - this.page, Date.now() - this.phone) / 1_000;
  }

  end(): void {
    this.page = performance.now();
    this.phone = Date.now();
  }
}

/** Watch the page. What the page scrolls by itself is nobody's touch. */
export function guard(model: Model): void {
  const quiet = new Quiet();
  let asked = false;
  const look = (): void => {
    if (!model.isSecret()) return quiet.end();
    if (asked && model.state.wipingS === null) quiet.end();
    const what = due(quiet.seconds());
    asked = typeof what === "number";
    if (what === "wipe") model.wipe();
    else if (typeof what === "number" && model.state.wipingS !== what) model.set({ wipingS: what });
  };
  const touch = (): void => {
    // A page that slept over its end is not woken by a touch, and only an answer ends the question.
    look();
    if (model.state.wipingS === null) quiet.end();
  };
  for (const name of ["pointerdown", "keydown", "input", "wheel", "touchmove"]) addEventListener(name, touch, { passive: true });
  document.addEventListener("visibilitychange", () => {
    look();
    if (document.visibilityState === "hidden" && model.isSecret()) model.set({ covered: true });
  });
  addEventListener("pagehide", () => {
    if (model.isSecret()) model.set({ covered: true });
  });
  setInterval(look, 500);
}
