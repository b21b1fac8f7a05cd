// The languages, each by its own name; what the first page needs of the words.

export type Language = "ky" | "ru" | "en";
export const LANGUAGES: readonly Language[] = ["ky", "ru", "en"];
export const NAMES: Readonly<Record<Language, string>> = { ky: "Кыргызча", ru: "Русский", en: "English" };

/** Is this one of our languages? */
export function isLanguage(text: unknown): text is Language {
  return LANGUAGES.includes(text as Language);
}
