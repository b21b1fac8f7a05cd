/** Acts that two persons sign: what is prepared, what waits, what became of it; each body is decoded from its bytes here. */

import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { type Bytes, fromBase64, fromHex, toBase64, toHex } from "../core/bytes.js";
import { BODIES, type EntryType } from "../core/entries.js";
import { hashManifest, hashPart } from "../core/manifest.js";
import type { Kind } from "../core/transcript.js";
import { Failure, Field, FileField, Plain, Select, State, save, Table, useAct, useAnswer } from "./pieces.js";
import { ask, type Election, type Part, type Person, type Proposal } from "./service.js";
import { inGroups, type Signer } from "./signer.js";
import { useWords } from "./words.js";

/** The bytes of an act, decoded by the console's own reader; null where they cannot be read. */
export function decode(type: string, body: string): { data: Bytes; plain: unknown } | null {
  const data = fromBase64(body);
  if (data === undefined || !(type in BODIES)) return null;
  try {
    return { data, plain: BODIES[type as EntryType].parse(data) };
  } catch {
    return null;
  }
}

/** Whether the parts are those that the manifest names, in its order: recomputed here, whatever the service says. */
export function fits(checked: { manifest: string | null; parts: readonly Part[] }, kind: Kind): boolean {
  const read = checked.manifest === null ? null : decode("manifest", checked.manifest);
  if (read === null) return false;
  const { contests, units } = read.plain as { contests: readonly Uint8Array[]; units: readonly Uint8Array[] };
  const named = [...contests, ...units].map(toHex);
  const given = checked.parts.map((part) => {
    const body = decode(part.type, part.body);
    return body === null ? "" : toHex(hashPart(kind, part.type, body.data));
  });
  return named.length === given.length && named.every((hash, place) => hash === given[place]);
}

/** The parts of a manifest, decoded here. */
export function Parts({ of }: { of: readonly Part[] }): JSX.Element {
  const { t } = useWords();
  return (
    <>
      {of.map((part, place) => (
        <details key={place}>
          <summary>{t(`part.${part.type}`, { number: String(place + 1) })}</summary>
          <Plain of={decode(part.type, part.body)?.plain ?? null} />
        </details>
      ))}
    </>
  );
}

/** Under which kind and hash an act is signed: the election's, for a manifest its own. */
export interface Bound {
  readonly kind: Kind;
  readonly manifestHash: Bytes;
}

export function useProposing(signer: Signer | null, bound: Bound, done: (proposal: Proposal) => void) {
  const { language } = useWords();
  const running = useAct();
  const propose = (type: string, body: Bytes, parts: readonly Part[] = []): void =>
    running.act(async () => {
      if (signer === null) return;
      const signature = await signer.sign(bound.kind, bound.manifestHash, type, body);
      done(await ask<Proposal>(language, "POST", "proposals", { type, body: toBase64(body), parts, signature }));
    });
  return { ...running, propose };
}

export function Acts({
  me,
  signer,
  election,
  bound,
  chosen,
}: {
  me: Person;
  signer: Signer | null;
  election: Election | null;
  bound: Bound;
  /** The act that the address names: its number, or NaN for the list. */
  chosen: number;
}): JSX.Element {
  const { t } = useWords();
  const { found, problem, again } = useAnswer<{ proposals: Proposal[] }>("proposals", 5_000);
  const setChosen = (id: number | null): void => {
    location.hash = id === null ? "#/acts" : `#/acts/${id}`;
  };
  const proposal = found?.proposals.find(({ id }) => id === chosen);
  return (
    <section>
      <h2>{t("acts")}</h2>
      <p>{t("acts.why")}</p>
      <Failure problem={problem} />
      {proposal !== undefined ? (
        <One key={proposal.id} proposal={proposal} me={me} signer={signer} election={election} bound={bound} again={again} close={() => setChosen(null)} />
      ) : (
        <>
          <List of={found?.proposals ?? null} choose={setChosen} />
          {election !== null && me.role === "officer" && (
            <Prepared
              // Asked anew whenever the log waits for something else, and never while somebody reads.
              key={[election.phase, election.counts.results, ...election.awaited.map(({ type }) => type)].join(" ")}
              waiting={(found?.proposals ?? []).filter(({ state }) => state === "waiting" || state === "signed").map(({ type, body }) => `${type} ${body}`)}
              signer={signer}
              bound={bound}
              done={(made) => {
                again();
                setChosen(made.id);
              }}
            />
          )}
        </>
      )}
    </section>
  );
}

