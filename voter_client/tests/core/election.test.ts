import { ed25519 } from "@noble/curves/ed25519.js";
import { expect, test } from "vitest";
import {
  BallotVerifier,
  ballotToBytes,
  castChallenge,
  DoesNotOpen,
  hashBallot,
  lockOf,
  NO_PREVIOUS,
  openBallot,
  parseBallot,
  parseReceipt,
  parseTrackingCode,
  receiptMessage,
  sealBallot,
  trackingCode,
  verifyNonce,
  verifyReceipt,
} from "../../src/core/ballot.js";
import { headTimes, logKey, readHead, witnessKeys } from "../../src/core/board.js";
import { type Bytes, concat, equal, toBase64, u64 } from "../../src/core/bytes.js";
import { recomputeCertificate, type Run } from "../../src/core/ceremony.js";
import { ballotContests, type ElectionInput, neededFiles, verifyElection, verifyHeadSeen, verifyPinned } from "../../src/core/election.js";
import {
  BALLOT_ENTRY,
  CEREMONY_ACCEPTANCE,
  CEREMONY_CERTIFICATE,
  CEREMONY_COMMITMENT,
  CEREMONY_DEALING,
  CEREMONY_KEY,
  type Entry,
  entryToBytes,
  CONTEST,
  MANIFEST,
  type Manifest,
  OPENING,
  parseBody,
  parseEntry,
  UNITS,
} from "../../src/core/entries.js";
import { BallotSeed, EncryptionKey } from "../../src/core/elgamal.js";
import { Misuse } from "../../src/core/errors.js";
import { parseElement } from "../../src/core/group.js";
import { sealContest } from "../../src/core/proofs.js";
import { defaultRadices, ruleToBytes } from "../../src/core/rules.js";
import { hashManifest, hashPart, Keyring, readParts, verifyManifest } from "../../src/core/manifest.js";
import { leafHash, rootOf, tilePath } from "../../src/core/merkle.js";
import { authorMessage, keyId, parseCheckpoint, parseNote, parseVerifierKey, verifyQuorum } from "../../src/core/signatures.js";
import { tag, taggedHash } from "../../src/core/transcript.js";
import { ceremony, covering, entries, headOf, indexOf, NOW, notes, opening, parts, pinned, places, raws, tilesOf } from "./record.js";
import { ascii, expectRefused, flip, hex, load, unhex } from "./vectors.js";

const manifestVectors = load("manifest");
const ballotVectors = load("ballot");
const board = load("board");
const at = indexOf;
const head = headOf(covering);

function inputOf(changes: Partial<ElectionInput> = {}): ElectionInput {
  const tiles = new Map(tilesOf(head.size));
  return { pinned, now_s: NOW, checkpoint: covering, places, entry: (index) => raws[index], tile: (path) => tiles.get(path), ...changes };
}

const election = verifyElection(inputOf());
const manifest = election.manifest;

test("the election of the record", () => {
  expect(unhex(election.key)).toBe(ballotVectors.election_key);
  expect(election.parts.complete).toBe(true);
  expect(equal(rootOf(raws.slice(0, head.size).map(leafHash)), head.root)).toBe(true);
  expect(ballotContests(election, manifest.styles[0]!.id).map((contest) => contest.id)).toEqual(manifest.styles[0]!.contests);
  expect(neededFiles(places, head.size).tiles).toEqual([tilePath(0, 0, head.size)]);
});

test("only the contests of one style are needed", () => {
  const few = parts.filter((index) => entries[index]!.type === "contest");
  const less = verifyElection(inputOf({ places: { ...places, parts: few } }));
  expect([less.parts.complete, less.parts.units.size]).toEqual([false, 0]);
  expectRefused("MANIFEST-10", () => ballotContests(verifyElection(inputOf({ places: { ...places, parts: [] } })), 1));
});

test("another election than the pinned one", () => {
  expectRefused("RECORD-3", () => verifyElection(inputOf({ pinned: new Uint8Array(32) })));
  expectRefused("RECORD-1", () => verifyPinned(raws[1]!, pinned));
  expect(() => verifyElection(inputOf({ entry: () => undefined }))).toThrow(Misuse);
});

const replaced = (index: number, raw: Bytes) => inputOf({ entry: (asked) => (asked === index ? raw : raws[asked]) });
const withBody = (index: number, body: Bytes) => entryToBytes({ ...entries[index]!, body });

