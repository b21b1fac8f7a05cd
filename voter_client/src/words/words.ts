// The texts of one language: fields, plural forms, dates and numbers. No HTML stands in any text.
//
// Spec: docs/terminology.md; locales/*.json is the one dictionary. Browsers have no Kyrgyz formats, so that names of months and
// days come from formats.json, which Babel makes from CLDR.

import type all from "../../../locales/en.json";
import type formats from "./formats.json";
import { type Language, LANGUAGES } from "./names";

export { isLanguage, type Language, LANGUAGES, NAMES } from "./names";

type Strip<K> = K extends `client.${infer Rest}` ? Rest : never;
export type Key = Strip<keyof typeof all>;
type Forms<K> = K extends `${infer Stem}.other` ? Stem : never;
/** Keys that have plural forms. */
export type Counted = Forms<Key>;
export type Fields = Readonly<Record<string, string | number>>;
/** How a language writes dates and numbers. */
export type Formats = (typeof formats)[Language];

export interface Words {
  readonly language: Language;
  (key: Key, fields?: Fields): string;
  /** The form that fits a number; `{count}` is the number as the language writes it. */
  count(key: Counted, count: number, fields?: Fields): string;
  number(value: number): string;
  /** Day, date and time of an instant as a city's clock shows it. */
  moment(ms: number, zone: string): string;
}

/** The language whose name in a list of names is not empty: the wanted one first. */
export function pick(names: Readonly<Record<Language, string>>, wanted: Language): [text: string, language: Language] {
  const found = [wanted, ...LANGUAGES].find((language) => names[language]);
  return found === undefined ? ["", wanted] : [names[found], found];
}

/** Put fields into a text; a missing one is an error, never an empty place on a screen. */
export function fill(text: string, fields: Fields): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = fields[name];
    if (value === undefined) throw new Error(`no field ${name}`);
    return String(value);
  });
}

/** Write a whole number with the language's separator. */
export function writeNumber(value: number, names: Formats): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, names.group);
}

/** Clock and calendar of a zone at an instant; the zone's rules are the browser's, the words are not. */
export function clock(ms: number, zone: string): readonly [year: number, month: number, day: number, hour: number, minute: number] {
  const parts = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone,
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    hourCycle: "h23",
  }).formatToParts(ms);
  const part = (type: string): number => Number(parts.find((each) => each.type === type)?.value);
  return [part("year"), part("month"), part("day"), part("hour"), part("minute")];
}

/** Write an instant as CLDR has it for the language: weekday, date, time. */
export function writeMoment(ms: number, zone: string, names: Formats): string {
  const [year, month, day, hour, minute] = clock(ms, zone);
  const weekday = (new Date(Date.UTC(year, month - 1, day)).getUTCDay() + 6) % 7;
  const two = (value: number): string => String(value).padStart(2, "0");
  const values: Record<string, string> = {
    EEEE: names.weekdays[weekday] ?? "",
    MMMM: names.months[month - 1] ?? "",
    d: String(day),
    y: String(year),
    HH: two(hour),
    h: String(hour % 12 || 12),
    mm: two(minute),
    a: names.periods[hour < 12 ? 0 : 1] ?? "",
  };
  const write = (pattern: string): string =>
    pattern.replace(/'([^']*)'|EEEE|MMMM|HH|mm|[dyha]/g, (token: string, quoted?: string) => quoted ?? values[token] ?? token);
  return `${write(names.date)}, ${write(names.time)}`;
}

/** Make the texts of a language callable. `texts` are the dictionary's, keys with the prefix `client.`. */
export function makeWords(language: Language, texts: Readonly<Record<string, string>>, names: Formats): Words {
  const rules = new Intl.PluralRules(language);
  const text = (key: string, fields: Fields): string => {
    // A plural form that is like the general one is not written twice.
    const found = texts[`client.${key}`] ?? texts[`client.${key.replace(/\.\w+$/, "")}.other`];
    if (found === undefined) throw new Error(`no text ${key}`);
    return fill(found, fields);
  };
  const say = (key: Key, fields: Fields = {}): string => text(key, fields);
  return Object.assign(say, {
    language,
    count: (key: Counted, count: number, fields: Fields = {}): string =>
      text(`${key}.${rules.select(count)}`, { ...fields, count: writeNumber(count, names) }),
    number: (value: number): string => writeNumber(value, names),
    moment: (ms: number, zone: string): string => writeMoment(ms, zone, names),
  });
}
