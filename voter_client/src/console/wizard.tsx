/** The election wizard: presets, files, people, hours, policies; every check explained before anybody signs anything. */

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { toHex } from "../core/bytes.js";
import { hashManifest } from "../core/manifest.js";
import type { Kind } from "../core/transcript.js";
import { type Bound, decode, fits, Parts, useProposing } from "./acts.js";
import {
  allOver,
  type ContestDraft,
  describe,
  drawLots,
  type ElectionDraft,
  FileFault,
  type Names,
  noContest,
  nobody,
  noNames,
  type PersonDraft,
  readContests,
  readDraft,
  readMembers,
  readUnits,
  small,
  type UnitDraft,
  usual,
} from "./draft.js";
import { Failure, Field, FileField, Plain, save, Select, State, useAct } from "./pieces.js";
import { ask, type Draft, type Proposal } from "./service.js";
import { inGroups, type Signer } from "./signer.js";
import { useWords } from "./words.js";

const STEPS = ["basics", "hours", "places", "contests", "people", "policies", "checks"] as const;
type Step = (typeof STEPS)[number];
type Update = (change: Partial<ElectionDraft>) => void;

export function Wizard({ signer, done }: { signer: Signer | null; done: (made: Proposal) => void }): JSX.Element {
  const { t } = useWords();
  const [draft, setDraft] = useState<ElectionDraft | null>(null);
  const [step, setStep] = useState<Step>("basics");
  const [checked, setChecked] = useState<Draft | null>(null);
  const [wrong, setWrong] = useState(false);
  const at = STEPS.indexOf(step);
  const open = (file: File): void => {
    void file.text().then((text) => {
      const found = readDraft(text);
      setDraft(found);
      setWrong(found === null);
    });
  };
  if (draft === null) {
    return (
      <section>
        <h2>{t("wizard")}</h2>
        <p>{t("wizard.why")}</p>
        <div class="row">
          <button type="button" class="main" onClick={() => setDraft(usual(Date.now()))}>
            {t("wizard.usual")}
          </button>
          <button type="button" onClick={() => setDraft(small(Date.now()))}>
            {t("wizard.small")}
          </button>
        </div>
        <p>{t("wizard.small-why")}</p>
        <FileField id="saved" label={t("wizard.open")} take={open} />
        {wrong && (
          <p class="bad" role="alert">
            {t("wizard.open-wrong")}
          </p>
        )}
      </section>
    );
  }
  const update: Update = (change) => {
    setDraft({ ...draft, ...change });
    setChecked(null);
  };
  const fault = (path: string): string | undefined => {
    const found = checked?.faults.find(({ at: where }) => where === path);
    return found === undefined ? undefined : t(`fault.${found.name}`);
  };
  const props = { draft, update, fault };
  return (
    <section>
      <h2>{t("wizard")}</h2>
      {draft.kind !== "real" && <p class="practice">{t(`kind.${draft.kind}`)}</p>}
      <p>{t("wizard.step", { step: String(at + 1), all: String(STEPS.length), name: t(`wizard.${step}`) })}</p>
      <ol class="steps" aria-label={t("wizard.steps")}>
        {STEPS.map((each) => (
          <li key={each}>
            <button type="button" aria-current={each === step ? "step" : undefined} onClick={() => setStep(each)}>
              {t(`wizard.${each}`)}
            </button>
          </li>
        ))}
      </ol>
      {step === "basics" && <Basics {...props} />}
      {step === "hours" && <Hours {...props} />}
      {step === "places" && <Places {...props} />}
      {step === "contests" && <Contests {...props} />}
      {step === "people" && <People {...props} />}
      {step === "policies" && <Policies {...props} />}
      {step === "checks" && <Checks draft={draft} checked={checked} setChecked={setChecked} signer={signer} done={done} />}
      <div class="row">
        {at > 0 && (
          <button type="button" onClick={() => setStep(STEPS[at - 1]!)}>
            {t("back")}
          </button>
        )}
        {at < STEPS.length - 1 && (
          <button type="button" class="main" onClick={() => setStep(STEPS[at + 1]!)}>
            {t("next")}
          </button>
        )}
        <button type="button" onClick={() => save("election.json", "application/json", JSON.stringify(draft, null, 2))}>
          {t("wizard.save")}
        </button>
      </div>
    </section>
  );
}

interface StepProps {
  readonly draft: ElectionDraft;
  readonly update: Update;
  readonly fault: (path: string) => string | undefined;
}

