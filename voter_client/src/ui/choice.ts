// What may be marked in a contest, and how its lines are shown; pure.
//
// Spec: docs/spec/rules.md. Chosen lines are indices in ballot order. An over-vote cannot be made here.

/** How many lines of a contest are to be chosen. */
export interface Rule {
  readonly options: number;
  readonly least: number;
  readonly most: number;
}

/** Read a contest's rule bytes: one of n, or kmin..kmax of n. */
export function readRule(bytes: Uint8Array): Rule {
  const at = (place: number): number => ((bytes[place] ?? 0) << 8) | (bytes[place + 1] ?? 0);
  if (bytes[0] === 1) return { options: at(1), least: 1, most: 1 };
  if (bytes[0] === 2 && bytes.length === 7) return { options: at(1), least: at(3), most: at(5) };
  throw new Error("no rule of a contest");
}

/** Mark or unmark a line. With one line to choose, another replaces it; with more, a line too many changes nothing. */
export function mark(rule: Rule, chosen: readonly number[], option: number): readonly number[] {
  if (option < 0 || option >= rule.options) return chosen;
  if (chosen.includes(option)) return chosen.filter((each) => each !== option);
  if (rule.most === 1) return [option];
  if (chosen.length >= rule.most) return chosen;
  return [...chosen, option].sort((first, second) => first - second);
}

/** Where a contest stands: too little, allowed with a question, or as much as may be. */
export function standing(rule: Rule, chosen: readonly number[]): "none" | "few" | "fewer" | "full" {
  if (chosen.length < rule.least) return chosen.length === 0 ? "none" : "few";
  return chosen.length < rule.most ? "fewer" : "full";
}

/** A party of an open list and its lines: the one for the party alone, and its candidates. */
export interface Party {
  readonly name: string;
  readonly alone: number | null;
  readonly candidates: readonly { readonly option: number; readonly name: string }[];
}

export const PARTY_MARK = " / ";

/**
 * The parties of an open list, in ballot order, null where a contest is none: neighbours whose names begin with the same
 * "Party / " belong together, at least two of them. Lines of no party are parties without candidates.
 */
export function parties(names: readonly string[]): readonly Party[] | null {
  const found: { name: string; alone: number | null; candidates: { option: number; name: string }[] }[] = [];
  let grouped = false;
  for (const [option, name] of names.entries()) {
    const cut = name.indexOf(PARTY_MARK);
    const party = cut < 0 ? name : name.slice(0, cut);
    const last = found[found.length - 1];
    if (cut < 0) {
      found.push({ name, alone: option, candidates: [] });
      continue;
    }
    const candidate = { option, name: name.slice(cut + PARTY_MARK.length) };
    if (last !== undefined && last.name === party) {
      last.candidates.push(candidate);
      grouped = true;
    } else {
      found.push({ name: party, alone: null, candidates: [candidate] });
    }
  }
  return grouped ? found : null;
}

/** Which lines a search shows, always in ballot order; nothing typed shows all. */
export function search(names: readonly string[], typed: string): readonly number[] {
  const fold = (text: string): string => text.toLocaleLowerCase("ru").normalize("NFC").replaceAll("ё", "е").trim();
  const wanted = fold(typed);
  return [...names.keys()].filter((option) => wanted === "" || fold(names[option] ?? "").includes(wanted));
}