test("an opening entry with another key, or of other officers", () => {
  const body = parseBody(entries[opening]!, "opening");
  const key = hex(load("group").suites["RISTRETTO255-SHA512"].multiples[3]);
  // The signatures no longer fit.
  expectRefused("MANIFEST-12", () => verifyElection(replaced(opening, withBody(opening, OPENING.toBytes({ ...body, key })))));
  const unsigned = entryToBytes({ ...entries[opening]!, signatures: entries[opening]!.signatures.slice(1) });
  expectRefused("MANIFEST-11", () => verifyElection(replaced(opening, unsigned)));
  expectRefused("CEREMONY-12", () => verifyElection(inputOf({ places: { ...places, opening: at("freeze") } })));
});

test("the opening entry stands where it is said to, since a ballot's head must cover it", () => {
  for (const place of [0, places.ceremony[0]!, places.parts[0]!]) {
    const hidden = { ...places, opening: place, ceremony: [...places.ceremony, opening] };
    expectRefused("CEREMONY-12", () => verifyElection(inputOf({ places: hidden })));
  }
  expect(verifyElection(inputOf({ places: { ...places, ceremony: [...places.ceremony, opening] } })).openingIndex).toBe(opening);
});

test("certificates: one missing, one twice, one of another trustee", () => {
  const certificates = ceremony.filter((index) => entries[index]!.type === "ceremony-certificate");
  const without = ceremony.filter((index) => index !== certificates[1]);
  expectRefused("CEREMONY-12", () => verifyElection(inputOf({ places: { ...places, ceremony: without } })));
  const none = ceremony.filter((index) => !certificates.includes(index));
  expectRefused("CEREMONY-12", () => verifyElection(inputOf({ places: { ...places, ceremony: none } })));
  const [first] = certificates as [number];
  const body = parseBody(entries[first]!, "ceremony-certificate");
  const other = CEREMONY_CERTIFICATE.toBytes({ ...body, hash: new Uint8Array(32) });
  expectRefused("MANIFEST-12", () => verifyElection(replaced(first, withBody(first, other))));
  // Signed by trustee 1, spoken for trustee 2.
  const moved = CEREMONY_CERTIFICATE.toBytes({ ...body, trustee: 2 });
  expectRefused("MANIFEST-11", () => verifyElection(replaced(first, withBody(first, moved))));
});

test("a ceremony of which a message is changed or missing", () => {
  const dealings = ceremony.filter((index) => entries[index]!.type === "ceremony-dealing");
  const keys = ceremony.filter((index) => entries[index]!.type === "ceremony-key");
  expectRefused("CEREMONY-2", () => verifyElection(inputOf({ places: { ...places, ceremony: ceremony.filter((index) => index !== dealings[0]) } })));
  const dealing = CEREMONY_DEALING.parse(entries[dealings[0]!]!.body);
  const other = CEREMONY_DEALING.toBytes({ ...dealing, ephemeral: flip(dealing.ephemeral, 9) });
  expectRefused("CEREMONY-4", () => verifyElection(replaced(dealings[0]!, withBody(dealings[0]!, other))));
  const key = CEREMONY_KEY.parse(entries[keys[0]!]!.body);
  const moved = CEREMONY_KEY.toBytes({ ...key, proof: flip(key.proof, 9) });
  // Nothing recomputes this proof here, but all have certified its bytes.
  expectRefused("CEREMONY-11", () => verifyElection(replaced(keys[0]!, withBody(keys[0]!, moved))));
});

test("checkpoints that do not count, or cover too little", () => {
  expectRefused("SIGNATURE-5", () => verifyElection(inputOf({ now_s: 1 })));
  const small = notes.find((note) => parseCheckpoint(parseNote(note).text).size <= opening)!;
  expectRefused("CEREMONY-12", () => verifyElection(inputOf({ checkpoint: small })));
  const text = new TextDecoder().decode(covering);
  expectRefused("SIGNATURE-3", () => verifyElection(inputOf({ checkpoint: ascii(text.replace(`\n${head.size}\n`, `\n${head.size + 1}\n`)) })));
});

