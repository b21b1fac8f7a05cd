// Builds every page of the client into voting_server/client/ (or into the folder named), each file bound by its hash.
//
// The build reads the checkout and nothing else: no clock, no network, no absolute path. So two builds of one commit give the
// same bytes wherever they are made, and anybody can compare a served client with the *client* entry on the board.

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import {
  gzipSizeOf,
  inlineScript,
  integrityOf,
  laterOf,
  policyHashOf,
  replaceScripts,
  scriptsOf,
  sha256Of,
  shortHashOf,
  tagIntegrityOf,
  tagsOf,
} from "./integrity.mjs";
import { MAX_GZIP_BYTES, PAGES } from "./pages.mjs";
import { words } from "./words.mjs";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const LOCALES = join(ROOT, "../locales");
const WORKER = "virtual:core-worker";

/** Vite's settings that all builds share. */
function settings(plugins, input, output, cssCodeSplit = true) {
  return {
    configFile: false,
    root: ROOT,
    base: "./",
    envDir: false,
    logLevel: "warn",
    publicDir: false,
    plugins,
    oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
    build: {
      write: false,
      target: "es2022",
      assetsInlineLimit: 0,
      modulePreload: false,
      cssCodeSplit,
      reportCompressedSize: false,
      rolldownOptions: { input, output },
    },
  };
}

/** Bundle a classic script and return its text; styles that it imports come second. */
async function buildScript(source, plugins) {
  const result = await build(
    settings(plugins, { script: join(ROOT, source) }, { format: "iife", codeSplitting: false }, false),
  );
  const { output } = Array.isArray(result) ? result[0] : result;
  const styles = output.filter((file) => file.type === "asset" && file.fileName.endsWith(".css"));
  return { code: output.find((file) => file.type === "chunk").code, style: styles.map((file) => file.source).join("") };
}

/** The worker's text in pieces that are each small enough to be fetched again. */
async function buildWorker() {
  const { code } = await buildScript("src/worker/main.ts", []);
  const count = Math.ceil(gzipSizeOf(code) / (MAX_GZIP_BYTES - 1024));
  const length = Math.ceil(code.length / count);
  const pieces = [];
  for (let at = 0; at < code.length; at += length) {
    const text = code.slice(at, at + length);
    pieces.push({ name: `core-${pieces.length + 1}-${shortHashOf(text)}.txt`, text, integrity: tagIntegrityOf(text) });
  }
  return pieces;
}

/** A plugin that hands the worker's pieces to the page that asks for them; `asked` tells whether it did. */
function workerPlugin(pieces, state) {
  return {
    name: "core-worker",
    resolveId: (id) => (id === WORKER ? `\0${WORKER}` : null),
    load(id) {
      if (id !== `\0${WORKER}`) return null;
      state.asked = true;
      return `export const PIECES = ${JSON.stringify(pieces.map(({ name, integrity }) => ({ name, integrity })))}`;
    },
  };
}

