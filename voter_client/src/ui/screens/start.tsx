// The start: which election this is, until when one may vote, what one can do here.

import { CITIES, HOME } from "../../words/cities";
import { isUnsent } from "../memory";
import { Go, Heading, Name, type Props } from "../parts";

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
        {t(key)}
        <strong>{t.moment(instant, HOME)}</strong> ({t("start.bishkek")}){leftText !== null && ` · ${leftText}`}
      </p>
      <label>
        {t("start.city")}
        <select value={s.zone} onChange={(event) => model.set({ zone: event.currentTarget.value })}>
          {CITIES.map(([zone, name]) => (
            <option key={zone} value={zone}>
              {t(name)}
            </option>
          ))}
        </select>
      </label>
      <p>{city !== undefined && t.moment(instant, city[0])}</p>
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
        {s.problem === null && <p>{t(model.pin === "" ? "start.none" : "frame.offline")}</p>}
        <Go onClick={() => void model.loadInfo()}>{t("frame.again")}</Go>
      </>
    );
  }
  const open = now >= info.times.opens_at_ms && now <= info.times.closes_at_ms;
  const waits = isUnsent(s.outbox);
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
      {open && s.me === null && (
        <p>
          {t("start.steps")} {t("start.need")}
        </p>
      )}
      {open && !waits && (
        <Go onClick={() => model.vote()}>{s.me === null ? t("start.vote") : t("start.go-on")}</Go>
      )}
      {now > info.times.closes_at_ms && (
        <>
          <p>{t("start.closed-text")}</p>
          <a class="big" href={model.absolute("board/")}>
            {t("start.results")}
          </a>
        </>
      )}
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