test("entries that the tree does not hold", () => {
  const leaves = raws.slice(0, head.size).map(leafHash);
  expectRefused("MERKLE-3", () => verifyElection(inputOf({ tile: () => concat(...leaves.map((leaf, index) => (index === 2 ? flip(leaf, 0) : leaf))) })));
  expectRefused("MERKLE-2", () => verifyElection(inputOf({ tile: () => undefined })));
  const certificate = ceremony.at(-1)!;
  const again = { ...places, ceremony: [...ceremony.slice(0, -1), certificate + 1] };
  // The right bytes under a wrong index.
  expectRefused("MERKLE-4", () => verifyElection(inputOf({ places: again, entry: (index) => (index === certificate + 1 ? raws[certificate] : raws[index]) })));
});

test("a part that the manifest does not name", () => {
  const contest = parts[0]!;
  const body = entries[contest]!.body;
  expectRefused("MANIFEST-7", () => verifyElection(replaced(contest, withBody(contest, flip(body, 8 * body.length - 1)))));
  expectRefused("MANIFEST-7", () => verifyElection(inputOf({ places: { ...places, parts: [opening] } })));
});

test("the head that a ballot is to name", () => {
  verifyHeadSeen(election, head);
  verifyHeadSeen(election, { size: opening + 1, root: rootOf(raws.slice(0, opening + 1).map(leafHash)) });
  expectRefused("BALLOT-8", () => verifyHeadSeen(election, { size: opening, root: rootOf(raws.slice(0, opening).map(leafHash)) }));
  expectRefused("BALLOT-8", () => verifyHeadSeen(election, { size: head.size, root: new Uint8Array(32) }));
  expectRefused("BALLOT-8", () => verifyHeadSeen(election, { size: head.size + 1, root: head.root }));
});

// ------------------------------------------------------------------------------------------------------------ manifest

test("hashes of manifest and parts", () => {
  expect(unhex(hashManifest("demo", hex(manifestVectors.manifest)))).toBe(manifestVectors.manifest_hash);
  for (const { type, body, hash } of manifestVectors.parts) expect(unhex(hashPart("demo", type, hex(body)))).toBe(hash);
  const { key, key_id, type, message } = manifestVectors.author;
  expect(unhex(keyId(hex(key)))).toBe(key_id);
  const body = hex(manifestVectors.manifest);
  expect(unhex(authorMessage(tag("demo", "author"), new Uint8Array(32), type, hex(key_id), body))).toBe(message);
});

const change = (changes: Partial<Manifest>): Manifest => ({ ...manifest, ...changes });
const wrongManifests: [string, string, Manifest][] = [
  ["GROUP-4", "an unknown suite", change({ suite: "X25519" })],
  ["THRESHOLD-1", "every trustee needed", change({ threshold: manifest.trustees.length })],
  ["THRESHOLD-1", "one trustee enough", change({ threshold: 1 })],
  ["MANIFEST-1", "closing before opening", change({ closes_at_ms: manifest.opens_at_ms })],
  ["MANIFEST-1", "deadlines that fall", change({ round_deadlines_ms: [...manifest.round_deadlines_ms].reverse() })],
  ["MANIFEST-1", "no time to settle", change({ settle_ms: 2 * manifest.interval_ms })],
  ["MANIFEST-1", "a receipt before the next block", change({ receipt_delay_ms: manifest.interval_ms - 1 })],
  ["MANIFEST-1", "a release before the disputes end", change({ release_by_ms: manifest.closes_at_ms })],
  ["MANIFEST-2", "half of the witnesses", change({ quorum: 2 })],
  ["MANIFEST-2", "more than all", change({ quorum: 5 })],
  ["MANIFEST-2", "one name twice", change({ witnesses: manifest.witnesses.map((each) => ({ ...each, name: "w" })) })],
  ["MANIFEST-2", "a name with a space", change({ witnesses: manifest.witnesses.map((each, index) => ({ ...each, name: `w ${index}` })) })],
  ["MANIFEST-4", "one key for two", change({ receipt_key: manifest.log_key })],
  ["MANIFEST-4", "registrars of one body", change({ registrars: manifest.registrars.map((each) => ({ ...each, body: "b" })) })],
  ["MANIFEST-4", "officers of one body", change({ officers: manifest.officers.map((each) => ({ ...each, body: "b" })) })],
  ["MANIFEST-5", "an origin of another kind", change({ origin: "board.example/real/town-2026" })],
  ["MANIFEST-5", "an origin of two kinds", change({ origin: "board.example/demo/practice/town" })],
  ["MANIFEST-5", "capital letters", change({ origin: "Board.example/demo/town" })],
  ["MANIFEST-5", "another site's page", change({ origins: ["https://evil-vote.example"] })],
  ["MANIFEST-5", "no web origin", change({ origins: ["https://vote.example/"] })],
  ["MANIFEST-5", "no host", change({ rp_id: "vote..example", origins: ["https://vote..example"] })],
];

