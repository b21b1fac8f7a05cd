// Screens come in groups, each with its acts and its texts: what is not needed before the ballot is not fetched before it.
//
// The texts of a group are those whose keys bundle/words.mjs gives it.

import { later } from "../later";
import type { Language } from "../words/names";
import type { Formats } from "../words/words";
import type { Screen } from "./flow";
import type { Props } from "./parts";

export type Screens = Readonly<Partial<Record<Screen, (props: Props) => preact.JSX.Element | null>>>;

const LOAD = {
  identity: () => later("identity", () => import("./identity")),
  names: () => later("names", () => import("./names")),
  voting: () => later("voting", () => import("./voting")),
};

export type Group = keyof typeof LOAD;
/** What a group brings: its screens and its acts. */
export type Loaded<G extends Group> = Awaited<ReturnType<(typeof LOAD)[G]>>;

const OF: Readonly<Partial<Record<Screen, Group>>> = {
  candidates: "names",
  place: "names",
  record: "names",
  identify: "identity",
  key: "identity",
  enrolled: "identity",
  review: "voting",
  sealing: "voting",
  commitment: "voting",
  decide: "voting",
  challenge: "voting",
  cast: "voting",
  sending: "voting",
  received: "voting",
};

/** The group that a screen comes with; null: it is there from the start. */
export function groupOf(screen: Screen): Group | null {
  return OF[screen] ?? null;
}

export function loadGroup<G extends Group>(group: G): Promise<Loaded<G>> {
  return LOAD[group]() as Promise<Loaded<G>>;
}

export type Texts = Readonly<Record<string, string>>;
/** Texts of the pages up to the ballot, of the identification, of everything else. */
export type TextGroup = "voter" | "identity" | "rest";

/** A group of texts; with the first one comes how the language writes dates and numbers. */
export interface TextFile {
  readonly default: Texts;
  readonly formats?: Formats;
}

const TEXTS: Readonly<Record<Language, Readonly<Record<TextGroup, () => Promise<TextFile>>>>> = {
  ky: {
    voter: () => import("virtual:words/ky/=voter"),
    identity: () => import("virtual:words/ky/=identity"),
    rest: () => import("virtual:words/ky/=rest"),
  },
  ru: {
    voter: () => import("virtual:words/ru/=voter"),
    identity: () => import("virtual:words/ru/=identity"),
    rest: () => import("virtual:words/ru/=rest"),
  },
  en: {
    voter: () => import("virtual:words/en/=voter"),
    identity: () => import("virtual:words/en/=identity"),
    rest: () => import("virtual:words/en/=rest"),
  },
};

export function loadTexts(language: Language, group: TextGroup): Promise<TextFile> {
  return later(`words-${language}-${group}`, TEXTS[language][group]);
}
