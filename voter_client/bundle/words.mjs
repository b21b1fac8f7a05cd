// Cuts the texts that a page needs out of the one dictionary, locales/<language>.json.

import { readFileSync } from "node:fs";
import { join } from "node:path";

const PREFIX = "virtual:words/";
const LANGUAGES = new Set(["ky", "ru", "en"]);

/** A Vite plugin for `virtual:words/<language>/<prefix>[,<prefix>...]`. */
export function words(locales) {
  return {
    name: "words",
    resolveId: (id) => (id.startsWith(PREFIX) ? `\0${id}` : null),
    load(id) {
      if (!id.startsWith(`\0${PREFIX}`)) return null;
      const [language, prefixes] = id.slice(PREFIX.length + 1).split("/");
      if (!LANGUAGES.has(language) || !prefixes) this.error(`not a language and prefixes: ${id}`);
      const all = JSON.parse(readFileSync(join(locales, `${language}.json`), "utf-8"));
      const wanted = prefixes.split(",");
      const kept = Object.keys(all)
        .filter((key) => wanted.some((prefix) => key.startsWith(prefix)))
        .sort();
      return `export default ${JSON.stringify(Object.fromEntries(kept.map((key) => [key, all[key]])))}`;
    },
  };
}
