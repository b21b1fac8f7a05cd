// Identification and the phone's new key: loaded where somebody identifies.
//
// Spec: docs/operations/pages.md, docs/operations/identification.md.

import { type Identified, ProblemError } from "../api";
import * as api from "../api-identity";
import { proveCode, readCode } from "../code";
import { fromHex } from "../core/bytes";
import { Refused } from "../core/errors";
import { make } from "../new-key";
import { registerChallenge } from "./challenges";
import type { Screens } from "./groups";
import * as memory from "./memory";
import { isKind, type Model, PIN } from "./model";
import { EnrolledScreen, IdentifyScreen, KeyScreen } from "./screens/identifying";

export { UnreadyDevice } from "./screens/identifying";

export const SCREENS: Screens = { identify: IdentifyScreen, key: KeyScreen, enrolled: EnrolledScreen };

/** The key to ask the phone for: where a key is being changed the phone offers what it has, the old one or the new one. */
function keyInForce(identified: Identified, made: string): string | null {
  return identified.requests.some((request) => request.type === "change") ? null : made;
}

/** Go on from where the way to the provider and back left off, or begin. */
export async function beginIdentity(m: Model, handover: memory.Handover): Promise<void> {
  const kept = memory.readStep();
  if (kept !== null && handover.to === "") {
    try {
      const identified = await api.readIdentified();
      const me = { pseudonym: identified.pseudonym, key: kept === "look" ? null : keyInForce(identified, kept) };
      memory.keepStep(null);
      m.set({ identified, me });
      m.step({ type: "replace", to: "enrolled" });
      return;
    } catch (error) {
      if (!(error instanceof ProblemError)) m.fail(error);
    }
  }
  m.looking = handover.to === "look";
  m.step({ type: "replace", to: "identify" });
  // Back from the provider with a no.
  if (handover.to === "failed" || handover.to === "not-listed") {
    memory.keepStep(null);
    m.set({ problem: { text: m.state.words(`identify.${handover.to}`) } });
  }
}

/** Take the printed code, if it is one. */
export function takeCode(m: Model, typed: string): void {
  const code = readCode(typed);
  if (code === null) {
    m.set({ problem: { text: m.state.words("identify.code-wrong") } });
    return;
  }
  m.service = false;
  m.set({ code });
  m.go("key");
}

export function chooseService(m: Model): Promise<void> {
  return m.run(async () => {
    m.service = true;
    m.set({ code: null });
    // Asked first, so that nobody makes a key for a service that is not there.
    const url = await service404(m, () => api.beginService(null));
    if (!m.looking) {
      m.go("key");
      return;
    }
    memory.keepStep("look");
    location.assign(url);
  });
}

async function service404<T>(m: Model, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof ProblemError && error.status === 404)) throw error;
    throw new ProblemError("", m.state.words("identify.service-none"), 404, null);
  }
}

/** A key that was made and whose code is not known to have been taken: the same proof is sent again, no other key is made. */
interface Pending {
  readonly code: string;
  readonly enrolment: string;
  readonly id: string;
  readonly proof: { readonly key: string; readonly signature: string };
}

let pending: Pending | null = null;

export function makeKey(m: Model): Promise<void> {
  return m.run(async () => {
    const { code } = m.state;
    if (pending === null || m.service || pending.code !== code) {
      const begun = await api.beginEnrolment();
      // Another election's name here would let a server collect keys for it.
      if (begun.manifest_hash !== PIN || !isKind(begun.kind)) throw new Refused("RECORD-3", "another election", "server");
      const pinned = fromHex(PIN);
      const made = await make({
        rpId: begun.options.rp.id,
        rpName: begun.options.rp.name,
        user: fromHex(begun.options.user.id),
        userName: begun.options.user.name,
        algorithms: begun.options.pubKeyCredParams.map((each) => each.alg),
        challenge: registerChallenge(begun.kind, pinned, fromHex(begun.token)),
      });
      const key = await api.finishEnrolment(begun.id, made.json);
      memory.keepStep(made.id);
      if (m.service || code === null) {
        location.assign(await service404(m, () => api.beginService(begun.id)));
        return;
      }
      const proof = await proveCode(begun.kind, pinned, code, fromHex(key), (seed, message) => m.signCode(seed, message));
      pending = { code, enrolment: begun.id, id: made.id, proof };
    }
    try {
      await api.proveCode(pending.enrolment, pending.proof.key, pending.proof.signature);
    } catch (error) {
      // No answer: the server may have taken it. A no is final for this key.
      if (error instanceof ProblemError && error.status < 500 && error.status !== 429) {
        pending = null;
        m.step({ type: "back" });
      }
      throw error;
    }
    const identified = await api.readIdentified();
    const { id } = pending;
    pending = null;
    memory.keepStep(null);
    m.set({ identified, code: null, me: { pseudonym: identified.pseudonym, key: keyInForce(identified, id) } });
    m.go("enrolled");
  });
}
