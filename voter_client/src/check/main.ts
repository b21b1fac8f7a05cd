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
import { type Bytes, toBase64, toHex } from "../core/bytes.js";
import { Refused } from "../core/errors.js";
import { Log } from "../public/log.js";
import { firstLanguage, LANGUAGE_NAMES, LANGUAGES, type Words } from "../public/words.js";
import { button, type Child, el, fileButton, save } from "./dom.js";
import { readBoardFile, readCheckFile, readCommitment, readReceiptFile, readSeed } from "./inputs.js";
import { judge, type Judgement, type Step } from "./judge.js";
import { judgeCode, judgeReceipt } from "./receipt.js";
import { NoScan, scanCamera, scanPicture } from "./scan.js";
import { filesAt, filesIn, findLog, hintAt, readAddress, saidAt, Unreachable } from "./source.js";
import { makeWords } from "./words.js";

const SHOWN_MS = 30_000;
const SECOND_MS = 1_000;
const AGAIN_MS = 5_000;
const TRIES = 24;
const SYMBOLS = { passed: "✔", failed: "✘", open: "○" } as const;
const MODES = ["phone", "receipt", "code"] as const;

const state = {
  words: makeWords(firstLanguage(location.search, navigator.languages)),
  mode: "phone" as (typeof MODES)[number],
  address: location.protocol.startsWith("http") ? new URL("../log/", location.href).href : "",
  board: undefined as ReadonlyMap<string, Bytes> | undefined,
  policy: undefined as Bytes | undefined,
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
  Object.assign(state, { commitment: undefined, judgement: undefined, steps: [], shown: 0, said: "", busy: "" });
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
    const judgement = await withLog(async (log, place) => {
      const hint = place && commitment.length === 32 ? await hintAt(place, toHex(commitment)) : undefined;
      const said = (pseudonym: string): Promise<number | undefined> =>
        place === undefined ? Promise.resolve(undefined) : saidAt(place, pseudonym);
      return judge(log, { commitment, seed, ballot, hint, said });
    });
    if (own !== running) return;
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
  if (found === undefined) return say("no-receipt");
  busy("checking");
  state.steps = (await withLog((log) => judgeReceipt(log, found, state.policy))) ?? [];
  busy("");
}

async function takeCode(text: string): Promise<void> {
  const code = readCommitment(text);
  if (code === undefined) return say("no-code-typed");
  busy("checking");
  state.steps = (await withLog((log) => judgeCode(log, code))) ?? [];
  busy("");
}

/** Read the board anew and do something with it; what goes wrong is said in words. */
async function withLog<T>(act: (log: Log, place: URL | undefined) => Promise<T>): Promise<T | undefined> {
  const place = state.board === undefined ? readAddress(state.address, location.href) : undefined;
  if (state.board === undefined && place === undefined) return sayNothing("no-address");
  try {
    const logAt = place && (await findLog(place));
    const get = logAt === undefined ? filesIn(state.board!) : filesAt(logAt);
    const log = await Log.open(get, null, Date.now() / SECOND_MS);
    state.log = log;
    return await act(log, logAt);
  } catch (error) {
    if (error instanceof Unreachable) return sayNothing("unreachable");
    if (!(error instanceof Refused)) throw error;
    state.steps = [{ key: "board-refused", outcome: "failed", fields: { reason: error.message } }];
    state.judgement = { steps: state.steps, choices: null, waiting: false };
    return state.judgement as T;
  }
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
  say("policy-taken");
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
  const failed = judgement.steps.some(({ outcome }) => outcome === "failed");
  const verdict = judgement.waiting && state.busy !== "" ? "waiting" : failed ? "failed" : "opened";
  return [
    el(
      "div",
      { class: verdict === "failed" ? "bad" : "note", role: verdict === "failed" ? "alert" : "status" },
      el("p", {}, el("strong", {}, t(`verdict.${verdict}`))),
      el("p", {}, t(`verdict.${verdict}-then`)),
    ),
    drawSteps(judgement.steps),
    ...(judgement.choices === null ? [] : drawChoice(judgement)),
  ];
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
    const shown = typeof fields.deadline_ms === "number" ? { ...fields, deadline: words.time(fields.deadline_ms) } : fields;
    const mark = el("span", { "aria-hidden": "true" }, `${SYMBOLS[outcome]} `);
    return el("li", {}, el("span", { class: `state ${outcome}` }, mark, t(`state.${outcome}`)), ` – ${t(`step.${key}`, shown)}`);
  });
  const { log } = state;
  return el(
    "div",
    {},
    log !== undefined && el("p", {}, t("this-election"), " ", el("strong", {}, name(log.manifest.title)), ` – ${t(`kind.${log.manifest.kind}`)}`),
    el("ul", { class: "steps" }, ...items),
    log !== undefined && el("p", {}, t("compare-hash"), " ", el("span", { class: "mono" }, grouped(toHex(log.manifestHash)))),
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
    state.steps.length > 0 && drawSteps(state.steps),
  ];
}

function drawCode(): Child[] {
  const { t } = state.words;
  return [
    el("h2", {}, t("code")),
    el("p", {}, t("code-why")),
    ...drawInput("code", t("code-label"), (text) => void takeCode(text)),
    state.steps.length > 0 && drawSteps(state.steps),
  ];
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) hide();
});
draw();
// A phone's camera opens this page by the commitment's own link.
if (location.hash.startsWith("#c=")) takeCommitment(location.hash);
