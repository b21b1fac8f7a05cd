/** The board entry by entry: lists, one entry decoded, its place in the tree checked here. */

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { hashBallot, parseTrackingCode, trackingCode } from "../core/ballot.js";
import { type Bytes, equal, fromHex, toHex } from "../core/bytes.js";
import { BODIES, type Entry, parseBody, parseEntry } from "../core/entries.js";
import type { Message } from "../core/encoding.js";
import { Refused } from "../core/errors.js";
import { parseLogProof, verifyInclusion } from "../core/merkle.js";
import { keyId } from "../core/signatures.js";
import { BUNDLE, type Log, MOST_ENTRIES, tryEntry, typeOf } from "../public/log.js";
import type { Block, Outcome } from "./count.js";
import { PAGE, Problem, State, Table, TypeName } from "./pieces.js";
import { getFile } from "./source.js";
import { useWords } from "./words.js";

/** Of a large board so many of the newest bundles are looked through, where the server does not say where something stands. */
const NEWEST_BUNDLES = 16;

interface Row {
  readonly index: number;
  readonly type: string;
  readonly size: number;
  readonly leaf: string;
  readonly block: number | undefined;
}

/** The entries around an index, newest first. */
export function Entries({ log, known, from }: { log: Log; known: readonly Block[]; from: number | null }): JSX.Element {
  const words = useWords();
  const { t } = words;
  const end = Math.min(log.size, from === null ? log.size : from + 1);
  const start = Math.max(0, end - PAGE);
  const [rows, setRows] = useState<readonly Row[]>([]);
  const [problem, setProblem] = useState<unknown>(null);
  useEffect(() => {
    let gone = false;
    setProblem(null);
    log.range(start, end).then((raws) => {
      const found = raws.map((raw, place) => {
        const index = start + place;
        return { index, type: typeOf(raw), size: raw.length, leaf: tryEntry(raw).leaf, block: blockOf(known, index) };
      });
      if (!gone) setRows(found.reverse());
    }, setProblem);
    return () => {
      gone = true;
    };
  }, [log, start, end]);
  return (
    <section>
      <h2>{t("board")}</h2>
      <p>{t("board-why")}</p>
      <Search log={log} />
      <Problem of={problem} />
      <p>{t("shown", { first: start, last: end - 1, size: log.size })}</p>
      <Table name={t("board")}>
        <thead>
          <tr>
            <th scope="col" class="number">
              {t("entry")}
            </th>
            <th scope="col">{t("type")}</th>
            <th scope="col" class="number">
              {t("block")}
            </th>
            <th scope="col" class="number wide">
              {t("bytes")}
            </th>
            <th scope="col" class="wide">{t("leaf")}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.index}>
              <td class="number">
                <a href={`#/entry/${row.index}`}>{words.number(row.index)}</a>
              </td>
              <td>
                <TypeName of={row.type} />
              </td>
              <td class="number">{row.block === undefined ? "–" : <a href={`#/block/${row.block}`}>{words.number(row.block)}</a>}</td>
              <td class="number wide">{words.number(row.size)}</td>
              <td class="mono id wide">{row.leaf.slice(0, 16)}…</td>
            </tr>
          ))}
        </tbody>
      </Table>
      <div class="row">
        {start > 0 && (
          <a class="button" href={`#/entries/${start - 1}`}>
            {t("older")}
          </a>
        )}
        {end < log.size && (
          <a class="button" href={`#/entries/${Math.min(log.size - 1, end - 1 + PAGE)}`}>
            {t("newer")}
          </a>
        )}
      </div>
    </section>
  );
}

function blockOf(known: readonly Block[], index: number): number | undefined {
  return known.findLast(({ start }) => start <= index)?.number;
}

/** Look for an entry by index, leaf hash, ballot hash or tracking code. */
function Search({ log }: { log: Log }): JSX.Element {
  const { t } = useWords();
  const [text, setText] = useState("");
  const [said, say] = useState("");
  const look = async (event: Event): Promise<void> => {
    event.preventDefault();
    say(t("looking"));
    let found: number | undefined;
    try {
      found = await find(log, text);
    } catch {
      say(t("unreachable"));
      return;
    }
    if (found === undefined) say(t(log.size > MOST_ENTRIES ? "not-found-far" : "not-found"));
    else {
      say("");
      location.hash = `#/entry/${found}`;
    }
  };
  return (
    <form onSubmit={(event) => void look(event)}>
      <label for="search">{t("search")}</label>
      <input id="search" type="text" autocomplete="off" value={text} onInput={(event) => setText(event.currentTarget.value)} />
      <div class="row">
        <button type="submit">{t("find")}</button>
      </div>
      <p role="status">{said}</p>
    </form>
  );
}

