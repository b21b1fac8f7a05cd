// The way out of another program's browser, as phones' systems understand it.

import { expect, test } from "vitest";
import { leaveApp } from "../../src/ui/screens/identifying";

const ADDRESS = "https://vote.example/vote/";

test("Android opens the page in Chrome by an intent", () => {
  expect(leaveApp("Mozilla/5.0 (Linux; Android 11; wv) WhatsApp/2", ADDRESS)).toEqual({
    address: "intent://vote.example/vote/#Intent;scheme=https;package=com.android.chrome;end",
    safari: false,
  });
});

test("an iPhone opens it in Safari", () => {
  expect(leaveApp("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1) Instagram 309", ADDRESS)).toEqual({
    address: "x-safari-https://vote.example/vote/",
    safari: true,
  });
});

test.each([
  ["Mozilla/5.0 (Windows NT 10.0; Win64; x64) FBAV", ADDRESS],
  ["Mozilla/5.0 (Linux; Android 11; wv)", "javascript:alert(1)"],
  ["Mozilla/5.0 (iPhone; CPU iPhone OS 18_1)", "file:///vote/"],
])("nothing is offered to %s for %s", (agent, address) => {
  expect(leaveApp(agent, address)).toBeNull();
});
