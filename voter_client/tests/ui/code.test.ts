// An enrolment code signs the same by the browser's Ed25519 and by the worker's, and the registrars' vectors read it.

import { ed25519 } from "@noble/curves/ed25519.js";
import { afterEach, expect, test, vi } from "vitest";
import { fromHex, toHex } from "../../src/core/bytes";
import { signEd25519 } from "../../src/core/ed25519";
import { proveCode } from "../../src/code";

afterEach(() => void vi.unstubAllGlobals());

const hash = new Uint8Array(32).fill(3);
const key = new Uint8Array(77).fill(5);
// A browser that knows no Ed25519.
const without = {
  getRandomValues: crypto.getRandomValues.bind(crypto),
  subtle: { importKey: () => Promise.reject(new Error("NotSupportedError")) },
};
const never = () => Promise.reject(new Error("the worker is not asked"));

test("the browser signs, and without one the worker: the same proof", async () => {
  const native = await proveCode("practice", hash, "ABC", key, never);
  expect(native.key).toHaveLength(64);
  let signed: Uint8Array | undefined;
  vi.stubGlobal("crypto", without);
  const other = await proveCode("practice", hash, "ABC", key, async (seed, message) => {
    signed = message;
    const made = signEd25519(seed, message);
    return { key: toHex(made.key), signature: toHex(made.signature) };
  });
  expect(other).toEqual(native);
  expect(ed25519.verify(fromHex(native.signature), signed!, fromHex(native.key))).toBe(true);
});

test("another election, code or key gives another proof", async () => {
  const made = [
    await proveCode("practice", hash, "ABC", key, never),
    await proveCode("real", hash, "ABC", key, never),
    await proveCode("practice", key.slice(0, 32), "ABC", key, never),
    await proveCode("practice", hash, "ABD", key, never),
    await proveCode("practice", hash, "ABC", hash, never),
  ];
  expect(new Set(made.map((each) => each.signature)).size).toBe(made.length);
});

test("where nobody can sign, nothing is proved", async () => {
  vi.stubGlobal("crypto", without);
  await expect(proveCode("demo", hash, "ABC", key, never)).rejects.toThrow("the worker is not asked");
});
