// Modules that the build writes.

/** The worker's text, in the order in which its pieces are joined; `name` is relative to the page. */
declare module "virtual:core-worker" {
  export const PIECES: readonly { readonly name: string; readonly integrity: string }[];
}

/**
 * `virtual:words/<language>/<prefix>[,<prefix>...]`: the texts of one language whose keys begin with one of the prefixes, taken
 * from locales/<language>.json; `virtual:words/<language>/=<group>`: a group of the voter's (bundle/words.mjs), `=voter` with
 * `formats`, how the language writes dates and numbers.
 */
declare module "virtual:words/*" {
  const words: Readonly<Record<string, string>>;
  export default words;
}

declare module "*.css";
