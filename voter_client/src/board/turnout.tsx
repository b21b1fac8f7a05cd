/** Turnout by district and by block, counted from the entries. */

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Log } from "../public/log.js";
import type { Block, District, Figures } from "./count.js";
import { toCsv } from "./files.js";
import { Bar, Name, Save, Table } from "./pieces.js";
import { startOf } from "./times.js";
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

export function Turnout({ log, figures }: { log: Log; figures: Figures }): JSX.Element {
  const { t } = useWords();
  if (!figures.whole) return <p class="open">{t("too-large")}</p>;
  if (figures.districts.length === 0) return <p class="open">{t("turnout-none")}</p>;
  return (
    <>
      <Districts log={log} figures={figures} />
      <Blocks log={log} figures={figures} />
    </>
  );
}

function Districts({ log, figures }: { log: Log; figures: Figures }): JSX.Element {
  const words = useWords();
  const { t } = words;
  const least = log.manifest.minimum_cell;
  const small = (each: District): boolean => each.slots < least;
  const total = figures.districts.reduce(
    (sum, each) => ({
      slots: sum.slots + each.slots,
      credentials: sum.credentials + each.credentials,
      counted: sum.counted + each.counted,
    }),
    { slots: 0, credentials: 0, counted: 0 },
  );
  const rows = (): (string | number)[][] => [
    ["district", "name_ky", "name_ru", "name_en", "slots", "credentials", "voted"],
    ...figures.districts.map((each) => {
      const name = log.units.get(each.unit)?.name ?? { ky: "", ru: "", en: "" };
      const counts = small(each) ? ["withheld", "withheld"] : [each.credentials, each.counted];
      return [each.unit, name.ky, name.ru, name.en, each.slots, ...counts];
    }),
  ];
  return (
    <section>
      <h2>{t("turnout")}</h2>
      <p>
        <span class="total">{words.share(total.counted, total.slots)}</span>{" "}
        {t("turnout-sum", { counted: total.counted, slots: total.slots })}
      </p>
      <p>{t("ballot-sum", { ballots: figures.ballots, counted: figures.counted, superseded: figures.superseded, struck: figures.struck })}</p>
      {figures.refused > 0 && <p class="bad">{t("refused", { n: figures.refused })}</p>}
      <h3>{t("by-district")}</h3>
      <Table name={t("by-district")}>
        <thead>
          <tr>
            <th scope="col">{t("district")}</th>
            <th scope="col" class="number">
              {t("slots")}
            </th>
            <th scope="col" class="number">
              {t("credentials")}
            </th>
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
              <th scope="row">{log.units.has(each.unit) ? <Name of={log.units.get(each.unit)!.name} /> : each.unit}</th>
              <td class="number">{words.number(each.slots)}</td>
              <td class="number">{small(each) ? t("few", { least }) : words.number(each.credentials)}</td>
              <td class="number">{small(each) ? t("few", { least }) : words.number(each.counted)}</td>
              <td class="number">{small(each) ? "–" : words.share(each.counted, each.slots)}</td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">{t("total")}</th>
            <td class="number">{words.number(total.slots)}</td>
            <td class="number">{words.number(total.credentials)}</td>
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
              {log.units.has(each.unit) ? <Name of={log.units.get(each.unit)!.name} /> : each.unit}:{" "}
              {words.share(each.counted, each.slots)} ({words.number(each.counted)} / {words.number(each.slots)})
              <Bar part={each.counted} base={each.slots} />
            </div>
          ))}
      </div>
      <div class="row">
        <Save name="turnout-districts.csv" kind="text/csv" text={() => toCsv(rows())} label={t("save-csv")} />
      </div>
    </section>
  );
}

function Blocks({ log, figures }: { log: Log; figures: Figures }): JSX.Element | null {
  const words = useWords();
  const { t } = words;
  const groups = groupsOf(figures.blocks);
  const [times, setTimes] = useState<ReadonlyMap<number, number>>(new Map());
  useEffect(() => {
    let gone = false;
    void startsOf(log, figures.blocks, groups).then((found) => {
      if (!gone) setTimes(found);
    });
    return () => {
      gone = true;
    };
  }, [log, figures]);
  if (groups.length === 0) return null;
  const slots = figures.districts.reduce((sum, each) => sum + each.slots, 0);
  const time = (block: Block): string => {
    const ms = times.get(block.number);
    return ms === undefined ? "–" : words.time(ms);
  };
  const rows = (): (string | number)[][] => [
    ["first_block", "last_block", "not_before", "ballots", "first_time_voters", "voters_so_far"],
    ...groups.map((each) => {
      const ms = times.get(each.first.number);
      const start = ms === undefined ? "" : new Date(ms).toISOString();
      return [each.first.number, each.last.number, start, each.ballots, each.voters, each.sum];
    }),
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
            <th scope="col" class="number">
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
                {each.first === each.last
                  ? words.number(each.first.number)
                  : `${words.number(each.first.number)}–${words.number(each.last.number)}`}
              </th>
              <td>{time(each.first)}</td>
              <td class="number">{words.number(each.ballots)}</td>
              <td class="number">{words.number(each.voters)}</td>
              <td class="number">
                {words.number(each.sum)} ({words.share(each.sum, slots)})
              </td>
            </tr>
          ))}
        </tbody>
      </Table>
      <Chart groups={groups} slots={slots} label={t("chart", { n: slots })} />
      <div class="row">
        <Save name="turnout-blocks.csv" kind="text/csv" text={() => toCsv(rows())} label={t("save-csv")} />
      </div>
    </section>
  );
}

function Chart({ groups, slots, label }: { groups: readonly Group[]; slots: number; label: string }): JSX.Element {
  const words = useWords();
  const [width, height, left, bottom] = [800, 240, 56, 30];
  const step = (width - left) / groups.length;
  const top = Math.max(slots, 1);
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
        {groups.map((each, place) => {
          const tall = ((height - bottom - 12) * each.sum) / top;
          return <rect class="bar" key={place} x={left + place * step + 2} width={Math.max(step - 4, 1)} y={height - bottom - tall} height={tall} />;
        })}
        <text x={left} y={height - 8}>
          {words.number(groups[0]!.first.number)}
        </text>
        <text x={width} y={height - 8} text-anchor="end">
          {words.number(groups.at(-1)!.last.number)}
        </text>
      </svg>
      <figcaption>{label}</figcaption>
    </figure>
  );
}

async function startsOf(log: Log, blocks: readonly Block[], groups: readonly Group[]): Promise<Map<number, number>> {
  const found = new Map<number, number>();
  for (const { first } of groups) {
    const ms = await startOf(log, blocks, first.number);
    if (ms !== undefined) found.set(first.number, ms);
  }
  return found;
}
