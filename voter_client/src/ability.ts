// Whether this phone can have a key of its own.

import { isInApp } from "./in-app";

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