function ThreeNames({ id, label, of, set, fault, path }: { id: string; label: string; of: Names; set: (names: Names) => void; fault: StepProps["fault"]; path: string }): JSX.Element {
  const { t } = useWords();
  return (
    <fieldset>
      <legend>{label}</legend>
      {(["ky", "ru", "en"] as const).map((language) => (
        <Field
          key={language}
          id={`${id}-${language}`}
          label={t(`language.${language}`)}
          value={of[language]}
          set={(value) => set({ ...of, [language]: value })}
          fault={fault(`${path}.${language}`)}
        />
      ))}
    </fieldset>
  );
}

function Basics({ draft, update, fault }: StepProps): JSX.Element {
  const { t } = useWords();
  return (
    <>
      <Select
        id="kind"
        label={t("wizard.kind")}
        value={draft.kind}
        of={(["practice", "demo", "real"] as const).map((each) => [each, t(`wizard.kind.${each}`)])}
        set={(value) => update({ kind: value as ElectionDraft["kind"] })}
      />
      <Field
        id="short-name"
        label={t("wizard.short-name")}
        hint={t("wizard.short-name-hint")}
        value={draft.short_name}
        set={(short_name) => update({ short_name })}
        fault={fault("short_name")}
      />
      <ThreeNames id="title" label={t("wizard.title")} of={draft.title} set={(title) => update({ title })} fault={fault} path="title" />
    </>
  );
}

function Hours({ draft, update }: StepProps): JSX.Element {
  const { t } = useWords();
  return (
    <>
      <p>{t("wizard.zone")}</p>
      <Field id="opens" kind="datetime-local" label={t("wizard.opens")} value={draft.opens} set={(opens) => update({ opens })} />
      <Field id="closes" kind="datetime-local" label={t("wizard.closes")} value={draft.closes} set={(closes) => update({ closes })} />
    </>
  );
}

function faultOf(error: unknown, t: (key: string, fields?: Record<string, string>) => string): string {
  return error instanceof FileFault ? t(`file.${error.key}`, { line: String(error.line) }) : t("file.json", { line: "0" });
}

function Places({ draft, update, fault }: StepProps): JSX.Element {
  const words = useWords();
  const { t } = words;
  const [wrong, setWrong] = useState("");
  const take = (file: File): void => {
    void file.text().then((text) => {
      try {
        update({ units: readUnits(text) });
        setWrong("");
      } catch (error) {
        setWrong(faultOf(error, t));
      }
    });
  };
  return (
    <>
      <p>{t("wizard.places-why")}</p>
      <FileField id="units" label={t("wizard.places-file")} hint={t("wizard.places-hint")} take={take} />
      {wrong !== "" && (
        <p class="bad" role="alert">
          {wrong}
        </p>
      )}
      {fault("units") !== undefined && <p class="fault">{fault("units")}</p>}
      <p>
        {t("wizard.places-now", {
          units: words.number(draft.units.length),
          districts: words.number(draft.units.filter(({ district }) => district).length),
        })}
      </p>
      <div class="row">
        <button type="button" onClick={() => update({ units: [allOver()] })}>
          {t("wizard.places-one")}
        </button>
      </div>
      <Members units={draft.units} />
    </>
  );
}

