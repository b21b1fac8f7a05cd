// From the check page to the board: what happens to a vote once it is marked. Loaded while the ballot is on the screen.
//
// Spec: docs/operations/pages.md. Each act asks, verifies through the worker, and says in words what came of it.

import { OfflineError, ProblemError } from "../api";
import * as api from "../api-voting";
import { fromBase64Url, fromHex, toBase64Url, toHex, wipe } from "../core/bytes";
import { BALLOT_ENTRY, type BallotEntry, entryToBytes, parseEntry, SPOILED } from "../core/entries";
import { Refused } from "../core/errors";
import * as passkey from "../passkey";
import { castChallenge } from "./challenges";
import type { Screens } from "./groups";
import * as memory from "./memory";
import { LOOK_MS, type Model, pause, PIN } from "./model";
import {
  CastScreen,
  ChallengeScreen,
  CommitmentScreen,
  DecideScreen,
  ReceivedScreen,
  ReviewScreen,
  SealingScreen,
  SendingScreen,
} from "./screens/sealing";

export const SCREENS: Screens = {
  review: ReviewScreen,
  sealing: SealingScreen,
  commitment: CommitmentScreen,
  decide: DecideScreen,
  challenge: ChallengeScreen,
  cast: CastScreen,
  sending: SendingScreen,
  received: ReceivedScreen,
};

const RETRY_MS = 4_000;

export function seal(m: Model): Promise<void> {
  return m.run(async () => {
    const { election, flow } = m.state;
    if (election === null) throw new OfflineError("nothing verified");
    // What was shown is what is sealed, whatever the server says from here on.
    const contests = m.contests().map(({ id }) => id);
    m.dropSeal();
    m.go("sealing");
    try {
      // Nothing is sealed under a key that was not computed again from the trustees' messages.
      const core = await m.ready();
      await m.settle();
      const voter = m.state.voter;
      if (voter === null) throw new OfflineError("nobody");
      const sealed = await core.seal({
        style: voter.style,
        contests,
        choices: flow.choices,
        pseudonym: fromHex(voter.pseudonym),
        number: voter.number + 1,
        previous: fromHex(voter.previous),
        head: { size: voter.head.size, root: fromHex(voter.head.root) },
      }, m.nowMs());
      if (m.state.flow.screen !== "sealing") {
        await core.forget();
        return;
      }
      m.set({ sealed });
      m.go("commitment");
    } catch (error) {
      if (error instanceof ProblemError && error.status === 401) {
        m.expire("review");
        return;
      }
      m.step({ type: "replace", to: "review" });
      throw error;
    }
  });
}

/** Open the sealed ballot instead of casting it. */
export function challenge(m: Model): Promise<void> {
  return m.run(async () => {
    const { sealed } = m.state;
    if (sealed === null) return;
    const opened = m.state.opened ?? (await (await m.ready()).open(sealed.hash));
    // Wiped, while the worker was asked.
    if (m.state.sealed !== sealed) return wipe(opened.seed, opened.opening);
    // From here on the service may know what opens the seal, so this ballot is cast no more, whatever the answer.
    m.set({ opened, seedShown: false });
    try {
      await api.challenge(SPOILED.toBytes({ ballot: sealed.ballot, opening: opened.opening }));
    } catch (error) {
      if (!(error instanceof ProblemError && error.status === 401)) throw error;
      m.expire("decide");
      return;
    }
    if (m.state.sealed === sealed) m.go("challenge");
  });
}

/** Sign the sealed ballot with the phone's key, keep it, send it. */
export function castSealed(m: Model): Promise<void> {
  return m.run(async () => {
    const { sealed, me, voter, election } = m.state;
    if (sealed === null || m.state.opened !== null || me === null || voter === null || election === null) return;
    const hash = toHex(sealed.hash);
    let nonce: Uint8Array;
    try {
      nonce = await api.askNonce(hash);
    } catch (error) {
      if (!(error instanceof ProblemError && error.status === 401)) throw error;
      m.expire("cast");
      return;
    }
    // Neither the phone's key nor the voter's trust goes to a ballot that the board will not take.
    const core = await m.ready();
    await core.verifyNonce({ pseudonym: fromHex(me.pseudonym), hash: sealed.hash, nonce }, m.nowMs());
    const challenge = castChallenge(election.manifest.kind, fromHex(PIN), sealed.hash, nonce);
    const signed = await passkey.sign(challenge, me.key);
    // Wiped, while the phone was asking.
    if (m.state.sealed !== sealed) return;
    const body = BALLOT_ENTRY.toBytes({
      ballot: sealed.ballot,
      nonce,
      authenticator_data: signed.authenticatorData,
      client_data: signed.clientData,
      signature: signed.signature,
    });
    const entry = entryToBytes({ type: "ballot", body, signatures: [] });
    const outbox: memory.Outbox = {
      entry: toBase64Url(entry),
      hash,
      code: sealed.code,
      pseudonym: me.pseudonym,
      number: voter.number + 1,
      receipt: null,
      deadlineMs: null,
      proof: null,
      index: null,
    };
    const kept = memory.keepOutbox(PIN, outbox);
    m.stopFollowing?.();
    m.dropSeal();
    m.set({ outbox, kept });
    m.step({ type: "go", to: "sending" });
    m.set({ flow: { ...m.state.flow, choices: [] } });
  });
}