test.each(wrongManifests)("%s: %s", (check, _, wrong) => {
  verifyManifest(manifest);
  expectRefused(check, () => verifyManifest(wrong));
});

test("what only a practice election may have", () => {
  const real = change({ kind: "real", origin: "board.example/real/town", software_keys: false, minimum_cell: 10, faults: 1 });
  const https = { ...real, origins: real.origins.map((origin) => origin.replace("http:", "https:")) };
  verifyManifest(https);
  for (const wrong of [{ software_keys: true }, { minimum_cell: 9 }, { faults: 0, quorum: 3 }, { origins: ["http://vote.example"] }]) {
    expectRefused("MANIFEST-6", () => verifyManifest({ ...https, ...wrong }));
  }
  expectRefused("MANIFEST-6", () => verifyManifest({ ...https, receipt_key: ed25519.getPublicKey(new Uint8Array(32).fill(1)) }));
});

test("parts that do not fit each other", () => {
  const contest = parseBody(entries[parts[0]!]!, "contest");
  const expectParts = (check: string, changed: Entry[], more: Partial<Manifest> = {}) => {
    const named = (type: string) => changed.filter((entry) => entry.type === type).map((entry) => hashPart("demo", type, entry.body));
    expectRefused(check, () => readParts(change({ contests: named("contest"), units: named("units"), ...more }), changed));
  };
  const all = parts.map((index) => entries[index]!);
  const units = parseBody(all.at(-1)!, "units").units;
  const withContest = (changes: object): Entry[] => [{ ...all[0]!, body: contestBytes({ ...contest, ...changes }) }, ...all.slice(1)];
  const withUnits = (changed: unknown[]): Entry[] => [...all.slice(0, -1), { ...all.at(-1)!, body: unitsBytes(changed) }];
  expectParts("PROOF-9", withContest({ rule: hex("01000200") }));
  expectParts("MANIFEST-8", withContest({ options: contest.options.slice(1) }));
  expectParts("MANIFEST-8", withContest({ id: parseBody(all[1]!, "contest").id }));
  expectParts("MANIFEST-9", withContest({ region: 99 }));
  expectParts("MANIFEST-9", withUnits([...units, units[0]]));
  expectParts("MANIFEST-9", withUnits(units.map((unit) => ({ ...unit, district: false }))));
  expectParts("MANIFEST-9", withUnits(units.map((unit) => ({ ...unit, parent: unit.id }))));
  expectParts("MANIFEST-9", withUnits(units.map((unit) => (unit.parent === null ? unit : { ...unit, parent: 99 }))));
  const [root] = units.filter((unit) => unit.parent === null);
  const extra = (id: number, parent: number | null, district = true) => ({ ...root!, id, parent, district });
  expectParts("MANIFEST-9", withUnits([...units, extra(900, null)]));
  expectParts("MANIFEST-9", withUnits([...units, extra(900, 901, false), extra(901, 900, false), extra(902, 900)]));
  const name = { ky: "x", ru: "x", en: "x" };
  const crowds = Array.from({ length: 9 }, (_, chunk) => {
    const crowd = Array.from({ length: 1000 }, (_, index) => ({ ...extra(10_000 + 1000 * chunk + index, root!.id), name }));
    return { ...all.at(-1)!, body: unitsBytes(crowd) };
  });
  expectParts("MANIFEST-9", [...all, ...crowds]);
  const large = (id: number, options: number): Entry => {
    const rule = ruleToBytes({ form: "one-of", options, radices: defaultRadices(options) });
    const names = Array.from({ length: options }, () => contest.options[0]!);
    return { ...all[0]!, body: contestBytes({ ...contest, id, rule, options: names }) };
  };
  expectParts("MANIFEST-8", [large(700, 1024), ...all.slice(-1)], { styles: [{ id: 1, contests: [700] }] });
  expectParts("MANIFEST-8", [large(700, 500), large(701, 500), ...all.slice(-1)], { styles: [{ id: 1, contests: [700, 701] }] });
  expectRefused("MANIFEST-10", () => ballotContests(election, 99));
  expectParts("MANIFEST-10", all, { styles: [{ id: 1, contests: [...manifest.styles[0]!.contests].reverse() }] });
  expectParts("MANIFEST-10", all, { styles: [{ id: 1, contests: [99] }] });
  expectParts("MANIFEST-10", all, { styles: [manifest.styles[0]!, manifest.styles[0]!] });
});

