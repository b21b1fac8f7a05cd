/**
 * That an election is the pinned one and was opened: manifest hash, officers, trustees' certificates, opening entry, quorum
 * checkpoint (docs/client.md).
 *
 * Pure functions over bytes that somebody fetched. Where the entries stand is a hint that may come from anywhere: what is
 * found there proves itself or is refused. `verifyOpened` needs no curve beyond signatures, so that a ballot can be shown early;
 * `election.ts` computes H again from the trustees' messages too, before anything is sealed under it.
 */

import { type Head, readHead } from "./board.js";
import { type Bytes, equal } from "./bytes.js";
import {
  CEREMONY_CERTIFICATE,
  type CeremonyCertificate,
  type Entry,
  MANIFEST,
  type Manifest,
  OPENING,
  type Opening,
  parseEntry,
  ROTATE,
} from "./entries.js";
import { Misuse, Refused } from "./errors.js";
import type { Kind } from "./hashing.js";
import { contestsOfStyle, hashManifest, Keyring, type ManifestContest, type Parts, readNamedParts } from "./manifest.js";
import { type Get, LeafReader, neededTiles } from "./merkle.js";

/** Where the entries stand that a client reads, by index; the parts may be those of one style. */
export interface Places {
  readonly opening: number;
  /** Messages of the ceremony: at least every trustee's certificate of the certified run. */
  readonly ceremony: readonly number[];
  readonly parts: readonly number[];
  /** Rotations of keys up to now, in order. */
  readonly rotations?: readonly number[];
}

export interface ElectionInput {
  /** The manifest hash that the client knows from outside. */
  readonly pinned: Bytes;
  /** The reader's clock in POSIX seconds: later cosignatures do not count. */
  readonly now_s: number;
  readonly checkpoint: Bytes;
  readonly places: Places;
  readonly entry: (index: number) => Bytes | undefined;
  readonly tile: Get;
}

/** An election whose key, contests and keys are verified. */
export interface Election {
  readonly kind: Kind;
  readonly manifest: Manifest;
  readonly manifestHash: Bytes;
  readonly keyring: Keyring;
  readonly parts: Parts;
  /** H. */
  readonly key: Bytes;
  readonly openingIndex: number;
  readonly head: Head;
  readonly log: LeafReader;
}

/** What is asked besides, where more than signatures can be checked. */
export interface Further {
  /** Whether the manifest is sound by itself: who pinned its hash has looked, and a program that seals looks again. */
  readonly judge: (manifest: Manifest) => void;
  readonly readParts: (manifest: Manifest, entries: readonly Entry[]) => Parts;
  /** Compute key and certificate hash of a run again from its messages. */
  readonly recompute: (keyring: Keyring, run: number, messages: readonly Entry[]) => { readonly key: Bytes; readonly hash: Bytes };
}

/** Check that the bytes of entry 0 hold the manifest with the pinned hash, signed by its officers; return it with its keys. */
export function readPinned(raw: Bytes, pinned: Bytes, judge: Further["judge"] | null): { entry: Entry; keyring: Keyring } {
  const entry = parseEntry(raw);
  // Entry 0 MUST be the manifest.
  if (entry.type !== "manifest") throw new Refused("RECORD-1", "entry 0 is not the manifest", "server");
  const manifest = MANIFEST.parse(entry.body);
  const hash = hashManifest(manifest.kind, entry.body);
  // The manifest hash MUST be the one that is known from outside.
  if (!equal(hash, pinned)) throw new Refused("RECORD-3", "another election than the one that is known from outside", "server");
  judge?.(manifest);
  const keyring = new Keyring(manifest, hash);
  keyring.verifyAuthors<"manifest">(entry, manifest);
  return { entry, keyring };
}

/** The indices that the check reads, entry 0 included, and the tiles that show them under a tree of this size. */
export function neededFiles(places: Places, size: number): { entries: number[]; tiles: string[] } {
  const wanted = [0, places.opening, ...places.ceremony, ...places.parts, ...(places.rotations ?? [])];
  const entries = [...new Set(wanted)].sort((left, right) => left - right);
  return { entries, tiles: neededTiles(size, entries.filter((index) => index < size)) };
}

