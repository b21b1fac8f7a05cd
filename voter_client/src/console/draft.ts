/** An election while it is being written: its fields, presets, files of districts and contests, times in Bishkek. No network. */

export type Names = { ky: string; ru: string; en: string };
export interface PersonDraft {
  name: string;
  body: string;
  key: string;
}
export interface UnitDraft {
  id: number;
  parent: number | null;
  name: Names;
  district: boolean;
}
export interface ContestDraft {
  title: Names;
  options: Names[];
  minimum: number;
  maximum: number;
  seats: number;
  region: number | null;
}
export interface ElectionDraft {
  kind: "practice" | "demo" | "real";
  short_name: string;
  title: Names;
  /** Local date and time in Bishkek, as an input of the type datetime-local has it. */
  opens: string;
  closes: string;
  threshold: number;
  minimum_cell: number;
  faults: number;
  quorum: number;
  interval_s: number;
  grace_min: number;
  dispute_h: number;
  change_h: number;
  release_days: number;
  software_keys: boolean;
  trustees: PersonDraft[];
  registrars: PersonDraft[];
  officers: PersonDraft[];
  witnesses: PersonDraft[];
  units: UnitDraft[];
  contests: ContestDraft[];
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const BISHKEK_MS = 6 * HOUR_MS;

export const noNames = (): Names => ({ ky: "", ru: "", en: "" });
export const nobody = (): PersonDraft => ({ name: "", body: "", key: "" });
export const allOver = (): UnitDraft => ({ id: 1, parent: null, name: { ky: "Баары", ru: "Все", en: "All" }, district: true });
export const noContest = (): ContestDraft => ({ title: noNames(), options: [noNames(), noNames()], minimum: 1, maximum: 1, seats: 1, region: null });

/** The usual election: five trustees, blocks every minute. */
export function usual(now: number): ElectionDraft {
  return {
    kind: "practice",
    short_name: "",
    title: noNames(),
    opens: toLocal(now + 14 * DAY_MS),
    closes: toLocal(now + 14 * DAY_MS + 12 * HOUR_MS),
    threshold: 3,
    minimum_cell: 10,
    faults: 1,
    quorum: 4,
    interval_s: 60,
    grace_min: 5,
    dispute_h: 24,
    change_h: 24,
    release_days: 7,
    software_keys: false,
    trustees: [1, 2, 3, 4, 5].map(nobody),
    registrars: [nobody(), nobody()],
    officers: [nobody(), nobody()],
    witnesses: [1, 2, 3, 4, 5].map(nobody),
    units: [allOver()],
    contests: [noContest()],
  };
}

/** A small election: a student body, a party congress, an association; up to 5,000 voters, three trustees. */
export function small(now: number): ElectionDraft {
  // A full quarter of an hour: the hour can be moved, and who opens later than it only loses time of voting.
  const soon = Math.ceil((now + 15 * MINUTE_MS) / (5 * MINUTE_MS)) * 5 * MINUTE_MS;
  return {
    ...usual(now),
    opens: toLocal(soon),
    closes: toLocal(soon + DAY_MS),
    threshold: 2,
    faults: 0,
    quorum: 2,
    interval_s: 10,
    grace_min: 1,
    dispute_h: 1,
    change_h: 1,
    release_days: 3,
    trustees: [1, 2, 3].map(nobody),
    witnesses: [1, 2, 3].map(nobody),
  };
}

/** A saved draft; null where the file is none. What is wrong in its fields the service's checks say. */
export function readDraft(text: string): ElectionDraft | null {
  try {
    const found = JSON.parse(text) as ElectionDraft;
    const pattern = small(0);
    const alike = Object.entries(pattern).every(([name, value]) => {
      const given: unknown = found[name as keyof ElectionDraft];
      return typeof given === typeof value && Array.isArray(given) === Array.isArray(value);
    });
    return alike ? found : null;
  } catch {
    // Not JSON, or null.
    return null;
  }
}

/** A time in ms as Bishkek's clocks show it, for an input. */
export function toLocal(ms: number): string {
  return new Date(ms + BISHKEK_MS).toISOString().slice(0, 16);
}

/** What Bishkek's clocks show, in ms; NaN where it is no time. */
export function fromLocal(text: string): number {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(text) ? Date.parse(`${text}:00Z`) - BISHKEK_MS : Number.NaN;
}

/** The description as the service takes it; the ceremony's rounds share the time until the opening. */
export function describe(draft: ElectionDraft, now: number): unknown {
  const opens = fromLocal(draft.opens);
  const closes = fromLocal(draft.closes);
  const step = Math.max(0, Math.floor((opens - now) / 5));
  const whole = (value: number): number => (Number.isFinite(value) && value >= 0 ? Math.floor(value) : 0);
  const { interval_s, grace_min, dispute_h, change_h, release_days, opens: _opens, closes: _closes, ...rest } = draft;
  const interval_ms = whole(interval_s * 1_000);
  return {
    ...rest,
    opens_at_ms: whole(opens),
    closes_at_ms: whole(closes),
    round_deadlines_ms: [1, 2, 3, 4].map((place) => whole(now + place * step)),
    interval_ms,
    grace_ms: whole(grace_min * MINUTE_MS),
    settle_ms: Math.max(5 * MINUTE_MS, 3 * interval_ms),
    receipt_delay_ms: Math.max(10 * MINUTE_MS, interval_ms),
    dispute_ms: whole(dispute_h * HOUR_MS),
    change_delay_ms: whole(change_h * HOUR_MS),
    release_by_ms: whole(closes + release_days * DAY_MS),
  };
}

/** A file that cannot be read as what it should be; `line` counts from 1. */
export class FileFault extends Error {
  constructor(
    readonly key: "columns" | "line" | "json" | "empty" | "many" | "address" | "signed",
    readonly line = 0,
  ) {
    super(key);
  }
}

/** Rows of a CSV file (RFC 4180; comma or semicolon), each by the names of its first line. */
export function readCsv(text: string): Record<string, string>[] {
  const clean = text.replace(/^\uFEFF/, "");
  const separator = (clean.split("\n", 1)[0] ?? "").includes(";") ? ";" : ",";
  const rows: string[][] = [[]];
  let cell = "";
  let quoted = false;
  for (let at = 0; at < clean.length; at += 1) {
    const sign = clean[at]!;
    if (quoted) {
      if (sign === '"' && clean[at + 1] === '"') {
        cell += '"';
        at += 1;
      } else if (sign === '"') quoted = false;
      else cell += sign;
    } else if (sign === '"' && cell === "") quoted = true;
    else if (sign === separator) {
      rows.at(-1)!.push(cell);
      cell = "";
    } else if (sign === "\n") {
      rows.at(-1)!.push(cell.replace(/\r$/, ""));
      cell = "";
      rows.push([]);
    } else cell += sign;
  }
  rows.at(-1)!.push(cell);
  const filled = rows.filter((row) => row.some((each) => each.trim() !== ""));
  const [first, ...others] = filled;
  if (first === undefined || others.length === 0) throw new FileFault("empty");
  const names = first.map((name) => name.trim().toLowerCase());
  return others.map((row, place) => {
    if (row.length !== names.length) throw new FileFault("line", place + 2);
    return Object.fromEntries(names.map((name, at) => [name, row[at]!.trim()]));
  });
}

function columns(rows: readonly Record<string, string>[], wanted: readonly string[]): void {
  if (wanted.some((name) => !(name in rows[0]!))) throw new FileFault("columns", 1);
}

/** Districts of a CSV file (id, parent, ky, ru, en, district) or of a JSON list of the same. */
export function readUnits(text: string): UnitDraft[] {
  const rows = text.trimStart().startsWith("[") ? readJson(text) : readCsv(text);
  columns(rows, ["id", "parent", "ky", "ru", "en", "district"]);
  return rows.map((row, place) => {
    const id = Number(row["id"]);
    const parent = row["parent"] === "" ? null : Number(row["parent"]);
    const district = ["1", "true", "yes"].includes((row["district"] ?? "").toLowerCase());
    if (!Number.isInteger(id) || id < 0 || (parent !== null && !Number.isInteger(parent))) throw new FileFault("line", place + 2);
    return { id, parent, name: { ky: row["ky"]!, ru: row["ru"]!, en: row["en"]! }, district };
  });
}

/** Contests of a CSV file: one line an option (contest, region, minimum, maximum, seats, title-… and name in three languages). */
export function readContests(text: string): ContestDraft[] {
  const rows = text.trimStart().startsWith("[") ? readJson(text) : readCsv(text);
  columns(rows, ["contest", "title-ky", "title-ru", "title-en", "ky", "ru", "en"]);
  const found = new Map<string, ContestDraft>();
  const number = (row: Record<string, string>, name: string, otherwise: number, line: number): number => {
    const given = row[name] ?? "";
    if (given !== "" && !/^\d{1,9}$/.test(given)) throw new FileFault("line", line);
    return given === "" ? otherwise : Number(given);
  };
  rows.forEach((row, place) => {
    const key = row["contest"]!;
    const contest: ContestDraft = found.get(key) ?? {
      title: { ky: row["title-ky"]!, ru: row["title-ru"]!, en: row["title-en"]! },
      options: [],
      minimum: number(row, "minimum", 1, place + 2),
      maximum: number(row, "maximum", 1, place + 2),
      seats: number(row, "seats", 1, place + 2),
      region: (row["region"] ?? "") === "" ? null : number(row, "region", 0, place + 2),
    };
    contest.options.push({ ky: row["ky"]!, ru: row["ru"]!, en: row["en"]! });
    found.set(key, contest);
  });
  return [...found.values()];
}

function readJson(text: string): Record<string, string>[] {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    throw new FileFault("json");
  }
  if (!Array.isArray(found) || found.length === 0) throw new FileFault("empty");
  return found.map((row: unknown, place) => {
    if (typeof row !== "object" || row === null) throw new FileFault("line", place + 1);
    return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value === null ? "" : String(value)]));
  });
}