/** Change what is kept of a ballot, unless another one stands in its place by now. */
function update(m: Model, hash: string, change: Partial<memory.Outbox>): boolean {
  const { outbox } = m.state;
  if (outbox?.hash !== hash) return false;
  const next = { ...outbox, ...change };
  memory.keepOutbox(PIN, next);
  m.set({ outbox: next, problem: null });
  return true;
}

/** The loop that sends: a newer one ends the older. */
let loops = 0;

/** Send what was signed, again and again, until a verified receipt is there or the server says no for good. */
export async function send(m: Model): Promise<void> {
  const loop = ++loops;
  for (;;) {
    const { outbox, flow } = m.state;
    if (loop !== loops || outbox === null || flow.screen !== "sending") return;
    try {
      await sendOnce(m, outbox);
      return;
    } catch (error) {
      if (loop !== loops || m.state.outbox?.hash !== outbox.hash || m.state.flow.screen !== "sending") return;
      if (error instanceof ProblemError && error.status === 401) {
        m.expire("sending");
        return;
      }
      if (error instanceof Refused) {
        m.set({ problem: { text: m.state.words("sending.false"), check: error.check } });
        return;
      }
      const problem = error instanceof ProblemError ? error : null;
      if (problem !== null && problem.status < 500 && problem.status !== 429 && !problem.retryAfterS) {
        const text = m.state.words("sending.refused", { reason: problem.title || problem.code });
        update(m, outbox.hash, { refused: true });
        m.set({ problem: { text } });
        return;
      }
      m.fail(error);
      await pause((problem?.retryAfterS ?? 0) * 1_000 || RETRY_MS);
    }
  }
}

async function sendOnce(m: Model, outbox: memory.Outbox): Promise<void> {
  const core = await m.ready();
  const { receipt } = await api.cast(entryOf(outbox));
  const deadlineMs = await core.verifyReceipt(receipt, castOf(outbox).ballot, outbox);
  if (!update(m, outbox.hash, { receipt: toBase64Url(receipt), deadlineMs, receivedMs: Date.now() })) return;
  if (m.state.flow.screen === "sending") m.step({ type: "done" });
  followBoard(m);
}

/** Show a kept ballot: the way on from where it stood. */
export function resume(m: Model): void {
  const { outbox } = m.state;
  if (outbox === null) return;
  if (outbox.receipt === null) {
    // The page that it leads to sends.
    m.go("sending");
  } else {
    m.go("received");
    followBoard(m);
  }
}

/** Look for the proof that the ballot stands on the board, until it is there and holds. */
export function followBoard(m: Model): void {
  const { outbox } = m.state;
  if (outbox === null || outbox.proof !== null) return;
  m.stopFollowing?.();
  let looking = false;
  const look = async (): Promise<void> => {
    if (looking) return;
    looking = true;
    try {
      await lookForProof(m, outbox);
    } catch (error) {
      if (error instanceof Refused) {
        if (m.state.outbox?.hash !== outbox.hash) return;
        m.set({ problem: { text: m.state.words("refused.head"), check: error.check } });
      } else if (!(error instanceof ProblemError || error instanceof OfflineError)) throw error;
    } finally {
      looking = false;
    }
  };
  m.stopFollowing = api.follow(outbox.hash, () => void look(), LOOK_MS);
  void look();
}

async function lookForProof(m: Model, outbox: memory.Outbox): Promise<void> {
  const proof = await api.readProof(outbox.hash);
  const core = await m.ready();
  const index = await core.verifyOnTheBoard(castOf(outbox), proof, m.nowMs());
  if (update(m, outbox.hash, { proof: new TextDecoder().decode(proof), index })) m.stopFollowing?.();
}

function entryOf(outbox: memory.Outbox): Uint8Array {
  return fromBase64Url(outbox.entry) ?? new Uint8Array();
}

/** The signed ballot that the outbox holds. */
function castOf(outbox: memory.Outbox): BallotEntry {
  return BALLOT_ENTRY.parse(parseEntry(entryOf(outbox)).body);
}
