/** The texts of the check page: all three languages in the one file. */

import en from "virtual:words/en/check-page.";
import ky from "virtual:words/ky/check-page.";
import ru from "virtual:words/ru/check-page.";
import { type Language, Words } from "../public/words.js";

const TEXTS = { ky, ru, en } as const;

export const makeWords = (language: Language): Words => new Words(language, TEXTS[language], "check-page.");
