// Hashes of files, and the tags that bind a page to them.

import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";

/** What the list of files holds, for who serves them. */
export function integrityOf(data) {
  return `sha384-${createHash("sha384").update(data).digest("base64")}`;
}

/** What `integrity=` holds: the shorter hash, because a first page names twenty files and hashes do not compress. */
export function tagIntegrityOf(data) {
  return `sha256-${createHash("sha256").update(data).digest("base64")}`;
}

/** What stands in a *client* entry (docs/spec/board.md). */
export function sha256Of(data) {
  return createHash("sha256").update(data).digest("hex");
}

/** What Content-Security-Policy holds for a script or style that stands in the page. */
export function policyHashOf(text) {
  return `'sha256-${createHash("sha256").update(text, "utf-8").digest("base64")}'`;
}

export function gzipSizeOf(data) {
  return gzipSync(data, { level: 9 }).length;
}

/** The first eight hexadecimal digits of the hash: enough to tell two builds' files apart in a cache. */
export function shortHashOf(data) {
  return sha256Of(data).slice(0, 8);
}

const SCRIPT = /<script type="module" src="([^"]+)"><\/script>\n?/g;

/** The scripts that a template names, in its order. */
export function scriptsOf(template) {
  return [...template.matchAll(SCRIPT)].map((match) => match[1]);
}

/** Put tags where the template's first script stands and take the others out. */
export function replaceScripts(template, tags) {
  let first = true;
  return template.replace(SCRIPT, () => {
    const text = first ? tags : "";
    first = false;
    return text;
  });
}

/**
 * The tags of a page in the order in which its files must arrive: a module that another imports has been asked for, with its
 * hash, before the other one can ask for it without.
 */
export function tagsOf(entries, chunks, styles) {
  const lines = styles.map((file) => `<link rel="stylesheet" href="${file.name}" integrity="${file.integrity}">`);
  const done = new Set();
  const visit = (chunk) => {
    if (done.has(chunk.fileName)) return;
    done.add(chunk.fileName);
    for (const name of chunk.imports) visit(chunks.get(name));
    const file = `"${chunk.fileName}" integrity="${chunk.integrity}"`;
    lines.push(
      chunk.isEntry ? `<script type="module" src=${file}></script>` : `<link rel="modulepreload" href=${file}>`,
    );
  };
  for (const entry of entries) visit(entry);
  return { lines, done };
}

/**
 * The files that are fetched when they are needed, each with its hash and the names of the modules that need it: those modules
 * and what they import that is not there yet.
 */
export function laterOf(done, chunks) {
  const wanted = new Map();
  const want = (chunk, name) => {
    if (done.has(chunk.fileName)) return;
    const names = wanted.get(chunk.fileName) ?? new Set();
    if (names.has(name)) return;
    wanted.set(chunk.fileName, names.add(name));
    for (const imported of chunk.imports) want(chunks.get(imported), name);
  };
  const all = [...chunks.values()];
  const targets = new Set(all.flatMap((chunk) => chunk.dynamicImports));
  for (const chunk of all) if (targets.has(chunk.fileName)) want(chunk, chunk.name);
  return [...wanted]
    .sort(([first], [second]) => (first < second ? -1 : 1))
    .map(([fileName, names]) => [fileName, chunks.get(fileName).integrity, [...names].sort()]);
}

/** Text that is safe inside a script element. */
export function inlineScript(code) {
  return code.replace(/<(?=\/script|!--|script)/gi, "\\x3c");
}
