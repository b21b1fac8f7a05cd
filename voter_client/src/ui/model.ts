// The page's one state and what happens in it: each act asks, verifies through the core, and says in words what came of it.
//
// Spec: docs/operations/pages.md. The choice stands in `flow` and in what is sealed from it, nowhere else; `wipe` ends both.

import { type Ability, readAbility } from "../ability";
import * as api from "../api";
import type { CodeProof } from "../code";
import { equal, fromHex, wipe } from "../core/bytes";
import { Refused } from "../core/errors";
import type { ElectionFacts } from "../core/facts";
import { later } from "../later";
import * as passkey from "../passkey";
import { type Formats, type Language, makeWords, type Words } from "../words/words";
import type { Opened, Sealed } from "../worker/operations";
import { loginChallenge } from "./challenges";
import type { Rule } from "./choice";
import type { ElectionCore } from "./core";
import { advance, BEGINNING, type Flow, hasChoice, type Step } from "./flow";
import { type Group, groupOf, loadGroup, type Loaded, loadTexts, type Screens, type TextFile, type TextGroup, type Texts } from "./groups";
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
  /** The election's kind as the other side's page handed it over: for the banner where no information is. */
  readonly kind: string;
  /** The server's clock at the page's clock `at`: the phone's own date is never asked. */
  readonly server: { readonly nowMs: number; readonly at: number } | null;
  readonly zone: string;
  readonly election: ElectionFacts | null;
  readonly ability: Ability | null;
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

export const LOOK_MS = 3_000;

export class Model {
  readonly pin = PIN;
  state: State;
  /** Where the log-in leads: on, or back to where the session had ended. */
  afterLogin: "checking" | "sending" | "cast" | "decide" | "review" = "checking";
  /** On the identity side: identified by the service, or only to look. */
  service = false;
  looking = false;
  stopFollowing: (() => void) | null = null;
  private stopWaiting: (() => void) | null = null;
  private core: ElectionCore | null = null;
  private coreReady: Promise<ElectionCore> | null = null;
  private listeners = new Set<() => void>();
  private groups: { readonly [G in Group]?: Loaded<G> } = {};
  private texts: { readonly language: Language; readonly groups: ReadonlySet<TextGroup>; readonly all: Texts; readonly formats: Formats };