function Contests({ draft, update, fault }: StepProps): JSX.Element {
  const { t } = useWords();
  const [wrong, setWrong] = useState("");
  const change = (at: number, part: Partial<ContestDraft>): void =>
    update({ contests: draft.contests.map((each, place) => (place === at ? { ...each, ...part } : each)) });
  const take = (file: File): void => {
    void file.text().then((text) => {
      try {
        update({ contests: readContests(text) });
        setWrong("");
      } catch (error) {
        setWrong(faultOf(error, t));
      }
    });
  };
  return (
    <>
      <p>{t("wizard.contests-why")}</p>
      <FileField id="contests" label={t("wizard.contests-file")} hint={t("wizard.contests-hint")} take={take} />
      {wrong !== "" && (
        <p class="bad" role="alert">
          {wrong}
        </p>
      )}
      {fault("contests") !== undefined && <p class="fault">{fault("contests")}</p>}
      {draft.contests.map((contest, at) => (
        <details key={at} open={draft.contests.length === 1}>
          <summary>
            {t("wizard.contest", { number: String(at + 1) })} {contest.title.ky}
          </summary>
          <ThreeNames
            id={`contest-${at}`}
            label={t("wizard.contest-title")}
            of={contest.title}
            set={(title) => change(at, { title })}
            fault={fault}
            path={`contests[${at}].title`}
          />
          <Field
            id={`minimum-${at}`}
            kind="number"
            label={t("wizard.minimum")}
            value={String(contest.minimum)}
            set={(value) => change(at, { minimum: Number(value) })}
          />
          <Field
            id={`maximum-${at}`}
            kind="number"
            label={t("wizard.maximum")}
            value={String(contest.maximum)}
            set={(value) => change(at, { maximum: Number(value) })}
            fault={fault(`contests[${at}].maximum`)}
          />
          <Field
            id={`seats-${at}`}
            kind="number"
            label={t("wizard.seats")}
            value={String(contest.seats)}
            set={(value) => change(at, { seats: Number(value) })}
            fault={fault(`contests[${at}].seats`)}
          />
          {fault(`contests[${at}].options`) !== undefined && <p class="fault">{fault(`contests[${at}].options`)}</p>}
          {contest.options.map((option, place) => (
            <ThreeNames
              key={place}
              id={`option-${at}-${place}`}
              label={t("wizard.option", { number: String(place + 1) })}
              of={option}
              set={(names) => change(at, { options: contest.options.map((each, where) => (where === place ? names : each)) })}
              fault={fault}
              path={`contests[${at}].options[${place}]`}
            />
          ))}
          <div class="row">
            <button type="button" onClick={() => change(at, { options: [...contest.options, noNames()] })}>
              {t("wizard.option-more")}
            </button>
            <button type="button" disabled={contest.options.length < 3} onClick={() => change(at, { options: contest.options.slice(0, -1) })}>
              {t("wizard.option-less")}
            </button>
            <button type="button" onClick={() => change(at, { options: drawLots(contest.options) })}>
              {t("wizard.lots")}
            </button>
          </div>
        </details>
      ))}
      <div class="row">
        <button type="button" onClick={() => update({ contests: [...draft.contests, noContest()] })}>
          {t("wizard.contest-more")}
        </button>
        <button type="button" disabled={draft.contests.length < 2} onClick={() => update({ contests: draft.contests.slice(0, -1) })}>
          {t("wizard.contest-less")}
        </button>
      </div>
    </>
  );
}

const GROUPS = ["officers", "registrars", "trustees", "witnesses"] as const;

function People({ draft, update, fault }: StepProps): JSX.Element {
  const { t } = useWords();
  const change = (group: (typeof GROUPS)[number], people: PersonDraft[]): void => update({ [group]: people });
  return (
    <>
      {GROUPS.map((group) => (
        <div key={group}>
          <h3>{t(`wizard.${group}`)}</h3>
          <p>{t(`wizard.${group}-why`)}</p>
          {fault(group) !== undefined && <p class="fault">{fault(group)}</p>}
          {draft[group].map((person, at) => {
            const set = (part: Partial<PersonDraft>): void =>
              change(group, draft[group].map((each, place) => (place === at ? { ...each, ...part } : each)));
            const path = `${group}[${at}]`;
            return (
              <fieldset key={at}>
                <legend>{t("wizard.person", { group: t(`wizard.${group}`), number: String(at + 1) })}</legend>
                <Field id={`${group}-${at}-name`} label={t("wizard.name")} value={person.name} set={(name) => set({ name })} fault={fault(`${path}.name`)} />
                {(group === "officers" || group === "registrars") && (
                  <Field id={`${group}-${at}-body`} label={t("wizard.body")} value={person.body} set={(body) => set({ body })} fault={fault(`${path}.body`)} />
                )}
                <Field
                  id={`${group}-${at}-key`}
                  label={t("wizard.key")}
                  value={person.key}
                  set={(key) => set({ key: key.replace(/\s/g, "").toLowerCase() })}
                  fault={fault(`${path}.key`)}
                />
              </fieldset>
            );
          })}
          <div class="row">
            <button type="button" onClick={() => change(group, [...draft[group], nobody()])}>
              {t("wizard.person-more")}
            </button>
            <button type="button" disabled={draft[group].length < 2} onClick={() => change(group, draft[group].slice(0, -1))}>
              {t("wizard.person-less")}
            </button>
          </div>
        </div>
      ))}
    </>
  );
}

const POLICIES = ["threshold", "quorum", "faults", "minimum_cell", "interval_s", "grace_min", "dispute_h", "change_h", "release_days"] as const;

function Policies({ draft, update }: StepProps): JSX.Element {
  const { t } = useWords();
  return (
    <>
      {POLICIES.map((name) => (
        <Field
          key={name}
          id={`policy-${name}`}
          kind="number"
          label={t(`policy.${name}`)}
          hint={t(`policy.${name}-hint`)}
          value={String(draft[name])}
          set={(value) => update({ [name]: Number(value) })}
        />
      ))}
      <div>
        <label>
          <input type="checkbox" checked={draft.software_keys} onChange={(event) => update({ software_keys: event.currentTarget.checked })} /> {t("policy.software_keys")}
        </label>
      </div>
    </>
  );
}

