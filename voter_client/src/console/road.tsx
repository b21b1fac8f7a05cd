/** What comes next: the way from nothing to an open election, step by step, with who does it and where. */

import type { ComponentChildren, JSX } from "preact";
import { toHex } from "../core/bytes.js";
import { save, State, useAnswer } from "./pieces.js";
import type { Election, Person, Proposal } from "./service.js";
import type { Signer } from "./signer.js";
import { useWords } from "./words.js";

interface Step {
  readonly name: string;
  readonly done: boolean;
  readonly more?: ComponentChildren;
}

/** Steps in their order; the first that is not done is the one to do now. */
export function Steps({ of }: { of: readonly Step[] }): JSX.Element {
  const { t } = useWords();
  const now = of.findIndex(({ done }) => !done);
  return (
    <ol class="road">
      {of.map(({ name, done, more }, place) => (
        <li key={name} aria-current={place === now ? "step" : undefined}>
          <h3>
            <State of={done ? "passed" : "open"}>{t(done ? "road.done" : place === now ? "road.now" : "road.later")}</State> {t(`road.${name}`)}
          </h3>
          {!done && <p>{t(`road.${name}-how`)}</p>}
          {!done && more}
        </li>
      ))}
    </ol>
  );
}

/** A command for somebody's own machine. */
export function Command({ children }: { children: string }): JSX.Element {
  return (
    <pre class="command mono" translate={false} tabIndex={0}>
      {children}
    </pre>
  );
}

const here = (): string => new URL("..", location.href).href.replace(/\/$/, "");

/** The way to the manifest, before there is an election. */
export function RoadToManifest({ me, signer }: { me: Person; signer: Signer | null }): JSX.Element {
  const { t } = useWords();
  const { found } = useAnswer<{ proposals: Proposal[] }>("proposals", 5_000);
  const proposed = (found?.proposals ?? []).some(({ type, state }) => type === "manifest" && (state === "waiting" || state === "signed"));
  const named = me.role === "operator" || (signer !== null && me.key !== null);
  const keys = (
    <>
      <p>{t("road.keys-registrar")}</p>
      <Command>dobush-server registrar init --folder registrar --passphrase-file passphrase</Command>
      <p>{t("road.keys-trustee")}</p>
      <Command>{'dobush-trustee init --name "…" --keys a/me.key --keys b/me.key'}</Command>
      <p>{t("road.keys-witness")}</p>
    </>
  );
  return (
    <section>
      <h2>{t("road")}</h2>
      <p>{t("road.why")}</p>
      <Steps
        of={[
          { name: "key", done: named, more: <Go to="key" /> },
          { name: "keys", done: proposed, more: keys },
          { name: "wizard", done: proposed, more: <Go to="wizard" /> },
          { name: "second", done: false, more: <Go to="acts" /> },
        ]}
      />
    </section>
  );
}

/** The way from the manifest to the opening. */
export function RoadToOpening({ election }: { election: Election }): JSX.Element {
  const { t } = useWords();
  const { found: places } = useAnswer<{ client: number[]; freeze: number | null }>("election/places", 10_000);
  const awaits = (types: readonly string[]): boolean => election.awaited.some(({ type }) => types.includes(type));
  const who = election.awaited.filter(({ type, by }) => by === "trustees" && (type.startsWith("ceremony-") || type === "drill-share")).flatMap((each) => each.who);
  const opened = election.phase !== "setup";
  const ceremony = opened || !election.awaited.some(({ type }) => type.startsWith("ceremony-"));
  const frozen = opened || !awaits(["freeze"]);
  const drilled = opened || (ceremony && !awaits(["drill", "drill-share"]));
  const trustee = (
    <>
      {who.length > 0 && <p>{t("road.awaited", { who: who.join(", ") })}</p>}
      <Command>{`dobush-trustee screens --board ${here()} --record copy --keys a/me.key --keys b/me.key`}</Command>
    </>
  );
  return (
    <section>
      <h2>{t("road")}</h2>
      <p>{t("road.why")}</p>
      <Steps
        of={[
          {
            name: "founding",
            done: election.counts.slots > 0,
            more: (
              <div class="row">
                <a class="button" href="../election/founding" download="founding.json">
                  {t("road.founding-go")}
                </a>
              </div>
            ),
          },
          { name: "ceremony", done: ceremony, more: trustee },
          { name: "roll", done: frozen || election.counts.slots > 0 },
          { name: "client", done: opened || (places?.client.length ?? 0) > 0, more: <Go to="acts" /> },
          { name: "freeze", done: frozen, more: <Go to="acts" /> },
          { name: "drill", done: drilled, more: awaits(["drill-share"]) ? trustee : <Go to="acts" /> },
          { name: "opening", done: opened, more: <Go to="acts" /> },
          { name: "codes", done: false },
          { name: "voting", done: false, more: <Go to="live" /> },
        ]}
      />
    </section>
  );
}

