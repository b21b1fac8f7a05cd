// The screens of a group say only what comes with the group, or before the ballot.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { chooser } from "../../bundle/words.mjs";

const texts = JSON.parse(readFileSync(new URL("../../../locales/en.json", import.meta.url), "utf-8")) as Record<string, string>;
const keys = Object.keys(texts).filter((key) => key.startsWith("client."));
const FORM = /\.(one|few|many|other)$/;

const FILES: Readonly<Record<string, readonly string[]>> = {
  voter: ["app.tsx", "model.ts", "parts.tsx", "screens/ballot.tsx", "screens/device.tsx", "screens/entering.tsx", "screens/start.tsx"],
  identity: ["identity.ts", "screens/identifying.tsx"],
  rest: ["voting.ts", "screens/informing.tsx", "screens/sealing.tsx"],
};
// Said in `model.ts` on screens whose group is there.
const ON_THEIR_SCREEN = ["client.key.failed", "client.cast.failed"];

/** What stands as a text's key in a source: in quotes, with a prefix that texts have. */
function saidIn(file: string): string[] {
  const source = readFileSync(new URL(`../../src/ui/${file}`, import.meta.url), "utf-8");
  const prefixes = new Set(keys.map((key) => key.split(".")[1]));
  return [...source.matchAll(/"([a-z]+\.[a-z-]+)"/g)]
    .map(([, key]) => key!)
    .filter((key) => prefixes.has(key.split(".")[0]))
    .map((key) => `client.${key}`)
    .filter((key) => !ON_THEIR_SCREEN.includes(key));
}

test.each(Object.entries(FILES))("%s", (group, files) => {
  const [own, before] = [chooser(`=${group}`), chooser("=voter")];
  const known = new Set(keys.filter((key) => own(key) || before(key)).flatMap((key) => [key, key.replace(FORM, "")]));
  const said = files.flatMap((file) => saidIn(file).map((key) => ({ file, key })));
  expect(said.length).toBeGreaterThan(5);
  expect(said.filter(({ key }) => !known.has(key))).toEqual([]);
});

test("every text of the client comes with a group", () => {
  const groups = ["=voter", "=identity", "=rest"].map(chooser);
  expect(keys.filter((key) => !groups.some((holds) => holds(key)))).toEqual([]);
  const twice = keys.filter((key) => groups.filter((holds) => holds(key)).length > 1);
  expect(twice.filter((key) => !key.startsWith("client.place."))).toEqual([]);
});
