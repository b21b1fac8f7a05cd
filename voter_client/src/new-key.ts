// Making the phone's own key. The challenge comes from the caller, never from a server.
//
// Spec: docs/spec/signatures.md, section "Passkeys".

import { PATIENCE_MS, race, source, text } from "./passkey";

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
