/**
 * The check page: did the phone seal what it showed? It runs on a second device, opens from a server or from a disk, and asks
 * nobody but the place that the person named.
 *
 * The order is the point: first the commitment, then the phone learns whether it will be checked, then the seed. So the page
 * takes no seed before a commitment, and no second commitment without beginning again.
 */

import "../public/page.css";
import "./check.css";
import { trackingCode } from "../core/ballot.js";
import { type Bytes, equal, fromHex, toBase64, toHex } from "../core/bytes.js";
import { Refused } from "../core/errors.js";
import { Log } from "../public/log.js";
import { firstLanguage, LANGUAGE_NAMES, LANGUAGES, type Words } from "../public/words.js";
import { button, type Child, el, fileButton, save } from "./dom.js";
import { readBoardFile, readCheckFile, readCommitment, readPin, readReceiptFile, readSeed, type ReceiptFile } from "./inputs.js";
import { judge, type Judgement, type Step } from "./judge.js";
import { judgeCode, judgeReceipt } from "./receipt.js";
import { NoScan, scanCamera, scanPicture } from "./scan.js";
import { filesAt, filesIn, findLog, readAddress, Unreachable } from "./source.js";
import { makeWords } from "./words.js";

const SHOWN_MS = 30_000;
const SECOND_MS = 1_000;
const AGAIN_MS = 5_000;
const TRIES = 24;
const SYMBOLS = { passed: "✔", failed: "✘", open: "○" } as const;
const MODES = ["phone", "receipt", "code"] as const;
/** Steps that say nothing about the phone, but about the place where the board was read. */
const OF_THE_BOARD: readonly string[] = ["board-refused", "election-refused"];
/** How old a state of the board may be before the page points at it. */
const OLD_MS = 15 * 60_000;

const state = {
  words: makeWords(firstLanguage(location.search, navigator.languages)),
  mode: "phone" as (typeof MODES)[number],
  address: location.protocol.startsWith("http") ? new URL("../log/", location.href).href : "",
  board: undefined as ReadonlyMap<string, Bytes> | undefined,
  policy: undefined as Bytes | undefined,
  /** The number of the election (manifest hash) as somebody typed it, from outside. */
  pin: "",
  /** The newest head that was read of each election while this page is open: a place cannot go back behind it. */
  newest: new Map<string, { readonly size: number; readonly root: Bytes }>(),
  receipt: undefined as ReceiptFile | undefined,
  log: undefined as Log | undefined,
  commitment: undefined as Bytes | undefined,
  said: "" as string,
  busy: "" as string,
  judgement: undefined as Judgement | undefined,
  steps: [] as readonly Step[],
  shown: 0,
  scanning: undefined as AbortController | undefined,
};

let running = 0;

// ------------------------------------------------------------------------------------------------------------ what happens

/** Forget everything about the phone that was checked. */
function beginAgain(): void {
  running += 1;
  state.scanning?.abort();
  Object.assign(state, { commitment: undefined, judgement: undefined, receipt: undefined, steps: [], shown: 0, said: "", busy: "" });
  if (location.hash !== "") history.replaceState(null, "", location.pathname + location.search);
  draw();
}

function takeCommitment(text: string): void {
  // A seed that comes first tells nothing: the phone may have chosen it after it knew that it is being checked.
  if (readSeed(text) !== undefined) return say("seed-first");
  const found = readCommitment(text);
  if (found === undefined) return say("no-commitment");
  state.commitment = found;
  state.said = "";
  draw();
}

function takeSeed(text: string): void {
  const seed = readSeed(text);
  if (seed === undefined) say(readCommitment(text) === undefined ? "no-seed" : "commitment-again");
  else void check(seed, undefined);
}

async function takeCheckFile(file: File): Promise<void> {
  const found = readCheckFile(await bytesOf(file));
  if (found === undefined) say("no-check-file");
  else await check(found.seed, found.ballot);
}

