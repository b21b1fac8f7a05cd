// The pages of the client. A page is built when its template and every script that the template names exist.
//
// A template is HTML; `<script type="module" src="../src/...">` names its scripts in the order in which they must be there. A page
// that is `single` becomes one file which also opens from a disk: its one script and its styles stand in it.
//
// `groups` says which modules make a file together, from the bottom up, because a group takes along what its modules import: so no
// two files import each other.

const FIRST = { name: "device", test: /vite[\\/]preload-helper|rolldown[\\/]runtime|src[\\/](later|in-app|words[\\/]names|ui[\\/]memory)\.ts/ };

const COMMON = [
  { name: "hashes", test: /node_modules[\\/]@noble[\\/]hashes/ },
  { name: "fields", test: /node_modules[\\/]@noble[\\/]curves[\\/](utils|abstract[\\/](modular|hash-to-curve))\.js/ },
  { name: "curves", test: /node_modules[\\/]@noble[\\/]curves/ },
  { name: "bytes", test: /src[\\/]core[\\/](bytes|errors|cbor)\.ts/ },
  { name: "transcript", test: /src[\\/]core[\\/](hashing|transcript)\.ts/ },
  { name: "messages", test: /src[\\/]core[\\/](encoding|envelope|entries|merkle)\.ts/ },
  { name: "proofs", test: /src[\\/]core[\\/](suite|strict|verifying|group|elgamal|rules|proofs|notes|ed25519|signatures)\.ts/ },
  { name: "core", test: /src[\\/]core[\\/]/ },
  FIRST,
  { name: "words", test: /src[\\/]words[\\/]/ },
  { name: "wizard", test: /src[\\/]console[\\/](draft|wizard)\.tsx?/ },
];

/** The voter's page: what the first screen needs, what the way to the ballot needs, and what the check needs that comes before it. */
const VOTER = [
  FIRST,
  { name: "hashes", test: /src[\\/]core[\\/](bytes|errors|hashing)\.ts|node_modules[\\/]@noble|src[\\/]ui[\\/]challenges\.ts/ },
  {
    name: "way",
    test: /src[\\/](ability|api|passkey)\.ts|src[\\/]words[\\/]|src[\\/]ui[\\/](choice|flow|groups|guard|model|parts|app)\.tsx?|src[\\/]ui[\\/]screens[\\/](ballot|device|phone|entering|start)\.tsx/,
  },
  { name: "record", test: /src[\\/]core[\\/]|src[\\/]ui[\\/](files|look|native)\.ts/ },
  { name: "paper", test: /src[\\/]ui[\\/]paper\.tsx/ },
];

/** The public pages: what counts, and what shows single entries. */
const BOARD = [
  { name: "figures", test: /src[\\/](public[\\/]|board[\\/](pieces|words|source|files|blocks|count)\.tsx?)/ },
  { name: "explorer", test: /src[\\/]board[\\/](explorer|blocklist)\.tsx/ },
];

export const PAGES = [
  { name: "vote", single: false, groups: VOTER },
  { name: "check", single: true, groups: [] },
  { name: "board", single: false, groups: [...COMMON, ...BOARD] },
  { name: "console", single: false, groups: COMMON },
];

/** Every file of a page is fetched whole or again: a cut line costs at most this much (gzip, bytes). */
export const MAX_GZIP_BYTES = 12 * 1024;
