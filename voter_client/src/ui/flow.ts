// The voter's way through the pages as one pure machine: where she is, what is marked, what "back" means.
//
// Spec: docs/operations/pages.md. It holds the choice and nothing of it leaves this value; whoever keeps the value wipes it by
// `wiped`. No effect, no text, no address.

import { mark, type Rule, standing } from "./choice";

export type Screen =
  | "language"
  | "start"
  | "candidates"
  | "place"
  | "device"
  | "identify"
  | "key"
  | "enrolled"
  | "waiting"
  | "login"
  | "checking"
  | "ballot"
  | "review"
  | "sealing"
  | "commitment"
  | "decide"
  | "challenge"
  | "cast"
  | "sending"
  | "received"
  | "record"
  | "refused"
  | "wiped";

export interface Flow {
  readonly screen: Screen;
  /** Where "back" leads, the nearest last. */
  readonly trail: readonly Screen[];
  readonly contest: number;
  readonly choices: readonly (readonly number[])[];
  /** What the page asks or says about the contest's marks. */
  readonly remark: "none" | "few" | "fewer" | "full" | null;
  /** A contest is changed from the check page: "next" leads back there. */
  readonly changing: boolean;
}

export type Step =
  | { readonly type: "go"; readonly to: Screen }
  | { readonly type: "replace"; readonly to: Screen }
  | { readonly type: "back" }
  | { readonly type: "open"; readonly contests: number }
  | { readonly type: "mark"; readonly option: number; readonly rule: Rule }
  | { readonly type: "next"; readonly rule: Rule; readonly sure: boolean }
  | { readonly type: "quiet" }
  | { readonly type: "change"; readonly contest: number }
  | { readonly type: "done" }
  | { readonly type: "wiped" };

export const BEGINNING: Flow = { screen: "language", trail: [], contest: 0, choices: [], remark: null, changing: false };

/** Screens that nobody goes back to: they do something, or what they showed is over. */
const PASSING: ReadonlySet<Screen> = new Set<Screen>([
  "key",
  "waiting",
  "login",
  "checking",
  "sealing",
  "sending",
  "challenge",
  "wiped",
]);

/** After these there is no way back into the ballot: it is sealed, and sent or spoiled. */
const FINAL: ReadonlySet<Screen> = new Set<Screen>(["challenge", "sending", "received", "refused", "wiped"]);

export function advance(flow: Flow, step: Step): Flow {
  switch (step.type) {
    case "go":
      return go(flow, step.to);
    case "replace":
      return { ...flow, screen: step.to, remark: null };
    case "back":
      return back(flow);
    case "open":
      return {
        ...go(flow, "ballot"),
        contest: 0,
        choices: Array.from({ length: step.contests }, () => []),
        changing: false,
      };
    case "mark":
      return put(flow, step.option, step.rule);
    case "next":
      return next(flow, step.rule, step.sure);
    case "quiet":
      return { ...flow, remark: null };
    case "change":
      return { ...go(flow, "ballot"), contest: step.contest, changing: true };
    case "done":
      // Sent: nothing of the choice is needed any more.
      return { ...go(flow, "received"), trail: ["start"], choices: [], contest: 0, changing: false };
    case "wiped":
      return { ...BEGINNING, screen: "wiped", trail: ["start"] };
  }
}

function go(flow: Flow, to: Screen): Flow {
  if (to === flow.screen) return { ...flow, remark: null };
  const trail = PASSING.has(flow.screen) ? flow.trail : [...flow.trail, flow.screen];
  return { ...flow, screen: to, trail: FINAL.has(to) ? ["start"] : trail, remark: null };
}

function back(flow: Flow): Flow {
  if (flow.screen === "ballot" && !flow.changing && flow.contest > 0) {
    return { ...flow, contest: flow.contest - 1, remark: null };
  }
  const to = flow.trail[flow.trail.length - 1];
  if (to === undefined) return flow;
  const trail = flow.trail.slice(0, -1);
  if (to === "ballot") {
    // From the check page to the last contest; a sealed vote that was not sent is sealed anew afterwards.
    return { ...flow, screen: to, trail, remark: null, changing: false, contest: flow.choices.length - 1 };
  }
  return { ...flow, screen: to, trail, remark: null, changing: false };
}

function put(flow: Flow, option: number, rule: Rule): Flow {
  const chosen = flow.choices[flow.contest] ?? [];
  const marked = mark(rule, chosen, option);
  const choices = flow.choices.map((each, at) => (at === flow.contest ? marked : each));
  return { ...flow, choices, remark: marked === chosen ? "full" : null };
}

function next(flow: Flow, rule: Rule, sure: boolean): Flow {
  const state = standing(rule, flow.choices[flow.contest] ?? []);
  if (state === "none" || state === "few") return { ...flow, remark: state };
  if (state === "fewer" && !sure) return { ...flow, remark: "fewer" };
  if (flow.changing) return { ...flow, screen: "review", trail: flow.trail.slice(0, -1), remark: null, changing: false };
  if (flow.contest + 1 < flow.choices.length) return { ...flow, contest: flow.contest + 1, remark: null };
  return go(flow, "review");
}

/** Has she marked anything that a wipe would take away? */
export function hasChoice(flow: Flow): boolean {
  return flow.choices.some((chosen) => chosen.length > 0);
}
