// From the check page, which says in words what will be sealed, to the board: the sealed vote its code is taken away first, then it is cast or opened, then followed until it is there.

import { useEffect } from "preact/hooks";
import { fromBase64Url, fromHex, toBase64, toBase64Url } from "../../core/bytes";
import { CITIES, HOME } from "../../words/cities";
import { pick } from "../../words/words";
import { Code, Qr, save } from "../paper";
import { Go, Heading, Name, type Props } from "../parts";
import { Phone } from "./phone";

export function ReviewScreen({ model, s, t }: Props) {
  const contests = model.contests();
  return (
    <>
      <Heading>{t("review.heading")}</Heading>
      <p>{t("review.text")}</p>
      {contests.map((contest, at) => {
        const chosen = s.flow.choices[at] ?? [];
        const title = pick(contest.title, t.language)[0];
        return (
          <section key={contest.id} class="reviewed">
            <h2>
              <Name names={contest.title} t={t} />
            </h2>
            {chosen.length === 0 ? (
              <p>{t("review.none")}</p>
            ) : (
              <ul>
                {chosen.map((option) => (
                  <li key={option}>
                    ✓ <Name names={contest.options[option]?.name ?? { ky: "", ru: "", en: "" }} t={t} />
                  </li>
                ))}
              </ul>
            )}
            <button
              type="button"
              class="second"
              aria-label={t("review.change-what", { title })}
              onClick={() => model.step({ type: "change", contest: at })}
            >
              {t("review.change")}
            </button>
          </section>
        );
      })}
      <p>{t("review.after")}</p>
      <Go disabled={s.busy} onClick={() => void model.seal()}>
        {t("review.seal")}
      </Go>
    </>
  );
}

export function SealingScreen({ t }: Props) {
  return (
    <>
      <Heading>{t("sealing.heading")}</Heading>
      <p role="status" aria-busy="true">
        {t("sealing.text")}
      </p>
    </>
  );
}

export function CommitmentScreen({ model, s, t }: Props) {
  if (s.sealed === null) return null;
  return (
    <>
      <Heading>{t("commitment.heading")}</Heading>
      <p>
        <strong>{t("commitment.text")}</strong> {t("commitment.why")}
      </p>
      <Code code={s.sealed.code} />
      <Qr text={`${model.absolute("check/")}#c=${toBase64Url(s.sealed.hash)}`} label={t("commitment.qr")} />
      <p>
        {t("commitment.scan")}{" "}
        <span class="address" translate={false}>
          {model.absolute("check/")}
        </span>
      </p>
      <p>{t("commitment.hides")}</p>
      <Go onClick={() => model.go("decide")}>{t("commitment.taken")}</Go>
    </>
  );
}

export function DecideScreen({ model, s, t }: Props) {
  return (
    <>
      <Heading>{t("decide.heading")}</Heading>
      <section>
        <Go disabled={s.busy} onClick={() => model.go("cast")}>
          {t("decide.cast")}
        </Go>
        <p>{t("decide.cast-text")}</p>
      </section>
      <section>
        <button type="button" class="second wide" disabled={s.busy} onClick={() => void model.challenge()}>
          {t("decide.check")}
        </button>
        <p>{t("decide.check-text")}</p>
      </section>
    </>
  );
}

export function ChallengeScreen({ model, s, t }: Props) {
  const { sealed, opened } = s;
  if (sealed === null || opened === null) return null;
  const keep = (): void => {
    const content = { dobush: "check/1", ballot: toBase64(sealed.ballot), seed: toBase64(opened.seed) };
    save("dobush-check.json", `${JSON.stringify(content)}\n`);
  };
  return (
    <>
      <Heading>{t("challenge.heading")}</Heading>
      <p>{t("challenge.text")}</p>
      <p>{t("challenge.onlookers")}</p>
      {s.seedShown ? (
        <Qr text={`dobush:seed:1:${toBase64Url(opened.seed)}`} label={t("challenge.qr")} />
      ) : (
        <button type="button" class="second" onClick={() => model.set({ seedShown: true })}>
          {t("challenge.show")}
        </button>
      )}
      <button type="button" class="second" onClick={keep}>
        {t("challenge.file")}
      </button>
      <p>{t("challenge.mismatch")}</p>
      <Go onClick={() => model.again()}>{t("challenge.next")}</Go>
      <p>{t("challenge.next-text")}</p>
    </>
  );
}

