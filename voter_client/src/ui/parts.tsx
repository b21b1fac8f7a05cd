// Small parts that several screens share.

import { useEffect, useRef } from "preact/hooks";
import { type Language, pick, type Words } from "../words/words";
import type { Model, Problem, State } from "./model";

export interface Props {
  readonly model: Model;
  readonly s: State;
  readonly t: Words;
}

/** A page's heading; it takes the focus when the page comes. */
export function Heading({ children }: { children: preact.ComponentChildren }) {
  return <h1 tabIndex={-1}>{children}</h1>;
}

/** What went wrong, at the top, with the focus. */
export function Alert({ problem, t }: { problem: Problem | null; t: Words }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (problem !== null) box.current?.focus();
  }, [problem]);
  if (problem === null) return null;
  return (
    <div ref={box} role="alert" class="alert" tabIndex={-1}>
      <strong>{t("frame.problem")}</strong>
      <p>{problem.text}</p>
      {problem.check !== undefined && <p class="small">{t("refused.detail", { check: problem.check })}</p>}
    </div>
  );
}

/** A name of the election: never translated by the browser, its direction kept to itself. */
export function Name({ names, t }: { names: Readonly<Record<Language, string>>; t: Words }) {
  const [text, language] = pick(names, t.language);
  return (
    <bdi translate={false} lang={language} class="notranslate">
      {text}
    </bdi>
  );
}

export function Go({
  onClick,
  disabled = false,
  children,
}: {
  onClick: () => void;
  disabled?: boolean;
  children: preact.ComponentChildren;
}) {
  return (
    <button type="button" class="big" onClick={onClick} disabled={disabled}>
      {children}
    </button>
  );
}
