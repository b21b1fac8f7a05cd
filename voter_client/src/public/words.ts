/** Texts, numbers and times of a page in three languages: the dictionary's texts, CLDR's forms, Bishkek's time. */

import formats from "../words/formats.json";

export const LANGUAGES = ["ky", "ru", "en"] as const;
export type Language = (typeof LANGUAGES)[number];
export const LANGUAGE_NAMES: Readonly<Record<Language, string>> = { ky: "Кыргызча", ru: "Русский", en: "English" };

export type Texts = Readonly<Record<string, string>>;
export type Fields = Readonly<Record<string, string | number>>;

/** The language that a page begins with: the address's, else the browser's, else Kyrgyz. */
export function firstLanguage(search: string, preferred: readonly string[]): Language {
  const fields = new URLSearchParams(search);
  const asked = fields.get("lang") ?? fields.get("language");
  const wanted = [asked ?? "", ...preferred].map((each) => each.slice(0, 2).toLowerCase());
  return LANGUAGES.find((each) => each === wanted[0]) ?? wanted.map(known).find((each) => each !== undefined) ?? "ky";
}

function known(language: string): Language | undefined {
  return LANGUAGES.find((each) => each === language);
}

/** What one language says. */
export class Words {
  private readonly plural: Intl.PluralRules;

  constructor(
    readonly language: Language,
    private readonly texts: Texts,
    private readonly prefix: string,
  ) {
    this.plural = new Intl.PluralRules(language);
  }

  /** The text under a key with its fields filled in; `n` also chooses the plural form. A missing text shows its key. */
  t = (key: string, fields: Fields = {}): string => {
    const { texts } = this;
    const full = this.prefix + key;
    const form = typeof fields.n === "number" ? texts[`${full}.${this.plural.select(fields.n)}`] : undefined;
    const text = form ?? texts[full] ?? texts[`${full}.other`] ?? full;
    return text.replace(/\{(\w+)\}/g, (mark, name: string) => {
      const value = fields[name];
      return value === undefined ? mark : typeof value === "number" ? this.number(value) : value;
    });
  };

  has(key: string): boolean {
    return this.prefix + key in this.texts;
  }

  /** A number with the language's separators and a fixed number of decimals. */
  number(value: number, decimals = 0): string {
    const { group, decimal } = formats[this.language];
    const [whole, rest] = value.toFixed(decimals).split(".") as [string, string?];
    const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, group);
    return rest === undefined ? grouped : grouped + decimal + rest;
  }

  /** A share in per cent with one decimal; the base is shown beside it, never left out. */
  share(part: number, base: number): string {
    return base === 0 ? "–" : `${this.number((100 * part) / base, 1)} %`;
  }

  /** A time in Bishkek (UTC+6 all the year), by the language's own form. */
  time(ms: number, seconds = false): string {
    const at = new Date(ms + 6 * 3_600_000);
    const form = formats[this.language];
    const pad = (value: number): string => String(value).padStart(2, "0");
    const values: Record<string, string> = {
      y: String(at.getUTCFullYear()),
      MMMM: form.months[at.getUTCMonth()]!,
      d: String(at.getUTCDate()),
      EEEE: form.weekdays[(at.getUTCDay() + 6) % 7]!,
      HH: pad(at.getUTCHours()),
      h: String(at.getUTCHours() % 12 || 12),
      mm: pad(at.getUTCMinutes()) + (seconds ? `:${pad(at.getUTCSeconds())}` : ""),
      a: form.periods[at.getUTCHours() < 12 ? 0 : 1]!,
    };
    const write = (pattern: string): string =>
      pattern.replace(/'([^']*)'|EEEE|MMMM|HH|mm|[ydha]/g, (token, quoted?: string) => quoted ?? values[token] ?? token);
    return `${write(form.date)}, ${write(form.time)} ${this.texts[`${this.prefix}bishkek`] ?? "UTC+6"}`;
  }

  /** A time in Bishkek for a table whose head names the zone: year-month-day hours:minutes. */
  stamp(ms: number, seconds = false): string {
    return new Date(ms + 6 * 3_600_000).toISOString().slice(0, seconds ? 19 : 16).replace("T", " ");
  }

  /** A name that the election gives in three languages: this language's, else the first that is not empty. */
  pick(name: Readonly<Record<Language, string>>): { text: string; lang: Language } {
    const lang = [this.language, ...LANGUAGES].find((each) => name[each].trim() !== "") ?? this.language;
    return { text: name[lang], lang };
  }
}
