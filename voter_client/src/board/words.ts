/** The texts of the public pages. */

import en from "virtual:words/en/board-page.";
import ky from "virtual:words/ky/board-page.";
import ru from "virtual:words/ru/board-page.";
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { type Language, type Texts, Words } from "../public/words.js";

export const TEXTS: Texts = { ky, ru, en };
export const makeWords = (language: Language): Words => new Words(language, TEXTS, "board-page.");
export const WordsContext = createContext(makeWords("ky"));
export const useWords = (): Words => useContext(WordsContext);
