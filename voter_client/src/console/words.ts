/** The texts of the console, each language a file of its own. */

import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { later } from "../later.js";
import { type Language, Words } from "../public/words.js";

const PREFIX = "console.";
const LOADERS = {
  ky: () => import("virtual:words/ky/console."),
  ru: () => import("virtual:words/ru/console."),
  en: () => import("virtual:words/en/console."),
} as const;

export async function loadWords(language: Language): Promise<Words> {
  const texts = (await later(`words-${language}`, LOADERS[language])).default;
  return new Words(language, texts, PREFIX);
}

export const WordsContext = createContext(new Words("ky", {}, PREFIX));
export const useWords = (): Words => useContext(WordsContext);
