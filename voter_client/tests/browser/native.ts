// The vectors of Ed25519 in a real browser: what the page accepts when the browser verifies. Tests only.

import { fromHex } from "../../src/core/bytes";
import { verifyEd25519 } from "../../src/core/verifying";
import { canVerify, verifyNatively } from "../../src/ui/native";

interface Row {
  readonly public_key: string;
  readonly message: string;
  readonly signature: string;
}

async function accepts({ public_key, message, signature }: Row): Promise<boolean> {
  try {
    await verifyNatively(() => verifyEd25519(fromHex(public_key), fromHex(message), fromHex(signature)));
    return true;
  } catch {
    return false;
  }
}

Object.assign(globalThis, { canVerify, acceptAll: (rows: readonly Row[]) => Promise.all(rows.map(accepts)) });
