/** The roll at the identity side: a signed version, its report, the slots; and codes that are handed out in person, on paper. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Bytes } from "../core/bytes.js";
import type { Kind } from "../core/transcript.js";
import { CODE_USE, codeBody, codeBytes, codeKey, makeCode } from "./codes.js";
import { FileFault, readCsv } from "./draft.js";
import { Failure, FileField, save, Table, useAct, useAnswer } from "./pieces.js";
import { Command } from "./road.js";
import { ask, type Person, Problem } from "./service.js";
import { inGroups, type Signer } from "./signer.js";
import { useWords } from "./words.js";

interface Roll {
  readonly kind: Kind;
  readonly versions: readonly { number: number; use: string; hash: string; signer: string }[];
  readonly people: number;
  readonly unplaced: Readonly<Record<string, number>>;
  readonly report: readonly { number: string; address: string; fault: string; mend: string }[];
  readonly slots: number;
}

const DAYS_MS = 30 * 86_400_000;
const PAUSE_MS = 5_000;

/** A version of the roll as the registrar's program signed it; null where the file is none. */
export function readVersion(text: string): { use: "roll" | "mend"; content: string; signer: string } | null {
  try {
    const found = JSON.parse(text) as Record<string, unknown>;
    const words = ["use", "format", "content", "places", "signer", "signature"];
    if (!words.every((name) => typeof found[name] === "string") || (found["use"] !== "roll" && found["use"] !== "mend")) return null;
    return found as { use: "roll" | "mend"; content: string; signer: string };
  } catch {
    // Not JSON: no version.
    return null;
  }
}

const PROGRAM = "dobush-server registrar version --folder registrar --passphrase-file passphrase";

export function RollRoom({ me }: { me: Person }): JSX.Element {
  const words = useWords();
  const { language, t } = words;
  const { found, problem, again } = useAnswer<Roll>("rolls");
  const running = useAct();
  const [version, setVersion] = useState<ReturnType<typeof readVersion>>(null);
  const take = (file: File): void =>
    running.act(async () => {
      const read = readVersion(await file.text());
      setVersion(read);
      if (read === null) throw new FileFault("signed");
    });
  const send = (): void =>
    running.act(async () => {
      await ask(language, "POST", "rolls", version);
      setVersion(null);
      again();
    });
  const draw = (): void =>
    running.act(async () => {
      await ask(language, "POST", "slots");
      again();
    });
  const missing = found === null ? 0 : Object.values(found.unplaced).reduce((sum, count) => sum + count, 0);
  const last = found?.versions.at(-1)?.hash;
  const chained = last === undefined ? "" : ` --previous ${last}`;
  return (
    <section>
      <h2>{t("roll")}</h2>
      <p>{t("roll.why")}</p>
      <Failure problem={running.problem ?? problem} />
      {found !== null && (
        <>
          <p>{t("roll.now", { n: found.people, slots: words.number(found.slots), versions: words.number(found.versions.length) })}</p>
          {found.people > 0 && (
            <p class={missing === 0 ? "good" : "bad"}>{missing === 0 ? t("roll.all-placed") : t("roll.unplaced", { n: missing })}</p>
          )}
          {found.report.length > 0 && (
            <>
              <Table name={t("roll.report")}>
                <thead>
                  <tr>
                    <th scope="col">{t("roll.number")}</th>
                    <th scope="col">{t("roll.address")}</th>
                    <th scope="col">{t("roll.fault")}</th>
                    <th scope="col">{t("roll.mend")}</th>
                  </tr>
                </thead>
                <tbody>
                  {found.report.map((each) => (
                    <tr key={each.number}>
                      <td class="mono">{each.number}</td>
                      <td translate={false}>{each.address === "" ? "–" : each.address}</td>
                      <td>{words.has(`roll.fault.${each.fault}`) ? t(`roll.fault.${each.fault}`) : each.fault}</td>
                      <td>{words.has(`roll.mend.${each.fault}`) ? t(`roll.mend.${each.fault}`) : each.mend}</td>
                    </tr>
                  ))}
                </tbody>
              </Table>
              <h3>{t("roll.mending")}</h3>
              <p>{t("roll.mending-how")}</p>
              <div class="row">
                <button
                  type="button"
                  onClick={() =>
                    save("mends.csv", "text/csv", `number,unit,style,reason\n${found.report.map(({ number, fault }) => `${number},,,${fault}`).join("\n")}\n`)
                  }
                >
                  {t("roll.mends-save")}
                </button>
              </div>
              <Command>{`${PROGRAM} --use mend${chained} > version.json`}</Command>
            </>
          )}
          {found.slots === 0 && (
            <>
              <h3>{t("roll.import")}</h3>
              {me.role !== "registrar" && me.role !== "operator" ? (
                <p class="note">{t("roll.registrar")}</p>
              ) : (
                <>
                  <p>{t("roll.import-how")}</p>
                  <Command>{`${PROGRAM}${chained} > version.json`}</Command>
                  <FileField id="version-file" label={t("roll.version")} hint={t("roll.version-hint")} take={take} />
                  {version !== null && (
                    <p>
                      {t(`roll.use.${version.use}`)}: {t("roll.lines", { n: Math.max(0, version.content.trim().split("\n").length - 1) })}
                    </p>
                  )}
                  <div class="row">
                    <button type="button" class="main" disabled={running.busy || version === null} onClick={send}>
                      {t("roll.import-go")}
                    </button>
                  </div>
                </>
              )}
            </>
          )}
          <h3>{t("roll.draw")}</h3>
          {found.slots > 0 ? (
            <>
              <p class="good">{t("roll.drawn", { n: found.slots })}</p>
              <Command>dobush-server registrar roll --folder registrar --passphrase-file passphrase</Command>
            </>
          ) : (
            <>
              <p>{t("roll.draw-why")}</p>
              <div class="row">
                <button type="button" class={missing === 0 && found.people > 0 ? "main" : ""} disabled={running.busy || found.people === 0 || missing > 0} onClick={draw}>
                  {t("roll.draw-go")}
                </button>
              </div>
            </>
          )}
        </>
      )}
    </section>
  );
}

