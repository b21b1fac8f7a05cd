/** The only place of the console that asks the network: the side that sent the page, with its cookie. */

import type { Language } from "../public/words.js";

const PATIENCE_MS = 60_000;

/** Which side sent this page; each has its own people. */
export type Side = "ballot" | "identity";

/** What the service refuses, in its own words. */
export class Problem extends Error {
  constructor(
    readonly code: string,
    title: string,
    readonly check: string,
    readonly reason: string,
  ) {
    super(title);
  }
}

export interface Person {
  readonly id: number;
  readonly name: string;
  readonly body: string;
  readonly role: "officer" | "registrar" | "operator";
  readonly key: string | null;
}

export interface Proposal {
  readonly id: number;
  readonly type: string;
  readonly state: "waiting" | "signed" | "taken" | "rejected" | "expired";
  readonly body: string;
  readonly parts: readonly Part[];
  readonly author: string;
  readonly made_at_ms: number;
  readonly expires_at_ms: number;
  readonly signatures: readonly { name: string; body: string; key_id: string; at_ms: number }[];
  readonly ended_by: string | null;
  readonly note: string;
  readonly check: string;
  readonly leaf: string | null;
  readonly index: number | null;
}

export interface Part {
  readonly type: "contest" | "units";
  readonly body: string;
}

export interface Act {
  readonly number: number;
  readonly at_ms: number;
  readonly person: number;
  readonly name: string;
  readonly act: string;
  readonly subject: string;
  readonly outcome: string;
  readonly hash: string;
}

export interface Election {
  readonly short_name: string;
  readonly kind: "demo" | "practice" | "real";
  readonly manifest_hash: string;
  readonly title: Readonly<Record<Language, string>>;
  readonly phase: "setup" | "open" | "closed" | "complete";
  readonly times: { opens_at_ms: number; closes_at_ms: number; now_ms: number };
  readonly counts: { slots: number; credentials: number; refused: number; results: number };
  readonly trustees: readonly string[];
  readonly threshold: number;
  readonly awaited: readonly { type: string; by: string; who: readonly string[]; not_before_ms: number | null }[];
}

export interface Counts {
  readonly slots: number;
  readonly credentials: number;
  readonly voters: number;
}

export interface Live {
  readonly election: Election;
  readonly turnout: Counts & { ballots: number; districts: readonly (Omit<Counts, "voters"> & { unit: number; name: Readonly<Record<Language, string>>; voters: number | null })[] };
  readonly queue: { waiting: number; limit: number };
  readonly board: { size: number; block: number; quorum_size: number; quorum_at_ms: number | null };
  readonly witnesses: readonly { name: string; size: number | null; at_ms: number | null; is_behind: boolean }[];
  readonly drills: readonly { number: number; passed: readonly string[]; missing: readonly string[] }[];
  readonly alarms: readonly { name: string; who: readonly string[]; count: number | null }[];
}

export interface Check {
  readonly id: string;
  readonly state: "passed" | "failed" | "not run";
  readonly claim: string;
  readonly reason: string;
}

export interface Draft {
  readonly faults: readonly { at: string; name: string }[];
  readonly checks: readonly Check[];
  readonly manifest: string | null;
  readonly manifest_hash: string | null;
  readonly parts: readonly Part[];
}

/** Ask the service; `language` is the one in which it should speak. */
export async function ask<T>(language: Language, method: "GET" | "POST", path: string, body?: unknown): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(`../${path}`, {
      method,
      credentials: "same-origin",
      redirect: "error",
      cache: "no-store",
      signal: AbortSignal.timeout(PATIENCE_MS),
      headers: { "accept-language": language, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    throw new Problem("unreachable", "", "", "");
  }
  if (answer.status === 204) return undefined as T;
  const found = (await answer.json().catch(() => ({}))) as Record<string, unknown>;
  if (answer.ok) return found as T;
  const text = (name: string): string => (typeof found[name] === "string" ? found[name] : "");
  throw new Problem(text("type").replace("/problems/", ""), text("title"), text("check"), text("detail") || text("reason"));
}