function List({ of, choose }: { of: readonly Proposal[] | null; choose: (id: number) => void }): JSX.Element {
  const words = useWords();
  const { t } = words;
  if (of === null) return <p role="status">{t("loading")}</p>;
  if (of.length === 0) return <p>{t("acts.none")}</p>;
  return (
    <Table name={t("acts")}>
      <thead>
        <tr>
          <th scope="col">{t("acts.act")}</th>
          <th scope="col">{t("acts.state")}</th>
          <th scope="col">{t("acts.signed-by")}</th>
          <th scope="col">{t("acts.made")}</th>
        </tr>
      </thead>
      <tbody>
        {of.map((each) => (
          <tr key={each.id}>
            <td>
              <button type="button" onClick={() => choose(each.id)}>
                {each.id}. {t(`type.${each.type}`)}
              </button>
            </td>
            <td>
              <ProposalState of={each} />
            </td>
            <td>{each.signatures.map(({ name, body }) => `${name} (${body})`).join(", ")}</td>
            <td>{words.time(each.made_at_ms)}</td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

function ProposalState({ of }: { of: Proposal }): JSX.Element {
  const { t } = useWords();
  const kind = of.state === "taken" ? "passed" : of.state === "waiting" || of.state === "signed" ? "open" : "failed";
  return <State of={kind}>{t(`state.${of.state}`)}</State>;
}

/** One act: read, then sign after typing its election's short name, or reject. One dangerous thing a page. */
function One({
  proposal,
  me,
  signer,
  election,
  bound,
  again,
  close,
}: {
  proposal: Proposal;
  me: Person;
  signer: Signer | null;
  election: Election | null;
  bound: Bound;
  again: () => void;
  close: () => void;
}): JSX.Element {
  const words = useWords();
  const { language, t } = words;
  const { busy, problem, act } = useAct();
  const [typed, setTyped] = useState("");
  const [reason, setReason] = useState("");
  const read = decode(proposal.type, proposal.body);
  const own = proposal.type === "manifest" ? manifestBound(read) : null;
  const under = own ?? { ...bound, shortName: election?.short_name ?? "" };
  const isOpen = proposal.state === "waiting" || proposal.state === "signed";
  const whole = own === null || fits({ manifest: proposal.body, parts: proposal.parts }, own.kind);
  // What was shown first is what may be signed: a service that changes it under the reader's eyes gets no signature.
  const shown = useRef(seen(proposal));
  const barrier = shown.current !== seen(proposal) ? "changed" : whole ? whyNot(proposal, me, signer, read !== null) : "parts";
  const sign = (): void =>
    act(async () => {
      if (signer === null || read === null) return;
      const signature = await signer.sign(under.kind, under.manifestHash, proposal.type, read.data);
      await ask(language, "POST", `proposals/${proposal.id}/signatures`, signature);
      again();
    });
  const post = (what: string, body?: unknown): void =>
    act(async () => {
      await ask(language, "POST", `proposals/${proposal.id}/${what}`, body);
      again();
    });
  return (
    <article>
      <h3>
        {proposal.id}. {t(`type.${proposal.type}`)}
      </h3>
      <p>
        <ProposalState of={proposal} />
      </p>
      <Failure problem={problem} />
      {proposal.note !== "" && <p class="open">{`${proposal.check} ${proposal.note}`}</p>}
      {proposal.leaf !== null && (
        <p>
          {t("acts.leaf")} <span class="mono">{inGroups(proposal.leaf)}</span>
          {proposal.index !== null && ` · ${t("acts.index", { index: String(proposal.index) })}`}
        </p>
      )}
      <h4>{t("acts.says")}</h4>
      {read === null ? <p class="bad">{t("acts.unreadable")}</p> : <Plain of={read.plain} />}
      {own !== null && (
        <>
          <Parts of={proposal.parts} />
          <p>
            {t("acts.manifest-hash")} <span class="mono">{inGroups(toHex(own.manifestHash))}</span>
          </p>
        </>
      )}
      <h4>{t("acts.signed-by")}</h4>
      <ul>
        {proposal.signatures.map((each) => (
          <li key={each.key_id}>
            {each.name} ({each.body}), {words.time(each.at_ms, true)}, <span class="mono">{inGroups(each.key_id)}</span>
          </li>
        ))}
      </ul>
      {isOpen && (
        <>
          <h4>{t("acts.sign")}</h4>
          {barrier === "" ? (
            <>
              <p class="note">{t("acts.lasting")}</p>
              <Field id="typed" label={t("acts.type-name", { name: under.shortName })} value={typed} set={setTyped} />
              <div class="row">
                <button type="button" class="main" disabled={busy || typed.trim() !== under.shortName} onClick={sign}>
                  {t("acts.sign-go")}
                </button>
              </div>
            </>
          ) : (
            <p class="note">{t(`acts.barrier.${barrier}`)}</p>
          )}
          {me.role !== "operator" && (
            <>
              {proposal.state === "signed" && (
                <div class="row">
                  <button type="button" disabled={busy} onClick={() => post("delivery")}>
                    {t("acts.resend")}
                  </button>
                </div>
              )}
              <details>
                <summary>{t("acts.reject")}</summary>
                <Field id="reason" label={t("acts.reason")} value={reason} set={setReason} />
                <div class="row">
                  <button type="button" disabled={busy || reason.trim() === ""} onClick={() => post("rejection", { reason })}>
                    {t("acts.reject-go")}
                  </button>
                </div>
              </details>
            </>
          )}
        </>
      )}
      <div class="row">
        <button type="button" onClick={() => save(`act-${proposal.id}.json`, "application/json", JSON.stringify(proposal, null, 2))}>
          {t("acts.save")}
        </button>
        <button type="button" onClick={close}>
          {t("back")}
        </button>
      </div>
    </article>
  );
}

/** All that a signature would cover or that was shown with it. */
function seen({ type, body, parts, state }: Proposal): string {
  return JSON.stringify([type, body, state === "waiting" || state === "signed" ? parts : []]);
}

function manifestBound(read: { data: Bytes; plain: unknown } | null): (Bound & { shortName: string }) | null {
  if (read === null) return null;
  const { kind, short_name: shortName } = read.plain as { kind: Kind; short_name: string };
  return { kind, shortName, manifestHash: hashManifest(kind, read.data) };
}

/** Why this person may not sign an act, by name; empty where she may. A forbidden act is shown with its reason. */
function whyNot(proposal: Proposal, me: Person, signer: Signer | null, readable: boolean): string {
  if (!readable) return "unreadable";
  if (me.role === "operator") return "operator";
  if (me.role === "registrar" && proposal.type !== "rotate") return "registrar";
  if (signer === null || me.key === null) return "no-key";
  if (toHex(signer.key) !== me.key) return "other-key";
  if (proposal.signatures.some(({ name, body }) => name === me.name && body === me.body)) return "signed";
  if (proposal.type !== "rotate" && proposal.signatures.some(({ body }) => body === me.body)) return "same-body";
  return "";
}

/** What the log waits for from officers, and the acts that somebody has to write herself. */
function Prepared({
  waiting,
  signer,
  bound,
  done,
}: {
  /** Type and body of what was proposed already. */
  waiting: readonly string[];
  signer: Signer | null;
  bound: Bound;
  done: (made: Proposal) => void;
}): JSX.Element {
  const { t } = useWords();
  const { found, problem } = useAnswer<{ acts: { type: string; body: string }[] }>("acts/prepared");
  const results = useAnswer<{ body: string; contest: number; cell: number }[]>("tally/prepared");
  const proposing = useProposing(signer, bound, done);
  const acts = [...(found?.acts ?? []), ...(results.found ?? []).map(({ body }) => ({ type: "result", body }))];
  return (
    <>
      <h3>{t("prepared")}</h3>
      <p>{t("prepared.why")}</p>
      <Failure problem={proposing.problem ?? problem} />
      {signer === null && <p class="note">{t("acts.barrier.no-key")}</p>}
      {acts
        .filter(({ type }) => type !== "release")
        .map(({ type, body }, place) => {
          const read = decode(type, body);
          return (
            <details key={`${type} ${place}`}>
              <summary>{t(`type.${type}`)}</summary>
              {read !== null && <Plain of={read.plain} />}
              {waiting.includes(`${type} ${body}`) ? (
                <p class="note">{t("prepared.waiting")}</p>
              ) : (
                <div class="row">
                  <button type="button" disabled={proposing.busy || signer === null || read === null} onClick={() => read !== null && proposing.propose(type, read.data)}>
                    {t("acts.propose", { act: t(`type.${type}`) })}
                  </button>
                </div>
              )}
            </details>
          );
        })}
      <Releasing prepared={acts.find(({ type }) => type === "release")} busy={proposing.busy || signer === null} propose={proposing.propose} />
      <Deciding busy={proposing.busy || signer === null} propose={proposing.propose} />
      <FromFile busy={proposing.busy || signer === null} propose={proposing.propose} />
    </>
  );
}

/** Disputes and other things between the close and decryption: each gets its effect in words. */
function Releasing({
  prepared,
  busy,
  propose,
}: {
  prepared: { type: string; body: string } | undefined;
  busy: boolean;
  propose: (type: string, body: Bytes) => void;
}): JSX.Element | null {
  const { t } = useWords();
  const [effects, setEffects] = useState<readonly string[]>([]);
  const read = prepared === undefined ? null : decode("release", prepared.body);
  if (read === null) return null;
  const { items } = read.plain as { items: readonly { target: number | string | Bytes; effect: string }[] };
  const written = items.map(({ target }, place) => ({ target, effect: (effects[place] ?? "").trim() }));
  return (
    <details>
      <summary>{t("type.release")}</summary>
      <p>{t("release.why")}</p>
      {items.map(({ target }, place) => (
        <Field
          key={place}
          id={`effect-${place}`}
          label={t("release.effect", { target: target instanceof Uint8Array ? inGroups(toHex(target)) : String(target) })}
          value={effects[place] ?? ""}
          set={(value) => setEffects(items.map((_, at) => (at === place ? value : (effects[at] ?? ""))))}
        />
      ))}
      <div class="row">
        <button
          type="button"
          disabled={busy || written.some(({ effect }) => effect === "")}
          onClick={() => propose("release", BODIES.release.toBytes({ items: written } as Parameters<typeof BODIES.release.toBytes>[0]))}
        >
          {t("acts.propose", { act: t("type.release") })}
        </button>
      </div>
    </details>
  );
}

/** A decision after the results: what was decided, over which contest, and the document's hash. */
function Deciding({ busy, propose }: { busy: boolean; propose: (type: string, body: Bytes) => void }): JSX.Element {
  const { t } = useWords();
  const [action, setAction] = useState<"withdrawn" | "annulled" | "struck">("withdrawn");
  const [contest, setContest] = useState("1");
  const [target, setTarget] = useState("0");
  const [hash, setHash] = useState<Bytes | null>(null);
  const sound = /^\d{1,5}$/.test(contest) && /^\d{1,9}$/.test(target) && hash !== null;
  return (
    <details>
      <summary>{t("type.decision")}</summary>
      <p>{t("decision.why")}</p>
      <Select
        id="action"
        label={t("decision.action")}
        value={action}
        of={(["withdrawn", "annulled", "struck"] as const).map((each) => [each, t(`decision.${each}`)])}
        set={(value) => setAction(value as typeof action)}
      />
      <Field id="contest" label={t("decision.contest")} kind="number" value={contest} set={setContest} />
      <Field id="target" label={t("decision.target")} hint={t("decision.target-hint")} kind="number" value={target} set={setTarget} />
      <FileField id="decision-file" label={t("document")} hint={t("document.hint")} take={(file) => void hashOf(file).then(setHash)} />
      {hash !== null && <p class="mono">{inGroups(toHex(hash))}</p>}
      <div class="row">
        <button
          type="button"
          disabled={busy || !sound}
          onClick={() =>
            hash !== null &&
            propose("decision", BODIES.decision.toBytes({ action, contest: Number(contest), target: Number(target), document_hash: hash }))
          }
        >
          {t("acts.propose", { act: t("type.decision") })}
        </button>
      </div>
    </details>
  );
}

/** An act out of a file: the freeze as the identity side gives it, or the client's files as the auditor's program lists them. */
export function readAct(text: string): { type: string; data: Bytes; plain: unknown } | null {
  try {
    const found = JSON.parse(text) as { type?: string; body?: string; files?: { name: string; hash: string }[] };
    if (typeof found.type === "string" && typeof found.body === "string") {
      const read = decode(found.type, found.body);
      return read === null ? null : { type: found.type, ...read };
    }
    if (Array.isArray(found.files)) {
      const plain = { files: found.files.map(({ name, hash }) => ({ name, hash: fromHex(hash) })) };
      return { type: "client", data: BODIES.client.toBytes(plain), plain };
    }
  } catch {
    // Not JSON, no hexadecimal digits, or a value outside its limits: no act.
  }
  return null;
}

function FromFile({ busy, propose }: { busy: boolean; propose: (type: string, body: Bytes) => void }): JSX.Element {
  const { t } = useWords();
  const [read, setRead] = useState<ReturnType<typeof readAct>>(null);
  const [wrong, setWrong] = useState(false);
  const take = (file: File): void => {
    void file.text().then((text) => {
      const found = readAct(text);
      setRead(found);
      setWrong(found === null);
    });
  };
  return (
    <details>
      <summary>{t("from-file")}</summary>
      <FileField id="act-file" label={t("from-file.file")} hint={t("from-file.hint")} take={take} />
      {wrong && (
        <p class="bad" role="alert">
          {t("acts.unreadable")}
        </p>
      )}
      {read !== null && (
        <>
          <h4>{t(`type.${read.type}`)}</h4>
          <Plain of={read.plain} />
          <div class="row">
            <button type="button" disabled={busy} onClick={() => propose(read.type, read.data)}>
              {t("acts.propose", { act: t(`type.${read.type}`) })}
            </button>
          </div>
        </>
      )}
    </details>
  );
}

/** SHA-256 of a file, computed here: the document itself is not sent. */
export async function hashOf(file: File): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
}

/** The log of incidents: one officer writes an entry about a document; nobody can take it back. */
export function Incidents({ me, signer, bound }: { me: Person; signer: Signer | null; bound: Bound }): JSX.Element {
  const words = useWords();
  const { t } = words;
  const { found, problem, again } = useAnswer<{ proposals: Proposal[] }>("proposals", 10_000);
  const [note, setNote] = useState("");
  const [hash, setHash] = useState<Bytes | null>(null);
  const proposing = useProposing(signer, bound, () => {
    setNote("");
    setHash(null);
    again();
  });
  const rows = (found?.proposals ?? []).filter(({ type }) => type === "incident");
  return (
    <section>
      <h2>{t("incidents")}</h2>
      <p>{t("incidents.why")}</p>
      <Failure problem={proposing.problem ?? problem} />
      {rows.length > 0 && (
        <Table name={t("incidents")}>
          <thead>
            <tr>
              <th scope="col">{t("acts.made")}</th>
              <th scope="col">{t("incidents.note")}</th>
              <th scope="col">{t("document.hash")}</th>
              <th scope="col">{t("acts.signed-by")}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((each) => {
              const read = decode("incident", each.body)?.plain as { note: string; document_hash: Bytes } | undefined;
              return (
                <tr key={each.id}>
                  <td>{words.time(each.made_at_ms)}</td>
                  <td>{read?.note ?? "–"}</td>
                  <td class="mono">{read === undefined ? "–" : inGroups(toHex(read.document_hash))}</td>
                  <td>{each.author}</td>
                </tr>
              );
            })}
          </tbody>
        </Table>
      )}
      {me.role === "officer" ? (
        <>
          <h3>{t("incidents.new")}</h3>
          {signer === null && <p class="note">{t("acts.barrier.no-key")}</p>}
          <Field id="note" label={t("incidents.note")} hint={t("incidents.note-hint")} value={note} set={setNote} />
          <FileField id="incident-file" label={t("document")} hint={t("document.hint")} take={(file) => void hashOf(file).then(setHash)} />
          {hash !== null && <p class="mono">{inGroups(toHex(hash))}</p>}
          <div class="row">
            <button
              type="button"
              class="main"
              disabled={proposing.busy || signer === null || note.trim() === "" || hash === null}
              onClick={() => hash !== null && proposing.propose("incident", BODIES.incident.toBytes({ document_hash: hash, note: note.trim() }))}
            >
              {t("incidents.go")}
            </button>
          </div>
        </>
      ) : (
        <p class="note">{t("acts.barrier.registrar")}</p>
      )}
    </section>
  );
}
