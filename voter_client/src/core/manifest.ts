/**
 * Entry 0 and its parts, and everybody's keys (docs/spec/manifest.md).
 *
 * `verifyManifest` leaves out one rule: the proofs of possession of BLS keys, since the client counts no BLS certificate.
 */

import { type Bytes, equal, toHex, utf8 } from "./bytes.js";
import { MAX_ENTRY_SIZE } from "./encoding.js";
import {
  type BodyOf,
  type Contest,
  CONTEST,
  type Entry,
  type EntryType,
  type Manifest,
  type Rotate,
  type Unit,
  UNITS,
} from "./entries.js";
import { Refused } from "./errors.js";
import { type Kind, tag, taggedHash } from "./hashing.js";
import { authorMessage, keyId } from "./notes.js";
import { ciphertextsSize, parseRule, proofSize, type Rule } from "./rules.js";
import { requireSuite } from "./suite.js";
import { isPublished, verifyEd25519 } from "./verifying.js";

export const ZERO_HASH: Bytes = /* @__PURE__ */ new Uint8Array(32);
const MAX_LEAF_UNITS = 8192;
const UNIT_SIZE = 5;
const AGGREGATE_ROOM = 256;
const BALLOT_ROOM = 4_096;
const KINDS = ["demo", "practice", "real"];

/** The manifest hash: the one value that must be known from outside. */
export function hashManifest(kind: Kind, body: Bytes): Bytes {
  return taggedHash(tag(kind, "manifest"), body);
}

/** The hash by which the manifest names a part entry. */
export function hashPart(kind: Kind, type: string, body: Bytes): Bytes {
  return taggedHash(tag(kind, "part"), utf8(type), body);
}

// ----------------------------------------------------------------------------------------------- the manifest by itself

function differ(values: readonly string[]): boolean {
  return new Set(values).size === values.length;
}

/** Check a manifest by itself, in the order of the specification's numbers. */
export function verifyManifest(manifest: Manifest): void {
  requireSuite(manifest.suite);
  if (manifest.threshold <= 1 || manifest.threshold >= manifest.trustees.length) {
    throw new Refused("THRESHOLD-1", `${manifest.threshold} of ${manifest.trustees.length} trustees`, "manifest");
  }
  verifyTimes(manifest);
  verifyWitnesses(manifest);
  verifyKeys(manifest);
  verifyPlaces(manifest);
  verifyReality(manifest);
}

function verifyTimes(manifest: Manifest): void {
  const deadlines = manifest.round_deadlines_ms;
  const ordered =
    deadlines.every((deadline, at) => at === 0 || deadlines[at - 1]! <= deadline) &&
    deadlines.at(-1)! < manifest.opens_at_ms &&
    manifest.opens_at_ms < manifest.closes_at_ms &&
    manifest.settle_ms >= 3 * manifest.interval_ms &&
    manifest.receipt_delay_ms >= manifest.interval_ms &&
    manifest.release_by_ms > manifest.closes_at_ms + manifest.grace_ms + manifest.dispute_ms;
  // Round deadlines MUST rise and end before opens_at, opening MUST come before closing, settle_ms MUST be at least
  // three intervals, receipt_delay_ms at least one, and release_by MUST come after the dispute period.
  if (!ordered) throw new Refused("MANIFEST-1", "its times are not in order", "manifest");
}

function verifyWitnesses(manifest: Manifest): void {
  const { quorum, faults, witnesses } = manifest;
  const sound = quorum <= witnesses.length && 2 * quorum > witnesses.length + faults && faults < quorum;
  const names = witnesses.map((witness) => witness.name);
  // With n witnesses, f faulty ones and a quorum of k, 2k > n + f and f < k <= n MUST hold; names MUST differ.
  if (!sound || !differ(names) || !names.every((name) => /^[A-Za-z0-9._:/-]+$/.test(name))) {
    throw new Refused("MANIFEST-2", `${quorum} of ${witnesses.length} with ${faults} faulty is no quorum`, "manifest");
  }
}

