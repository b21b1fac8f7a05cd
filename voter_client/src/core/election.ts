/**
 * What a client verifies before it shows a ballot: the pinned manifest hash, the opening entry with H, the certificates of all
 * trustees, the quorum checkpoint that covers them (docs/spec/README.md, docs/client.md).
 *
 * One pure function over bytes that somebody fetched. Where the entries stand is a hint that may come from anywhere: what is
 * found there proves itself or is refused.
 */

import { type Head, readHead } from "./board.js";
import { type Bytes, equal } from "./bytes.js";
import { recomputeCertificate } from "./ceremony.js";
import {
  type BodyOf,
  type CeremonyCertificate,
  type Entry,
  MANIFEST,
  type Manifest,
  type Opening,
  parseBody,
  parseEntry,
} from "./entries.js";
import { Misuse, Refused } from "./errors.js";
import { contestsOfStyle, hashManifest, Keyring, type ManifestContest, type Parts, readParts, verifyManifest } from "./manifest.js";
import { type Get, neededTiles, TileReader } from "./merkle.js";
import type { Kind } from "./transcript.js";

/** Where the entries stand that a client reads, by index; the parts may be those of one style. */
export interface Places {
  readonly opening: number;
  /** The messages of the ceremony, at least those of the certified run: R0, R0.5, R1, R2, R3 of every trustee. */
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
  readonly log: TileReader;
}

/** Check that the bytes of entry 0 hold the manifest with the pinned hash; return it with its keys. */
export function verifyPinned(raw: Bytes, pinned: Bytes): { entry: Entry; keyring: Keyring } {
  const entry = parseEntry(raw);
  // Entry 0 MUST be the manifest.
  if (entry.type !== "manifest") throw new Refused("RECORD-1", "entry 0 is not the manifest", "server");
  const manifest = MANIFEST.parse(entry.body);
  const hash = hashManifest(manifest.kind, entry.body);
  // The manifest hash MUST be the one that is known from outside.
  if (!equal(hash, pinned)) throw new Refused("RECORD-3", "another election than the one that is known from outside", "server");
  verifyManifest(manifest);
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

/** Verify everything that a ballot rests on. Throws Refused with the first failing check. */
export function verifyElection(input: ElectionInput): Election {
  const { places } = input;
  const raw = (index: number): Bytes => {
    const bytes = input.entry(index);
    if (bytes === undefined) throw new Misuse(`entry ${index} was not handed in`);
    return bytes;
  };
  const { keyring } = verifyPinned(raw(0), input.pinned);
  const { manifest, manifestHash } = keyring;
  const readAt = (index: number): Entry => parseEntry(raw(index));
  const parts = readParts(manifest, places.parts.map(readAt));
  const ceremony = new CeremonyReader(keyring);
  // In the log's order, because each entry is signed under the keys of its moment.
  const controls = [...new Set([...places.ceremony, ...(places.rotations ?? []), places.opening])];
  for (const index of controls.sort((left, right) => left - right)) ceremony.take(readAt(index));
  const key = ceremony.key();
  const head = readHead(keyring, input.checkpoint, input.now_s);
  const { size, root } = head.checkpoint;
  const { entries } = neededFiles(places, size);
  if (entries.at(-1)! >= size) throw refuseOpening("no quorum checkpoint covers what the election rests on");
  const log = new TileReader(input.tile, size, root);
  for (const index of entries) log.requireEntry(index, raw(index));
  return { kind: manifest.kind, manifest, manifestHash, keyring, parts, key, openingIndex: places.opening, head, log };
}

/** Takes rotations, the messages of the certified run and the opening entry in the log's order; gives H. */
class CeremonyReader {
  private readonly messages: Entry[] = [];
  private readonly certificates: CeremonyCertificate[] = [];
  private opening: Opening | undefined;

  constructor(private readonly keyring: Keyring) {}

  take(entry: Entry): void {
    if (entry.type === "rotate") {
      const body = parseBody(entry, "rotate");
      this.keyring.verifyAuthors<"rotate">(entry, body);
      this.keyring.rotate(body);
    } else if (entry.type === "ceremony-certificate") {
      const body = parseBody(entry, "ceremony-certificate");
      this.keyring.verifyAuthors<"ceremony-certificate">(entry, body);
      this.certificates.push(body);
    } else if (entry.type === "opening") {
      if (this.opening !== undefined) throw refuseOpening("two opening entries");
      this.opening = parseBody(entry, "opening");
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

  private byTrustee<T extends RoundType>(type: T, run: number): BodyOf<T>[] {
    const bodies = this.messages.filter((entry) => entry.type === type).map((entry) => parseBody(entry, type));
    return bodies.filter((body) => body.run === run).sort((left, right) => left.trustee - right.trustee);
  }

  /** Check the opening against the ceremony's messages and every trustee's certificate, all of which stand before it. */
  private requireCertified(opening: Opening): void {
    const { manifest, manifestHash } = this.keyring;
    // A run that did not come to its end stays in the log; the last one that anybody certified is the one that counts.
    const run = Math.max(0, ...this.certificates.map((body) => body.run));
    const certificates = this.certificates.filter((body) => body.run === run);
    const signed = new Set(certificates.map((body) => body.trustee));
    if (signed.size !== manifest.trustees.length || signed.size !== certificates.length) {
      throw refuseOpening(`${signed.size} of ${manifest.trustees.length} trustees have certified`);
    }
    const certificate = recomputeCertificate(manifest, manifestHash, {
      run,
      keys: this.byTrustee("ceremony-key", run),
      commitments: this.byTrustee("ceremony-commitment", run),
      dealings: this.byTrustee("ceremony-dealing", run),
      acceptances: this.byTrustee("ceremony-acceptance", run),
    });
    const foreign = certificates.find((body) => !equal(body.hash, certificate.hash));
    // The certificate hash of R3 MUST be the one recomputed from R0, R0.5, R1 and R2.
    if (foreign !== undefined) {
      throw new Refused("CEREMONY-11", "another transcript was certified", `trustee ${foreign.trustee}`);
    }
    if (!equal(opening.key, certificate.key) || !equal(opening.certificate_hash, certificate.hash)) {
      throw refuseOpening("another key or certificate than the ceremony gave");
    }
  }
}

type RoundType = "ceremony-key" | "ceremony-commitment" | "ceremony-dealing" | "ceremony-acceptance";

function refuseOpening(reason: string): Refused {
  // The opening entry MUST repeat H and the certificate hash, after R3 of all n.
  return new Refused("CEREMONY-12", reason, "server");
}

/**
 * Check the head that a ballot is to name: a beginning of the verified tree that covers the opening entry. That it was sealed, and
 * covers the credential, only the board can tell.
 */
export function verifyHeadSeen(election: Election, head: { readonly size: number; readonly root: Bytes }): void {
  const { log, openingIndex } = election;
  const fits = Number.isSafeInteger(head.size) && head.size > openingIndex && head.size <= log.size;
  if (!fits || !equal(log.rootAt(head.size), head.root)) {
    // The head seen MUST be a quorum checkpoint of this log, and MUST cover the opening entry.
    throw new Refused("BALLOT-8", "the head is no beginning of the verified log, or older than its opening", "server");
  }
}

/** The contests that a slot of this style votes on, in order. */
export function ballotContests(election: Election, style: number): ManifestContest[] {
  return contestsOfStyle(election.manifest, election.parts.contests, style);
}
