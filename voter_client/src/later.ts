/**
 * Modules that are loaded when they are needed, under hashes that the page binds.
 *
 * A dynamic import carries no hash of its own. The build lists every such file in one that the page names with its hash; preloading
 * a module with its hash first puts it where the import finds it, checked.
 */

/** A file's address, its hash, and the names of the modules that need it. */
type Listed = readonly [href: string, integrity: string, names: readonly string[]];

let list: Promise<readonly Listed[]> | undefined;
const there = new Set<string>();

async function readList(): Promise<readonly Listed[]> {
  const link = document.querySelector<HTMLLinkElement>('link[rel="later"]');
  if (link === null) return [];
  const answer = await fetch(link.href, { integrity: link.integrity, credentials: "omit", mode: "same-origin" });
  return (await answer.json()) as readonly Listed[];
}

/**
 * Run a dynamic import after its file was preloaded with its hash, and what that imports; `name` is the file's name without its
 * hash, for texts `words-<language>-<group>`. Where the line is cut it can be called again.
 */
export async function later<T>(name: string, load: () => Promise<T>): Promise<T> {
  list ??= readList();
  let files: readonly Listed[];
  try {
    files = (await list).filter(([href, , names]) => names.includes(name) && !there.has(href));
  } catch (error) {
    list = undefined;
    throw error;
  }
  for (const [href, integrity] of files) {
    const link = document.createElement("link");
    link.rel = "modulepreload";
    link.integrity = integrity;
    link.href = href;
    document.head.append(link);
  }
  const loaded = await load();
  for (const [href] of files) there.add(href);
  return loaded;
}
