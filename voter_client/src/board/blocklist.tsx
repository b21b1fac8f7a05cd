/** The blocks of the board: lists, and one block with what it holds. */

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { BUNDLE, type Log, typeOf } from "../public/log.js";
import type { Blocks } from "./blocks.js";
import { PAGE, Problem, State, Table, TypeName } from "./pieces.js";
import { useWords } from "./words.js";

const BLOCKS = 25;
/** Blocks of more bundles than this are counted when somebody asks for it. */
const FEW_BUNDLES = 4;

interface BlockRow {
  readonly block: number;
  readonly start: number;
  readonly end: number;
  readonly ms: number | undefined;
}

/** The newest blocks, or those before a number. */
export function BlockList({ log, blocks, from }: { log: Log; blocks: Blocks; from: number | null }): JSX.Element {
  const words = useWords();
  const { t } = words;
  const [rows, setRows] = useState<readonly BlockRow[] | null>(null);
  const [last, setLast] = useState(0);
  const [problem, setProblem] = useState<unknown>(null);
  useEffect(() => {
    let gone = false;
    setRows(null);
    setProblem(null);
    const read = async (): Promise<void> => {
      const newest = await blocks.last();
      const found: BlockRow[] = [];
      for (let block = Math.min(newest, from ?? newest); block >= 0 && found.length < BLOCKS; block--) {
        const span = await blocks.span(block);
        if (span === undefined) break;
        found.push({ block, start: span[0], end: span[1], ms: await blocks.notBefore(block, 3) });
      }
      if (gone) return;
      setLast(newest);
      setRows(found);
    };
    read().catch(setProblem);
    return () => {
      gone = true;
    };
  }, [log, blocks, from]);
  const first = rows?.at(-1)?.block ?? 0;
  return (
    <section>
      <h2>{t("page.blocks")}</h2>
      <p>{t("blocks-why")}</p>
      <Problem of={problem} />
      {rows === null && problem === null && <p role="status">{t("loading")}</p>}
      {rows?.length === 0 && <p class="open">{t("blocks-unknown")}</p>}
      {rows !== null && rows.length > 0 && (
        <Table name={t("page.blocks")}>
          <thead>
            <tr>
              <th scope="col" class="number">
                {t("block")}
              </th>
              <th scope="col">{t("not-before")}</th>
              <th scope="col" class="number">
                {t("entries")}
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ block, start, end, ms }) => (
              <tr key={block}>
                <th scope="row" class="number">
                  <a href={`#/block/${block}`}>{words.number(block)}</a>
                </th>
                <td>{ms === undefined ? "–" : words.stamp(ms)}</td>
                <td class="number">{words.number(end - start)}</td>
              </tr>
            ))}
          </tbody>
        </Table>
      )}
      <div class="row">
        {first > 0 && (
          <a class="button" href={`#/blocks/${first - 1}`}>
            {t("older")}
          </a>
        )}
        {from !== null && from < last && (
          <a class="button" href={`#/blocks/${Math.min(last, from + BLOCKS)}`}>
            {t("newer")}
          </a>
        )}
      </div>
    </section>
  );
}

/** One block: where it lies, when it began, and what it holds, counted by type. */
export function BlockPage({ log, blocks, block }: { log: Log; blocks: Blocks; block: number }): JSX.Element {
  const words = useWords();
  const { t } = words;
  const [row, setRow] = useState<BlockRow | undefined | null>(null);
  const [types, setTypes] = useState<readonly (readonly [string, number])[] | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const count = async (start: number, end: number): Promise<void> => {
    const found = new Map<string, number>();
    for (const raw of await log.range(start, end)) found.set(typeOf(raw), (found.get(typeOf(raw)) ?? 0) + 1);
    setTypes([...found]);
  };
  useEffect(() => {
    let gone = false;
    setRow(null);
    setTypes(null);
    setProblem(null);
    const read = async (): Promise<void> => {
      const span = await blocks.span(block);
      const ms = span === undefined ? undefined : await blocks.notBefore(block, 3);
      if (gone) return;
      setRow(span && { block, start: span[0], end: span[1], ms });
      if (span !== undefined && span[1] - span[0] <= FEW_BUNDLES * BUNDLE) await count(...span);
    };
    read().catch(setProblem);
    return () => {
      gone = true;
    };
  }, [log, blocks, block]);
  return (
    <section>
      <h2>
        {t("block")} {words.number(block)}
      </h2>
      <Problem of={problem} />
      {row === null && problem === null && <p role="status">{t("loading")}</p>}
      {row === undefined && <p class="bad">{t("no-block")}</p>}
      {row && (
        <>
          <ul class="steps">
            <li>
              <State of="passed" /> {t("block-proved", { first: row.start, last: row.end - 1, n: row.end - row.start })}
            </li>
          </ul>
          <p>
            {t("not-before")}: {row.ms === undefined ? "–" : words.stamp(row.ms)}
          </p>
          {types === null && row.end - row.start > FEW_BUNDLES * BUNDLE && (
            <div class="row">
              <button type="button" onClick={() => void count(row.start, row.end).catch(setProblem)}>
                {t("count-block", { n: row.end - row.start })}
              </button>
            </div>
          )}
          {types !== null && (
            <Table name={t("in-block")}>
              <thead>
                <tr>
                  <th scope="col">{t("type")}</th>
                  <th scope="col" class="number">
                    {t("objects")}
                  </th>
                </tr>
              </thead>
              <tbody>
                {types.map(([type, number]) => (
                  <tr key={type}>
                    <th scope="row">
                      <TypeName of={type} />
                    </th>
                    <td class="number">{words.number(number)}</td>
                  </tr>
                ))}
              </tbody>
            </Table>
          )}
          <div class="row">
            <a class="button" href={`#/entries/${Math.min(log.size - 1, row.start + PAGE - 1)}`}>
              {t("show-entries")}
            </a>
            {block > 0 && (
              <a class="button" href={`#/block/${block - 1}`}>
                {t("older")}
              </a>
            )}
            {row.end < log.size && (
              <a class="button" href={`#/block/${block + 1}`}>
                {t("newer")}
              </a>
            )}
          </div>
        </>
      )}
    </section>
  );
}