async function find(log: Log, text: string): Promise<number | undefined> {
  const tidy = text.trim();
  if (/^\d{1,15}$/.test(tidy)) return Number(tidy) < log.size ? Number(tidy) : undefined;
  const wanted = matcherOf(log, tidy);
  if (wanted === undefined) return undefined;
  if (!log.isSmall) {
    const start = hashOf(tidy) ?? parseTrackingCode(tidy);
    for (const what of ["ballot", "leaf"] as const) {
      const hint = start && (await log.placeOf(what, start));
      if (hint !== undefined && wanted(await log.single(hint))) return hint;
    }
  }
  return log.findLast(wanted, log.isSmall ? Math.ceil(MOST_ENTRIES / BUNDLE) : NEWEST_BUNDLES);
}

function hashOf(text: string): Bytes | undefined {
  const hex = text.toLowerCase().replace(/\s/g, "");
  return /^[0-9a-f]{64}$/.test(hex) ? fromHex(hex) : undefined;
}

function matcherOf(log: Log, text: string): ((raw: Bytes) => boolean) | undefined {
  const { kind } = log.manifest;
  const hash = hashOf(text);
  if (hash !== undefined) {
    return (raw) => tryEntry(raw).leaf === toHex(hash) || equal(ballotHashOf(kind, raw) ?? new Uint8Array(), hash);
  }
  const prefix = parseTrackingCode(text);
  return prefix && ((raw) => equal(ballotHashOf(kind, raw)?.slice(0, prefix.length) ?? new Uint8Array(), prefix));
}

/** The ballot hash of a cast or spoiled ballot; undefined for everything else. */
export function ballotHashOf(kind: Log["manifest"]["kind"], raw: Bytes): Bytes | undefined {
  const type = typeOf(raw);
  if (type !== "ballot" && type !== "spoiled") return undefined;
  try {
    return hashBallot(kind, parseBody(parseEntry(raw), type).ballot);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return undefined;
  }
}

interface Shown {
  readonly raw: Bytes;
  readonly leaf: string;
  readonly entry: Entry | null;
  readonly body: unknown;
  readonly reason: string;
}

/** One entry, all of it. */
export function EntryPage({ log, index }: { log: Log; index: number }): JSX.Element {
  const words = useWords();
  const { t } = words;
  const [shown, setShown] = useState<Shown | null>(null);
  const [proof, setProof] = useState<Outcome>("open");
  const [problem, setProblem] = useState<unknown>(null);
  useEffect(() => {
    let gone = false;
    setShown(null);
    setProof("open");
    setProblem(null);
    (async () => {
      const raw = await log.single(index);
      if (!gone) setShown(read(raw));
      const outcome = await checkProof(log, index, raw);
      if (!gone) setProof(outcome);
    })().catch(setProblem);
    return () => {
      gone = true;
    };
  }, [log, index]);
  if (problem !== null) return <Problem of={problem} />;
  if (shown === null) return <p role="status">{t("loading")}</p>;
  const hash = ballotHashOf(log.manifest.kind, shown.raw);
  return (
    <section>
      <h2>
        {t("entry")} {words.number(index)}: <TypeName of={typeOf(shown.raw)} />
      </h2>
      <ul class="steps">
        <li>
          <State of="passed" /> {t("in-tree", { size: log.size })}
        </li>
        <li>
          <State of={proof} /> {t(`proof-${proof}`)}
        </li>
        <li>
          <State of="open" /> {t("entry-not-judged")}
        </li>
      </ul>
      {shown.reason !== "" && <p class="bad">{t("unreadable", { reason: shown.reason })}</p>}
      <dl class="fields">
        <dt>{t("leaf")}</dt>
        <dd class="mono">{shown.leaf}</dd>
        {hash !== undefined && (
          <>
            <dt>{t("tracking-code")}</dt>
            <dd class="mono">{trackingCode(hash)}</dd>
          </>
        )}
        <dt>{t("signers")}</dt>
        <dd>{shown.entry === null || shown.entry.signatures.length === 0 ? t("nobody") : <Signers log={log} entry={shown.entry} />}</dd>
      </dl>
      {shown.body !== undefined && (
        <>
          <h3>{t("fields")}</h3>
          <Value of={shown.body} />
        </>
      )}
      <details>
        <summary>{t("raw", { n: shown.raw.length })}</summary>
        <pre class="mono scroll" tabIndex={0}>
          {toHex(shown.raw).replace(/(.{64})/g, "$1\n")}
        </pre>
      </details>
      <p>{t("repeat")}</p>
      <p class="mono">dobush-audit show RECORD {index}</p>
      <div class="row">
        <a class="button" href={`../log/entry/${index}`} download={`entry-${index}.cbor`}>
          {t("save-entry")}
        </a>
        <a class="button" href={`../log/proof/${index}`} download={`entry-${index}.tlog-proof`}>
          {t("save-proof")}
        </a>
        {index > 0 && (
          <a class="button" href={`#/entry/${index - 1}`}>
            {t("before")}
          </a>
        )}
        {index + 1 < log.size && (
          <a class="button" href={`#/entry/${index + 1}`}>
            {t("after")}
          </a>
        )}
      </div>
    </section>
  );
}