const contestBytes = (value: unknown) => CONTEST.toBytes(value as never);
const unitsBytes = (units: unknown[]) => UNITS.toBytes({ units } as never);

test("every author of the record verifies, and nobody else's signature does", () => {
  const keyring = new Keyring(manifest, pinned);
  for (const [index, entry] of entries.entries()) {
    const body = parseBody(entry, entry.type) as never;
    keyring.verifyAuthors(entry, body);
    if (entry.type === "rotate") keyring.rotate(body);
    if (entry.signatures.length > 0 && index % 7 === 0) {
      const [first, ...rest] = entry.signatures;
      const changed = { ...entry, signatures: [{ ...first!, signature: flip(first!.signature, 5) }, ...rest] };
      expectRefused("MANIFEST-12", () => keyring.verifyAuthors(changed, body));
      expectRefused("MANIFEST-11", () => keyring.verifyAuthors({ ...entry, signatures: [] }, body));
      expectRefused("MANIFEST-11", () => keyring.verifyAuthors({ ...entry, signatures: [{ ...first!, keyId: new Uint8Array(8) }, ...rest] }, body));
    }
  }
});

test("a rotation's key is new", () => {
  const keyring = new Keyring(manifest, pinned);
  const old = keyId(manifest.receipt_key);
  expectRefused("MANIFEST-13", () => keyring.rotate({ role: "receipt", old, new: manifest.log_key, reason: "x" }));
  keyring.rotate({ role: "receipt", old, new: new Uint8Array(32).fill(5), reason: "x" });
  expect(keyring.receiptKeys.length).toBe(2);
  expectRefused("MANIFEST-13", () => keyring.rotate({ role: "receipt", old, new: new Uint8Array(32).fill(6), reason: "x" }));
});

// --------------------------------------------------------------------------------------------------------------- board

test("times of heads", () => {
  const log = parseVerifierKey(board.log);
  const witnesses = board.witnesses.map(parseVerifierKey);
  for (const { note, times_s, size, root, lower_ms, upper_ms } of board.heads) {
    const quorum = verifyQuorum(ascii(note), log, witnesses, board.quorum, NOW);
    expect([quorum.checkpoint.size, unhex(quorum.checkpoint.root)]).toEqual([size, root]);
    expect(quorum.cosignatures.map((each) => each.time_s).sort()).toEqual([...times_s].sort());
    expect(headTimes(quorum, board.faults)).toEqual({ lower_ms, upper_ms });
  }
  const keyring = new Keyring(manifest, pinned);
  expect(logKey(manifest)).toEqual(log);
  expect(witnessKeys(keyring)).toEqual(witnesses);
  expect(readHead(keyring, covering, NOW).checkpoint).toEqual(head);
});

// ------------------------------------------------------------------------------------------------------------ ceremony

