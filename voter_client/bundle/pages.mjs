// The pages of the client. A page is built when its template and every script that the template names exist.
//
// A template is HTML; `<script type="module" src="../src/...">` names its scripts in the order in which they must be there. A page
// that is `single` becomes one file which also opens from a disk: its one script and its styles stand in it.

export const PAGES = [
  { name: "vote", single: false },
  { name: "check", single: true },
  { name: "board", single: false },
  { name: "console", single: false },
];

/** Every file of a page is fetched whole or again: a cut line costs at most this much (gzip, bytes). */
export const MAX_GZIP_BYTES = 12 * 1024;