  constructor(language: Language, { default: all, formats }: TextFile) {
    if (formats === undefined) throw new Error("the first texts bring the formats");
    this.texts = { language, groups: new Set<TextGroup>(["voter"]), all, formats };
    const words = makeWords(language, all, formats);
    this.state = {
      flow: BEGINNING,
      words,
      side: IDENTITY === "../" ? "identity" : "ballot",
      info: null,
      kind: "",
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
    await this.setTexts(language, this.texts.groups);
    api.speak(language);
    document.documentElement.lang = language;
    document.title = this.state.words("frame.title");
  }

  /** Have these groups of texts in a language; what is there already is not fetched. */
  private async setTexts(language: Language, wanted: Iterable<TextGroup>): Promise<void> {
    const known = this.texts.language === language ? this.texts : null;
    const missing = [...wanted].filter((group) => known?.groups.has(group) !== true);
    const found = await Promise.all(missing.map((group) => loadTexts(language, group)));
    const all: Texts = Object.assign({}, known?.all, ...found.map((file) => file.default));
    const formats = found.find((file) => file.formats !== undefined)?.formats ?? this.texts.formats;
    this.texts = { language, groups: new Set([...(known?.groups ?? []), ...missing]), all, formats };
    this.set({ words: makeWords(language, all, formats) });
  }

  // ------------------------------------------------------------------------------------------------ groups of screens

  /** A group, if it is there. */
  loaded<G extends Group>(group: G): Loaded<G> | undefined {
    return this.groups[group];
  }

  /** A screen of a group that is there. */
  loadedScreen(screen: Flow["screen"]): Screens[Flow["screen"]] {
    const group = groupOf(screen);
    return group === null ? undefined : this.groups[group]?.SCREENS[screen];
  }

  /** Load a group of screens with its texts. */
  async load<G extends Group>(group: G): Promise<Loaded<G>> {
    const texts: TextGroup = group === "identity" ? "identity" : "rest";
    const known = this.loaded(group);
    if (known !== undefined && this.texts.groups.has(texts)) return known;
    const loaded = await loadGroup(group);
    // Where the language changes meanwhile, the texts of the new one are wanted.
    while (!this.texts.groups.has(texts)) await this.setTexts(this.texts.language, [texts]);
    this.groups = { ...this.groups, [group]: loaded };
    this.set({});
    return loaded;
  }

  /** Load what a screen needs; where that fails, say so. */
  async need(screen: Flow["screen"]): Promise<void> {
    const group = groupOf(screen);
    if (group === null || this.groups[group] !== undefined) return;
    this.set({ problem: null });
    await this.load(group).catch(() => this.set({ problem: { text: this.state.words("frame.offline") } }));
  }

  /** Do an act of a group, which is loaded first where it is not there. */
  private async act<G extends Group>(group: G, what: (acts: Loaded<G>) => void | Promise<void>): Promise<void> {
    let acts: Loaded<G>;
    try {
      acts = await this.load(group);
    } catch {
      this.set({ problem: { text: this.state.words("frame.offline") } });
      return;
    }
    await what(acts);
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

  fail(error: unknown): void {
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
      family === "MANIFEST" || (family === "SIGNATURE" && check !== "SIGNATURE-5") || family === "RECORD"
        ? words("refused.manifest")
        : family === "CEREMONY" || family === "THRESHOLD"
          ? words("refused.key")
          : family === "BOARD" || family === "MERKLE" || check === "BALLOT-8" || family === "SIGNATURE"
            ? words("refused.head")
            : words("refused.other");
    this.forget();
    this.set({ refusal: { text, check }, flow: advance(this.state.flow, { type: "go", to: "refused" }) });
  }

  // ------------------------------------------------------------------------------------------------------------ start

  async begin(handover: memory.Handover): Promise<void> {
    this.set({ kind: handover.kind });
    if (this.state.side === "identity") {
      await this.act("identity", ({ beginIdentity }) => beginIdentity(this, handover));
      return;
    }
    const me = handover.me ?? memory.readMe(PIN);
    if (handover.me !== null) memory.keepMe(PIN, handover.me);
    this.set({ me, outbox: memory.readOutbox(PIN) });
    await this.loadInfo();
    if (handover.to === "place") void this.show("place");
    else if (handover.me !== null) this.waitForKey();
    else this.step({ type: "replace", to: "start" });
  }

  async loadInfo(): Promise<void> {
    try {
      const info = verified(await api.readElection(), this.state.election);
      this.set({ info, server: { nowMs: info.times.now_ms, at: performance.now() } });
      // Who waits for the opening, or reads past the closing, sees it without a reload.
      const { opens_at_ms, closes_at_ms, now_ms } = info.times;
      const left = Math.min(...[opens_at_ms, closes_at_ms].map((at) => (at > now_ms ? at - now_ms : Number.POSITIVE_INFINITY)));
      if (left < SOON_MS) setTimeout(() => void this.loadInfo(), left + 100);
    } catch (error) {
      if (!(error instanceof api.ProblemError && error.status === 404)) this.fail(error);
    }
  }

  /** Where the other side's page is, with what it needs to know. */
  address(side: "identity" | "ballot", to = ""): string {
    const base = side === "identity" ? IDENTITY : BALLOT;
    const { words, me, info, kind } = this.state;
    return `${base}vote/${memory.handoverTo(words.language, side === "ballot" ? me : null, to, info?.kind ?? kind)}`;
  }

  /** An address that another device can open. */
  absolute(path: string): string {
    return new URL(BALLOT + path, location.href.split("#")[0]).href;
  }

  // --------------------------------------------------------------------------------------------------- identification

  /** Can this phone do it? Asked before anybody identifies. */
  async checkDevice(): Promise<void> {
    this.set({ ability: null });
    this.set({ ability: await readAbility() });
  }

  takeCode(typed: string): Promise<void> {
    return this.act("identity", ({ takeCode }) => takeCode(this, typed));
  }

  chooseService(): Promise<void> {
    return this.act("identity", ({ chooseService }) => chooseService(this));
  }

  makeKey(): Promise<void> {
    return this.act("identity", ({ makeKey }) => makeKey(this));
  }

  /** Sign with an enrolment code where the browser cannot. */
  async signCode(seed: Uint8Array, message: Uint8Array): Promise<CodeProof> {
    return (await this.openCore()).sign(seed, message);
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
      const signed = await passkey.sign(loginChallenge(info.kind, fromHex(PIN), start.token), me.key);
      const voter = await api.logIn(start.token, me.pseudonym, passkey.assertionJson(signed));
      this.keepKey(signed.id);
      this.take(voter);
      const then = this.afterLogin;
      this.afterLogin = "checking";
      if (then === "checking") this.go("checking");
      else this.step({ type: "replace", to: then });
    });
    if (this.state.flow.screen === "checking") await this.check();
  }

  /** Take what the server says of the voter: never another slot, nor another ballot than the one that was shown. */
  private take(voter: api.VoterInfo): void {
    const { me, voter: known } = this.state;
    if (voter.pseudonym !== me?.pseudonym || voter.style !== (known ?? voter).style) {
      throw new Refused("BALLOT-3", "another voter's ballot", "server");
    }
    this.set({ voter });
  }

  private keepKey(key: string): void {
    const { me } = this.state;
    if (me === null || me.key === key) return;
    const now = { pseudonym: me.pseudonym, key };
    memory.keepMe(PIN, now);
    this.set({ me: now });
  }

  // --------------------------------------------------------------------------------------------------- the election