/** Every check with its claim and outcome; then the manifest's bytes, decoded here, and the first signature. */
function Checks({
  draft,
  checked,
  setChecked,
  signer,
  done,
}: {
  draft: ElectionDraft;
  checked: Draft | null;
  setChecked: (draft: Draft) => void;
  signer: Signer | null;
  done: (made: Proposal) => void;
}): JSX.Element {
  const { language, t } = useWords();
  const { busy, problem, act } = useAct();
  const [typed, setTyped] = useState("");
  const bound: Bound = { kind: draft.kind as Kind, manifestHash: new Uint8Array(32) };
  const proposing = useProposing(signer, bound, done);
  const moment = useRef(0);
  const look = (): void =>
    act(async () => setChecked(await ask<Draft>(language, "POST", "manifests/checks", describe(draft, moment.current))));
  const begin = (): void => {
    moment.current = Date.now();
    look();
  };
  // In another language the same description is judged again: at the same moment it gives the same bytes.
  useEffect(() => {
    if (checked !== null && moment.current > 0) look();
  }, [language]);
  const read = checked?.manifest == null ? null : decode("manifest", checked.manifest);
  const sound = checked !== null && read !== null && checked.checks.every(({ state }) => state === "passed") && fits(checked, draft.kind);
  return (
    <>
      <p>{t("wizard.checks-why")}</p>
      <Failure problem={proposing.problem ?? problem} />
      <div class="row">
        <button type="button" class="main" disabled={busy} onClick={begin}>
          {t("wizard.checks-go")}
        </button>
      </div>
      {checked !== null && checked.faults.length > 0 && (
        <div class="bad" role="alert">
          <h3>{t("wizard.faults", { n: checked.faults.length })}</h3>
          <ul>
            {checked.faults.map(({ at, name }, place) => (
              <li key={place}>
                <span class="mono">{at}</span>: {t(`fault.${name}`)}
              </li>
            ))}
          </ul>
        </div>
      )}
      {checked !== null && (
        <ul class="checks">
          {checked.checks.map((each) => (
            <li key={each.id}>
              <State of={each.state === "not run" ? "open" : each.state}>{t(`check-state.${each.state === "not run" ? "open" : each.state}`)}</State>{" "}
              <span class="mono">{each.id}</span> {each.claim}
              {each.reason !== "" && <span lang="en"> — {each.reason}</span>}
            </li>
          ))}
        </ul>
      )}
      {sound && read !== null && checked !== null && (
        <>
          <p class="good">{t("wizard.sound")}</p>
          <h3>{t("acts.says")}</h3>
          <Plain of={read.plain} />
          <Parts of={checked.parts} />
          <p>
            {t("acts.manifest-hash")} <span class="mono">{inGroups(toHex(hashManifest(draft.kind, read.data)))}</span>
          </p>
          {signer === null ? (
            <p class="note">{t("acts.barrier.no-key")}</p>
          ) : (
            <>
              <Field id="typed-name" label={t("acts.type-name", { name: draft.short_name })} value={typed} set={setTyped} />
              <div class="row">
                <button
                  type="button"
                  class="main"
                  disabled={proposing.busy || typed.trim() !== draft.short_name}
                  onClick={() => proposing.propose("manifest", read.data, checked.parts)}
                >
                  {t("wizard.propose")}
                </button>
              </div>
            </>
          )}
        </>
      )}
    </>
  );
}

/** A small election's members: a list becomes the roll that a registrar signs. */
function Members({ units }: { units: readonly UnitDraft[] }): JSX.Element {
  const words = useWords();
  const { t } = words;
  const [said, setSaid] = useState(0);
  const [wrong, setWrong] = useState("");
  const take = (file: File): void => {
    void file.text().then((text) => {
      try {
        const made = readMembers(text, units);
        save("roll.csv", "text/csv", made.roll);
        save("places.csv", "text/csv", made.places);
        setSaid(made.count);
        setWrong("");
      } catch (error) {
        setWrong(faultOf(error, t));
        setSaid(0);
      }
    });
  };
  return (
    <details>
      <summary>{t("members")}</summary>
      <p>{t("members.why")}</p>
      <FileField id="members" label={t("members.file")} hint={t("members.hint")} take={take} />
      {said > 0 && (
        <p class="good" role="status">
          {t("members.done", { n: said })}
        </p>
      )}
      {wrong !== "" && (
        <p class="bad" role="alert">
          {wrong}
        </p>
      )}
    </details>
  );
}
