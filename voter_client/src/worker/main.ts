/** The worker: one question at a time, one answer each, progress in between. */

import { Refused } from "../core/errors.js";
import type { Answer, Failure, Question } from "./messages.js";
import { Operations } from "./operations.js";

declare const self: DedicatedWorkerGlobalScope;

const operations = new Operations((bytes) => crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>));
const NAMES: readonly string[] = ["verifyElection", "seal", "open", "forget", "verifyNonce", "verifyReceipt", "verifyOnTheBoard", "sign"];

function answer(message: Answer): void {
  self.postMessage(message);
}

function failureOf(error: unknown): Failure {
  const { name, message } = error instanceof Error ? error : { name: "Error", message: String(error) };
  if (!(error instanceof Refused)) return { name, message, check: "", reason: "", culprit: "" };
  return { name, message, check: error.check, reason: error.reason, culprit: error.culprit };
}

self.addEventListener("message", (event: MessageEvent<Question>) => {
  const { id, name, input } = event.data;
  // A page need not hear of every step: each hundredth is more than a screen shows.
  let shown = 0;
  const progress = (done: number, total: number) => {
    if (done < total && done * 100 < (shown + 1) * total) return;
    shown = Math.floor((done * 100) / total);
    answer({ id, state: "progress", done, total });
  };
  try {
    if (!NAMES.includes(name)) throw new Error(`no operation ${String(name)}`);
    const operation = operations[name] as (this: Operations, input: unknown, progress: unknown) => unknown;
    answer({ id, state: "done", result: operation.call(operations, input, progress) });
  } catch (error) {
    answer({ id, state: "failed", failure: failureOf(error) });
  }
});