/** Draw lots for an order: an unbiased shuffle with the browser's own randomness. */
export function drawLots<T>(items: readonly T[], random: (below: number) => number = drawBelow): T[] {
  const drawn = [...items];
  for (let at = drawn.length - 1; at > 0; at -= 1) {
    const other = random(at + 1);
    [drawn[at], drawn[other]] = [drawn[other]!, drawn[at]!];
  }
  return drawn;
}

function drawBelow(limit: number): number {
  const most = Math.floor(2 ** 32 / limit) * limit;
  const word = new Uint32Array(1);
  do crypto.getRandomValues(word);
  while (word[0]! >= most);
  return word[0]! % limit;
}

/** The most members of a small election. */
export const MOST_MEMBERS = 5_000;
const EVERYBODY = "members";

/**
 * A list of members (name; number and address where there are) as a roll and its places.
 *
 * The roll knows persons by 14 digits: a member's own number, or her place in the list, with zeros before it. Without
 * addresses everybody is in the one unit. With them an address that begins with a unit's name lies there; whoever has
 * none, or another one, is reported when the roll is imported, and lost by nobody.
 */
export function readMembers(text: string, units: readonly UnitDraft[]): { roll: string; places: string; count: number } {
  const rows = readCsv(text);
  columns(rows, ["name"]);
  const leaves = units.filter(({ id }) => !units.some(({ parent }) => parent === id));
  const placed = "address" in rows[0]!;
  if (!placed && leaves.length !== 1) throw new FileFault("address");
  if (rows.length > MOST_MEMBERS) throw new FileFault("many", rows.length);
  const seen = new Set<string>();
  const lines = rows.map((row, place) => {
    const number = (row["number"] ?? "") === "" ? String(place + 1) : row["number"]!;
    const [given = "", ...surname] = row["name"]!.split(/\s+/).reverse();
    const padded = number.padStart(14, "0");
    if (!/^\d{14}$/.test(padded) || row["name"] === "" || seen.has(padded)) throw new FileFault("line", place + 2);
    seen.add(padded);
    const born = (row["born"] ?? "") === "" ? "1900-01-01" : row["born"]!;
    return [padded, surname.reverse().join(" ") || given, given, "", born, placed ? row["address"]! : EVERYBODY].map(quote).join(",");
  });
  const roll = `number,surname,given,patronymic,born,address\n${lines.join("\n")}\n`;
  const places = placed ? placesOf(leaves) : `${EVERYBODY},${leaves[0]!.id}`;
  return { roll, places: `address,unit\n${places}\n`, count: rows.length };
}

/** A line for each name of a leaf unit, in each language; a name of two units leads to neither. */
function placesOf(leaves: readonly UnitDraft[]): string {
  const found = new Map<string, { name: string; ids: Set<number> }>();
  for (const { id, name } of leaves) {
    for (const each of [name.ky, name.ru, name.en]) {
      const key = each.normalize("NFC").toLowerCase().trim();
      if (key === "") continue;
      const known = found.get(key) ?? { name: each.trim(), ids: new Set<number>() };
      known.ids.add(id);
      found.set(key, known);
    }
  }
  const sure = [...found.values()].filter(({ ids }) => ids.size === 1);
  return sure.map(({ name, ids }) => [name, String([...ids][0])].map(quote).join(",")).join("\n");
}

function quote(text: string): string {
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