test("H, X_j and the certificate of another ceremony", () => {
  const vectors = load("ceremony").ceremonies.find((each: any) => each.suite === "RISTRETTO255-SHA512");
  const other = change({ trustees: manifest.trustees.slice(0, vectors.trustees), threshold: vectors.threshold, kind: vectors.kind });
  const run: Run = {
    run: 1,
    keys: vectors.keys.map((body: string) => CEREMONY_KEY.parse(hex(body))),
    commitments: vectors.commitments.map((body: string) => CEREMONY_COMMITMENT.parse(hex(body))),
    dealings: vectors.dealings.map((body: string) => CEREMONY_DEALING.parse(hex(body))),
    acceptances: vectors.acceptances.map((body: string) => CEREMONY_ACCEPTANCE.parse(hex(body))),
  };
  const hash = hex(vectors.manifest_hash);
  const certificate = recomputeCertificate(other, hash, run);
  expect(unhex(certificate.key)).toBe(vectors.key);
  expect(certificate.shareKeys.map(unhex)).toEqual(vectors.share_keys);
  expect(unhex(certificate.hash)).toBe(vectors.certificate_hash);
  expectRefused("CEREMONY-1", () => recomputeCertificate(other, hash, { ...run, run: 2 }));
  expectRefused("CEREMONY-2", () => recomputeCertificate(other, hash, { ...run, keys: [...run.keys].reverse() }));
  expectRefused("THRESHOLD-2", () => recomputeCertificate(change({ ...other, threshold: 3 }), hash, run));
  // Committed to as it is, so that the number of its shares is what remains to be wrong.
  const dealings = run.dealings.map((each) => ({ ...each, shares: each.shares.slice(1) }));
  const commitments = run.commitments.map((each, at) => ({
    ...each,
    hash: taggedHash(tag(other.kind, "ceremony-commitment"), hash, CEREMONY_DEALING.toBytes(dealings[at]!)),
  }));
  expectRefused("CEREMONY-5", () => recomputeCertificate(other, hash, { ...run, dealings, commitments }));
  const acceptances = run.acceptances.map((each) => ({ ...each, digest: new Uint8Array(32) }));
  expectRefused("CEREMONY-8", () => recomputeCertificate(other, hash, { ...run, acceptances }));
});

// -------------------------------------------------------------------------------------------------------------- ballot

const styles = new Map(
  manifest.styles.map(({ id }) => [id, ballotContests(election, id).map((contest) => ({ id: contest.id, rule: contest.parsedRule }))]),
);
const verifier = new BallotVerifier("demo", pinned, election.key, styles);
const ballot = hex(ballotVectors.ballot);

test("hash, code, lock and challenge", () => {
  const hash = hashBallot("demo", ballot);
  expect(unhex(hash)).toBe(ballotVectors.ballot_hash);
  expect(trackingCode(hash)).toBe(ballotVectors.tracking_code);
  expect(parseTrackingCode(` ${ballotVectors.tracking_code.toLowerCase().replaceAll("-", " ")}`)).toEqual(hash.slice(0, 18));
  for (const wrong of ["", "2222", ballotVectors.tracking_code.replace("E", "B"), `${ballotVectors.tracking_code}2`]) {
    expect(parseTrackingCode(wrong)).toBeUndefined();
  }
  expect(unhex(lockOf("demo", hex(ballotVectors.opening)))).toBe(ballotVectors.lock);
  expect(unhex(castChallenge("demo", pinned, hash, hex(ballotVectors.nonce)))).toBe(ballotVectors.challenge);
  expect(() => castChallenge("demo", pinned, hash, new Uint8Array(87))).toThrow(Misuse);
  expect(() => lockOf("demo", new Uint8Array(31))).toThrow(Misuse);
});

test("a ballot of the record verifies; its parts say where it stands", () => {
  const parsed = verifier.verify(ballot);
  expect(ballotToBytes(parsed)).toEqual(ballot);
  const entry = parseEntry(hex(ballotVectors.entry));
  expect(equal(BALLOT_ENTRY.parse(entry.body).ballot, ballot)).toBe(true);
});

test("every ballot of the record verifies", () => {
  const bodies = entries.filter((entry) => entry.type === "ballot").map((entry) => parseBody(entry, "ballot"));
  for (const body of bodies.slice(0, 6)) verifier.verify(body.ballot);
  expect(bodies.length).toBeGreaterThan(5);
});

