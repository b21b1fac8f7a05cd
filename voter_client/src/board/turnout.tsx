/** Turnout by district and by block, counted from the entries. */

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { toHex } from "../core/bytes.js";
import type { Log } from "../public/log.js";
import type { Words } from "../public/words.js";
import type { Blocks, Span } from "./blocks.js";
import type { Block, District, Figures } from "./count.js";
import { toCsv, toJson } from "./files.js";
import { Bar, Name, Save, Table } from "./pieces.js";
import { useWords } from "./words.js";

const MOST_GROUPS = 24;

/** Neighbouring blocks, so many to a group that the table can be read. */
export interface Group {
  readonly first: Block;
  readonly last: Block;
  readonly ballots: number;
  readonly voters: number;
  readonly sum: number;
}

export function groupsOf(blocks: readonly Block[]): Group[] {
  const from = blocks.findIndex(({ ballots }) => ballots > 0);
  if (from < 0) return [];
  const until = blocks.findLastIndex(({ ballots }) => ballots > 0) + 1;
  const width = Math.ceil((until - from) / MOST_GROUPS);
  const groups: Group[] = [];
  let sum = 0;
  for (let at = from; at < until; at += width) {
    const part = blocks.slice(at, Math.min(at + width, until));
    const voters = part.reduce((total, each) => total + each.voters, 0);
    sum += voters;
    groups.push({ first: part[0]!, last: part.at(-1)!, ballots: part.reduce((total, each) => total + each.ballots, 0), voters, sum });
  }
  return groups;
}

export function Turnout({ log, figures, blocks }: { log: Log; figures: Figures; blocks: Blocks }): JSX.Element {
  const { t } = useWords();
  return (
    <>
      <h2>{t("turnout")}</h2>
      {figures.turnout === "sums" && <p class="open">{t("turnout-from-sums")}</p>}
      {figures.turnout === "none" && <p class="open">{t(figures.close === null ? "turnout-later" : "turnout-no-base")}</p>}
      {figures.turnout === "ballots" && figures.districts.length === 0 && <p class="open">{t("turnout-none")}</p>}
      {figures.turnout !== "none" && figures.districts.length > 0 && <Districts log={log} figures={figures} />}
      {figures.whole ? <BallotsByBlock figures={figures} blocks={blocks} /> : <Spans log={log} figures={figures} blocks={blocks} />}
    </>
  );
}

interface Total {
  slots: number;
  credentials: number | null;
  counted: number;
}

function totalOf(figures: Figures): Total {
  const total: Total = { slots: 0, credentials: figures.whole ? 0 : null, counted: figures.across };
  for (const each of figures.districts) {
    total.slots += each.slots;
    total.counted += each.counted;
    if (total.credentials !== null) total.credentials += each.credentials ?? 0;
  }
  return total;
}

function Districts({ log, figures }: { log: Log; figures: Figures }): JSX.Element {
  const words = useWords();
  const { t } = words;
  const least = log.manifest.minimum_cell;
  const small = (each: District): boolean => each.slots < least;
  const total = totalOf(figures);
  const keys = total.credentials !== null;
  const name = (each: District): JSX.Element | number => (log.units.has(each.unit) ? <Name of={log.units.get(each.unit)!.name} /> : each.unit);
  const rows = (): (string | number)[][] => [
    ["district", "name_ky", "name_ru", "name_en", "slots", ...(keys ? ["credentials"] : []), "voted"],
    ...figures.districts.map((each) => {
      const names = log.units.get(each.unit)?.name ?? { ky: "", ru: "", en: "" };
      const counts = [...(each.credentials === null ? [] : [each.credentials]), each.counted];
      return [each.unit, names.ky, names.ru, names.en, each.slots, ...counts.map((count) => (small(each) ? "withheld" : count))];
    }),
  ];
  return (
    <section>
      <p>
        <span class="total">{words.share(total.counted, total.slots)}</span>{" "}
        {t("turnout-sum", { counted: total.counted, slots: total.slots })}
      </p>
      {figures.whole && (
        <p>{t("ballot-sum", { ballots: figures.ballots, counted: figures.counted, superseded: figures.superseded, struck: figures.struck })}</p>
      )}
      {figures.refused > 0 && <p class="bad">{t("refused", { n: figures.refused })}</p>}
      <h3>{t("by-district")}</h3>
      <Table name={t("by-district")}>
        <thead>
          <tr>
            <th scope="col">{t("district")}</th>
            <th scope="col" class="number">
              {t("slots")}
            </th>
            {keys && (
              <th scope="col" class="number wide">
                {t("credentials")}
              </th>
            )}
            <th scope="col" class="number">
              {t("voted")}
            </th>
            <th scope="col" class="number">
              {t("share-of-slots")}
            </th>
          </tr>
        </thead>
        <tbody>
          {figures.districts.map((each) => (
            <tr key={each.unit}>
              <th scope="row">{name(each)}</th>
              <td class="number">{words.number(each.slots)}</td>
              {keys && <td class="number wide">{small(each) ? t("few", { least }) : words.number(each.credentials ?? 0)}</td>}
              <td class="number">{small(each) ? t("few", { least }) : words.number(each.counted)}</td>
              <td class="number">{small(each) ? "–" : words.share(each.counted, each.slots)}</td>
            </tr>
          ))}
          {figures.across > 0 && (
            <tr>
              <th scope="row">{t("across")}</th>
              <td class="number">–</td>
              {keys && <td class="number wide">–</td>}
              <td class="number">{words.number(figures.across)}</td>
              <td class="number">–</td>
            </tr>
          )}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">{t("total")}</th>
            <td class="number">{words.number(total.slots)}</td>
            {keys && <td class="number wide">{words.number(total.credentials ?? 0)}</td>}
            <td class="number">{words.number(total.counted)}</td>
            <td class="number">{words.share(total.counted, total.slots)}</td>
          </tr>
        </tfoot>
      </Table>
      <div aria-hidden="true">
        {figures.districts
          .filter((each) => !small(each))
          .map((each) => (
            <div class="bar-row" key={each.unit}>
              {name(each)}: {words.share(each.counted, each.slots)} ({words.number(each.counted)} / {words.number(each.slots)})
              <Bar part={each.counted} base={each.slots} />
            </div>
          ))}
      </div>
      <div class="row">
        <Save name="turnout-districts.csv" kind="text/csv" text={() => toCsv(rows())} label={t("save-csv")} />
        <Save
          name="turnout.json"
          kind="application/json"
          text={() => toJson(turnoutOf(log, figures, small))}
          label={t("save-json")}
        />
      </div>
    </section>
  );
}