/** Every Ed25519 key that a manifest names, in the order of its roles. */
export function namedKeys(manifest: Manifest): Bytes[] {
  const people = [manifest.trustees, manifest.registrars, manifest.officers, manifest.witnesses];
  return [manifest.log_key, manifest.receipt_key, ...people.flatMap((group) => group.map((person) => person.key))];
}

function verifyKeys(manifest: Manifest): void {
  const bodies = (people: readonly { readonly body: string }[]) => new Set(people.map((person) => person.body)).size;
  // No key MUST stand for two roles or persons; registrars MUST be of two bodies, officers of at least two.
  if (!differ(namedKeys(manifest).map(toHex)) || bodies(manifest.registrars) < 2 || bodies(manifest.officers) < 2) {
    throw new Refused("MANIFEST-4", "one key or one body holds what two must hold", "manifest");
  }
}

const HOST = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;

function verifyPlaces(manifest: Manifest): void {
  const hosts = manifest.origins.map((origin) => /^https?:\/\/([a-z0-9.-]+)(:[0-9]{1,5})?$/.exec(origin)?.[1] ?? "");
  const served = hosts.every((host) => host === manifest.rp_id || host.endsWith(`.${manifest.rp_id}`));
  const steps = manifest.origin.split("/").slice(1);
  const { imported } = manifest;
  const foreign =
    imported === null ||
    (imported.origin !== manifest.origin && !namedKeys(manifest).some((key) => equal(key, imported.log_key)));
  const fits =
    /^[a-z0-9.:-]+(\/[a-z0-9._-]+)+$/.test(manifest.origin) &&
    steps.filter((step) => KINDS.includes(step)).join() === manifest.kind &&
    HOST.test(manifest.rp_id);
  // The log's origin MUST be host and path in lower case with the kind, and no other kind, as one step of the path;
  // every web origin MUST be of the rpId's host or below it; an imported log MUST be another log with another key.
  if (!fits || !served || !foreign) {
    throw new Refused("MANIFEST-5", "origin, rpId or web origins do not fit together", "manifest");
  }
}

function verifyReality(manifest: Manifest): void {
  if (manifest.kind !== "real") return;
  const wrong =
    manifest.software_keys ||
    manifest.origins.some((origin) => !origin.startsWith("https://")) ||
    manifest.minimum_cell < 10 ||
    manifest.faults < 1 ||
    namedKeys(manifest).some(isPublished);
  // A real election MUST have https origins only, no software keys, cells of at least 10, faults of at least 1, and no
  // published keys.
  if (wrong) throw new Refused("MANIFEST-6", "a real election with what only a practice one may have", "manifest");
}

// ------------------------------------------------------------------------------------------------------------ the parts

/** A contest as the manifest names it. */
export interface ManifestContest extends Contest {
  readonly parsedRule: Rule;
  /** Its place in the manifest's list. */
  readonly place: number;
}

/** The parts that were handed in; a voter's client reads only those of its style. */
export interface Parts {
  readonly contests: ReadonlyMap<number, ManifestContest>;
  readonly units: ReadonlyMap<number, Unit>;
  readonly complete: boolean;
}

/** Read part entries, each of which the manifest must name. Where all are there, they are also judged together. */
export function readParts(manifest: Manifest, entries: readonly Entry[]): Parts {
  const parts = readNamedParts(manifest, entries);
  if (parts.complete) {
    const leaves = verifyGeography(parts);
    verifyStyles(manifest, parts);
    verifySizes(manifest, parts, leaves);
  }
  return parts;
}

