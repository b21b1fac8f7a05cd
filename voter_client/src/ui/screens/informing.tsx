// What anybody may read before identifying: the start, who stands, one's place, what was recorded.

import { CITIES, HOME } from "../../words/cities";
import { parties } from "../choice";
import { Go, Heading, Name, type Props } from "../parts";
import { pick } from "../../words/words";
import { ruleText } from "./ballot";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

function Deadline({ model, s, t }: Props) {
  if (s.info === null) return null;
  const { opens_at_ms, closes_at_ms } = s.info.times;
  const now = model.nowMs();
  const [instant, key] =
    now < opens_at_ms
      ? ([opens_at_ms, "start.from"] as const)
      : now <= closes_at_ms
        ? ([closes_at_ms, "start.until"] as const)
        : ([closes_at_ms, "start.ended"] as const);
  const left = instant - now;
  const leftText =
    left <= 0
      ? null
      : left >= 2 * DAY_MS
        ? t.count("start.days", Math.floor(left / DAY_MS))
        : left >= 2 * HOUR_MS
          ? t.count("start.hours", Math.floor(left / HOUR_MS))
          : t.count("start.minutes", Math.max(1, Math.floor(left / 60_000)));
  const city = CITIES.find(([zone]) => zone === s.zone);
  return (
    <section class="deadline">
      <p>
        <strong>{t(key, { when: t.moment(instant, HOME) })}</strong> <span>({t("start.bishkek")})</span>
        {leftText !== null && <span class="left">{leftText}</span>}
      </p>
      <p>{city !== undefined && t("start.same", { city: t(city[1]), when: t.moment(instant, city[0]) })}</p>
      <label>
        {t("start.city")}{" "}
        <select value={s.zone} onChange={(event) => model.set({ zone: event.currentTarget.value })}>
          {CITIES.map(([zone, name]) => (
            <option key={zone} value={zone}>
              {t(name)}
            </option>
          ))}
        </select>
      </label>
    </section>
  );
}

export function StartScreen({ model, s, t }: Props) {
  const { info } = s;
  const now = model.nowMs();
  if (info === null || model.pin === "") {
    return (
      <>
        <Heading>{t("frame.title")}</Heading>
        {model.pin === "" && <p>{t("start.none")}</p>}
        <Go onClick={() => void model.loadInfo()}>{t("frame.again")}</Go>
      </>
    );
  }
  const open = now >= info.times.opens_at_ms && now <= info.times.closes_at_ms;
  const waits = s.outbox !== null && s.outbox.receipt === null;
  return (
    <>
      <Heading>
        <Name names={info.title} t={t} />
      </Heading>
      {waits && (
        <section class="warning">
          <p>{t("start.waiting-sent")}</p>
          <Go onClick={() => model.resume()}>{t("start.send")}</Go>
        </section>
      )}
      <Deadline model={model} s={s} t={t} />
      {open && <p>{t("start.steps")}</p>}
      {open && (
        <Go onClick={() => model.vote()}>{s.me === null ? t("start.vote") : t("start.go-on")}</Go>
      )}
      {now > info.times.closes_at_ms && <p>{t("start.closed-text")}</p>}
      <ul class="links">
        <li>
          <button type="button" class="plain" onClick={() => void model.show("candidates")}>
            {t("start.candidates")}
          </button>
        </li>
        <li>
          <button type="button" class="plain" onClick={() => void model.show("place")}>
            {t("start.place")}
          </button>
        </li>
        {s.me !== null && (
          <li>
            <button type="button" class="plain" onClick={() => void model.showRecord()}>
              {t("start.record")}
            </button>
          </li>
        )}
      </ul>
      {open && (
        <>
          <p>{t("start.change")}</p>
          <p>{t("start.unseen")}</p>
        </>
      )}
    </>
  );
}

export function CandidatesScreen({ model, s, t }: Props) {
  return (
    <>
      <Heading>{t("candidates.heading")}</Heading>
      {s.election === null ? (
        <p aria-busy={s.busy}>{s.busy ? t("checking.heading") : null}</p>
      ) : (
        <>
          <p>{t("candidates.order")}</p>
          {model.contests().map((contest) => {
            const list = parties(contest.options.map((option) => pick(option.name, t.language)[0]));
            return (
              <section key={contest.id}>
                <h2>
                  <Name names={contest.title} t={t} />
                </h2>
                <p>{ruleText(t, contest.rule, list !== null)}</p>
                <ol>
                  {contest.options.map((option, at) => (
                    <li key={at}>
                      <Name names={option.name} t={t} />
                    </li>
                  ))}
                </ol>
              </section>
            );
          })}
        </>
      )}
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
          {s.outbox !== null && s.outbox.receipt !== null && (
            <Go onClick={() => model.resume()}>{t("received.code")}</Go>
          )}
          <button type="button" class="plain" onClick={() => model.forgetMe()}>
            {t("record.forget")}
          </button>
        </>
      )}
    </>
  );
}

