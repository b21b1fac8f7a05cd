/** Small pieces of the console: what went wrong, states, fields, bodies in plain values. */

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { type Bytes, toHex } from "../core/bytes.js";
import { Refused } from "../core/errors.js";
import { NoKeyError } from "../passkey.js";
import { FileFault } from "./draft.js";
import { ask, Problem } from "./service.js";
import { useWords } from "./words.js";

/** What went wrong, at the top and with the focus; what to do stands in it. */
export function Failure({ problem }: { problem: unknown }): JSX.Element | null {
  const words = useWords();
  const { t } = words;
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => place.current?.focus(), [problem]);
  if (problem === null || problem === undefined) return null;
  const known = problem instanceof Problem ? problem : null;
  const fault = problem instanceof FileFault ? t(`file.${problem.key}`, { line: String(problem.line) }) : "";
  const key = problem instanceof NoKeyError ? "failure.no-key" : known !== null && words.has(`failure.${known.code}`) ? `failure.${known.code}` : "failure.other";
  return (
    <div class="bad" role="alert" tabIndex={-1} ref={place}>
      <h2>{t("failure")}</h2>
      <p>{fault !== "" ? fault : known !== null && known.message !== "" ? known.message : t(key)}</p>
      {known !== null && known.reason !== "" && <p>{known.reason}</p>}
      {known !== null && known.check !== "" && <p class="mono">{known.check}</p>}
      {problem instanceof Refused && <p class="mono">{problem.message}</p>}
    </div>
  );
}

/** Runs an act once at a time, and keeps what went wrong. */
export function useAct(): { busy: boolean; problem: unknown; act: (what: () => Promise<void>) => void } {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<unknown>(null);
  const act = (what: () => Promise<void>): void => {
    if (busy) return;
    setBusy(true);
    setProblem(null);
    what().then(
      () => setBusy(false),
      (error: unknown) => {
        setBusy(false);
        setProblem(error);
      },
    );
  };
  return { busy, problem, act };
}

/** What a route answers, asked again every few seconds while the page is open. */
export function useAnswer<T>(path: string, everyMs = 0): { found: T | null; problem: unknown; again: () => void } {
  const { language } = useWords();
  const [found, setFound] = useState<T | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const [round, setRound] = useState(0);
  useEffect(() => {
    let gone = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = (): void => {
      ask<T>(language, "GET", path)
        .then(
          (answer) => {
            if (gone) return;
            setFound(answer);
            setProblem(null);
          },
          (error: unknown) => {
            if (!gone) setProblem(error);
          },
        )
        .finally(() => {
          if (!gone && everyMs > 0) timer = setTimeout(look, everyMs);
        });
    };
    look();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [path, language, round, everyMs]);
  return { found, problem, again: () => setRound((value) => value + 1) };
}

const SYMBOLS: Readonly<Record<string, string>> = { passed: "✔", failed: "✘", open: "○" };

/** A state in word, shape and colour. */
export function State({ of, children }: { of: "passed" | "failed" | "open"; children: ComponentChildren }): JSX.Element {
  return (
    <span class={`state ${of}`}>
      <span aria-hidden="true">{SYMBOLS[of]} </span>
      {children}
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

/** One field of text with its label, and what it lacks beside it. */
export function Field({
  id,
  label,
  value,
  set,
  kind = "text",
  fault,
  hint,
}: {
  id: string;
  label: string;
  value: string;
  set: (value: string) => void;
  kind?: "text" | "number" | "datetime-local" | undefined;
  fault?: string | undefined;
  hint?: string;
}): JSX.Element {
  const described = [fault === undefined ? "" : `${id}-fault`, hint === undefined ? "" : `${id}-hint`].filter(Boolean).join(" ");
  return (
    <div>
      <label for={id}>{label}</label>
      {hint !== undefined && <p id={`${id}-hint`}>{hint}</p>}
      <input
        id={id}
        type={kind as "text"}
        value={value}
        autocomplete="off"
        aria-invalid={fault !== undefined}
        {...(described === "" ? {} : { "aria-describedby": described })}
        onInput={(event) => set(event.currentTarget.value)}
      />
      {fault !== undefined && (
        <p id={`${id}-fault`} class="fault">
          {fault}
        </p>
      )}
    </div>
  );
}

/** A choice among a few. */
export function Select({
  id,
  label,
  value,
  of,
  set,
}: {
  id: string;
  label: string;
  value: string;
  of: readonly (readonly [string, string])[];
  set: (value: string) => void;
}): JSX.Element {
  return (
    <div>
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => set(event.currentTarget.value)}>
        {of.map(([name, text]) => (
          <option key={name} value={name}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}

/** A file's text or bytes, as somebody chooses it. */
export function FileField({ id, label, hint, take }: { id: string; label: string; hint?: string; take: (file: File) => void }): JSX.Element {
  const [name, setName] = useState("");
  return (
    <div>
      <label for={id}>{label}</label>
      {hint !== undefined && <p id={`${id}-hint`}>{hint}</p>}
      <input
        id={id}
        type="file"
        {...(hint === undefined ? {} : { "aria-describedby": `${id}-hint` })}
        onChange={(event) => {
          const [file] = event.currentTarget.files ?? [];
          if (file === undefined) return;
          setName(file.name);
          take(file);
          // The same file, mended, may be chosen again.
          event.currentTarget.value = "";
        }}
      />
      {name !== "" && (
        <p class="mono" translate={false}>
          {name}
        </p>
      )}
    </div>
  );
}

const EARLIEST_MS = Date.UTC(2000, 0, 1);

/** Decoded values of a body: nested lists, byte strings in hexadecimal groups. */
export function Plain({ of, name = "" }: { of: unknown; name?: string }): JSX.Element {
  const words = useWords();
  const { t } = words;
  if (of instanceof Uint8Array) return <span class="mono">{groups(of)}</span>;
  if (Array.isArray(of)) {
    return (
      <ol class="plain">
        {of.map((each, place) => (
          <li key={place}>
            <Plain of={each} name={name} />
          </li>
        ))}
      </ol>
    );
  }
  if (typeof of === "object" && of !== null) {
    return (
      <dl class="plain">
        {Object.entries(of).map(([field, value]) => (
          <div key={field}>
            <dt>
              {words.has(`field.${field}`) && `${t(`field.${field}`)} `}
              <span class="mono">{field}</span>
            </dt>
            <dd>
              <Plain of={value} name={field} />
            </dd>
          </div>
        ))}
      </dl>
    );
  }
  if (name.endsWith("_ms") && typeof of === "number") {
    // What a person signs she must be able to read: a moment as a date, a span as minutes.
    const said = of >= EARLIEST_MS ? words.time(of, true) : t("field.minutes", { minutes: words.number(of / 60_000, of % 60_000 === 0 ? 0 : 2) });
    return (
      <span>
        {said} <span class="mono">{of}</span>
      </span>
    );
  }
  return <span translate={false}>{of === null ? "–" : String(of)}</span>;
}

function groups(data: Bytes): string {
  return toHex(data).replace(/(.{4})(?=.)/g, "$1 ");
}

/** Save bytes or text as a file; nothing is asked of any server. */
export function save(name: string, kind: string, content: string): void {
  const address = URL.createObjectURL(new Blob([content], { type: kind }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}