/** Dynamic imports as they stand: `later()` has preloaded what they need, so Vite's own helper has nothing to do. */
function plainImports() {
  const id = "\0vite/preload-helper.js";
  const wrapped = /__vitePreload\((\(\) => import\("[^"]+"\)(?:\.then\(\(n\) => n\.\w+\))?), __VITE_PRELOAD__, import\.meta\.url\)/g;
  return {
    name: "plain-imports",
    enforce: "pre",
    resolveId: (source) => (source === id ? id : null),
    load: (source) => (source === id ? "export const __vitePreload = (load) => load();" : null),
    renderChunk: (code) => ({ code: code.replace(wrapped, "($1)()"), map: null }),
  };
}

/** Several modules and styles beside a page. */
async function buildModules(template, scripts, pieces, groups) {
  const state = { asked: false };
  const input = Object.fromEntries(scripts.map((script) => [nameOf(script), join(ROOT, "pages", script)]));
  const output = {
    entryFileNames: "[name]-[hash].js",
    chunkFileNames: "[name]-[hash].js",
    assetFileNames: "[name]-[hash][extname]",
    codeSplitting: {
      // From the bottom up, because a group takes along what its modules import: so no two files import each other.
      groups: [
        { name: "preact", test: /node_modules[\\/]preact/ },
        ...groups,
      ],
    },
  };
  const result = await build(settings([words(LOCALES), workerPlugin(pieces, state), plainImports()], input, output));
  const built = (Array.isArray(result) ? result[0] : result).output;
  const files = new Map();
  const chunks = new Map();
  const styles = [];
  for (const file of built) {
    const data = file.type === "chunk" ? file.code : file.source;
    files.set(file.fileName, Buffer.from(data));
    if (file.type === "chunk") chunks.set(file.fileName, { ...pick(file), integrity: tagIntegrityOf(data) });
    else if (file.fileName.endsWith(".css")) styles.push({ name: file.fileName, integrity: tagIntegrityOf(data) });
  }
  if (state.asked) for (const piece of pieces) files.set(piece.name, Buffer.from(piece.text));
  const entries = scripts.map((script) => [...chunks.values()].find((chunk) => chunk.isEntry && chunk.name === nameOf(script)));
  const { lines, done } = tagsOf(entries, chunks, styles);
  const later = laterOf(done, chunks);
  if (later.length > 0) {
    // The list of what is fetched later is itself fetched later: it would be most of a first page.
    const list = JSON.stringify(later);
    const name = `later-${shortHashOf(list)}.json`;
    files.set(name, Buffer.from(list));
    lines.push(`<link rel="later" href="${name}" integrity="${tagIntegrityOf(list)}">`);
  }
  files.set("index.html", Buffer.from(replaceScripts(template, `${lines.join("\n")}\n`)));
  return files;
}

/** The texts of a language are asked for as `words-<language>` or `words-<language>-<group>`, whatever their keys. */
function pick({ fileName, name, isEntry, imports, dynamicImports, facadeModuleId }) {
  const [, language, group = ""] = /virtual:words\/([a-z]+)\/(=[a-z]+)?/.exec(facadeModuleId ?? "") ?? [];
  return { fileName, name: language === undefined ? name : `words-${language}${group.replace("=", "-")}`, isEntry, imports, dynamicImports };
}

function nameOf(script) {
  return script
    .replace(/^(\.\.\/)*src\//, "")
    .replace(/\.[a-z]+$/, "")
    .replaceAll("/", "-");
}

/** One file with everything in it, bound by hashes in its own policy. */
async function buildSingle(template, scripts) {
  if (scripts.length !== 1) throw new Error("a page in one file has one script");
  const { code, style } = await buildScript(join("pages", scripts[0]), [words(LOCALES)]);
  const script = inlineScript(code.trimEnd());
  const page = replaceScripts(template, `<script>${script}</script>\n`)
    .replace("%SCRIPT_HASH%", () => policyHashOf(script))
    .replace("%STYLE_HASH%", () => policyHashOf(style))
    .replace("%STYLE%", () => style);
  return new Map([["index.html", Buffer.from(page)]]);
}

async function main(out) {
  const pieces = await buildWorker();
  const manifest = {};
  rmSync(out, { recursive: true, force: true });
  for (const page of PAGES) {
    const place = join(ROOT, "pages", `${page.name}.html`);
    const template = existsSync(place) ? readFileSync(place, "utf-8") : null;
    const scripts = template === null ? [] : scriptsOf(template);
    const missing = scripts.filter((script) => !existsSync(join(ROOT, "pages", script)));
    if (template === null || missing.length > 0) {
      console.log(`${page.name}: not built, ${template === null ? "its template" : missing.join(", ")} is missing`);
      continue;
    }
    let files;
    try {
      files = page.single ? await buildSingle(template, scripts) : await buildModules(template, scripts, pieces, page.groups);
    } catch (error) {
      // The other pages are built all the same.
      console.error(`${page.name}: ${error instanceof Error ? error.message : error}`);
      process.exitCode = 1;
      continue;
    }
    for (const [name, data] of [...files].sort(([first], [second]) => (first < second ? -1 : 1))) {
      const path = join(out, page.name, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, data);
      const gzip = gzipSizeOf(data);
      manifest[`${page.name}/${name}`] = { integrity: integrityOf(data), sha256: sha256Of(data), size: data.length };
      const remark = gzip > MAX_GZIP_BYTES && !page.single ? `  over ${MAX_GZIP_BYTES}` : "";
      console.log(`${`${page.name}/${name}`.padEnd(44)} ${String(gzip).padStart(7)} gzip${remark}`);
    }
  }
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, "manifest.sri.json"), `${JSON.stringify({ files: manifest }, null, 2)}\n`);
}

await main(resolve(process.argv[2] ?? join(ROOT, "../voting_server/client")));
