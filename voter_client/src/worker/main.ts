
import { sha512 } from "@noble/hashes/sha2.js";
console.log(sha512(new Uint8Array(1)));
export {};