function turnoutOf(log: Log, figures: Figures, small: (each: District) => boolean): unknown {
  return {
    manifest_hash: toHex(log.manifestHash),
    kind: log.manifest.kind,
    size: log.size,
    root: toHex(log.root),
    rests_on: figures.turnout,
    checks: figures.checks,
    in_sums_of_several_districts: figures.across,
    districts: figures.districts.map((each) => (small(each) ? { unit: each.unit, slots: each.slots, withheld: true } : each)),
    blocks: figures.blocks.map(({ number, ballots, voters }) => ({ number, ballots, first_time_voters: voters })),
  };
}

/** The times at which groups of blocks began, as they become known. */
function useTimes(blocks: Blocks, firsts: readonly number[], back: number): ReadonlyMap<number, number> {
  const [times, setTimes] = useState<ReadonlyMap<number, number>>(new Map());
  useEffect(() => {
    let gone = false;
    const read = async (): Promise<void> => {
      const found = new Map<number, number>();
      for (const first of firsts) {
        const ms = await blocks.notBefore(first, back);
        if (ms !== undefined) found.set(first, ms);
        if (gone) return;
      }
      setTimes(found);
    };
    // Times only add to the table.
    read().catch(() => undefined);
    return () => {
      gone = true;
    };
  }, [blocks, firsts.join()]);
  return times;
}

function BallotsByBlock({ figures, blocks }: { figures: Figures; blocks: Blocks }): JSX.Element | null {
  const words = useWords();
  const { t } = words;
  const groups = groupsOf(figures.blocks);
  const times = useTimes(blocks, groups.map(({ first }) => first.number), 50);
  if (groups.length === 0) return null;
  const slots = figures.districts.reduce((sum, each) => sum + each.slots, 0);
  const rows = (): (string | number)[][] => [
    ["first_block", "last_block", "not_before", "ballots", "first_time_voters", "voters_so_far"],
    ...groups.map((each) => [each.first.number, each.last.number, isoOf(times.get(each.first.number)), each.ballots, each.voters, each.sum]),
  ];
  return (
    <section>
      <h3>{t("by-block")}</h3>
      <p>{t("by-block-why")}</p>
      <Table name={t("by-block")}>
        <thead>
          <tr>
            <th scope="col">{t("blocks")}</th>
            <th scope="col">{t("not-before")}</th>
            <th scope="col" class="number">
              {t("ballots")}
            </th>
            <th scope="col" class="number wide">
              {t("voters")}
            </th>
            <th scope="col" class="number">
              {t("so-far")}
            </th>
          </tr>
        </thead>
        <tbody>
          {groups.map((each) => (
            <tr key={each.first.number}>
              <th scope="row">
                <Range first={each.first.number} last={each.last.number} />
              </th>
              <td>{timeOf(words, times.get(each.first.number))}</td>
              <td class="number">{words.number(each.ballots)}</td>
              <td class="number wide">{words.number(each.voters)}</td>
              <td class="number wrap">
                {words.number(each.sum)} ({words.share(each.sum, slots)})
              </td>
            </tr>
          ))}
        </tbody>
      </Table>
      <Chart
        bars={groups.map(({ sum }) => sum)}
        top={slots}
        ends={[groups[0]!.first.number, groups.at(-1)!.last.number]}
        label={t("chart", { n: slots })}
      />
      <div class="row">
        <Save name="turnout-blocks.csv" kind="text/csv" text={() => toCsv(rows())} label={t("save-csv")} />
      </div>
    </section>
  );
}

