// What the pages ask the worker: a nonce by a key that came meanwhile.

import { beforeEach, expect, test, vi } from "vitest";
import { Refused } from "../../src/core/errors";

const worker = vi.hoisted(() => ({ ask: vi.fn() }));
const fetchElection = vi.hoisted(() => vi.fn());
vi.mock("../../src/worker/client", () => ({ fetchPiece: null, startCore: async () => worker }));
vi.mock("../../src/ui/files", () => ({ fetchElection, latestS: () => 0, readTiles: async () => [] }));

import { openCore } from "../../src/ui/core";

const nonce = { pseudonym: new Uint8Array(16), hash: new Uint8Array(32), nonce: new Uint8Array(88) };
const wanted = { style: 2, units: false };
let accepts: boolean[];

beforeEach(() => {
  vi.resetAllMocks();
  fetchElection.mockResolvedValue({ size: 5, files: {} });
  worker.ask.mockImplementation(async (name: string) => {
    if (name === "verifyNonce" && accepts.shift() !== true) throw new Refused("BALLOT-11", "by another key");
  });
});

test.each([
  ["by the known key", [true], 1],
  ["by the key that came after it", [false, true], 2],
])("a nonce %s holds", async (_, answers, looks) => {
  accepts = answers;
  const core = await openCore();
  await core.verifyElection("pin", 1, wanted);
  await core.verifyNonce(nonce, 2);
  expect(fetchElection.mock.calls.length).toBe(looks);
  expect(fetchElection.mock.lastCall?.[2]).toMatchObject(wanted);
});

test("a nonce by nobody's key is refused", async () => {
  accepts = [false, false];
  const core = await openCore();
  await core.verifyElection("pin", 1, wanted);
  await expect(core.verifyNonce(nonce, 2)).rejects.toMatchObject({ check: "BALLOT-11" });
});
