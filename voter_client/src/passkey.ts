// The phone's own key: signing with it; `new-key.ts` makes one. Every challenge comes from the caller, never from a server.
//
// Spec: docs/spec/signatures.md, section "Passkeys". A prompt that was cancelled and one that never came look alike, and one
// that hangs shows nothing: each is raced with a clock, and each ends in the same error.

import { toBase64Url } from "./core/bytes";

export const PATIENCE_MS = 120_000;

/** The phone did not make or use a key: cancelled, not there, too late. */
export class NoKeyError extends Error {}

/** Ask the authenticator; a prompt that hangs ends with the clock. */
export async function race(ask: (signal: AbortSignal) => Promise<Credential | null>, patienceMs: number): Promise<PublicKeyCredential> {
  const ended = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      ended.abort();
      reject(new NoKeyError("late"));
    }, patienceMs);
  });
  try {
    const made = await Promise.race([ask(ended.signal), late]);
    if (made instanceof PublicKeyCredential) return made;
  } catch {
    // Cancelled, not allowed, no authenticator: the browser does not say which.
  } finally {
    clearTimeout(timer);
  }
  throw new NoKeyError("no key");
}

export const source = (data: Uint8Array): Uint8Array<ArrayBuffer> => Uint8Array.from(data);
export const text = (data: ArrayBuffer): string => toBase64Url(new Uint8Array(data));

export interface Signed {
  readonly id: string;
  readonly authenticatorData: Uint8Array;
  readonly clientData: Uint8Array;
  readonly signature: Uint8Array;
}

/** Sign a challenge with a known key, or with whichever the person picks. */
export async function sign(challenge: Uint8Array, key: string | null, patienceMs = PATIENCE_MS): Promise<Signed> {
  const publicKey: PublicKeyCredentialRequestOptions = {
    challenge: source(challenge),
    userVerification: "required",
    timeout: patienceMs,
    allowCredentials: key === null ? [] : [{ type: "public-key", id: source(fromText(key)) }],
  };
  const made = await race((signal) => navigator.credentials.get({ publicKey, signal }), patienceMs);
  const response = made.response as AuthenticatorAssertionResponse;
  return {
    id: text(made.rawId),
    authenticatorData: new Uint8Array(response.authenticatorData),
    clientData: new Uint8Array(response.clientDataJSON),
    signature: new Uint8Array(response.signature),
  };
}

/** What the log-in takes. */
export function assertionJson(signed: Signed): unknown {
  return {
    id: signed.id,
    rawId: signed.id,
    type: "public-key",
    response: {
      clientDataJSON: toBase64Url(signed.clientData),
      authenticatorData: toBase64Url(signed.authenticatorData),
      signature: toBase64Url(signed.signature),
    },
  };
}

function fromText(id: string): Uint8Array {
  const binary = atob(id.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
}