/** Read part entries, each of which the manifest must name, one by one. */
export function readNamedParts(manifest: Manifest, entries: readonly Entry[]): Parts {
  const contests = new Map<number, ManifestContest>();
  const units = new Map<number, Unit>();
  const seen = new Set<string>();
  for (const entry of entries) {
    const named = entry.type === "contest" ? manifest.contests : entry.type === "units" ? manifest.units : [];
    const hash = hashPart(manifest.kind, entry.type, entry.body);
    const place = named.findIndex((name) => equal(name, hash));
    // Parts MUST follow the manifest in block 0, exactly those that it names, contests first, in its order.
    if (place < 0) throw new Refused("MANIFEST-7", "not a part that the manifest names", "server");
    seen.add(toHex(hash));
    if (entry.type === "contest") addContest(contests, CONTEST.parse(entry.body), place);
    else for (const unit of UNITS.parse(entry.body).units) addUnit(units, unit);
  }
  const complete = seen.size === new Set([...manifest.contests, ...manifest.units].map(toHex)).size;
  return { contests: new Map([...contests].sort(([, left], [, right]) => left.place - right.place)), units, complete };
}

function addContest(contests: Map<number, ManifestContest>, contest: Contest, place: number): void {
  const parsedRule = parseRule(contest.rule);
  if (contests.has(contest.id) || parsedRule.options !== contest.options.length) {
    throw refuseContest(`contest ${contest.id} is there or does not fit its rule`);
  }
  contests.set(contest.id, { ...contest, parsedRule, place });
}

function addUnit(units: Map<number, Unit>, unit: Unit): void {
  if (units.has(unit.id)) throw refuseUnits(`unit ${unit.id} occurs twice`);
  units.set(unit.id, unit);
}

function refuseContest(reason: string): Refused {
  // Contests MUST have distinct ids, and exactly as many options as their rule says, few enough that sums of one cell
  // of all leaf units, and a ballot of each style, fit into an entry.
  return new Refused("MANIFEST-8", reason, "manifest");
}

function refuseUnits(reason: string): Refused {
  // Units MUST have distinct ids and form a tree under one root, with exactly one district on the way from each leaf to
  // the root, at most 8,192 leaves; a contest's region MUST be a unit, the same for all contests of one question.
  return new Refused("MANIFEST-9", reason, "manifest");
}

/** Check units and regions together; return the number of leaves. */
function verifyGeography({ contests, units }: Parts): number {
  const parents = new Set<number>();
  for (const unit of units.values()) {
    if (unit.parent === null) continue;
    if (!units.has(unit.parent)) throw refuseUnits(`unit ${unit.id} lies in a unit that does not exist`);
    parents.add(unit.parent);
  }
  const roots = [...units.values()].filter((unit) => unit.parent === null);
  if (roots.length !== 1) throw refuseUnits(`${roots.length} roots`);
  let leaves = 0;
  for (const unit of units.values()) {
    let districts = 0;
    let steps = 0;
    for (let at: Unit | undefined = unit; at !== undefined; at = at.parent === null ? undefined : units.get(at.parent)) {
      if (at.district) districts++;
      if (++steps > units.size) throw refuseUnits("units that contain each other");
    }
    if (parents.has(unit.id)) continue;
    leaves++;
    if (districts !== 1) throw refuseUnits(`leaf ${unit.id} lies in ${districts} districts`);
  }
  const regions = new Map<number, number>();
  for (const contest of contests.values()) {
    const region = regions.get(contest.question) ?? contest.region;
    regions.set(contest.question, region);
    if (!units.has(contest.region) || region !== contest.region) {
      throw refuseUnits(`contest ${contest.id} has no region, or another one than its question`);
    }
  }
  if (leaves > MAX_LEAF_UNITS) throw refuseUnits(`${leaves} leaf units`);
  return leaves;
}

function verifyStyles(manifest: Manifest, { contests }: Parts): void {
  for (const style of manifest.styles) contestsOfStyle(manifest, contests, style.id);
  if (!differ(manifest.styles.map((style) => String(style.id)))) throw refuseStyle("a style that occurs twice");
}

function refuseStyle(reason: string): Refused {
  // Styles MUST have distinct ids and name existing contests, each once, in the manifest's order.
  return new Refused("MANIFEST-10", reason, "manifest");
}

