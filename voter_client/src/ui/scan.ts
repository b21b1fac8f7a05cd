// The way where nobody hints where entries stand: the log is read from its start until the opening entry.

import * as api from "../api";
import type { Found } from "./files";

const WIDTH = 256;
const CEREMONY = new Set([
  "ceremony-key",
  "ceremony-commitment",
  "ceremony-dealing",
  "ceremony-acceptance",
  "ceremony-complaint",
  "ceremony-certificate",
]);

/** The type of an entry, as its first bytes say: [1, type, …]. */
export function typeOf(raw: Uint8Array): string {
  const head = raw[2] ?? 0;
  const [start, length] = head === 0x78 ? [4, raw[3] ?? 0] : [3, head - 0x60];
  return new TextDecoder().decode(raw.subarray(start, start + length));
}

/** The entries of a bundle: each is preceded by its length in two bytes. */
export function* entriesOf(bundle: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at + 2 <= bundle.length; ) {
    const length = ((bundle[at] ?? 0) << 8) | (bundle[at + 1] ?? 0);
    yield bundle.subarray(at + 2, at + 2 + length);
    at += 2 + length;
  }
}

function bundlePath(index: number, width: number): string {
  const digits = String(index).padStart(3, "0");
  if (index > 999) throw new api.OfflineError("the opening is too far into the log");
  return `tile/entries/${digits}${width < WIDTH ? `.p/${width}` : ""}`;
}

/** Read the log from its start until the opening entry: the way where nobody hints. */
export async function scan(size: number): Promise<Found> {
  const entries = new Map<number, Uint8Array>();
  let opening = -1;
  const [ceremony, parts, rotations]: [number[], number[], number[]] = [[], [], []];
  for (let bundle = 0; bundle * WIDTH < size && opening < 0; bundle++) {
    const data = await api.readTile(bundlePath(bundle, Math.min(WIDTH, size - bundle * WIDTH)));
    let index = bundle * WIDTH;
    for (const raw of entriesOf(data)) {
      const type = typeOf(raw);
      const wanted = opening < 0 || type === "rotate";
      if (wanted) entries.set(index, raw.slice());
      if (type === "opening") opening = index;
      else if (CEREMONY.has(type)) ceremony.push(index);
      else if (type === "contest" || type === "units") parts.push(index);
      else if (type === "rotate") rotations.push(index);
      else if (index > 0) entries.delete(index);
      index++;
    }
  }
  return { places: { opening, ceremony: lastRun(ceremony, entries), parts, rotations }, entries };
}

/** Of several runs of the ceremony, the messages of the last one: a run begins with keys. */
function lastRun(ceremony: readonly number[], entries: ReadonlyMap<number, Uint8Array>): number[] {
  const types = ceremony.map((index) => typeOf(entries.get(index) ?? new Uint8Array()));
  let start = types.lastIndexOf("ceremony-key");
  while (start > 0 && types[start - 1] === "ceremony-key") start--;
  return ceremony.slice(Math.max(0, start));
}
