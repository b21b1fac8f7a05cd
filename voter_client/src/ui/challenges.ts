// What the phone's key signs: tagged hashes that this page computes itself, so that no server can choose them.
//
// Spec: docs/spec/signatures.md, section "Passkeys". The same functions as in core/ballot.ts, without its curves, which only
// the worker needs; a test compares them.

import { type Bytes, concat, u16 } from "../core/bytes";
import { type Kind, sha256, tag } from "../core/hashing";

function challenge(kind: Kind, use: string, ...fields: readonly Bytes[]): Bytes {
  const label = tag(kind, use);
  return sha256(concat(u16(label.length), label, ...fields));
}

export const registerChallenge = (kind: Kind, manifestHash: Bytes, token: Bytes): Bytes =>
  challenge(kind, "register", manifestHash, token);

export const loginChallenge = (kind: Kind, manifestHash: Bytes, token: Bytes): Bytes =>
  challenge(kind, "log-in", manifestHash, token);

export const castChallenge = (kind: Kind, manifestHash: Bytes, ballotHash: Bytes, nonce: Bytes): Bytes =>
  challenge(kind, "cast", manifestHash, ballotHash, nonce);
