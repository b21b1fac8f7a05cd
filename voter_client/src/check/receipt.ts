/** A receipt against the board (docs/spec/ballot.md, RECEIPT-1 and -2), an offline proof, a policy, a tracking code. No DOM. */

import { parseBallot, parseReceipt, type Receipt, verifyReceipt } from "../core/ballot.js";
import { type Bytes, equal, toHex } from "../core/bytes.js";
import { Refused } from "../core/errors.js";
import { parseLogProof, verifyInclusion } from "../core/merkle.js";
import { parsePolicy } from "../core/signatures.js";
import { type Log, orElse } from "../public/log.js";
import type { ReceiptFile } from "./inputs.js";
import { ballotIn, countOf, findBallot, type Step, Steps } from "./judge.js";

/** Whether a policy file names the log and the witnesses that this election's manifest names. */
export function judgePolicy(log: Log, policy: Bytes | undefined): Step {
  if (policy === undefined) return { key: "policy-none", outcome: "open", fields: {} };
  const same = orElse(false, () => {
    const parsed = parsePolicy(policy);
    const keys = (list: readonly Bytes[]): string => list.map(toHex).sort().join();
    return (
      equal(parsed.log.publicKey, log.manifest.log_key) &&
      parsed.log.name === log.manifest.origin &&
      parsed.quorum === log.manifest.quorum &&
      keys(parsed.witnesses.map(({ publicKey }) => publicKey)) === keys(log.keyring.witnesses().map(({ key }) => key))
    );
  });
  return { key: same ? "policy" : "policy-other", outcome: same ? "passed" : "failed", fields: {} };
}

/** Judge a receipt file. */
export async function judgeReceipt(log: Log, file: ReceiptFile, policy: Bytes | undefined, hint?: number): Promise<Step[]> {
  const steps = new Steps();
  steps.add("board", "passed", { n: log.size, signed: log.head.cosignatures.length });
  steps.list.push(judgePolicy(log, policy));
  let wanted: Bytes | undefined;
  try {
    if (file.receipt !== undefined) {
      const receipt = parseReceipt(file.receipt);
      verifyReceipt(receipt, log.manifest, log.manifestHash, log.keyring.receiptKeys);
      steps.add("receipt", "passed", { number: receipt.number });
      wanted = receipt.ballot_hash;
      await addPlace(log, receipt, steps, hint);
    }
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    steps.add("receipt-foreign", "failed", { reason: error.message });
    return steps.list;
  }
  if (file.proof !== undefined) await addProof(log, file.proof, wanted, steps);
  return steps.list;
}

async function addPlace(log: Log, receipt: Receipt, steps: Steps, hint: number | undefined): Promise<void> {
  const found = await findBallot(log, receipt.ballot_hash, hint);
  if (found?.type === "ballot") {
    steps.add("kept", "passed", { index: found.index });
    return;
  }
  // A receipt's ballot MUST stand in every quorum checkpoint later than its deadline; a spoiled entry never answers one.
  const late = log.head.lower_ms > receipt.deadline_ms;
  steps.add(late ? "broken" : "not-due", late ? "failed" : "open", { deadline_ms: receipt.deadline_ms });
}

async function addProof(log: Log, data: Bytes, wanted: Bytes | undefined, steps: Steps): Promise<void> {
  try {
    const proof = parseLogProof(data);
    const { checkpoint } = log.checkNote(proof.checkpoint);
    if (proof.index >= log.size) {
      steps.add("proof-newer", "open");
      return;
    }
    const raw = await log.entry(proof.index);
    verifyInclusion(log.leafOf(raw), proof.index, checkpoint.size, checkpoint.root, proof.proof);
    const found = ballotIn(log, raw);
    const same = wanted === undefined || (found?.type === "ballot" && equal(found.hash, wanted));
    steps.add(same ? "proof" : "proof-other", same ? "passed" : "failed", { index: proof.index });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    steps.add("proof-bad", "failed", { reason: error.message });
  }
}

/** What stands on the board under a tracking code; never what it says. */
export async function judgeCode(log: Log, code: Bytes, hint?: number): Promise<Step[]> {
  const steps = new Steps();
  steps.add("board", "passed", { n: log.size, signed: log.head.cosignatures.length });
  const found = await findBallot(log, code, hint);
  if (found === undefined) {
    steps.add("code-none", "failed");
    return steps.list;
  }
  if (found.type === "spoiled") {
    steps.add("code-spoiled", "open", { index: found.index });
    return steps.list;
  }
  steps.add("code-cast", "passed", { index: found.index });
  const { pseudonym, number } = parseBallot(found.ballot);
  if (log.size <= 20_000) {
    const count = await countOf(log, pseudonym);
    steps.add(number < count ? "code-replaced" : "code-last", "passed", { number, n: count });
  }
  return steps.list;
}
