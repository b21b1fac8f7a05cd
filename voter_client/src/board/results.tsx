/** Results: the table first, then bars; every share beside its count, and its base named. */

import type { JSX } from "preact";
import type { Contest } from "../core/entries.js";
import { toHex } from "../core/bytes.js";
import type { Log } from "../public/log.js";
import type { Cell, ContestFigures, Figures } from "./count.js";
import { toCsv, toJson } from "./files.js";
import { Bar, Name, Save, Table } from "./pieces.js";
import { useWords } from "./words.js";

export function Results({ log, figures }: { log: Log; figures: Figures }): JSX.Element {
  const { t } = useWords();
  const shown = figures.contests.filter(({ cells }) => cells.some(({ votes }) => votes !== null));
  return (
    <section>
      <h2>{t("results")}</h2>
      {figures.phase !== "complete" && <p class="open">{t(shown.length > 0 ? "results-partial" : "results-none")}</p>}
      {shown.map((each) => (
        <ContestResult key={each.id} log={log} contest={log.contests.get(each.id)!} figures={each} />
      ))}
      {shown.length > 0 && (
        <div class="row">
          <Save name="results.csv" kind="text/csv" text={() => toCsv(rowsOf(log, shown))} label={t("save-csv")} />
          <Save name="results.json" kind="application/json" text={() => toJson(objectOf(log, figures))} label={t("save-json")} />
        </div>
      )}
    </section>
  );
}

function ContestResult({ log, contest, figures }: { log: Log; contest: Contest; figures: ContestFigures }): JSX.Element {
  const words = useWords();
  const { t } = words;
  const name = words.pick(contest.title).text;
  const open = figures.cells.filter(({ votes }) => votes !== null).length;
  return (
    <section>
      <h3>
        <Name of={contest.title} />
      </h3>
      <p>
        {t("base", { n: figures.base })}{" "}
        {open < figures.cells.length && t("cells-open", { open, cells: figures.cells.length })}
      </p>
      {(figures.withheld ?? 0) > 0 && (
        <p class="note">{t("withheld", { n: figures.withheld!, least: log.manifest.minimum_cell })}</p>
      )}
      {figures.withheld === null && <p class="open">{t("withheld-unknown")}</p>}
      {figures.cells.some(({ annulled }) => annulled) && (
        <p class="note">{t("annulled", { n: figures.cells.filter(({ annulled }) => annulled).length })}</p>
      )}
      <Table name={t("results-of", { name })}>
        <thead>
          <tr>
            <th scope="col">{t("option")}</th>
            <th scope="col" class="number">
              {t("votes")}
            </th>
            <th scope="col" class="number">
              {t("share")}
            </th>
          </tr>
        </thead>
        <tbody>
          {contest.options.map((option, place) => (
            <tr key={place}>
              <th scope="row">
                <span class={figures.out.includes(place) ? "out" : ""}>
                  <Name of={option.name} />
                </span>
                {figures.out.includes(place) && ` (${t("out-of-ranking")})`}
              </th>
              <td class="number">{words.number(figures.votes[place]!)}</td>
              <td class="number">{words.share(figures.votes[place]!, figures.base)}</td>
            </tr>
          ))}
        </tbody>
      </Table>
      <div aria-hidden="true">
        {contest.options.map((option, place) => (
          <div class="bar-row" key={place}>
            <Name of={option.name} />: {words.share(figures.votes[place]!, figures.base)} ({words.number(figures.votes[place]!)}{" "}
            / {words.number(figures.base)})
            <Bar part={figures.votes[place]!} base={figures.base} />
          </div>
        ))}
      </div>
      <details>
        <summary>{t("by-cell", { n: figures.cells.length })}</summary>
        <Cells log={log} contest={contest} cells={figures.cells} />
      </details>
    </section>
  );
}

function Cells({ log, contest, cells }: { log: Log; contest: Contest; cells: readonly Cell[] }): JSX.Element {
  const words = useWords();
  const { t } = words;
  return (
    <>
      <p>{t("cells-why", { least: log.manifest.minimum_cell })}</p>
      <Table name={t("by-cell", { n: cells.length })}>
        <thead>
          <tr>
            <th scope="col">{t("units")}</th>
            <th scope="col" class="number">
              {t("ballots")}
            </th>
            {contest.options.map((option, place) => (
              <th scope="col" class="number" key={place}>
                <Name of={option.name} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {cells.map((cell) => (
            <tr key={cell.number}>
              <td>
                <UnitNames log={log} units={cell.units} />
                {cell.annulled && ` (${t("annulled-cell")})`}
              </td>
              <td class="number">{words.number(cell.ballots)}</td>
              {contest.options.map((_, place) => (
                <td class="number" key={place}>
                  {cell.votes === null ? t("not-opened") : words.number(cell.votes[place]!)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </Table>
    </>
  );
}

const FEW = 4;

function UnitNames({ log, units }: { log: Log; units: readonly number[] }): JSX.Element {
  const { t } = useWords();
  const shown = units.slice(0, FEW);
  return (
    <>
      {shown.map((unit, place) => {
        const found = log.units.get(unit);
        return (
          <span key={unit}>
            {place > 0 && ", "}
            {found === undefined ? unit : <Name of={found.name} />}
          </span>
        );
      })}
      {units.length > FEW && ` ${t("and-more", { n: units.length - FEW })}`}
    </>
  );
}

function rowsOf(log: Log, contests: readonly ContestFigures[]): (string | number)[][] {
  const rows: (string | number)[][] = [
    ["contest", "contest_en", "option", "option_ky", "option_ru", "option_en", "votes", "base_ballots", "out_of_ranking"],
  ];
  for (const { id, votes, base, out } of contests) {
    const contest = log.contests.get(id)!;
    contest.options.forEach(({ name }, place) => {
      rows.push([id, contest.title.en, place, name.ky, name.ru, name.en, votes[place]!, base, out.includes(place) ? 1 : 0]);
    });
  }
  return rows;
}

function objectOf(log: Log, figures: Figures): unknown {
  return {
    manifest_hash: toHex(log.manifestHash),
    kind: log.manifest.kind,
    origin: log.manifest.origin,
    size: log.size,
    root: toHex(log.root),
    phase: figures.phase,
    checks: figures.checks,
    contests: figures.contests.map((each) => ({
      ...each,
      title: log.contests.get(each.id)!.title,
      options: log.contests.get(each.id)!.options.map(({ name }) => name),
    })),
  };
}
