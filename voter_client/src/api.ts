// Every request of the voter's page: own origin only, bytes or JSON, a problem as an error that says what to do.
//
// Spec: the OpenAPI description of both sides. The page lies below its side's address, so that `../` is the side. What comes
// back is a stranger's word until the core has verified it. What only some screens ask stands in api-identity.ts and api-voting.ts.

import { fromBase64Url, toBase64Url } from "./core/bytes";
import type { Language } from "./words/words";

export const SIDE = "../";
const PATIENCE_MS = 20_000;

/** The service answered, but not with success. `title` is its text in the reader's language. */
export class ProblemError extends Error {
  constructor(
    readonly code: string,
    readonly title: string,
    readonly status: number,
    readonly retryAfterS: number | null,
  ) {
    super(code);
  }
}

/** No answer came: no connection, or none in time. */
export class OfflineError extends Error {}

export interface ElectionInfo {
  readonly kind: string;
  readonly title: Readonly<Record<Language, string>>;
  readonly phase: string;
  readonly times: { readonly opens_at_ms: number; readonly closes_at_ms: number; readonly now_ms: number };
  readonly places?: unknown;
}

export interface SlotInfo {
  readonly unit: number;
  readonly has_credential: boolean;
  readonly ballots: number;
  readonly is_struck: boolean;
}

export interface VoterInfo {
  readonly pseudonym: string;
  readonly unit: number;
  readonly style: number;
  readonly number: number;
  readonly previous: string;
  readonly waiting: boolean;
  readonly struck: boolean;
  readonly head: { readonly size: number; readonly root: string };
}

export interface Identified {
  readonly pseudonym: string;
  readonly unit: number;
  readonly requests: readonly { readonly type: string; readonly state: string }[];
}

let language: Language = "ky";

/** Texts of problems come in this language. */
export function speak(wanted: Language): void {
  language = wanted;
}

/** One request to this page's side. Throws ProblemError, OfflineError. */
export async function call(method: string, path: string, body?: BodyInit, type?: string): Promise<Response> {
  const headers: Record<string, string> = { "Accept-Language": language };
  if (type !== undefined) headers["Content-Type"] = type;
  let answer: Response;
  try {
    answer = await fetch(SIDE + path, {
      method,
      headers,
      body: body ?? null,
      cache: "no-store",
      credentials: "same-origin",
      redirect: "error",
      referrerPolicy: "no-referrer",
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  } catch {
    throw new OfflineError(path);
  }
  if (answer.ok) return answer;
  const problem: unknown = await answer.json().catch(() => null);
  const fields = typeof problem === "object" && problem !== null ? (problem as Record<string, unknown>) : {};
  const kind = typeof fields["type"] === "string" ? fields["type"].replace(/^.*\//, "") : "";
  const title = typeof fields["title"] === "string" ? fields["title"] : "";
  const wait = Number(answer.headers.get("retry-after"));
  throw new ProblemError(kind, title, answer.status, wait > 0 ? wait : null);
}

export async function json<T>(method: string, path: string, body?: unknown): Promise<T> {
  const answer =
    body === undefined
      ? await call(method, path)
      : await call(method, path, JSON.stringify(body), "application/json");
  if (answer.status === 204) return undefined as T;
  try {
    return (await answer.json()) as T;
  } catch {
    throw new OfflineError(path);
  }
}

export async function bytes(path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await (await call("GET", path)).arrayBuffer());
  } catch (error) {
    throw error instanceof ProblemError ? error : new OfflineError(path);
  }
}

export function decode(text: string): Uint8Array {
  const data = fromBase64Url(text);
  if (data === undefined) throw new OfflineError("not base64url");
  return data;
}

// -------------------------------------------------------------------------------------------------------- ballot side

export const readElection = (): Promise<ElectionInfo> => json("GET", "election");
/** Where entries stand: hints, which the check proves or refuses. */
export const readPlaces = (): Promise<unknown> => json("GET", "election/places");
export const readSlot = (pseudonym: string): Promise<SlotInfo> => json("GET", `slots/${pseudonym}`);
export const readCheckpoint = (): Promise<Uint8Array> => bytes("log/checkpoint");
export const readEntry = (index: number): Promise<Uint8Array> => bytes(`log/entry/${index}`);
/** `path` as the log's files are named: `tile/…`. */
export const readTile = (path: string): Promise<Uint8Array> => bytes(`log/${path}`);

export const startLogin = async (): Promise<{ token: Uint8Array; manifestHash: string }> => {
  const answer = await json<{ token: string; manifest_hash: string }>("POST", "casting/login/start");
  return { token: decode(answer.token), manifestHash: answer.manifest_hash };
};

export const logIn = (token: Uint8Array, pseudonym: string, credential: unknown): Promise<VoterInfo> =>
  json("POST", "casting/login", { token: toBase64Url(token), pseudonym, credential });

export const readVoter = (): Promise<VoterInfo> => json("GET", "casting/voter");
