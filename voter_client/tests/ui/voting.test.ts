// From the log-in to the board, with a service that lies, is late, or takes its time: the pages' own state, everything around it pretended.

import { beforeEach, expect, test, vi } from "vitest";
import { toBase64Url, toHex } from "../../src/core/bytes";
import { BALLOT_ENTRY, entryToBytes } from "../../src/core/entries";
import { Refused } from "../../src/core/errors";

const page = vi.hoisted(() => {
  const stored = new Map<string, string>();
  const metas: Record<string, string> = { "dobush-manifest": "ab".repeat(32), "dobush-identity": "../identity/", "dobush-ballot": "../" };
  Object.assign(globalThis, {
    document: {
      querySelector: (asked: string) => ({ content: metas[/name="(.+)"/.exec(asked)?.[1] ?? ""] }),
      documentElement: {},
    },
    localStorage: {
      getItem: (name: string) => stored.get(name) ?? null,
      setItem: (name: string, value: string) => void stored.set(name, value),
      removeItem: (name: string) => void stored.delete(name),
    },
    location: { href: "https://vote.example/vote/", hash: "" },
  });
  return { stored };
});

/** What the worker, the service and the phone answer; each test changes some of it. */
const core = vi.hoisted(() => ({
  verifyElection: vi.fn(),
  seal: vi.fn(),
  open: vi.fn(),
  forget: vi.fn(async () => undefined),
  verifyNonce: vi.fn(),
  verifyReceipt: vi.fn(),
  verifyOnTheBoard: vi.fn(),
}));
const api = vi.hoisted(() => ({
  readElection: vi.fn(),
  readSlot: vi.fn(),
  startLogin: vi.fn(),
  logIn: vi.fn(),
  readVoter: vi.fn(),
  askNonce: vi.fn(),
  cast: vi.fn(),
  challenge: vi.fn(),
  readProof: vi.fn(),
  follow: vi.fn(),
}));
const sign = vi.hoisted(() => vi.fn());
const look = vi.hoisted(() => vi.fn());

vi.mock("../../src/later", () => ({ later: (_: string, load: () => unknown) => load() }));
vi.mock("../../src/ui/core", () => ({ openCore: async () => core }));
vi.mock("../../src/ui/look", () => ({ look }));
vi.mock("../../src/passkey", async (original) => ({ ...(await original<object>()), sign, assertionJson: () => ({}) }));
vi.mock("../../src/api", async (original) => ({ ...(await original<object>()), ...api }));
vi.mock("../../src/api-voting", () => api);
vi.mock("../../src/ui/groups", async () => ({
  groupOf: () => null,
  loadGroup: () => import("../../src/ui/voting"),
  loadTexts: async () => TEXTS,
}));

import all from "../../../locales/en.json";
import { OfflineError, ProblemError } from "../../src/api";
import * as memory from "../../src/ui/memory";
import { Model, PIN } from "../../src/ui/model";
import * as voting from "../../src/ui/voting";
import formats from "../../src/words/formats.json";

const TEXTS = vi.hoisted(() => ({ default: {}, formats: {} }));
Object.assign(TEXTS, { default: all, formats: formats.en });

const [ME, OTHER] = ["11".repeat(16), "22".repeat(16)];
const HASH = new Uint8Array(32).fill(7);
const text = (en: string) => ({ ky: en, ru: en, en });
const contest = (id: number) => ({ id, title: text(`${id}`), minimum: 0, maximum: 1, options: [{ name: text("a") }, { name: text("b") }] });
const election = {
  manifest: { kind: "real", title: text("Election"), opens_at_ms: 1_000, closes_at_ms: 9_000, receipt_delay_ms: 10 },
  key: new Uint8Array(32),
  units: new Map(),
  styles: [
    { id: 1, contests: [contest(1)] },
    { id: 2, contests: [contest(1), contest(2)] },
  ],
};
const voter = { pseudonym: ME, unit: 1, style: 2, number: 0, previous: "00".repeat(32), waiting: false, struck: false, head: { size: 9, root: "00".repeat(32) } };
const info = (kind = "real") => ({ kind, title: text("Election"), phase: "open", times: { opens_at_ms: 1_000, closes_at_ms: 9_000, now_ms: 2_000 } });
const sealed = () => ({ ballot: new Uint8Array([1]), hash: HASH.slice(), code: "CODE" });