/** Of a large board only the borders of groups of blocks are fetched: how many entries lie between them is certain, not which. */
function Spans({ log, figures, blocks }: { log: Log; figures: Figures; blocks: Blocks }): JSX.Element | null {
  const words = useWords();
  const { t } = words;
  const [spans, setSpans] = useState<readonly Span[] | undefined | null>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    let gone = false;
    blocks.spans(figures.opening, (figures.close ?? log.size) - 1, MOST_GROUPS).then(
      (found) => {
        if (!gone) setSpans(found);
      },
      (error: unknown) => {
        if (!gone) setProblem(error instanceof Error ? error.message : String(error));
      },
    );
    return () => {
      gone = true;
    };
  }, [log, figures, blocks]);
  const times = useTimes(blocks, (spans ?? []).map(({ first }) => first), 3);
  if (problem !== "") return <p class="bad">{t("blocks-refused", { reason: problem })}</p>;
  if (spans === null) return <p role="status">{t("loading")}</p>;
  if (spans === undefined || spans.length === 0) return <p class="open">{t("blocks-unknown")}</p>;
  const counts = spans.map(({ start, end }) => end - start);
  const rows = (): (string | number)[][] => [
    ["first_block", "last_block", "not_before", "entries"],
    ...spans.map(({ first, last }, place) => [first, last, isoOf(times.get(first)), counts[place]!]),
  ];
  return (
    <section>
      <h3>{t("entries-by-block")}</h3>
      <p>{t("entries-by-block-why")}</p>
      <Table name={t("entries-by-block")}>
        <thead>
          <tr>
            <th scope="col">{t("blocks")}</th>
            <th scope="col">{t("not-before")}</th>
            <th scope="col" class="number">
              {t("entries")}
            </th>
          </tr>
        </thead>
        <tbody>
          {spans.map(({ first, last }, place) => (
            <tr key={first}>
              <th scope="row">
                <Range first={first} last={last} />
              </th>
              <td>{timeOf(words, times.get(first))}</td>
              <td class="number">{words.number(counts[place]!)}</td>
            </tr>
          ))}
        </tbody>
      </Table>
      <Chart bars={counts} top={Math.max(...counts)} ends={[spans[0]!.first, spans.at(-1)!.last]} label={t("entries-chart", { n: Math.max(...counts) })} />
      <div class="row">
        <Save name="entries-blocks.csv" kind="text/csv" text={() => toCsv(rows())} label={t("save-csv")} />
      </div>
    </section>
  );
}

function Range({ first, last }: { first: number; last: number }): JSX.Element {
  const words = useWords();
  return (
    <a href={`#/block/${first}`}>{first === last ? words.number(first) : `${words.number(first)}–${words.number(last)}`}</a>
  );
}

function timeOf(words: Words, ms: number | undefined): string {
  return ms === undefined ? "–" : words.stamp(ms);
}

function isoOf(ms: number | undefined): string {
  return ms === undefined ? "" : new Date(ms).toISOString();
}

interface Charted {
  readonly bars: readonly number[];
  /** What 100 % stands for. */
  readonly top: number;
  readonly ends: readonly [number, number];
  readonly label: string;
}

function Chart({ bars, top, ends, label }: Charted): JSX.Element {
  const words = useWords();
  const [width, height, left, bottom] = [800, 240, 56, 30];
  const step = (width - left) / bars.length;
  return (
    <figure>
      <svg class="bars" viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
        {[0, 0.5, 1].map((part) => {
          const y = 12 + (height - bottom - 12) * (1 - part);
          return (
            <g key={part}>
              <line class="axis" x1={left} x2={width} y1={y} y2={y} />
              <text x={left - 6} y={y + 5} text-anchor="end">
                {words.number(100 * part)} %
              </text>
            </g>
          );
        })}
        {bars.map((each, place) => {
          const tall = ((height - bottom - 12) * each) / Math.max(top, 1);
          return <rect class="bar" key={place} x={left + place * step + 2} width={Math.max(step - 4, 1)} y={height - bottom - tall} height={tall} />;
        })}
        <text x={left} y={height - 8}>
          {words.number(ends[0])}
        </text>
        <text x={width} y={height - 8} text-anchor="end">
          {words.number(ends[1])}
        </text>
      </svg>
      <figcaption>{label}</figcaption>
    </figure>
  );
}
