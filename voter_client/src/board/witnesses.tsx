/** Who watches the log, and what each said last. */

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { toHex } from "../core/bytes.js";
import type { Bytes } from "../core/bytes.js";
import type { Log } from "../public/log.js";
import type { Words } from "../public/words.js";
import type { Blocks } from "./blocks.js";
import { Table } from "./pieces.js";
import { useWords } from "./words.js";

const LOOK_BACK = 50;

/** A span of time in the largest unit that still says it well. */
function lagOf(words: Words, seconds: number): string {
  const units: readonly (readonly [string, number])[] = [["days", 86_400], ["hours", 3_600], ["minutes", 60], ["seconds", 1]];
  const [unit, length] = units.find(([, each]) => seconds >= 2 * each) ?? units.at(-1)!;
  return words.t(unit, { n: Math.max(0, Math.floor(seconds / length)) });
}

export function Witnesses({ log, blocks, now_s }: { log: Log; blocks: Blocks; now_s: number }): JSX.Element {
  const words = useWords();
  const { t } = words;
  const [older, setOlder] = useState<readonly Bytes[]>([]);
  useEffect(() => {
    let gone = false;
    // What older seals hold only adds to the table: without them it stands as it is.
    blocks.notes(LOOK_BACK).then(
      (notes) => {
        if (!gone) setOlder(notes);
      },
      () => undefined,
    );
    return () => {
      gone = true;
    };
  }, [log, blocks]);
  const watches = log.watches(older);
  const newest = Math.max(...watches.map(({ time_s }) => time_s));
  const { quorum, faults } = log.manifest;
  return (
    <section>
      <h2>{t("witnesses")}</h2>
      <p>{t("witnesses-why", { quorum, all: watches.length, faults })}</p>
      <p>{t("head-age", { lag: lagOf(words, now_s - newest) })}</p>
      <Table name={t("witnesses")}>
        <thead>
          <tr>
            <th scope="col">{t("witness")}</th>
            <th scope="col">{t("cosigned")}</th>
            <th scope="col" class="number">
              {t("lag")}
            </th>
          </tr>
        </thead>
        <tbody>
          {watches.map(({ name, time_s, here }) => (
            <tr key={name}>
              <th scope="row" class="name" translate={false}>
                {name}
              </th>
              <td>
                {time_s === 0 ? t("never") : words.stamp(1000 * time_s, true)}
                {!here && ` (${t("not-on-this")})`}
              </td>
              <td class="number">{time_s === 0 ? "–" : lagOf(words, newest - time_s)}</td>
            </tr>
          ))}
        </tbody>
      </Table>
      <dl class="fields">
        <dt>{t("entries")}</dt>
        <dd>{words.number(log.size)}</dd>
        <dt>{t("root")}</dt>
        <dd class="mono">{toHex(log.root)}</dd>
        <dt>{t("origin")}</dt>
        <dd class="mono">{log.manifest.origin}</dd>
      </dl>
      <details>
        <summary>{t("note")}</summary>
        <pre class="mono scroll" tabIndex={0}>
          {new TextDecoder().decode(log.note)}
        </pre>
      </details>
    </section>
  );
}