const SIGNED = { id: "key", authenticatorData: new Uint8Array(37), clientData: new Uint8Array(9), signature: new Uint8Array(70) };

/** A promise that the test settles. */
function held<T>() {
  let [give, break_]: [(value: T) => void, (error: Error) => void] = [() => undefined, () => undefined];
  const promise = new Promise<T>((resolve, reject) => ([give, break_] = [resolve, reject]));
  return { promise, give: (value: T) => give(value), fail: (error: Error) => break_(error) };
}

/** Let everything run that waits for nothing but its turn. */
const settled = () => new Promise((done) => setTimeout(done, 0));

function outboxOf(hash: string, change: Partial<memory.Outbox> = {}): memory.Outbox {
  const signature = { authenticator_data: SIGNED.authenticatorData, client_data: SIGNED.clientData, signature: SIGNED.signature };
  const body = BALLOT_ENTRY.toBytes({ ballot: new Uint8Array([1]), nonce: new Uint8Array(88), ...signature });
  const entry = toBase64Url(entryToBytes({ type: "ballot", body, signatures: [] }));
  const rest = { receipt: null, deadlineMs: null, proof: null, index: null, refused: false };
  return { entry, hash, code: `code ${hash}`, pseudonym: ME, number: 1, ...rest, ...change };
}

function opened(): Model {
  const model = new Model("en", TEXTS as never);
  model.set({ me: { pseudonym: ME, key: null }, info: info() as never });
  return model;
}

/** A model at the ballot, as the service first tells of the voter; both contests marked. */
async function marked(): Promise<Model> {
  const model = opened();
  await model.logIn();
  expect(model.state.flow.screen).toBe("ballot");
  model.set({ flow: { ...model.state.flow, screen: "review", choices: [[1], [0]] } });
  return model;
}

async function atDecision(): Promise<Model> {
  const model = await marked();
  await model.seal();
  expect(model.state.flow.screen).toBe("commitment");
  model.go("decide");
  return model;
}

beforeEach(() => {
  page.stored.clear();
  for (const each of [...Object.values(core), ...Object.values(api), sign, look]) each.mockReset();
  look.mockResolvedValue(election);
  core.verifyElection.mockResolvedValue(election);
  core.seal.mockImplementation(async () => sealed());
  core.open.mockImplementation(async () => ({ seed: new Uint8Array(32).fill(5), opening: new Uint8Array(32).fill(6) }));
  core.forget.mockResolvedValue(undefined);
  core.verifyNonce.mockResolvedValue(2_000);
  core.verifyReceipt.mockResolvedValue(3_000);
  core.verifyOnTheBoard.mockResolvedValue(77);
  api.readElection.mockResolvedValue(info());
  api.startLogin.mockResolvedValue({ token: new Uint8Array(32), manifestHash: PIN });
  api.logIn.mockResolvedValue(voter);
  api.readVoter.mockResolvedValue(voter);
  api.askNonce.mockResolvedValue(new Uint8Array(88));
  api.cast.mockResolvedValue({ receipt: new Uint8Array([9]) });
  api.readProof.mockResolvedValue(new Uint8Array([9]));
  api.follow.mockReturnValue(() => undefined);
  sign.mockResolvedValue(SIGNED);
});

// ------------------------------------------------------------------------------------------------ what is shown is sealed

test("the contests that were shown are sealed with all their marks", async () => {
  await atDecision();
  const [request] = core.seal.mock.calls[0]!;
  expect([request.style, request.contests, request.choices]).toEqual([2, [1, 2], [[1], [0]]]);
});

test.each([
  ["another style", { style: 1 }],
  ["another slot", { pseudonym: OTHER }],
])("a service that names %s when the vote is sealed is refused", async (_, change) => {
  const model = await marked();
  api.readVoter.mockResolvedValue({ ...voter, ...change });
  await model.seal();
  expect([model.state.flow.screen, model.state.refusal?.check]).toEqual(["refused", "BALLOT-3"]);
  expect([core.seal.mock.calls, model.state.flow.choices]).toEqual([[], []]);
});

