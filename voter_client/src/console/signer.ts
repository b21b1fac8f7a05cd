/**
 * The officer's own signing key: an Ed25519 key of this browser that cannot be taken out of it, kept in IndexedDB.
 *
 * It signs entry bodies here and nowhere else. A browser that forgets its data forgets the key: a rotation with a second person
 * replaces it, as with any lost key.
 */

import { type Bytes, fromHex, toHex, u16 } from "../core/bytes.js";
import { authorMessage, keyId, verifyEd25519 } from "../core/signatures.js";
import { type Kind, tag } from "../core/transcript.js";
import { ZERO_HASH } from "../core/manifest.js";

const DATABASE = "dobush-console";
const STORE = "keys";
const NAME = "officer";

export interface Signer {
  readonly key: Bytes;
  sign(kind: Kind, manifestHash: Bytes, type: string, body: Bytes, use?: string): Promise<{ key_id: string; signature: string }>;
}

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const asked = indexedDB.open(DATABASE, 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(STORE);
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error ?? new Error("no storage"));
  });
}

async function run<T>(mode: IDBTransactionMode, act: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const database = await open();
  try {
    return await new Promise<T>((resolve, reject) => {
      const transaction = database.transaction(STORE, mode, { durability: "strict" });
      const asked = act(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(asked.result);
      transaction.onabort = () => reject(transaction.error ?? new Error("not stored"));
    });
  } finally {
    database.close();
  }
}

async function wrap(pair: CryptoKeyPair): Promise<Signer> {
  const key = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  return {
    key,
    async sign(kind, manifestHash, type, body, use = "author") {
      const author = keyId(key);
      const bound = type === "manifest" ? ZERO_HASH : manifestHash;
      const message = authorMessage(tag(kind, use), bound, type, author, body);
      const signature = new Uint8Array(await crypto.subtle.sign("Ed25519", pair.privateKey, Uint8Array.from(message)));
      // What leaves this page verifies by the same strict rule as everywhere.
      verifyEd25519(key, message, signature);
      return { key_id: toHex(author), signature: toHex(signature) };
    },
  };
}

/** The key of this browser, null where there is none. */
export async function loadSigner(): Promise<Signer | null> {
  const pair = (await run("readonly", (store) => store.get(NAME))) as CryptoKeyPair | undefined;
  return pair === undefined ? null : wrap(pair);
}

/** Make the key of this browser. Refuses to replace one. */
export async function makeSigner(): Promise<Signer> {
  const pair = (await crypto.subtle.generateKey({ name: "Ed25519" }, false, ["sign", "verify"])) as CryptoKeyPair;
  await navigator.storage.persist?.().catch(() => false);
  await run("readwrite", (store) => store.add(pair, NAME));
  return wrap(pair);
}

/** A key or hash in groups of four, as people read it aloud. */
export function inGroups(hex: string): string {
  return hex.replace(/(.{4})(?=.)/g, "$1 ");
}

/** The challenge of a log-in or a registration with a role: a tagged hash over the server's token, computed here. */
export async function roleChallenge(use: "log-in" | "register", side: "ballot" | "identity", token: string): Promise<Bytes> {
  const name = new TextEncoder().encode(`dobush/1/installation/role-${use}/${side}`);
  const data = new Uint8Array([...u16(name.length), ...name, ...fromHex(token)]);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", data));
}
