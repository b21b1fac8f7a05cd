// The core for a program in another language: one JSON question a line on the standard input, one JSON answer a line. Tests only.

import { createInterface } from "node:readline";
import { BallotVerifier, openBallot, parseBallot, sealBallot } from "../src/core/ballot.js";
import { fromHex, toHex } from "../src/core/bytes.js";
import { BODIES, type EntryType, MANIFEST, parseEntry } from "../src/core/entries.js";
import type { Message } from "../src/core/encoding.js";
import { Refused } from "../src/core/errors.js";
import { readParts, verifyManifest } from "../src/core/manifest.js";
import { parseRule } from "../src/core/rules.js";
import { parseNote, verifyEd25519 } from "../src/core/signatures.js";
import type { Kind } from "../src/core/transcript.js";

interface Question {
  readonly what: string;
  readonly kind: Kind;
  readonly manifest: string;
  readonly key: string;
  readonly style: number;
  readonly contests: readonly { readonly id: number; readonly rule: string; readonly chosen: readonly number[] }[];
  readonly pseudonym: string;
  readonly number: number;
  readonly previous: string;
  readonly head: { readonly size: number; readonly root: string };
  readonly seed: string;
  readonly ballot: string;
  readonly commitment: string;
  readonly parts: readonly string[];
}

function answer(question: Question): unknown {
  const { kind, style } = question;
  const contests = question.contests?.map(({ id, rule, chosen }) => ({ id, rule: parseRule(fromHex(rule)), chosen }));
  const election = () => {
    const [manifestHash, key] = [fromHex(question.manifest), fromHex(question.key)];
    const styles = new Map([[style, contests]]);
    return { facts: { kind, key, styles }, verifier: new BallotVerifier(kind, manifestHash, key, styles) };
  };
  switch (question.what) {
    case "seal": {
      const { ballot, hash, code, opening } = sealBallot({
        kind,
        style,
        contests,
        manifestHash: fromHex(question.manifest),
        key: fromHex(question.key),
        pseudonym: fromHex(question.pseudonym),
        number: question.number,
        previous: fromHex(question.previous),
        head: { size: question.head.size, root: fromHex(question.head.root) },
        seed: fromHex(question.seed),
      });
      return { ballot: toHex(ballot), hash: toHex(hash), code, opening: toHex(opening) };
    }
    case "verify":
      return { number: election().verifier.verify(fromHex(question.ballot)).number };
    case "parse":
      return { contests: parseBallot(fromHex(question.ballot)).contests.length };
    case "open": {
      const { facts, verifier } = election();
      return openBallot(verifier, facts, fromHex(question.ballot), fromHex(question.seed), fromHex(question.commitment));
    }
    case "entry": {
      const entry = parseEntry(fromHex(question.parts[0]!));
      (BODIES[entry.type as EntryType] as unknown as Message<unknown>).parse(entry.body);
      return { type: entry.type };
    }
    case "manifest":
      verifyManifest(MANIFEST.parse(fromHex(question.parts[0]!)));
      return {};
    case "parts": {
      const manifest = MANIFEST.parse(fromHex(question.parts[0]!));
      return { complete: readParts(manifest, question.parts.slice(1).map((raw) => parseEntry(fromHex(raw)))).complete };
    }
    case "ed25519":
      verifyEd25519(fromHex(question.parts[0]!), fromHex(question.parts[1]!), fromHex(question.parts[2]!));
      return {};
    case "note":
      return { lines: parseNote(fromHex(question.parts[0]!)).signatures.length };
    case "rule":
      return { form: parseRule(fromHex(question.parts[0]!)).form };
    default:
      throw new Error(`no question ${question.what}`);
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  let reply: unknown;
  try {
    reply = { ok: answer(JSON.parse(line) as Question) };
  } catch (error) {
    const check = error instanceof Refused ? error.check : "";
    reply = { check, error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
  }
  console.log(JSON.stringify(reply));
}
