// Cuts the texts that a page needs out of the one dictionary, locales/<language>.json.

import { readFileSync } from "node:fs";
import { join } from "node:path";

const PREFIX = "virtual:words/";
const LANGUAGES = new Set(["ky", "ru", "en"]);

/** The voter's texts by when they are needed: up to the ballot, to identify, and (`=rest`) all others. */
const GROUPS = {
  voter: [
    "client.ballot.",
    "client.checking.",
    "client.city.",
    "client.cover.",
    "client.device.bad",
    "client.device.browser",
    "client.device.good",
    "client.device.heading",
    "client.device.key",
    "client.device.lock",
    "client.device.text",
    "client.device.unknown",
    "client.frame.",
    "client.key.working",
    "client.login.",
    "client.refused.",
    "client.start.",
    "client.waiting.",
    "client.wipe.",
    "client.wiped.",
  ],
  identity: ["client.device.", "client.enrolled.", "client.first.", "client.identify.", "client.key.", "client.place.other"],
};

const holds = (prefixes, key) => prefixes.some((prefix) => (prefix.endsWith(".") ? key.startsWith(prefix) : key === prefix));

/** Which keys belong to what was asked for: prefixes, or `=group` of the voter's. */
export function chooser(wanted) {
  if (wanted === "=rest") {
    const others = [...GROUPS.voter, ...GROUPS.identity.filter((prefix) => !prefix.startsWith("client.place."))];
    return (key) => key.startsWith("client.") && !holds(others, key);
  }
  if (wanted.startsWith("=")) {
    const prefixes = GROUPS[wanted.slice(1)];
    return (key) => holds(prefixes, key) && !(wanted === "=identity" && holds(GROUPS.voter, key));
  }
  const prefixes = wanted.split(",");
  return (key) => holds(prefixes, key);
}

/** How each language writes dates and numbers; it comes with the voter's first texts. */
const FORMATS = JSON.parse(readFileSync(new URL("../src/words/formats.json", import.meta.url), "utf-8"));

const FORM = /\.(one|few|many)$/;

/** A Vite plugin for `virtual:words/<language>/<prefix>[,<prefix>...]` and `virtual:words/<language>/=<group>`. */
export function words(locales) {
  return {
    name: "words",
    resolveId: (id) => (id.startsWith(PREFIX) ? `\0${id}` : null),
    load(id) {
      if (!id.startsWith(`\0${PREFIX}`)) return null;
      const [language, wanted] = id.slice(PREFIX.length + 1).split("/");
      if (!LANGUAGES.has(language) || !wanted) this.error(`not a language and prefixes: ${id}`);
      const all = JSON.parse(readFileSync(join(locales, `${language}.json`), "utf-8"));
      const fits = chooser(wanted);
      // A plural form like the general one needs no line of its own.
      const said = (key) => !(wanted.startsWith("=") && FORM.test(key) && all[key] === all[key.replace(FORM, ".other")]);
      const kept = Object.keys(all)
        .filter((key) => fits(key) && said(key))
        .sort();
      const texts = `export default ${JSON.stringify(Object.fromEntries(kept.map((key) => [key, all[key]])))};`;
      return wanted === "=voter" ? `${texts}export const formats = ${JSON.stringify(FORMATS[language])};` : texts;
    },
  };
}
