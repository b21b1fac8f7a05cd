// The page's one state and what happens in it: each act asks, verifies through the core, and says in words what came of it.
//
// Spec: docs/operations/pages.md. The choice stands in `flow` and in what is sealed from it, nowhere else; `wipe` ends both.

import * as api from "../api";
import { fromBase64Url, fromHex, toBase64Url, toHex, wipe } from "../core/bytes";
import type { BallotEntry } from "../core/entries";
import { Refused } from "../core/errors";
import { later } from "../later";
import * as passkey from "../passkey";
import { type Language, makeWords, type Words } from "../words/words";
import type { Rule } from "./choice";
import type { Election, ElectionCore, Opened, Sealed } from "./core";
import { advance, BEGINNING, type Flow, hasChoice, SECRET, type Step } from "./flow";
import * as memory from "./memory";

/** What went wrong, in the reader's language, and the check's id for the staff. */
export interface Problem {
  readonly text: string;
  readonly check?: string;
}

export interface Contest {
  readonly id: number;
  readonly title: Readonly<Record<Language, string>>;
  readonly rule: Rule;
  readonly options: readonly { readonly name: Readonly<Record<Language, string>> }[];
}

export interface State {
  readonly flow: Flow;
  readonly words: Words;
  readonly side: "identity" | "ballot";
  readonly info: api.ElectionInfo | null;
  /** The server's clock at the page's clock `at`: the phone's own date is never asked. */
  readonly server: { readonly nowMs: number; readonly at: number } | null;
  readonly zone: string;
  readonly election: Election | null;
  readonly ability: passkey.Ability | null;
  readonly me: memory.Me | null;
  readonly slot: api.SlotInfo | null;
  /** The voter's unit, from the verified part of the manifest. */
  readonly unit: { readonly name: Readonly<Record<Language, string>> } | null;
  readonly voter: api.VoterInfo | null;
  readonly identified: api.Identified | null;
  readonly code: string | null;
  readonly sealed: Sealed | null;
  /** The seed of a challenged ballot. */
  readonly opened: Opened | null;
  readonly outbox: memory.Outbox | null;
  readonly kept: boolean;
  readonly problem: Problem | null;
  readonly refusal: Problem | null;
  readonly busy: boolean;
  readonly covered: boolean;
  readonly seedShown: boolean;
  /** Seconds until the choice is wiped, while that is being said. */
  readonly wipingS: number | null;
}

const meta = (name: string): string => document.querySelector<HTMLMetaElement>(`meta[name="${name}"]`)?.content ?? "";

export const PIN = meta("dobush-manifest");
export const IDENTITY = meta("dobush-identity");
export const BALLOT = meta("dobush-ballot");

const RETRY_MS = 4_000;
const LOOK_MS = 3_000;

export class Model {
  readonly pin = PIN;
  state: State;
  private core: ElectionCore | null = null;
  private listeners = new Set<() => void>();
  private stopFollowing: (() => void) | null = null;
  private stopWaiting: (() => void) | null = null;
  private afterLogin: "checking" | "sending" | "cast" | "decide" | "review" = "checking";
  private service = false;
  private looking = false;

