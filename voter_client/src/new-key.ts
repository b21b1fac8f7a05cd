// Whether this phone can have a key of its own, and making one. The challenge comes from the caller, never from a server.
//
// Spec: docs/spec/signatures.md, section "Passkeys".

import { isInApp } from "./in-app";
import { PATIENCE_MS, race, source, text } from "./passkey";

export interface Ability {
  /** Opened inside a messenger or another app: passkeys often fail there. */
  readonly inApp: boolean;
  readonly passkey: boolean;
  /** A screen lock, or what serves as one. */
  readonly lock: boolean;
}

export async function readAbility(): Promise<Ability> {
  const inApp = isInApp(navigator.userAgent);
  if (typeof PublicKeyCredential === "undefined" || !window.isSecureContext) return { inApp, passkey: false, lock: false };
  const lock = await PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable().catch(() => false);
  return { inApp, passkey: true, lock };
}

export interface NewKey {
  readonly rpId: string;
  readonly rpName: string;
  readonly user: Uint8Array;
  readonly userName: string;
  readonly algorithms: readonly number[];
  readonly challenge: Uint8Array;
}

/** Make a key; return what the identity side takes (`toJSON()` of the answer), and the key's id. */
export async function make(wanted: NewKey, patienceMs = PATIENCE_MS): Promise<{ readonly id: string; readonly json: unknown }> {
  const publicKey: PublicKeyCredentialCreationOptions = {
    rp: { id: wanted.rpId, name: wanted.rpName },
    user: { id: source(wanted.user), name: wanted.userName, displayName: wanted.userName },
    pubKeyCredParams: wanted.algorithms.map((alg) => ({ type: "public-key", alg })),
    challenge: source(wanted.challenge),
    attestation: "none",
    authenticatorSelection: { residentKey: "required", requireResidentKey: true, userVerification: "required" },
    timeout: patienceMs,
  };
  const made = await race((signal) => navigator.credentials.create({ publicKey, signal }), patienceMs);
  const response = made.response as AuthenticatorAttestationResponse;
  const id = text(made.rawId);
  return {
    id,
    json: {
      id,
      rawId: id,
      type: "public-key",
      response: {
        clientDataJSON: text(response.clientDataJSON),
        attestationObject: text(response.attestationObject),
      },
    },
  };
}