/** The way of the voter list, at the identity side. */
export function RoadOfRoll({ taken, keeps, signer }: { taken: boolean; keeps: boolean; signer: Signer | null }): JSX.Element {
  const { t } = useWords();
  return (
    <section>
      <h2>{t("road")}</h2>
      <p>{t("road.why")}</p>
      {taken && keeps ? <RollSteps signer={signer} /> : <Steps of={[{ name: "take", done: taken, more: <Go to={taken ? "freeze" : "founding"} /> }, { name: "freeze-file", done: false, more: <Go to="freeze" /> }]} />}
    </section>
  );
}

function RollSteps({ signer }: { signer: Signer | null }): JSX.Element {
  const { found } = useAnswer<{ people: number; unplaced: Readonly<Record<string, number>>; slots: number }>("rolls", 10_000);
  const missing = Object.values(found?.unplaced ?? {}).reduce((sum, count) => sum + count, 0);
  const drawn = (found?.slots ?? 0) > 0;
  return (
    <Steps
      of={[
        { name: "take", done: true },
        { name: "issuer", done: signer !== null, more: <Go to="key" /> },
        { name: "folder", done: (found?.people ?? 0) > 0, more: <Settings signer={signer} /> },
        { name: "import", done: drawn || ((found?.people ?? 0) > 0 && missing === 0), more: <Go to="roll" /> },
        { name: "draw", done: drawn, more: <Go to="roll" /> },
        {
          name: "compare",
          done: false,
          more: <Command>dobush-server registrar roll --folder registrar --passphrase-file passphrase</Command>,
        },
        { name: "freeze-file", done: false, more: <Go to="freeze" /> },
        {
          name: "queue",
          done: false,
          more: <Command>dobush-server registrar serve-queue --folder registrar --passphrase-file passphrase</Command>,
        },
        { name: "print", done: false, more: <Go to="codes" /> },
      ]}
    />
  );
}

/** What a registrar's folder needs; the manifest hash she writes in herself, from where it was published. */
export function settingsFile(identity: string, ballot: string, issuers: readonly string[]): string {
  const lines = [
    ["identity", identity],
    ["ballot", ballot],
    ["manifest_hash", ""],
    ["roll", "roll.csv"],
    ["places", "places.csv"],
  ].map(([name, value]) => `${name} = ${JSON.stringify(value)}`);
  return `${lines.join("\n")}\ncode_issuers = ${JSON.stringify(issuers)}\n`;
}

function Settings({ signer }: { signer: Signer | null }): JSX.Element {
  const { t } = useWords();
  const ballot = document.querySelector('meta[name="dobush-ballot"]')?.getAttribute("content") ?? "";
  const issuers = signer === null ? [] : [toHex(signer.key)];
  return (
    <div class="row">
      <button type="button" onClick={() => save("registrar.toml", "application/toml", settingsFile(here(), ballot, issuers))}>
        {t("road.folder-go")}
      </button>
    </div>
  );
}

function Go({ to }: { to: string }): JSX.Element {
  const { t } = useWords();
  return (
    <div class="row">
      <a class="button" href={`#/${to}`}>
        {t("road.go", { room: t(to) })}
      </a>
    </div>
  );
}