test("frames that are no ballot's", () => {
  for (const wrong of [new Uint8Array(0), ballot.slice(0, -1), concat(ballot, new Uint8Array(1)), ballot.map((byte, index) => (index === 0 ? 0x88 : byte))]) {
    expectRefused("BALLOT-1", () => parseBallot(wrong));
  }
  const parsed = parseBallot(ballot);
  expect(() => ballotToBytes({ ...parsed, number: -1 })).toThrow(Misuse);
  expectRefused("BALLOT-1", () => verifier.verify(ballotToBytes({ ...parsed, number: 0 })));
  expectRefused("BALLOT-1", () => verifier.verify(ballotToBytes({ ...parsed, style: 65_536 })));
  expectRefused("BALLOT-1", () => verifier.verify(ballotToBytes({ ...parsed, contests: [] })));
  expectRefused("BALLOT-2", () => verifier.verify(ballotToBytes({ ...parsed, manifestHash: new Uint8Array(32) })));
  expectRefused("BALLOT-3", () => verifier.verify(ballotToBytes({ ...parsed, style: 77 })));
  expectRefused("BALLOT-4", () => verifier.verify(ballotToBytes({ ...parsed, contests: [...parsed.contests, parsed.contests[0]!] })));
  const [first] = parsed.contests;
  const twice = { ...first!, ciphertexts: concat(first!.ciphertexts.slice(0, 64), first!.ciphertexts.slice(0, 64), first!.ciphertexts.slice(128)) };
  expectRefused("BALLOT-5", () => verifier.verify(ballotToBytes({ ...parsed, contests: [twice, ...parsed.contests.slice(1)] })));
});

const seed = new Uint8Array(32).map((_, index) => index);
const style = manifest.styles[0]!.id;
const choices = styles.get(style)!.map(({ rule }) => (rule.form === "one-of" ? [rule.options - 1] : Array.from({ length: rule.maximum }, (_, index) => index)));
const request = {
  kind: "demo" as const,
  manifestHash: pinned,
  key: election.key,
  style,
  contests: styles.get(style)!.map((contest, index) => ({ ...contest, chosen: choices[index]! })),
  pseudonym: new Uint8Array(16).fill(3),
  number: 1,
  previous: NO_PREVIOUS,
  head,
  seed,
};

test("seal and open", () => {
  const steps: number[] = [];
  const sealed = sealBallot(request, (done, total) => steps.push(done / total));
  expect(steps.at(-1)).toBe(1);
  expect([...steps].sort((left, right) => left - right)).toEqual(steps);
  verifier.verify(sealed.ballot);
  const facts = { kind: "demo" as const, key: election.key, styles };
  expect(openBallot(verifier, facts, sealed.ballot, seed, sealed.hash).map((each) => each.chosen)).toEqual(choices);
  const open = (data: Bytes, with_: Bytes, commitment: Bytes) => () => openBallot(verifier, facts, data, with_, commitment);
  expect(open(sealed.ballot, seed, flip(sealed.hash, 255))).toThrow(DoesNotOpen);
  expect(open(sealed.ballot, seed, sealed.hash.slice(0, 18))).toThrow(DoesNotOpen);
  expect(open(sealed.ballot, flip(seed, 1), sealed.hash)).toThrow(DoesNotOpen);
  // Another ballot of the same seed: same lock, but a choice of its own and another hash.
  const other = sealBallot({ ...request, contests: request.contests.map((each, index) => (index === 0 ? { ...each, chosen: [0] } : each)) });
  expect(open(other.ballot, seed, sealed.hash)).toThrow(DoesNotOpen);
  expect(openBallot(verifier, facts, other.ballot, seed, other.hash)[0]!.chosen).toEqual([0]);
  // A lock of this seed on ciphertexts of another one.
  const foreign = sealBallot({ ...request, seed: flip(seed, 1) });
  const mixed = parseBallot(foreign.ballot);
  expectRefused("PROOF-6", open(ballotToBytes({ ...mixed, lock: lockOf("demo", sealed.opening) }), seed, hashBallot("demo", ballotToBytes({ ...mixed, lock: lockOf("demo", sealed.opening) }))));
});

test("a lock, or ciphertexts, that are not of this seed, under proofs that verify", () => {
  const facts = { kind: "demo" as const, key: election.key, styles };
  const key = new EncryptionKey(parseElement(election.key));
  const [mine, other] = [new BallotSeed("demo", seed), new BallotSeed("demo", flip(seed, 1))];
  const make = (lockSeed: BallotSeed, votesSeed: BallotSeed): Bytes => {
    const lock = lockOf("demo", lockSeed.deriveOpening());
    const position = { pseudonym: request.pseudonym, number: 1, previous: NO_PREVIOUS, lock };
    const contests = request.contests.map(({ id, rule, chosen }) =>
      sealContest({ kind: "demo", manifestHash: pinned, style, contest: id, rule, key: election.key }, position, key, votesSeed, chosen),
    );
    return ballotToBytes({ manifestHash: pinned, style, ...position, headSize: head.size, headRoot: head.root, contests });
  };
  const what = (data: Bytes): string => {
    try {
      openBallot(verifier, facts, data, seed, hashBallot("demo", data));
      return "";
    } catch (error) {
      return (error as DoesNotOpen).what;
    }
  };
  expect(what(make(mine, mine))).toBe("");
  expect(what(make(other, mine))).toBe("lock");
  expect(what(make(mine, other))).toBe("ciphertexts");
});

