/**
 * Starts the worker and talks to it.
 *
 * Browsers do not check the hash of a worker's script. So its text comes in pieces, each fetched with the hash that stands in
 * this bundle (which the page's own hash covers), and the worker starts from their sum.
 */

import { PIECES } from "virtual:core-worker";
import { Misuse, Refused } from "../core/errors.js";
import type { Answer, Failure, InputOf, OperationName, Question, ResultOf } from "./messages.js";
import type { Progress } from "./operations.js";

/** Fetch one piece of the worker's text; the browser refuses other bytes than those of `integrity`. */
export type LoadPiece = (name: string, integrity: string) => Promise<ArrayBuffer>;

interface Waiting {
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
  readonly progress: Progress | undefined;
}

interface ScriptUrls {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string };
}

/** A running worker. */
export class Core {
  private readonly waiting = new Map<number, Waiting>();
  private next = 1;

  constructor(private readonly worker: Worker) {
    worker.addEventListener("message", (event: MessageEvent<Answer>) => this.take(event.data));
    worker.addEventListener("error", () => this.failAll(new Error("the worker has stopped")));
  }

  /** Ask for one operation. Rejects with Refused where a check failed, and with Misuse or Error otherwise. */
  ask<N extends OperationName>(name: N, input: InputOf<N>, progress?: Progress): Promise<ResultOf<N>> {
    const id = this.next++;
    return new Promise<ResultOf<N>>((resolve, reject) => {
      this.waiting.set(id, { resolve: resolve as (result: never) => void, reject, progress });
      const question: Question = { id, name, input };
      this.worker.postMessage(question);
    });
  }

  /** End the worker, and with it every secret that it holds. */
  stop(): void {
    this.worker.terminate();
    this.failAll(new Error("the worker was stopped"));
  }

  private take(answer: Answer): void {
    const waiting = this.waiting.get(answer.id);
    if (waiting === undefined) return;
    if (answer.state === "progress") {
      waiting.progress?.(answer.done, answer.total);
      return;
    }
    this.waiting.delete(answer.id);
    if (answer.state === "done") waiting.resolve(answer.result as never);
    else waiting.reject(errorOf(answer.failure));
  }

  private failAll(error: Error): void {
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }
}

function errorOf({ name, message, check, reason, culprit }: Failure): Error {
  if (check !== "") return new Refused(check, reason, culprit);
  if (name === "Misuse") return new Misuse(message);
  const error = new Error(message);
  error.name = name;
  return error;
}

/** Fetch the pieces and start the worker. Rejects where a piece cannot be had or is not the one of this build. */
export async function startCore(load: LoadPiece): Promise<Core> {
  const parts = await Promise.all(PIECES.map(({ name, integrity }) => load(name, integrity)));
  const url = URL.createObjectURL(new Blob(parts, { type: "text/javascript" }));
  try {
    return new Core(new Worker(trustedUrl(url)));
  } finally {
    // The worker has begun to load; Chromium and Firefox keep what the address stood for.
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }
}

/** The one address that the page's policy lets through. */
function trustedUrl(url: string): string {
  const types = (globalThis as { readonly trustedTypes?: ScriptUrls }).trustedTypes;
  if (types === undefined) return url;
  const policy = types.createPolicy("worker-url", {
    createScriptURL(asked) {
      if (asked !== url) throw new Misuse("another address than the worker's");
      return asked;
    },
  });
  return policy.createScriptURL(url);
}

/** `LoadPiece` over fetch: beside the page, kept by the browser's cache, tried again when the line is cut. */
export const fetchPiece: LoadPiece = async (name, integrity) => {
  for (let left = 3; ; left--) {
    try {
      const response = await fetch(new URL(name, document.baseURI), { integrity, credentials: "omit", mode: "same-origin" });
      if (!response.ok) throw new Error(`${response.status}`);
      return await response.arrayBuffer();
    } catch (error) {
      if (left <= 1) throw error;
    }
  }
};
