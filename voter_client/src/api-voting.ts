// What is asked of the ballot side once a vote is sealed.

import { bytes, call, decode, json, SIDE } from "./api";

const CBOR = "application/cbor";

export interface Accepted {
  readonly receipt: Uint8Array;
}

export interface Status {
  readonly state: string;
  readonly kind: string;
  readonly index: number | null;
}

export const askNonce = async (ballotHash: string): Promise<Uint8Array> =>
  decode((await json<{ nonce: string }>("POST", `casting/nonces/${ballotHash}`)).nonce);

export const cast = async (entry: Uint8Array): Promise<Accepted> => {
  const answer = await call("POST", "ballots", entry as Uint8Array<ArrayBuffer>, CBOR);
  const body = (await answer.json().catch(() => ({}))) as { receipt?: string };
  return { receipt: decode(body.receipt ?? "") };
};

export const challenge = async (spoiled: Uint8Array): Promise<void> => {
  await call("POST", "ballots/challenged", spoiled as Uint8Array<ArrayBuffer>, CBOR);
};

export const readStatus = (ballotHash: string): Promise<Status> => json("GET", `ballots/${ballotHash}`);
export const readProof = (ballotHash: string): Promise<Uint8Array> => bytes(`ballots/${ballotHash}/proof`);

/** Call `tell` whenever something may have changed for a ballot: live events, and a look every few seconds besides. */
export function follow(ballotHash: string, tell: () => void, everyMs: number): () => void {
  const events = new EventSource(`${SIDE}ballots/${ballotHash}/events`);
  events.addEventListener("status", tell);
  events.addEventListener("proof", () => {
    events.close();
    tell();
  });
  const timer = setInterval(tell, everyMs);
  return () => {
    events.close();
    clearInterval(timer);
  };
}