  constructor(words: Words) {
    this.state = {
      flow: BEGINNING,
      words,
      side: IDENTITY === "../" ? "identity" : "ballot",
      info: null,
      server: null,
      zone: "Europe/Moscow",
      election: null,
      ability: null,
      me: null,
      slot: null,
      unit: null,
      voter: null,
      identified: null,
      code: null,
      sealed: null,
      opened: null,
      outbox: null,
      kept: true,
      problem: null,
      refusal: null,
      busy: false,
      covered: false,
      seedShown: false,
      wipingS: null,
    };
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  set(change: Partial<State>): void {
    this.state = { ...this.state, ...change };
    for (const listener of this.listeners) listener();
  }

  step(step: Step): void {
    this.set({ flow: advance(this.state.flow, step), problem: null });
  }

  go(to: Flow["screen"]): void {
    this.step({ type: "go", to });
  }

  /** The time, as the server's clock has it. */
  nowMs(): number {
    const { server } = this.state;
    return server === null ? Date.now() : server.nowMs + (performance.now() - server.at);
  }

  async speak(language: Language): Promise<void> {
    memory.keepLanguage(language);
    this.set({ words: await loadWords(language) });
    api.speak(language);
    document.documentElement.lang = language;
    document.title = this.state.words("frame.title");
  }

  /** Run an act once at a time; what it throws becomes words. */
  async run(act: () => Promise<void>): Promise<void> {
    if (this.state.busy) return;
    this.set({ busy: true, problem: null });
    try {
      await act();
    } catch (error) {
      this.fail(error);
    } finally {
      this.set({ busy: false });
    }
  }

  private fail(error: unknown): void {
    const { words, flow } = this.state;
    if (error instanceof Refused) {
      this.refuse(error.check);
    } else if (error instanceof api.OfflineError) {
      this.set({ problem: { text: words("frame.offline") } });
    } else if (error instanceof api.ProblemError) {
      this.set({ problem: { text: error.title || words("frame.failed") } });
    } else if (error instanceof passkey.NoKeyError) {
      const text = flow.screen === "key" ? "key.failed" : flow.screen === "cast" ? "cast.failed" : "login.failed";
      this.set({ problem: { text: words(text) } });
    } else {
      this.set({ problem: { text: words("frame.failed") } });
      throw error;
    }
  }

  /** The election does not verify: nothing goes on from here. */
  refuse(check: string): void {
    const { words } = this.state;
    const family = check.replace(/-\d+$/, "");
    const text =
      family === "MANIFEST" || family === "SIGNATURE" || family === "RECORD"
        ? words("refused.manifest")
        : family === "CEREMONY" || family === "THRESHOLD"
          ? words("refused.key")
          : family === "BOARD" || family === "MERKLE" || family === "BALLOT"
            ? words("refused.head")
            : words("refused.other");
    this.forget();
    this.set({ refusal: { text, check }, flow: advance(this.state.flow, { type: "go", to: "refused" }) });
  }

  // ------------------------------------------------------------------------------------------------------------ start

  async begin(handover: memory.Handover): Promise<void> {
    if (this.state.side === "identity") {
      await this.beginIdentity(handover);
      return;
    }
    const me = handover.me ?? memory.readMe(PIN);
    if (handover.me !== null) memory.keepMe(PIN, handover.me);
    this.set({ me, outbox: memory.readOutbox(PIN) });
    await this.loadInfo();
    if (handover.to === "place") this.step({ type: "replace", to: "place" });
    else if (handover.me !== null) this.waitForKey();
    else this.step({ type: "replace", to: "start" });
  }

  async loadInfo(): Promise<void> {
    try {
      const info = await api.readElection();
      this.set({ info, server: { nowMs: info.times.now_ms, at: performance.now() } });
      // Who waits for the opening, or reads past the closing, sees it without a reload.
      const { opens_at_ms, closes_at_ms, now_ms } = info.times;
      const left = Math.min(...[opens_at_ms, closes_at_ms].map((at) => (at > now_ms ? at - now_ms : Number.POSITIVE_INFINITY)));
      if (left < SOON_MS) setTimeout(() => void this.loadInfo(), left + 100);
    } catch (error) {
      if (!(error instanceof api.ProblemError && error.status === 404)) this.fail(error);
    }
  }

  private async beginIdentity(handover: memory.Handover): Promise<void> {
    const kept = memory.readStep();
    if (kept !== null && handover.to === "") {
      try {
        const identified = await api.readIdentified();
        const me = { pseudonym: identified.pseudonym, key: kept === "look" ? null : kept };
        memory.keepStep(null);
        this.set({ identified, me });
        this.step({ type: "replace", to: "enrolled" });
        return;
      } catch (error) {
        if (!(error instanceof api.ProblemError)) this.fail(error);
      }
    }
    this.looking = handover.to === "look";
    this.step({ type: "replace", to: "identify" });
  }

  /** Can this phone do it? Asked before anybody identifies. */
  async checkDevice(): Promise<void> {
    this.set({ ability: null });
    this.set({ ability: await passkey.readAbility() });
  }

  /** Where the other side's page is, with what it needs to know. */
  address(side: "identity" | "ballot", to = ""): string {
    const base = side === "identity" ? IDENTITY : BALLOT;
    return `${base}vote/${memory.handoverTo(this.state.words.language, side === "ballot" ? this.state.me : null, to)}`;
  }

  /** An address that another device can open. */
  absolute(path: string): string {
    return new URL(BALLOT + path, location.href.split("#")[0]).href;
  }

  // --------------------------------------------------------------------------------------------------- identification

  async takeCode(typed: string): Promise<void> {
    const { readCode } = await later("code", () => import("../code"));
    const code = readCode(typed);
    if (code === null) {
      this.set({ problem: { text: this.state.words("identify.code-wrong") } });
      return;
    }
    this.service = false;
    this.set({ code });
    this.go("key");
  }

  chooseService(): Promise<void> {
    return this.run(async () => {
      this.service = true;
      this.set({ code: null });
      if (!this.looking) {
        this.go("key");
        return;
      }
      const url = await this.service404(() => api.beginService(null));
      memory.keepStep("look");
      location.assign(url);
    });
  }

  private async service404<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof api.ProblemError && error.status === 404)) throw error;
      throw new api.ProblemError("", this.state.words("identify.service-none"), 404, null);
    }
  }

  makeKey(): Promise<void> {
    return this.run(async () => {
      const begun = await api.beginEnrolment();
      // Another election's name here would let a server collect keys for it.
      if (begun.manifest_hash !== PIN || !isKind(begun.kind)) throw new Refused("RECORD-3", "another election", "server");
      const { registerChallenge } = await later("challenges", () => import("./challenges"));
      const pinned = fromHex(PIN);
      const made = await passkey.make({
        rpId: begun.options.rp.id,
        rpName: begun.options.rp.name,
        user: fromHex(begun.options.user.id),
        userName: begun.options.user.name,
        algorithms: begun.options.pubKeyCredParams.map((each) => each.alg),
        challenge: registerChallenge(begun.kind, pinned, fromHex(begun.token)),
      });
      const key = await api.finishEnrolment(begun.id, made.json);
      memory.keepStep(made.id);
      if (this.service) {
        location.assign(await this.service404(() => api.beginService(begun.id)));
        return;
      }
      const { proveCode } = await later("code", () => import("../code"));
      const proof = proveCode(begun.kind, pinned, this.state.code ?? "", fromHex(key));
      try {
        await api.proveCode(begun.id, proof.key, proof.signature);
      } catch (error) {
        this.step({ type: "back" });
        throw error;
      }
      const identified = await api.readIdentified();
      memory.keepStep(null);
      this.set({ identified, code: null, me: { pseudonym: identified.pseudonym, key: made.id } });
      this.go("enrolled");
    });
  }

  // ---------------------------------------------------------------------------------------------------------- log-in

  /** Wait until the key stands on the board, then ask for the log-in. */
  waitForKey(): void {
    this.go("waiting");
    const look = async (): Promise<void> => {
      const { me } = this.state;
      if (me === null) return;
      try {
        const slot = await api.readSlot(me.pseudonym);
        this.set({ slot, problem: null });
        if (this.state.flow.screen === "waiting" && slot.has_credential && !slot.is_struck) {
          this.stopWaiting?.();
          this.go("login");
        }
      } catch (error) {
        this.fail(error);
      }
    };
    this.stopWaiting?.();
    const timer = setInterval(() => void look(), LOOK_MS);
    this.stopWaiting = () => clearInterval(timer);
    void look();
  }

  /** "Vote": whoever has a key goes on, everybody else identifies first. */
  vote(): void {
    if (this.state.me === null) {
      this.go("device");
      void this.checkDevice();
    } else {
      this.waitForKey();
    }
  }

  async logIn(): Promise<void> {
    await this.run(async () => {
      const { me, info } = this.state;
      if (me === null || info === null || !isKind(info.kind)) throw new api.OfflineError("nobody");
      const start = await api.startLogin();
      if (start.manifestHash !== PIN) throw new Refused("RECORD-3", "another election", "server");
      const { loginChallenge } = await later("challenges", () => import("./challenges"));
      const signed = await passkey.sign(loginChallenge(info.kind, fromHex(PIN), start.token), me.key);
      const voter = await api.logIn(start.token, me.pseudonym, passkey.assertionJson(signed));
      this.keepKey(signed.id);
      this.set({ voter });
      const then = this.afterLogin;
      this.afterLogin = "checking";
      if (then === "checking") this.go("checking");
      else this.step({ type: "replace", to: then });
    });
    if (this.state.flow.screen === "checking") await this.check();
  }

  private keepKey(key: string): void {
    const { me } = this.state;
    if (me === null || me.key === key) return;
    const now = { pseudonym: me.pseudonym, key };
    memory.keepMe(PIN, now);
    this.set({ me: now });
  }

  // --------------------------------------------------------------------------------------------------- the election

  /** Verify the election; every page that shows names asks for it. Raises Refused, OfflineError. */
  async verify(): Promise<Election> {
    if (this.state.election !== null) return this.state.election;
    const { openCore } = await later("core", () => import("./core"));
    this.core ??= await openCore();
    const election = await this.core.verifyElection(PIN, this.nowMs(), this.state.voter?.style ?? null);
    // The banner of a practice election and what the phone's key signs go by the kind: the manifest has the word.
    if (this.state.info !== null && this.state.info.kind !== election.manifest.kind) {
      throw new Refused("RECORD-3", "another kind of election", "server");
    }
    this.set({ election });
    return election;
  }

  /** Show a page of names once they are verified. */
  show(to: "candidates" | "place"): Promise<void> {
    this.go(to);
    return this.run(async () => {
      await this.verify();
      const { me } = this.state;
      if (to === "place" && me !== null) this.set({ slot: await api.readSlot(me.pseudonym) });
    });
  }

  async check(): Promise<void> {
    await this.run(async () => {
      await this.verify();
      await this.settle();
      this.step({ type: "open", contests: this.contests().length });
    });
  }

  /** Wait until nothing of this voter waits for its block: only then does the next ballot have a place. */
  private async settle(): Promise<void> {
    for (;;) {
      const voter = await api.readVoter();
      this.set({ voter });
      if (!voter.waiting) return;
      await pause(LOOK_MS);
    }
  }

  /** The contests of this voter's ballot, in the manifest's order, as they were verified. */
  contests(): readonly Contest[] {
    const { election, voter } = this.state;
    if (election === null) return [];
    const style = election.styles.find((each) => each.id === voter?.style) ?? (voter === null ? election.styles[0] : undefined);
    if (style === undefined) throw new Refused("MANIFEST-1", "no such ballot style", "server");
    return style.contests.map(({ id, title, options, minimum, maximum }) => ({
      id,
      title,
      options,
      rule: { options: options.length, least: minimum, most: maximum },
    }));
  }

  // ------------------------------------------------------------------------------------------------------- the ballot

  seal(): Promise<void> {
    return this.run(async () => {
      const { election, flow } = this.state;
      if (election === null || this.core === null) throw new api.OfflineError("nothing verified");
      this.go("sealing");
      try {
        await this.settle();
        const voter = this.state.voter;
        if (voter === null) throw new api.OfflineError("nobody");
        const sealed = await this.core.seal({
          style: voter.style,
          choices: this.contests().map((_, at) => flow.choices[at] ?? []),
          pseudonym: fromHex(voter.pseudonym),
          number: voter.number + 1,
          previous: fromHex(voter.previous),
          head: { size: voter.head.size, root: fromHex(voter.head.root) },
        }, this.nowMs());
        if (this.state.flow.screen !== "sealing") {
          await this.core.forget();
          return;
        }
        this.set({ sealed });
        this.go("commitment");
      } catch (error) {
        if (error instanceof api.ProblemError && error.status === 401) {
          this.expire("review");
          return;
        }
        this.step({ type: "replace", to: "review" });
        throw error;
      }
    });
  }

  private expire(then: "sending" | "cast" | "decide" | "review"): void {
    this.afterLogin = then;
    this.step({ type: "replace", to: "login" });
    this.set({ problem: { text: this.state.words("login.expired") } });
  }

  /** Open the sealed ballot instead of casting it. */
  challenge(): Promise<void> {
    return this.run(async () => {
      const { sealed } = this.state;
      if (sealed === null || this.core === null) return;
      const opened = await this.core.open(sealed.hash);
      const { SPOILED } = await later("messages", () => import("../core/entries"));
      try {
        await api.challenge(SPOILED.toBytes({ ballot: sealed.ballot, opening: opened.opening }));
      } catch (error) {
        if (!(error instanceof api.ProblemError && error.status === 401)) throw error;
        this.expire("decide");
        return;
      }
      this.set({ opened, seedShown: false });
      this.go("challenge");
    });
  }

  /** After a challenge: the seed goes, a new ballot begins. */
  again(): void {
    this.dropSeal();
    this.go("checking");
    void this.check();
  }

  /** Sign the sealed ballot with the phone's key, keep it, send it. */
  castSealed(): Promise<void> {
    return this.run(async () => {
      const { sealed, me, voter, election } = this.state;
      if (sealed === null || me === null || voter === null || election === null || this.core === null) return;
      const hash = toHex(sealed.hash);
      let nonce: Uint8Array;
      try {
        nonce = await api.askNonce(hash);
      } catch (error) {
        if (!(error instanceof api.ProblemError && error.status === 401)) throw error;
        this.expire("cast");
        return;
      }
      const { castChallenge } = await later("challenges", () => import("./challenges"));
      const challenge = castChallenge(election.manifest.kind, fromHex(PIN), sealed.hash, nonce);
      const signed = await passkey.sign(challenge, me.key);
      const { BALLOT_ENTRY, entryToBytes } = await later("messages", () => import("../core/entries"));
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
        pseudonym: voter.pseudonym,
        number: voter.number + 1,
        receipt: null,
        deadlineMs: null,
        proof: null,
        index: null,
      };
      const kept = memory.keepOutbox(PIN, outbox);
      this.dropSeal();
      this.set({ outbox, kept });
      this.step({ type: "go", to: "sending" });
      this.set({ flow: { ...this.state.flow, choices: [] } });
    });
  }

  /** Send what was signed, again and again, until a verified receipt is there or the server says no for good. */
  async send(): Promise<void> {
    for (;;) {
      const { outbox, flow } = this.state;
      if (outbox === null || flow.screen !== "sending") return;
      try {
        await this.sendOnce(outbox);
        return;
      } catch (error) {
        if (error instanceof api.ProblemError && error.status === 401) {
          this.expire("sending");
          return;
        }
        if (error instanceof Refused) {
          this.set({ problem: { text: this.state.words("sending.false"), check: error.check } });
          return;
        }
        const problem = error instanceof api.ProblemError ? error : null;
        if (problem !== null && problem.status < 500 && problem.status !== 429) {
          const text = this.state.words("sending.refused", { reason: problem.title || problem.code });
          this.set({ problem: { text } });
          return;
        }
        this.fail(error);
        await pause((problem?.retryAfterS ?? 0) * 1_000 || RETRY_MS);
      }
    }
  }

  private async sendOnce(outbox: memory.Outbox): Promise<void> {
    await this.verify();
    const { receipt } = await api.cast(entryOf(outbox));
    if (this.core === null) return;
    const deadlineMs = await this.core.verifyReceipt(receipt, (await castOf(outbox)).ballot, outbox);
    const done = { ...outbox, receipt: toBase64Url(receipt), deadlineMs };
    memory.keepOutbox(PIN, done);
    this.set({ outbox: done, problem: null });
    this.step({ type: "done" });
    this.followBoard();
  }

  /** Show a kept ballot: the way on from where it stood. */
  resume(): void {
    const { outbox } = this.state;
    if (outbox === null) return;
    if (outbox.receipt === null) {
      this.go("sending");
      void this.send();
    } else {
      this.go("received");
      this.followBoard();
    }
  }

  /** Look for the proof that the ballot stands on the board, until it is there and holds. */
  followBoard(): void {
    const { outbox } = this.state;
    if (outbox === null || outbox.proof !== null) return;
    this.stopFollowing?.();
    let looking = false;
    const look = async (): Promise<void> => {
      if (looking) return;
      looking = true;
      try {
        await this.lookForProof();
      } catch (error) {
        if (error instanceof Refused) this.set({ problem: { text: this.state.words("refused.head"), check: error.check } });
        else if (!(error instanceof api.ProblemError || error instanceof api.OfflineError)) throw error;
      } finally {
        looking = false;
      }
    };
    this.stopFollowing = api.follow(outbox.hash, () => void look(), LOOK_MS);
    void look();
  }

  private async lookForProof(): Promise<void> {
    const { outbox } = this.state;
    if (outbox === null || outbox.proof !== null) return;
    const proof = await api.readProof(outbox.hash);
    await this.verify();
    if (this.core === null) return;
    const index = await this.core.verifyOnTheBoard(await castOf(outbox), proof, this.nowMs());
    const done = { ...outbox, proof: new TextDecoder().decode(proof), index };
    memory.keepOutbox(PIN, done);
    this.stopFollowing?.();
    this.set({ outbox: done, problem: null });
  }

  // ----------------------------------------------------------------------------------------------------------- record

  showRecord(): Promise<void> {
    this.go("record");
    return this.run(async () => {
      const { me } = this.state;
      if (me !== null) this.set({ slot: await api.readSlot(me.pseudonym) });
    });
  }

  forgetMe(): void {
    memory.keepMe(PIN, null);
    memory.keepOutbox(PIN, null);
    this.set({ me: null, outbox: null, slot: null, voter: null });
  }

  // ------------------------------------------------------------------------------------------------------ cover, wipe

  isSecret(): boolean {
    return SECRET.has(this.state.flow.screen) && (hasChoice(this.state.flow) || this.state.sealed !== null);
  }

  private dropSeal(): void {
    const { opened } = this.state;
    if (opened !== null) wipe(opened.seed, opened.opening);
    void this.core?.forget();
    this.set({ sealed: null, opened: null, seedShown: false });
  }

  /** Drop the choice and everything made from it. */
  private forget(): void {
    this.dropSeal();
    this.set({ flow: { ...this.state.flow, choices: [] }, covered: false, wipingS: null });
  }

  wipe(): void {
    this.forget();
    this.step({ type: "wiped" });
  }
}

export function isKind(kind: string): kind is "demo" | "practice" | "real" {
  return kind === "demo" || kind === "practice" || kind === "real";
}

function entryOf(outbox: memory.Outbox): Uint8Array {
  return fromBase64Url(outbox.entry) ?? new Uint8Array();
}

/** The signed ballot that the outbox holds. */
async function castOf(outbox: memory.Outbox): Promise<BallotEntry> {
  const { parseBody, parseEntry } = await later("messages", () => import("../core/entries"));
  return parseBody(parseEntry(entryOf(outbox)), "ballot");
}

/** A change of phase that is this near is waited for. */
const SOON_MS = 3_600_000;
const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Fetch the texts of a language. */
export async function loadWords(language: Language): Promise<Words> {
  const texts = {
    ky: () => import("virtual:words/ky/client."),
    ru: () => import("virtual:words/ru/client."),
    en: () => import("virtual:words/en/client."),
  };
  return makeWords(language, (await later(`words-${language}`, texts[language])).default);
}