/** The end of the roll, for officers: slots of each district, and the act as a file for the ballot side's console. */
export function Freeze(): JSX.Element {
  const words = useWords();
  const { t } = words;
  const { found, problem } = useAnswer<{ body: string; slots: Readonly<Record<string, number>> }>("freeze");
  return (
    <section>
      <h2>{t("freeze")}</h2>
      <p>{t("freeze.why")}</p>
      {problem instanceof Problem && problem.code === "not-found" ? <p class="open">{t("freeze.not-yet")}</p> : <Failure problem={problem} />}
      {found !== null && (
        <>
          <Table name={t("freeze")}>
            <thead>
              <tr>
                <th scope="col">{t("freeze.district")}</th>
                <th scope="col" class="number">
                  {t("live.slots")}
                </th>
              </tr>
            </thead>
            <tbody>
              {Object.entries(found.slots).map(([district, count]) => (
                <tr key={district}>
                  <td>{district}</td>
                  <td class="number">{words.number(count)}</td>
                </tr>
              ))}
            </tbody>
          </Table>
          <div class="row">
            <button
              type="button"
              class="main"
              onClick={() => save("freeze.json", "application/json", JSON.stringify({ type: "freeze", body: found.body }))}
            >
              {t("freeze.save")}
            </button>
          </div>
        </>
      )}
    </section>
  );
}

export interface Slip {
  readonly number: string;
  readonly name: string;
  readonly code: string;
}

/** Codes on paper: one slip a person. They are on this screen only, until the page is left. */
export function Codes({ me, signer, manifestHash }: { me: Person; signer: Signer | null; manifestHash: Bytes }): JSX.Element {
  const words = useWords();
  const { language, t } = words;
  const { found } = useAnswer<Roll>("rolls");
  const running = useAct();
  const [people, setPeople] = useState<readonly { number: string; name: string }[]>([]);
  const [slips, setSlips] = useState<readonly Slip[]>([]);
  const [done, setDone] = useState(0);
  const take = (file: File): void =>
    running.act(async () => {
      const rows = readCsv(await file.text());
      if (!rows.every((row) => /^\d{14}$/.test(row["number"] ?? ""))) throw new FileFault("columns", 1);
      setPeople(rows.map((row) => ({ number: row["number"]!, name: `${row["surname"] ?? ""} ${row["given"] ?? ""}`.trim() })));
    });
  const issue = (): void =>
    running.act(async () => {
      if (signer === null || found === null) return;
      const expiresAt = Date.now() + DAYS_MS;
      const made: Slip[] = [];
      for (const person of people) {
        const code = makeCode();
        const key = codeKey(found.kind, manifestHash, code);
        const signed = await signer.sign(found.kind, manifestHash, CODE_USE, codeBytes(person.number, key, expiresAt), CODE_USE);
        await patiently(() => ask(language, "POST", "codes", codeBody(person.number, key, expiresAt, signed)));
        made.push({ ...person, code });
        setDone(made.length);
      }
      setSlips(made);
    });
  return (
    <section>
      <h2>{t("codes")}</h2>
      <p>{t("codes.why")}</p>
      <Failure problem={running.problem} />
      {me.role !== "registrar" || signer === null ? (
        <p class="note">{t("roll.registrar")}</p>
      ) : (
        <>
          <FileField id="people-file" label={t("codes.file")} hint={t("codes.hint")} take={take} />
          {people.length > 0 && slips.length === 0 && (
            <div class="row">
              <button type="button" class="main" disabled={running.busy} onClick={issue}>
                {t("codes.go", { n: people.length })}
              </button>
            </div>
          )}
          {running.busy && done > 0 && <p role="status">{t("codes.progress", { n: done })}</p>}
        </>
      )}
      {slips.length > 0 && (
        <>
          <p class="good" role="status">
            {t("codes.done", { n: slips.length })}
          </p>
          <p class="note">{t("codes.once")}</p>
          <div class="row">
            <button type="button" class="main" onClick={() => print()}>
              {t("codes.print")}
            </button>
            <button type="button" onClick={() => save("codes.csv", "text/csv", slipsAsCsv(slips))}>
              {t("codes.csv")}
            </button>
          </div>
          <ol class="slips">
            {slips.map((each) => (
              <li key={each.number}>
                <p translate={false}>
                  <strong>{each.name}</strong> {each.number}
                </p>
                <p class="mono code" translate={false}>
                  {each.code}
                </p>
                {found !== null && found.kind !== "real" && (
                  <p>
                    <strong>{t(`kind.${found.kind}`)}</strong>
                  </p>
                )}
                <p>{t("codes.slip", { address: new URL("../vote/", location.href).href, hash: inGroups(hexOf(manifestHash)).slice(0, 19) })}</p>
              </li>
            ))}
          </ol>
        </>
      )}
    </section>
  );
}

/** The slips as a table for a printer of letters; whoever holds the file holds the codes. */
export function slipsAsCsv(slips: readonly Slip[]): string {
  const quote = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return `number,name,code\n${slips.map(({ number, name, code }) => [number, name, code].map(quote).join(",")).join("\n")}\n`;
}

const hexOf = (data: Bytes): string => [...data].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** Try again while the service says that it was asked too often. */
async function patiently<T>(what: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await what();
    } catch (error) {
      if (!(error instanceof Problem && error.code === "rate-limited")) throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}