test("sealing asks for what a ballot needs", () => {
  expect(() => sealBallot({ ...request, pseudonym: new Uint8Array(15) })).toThrow(Misuse);
  expect(() => sealBallot({ ...request, number: 0 })).toThrow(Misuse);
  expect(() => sealBallot({ ...request, contests: [] })).toThrow(Misuse);
  expect(() => sealBallot({ ...request, seed: new Uint8Array(31) })).toThrow(Misuse);
  expect(() => sealBallot({ ...request, contests: request.contests.map((each) => ({ ...each, chosen: [0, 1, 2, 3] })) })).toThrow(Misuse);
});

test("nonces", () => {
  const [key, hash, nonce] = [hex(ballotVectors.receipt_key), hashBallot("demo", ballot), hex(ballotVectors.nonce)];
  const { pseudonym } = parseBallot(ballot);
  const verify = (changed: Bytes, who = pseudonym, which = hash) => verifyNonce(manifest, pinned, key, who, which, changed);
  expect(verify(nonce)).toBe(ballotVectors.issued_at_ms);
  expectRefused("BALLOT-11", () => verify(flip(nonce, 0)));
  expectRefused("BALLOT-11", () => verify(flip(nonce, 300)));
  expectRefused("BALLOT-11", () => verify(nonce, new Uint8Array(16)));
  expectRefused("BALLOT-11", () => verify(nonce, pseudonym, new Uint8Array(32)));
  expectRefused("BALLOT-10", () => verify(concat(nonce.slice(0, 16), u64(manifest.closes_at_ms + 1), nonce.slice(24))));
  expectRefused("BALLOT-10", () => verify(nonce.slice(1)));
});

test("receipts", () => {
  const receipt = parseReceipt(hex(ballotVectors.receipt));
  const key = hex(ballotVectors.receipt_key);
  expect(unhex(receiptMessage("demo", receipt))).toBe(ballotVectors.receipt_message);
  verifyReceipt(receipt, manifest, pinned, [new Uint8Array(32), key]);
  const refuse = (changed: object, keys: Bytes[] = [key]) => expectRefused("RECEIPT-2", () => verifyReceipt({ ...receipt, ...changed }, manifest, pinned, keys));
  refuse({ ballot_hash: new Uint8Array(32) });
  refuse({ number: receipt.number + 1 });
  refuse({ deadline_ms: receipt.deadline_ms + 1 });
  refuse({ origin: "board.example/demo/other" });
  refuse({ manifest_hash: new Uint8Array(32) });
  refuse({ signature: new Uint8Array(64) });
  refuse({}, []);
  refuse({}, [manifest.log_key]);
  expectRefused("ENCODING-1", () => parseReceipt(concat(hex(ballotVectors.receipt), new Uint8Array(1))));
});

test("a receipt falls due", () => {
  const verify = (receipt: string, nowMs?: number) => verifyReceipt(parseReceipt(hex(receipt)), manifest, pinned, [hex(ballotVectors.receipt_key)], nowMs);
  const { receipt, issued_at_ms, last_receipt, endless_receipts } = ballotVectors;
  verify(last_receipt);
  expect(endless_receipts.length).toBe(2);
  for (const endless of endless_receipts) expectRefused("RECEIPT-2", () => verify(endless));
  // By the device's own time, which may be ten minutes slow, or fast by anything.
  verify(receipt, issued_at_ms - 600_000);
  verify(last_receipt, 1e15);
  expectRefused("RECEIPT-2", () => verify(receipt, issued_at_ms - 600_001));
  expectRefused("RECEIPT-2", () => verify(last_receipt, issued_at_ms));
});

test("a manifest is one encoding", () => {
  const body = hex(manifestVectors.manifest);
  expect(MANIFEST.toBytes(MANIFEST.parse(body))).toEqual(body);
  expect(toBase64(body).length).toBeGreaterThan(100);
});