/** Verify that the election was opened under its pinned hash. Throws Refused with the first failing check. */
export function verifyOpened(input: ElectionInput, further: Further | null = null): Election {
  const { places } = input;
  const raw = (index: number): Bytes => {
    const bytes = input.entry(index);
    if (bytes === undefined) throw new Misuse(`entry ${index} was not handed in`);
    return bytes;
  };
  const { keyring } = readPinned(raw(0), input.pinned, further?.judge ?? null);
  const { manifest, manifestHash } = keyring;
  const readAt = (index: number): Entry => parseEntry(raw(index));
  const parts = (further?.readParts ?? readNamedParts)(manifest, places.parts.map(readAt));
  const ceremony = new OpeningReader(keyring, further);
  // In the log's order, because each entry is signed under the keys of its moment.
  const controls = [...new Set([...places.ceremony, ...(places.rotations ?? []), places.opening])];
  for (const index of controls.sort((left, right) => left - right)) ceremony.take(readAt(index));
  if (readAt(places.opening).type !== "opening") throw refuseOpening("the opening entry does not stand where it is said to");
  const key = ceremony.key();
  const head = readHead(keyring, input.checkpoint, input.now_s);
  const { size, root } = head.checkpoint;
  const { entries } = neededFiles(places, size);
  if (entries.at(-1)! >= size) throw refuseOpening("no quorum checkpoint covers what the election rests on");
  const log = new LeafReader(input.tile, size, root);
  for (const index of entries) log.requireEntry(index, raw(index));
  return { kind: manifest.kind, manifest, manifestHash, keyring, parts, key, openingIndex: places.opening, head, log };
}

/** Takes rotations, the certificates of a run and the opening entry in the log's order; gives H. */
class OpeningReader {
  private readonly messages: Entry[] = [];
  private readonly certificates: CeremonyCertificate[] = [];
  private opening: Opening | undefined;

  constructor(
    private readonly keyring: Keyring,
    private readonly further: Further | null,
  ) {}

  take(entry: Entry): void {
    if (entry.type === "rotate") {
      const body = ROTATE.parse(entry.body);
      this.keyring.verifyAuthors<"rotate">(entry, body);
      this.keyring.rotate(body);
    } else if (entry.type === "ceremony-certificate") {
      const body = CEREMONY_CERTIFICATE.parse(entry.body);
      this.keyring.verifyAuthors<"ceremony-certificate">(entry, body);
      this.certificates.push(body);
    } else if (entry.type === "opening") {
      if (this.opening !== undefined) throw refuseOpening("two opening entries");
      this.opening = OPENING.parse(entry.body);
      this.keyring.verifyAuthors<"opening">(entry, this.opening);
      this.requireCertified(this.opening);
    } else {
      this.messages.push(entry);
    }
  }

  /** H, once the opening entry was taken. */
  key(): Bytes {
    if (this.opening === undefined) throw refuseOpening("no opening entry");
    return this.opening.key;
  }

  /** Check the opening against every trustee's certificate, and where that is asked against the ceremony's messages. */
  private requireCertified(opening: Opening): void {
    const { manifest } = this.keyring;
    // A run that did not come to its end stays in the log; the last one that anybody certified is the one that counts.
    const run = Math.max(0, ...this.certificates.map((body) => body.run));
    const certificates = this.certificates.filter((body) => body.run === run);
    const signed = new Set(certificates.map((body) => body.trustee));
    if (signed.size !== manifest.trustees.length || signed.size !== certificates.length) {
      throw refuseOpening(`${signed.size} of ${manifest.trustees.length} trustees have certified`);
    }
    const given = this.further?.recompute(this.keyring, run, this.messages) ?? { key: opening.key, hash: opening.certificate_hash };
    const foreign = certificates.find((body) => !equal(body.hash, given.hash));
    // The certificate hash of R3 MUST be the one recomputed from R0, R0.5, R1 and R2.
    if (foreign !== undefined) {
      throw new Refused("CEREMONY-11", "another transcript was certified", `trustee ${foreign.trustee}`);
    }
    if (!equal(opening.key, given.key) || !equal(opening.certificate_hash, given.hash)) {
      throw refuseOpening("another key or certificate than the ceremony gave");
    }
  }
}

function refuseOpening(reason: string): Refused {
  // The opening entry MUST repeat H and the certificate hash, after R3 of all n.
  return new Refused("CEREMONY-12", reason, "server");
}

/** The contests that a slot of this style votes on, in order. */
export function ballotContests(election: Election, style: number): ManifestContest[] {
  return contestsOfStyle(election.manifest, election.parts.contests, style);
}
