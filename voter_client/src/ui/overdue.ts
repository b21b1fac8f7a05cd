// Whether the board should long hold a ballot whose receipt is there.
//
// Spec: docs/spec/ballot.md (receipts). Three clocks can say so, and one is enough: the server's, which would not accuse itself; the
// witnesses', as the newest verified checkpoint shows them; and how long this device has waited, whatever its date is.

import type { Outbox } from "./memory";

export interface Clocks {
  /** The server's time. */
  readonly serverMs: number;
  /** This device's time: only what passes between two looks counts, since its date may be wrong. */
  readonly deviceMs: number;
  /** L of the newest verified checkpoint, 0 before there is one. */
  readonly lowerMs: number;
}

/** Tell whether a ballot without a proof is overdue; `delayMs` is the manifest's receipt_delay_ms, given again as patience. */
export function isOverdue({ proof, deadlineMs, receivedMs }: Outbox, delayMs: number, clocks: Clocks): boolean {
  if (proof !== null || deadlineMs === null) return false;
  const waited = delayMs > 0 && clocks.deviceMs > (receivedMs ?? Infinity) + 2 * delayMs;
  return waited || Math.max(clocks.serverMs, clocks.lowerMs) > deadlineMs + delayMs;
}