async function check(seed: Bytes, ballot: Bytes | undefined): Promise<void> {
  const { commitment } = state;
  if (commitment === undefined) return say("seed-first");
  const own = ++running;
  for (let turn = 0; turn < TRIES && own === running; turn++) {
    busy(turn === 0 ? "checking" : "waiting-for-board");
    const outcome = await withLog((log) => judge(log, { commitment, seed, ballot }));
    if (own !== running) return;
    // A line that breaks while the page waits takes nothing away from what was found before.
    if (outcome === undefined && state.judgement !== undefined) break;
    const judgement = outcome instanceof BoardRefused ? { steps: [outcome.step], choices: null, waiting: false } : outcome;
    state.judgement = judgement;
    if (judgement === undefined || !judgement.waiting || state.board !== undefined) break;
    draw();
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
  if (own !== running) return;
  busy("");
}

async function takeReceipt(file: File): Promise<void> {
  const found = readReceiptFile(await bytesOf(file));
  state.receipt = found;
  state.steps = [];
  if (found === undefined) say("no-receipt");
  else await checkReceipt(found);
}

async function checkReceipt(receipt: ReceiptFile): Promise<void> {
  busy("checking");
  state.steps = stepsOf(await withLog((log) => judgeReceipt(log, receipt, state.policy)));
  busy("");
}

function stepsOf(outcome: readonly Step[] | BoardRefused | undefined): readonly Step[] {
  return outcome instanceof BoardRefused ? [outcome.step] : (outcome ?? []);
}

async function takeCode(text: string): Promise<void> {
  const code = readCommitment(text);
  state.steps = [];
  if (code === undefined) return say("no-code-typed");
  busy("checking");
  state.steps = stepsOf(await withLog((log) => judgeCode(log, code)));
  busy("");
}

/** Only see whether the board has the ballot of a code that was taken. */
function lookUp(commitment: Bytes): void {
  const code = codeOf(commitment);
  choose("code");
  void takeCode(code);
}

/** The board is not what its witnesses signed, or another one than the person asked for. */
class BoardRefused {
  readonly step: Step;

  constructor(error: Refused) {
    this.step = { key: "board-refused", outcome: "failed", fields: { reason: error.message } };
  }
}

/** Read the board anew and do something with it; what goes wrong is said in words. */
async function withLog<T>(act: (log: Log) => Promise<T>): Promise<T | BoardRefused | undefined> {
  state.log = undefined;
  const place = state.board === undefined ? readAddress(state.address, location.href) : undefined;
  if (state.board === undefined && place === undefined) return sayNothing("no-address");
  const pin = readPin(state.pin);
  if (pin === undefined && state.pin.trim() !== "") return sayNothing("no-pin");
  try {
    const get = place === undefined ? filesIn(state.board!) : filesAt(await findLog(place));
    const log = await Log.open(get, pin === undefined ? null : fromHex(pin), Date.now() / SECOND_MS);
    await requireForward(log);
    state.log = log;
    return await act(log);
  } catch (error) {
    if (error instanceof Unreachable) return sayNothing("unreachable");
    if (!(error instanceof Refused)) throw error;
    return new BoardRefused(error);
  }
}

/** A place that showed a later state of this election once cannot show an earlier or another one now. Throws Refused. */
async function requireForward(log: Log): Promise<void> {
  const election = toHex(log.manifestHash);
  const known = state.newest.get(election);
  if (known !== undefined && !(known.size === log.size && equal(known.root, log.root))) await log.continues(known.size, known.root);
  state.newest.set(election, { size: log.size, root: log.root });
}

function sayNothing(key: string): undefined {
  say(key);
}

async function takeBoard(file: File): Promise<void> {
  const found = readBoardFile(await bytesOf(file));
  if (found === undefined) return say("no-board-file");
  state.board = found;
  say("");
}

async function takePolicy(file: File): Promise<void> {
  state.policy = await bytesOf(file);
  if (state.receipt !== undefined) await checkReceipt(state.receipt);
  else say("policy-taken");
}

function saveBoard(): void {
  const files = Object.fromEntries([...(state.log?.files ?? [])].map(([path, data]) => [path, toBase64(data)]));
  save("board.json", "application/json", JSON.stringify({ dobush: "board/1", files }));
}

async function bytesOf(file: File): Promise<Bytes> {
  return new Uint8Array(await file.arrayBuffer());
}

async function scan(take: (text: string) => void): Promise<void> {
  const stop = new AbortController();
  state.scanning = stop;
  draw();
  const video = document.querySelector("video");
  try {
    const text = await scanCamera(video!, stop.signal);
    state.scanning = undefined;
    take(text);
  } catch (error) {
    if (!(error instanceof NoScan)) throw error;
    state.scanning = undefined;
    say(error.key === "stopped" ? "" : error.key);
  }
}

async function readPicture(file: File, take: (text: string) => void): Promise<void> {
  try {
    take(await scanPicture(file));
  } catch (error) {
    if (!(error instanceof NoScan)) throw error;
    say(error.key);
  }
}

function say(key: string): void {
  state.said = key;
  state.busy = "";
  draw();
}

function busy(key: string): void {
  state.busy = key;
  if (key !== "") state.said = "";
  draw();
}

/** The choice is shown for half a minute, and never after the page was out of sight. */
function show(): void {
  state.shown = Date.now() + SHOWN_MS;
  draw();
  const tick = (): void => {
    if (state.shown === 0) return;
    const left = Math.ceil((state.shown - Date.now()) / SECOND_MS);
    if (left <= 0) return hide();
    const counter = document.getElementById("left");
    if (counter !== null) counter.textContent = state.words.t("closes-in", { n: left });
    setTimeout(tick, SECOND_MS);
  };
  tick();
}

function hide(): void {
  if (state.shown === 0) return;
  state.shown = 0;
  draw();
}

// ----------------------------------------------------------------------------------------------------------- what is shown

function draw(): void {
  const { words, mode } = state;
  const { t } = words;
  const focused = document.activeElement?.id ?? "";
  const open = document.querySelector<HTMLDetailsElement>("#place")?.open ?? state.address === "";
  document.documentElement.lang = words.language;
  document.title = t("title");
  const languages = LANGUAGES.map((each) =>
    el(
      "button",
      { type: "button", lang: each, "aria-pressed": String(each === words.language), click: () => speak(each) },
      LANGUAGE_NAMES[each],
    ),
  );
  const modes = MODES.map((each) =>
    el("button", { type: "button", "aria-pressed": String(each === mode), click: () => choose(each) }, t(`mode.${each}`)),
  );
  const page = [
    el(
      "header",
      {},
      el("div", { class: "languages", role: "group", "aria-label": t("language") }, ...languages),
      el("h1", {}, t("title")),
      el("p", {}, t("what")),
      el("div", { class: "row modes", role: "group", "aria-label": t("modes") }, ...modes),
    ),
    el("main", {}, ...drawPlace(open), ...drawMode(), drawSaid()),
    el("footer", {}, el("p", {}, t("footer"))),
  ];
  document.body.replaceChildren(...page);
  document.getElementById(focused)?.focus();
}

function speak(language: (typeof LANGUAGES)[number]): void {
  state.words = makeWords(language);
  draw();
}

function choose(mode: (typeof MODES)[number]): void {
  state.mode = mode;
  beginAgain();
}

function drawSaid(): HTMLElement {
  const { t } = state.words;
  const key = state.busy === "" ? state.said : state.busy;
  const text = key === "" ? "" : t(key);
  return el("div", { role: "status", class: text === "" ? "" : state.busy === "" ? "bad" : "note" }, text);
}

/** Where the board is read: an address, or a file. */
function drawPlace(open: boolean): Child[] {
  const { t } = state.words;
  const input = el("input", {
    type: "url",
    id: "address",
    value: state.address,
    autocomplete: "off",
    spellcheck: "false",
    input: () => {
      state.address = input.value;
      state.board = undefined;
    },
  });
  const pinned = el("input", {
    type: "text",
    id: "pin",
    value: state.pin,
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": "pin-why",
    input: () => {
      state.pin = pinned.value;
    },
  });
  return [
    el(
      "details",
      { id: "place", open },
      el("summary", {}, t("place")),
      el("p", {}, t("place-why")),
      el("label", { for: "address" }, t("address")),
      input,
      el(
        "div",
        { class: "row" },
        fileButton(t("board-file"), ".json,application/json", (file) => void takeBoard(file)),
        state.log !== undefined && button(t("save-board"), saveBoard),
      ),
      el("label", { for: "pin" }, t("pin")),
      el("p", { id: "pin-why" }, t("pin-why")),
      pinned,
      state.board !== undefined && el("p", { class: "note" }, t("board-file-taken", { n: state.board.size })),
    ),
  ];
}

function drawMode(): Child[] {
  if (state.mode === "phone") return drawPhone();
  return state.mode === "receipt" ? drawReceipt() : drawCode();
}

/** The ways in which a text gets in: camera, picture, by hand. */
function drawInput(id: string, label: string, take: (text: string) => void): Child[] {
  const { t } = state.words;
  if (state.scanning !== undefined) {
    return [
      el("p", {}, t("camera-on")),
      el("video", { playsinline: true, muted: true, "aria-label": t("camera-on") }),
      el("div", { class: "row" }, button(t("stop-camera"), () => state.scanning?.abort())),
    ];
  }
  const input = el("textarea", { id, autocomplete: "off", autocapitalize: "off", spellcheck: "false", rows: "2" });
  return [
    el(
      "div",
      { class: "row" },
      button(t("camera"), () => void scan(take), true),
      fileButton(t("picture"), "image/*", (file) => void readPicture(file, take)),
    ),
    el("label", { for: id }, label),
    input,
    el("div", { class: "row" }, button(t("take"), () => take(input.value))),
  ];
}

function drawPhone(): Child[] {
  const { t } = state.words;
  const { commitment, judgement } = state;
  if (commitment === undefined) {
    return [
      el("h2", {}, t("step-1")),
      el("ol", { class: "guide" }, el("li", {}, t("guide-1")), el("li", {}, t("guide-2")), el("li", {}, t("guide-3"))),
      ...drawInput("commitment", t("commitment-label"), takeCommitment),
    ];
  }
  const taken = el(
    "div",
    { class: "note" },
    el("p", {}, t("commitment-taken")),
    el("p", { class: "mono code", translate: "no" }, codeOf(commitment)),
  );
  const again = el("div", { class: "row" }, button(t("begin-again"), beginAgain));
  if (judgement !== undefined || state.busy !== "") {
    return [el("h2", {}, t("step-3")), taken, ...(judgement === undefined ? [] : drawJudgement(judgement)), again];
  }
  return [
    el("h2", {}, t("step-2")),
    taken,
    el("p", {}, t("step-2-why")),
    el("div", { class: "row" }, button(t("look-up"), () => lookUp(commitment))),
    ...drawInput("seed", t("seed-label"), takeSeed),
    el("div", { class: "row" }, fileButton(t("check-file"), ".json,application/json", (file) => void takeCheckFile(file))),
    again,
  ];
}

/** The tracking code of a hash, or of the part of one. */
function codeOf(commitment: Bytes): string {
  const whole = new Uint8Array(32);
  whole.set(commitment);
  return trackingCode(whole);
}

function drawJudgement(judgement: Judgement): Child[] {
  const { t } = state.words;
  const verdict = verdictOf(judgement);
  const loud = verdict === "failed" || verdict === "unjudged";
  return [
    el(
      "div",
      { class: loud ? "bad" : verdict === "opened" ? "note" : "open", role: loud ? "alert" : "status" },
      el("p", {}, el("strong", {}, t(`verdict.${verdict}`))),
      el("p", {}, t(`verdict.${verdict}-then`)),
    ),
    drawSteps(judgement.steps),
    ...(judgement.choices === null ? [] : drawChoice(judgement)),
  ];
}

/** One of: failed (the phone), unjudged (the board), waiting, unbarred (opened, but not on the board), missing, opened. */
function verdictOf({ steps, choices, waiting }: Judgement): string {
  const failed = steps.filter(({ outcome }) => outcome === "failed");
  if (failed.some(({ key }) => OF_THE_BOARD.includes(key))) return "unjudged";
  if (failed.length > 0) return "failed";
  if (!waiting) return "opened";
  if (choices !== null) return "unbarred";
  return state.busy !== "" ? "waiting" : "missing";
}

function drawChoice({ choices }: Judgement): Child[] {
  const { words, log } = state;
  const { t } = words;
  if (state.shown === 0) {
    return [el("p", { class: "open" }, t("onlookers")), el("div", { class: "row" }, button(t("show-choice"), show, true))];
  }
  const contests = (choices ?? []).map(({ contest, chosen }) => {
    const found = log!.contests.get(contest)!;
    const names = chosen.map((place) => el("li", {}, name(found.options[place]!.name)));
    return el("section", {}, el("h3", {}, name(found.title)), names.length === 0 ? el("p", {}, t("nothing-chosen")) : el("ul", {}, ...names));
  });
  return [
    el("div", { class: "choice" }, el("h2", {}, t("choice")), ...contests),
    el("p", { id: "left", "aria-live": "off" }),
    el("p", {}, t("same-choice")),
    el("div", { class: "row" }, button(t("hide-choice"), hide, true)),
  ];
}

/** A name out of the election, never translated by the browser. */
function name(names: Parameters<Words["pick"]>[0]): HTMLElement {
  const { text, lang } = state.words.pick(names);
  return el("bdi", { translate: "no", lang }, text);
}

function drawSteps(steps: readonly Step[]): HTMLElement {
  const { words } = state;
  const { t } = words;
  const items = steps.map(({ key, outcome, fields }) => {
    const { deadline_ms: deadline, time_ms: time } = fields;
    const shown = {
      ...fields,
      ...(typeof deadline === "number" ? { deadline: words.time(deadline) } : {}),
      ...(typeof time === "number" ? { time: words.time(time) } : {}),
    };
    const mark = el("span", { "aria-hidden": "true" }, `${SYMBOLS[outcome]} `);
    return el("li", {}, el("span", { class: `state ${outcome}` }, mark, t(`state.${outcome}`)), ` – ${t(`step.${key}`, shown)}`);
  });
  const { log } = state;
  return el(
    "div",
    {},
    log !== undefined && el("p", {}, t("this-election"), " ", el("strong", {}, name(log.manifest.title)), ` – ${t(`kind.${log.manifest.kind}`)}`),
    log !== undefined && log.time_ms < Date.now() - OLD_MS && el("p", { class: "open" }, t("board-old", { time: words.time(log.time_ms) })),
    el("ul", { class: "steps" }, ...items),
    log !== undefined && el("p", {}, t(readPin(state.pin) === undefined ? "compare-hash" : "pin-same"), " ", el("span", { class: "mono" }, grouped(toHex(log.manifestHash)))),
  );
}

function grouped(hex: string): string {
  return hex.replace(/(.{4})(?=.)/g, "$1 ");
}

function drawReceipt(): Child[] {
  const { t } = state.words;
  return [
    el("h2", {}, t("receipt")),
    el("p", {}, t("receipt-why")),
    el(
      "div",
      { class: "row" },
      fileButton(t("receipt-file"), ".json,.cbor,.tlog-proof", (file) => void takeReceipt(file)),
      fileButton(t("policy-file"), ".txt,text/plain,.policy", (file) => void takePolicy(file)),
    ),
    ...drawOutcome(),
  ];
}

/** What came out, in one sentence, then step by step. */
function drawOutcome(): Child[] {
  const { steps, words } = state;
  if (steps.length === 0) return [];
  const failed = steps.some(({ outcome }) => outcome === "failed");
  // A policy is the person's own comparison: without one nothing is missing.
  const open = steps.some(({ key, outcome }) => outcome === "open" && key !== "policy-none");
  const spoiled = steps.some(({ key }) => key === "code-spoiled");
  const outcome = failed ? "failed" : spoiled ? "spoiled" : open ? "open" : "passed";
  const look = { failed: "bad", spoiled: "open", open: "open", passed: "good" }[outcome];
  return [
    el("div", { class: look, role: failed ? "alert" : "status" }, el("strong", {}, words.t(`outcome.${outcome}`))),
    drawSteps(steps),
  ];
}

function drawCode(): Child[] {
  const { t } = state.words;
  return [
    el("h2", {}, t("code")),
    el("p", {}, t("code-why")),
    ...drawInput("code", t("code-label"), (text) => void takeCode(text)),
    ...drawOutcome(),
  ];
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) hide();
});
draw();
// A phone's camera opens this page by the commitment's own link.
if (location.hash.startsWith("#c=")) takeCommitment(location.hash);