/** The contests of a style in the manifest's order; Refused where one is missing or out of order. */
export function contestsOfStyle(
  manifest: Manifest,
  contests: ReadonlyMap<number, ManifestContest>,
  style: number,
): ManifestContest[] {
  const named = manifest.styles.find((each) => each.id === style);
  if (named === undefined) throw refuseStyle(`there is no style ${style}`);
  const found = named.contests.map((id) => contests.get(id));
  let last = -1;
  return found.map((contest) => {
    if (contest === undefined || contest.place <= last) throw refuseStyle(`style ${style} does not name contests in order`);
    last = contest.place;
    return contest;
  });
}

function verifySizes(manifest: Manifest, { contests }: Parts, leaves: number): void {
  for (const contest of contests.values()) {
    const size = ciphertextsSize(contest.parsedRule) + leaves * UNIT_SIZE + AGGREGATE_ROOM;
    if (size > MAX_ENTRY_SIZE) throw refuseContest(`the sums of contest ${contest.id} would not fit into an entry`);
  }
  for (const style of manifest.styles) {
    const rules = contestsOfStyle(manifest, contests, style.id).map((contest) => contest.parsedRule);
    const size = rules.reduce((total, rule) => total + ciphertextsSize(rule) + proofSize(rule), 0);
    if (size + BALLOT_ROOM > MAX_ENTRY_SIZE) throw refuseContest(`a ballot of style ${style.id} would not fit into an entry`);
  }
}

// ------------------------------------------------------------------------------------------------------------- the keys

type Role = "log" | "receipt" | "trustee" | "registrar" | "officer" | "witness";

interface Holder {
  readonly role: Role;
  readonly place: number;
  readonly body: string;
  readonly key: Bytes;
}

type Authorship = "two-officers" | "two-registrars" | "log" | "trustee" | "officer" | "nobody" | "rotation";

const AUTHORS: Readonly<Record<EntryType, Authorship>> = {
  manifest: "two-officers",
  contest: "log",
  units: "log",
  seal: "log",
  "ceremony-key": "trustee",
  "ceremony-commitment": "trustee",
  "ceremony-dealing": "trustee",
  "ceremony-acceptance": "trustee",
  "ceremony-complaint": "trustee",
  "ceremony-certificate": "trustee",
  round: "two-officers",
  client: "two-officers",
  roll: "two-registrars",
  freeze: "two-officers",
  drill: "two-officers",
  "drill-share": "trustee",
  opening: "two-officers",
  credential: "two-registrars",
  ballot: "nobody",
  spoiled: "log",
  change: "two-registrars",
  strike: "two-registrars",
  close: "two-officers",
  aggregate: "log",
  share: "trustee",
  result: "two-officers",
  certificate: "log",
  dispute: "log",
  release: "two-officers",
  decision: "two-officers",
  incident: "officer",
  rotate: "rotation",
  imported: "log",
};

/** Every signing key of the election, by key id, as rotations have left it. */
export class Keyring {
  private readonly holders = new Map<string, Holder>();
  private readonly known = new Set<string>();
  /** All receipt keys that ever were, newest last. */
  readonly receiptKeys: Bytes[] = [];

  constructor(
    readonly manifest: Manifest,
    readonly manifestHash: Bytes,
  ) {
    this.hold({ role: "log", place: 0, body: "", key: manifest.log_key });
    this.hold({ role: "receipt", place: 0, body: "", key: manifest.receipt_key });
    manifest.registrars.forEach(({ body, key }, place) => this.hold({ role: "registrar", place, body, key }));
    manifest.officers.forEach(({ body, key }, place) => this.hold({ role: "officer", place, body, key }));
    manifest.trustees.forEach(({ key }, place) => this.hold({ role: "trustee", place, body: "", key }));
    manifest.witnesses.forEach(({ key }, place) => this.hold({ role: "witness", place, body: "", key }));
    this.receiptKeys.push(manifest.receipt_key);
  }

  private hold(holder: Holder): void {
    this.holders.set(toHex(keyId(holder.key)), holder);
    this.known.add(toHex(holder.key));
  }

