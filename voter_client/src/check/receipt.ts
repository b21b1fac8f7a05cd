/** A receipt against the board (docs/spec/ballot.md, RECEIPT-1 and -2), an offline proof, a policy, a tracking code. No DOM. */

import { parseBallot, parseReceipt, type Receipt, verifyReceipt } from "../core/ballot.js";
import { type Bytes, equal, toHex } from "../core/bytes.js";
import { Refused } from "../core/errors.js";
import { parseLogProof, verifyInclusion } from "../core/merkle.js";
import { parsePolicy } from "../core/signatures.js";
import { type Log, orElse } from "../public/log.js";
import type { ReceiptFile } from "./inputs.js";
import { addBoard, ballotIn, countOf, findBallot, searchesAll, type Step, Steps } from "./judge.js";

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
export async function judgeReceipt(log: Log, file: ReceiptFile, policy: Bytes | undefined): Promise<Step[]> {
  const steps = new Steps();
  addBoard(log, steps);
  const proved = file.proof && orElse(undefined, () => parseLogProof(file.proof!).index);
  steps.list.push(judgePolicy(log, policy));
  let wanted: Bytes | undefined;
  try {
    if (file.receipt !== undefined) {
      const receipt = parseReceipt(file.receipt);
      verifyReceipt(receipt, log.manifest, log.manifestHash, log.keyring.receiptKeys);
      steps.add("receipt", "passed", { number: receipt.number });
      wanted = receipt.ballot_hash;
      await addPlace(log, receipt, steps, proved);
    }
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    steps.add("receipt-foreign", "failed", { reason: error.message });
    return steps.list;
  }
  if (file.proof !== undefined) await addProof(log, file.proof, wanted, steps);
  return steps.list;
}

async function addPlace(log: Log, receipt: Receipt, steps: Steps, proved: number | undefined): Promise<void> {
  const found = await findBallot(log, receipt.ballot_hash, proved);
  if (found?.type === "ballot") {
    steps.add("kept", "passed", { index: found.index });
    return;
  }
  // A receipt's ballot MUST stand in every quorum checkpoint later than its deadline; a spoiled entry never answers one.
  const late = log.head.lower_ms > receipt.deadline_ms;
  if (late && !searchesAll(log)) {
    // Who has not looked everywhere accuses nobody.
    steps.add("not-found-far", "open");
    return;
  }
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
    const raw = await log.single(proof.index);
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
export async function judgeCode(log: Log, code: Bytes): Promise<Step[]> {
  const steps = new Steps();
  addBoard(log, steps);
  const found = await findBallot(log, code);
  if (found === undefined) {
    const all = searchesAll(log);
    steps.add(all ? "code-none" : "not-found-far", all ? "failed" : "open");
    return steps.list;
  }
  if (found.type === "spoiled") {
    steps.add("code-spoiled", "open", { index: found.index });
    return steps.list;
  }
  steps.add("code-cast", "passed", { index: found.index });
  const { pseudonym, number } = parseBallot(found.ballot);
  if (searchesAll(log)) {
    const count = await countOf(log, pseudonym);
    steps.add(number < count ? "code-replaced" : "code-last", "passed", { number, n: count });
  }
  return steps.list;
}
