import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import formats from "../../src/words/formats.json";
import { fill, isLanguage, LANGUAGES, makeWords, pick } from "../../src/words/words";

const dictionary = (language: string): Record<string, string> =>
  JSON.parse(readFileSync(new URL(`../../../locales/${language}.json`, import.meta.url), "utf-8"));

test("names of languages", () => {
  expect(LANGUAGES.every(isLanguage)).toBe(true);
  for (const other of ["", "KY", "kz", null, 1, "__proto__"]) expect(isLanguage(other)).toBe(false);
});

test("a name that one language lacks is shown in another, and says which", () => {
  expect(pick({ ky: "а", ru: "б", en: "c" }, "ru")).toEqual(["б", "ru"]);
  expect(pick({ ky: "а", ru: "", en: "c" }, "ru")).toEqual(["а", "ky"]);
  expect(pick({ ky: "", ru: "", en: "" }, "ru")).toEqual(["", "ru"]);
});

test("a field that is missing is an error; what a field holds is not read again", () => {
  expect(() => fill("{step} of {total}", { step: 1 })).toThrow("total");
  expect(fill("{name}!", { name: "{step} $& <b>" })).toBe("{step} $& <b>!");
});

describe.each(LANGUAGES)("%s", (language) => {
  const words = makeWords(language, dictionary(language), formats[language]);

  test("every number has its form", () => {
    for (const count of [0, 1, 2, 5, 11, 21, 22, 25, 101, 1_000]) {
      expect(words.count("start.days", count)).toContain(words.number(count));
    }
  });

  test("an instant is written in a city's own time, with the language's own names", () => {
    // 14:30 in Bishkek is 11:30 in Moscow, and 3:30 in New York, where it is winter.
    const ms = Date.UTC(2026, 10, 25, 8, 30);
    const [bishkek, moscow, new_york] = ["Asia/Bishkek", "Europe/Moscow", "America/New_York"].map((zone) => words.moment(ms, zone));
    expect(bishkek).toContain(language === "en" ? "2:30" : "14:30");
    expect(moscow).toContain("11:30");
    expect(new_york).toMatch(/\b0?3:30/);
    expect(bishkek).toContain(formats[language].months[10]);
    expect(bishkek).toContain(formats[language].weekdays[2]);
  });

  test("a key that nobody wrote is an error, never an empty place", () => {
    expect(() => words("start.nothing" as "start.vote")).toThrow("start.nothing");
  });
});

test("numbers are grouped as the language groups them", () => {
  const written = LANGUAGES.map((language) => makeWords(language, {}, formats[language]).number(1_234_567));
  expect(written).toEqual(["1\u00a0234\u00a0567", "1\u00a0234\u00a0567", "1,234,567"]);
});
