/** The only place of these pages that asks the network: files of the log, from the server that sent the page. */

import type { Bytes } from "../core/bytes.js";

const LARGEST = 256 * (2 + 65_535);
const PATIENCE_MS = 30_000;

/** The server gave no plain answer. */
export class Unreachable extends Error {
  constructor(readonly path: string) {
    super(path);
  }
}

/** Bytes below /log/, undefined for what is not there. */
export async function getFile(path: string): Promise<Bytes | undefined> {
  let answer: Response;
  try {
    answer = await fetch(`../log/${path}`, {
      credentials: "omit",
      redirect: "error",
      signal: AbortSignal.timeout(PATIENCE_MS),
      ...(path === "checkpoint" ? { cache: "no-store" } : {}),
    });
    if (answer.status === 404) return undefined;
    if (!answer.ok) throw new Unreachable(path);
    const data = new Uint8Array(await answer.arrayBuffer());
    if (data.length > LARGEST) throw new Unreachable(path);
    return data;
  } catch {
    throw new Unreachable(path);
  }
}
