/** The body of every type of entry (docs/spec/entries.md and the pages of the objects). */

import {
  bytesField,
  choiceField,
  flagField,
  intField,
  itemsField,
  MAX_ENTRY_SIZE,
  MAX_UINT,
  type Message,
  type MessageOf,
  message,
  optionalField,
  targetField,
  textField,
  uintField,
} from "./encoding.js";
import type { Entry, EntryType } from "./envelope.js";
import { Misuse } from "./errors.js";

export * from "./envelope.js";

const U16 = 65_535;
const U32 = 4_294_967_295;

const hash = /* @__PURE__ */ bytesField(32);
const publicKey = /* @__PURE__ */ bytesField(32);
const pseudonym = /* @__PURE__ */ bytesField(16);
const point = /* @__PURE__ */ bytesField(32, 33);
const knowledgeProof = /* @__PURE__ */ bytesField(64, 65);
const equalityProof = /* @__PURE__ */ bytesField(96, 98);
const count = /* @__PURE__ */ uintField(U32);
const id16 = /* @__PURE__ */ uintField(U16);
const unitId = /* @__PURE__ */ uintField(U32);
const trusteeIndex = /* @__PURE__ */ uintField(255, 1);
const number16 = /* @__PURE__ */ uintField(U16, 1);
const timeMs = /* @__PURE__ */ uintField();
const reason = /* @__PURE__ */ textField(1_000);
const coseKey = /* @__PURE__ */ bytesField(1, 600);
const assurance = /* @__PURE__ */ choiceField(["passkey", "security-key", "software"]);

const TEXT3 = /* @__PURE__ */ message({ ky: textField(500), ru: textField(500), en: textField(500) });
const TRUSTEE = /* @__PURE__ */ message({ name: textField(200), key: publicKey });
const BODY_KEY = /* @__PURE__ */ message({ name: textField(200), body: textField(200), key: publicKey });
const BLS_KEY = /* @__PURE__ */ message({ key: bytesField(48), proof: bytesField(96) });
const WITNESS = /* @__PURE__ */ message({ name: textField(200), key: publicKey, bls: optionalField(BLS_KEY) });
const STYLE = /* @__PURE__ */ message({ id: id16, contests: itemsField(uintField(U16), 1, 64) });
const IMPORTED_LOG = /* @__PURE__ */ message({
  manifest_hash: hash,
  origin: textField(200),
  log_key: publicKey,
  closed_size: timeMs,
  closed_root: hash,
});

/** Entry 0; times in ms since 1970, durations in ms. */
export const MANIFEST = /* @__PURE__ */ message({
  protocol: uintField(1, 1),
  suite: textField(64),
  kind: choiceField(["demo", "practice", "real"]),
  origin: textField(200),
  short_name: textField(40),
  title: TEXT3,
  opens_at_ms: timeMs,
  closes_at_ms: timeMs,
  grace_ms: timeMs,
  settle_ms: timeMs,
  interval_ms: uintField(MAX_UINT, 1),
  receipt_delay_ms: timeMs,
  dispute_ms: timeMs,
  change_delay_ms: timeMs,
  release_by_ms: timeMs,
  round_deadlines_ms: itemsField(uintField(), 4, 4),
  minimum_cell: uintField(U32, 1),
  threshold: trusteeIndex,
  log_key: publicKey,
  receipt_key: publicKey,
  trustees: itemsField(TRUSTEE, 1, 255),
  registrars: itemsField(BODY_KEY, 2, 2),
  officers: itemsField(BODY_KEY, 2, 16),
  witnesses: itemsField(WITNESS, 1, 15),
  faults: uintField(15),
  quorum: uintField(15, 1),
  rp_id: textField(253),
  origins: itemsField(textField(300), 1, 8),
  algorithms: itemsField(intField([-7, -8, -257]), 1, 3),
  software_keys: flagField,
  styles: itemsField(STYLE, 1, 1024),
  contests: itemsField(bytesField(32), 1, 512),
  units: itemsField(bytesField(32), 1, 512),
  imported: optionalField(IMPORTED_LOG),
});

const OPTION = /* @__PURE__ */ message({ name: TEXT3 });

export const CONTEST = /* @__PURE__ */ message({
  id: id16,
  question: id16,
  title: TEXT3,
  rule: bytesField(4, 64),
  options: itemsField(OPTION, 2, 1024),
  region: unitId,
  seats: uintField(1024, 1),
});

const UNIT = /* @__PURE__ */ message({ id: unitId, parent: optionalField(uintField(U32)), name: TEXT3, district: flagField });
export const UNITS = /* @__PURE__ */ message({ units: itemsField(UNIT, 1, 4096) });

export const SEAL = /* @__PURE__ */ message({
  block: count,
  checkpoint: bytesField(1, 1_024),
  quorum: itemsField(bytesField(1, 8_192), 0, 32),
  tokens: itemsField(bytesField(1, 16_384), 0, 3),
});

