/** Where the board is read: a server's or a mirror's address, or a file. The only module of this page that asks the network. */

import type { Bytes } from "../core/bytes.js";
import type { Get } from "../public/log.js";

const LARGEST = 256 * (2 + 65_535);
const PATIENCE_MS = 30_000;

/** The place gave no plain answer. */
export class Unreachable extends Error {}

/** The address of a log as somebody typed it: what stands before /checkpoint. Undefined for what is no such address. */
export function readAddress(text: string, page: string): URL | undefined {
  try {
    const address = new URL(text.trim().replace(/\/*$/, "/"), page);
    return /^https?:$/.test(address.protocol) ? address : undefined;
  } catch {
    return undefined;
  }
}

async function ask(address: URL): Promise<Bytes | undefined> {
  let answer: Response;
  try {
    answer = await fetch(address, {
      credentials: "omit",
      redirect: "error",
      referrerPolicy: "no-referrer",
      cache: address.pathname.includes("/tile/") ? "default" : "no-store",
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    if (answer.status === 404) return undefined;
    if (!answer.ok) throw new Unreachable(address.href);
    const data = new Uint8Array(await answer.arrayBuffer());
    if (data.length > LARGEST) throw new Unreachable(address.href);
    return data;
  } catch {
    throw new Unreachable(address.href);
  }
}

export function filesAt(log: URL): Get {
  return (path) => ask(new URL(path, log));
}

/** The log at an address, or below it where somebody gave the address of the whole server. */
export async function findLog(address: URL): Promise<URL> {
  try {
    if ((await ask(new URL("checkpoint", address))) !== undefined) return address;
  } catch (error) {
    // Across origins a server's "not there" cannot be told from a broken line: what comes next tells.
    if (!(error instanceof Unreachable)) throw error;
  }
  return new URL("log/", address);
}

export function filesIn(files: ReadonlyMap<string, Bytes>): Get {
  return (path) => Promise.resolve(files.get(path));
}
