// A worker for the benchmark: seals a ballot with the core, or encrypts with the library's own products as a yardstick.

import { ristretto255 } from "@noble/curves/ed25519.js";
import { type SealRequest, sealBallot } from "../src/core/ballot.js";
import { fromHex } from "../src/core/bytes.js";
import { reduceWide } from "../src/core/group.js";
import { defaultRadices, type Rule } from "../src/core/rules.js";

interface Task {
  readonly what: "seal" | "library";
  readonly rule: "one" | "some";
  readonly options: number;
}

/** Some key, ready, so that nothing is computed before the clock runs. */
const KEY = fromHex("04130ce6857500ab1b37842161c7c885356394d130fb460f37355dc5fd115203");

function random(size: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(size));
}

function requestOf({ rule, options }: Task): SealRequest {
  const one: Rule = { form: "one-of", options, radices: defaultRadices(options) };
  const some: Rule = { form: "between", options, minimum: 0, maximum: Math.min(options, 5) };
  return {
    kind: "demo",
    manifestHash: random(32),
    key: KEY,
    style: 1,
    contests: [{ id: 1, rule: rule === "one" ? one : some, chosen: [options - 1] }],
    pseudonym: random(16),
    number: 1,
    previous: new Uint8Array(32),
    head: { size: 100, root: random(32) },
    seed: random(32),
  };
}

/** The ciphertexts alone, each product and encoding by itself as the library offers them. */
function encryptByLibrary(options: number): void {
  const base = ristretto255.Point.BASE;
  const key = base.multiply(12345n);
  for (let option = 0; option < options; option++) {
    const scalar = reduceWide(random(64));
    base.multiply(scalar).toBytes();
    const masked = key.multiply(scalar);
    (option === 0 ? masked.add(base) : masked).toBytes();
  }
}

self.addEventListener("message", (event: MessageEvent<Task>) => {
  const task = event.data;
  const request = task.what === "seal" ? requestOf(task) : undefined;
  const started = performance.now();
  if (request === undefined) encryptByLibrary(task.options);
  else sealBallot(request);
  self.postMessage(performance.now() - started);
});