test("a log-in in between does not change the ballot either", async () => {
  const model = await marked();
  api.readVoter.mockRejectedValueOnce(new ProblemError("not-logged-in", "", 401, null));
  await model.seal();
  expect(model.state.flow.screen).toBe("login");
  api.logIn.mockResolvedValue({ ...voter, style: 1 });
  await model.logIn();
  expect([model.state.flow.screen, model.state.refusal?.check]).toEqual(["refused", "BALLOT-3"]);
});

test("a service that logs in somebody else is refused before a ballot is shown", async () => {
  const model = opened();
  api.logIn.mockResolvedValue({ ...voter, pseudonym: OTHER });
  await model.logIn();
  expect([model.state.flow.screen, model.state.refusal?.check]).toEqual(["refused", "BALLOT-3"]);
});

// ------------------------------------------------------------------------------------------- late answers, one at a time

const sent = (hash: string) => outboxOf(hash, { receipt: "CQ", deadlineMs: 3_000 });
const newer = { hash: toHex(HASH), receipt: null, proof: null };

test("a proof that comes late for the vote before leaves the new one as it is", async () => {
  const model = await atDecision();
  model.set({ outbox: sent("aa") });
  const proof = held<Uint8Array>();
  api.readProof.mockReturnValueOnce(proof.promise);
  const stop = vi.fn();
  api.follow.mockReturnValueOnce(stop);
  voting.followBoard(model);
  await model.castSealed();
  expect([model.state.outbox, stop.mock.calls.length]).toMatchObject([newer, 1]);
  proof.give(new Uint8Array([9]));
  await settled();
  expect(model.state.outbox).toMatchObject(newer);
  expect(memory.readOutbox(PIN, ME)).toMatchObject(newer);
});

test("a false proof of the vote before says nothing about the new one", async () => {
  const model = opened();
  model.set({ outbox: sent("aa") });
  const proof = held<Uint8Array>();
  api.readProof.mockReturnValueOnce(proof.promise);
  voting.followBoard(model);
  model.set({ outbox: outboxOf("bb") });
  core.verifyOnTheBoard.mockRejectedValue(new Refused("MERKLE-1", "no", "server"));
  proof.give(new Uint8Array([9]));
  await settled();
  expect(model.state.problem).toBeNull();
});

test("a receipt that comes late for the vote before is no receipt of the new one", async () => {
  const model = opened();
  const answer = held<{ receipt: Uint8Array }>();
  api.cast.mockReturnValueOnce(answer.promise);
  model.set({ outbox: outboxOf("aa") });
  model.go("sending");
  const sending = model.send();
  await settled();
  model.set({ outbox: outboxOf("bb") });
  answer.give({ receipt: new Uint8Array([9]) });
  await sending;
  expect(model.state.outbox).toMatchObject({ hash: "bb", receipt: null });
  expect(model.state.flow.screen).toBe("sending");
});

test("who leaves the page that sends is not taken away from where she is", async () => {
  const model = opened();
  const answer = held<{ receipt: Uint8Array }>();
  api.cast.mockReturnValueOnce(answer.promise);
  model.set({ outbox: outboxOf("aa") });
  model.go("sending");
  const sending = model.send();
  await settled();
  model.step({ type: "replace", to: "start" });
  answer.give({ receipt: new Uint8Array([9]) });
  await sending;
  expect(model.state.outbox).toMatchObject({ hash: "aa", receipt: "CQ" });
  expect(model.state.flow.screen).toBe("start");
});

test("however often it is asked to send, one loop sends", async () => {
  const model = opened();
  await model.load("voting");
  model.set({ outbox: outboxOf("aa") });
  await model.resume();
  await settled();
  // The page of the sending sends.
  expect([model.state.flow.screen, api.cast.mock.calls.length]).toEqual(["sending", 0]);
  api.cast.mockRejectedValue(new ProblemError("busy", "Busy", 503, null));
  vi.useFakeTimers();
  try {
    for (let times = 0; times < 3; times++) void model.send();
    await vi.advanceTimersByTimeAsync(100);
    const first = api.cast.mock.calls.length;
    await vi.advanceTimersByTimeAsync(4_000);
    expect(api.cast.mock.calls.length - first).toBe(1);
    model.go("start");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(api.cast.mock.calls.length - first).toBe(1);
  } finally {
    vi.useRealTimers();
  }
});

