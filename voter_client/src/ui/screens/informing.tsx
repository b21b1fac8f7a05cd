// What anybody may read before identifying: who stands, one's place, what was recorded.

import { parties } from "../choice";
import { isUnsent } from "../memory";
import { Go, Heading, Name, type Props } from "../parts";
import { pick } from "../../words/words";
import { ruleText } from "./ballot";

/** A list up to this length lies open. */
const SHORT = 12;

export function CandidatesScreen({ model, s, t }: Props) {
  return (
    <>
      <Heading>{t("candidates.heading")}</Heading>
      <section>
        <h2>{t("candidates.how")}</h2>
        <p>{t("candidates.how-text")}</p>
        <figure>
          <figcaption>{t("candidates.sample")}</figcaption>
          <div class="option">
            <span class="box" />
            <span class="label">{t("candidates.sample-one")}</span>
          </div>
          <div class="option chosen">
            <span class="box">✓</span>
            <span class="label">{t("candidates.sample-two")}</span>
            <span class="word">{t("ballot.chosen")}</span>
          </div>
        </figure>
      </section>
      {s.election === null ? (
        <p aria-busy={s.busy}>{s.busy ? t("checking.heading") : null}</p>
      ) : (
        <>
          <p>{t("candidates.order")}</p>
          {model.contests().map((contest) => {
            const names = contest.options.map((option) => pick(option.name, t.language));
            const list = parties(names.map(([name]) => name));
            return (
              <details key={contest.id} open={contest.options.length <= SHORT}>
                <summary>
                  <h2>
                    <Name names={contest.title} t={t} />
                  </h2>{" "}
                  ({t.number(contest.options.length)})
                </summary>
                <p>{ruleText(t, contest.rule, list !== null)}</p>
                {list === null ? (
                  <ol>
                    {contest.options.map((option, at) => (
                      <li key={at}>
                        <Name names={option.name} t={t} />
                      </li>
                    ))}
                  </ol>
                ) : (
                  <ol>
                    {list.map((party, at) => {
                      const language = names[party.alone ?? party.candidates[0]?.option ?? 0]?.[1] ?? t.language;
                      return (
                        <li key={at} lang={language} translate={false} class="notranslate">
                          <bdi>{party.name}</bdi>
                          {party.candidates.length > 0 && (
                            <ol>
                              {party.candidates.map((candidate) => (
                                <li key={candidate.option}>
                                  <bdi>{candidate.name}</bdi>
                                </li>
                              ))}
                            </ol>
                          )}
                        </li>
                      );
                    })}
                  </ol>
                )}
              </details>
            );
          })}
        </>
      )}
    </>
  );
}

export function PlaceScreen({ model, s, t }: Props) {
  const unit = s.unit;
  return (
    <>
      <Heading>{t("place.heading")}</Heading>
      {s.me !== null && unit !== null ? (
        <>
          <p>{t("place.known", { unit: pick(unit.name, t.language)[0] })}</p>
          <p>{t("place.contests")}</p>
          <ul>
            {model.contests().map((contest) => (
              <li key={contest.id}>
                <Name names={contest.title} t={t} />
              </li>
            ))}
          </ul>
          <Go onClick={() => model.vote()}>{t("start.go-on")}</Go>
        </>
      ) : s.me !== null && s.busy ? (
        <p aria-busy="true">{t("checking.heading")}</p>
      ) : (
        <>
          <p>{t("place.unknown")}</p>
          <p>
            <a class="big" href={model.address("identity", "look")}>
              {t("place.identify")}
            </a>
          </p>
        </>
      )}
      <h2>{t("place.other-heading")}</h2>
      <p>{t("place.other")}</p>
      <p>{t("place.missing")}</p>
    </>
  );
}

export function RecordScreen({ model, s, t }: Props) {
  const slot = s.slot;
  return (
    <>
      <Heading>{t("record.heading")}</Heading>
      {s.me === null ? (
        <p role="status">{t("record.forgotten")}</p>
      ) : slot === null ? (
        <p aria-busy={s.busy}>{s.busy ? "…" : null}</p>
      ) : (
        <>
          <p>{slot.has_credential ? t("record.key") : t("record.no-key")}</p>
          <p>
            <strong>{t.count("record.ballots", slot.ballots)}</strong>
          </p>
          {slot.ballots > 0 && <p>{t("record.last")}</p>}
          {slot.is_struck && <p>{t("record.struck")}</p>}
          <p>{t("record.not-me")}</p>
          {s.outbox !== null && s.outbox.refused !== true && (
            <Go onClick={() => model.resume()}>{isUnsent(s.outbox) ? t("start.send") : t("record.receipt")}</Go>
          )}
          {isUnsent(s.outbox) ? (
            <p>{t("record.forget-unsent")}</p>
          ) : (
            <>
              <button type="button" class="second" onClick={() => model.forgetMe()}>
                {t("record.forget")}
              </button>
              <p>{t("record.forget-text")}</p>
            </>
          )}
        </>
      )}
    </>
  );
}

