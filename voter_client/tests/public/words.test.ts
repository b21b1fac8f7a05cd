import { describe, expect, test } from "vitest";
import { firstLanguage, Words } from "../../src/public/words.js";

const texts = { "p.n.one": "{n} запись", "p.n.few": "{n} записи", "p.n.many": "{n} записей", "p.x": "a {a} b {b}", "p.bishkek": "(Bishkek)" };
const words = new Words("ru", texts, "p.");

describe("words", () => {
  test.each([
    ["?lang=ru", ["en-GB"], "ru"],
    ["?language=ky", ["en-GB"], "ky"],
    ["?lang=de", ["fr", "ru-RU"], "ru"],
    ["", ["en"], "en"],
    ["", ["de"], "ky"],
  ])("the first language of %s %j is %s", (search, preferred, language) => expect(firstLanguage(search, preferred)).toBe(language));

  test("fill fields once, choose the plural form, show a missing key", () => {
    expect([1, 2, 5, 21].map((n) => words.t("n", { n }))).toEqual(["1 запись", "2 записи", "5 записей", "21 запись"]);
    expect(words.t("x", { a: "{b}", b: "c" })).toBe("a {b} b c");
    expect(words.t("missing")).toBe("p.missing");
  });

  test("a share names no number without a base", () => {
    expect(words.share(0, 0)).toBe("–");
    expect(words.share(1, 3)).toBe("33,3 %");
    expect(new Words("en", {}, "").share(3, 3)).toBe("100.0 %");
  });

  test("times are Bishkek's, whatever the device thinks", () => {
    expect(words.stamp(Date.UTC(2026, 0, 1, 18, 30))).toBe("2026-01-02 00:30");
    expect(words.time(Date.UTC(2026, 0, 1, 18, 30))).toContain("(Bishkek)");
    expect(new Words("ky", texts, "p.").time(Date.UTC(2026, 0, 1))).toContain("январь");
  });

  test("a name that lacks a language is shown in one that it has", () => {
    expect(words.pick({ ky: "а", ru: " ", en: "c" })).toEqual({ text: "а", lang: "ky" });
  });
});
