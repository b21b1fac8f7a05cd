import { describe, expect, it } from "vitest";

import * as core from "../../src/core/ballot";
import * as page from "../../src/ui/challenges";

const hash = new Uint8Array(32).fill(7);
const token = new Uint8Array(32).fill(9);
const nonce = new Uint8Array(88).fill(11);

describe("the page's challenges are the core's", () => {
  for (const kind of ["demo", "practice", "real"] as const) {
    it(kind, () => {
      expect(page.registerChallenge(kind, hash, token)).toEqual(core.registerChallenge(kind, hash, token));
      expect(page.loginChallenge(kind, hash, token)).toEqual(core.loginChallenge(kind, hash, token));
      expect(page.castChallenge(kind, hash, token, nonce)).toEqual(core.castChallenge(kind, hash, token, nonce));
      expect(page.loginChallenge(kind, hash, token)).not.toEqual(page.registerChallenge(kind, hash, token));
    });
  }
});
