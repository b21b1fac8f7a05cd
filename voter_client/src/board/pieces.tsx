/** Small pieces that every public page uses: names, states, bars, downloads. */

import type { ComponentChildren, JSX } from "preact";
import type { Text3 } from "../core/entries.js";
import { Refused } from "../core/errors.js";
import type { Check, Outcome } from "./count.js";
import { useWords } from "./words.js";

/** So many entries stand in one table. */
export const PAGE = 50;

export const SYMBOLS: Readonly<Record<Outcome, string>> = { passed: "✔", failed: "✘", open: "○" };

/** A name out of the election: never translated, with its language. */
export function Name({ of }: { of: Text3 }): JSX.Element {
  const { text, lang } = useWords().pick(of);
  return (
    <bdi translate={false} lang={lang}>
      {text}
    </bdi>
  );
}

/** A state in word, shape and colour. */
export function State({ of }: { of: Outcome }): JSX.Element {
  const { t } = useWords();
  return (
    <span class={`state ${of}`}>
      <span aria-hidden="true">{SYMBOLS[of]} </span>
      {t(`state.${of}`)}
    </span>
  );
}

/** A table that scrolls inside itself on a narrow screen. */
export function Table({ name, children }: { name: string; children: ComponentChildren }): JSX.Element {
  return (
    <div class="scroll" role="region" aria-label={name} tabIndex={0}>
      <table>{children}</table>
    </div>
  );
}

/** What was checked here, what was not, and by what. */
export function Checks({ of }: { of: readonly Check[] }): JSX.Element {
  const words = useWords();
  return (
    <Table name={words.t("checks")}>
      <thead>
        <tr>
          <th scope="col">{words.t("check")}</th>
          <th scope="col">{words.t("outcome")}</th>
          <th scope="col" class="number wide">
            {words.t("objects")}
          </th>
        </tr>
      </thead>
      <tbody>
        {of.map(({ key, outcome, count }) => (
          <tr key={key}>
            <td>{words.t(`check.${key}`)}</td>
            <td>
              <State of={outcome} />
            </td>
            <td class="number wide">{outcome === "open" ? "–" : words.number(count)}</td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

/** One horizontal bar; what it says stands in the table above it and beside it. */
export function Bar({ part, base }: { part: number; base: number }): JSX.Element {
  const width = base === 0 ? 0 : (1000 * part) / base;
  return (
    <svg class="bars" viewBox="0 0 1000 22" preserveAspectRatio="none" aria-hidden="true">
      <rect class="rest" x="0" y="0" width="1000" height="22" />
      <rect class="bar" x="0" y="0" width={width} height="22" />
    </svg>
  );
}

/** A button that saves a text as a file; nothing is asked of any server. */
export function Save({ name, kind, text, label }: { name: string; kind: string; text: () => string; label: string }): JSX.Element {
  const save = (): void => {
    const address = URL.createObjectURL(new Blob([text()], { type: kind }));
    const link = document.createElement("a");
    link.href = address;
    link.download = name;
    link.click();
    URL.revokeObjectURL(address);
  };
  return (
    <button type="button" onClick={save}>
      {label}
    </button>
  );
}

/** What a type of entry is, in words; unknown types keep their own name. */
export function TypeName({ of }: { of: string }): JSX.Element {
  const words = useWords();
  return <>{words.has(`type.${of}`) ? words.t(`type.${of}`) : of}</>;
}

/** Why something could not be shown: a file that is not what was signed, or a line that broke. */
export function Problem({ of }: { of: unknown }): JSX.Element | null {
  const { t } = useWords();
  if (of === null) return null;
  return (
    <div class="bad" role="alert">
      <p>{t(of instanceof Refused ? "refusal-then" : "unreachable-then")}</p>
      <p class="mono" translate={false}>
        {of instanceof Error ? of.message : String(of)}
      </p>
    </div>
  );
}
