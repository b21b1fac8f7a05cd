/**
 * Modules that are loaded when they are needed, under the hashes that stand in the page.
 *
 * A dynamic import carries no hash of its own. The build lists every such module as `<link rel="later">` with one; preloading it
 * first puts it where the import finds it, checked.
 */

/** Run a dynamic import after its module and what that imports were preloaded with their hashes. */
export async function later<T>(load: () => Promise<T>): Promise<T> {
  for (const listed of document.querySelectorAll<HTMLLinkElement>('link[rel="later"]')) {
    const link = document.createElement("link");
    link.rel = "modulepreload";
    link.integrity = listed.integrity;
    link.href = listed.href;
    listed.replaceWith(link);
  }
  return load();
}
