/**
 * Modules that are loaded when they are needed, under the hashes that stand in the page.
 *
 * A dynamic import carries no hash of its own. The build lists every such module as `<link rel="later">` with one; preloading it
 * first puts it where the import finds it, checked.
 */

/**
 * Run a dynamic import after its file was preloaded with its hash, and what that imports; `name` is the file's name without its
 * hash, for texts `words-<language>`.
 */
export async function later<T>(name: string, load: () => Promise<T>): Promise<T> {
  for (const listed of document.querySelectorAll<HTMLLinkElement>('link[rel="later"]')) {
    if (!(listed.dataset["for"] ?? "").split(" ").includes(name)) continue;
    const link = document.createElement("link");
    link.rel = "modulepreload";
    link.integrity = listed.integrity;
    link.href = listed.href;
    listed.replaceWith(link);
  }
  return load();
}