export function CastScreen({ model, s, t }: Props) {
  return (
    <>
      <Heading>{t("cast.heading")}</Heading>
      <Phone />
      <p>{t("cast.text")}</p>
      {s.sealed !== null && <Code code={s.sealed.code} />}
      <Go disabled={s.busy} onClick={() => void model.castSealed()}>
        {s.busy ? t("key.working") : t("cast.go")}
      </Go>
    </>
  );
}

export function SendingScreen({ model, s, t }: Props) {
  useEffect(() => {
    void model.send();
  }, [model]);
  return (
    <>
      <Heading>{t("sending.heading")}</Heading>
      {s.kept && <p role="status">{t("sending.saved")}</p>}
      <p>{t("sending.retry")}</p>
      {s.outbox !== null && <Code code={s.outbox.code} />}
      <Go onClick={() => void model.send()}>{t("sending.now")}</Go>
      <button type="button" class="plain" onClick={() => model.vote()}>
        {t("sending.vote-again")}
      </button>
    </>
  );
}

export function ReceivedScreen({ model, s, t }: Props) {
  const { outbox } = s;
  if (outbox === null || outbox.receipt === null) return null;
  const deadline = outbox.deadlineMs ?? 0;
  const delay = s.election?.manifest.receipt_delay_ms ?? 0;
  const city = CITIES.find(([zone]) => zone === s.zone);
  const when = (ms: number): string => t("received.when", { when: t.moment(ms, HOME), zone: t("start.bishkek") });
  const late = outbox.proof === null && model.nowMs() > deadline + delay;
  const keep = (): void => {
    const content = { dobush: "receipt/1", receipt: toBase64(fromBase64Url(outbox.receipt ?? "") ?? new Uint8Array()), proof: outbox.proof };
    save(`dobush-${outbox.code.slice(0, 9)}.json`, `${JSON.stringify(content)}\n`);
  };
  return (
    <>
      <Heading>✓ {t("received.heading")}</Heading>
      <p>
        {when(deadline - delay)}
        {city !== undefined && ` · ${t("start.same", { city: t(city[1]), when: t.moment(deadline - delay, city[0]) })}`}
      </p>
      <p>{t("received.signed")}</p>
      <h2>{t("received.code")}</h2>
      <Code code={outbox.code} />
      <Qr text={`${model.absolute("check/")}#c=${toBase64Url(fromHex(outbox.hash))}`} label={t("received.code")} />
      <p>{t("commitment.hides")}</p>
      <h2>{t("received.board-heading")}</h2>
      <p role="status" class={outbox.proof === null ? "board wait" : "board good"}>
        {outbox.proof !== null
          ? `✓ ${t("received.board", { index: t.number(outbox.index ?? 0) })}`
          : late
            ? t("received.missing")
            : t("received.board-wait")}
      </p>
      {outbox.proof === null && !late && <p>{t("received.next", { when: when(deadline) })}</p>}
      <div class="row">
        <button type="button" class="second" onClick={keep}>
          {t("received.file")}
        </button>
        <button type="button" class="second" onClick={() => print()}>
          {t("received.print")}
        </button>
      </div>
      <p>{t("start.change")}</p>
      <p>{t("start.unseen")}</p>
      <div class="row">
        <button type="button" class="plain" onClick={() => model.vote()}>
          {t("received.change")}
        </button>
        <button type="button" class="plain" onClick={() => void model.showRecord()}>
          {t("start.record")}
        </button>
      </div>
      <p>{t("received.close")}</p>
    </>
  );
}