export const CEREMONY_KEY = /* @__PURE__ */ message({
  run: number16,
  trustee: trusteeIndex,
  key: point,
  proof: knowledgeProof,
});
export const CEREMONY_COMMITMENT = /* @__PURE__ */ message({ run: number16, trustee: trusteeIndex, hash });
export const CEREMONY_DEALING = /* @__PURE__ */ message({
  run: number16,
  trustee: trusteeIndex,
  commitments: itemsField(bytesField(32, 33), 1, 255),
  proof: knowledgeProof,
  ephemeral: point,
  ephemeral_proof: knowledgeProof,
  shares: itemsField(bytesField(32), 1, 255),
});
export const CEREMONY_ACCEPTANCE = /* @__PURE__ */ message({ run: number16, trustee: trusteeIndex, digest: hash });
export const CEREMONY_COMPLAINT = /* @__PURE__ */ message({
  run: number16,
  trustee: trusteeIndex,
  against: trusteeIndex,
  point,
  proof: equalityProof,
});
export const CEREMONY_CERTIFICATE = /* @__PURE__ */ message({ run: number16, trustee: trusteeIndex, hash });
export const ROUND = /* @__PURE__ */ message({
  run: number16,
  round: uintField(5, 1),
  missing: itemsField(uintField(255, 1), 0, 255),
  disqualified: itemsField(uintField(255, 1), 0, 255),
});

const CLIENT_FILE = /* @__PURE__ */ message({ name: textField(200), hash });
export const CLIENT = /* @__PURE__ */ message({ files: itemsField(CLIENT_FILE, 1, 512) });

const ROLL_GROUP = /* @__PURE__ */ message({ unit: unitId, style: id16, pseudonyms: bytesField(16, 65_520, 16) });
export const ROLL_CHUNK = /* @__PURE__ */ message({ number: count, groups: itemsField(ROLL_GROUP, 1, 1024) });
const DISTRICT_SLOTS = /* @__PURE__ */ message({ district: unitId, count });
export const FREEZE = /* @__PURE__ */ message({ chunks: count, slots: itemsField(DISTRICT_SLOTS, 1, 4096) });

export const DRILL = /* @__PURE__ */ message({ number: number16, size: timeMs, root: hash });
export const DRILL_SHARE = /* @__PURE__ */ message({
  number: number16,
  trustee: trusteeIndex,
  value: point,
  proof: equalityProof,
});
export const OPENING = /* @__PURE__ */ message({ key: point, certificate_hash: hash });

export const CREDENTIAL = /* @__PURE__ */ message({ pseudonym, key: coseKey, assurance });
export const BALLOT_ENTRY = /* @__PURE__ */ message({
  ballot: bytesField(1, MAX_ENTRY_SIZE),
  nonce: bytesField(88),
  authenticator_data: bytesField(37, 1_024),
  client_data: bytesField(1, 1_024),
  signature: bytesField(1, 512),
});
export const SPOILED = /* @__PURE__ */ message({ ballot: bytesField(1, MAX_ENTRY_SIZE), opening: bytesField(32) });
export const CHANGE = /* @__PURE__ */ message({ pseudonym, key: coseKey, assurance, reason });
export const STRIKE = /* @__PURE__ */ message({ pseudonym, reason });

export const CLOSE = /* @__PURE__ */ message({ ballots: count });
export const AGGREGATE = /* @__PURE__ */ message({
  contest: id16,
  cell: count,
  units: itemsField(uintField(U32), 1, 8192),
  ballots: count,
  sums: bytesField(64, MAX_ENTRY_SIZE),
});
export const SHARE = /* @__PURE__ */ message({
  trustee: trusteeIndex,
  closed_root: hash,
  part: id16,
  parts: number16,
  values: bytesField(32, MAX_ENTRY_SIZE),
  proof: equalityProof,
});
export const RESULT = /* @__PURE__ */ message({ contest: id16, cell: count, votes: itemsField(uintField(U32), 1, 1024) });
export const CERTIFICATE = /* @__PURE__ */ message({
  size: timeMs,
  root: hash,
  signers: itemsField(textField(200), 1, 15),
  signature: bytesField(96),
});
export const DISPUTE = /* @__PURE__ */ message({ receipt: bytesField(1, 1_024) });
const RELEASE_ITEM = /* @__PURE__ */ message({
  target: targetField(uintField(), bytesField(32), choiceField(["late"])),
  effect: reason,
});
export const RELEASE = /* @__PURE__ */ message({ items: itemsField(RELEASE_ITEM, 1, 512) });
export const DECISION = /* @__PURE__ */ message({
  action: choiceField(["withdrawn", "annulled", "struck"]),
  contest: id16,
  target: count,
  document_hash: hash,
});
export const INCIDENT = /* @__PURE__ */ message({ document_hash: hash, note: reason });
export const ROTATE = /* @__PURE__ */ message({
  role: choiceField(["log", "receipt", "trustee", "registrar", "officer", "witness"]),
  old: bytesField(8),
  new: publicKey,
  reason,
});
export const IMPORTED = /* @__PURE__ */ message({
  entry: bytesField(1, 65_000),
  index: timeMs,
  proof: itemsField(bytesField(32), 0, 63),
});

