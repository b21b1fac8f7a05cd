// The ballot, one contest a page.
//
// Lines stand in ballot order, all of one size, none chosen beforehand; a search hides lines and never moves any.

import { useEffect, useState } from "preact/hooks";
import { pick, type Words } from "../../words/words";
import { parties, type Party, type Rule, search } from "../choice";
import type { Contest } from "../model";
import { Go, Name, type Props } from "../parts";

const LONG = 12;

export function ruleText(t: Words, rule: Rule, isParty: boolean): string {
  if (isParty) return t("ballot.party");
  if (rule.most === 1 && rule.least === 1) return t("ballot.one");
  if (rule.least === rule.most) return t("ballot.exactly", { most: rule.most });
  if (rule.least === 0) return t("ballot.up-to", { most: rule.most });
  return t("ballot.range", { least: rule.least, most: rule.most });
}

function Line({
  option,
  number,
  label,
  language,
  chosen,
  single,
  t,
  put,
}: {
  option: number;
  number: number | null;
  label: string;
  language: string;
  chosen: boolean;
  single: boolean;
  t: Words;
  put: (option: number) => void;
}) {
  return (
    <button
      type="button"
      role={single ? "radio" : "checkbox"}
      aria-checked={chosen}
      class={chosen ? "option chosen" : "option"}
      data-option={option}
      onClick={() => put(option)}
    >
      <span class="box" aria-hidden="true">
        {chosen ? "✓" : ""}
      </span>
      <span class="label">
        {number !== null && <span class="number">{number}. </span>}
        <bdi translate={false} lang={language} class="notranslate">
          {label}
        </bdi>
      </span>
      {chosen && <span class="word">{t("ballot.chosen")}</span>}
    </button>
  );
}

interface ListProps extends Props {
  readonly contest: Contest;
  readonly chosen: readonly number[];
  readonly put: (option: number) => void;
}

function FlatList({ contest, chosen, put, t }: ListProps) {
  const [typed, setTyped] = useState("");
  const names = contest.options.map((option) => pick(option.name, t.language));
  const long = names.length > LONG;
  const shown = long
    ? search(
        names.map(([name]) => name),
        typed,
      )
    : [...names.keys()];
  const single = contest.rule.most === 1;
  return (
    <>
      {long && (
        <div class="search">
          <label for="search">{t("ballot.search")}</label>
          <input
            id="search"
            type="search"
            value={typed}
            autocomplete="off"
            spellcheck={false}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
          <p role="status">
            {typed.trim() === ""
              ? t("ballot.lines", { count: t.number(names.length) })
              : t.count("ballot.found", shown.length)}
          </p>
        </div>
      )}
      <div class="options" role={single ? "radiogroup" : "group"} aria-labelledby="contest">
        {shown.map((option) => {
          const [label, language] = names[option] ?? ["", t.language];
          return (
            <Line
              key={option}
              option={option}
              number={option + 1}
              label={label}
              language={language}
              chosen={chosen.includes(option)}
              single={single}
              t={t}
              put={put}
            />
          );
        })}
      </div>
    </>
  );
}

