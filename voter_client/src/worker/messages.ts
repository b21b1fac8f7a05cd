/** What page and worker say to each other. */

import type { Operations } from "./operations.js";

export type OperationName = Exclude<keyof Operations, "prototype">;
export type InputOf<N extends OperationName> = Parameters<Operations[N]>[0];
export type ResultOf<N extends OperationName> = ReturnType<Operations[N]>;

export interface Question {
  readonly id: number;
  readonly name: OperationName;
  readonly input: unknown;
}

/** A failure as plain values; `check` and `what` are empty where they do not apply. */
export interface Failure {
  readonly name: string;
  readonly message: string;
  readonly check: string;
  readonly reason: string;
  readonly culprit: string;
}

export type Answer =
  | { readonly id: number; readonly state: "progress"; readonly done: number; readonly total: number }
  | { readonly id: number; readonly state: "done"; readonly result: unknown }
  | { readonly id: number; readonly state: "failed"; readonly failure: Failure };