  /** The witnesses' names and keys as they stand now. */
  witnesses(): { name: string; key: Bytes }[] {
    const holders = [...this.holders.values()].filter((holder) => holder.role === "witness");
    return holders
      .sort((left, right) => left.place - right.place)
      .map(({ place, key }) => ({ name: this.manifest.witnesses[place]!.name, key }));
  }

  /** Check who signs an entry, and every signature. */
  verifyAuthors<T extends EntryType>(entry: Entry, body: BodyOf<T>): void {
    const signers = entry.signatures.map(({ keyId: id }) => this.holders.get(toHex(id)));
    const known = signers.filter((signer) => signer !== undefined);
    // An entry MUST carry signatures of exactly the authors that its type asks for.
    if (known.length < signers.length || !this.areAuthors(entry.type, body, known)) {
      throw new Refused("MANIFEST-11", `not signed by those who may write a ${entry.type} entry`, "author");
    }
    const bound = entry.type === "manifest" ? ZERO_HASH : this.manifestHash;
    entry.signatures.forEach(({ keyId: id, signature }, at) => {
      const signer = known[at]!;
      const message = authorMessage(tag(this.manifest.kind, "author"), bound, entry.type, id, entry.body);
      try {
        verifyEd25519(signer.key, message, signature);
      } catch (error) {
        // Every author signature MUST verify over tag, manifest hash, type, key id and body.
        const refusal = new Refused("MANIFEST-12", "the signature does not verify", `${signer.role} ${signer.place + 1}`);
        throw error instanceof Refused ? refusal : error;
      }
    });
  }

  private areAuthors(type: EntryType, body: unknown, signers: readonly Holder[]): boolean {
    const roles = signers.map((signer) => signer.role).join();
    switch (AUTHORS[type]) {
      case "nobody":
        return signers.length === 0;
      case "two-registrars":
        return roles === "registrar,registrar";
      case "two-officers":
        return areTwoOfficers(signers);
      case "log":
        return roles === "log";
      case "officer":
        return roles === "officer";
      case "trustee":
        return roles === "trustee" && signers[0]!.place + 1 === (body as { readonly trustee: number }).trustee;
      case "rotation":
        return this.mayRotate(body as Rotate, signers);
    }
  }

  private mayRotate(body: Rotate, signers: readonly Holder[]): boolean {
    const old = this.holders.get(toHex(body.old));
    if (old === undefined || old.role !== body.role || body.role === "log") return false;
    const byOld = signers.includes(old);
    const others = signers.filter((signer) => signer !== old);
    const officers = others.filter((signer) => signer.role === "officer");
    const rest = others.filter((signer) => signer.role !== "officer");
    const byOfficers = areTwoOfficers(officers);
    if (body.role === "trustee") return byOld && others.length === 0;
    if (body.role === "witness") {
      const trustees = rest.filter((signer) => signer.role === "trustee");
      return byOfficers && trustees.length >= this.manifest.threshold && trustees.length === signers.length - 2;
    }
    const otherRegistrar = body.role === "registrar";
    if (rest.map((signer) => signer.role).join() !== (otherRegistrar ? "registrar" : "")) return false;
    return byOld ? officers.length === 0 : byOfficers;
  }

  /** Let a rotation hold whose authors were verified. */
  rotate(body: Rotate): void {
    const old = this.holders.get(toHex(body.old));
    const published = this.manifest.kind === "real" && isPublished(body.new);
    // A new key MUST never have stood in this election before, and MUST NOT be a published one where it is real.
    if (old === undefined || this.known.has(toHex(body.new)) || published) {
      throw new Refused("MANIFEST-13", "the new key was here before or is published", body.role);
    }
    this.holders.delete(toHex(body.old));
    this.hold({ ...old, key: body.new });
    if (old.role === "receipt") this.receiptKeys.push(body.new);
  }
}

function areTwoOfficers(signers: readonly Holder[]): boolean {
  const bodies = new Set(signers.filter((signer) => signer.role === "officer").map((signer) => signer.body));
  return signers.length === 2 && bodies.size === 2;
}