function read(raw: Bytes): Shown {
  const { entry, leaf, reason } = tryEntry(raw);
  if (entry === null) return { raw, leaf, entry, body: undefined, reason };
  try {
    return { raw, leaf, entry, body: (BODIES[entry.type] as Message<unknown>).parse(entry.body), reason };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { raw, leaf, entry, body: undefined, reason: error.message };
  }
}

/** The server's offline proof of the entry, followed from the leaf to its own checkpoint, which a quorum must have cosigned. */
async function checkProof(log: Log, index: number, raw: Bytes): Promise<Outcome> {
  const data = await getFile(`proof/${index}`).catch(() => undefined);
  if (data === undefined) return "open";
  try {
    const proof = parseLogProof(data);
    if (proof.index !== index) return "failed";
    const { checkpoint } = log.checkNote(proof.checkpoint);
    verifyInclusion(log.leafOf(raw), index, checkpoint.size, checkpoint.root, proof.proof);
    return "passed";
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return "failed";
  }
}

function Signers({ log, entry }: { log: Log; entry: Entry }): JSX.Element {
  const { manifest } = log;
  const holders = [
    { name: manifest.origin, body: "log", key: manifest.log_key },
    ...manifest.officers,
    ...manifest.registrars,
    ...manifest.trustees.map((each) => ({ ...each, body: "" })),
  ];
  return (
    <ul>
      {entry.signatures.map((each) => {
        const found = holders.find(({ key }) => equal(keyId(key), each.keyId));
        return (
          <li key={toHex(each.keyId)} translate={false}>
            {found === undefined ? "" : `${found.name}${found.body === "" ? "" : ` (${found.body})`} – `}
            <span class="mono">{toHex(each.keyId)}</span>
          </li>
        );
      })}
    </ul>
  );
}

const MOST_SHOWN = 50;
const LONG = 128;

/** A decoded value: bytes as hexadecimal digits, objects as lists of their fields. */
function Value({ of }: { of: unknown }): JSX.Element {
  const words = useWords();
  const { t } = words;
  if (of instanceof Uint8Array) {
    const text = toHex(of.slice(0, LONG));
    return (
      <span class="mono">
        {text}
        {of.length > LONG && ` … (${t("all-bytes", { n: of.length })})`}
      </span>
    );
  }
  if (Array.isArray(of)) {
    return (
      <ol start={0}>
        {of.slice(0, MOST_SHOWN).map((each, place) => (
          <li key={place}>
            <Value of={each} />
          </li>
        ))}
        {of.length > MOST_SHOWN && <li>{t("and-more", { n: of.length - MOST_SHOWN })}</li>}
      </ol>
    );
  }
  if (typeof of === "object" && of !== null) {
    return (
      <dl class="fields">
        {Object.entries(of).map(([name, value]) => (
          <div key={name}>
            <dt translate={false}>{name}</dt>
            <dd>
              <Value of={value} />
              {name.endsWith("_at_ms") && typeof value === "number" && ` (${words.time(value)})`}
            </dd>
          </div>
        ))}
      </dl>
    );
  }
  return <bdi translate={false}>{of === null ? "–" : String(of)}</bdi>;
}