export type Text3 = MessageOf<typeof TEXT3>;
export type Manifest = MessageOf<typeof MANIFEST>;
export type Contest = MessageOf<typeof CONTEST>;
export type Unit = MessageOf<typeof UNIT>;
export type Units = MessageOf<typeof UNITS>;
export type Seal = MessageOf<typeof SEAL>;
export type CeremonyKey = MessageOf<typeof CEREMONY_KEY>;
export type CeremonyCommitment = MessageOf<typeof CEREMONY_COMMITMENT>;
export type CeremonyDealing = MessageOf<typeof CEREMONY_DEALING>;
export type CeremonyAcceptance = MessageOf<typeof CEREMONY_ACCEPTANCE>;
export type CeremonyComplaint = MessageOf<typeof CEREMONY_COMPLAINT>;
export type CeremonyCertificate = MessageOf<typeof CEREMONY_CERTIFICATE>;
export type Round = MessageOf<typeof ROUND>;
export type Client = MessageOf<typeof CLIENT>;
export type RollChunk = MessageOf<typeof ROLL_CHUNK>;
export type Freeze = MessageOf<typeof FREEZE>;
export type Drill = MessageOf<typeof DRILL>;
export type DrillShare = MessageOf<typeof DRILL_SHARE>;
export type Opening = MessageOf<typeof OPENING>;
export type Credential = MessageOf<typeof CREDENTIAL>;
export type BallotEntry = MessageOf<typeof BALLOT_ENTRY>;
export type Spoiled = MessageOf<typeof SPOILED>;
export type Change = MessageOf<typeof CHANGE>;
export type Strike = MessageOf<typeof STRIKE>;
export type Close = MessageOf<typeof CLOSE>;
export type Aggregate = MessageOf<typeof AGGREGATE>;
export type Share = MessageOf<typeof SHARE>;
export type Result = MessageOf<typeof RESULT>;
export type Certificate = MessageOf<typeof CERTIFICATE>;
export type Dispute = MessageOf<typeof DISPUTE>;
export type Release = MessageOf<typeof RELEASE>;
export type Decision = MessageOf<typeof DECISION>;
export type Incident = MessageOf<typeof INCIDENT>;
export type Rotate = MessageOf<typeof ROTATE>;
export type Imported = MessageOf<typeof IMPORTED>;

/** The body of every type of entry. */
export const BODIES = {
  manifest: MANIFEST,
  contest: CONTEST,
  units: UNITS,
  seal: SEAL,
  "ceremony-key": CEREMONY_KEY,
  "ceremony-commitment": CEREMONY_COMMITMENT,
  "ceremony-dealing": CEREMONY_DEALING,
  "ceremony-acceptance": CEREMONY_ACCEPTANCE,
  "ceremony-complaint": CEREMONY_COMPLAINT,
  "ceremony-certificate": CEREMONY_CERTIFICATE,
  round: ROUND,
  client: CLIENT,
  roll: ROLL_CHUNK,
  freeze: FREEZE,
  drill: DRILL,
  "drill-share": DRILL_SHARE,
  opening: OPENING,
  credential: CREDENTIAL,
  ballot: BALLOT_ENTRY,
  spoiled: SPOILED,
  change: CHANGE,
  strike: STRIKE,
  close: CLOSE,
  aggregate: AGGREGATE,
  share: SHARE,
  result: RESULT,
  certificate: CERTIFICATE,
  dispute: DISPUTE,
  release: RELEASE,
  decision: DECISION,
  incident: INCIDENT,
  rotate: ROTATE,
  imported: IMPORTED,
} as const satisfies Readonly<Record<EntryType, unknown>>;

/** The typed body of a type of entry. */
export type BodyOf<T extends EntryType> = MessageOf<(typeof BODIES)[T]>;

/** Those who may act for a slot; a block orders them by leaf hash. */
export const VOTER_TYPES: readonly EntryType[] = ["credential", "ballot", "spoiled", "change", "strike"];

/** The typed body of an entry; Misuse where the caller has not looked at its type. */
export function parseBody<T extends EntryType>(entry: Entry, type: T): BodyOf<T> {
  if (entry.type !== type) throw new Misuse(`a ${type} entry was expected`);
  return (BODIES[type] as unknown as Message<BodyOf<T>>).parse(entry.body);
}