// --------------------------------------------------------------------------------------------------- before the phone signs

test("a nonce that the board will not take is not signed", async () => {
  const model = await atDecision();
  core.verifyNonce.mockRejectedValue(new Refused("BALLOT-11", "not for this ballot", "server"));
  await model.castSealed();
  expect([model.state.refusal?.check, model.state.outbox, sign.mock.calls.length]).toEqual(["BALLOT-11", null, 1]);
  expect(core.verifyNonce.mock.calls[0]![0]).toEqual({ pseudonym: new Uint8Array(16).fill(0x11), hash: HASH, nonce: new Uint8Array(88) });
});

test("what was wiped while the phone was asking is not cast", async () => {
  const model = await atDecision();
  const prompt = held<typeof SIGNED>();
  sign.mockReturnValueOnce(prompt.promise);
  const casting = model.castSealed();
  await settled();
  model.wipe();
  prompt.give(SIGNED);
  await casting;
  expect([model.state.flow.screen, model.state.outbox, memory.readOutbox(PIN, ME)]).toEqual(["wiped", null, null]);
});

// ----------------------------------------------------------------------------- a real election is never shown as another

test("what was verified stands, whatever the service says later", async () => {
  const model = await marked();
  const false_ = { ...info("practice"), title: text("A game") };
  api.readElection.mockResolvedValue({ ...false_, times: { opens_at_ms: 5_000, closes_at_ms: 6_000, now_ms: 2_500 } });
  await model.loadInfo();
  const { kind, title, times } = model.state.info!;
  expect([kind, title, times]).toEqual(["real", text("Election"), { opens_at_ms: 1_000, closes_at_ms: 9_000, now_ms: 2_500 }]);
});

test("what the service said before the check is replaced by what was verified", async () => {
  const model = opened();
  model.set({ info: { ...info(), title: text("A game") } as never });
  await model.logIn();
  expect(model.state.info!.title).toEqual(text("Election"));
});

test("what opens the seal was sent, or may have been: that ballot is cast no more", async () => {
  const model = await atDecision();
  api.challenge.mockRejectedValueOnce(new OfflineError("cut"));
  await model.challenge();
  expect(model.state.flow.screen).toBe("decide");
  await model.castSealed();
  expect(api.askNonce).not.toHaveBeenCalled();
  // The same opening once more, not another one.
  api.challenge.mockResolvedValueOnce(undefined);
  await model.challenge();
  expect(core.open).toHaveBeenCalledTimes(1);
  expect(model.state.flow.screen).toBe("challenge");
});

test("a challenge that was wiped on its way shows no seed", async () => {
  const model = await atDecision();
  const answer = held<undefined>();
  api.challenge.mockReturnValueOnce(answer.promise);
  const asked = model.challenge();
  await settled();
  expect(model.isSecret()).toBe(true);
  const seed = model.state.opened!.seed;
  model.wipe();
  answer.give(undefined);
  await asked;
  expect(model.state.opened).toBeNull();
  expect([...seed]).toEqual(Array(32).fill(0));
  expect(model.state.flow.screen).toBe("wiped");
});

test("after a wipe the log-in leads to the beginning, not to a review of nothing", async () => {
  const model = await marked();
  model.expire("review");
  model.wipe();
  expect(model.afterLogin).toBe("checking");
});

test("a vote that is refused for good waits no more, and the next one may be cast", async () => {
  const model = await atDecision();
  core.verifyNonce.mockResolvedValueOnce(undefined);
  api.askNonce.mockResolvedValueOnce(new Uint8Array(88));
  sign.mockResolvedValueOnce(SIGNED);
  await model.castSealed();
  expect(memory.isUnsent(memory.readOutbox(PIN))).toBe(true);
  api.cast.mockRejectedValueOnce(new ProblemError("closed", "Closed", 409, null));
  await voting.send(model);
  expect(memory.readOutbox(PIN)).toMatchObject({ refused: true, receipt: null });
  expect(memory.isUnsent(model.state.outbox)).toBe(false);
});