function PartyList({ contest, chosen, put, t, list }: ListProps & { readonly list: readonly Party[] }) {
  const holds = (party: Party): boolean =>
    party.candidates.some((candidate) => chosen.includes(candidate.option)) ||
    (party.alone !== null && chosen.includes(party.alone));
  const [opened, setOpened] = useState(() => list.findIndex(holds));
  const languages = contest.options.map((option) => pick(option.name, t.language)[1]);
  return (
    <div class="options" role="group" aria-labelledby="contest">
      {list.map((party, at) => {
        const open = opened === at;
        const leaf = party.candidates.length === 0;
        const language = languages[party.alone ?? party.candidates[0]?.option ?? 0] ?? t.language;
        if (leaf && party.alone !== null) {
          const option = party.alone;
          return (
            <Line
              key={at}
              option={option}
              number={at + 1}
              label={party.name}
              language={language}
              chosen={chosen.includes(option)}
              single
              t={t}
              put={put}
            />
          );
        }
        return (
          <section key={at} class={open ? "party open" : "party"}>
            <button
              type="button"
              class={holds(party) ? "option chosen" : "option"}
              aria-expanded={open}
              aria-controls={`party-${at}`}
              onClick={() => setOpened(open ? -1 : at)}
            >
              <span class="box" aria-hidden="true">
                {open ? "−" : "+"}
              </span>
              <span class="label">
                <span class="number">{at + 1}. </span>
                <bdi translate={false} lang={language} class="notranslate">
                  {party.name}
                </bdi>
              </span>
              {holds(party) && <span class="word">{t("ballot.chosen")}</span>}
            </button>
            <div id={`party-${at}`} class="candidates" hidden={!open} role="radiogroup" aria-label={party.name}>
              {open && (
                <>
                  {party.alone !== null && (
                    <Line
                      option={party.alone}
                      number={null}
                      label={t("ballot.party-only")}
                      language={t.language}
                      chosen={chosen.includes(party.alone)}
                      single
                      t={t}
                      put={put}
                    />
                  )}
                  {party.candidates.map((candidate, place) => (
                    <Line
                      key={candidate.option}
                      option={candidate.option}
                      number={place + 1}
                      label={candidate.name}
                      language={language}
                      chosen={chosen.includes(candidate.option)}
                      single
                      t={t}
                      put={put}
                    />
                  ))}
                </>
              )}
            </div>
          </section>
        );
      })}
    </div>
  );
}

/** Says that the list goes on, as long as its end is not on the screen. */
function Below({ text }: { text: string }) {
  const [more, setMore] = useState(false);
  useEffect(() => {
    const look = new IntersectionObserver(([seen]) => setMore(seen?.isIntersecting === false), { rootMargin: "0px 0px -80px" });
    const end = document.getElementById("end");
    if (end !== null) look.observe(end);
    return () => look.disconnect();
  }, []);
  return more ? <p aria-hidden="true">{text}</p> : null;
}

export function BallotScreen(props: Props) {
  const { model, s, t } = props;
  const contests = model.contests();
  const contest = contests[s.flow.contest];
  if (contest === undefined) return null;
  const chosen = s.flow.choices[s.flow.contest] ?? [];
  const { rule } = contest;
  const put = (option: number): void => model.step({ type: "mark", option, rule });
  const list = parties(contest.options.map((option) => pick(option.name, t.language)[0]));
  const remark = s.flow.remark;
  const numbers = { count: chosen.length, least: rule.least, most: rule.most };
  const inner = { ...props, contest, chosen, put };
  return (
    <>
      <p class="step">{t("ballot.step", { step: s.flow.contest + 1, total: contests.length })}</p>
      <h1 tabIndex={-1} id="contest">
        <Name names={contest.title} t={t} />
      </h1>
      <p>{ruleText(t, rule, list !== null)}</p>
      {list === null ? <FlatList key={contest.id} {...inner} /> : <PartyList key={contest.id} {...inner} list={list} />}
      <div id="end" />
      <div class="foot">
        {remark === null && <Below text={t("ballot.below")} />}
        {rule.most > 1 && <p role="status">{t("ballot.count", numbers)}</p>}
        {remark !== null && (
          <div role="alert" class="remark">
            <p>{t(`ballot.${remark}`, numbers)}</p>
            {remark === "fewer" && (
              <div class="row">
                <button type="button" class="second" onClick={() => model.step({ type: "next", rule, sure: true })}>
                  {t("ballot.leave")}
                </button>
                <button type="button" class="second" onClick={() => model.step({ type: "quiet" })}>
                  {t("ballot.more")}
                </button>
              </div>
            )}
          </div>
        )}
        {remark !== "fewer" && (
          <Go onClick={() => model.step({ type: "next", rule, sure: false })}>{t("frame.next")}</Go>
        )}
      </div>
    </>
  );
}