  /**
   * Verify the election; every page that shows names asks for it. Throws Refused, OfflineError.
   *
   * Where the browser verifies signatures, no curve is fetched for it; the worker's own comes while the ballot is marked.
   */
  async verify(units = false): Promise<ElectionFacts> {
    const known = this.state.election;
    if (known !== null && (!units || known.units.size > 0)) return known;
    const { look } = await fetched(later("record", () => import("./look")));
    const wanted = { style: this.state.voter?.style ?? null, units };
    const election = (await look(PIN, this.nowMs(), wanted)) ?? (await (await this.openCore()).verifyElection(PIN, this.nowMs(), wanted));
    // The banner of a practice election and what the phone's key signs go by the kind: the manifest has the word.
    if (this.state.info !== null && this.state.info.kind !== election.manifest.kind) {
      throw new Refused("RECORD-3", "another kind of election", "server");
    }
    this.set({ election, info: this.state.info && verified(this.state.info, election) });
    return election;
  }

  private async openCore(): Promise<ElectionCore> {
    const { openCore } = await fetched(later("core", () => import("./core")));
    this.core ??= await fetched(openCore());
    return this.core;
  }

  /** The worker, once it has verified the election with its own curve, H included. Throws Refused, OfflineError. */
  ready(): Promise<ElectionCore> {
    this.coreReady ??= this.verifyAgain().catch((error: unknown) => {
      this.coreReady = null;
      throw error;
    });
    return this.coreReady;
  }

  private async verifyAgain(): Promise<ElectionCore> {
    const election = await this.verify();
    const core = await this.openCore();
    const again = await core.verifyElection(PIN, this.nowMs(), { style: this.state.voter?.style ?? null, units: false });
    // The ballot was shown under this key.
    if (!equal(again.key, election.key)) throw new Refused("CEREMONY-12", "another key than before", "server");
    return core;
  }

  /** Show a page of names once they are verified. */
  show(to: "candidates" | "place"): Promise<void> {
    this.go(to);
    return this.run(async () => {
      const { me } = this.state;
      const election = await this.verify(to === "place" && me !== null);
      if (to !== "place" || me === null) return;
      const slot = await api.readSlot(me.pseudonym);
      this.set({ slot, unit: election.units.get(slot.unit) ?? null });
    });
  }

  async check(): Promise<void> {
    await this.run(async () => {
      await this.verify();
      await this.settle();
      this.step({ type: "open", contests: this.contests().length });
    });
    // While the ballot is marked, what sealing needs is fetched; where that fails, sealing tries again and says what is wrong.
    if (this.state.flow.screen === "ballot") this.prepare();
  }

  private prepare(): void {
    void this.load("voting").catch(() => undefined);
    void this.ready().catch((error: unknown) => {
      if (error instanceof Refused) this.fail(error);
    });
  }

  /** Wait until nothing of this voter waits for its block: only then does the next ballot have a place. */
  async settle(): Promise<void> {
    for (;;) {
      const voter = await api.readVoter();
      this.take(voter);
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

  // ------------------------------------------------------------------------------------------------- the sealed ballot

  seal(): Promise<void> {
    return this.act("voting", ({ seal }) => seal(this));
  }

  challenge(): Promise<void> {
    return this.act("voting", ({ challenge }) => challenge(this));
  }

  /** After a challenge: the seed goes, a new ballot begins. */
  again(): void {
    this.dropSeal();
    this.go("checking");
    void this.check();
  }

  castSealed(): Promise<void> {
    return this.act("voting", ({ castSealed }) => castSealed(this));
  }

  send(): Promise<void> {
    return this.act("voting", ({ send }) => send(this));
  }

  /** Show a kept ballot: the way on from where it stood. */
  resume(): Promise<void> {
    return this.act("voting", ({ resume }) => resume(this));
  }

  /** The session has ended: log in, then go on there. */
  expire(then: "sending" | "cast" | "decide" | "review"): void {
    this.afterLogin = then;
    this.step({ type: "replace", to: "login" });
    this.set({ problem: { text: this.state.words("login.expired") } });
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
    // On whichever screen she is: also where the log-in came in between, or where she went back to the start.
    return hasChoice(this.state.flow) || this.state.sealed !== null;
  }

  dropSeal(): void {
    const { opened } = this.state;
    if (opened !== null) wipe(opened.seed, opened.opening);
    void this.core?.forget();
    this.set({ sealed: null, opened: null, seedShown: false });
  }

  /** Drop the choice and everything made from it. */
  private forget(): void {
    this.dropSeal();
    this.afterLogin = "checking";
    this.set({ flow: { ...this.state.flow, choices: [] }, covered: false, wipingS: null });
  }

  wipe(): void {
    this.forget();
    this.step({ type: "wiped" });
  }
}

/** What the service says of the election; of what was verified it has no say any more. */
function verified(info: api.ElectionInfo, election: ElectionFacts | null): api.ElectionInfo {
  if (election === null) return info;
  const { kind, title, opens_at_ms, closes_at_ms } = election.manifest;
  return { ...info, kind, title, times: { ...info.times, opens_at_ms, closes_at_ms } };
}

/** A file of the page that does not come, or not as this build made it, is like a service that does not answer. */
async function fetched<T>(file: Promise<T>): Promise<T> {
  try {
    return await file;
  } catch {
    throw new api.OfflineError("a file of the page");
  }
}

export function isKind(kind: string): kind is "demo" | "practice" | "real" {
  return kind === "demo" || kind === "practice" || kind === "real";
}

/** A change of phase that is this near is waited for. */
const SOON_MS = 3_600_000;
export const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
