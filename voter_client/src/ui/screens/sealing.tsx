// From the check page, which says in words what will be sealed, to the board: the sealed vote its code is taken away first, then it is cast or opened, then followed until it is there.

import { useEffect } from "preact/hooks";
import { fromBase64Url, fromHex, toBase64, toBase64Url } from "../../core/bytes";
import { CITIES, HOME } from "../../words/cities";
import { pick } from "../../words/words";
import { isOverdue } from "../overdue";
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

/** The check page's address as one types it. */
const checkPage = (model: Props["model"]): string => model.absolute("check/").replace(/^https?:\/\//, "");

export function CommitmentScreen({ model, s, t }: Props) {
  if (s.sealed === null) return null;
  return (
    <>
      <Heading>{t("commitment.heading")}</Heading>
      <Code code={s.sealed.code} />
      <p>{t("commitment.text")}</p>
      <Go onClick={() => model.go("decide")}>{t("commitment.taken")}</Go>
      <p>{t("commitment.why")}</p>
      <Qr text={`${model.absolute("check/")}#c=${toBase64Url(s.sealed.hash)}`} label={t("commitment.qr")} />
      <p>
        {t("commitment.scan")}{" "}
        <span class="address" translate={false}>
          {checkPage(model)}
        </span>
      </p>
      <p>{t("commitment.hides")}</p>
    </>
  );
}

export function DecideScreen({ model, s, t }: Props) {
  return (
    <>
      <Heading>{t("decide.heading")}</Heading>
      {s.opened === null && (
        <section>
          <Go disabled={s.busy} onClick={() => model.go("cast")}>
            {t("decide.cast")}
          </Go>
          <p>{t("decide.cast-text")}</p>
        </section>
      )}
      <section>
        <button type="button" class="second wide" disabled={s.busy} onClick={() => void model.challenge()}>
          {t("decide.check")}
        </button>
        <p>{t("decide.check-text")}</p>
      </section>
    </>
  );
}

/** How long what opens a seal stays on the screen. */
const SHOWN_MS = 60_000;

export function ChallengeScreen({ model, s, t }: Props) {
  const { sealed, opened, seedShown } = s;
  useEffect(() => {
    if (!seedShown) return undefined;
    const timer = setTimeout(() => model.set({ seedShown: false }), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [model, seedShown]);
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
      {seedShown ? (
        <Qr text={`dobush:seed:1:${toBase64Url(opened.seed)}`} label={t("challenge.qr")} />
      ) : (
        <button type="button" class="second wide" onClick={() => model.set({ seedShown: true })}>
          {t("challenge.show")}
        </button>
      )}
      <button type="button" class="second wide" onClick={keep}>
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
      <p role="status">{t(s.kept ? "sending.saved" : "sending.unsaved")}</p>
      {s.kept && <p>{t("sending.retry")}</p>}
      <Go onClick={() => void model.send()}>{t("sending.now")}</Go>
      {s.outbox?.refused === true && (
        <button type="button" class="second wide" onClick={() => model.vote()}>
          {t("sending.vote-again")}
        </button>
      )}
      {s.outbox !== null && <Code code={s.outbox.code} />}
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
  const late = isOverdue(outbox, delay, { serverMs: model.nowMs(), deviceMs: Date.now(), lowerMs: s.election?.head.lower_ms ?? 0 });
  const keep = (): void => {
    const content = { dobush: "receipt/1", receipt: toBase64(fromBase64Url(outbox.receipt ?? "") ?? new Uint8Array()), proof: outbox.proof };
    save(`dobush-${outbox.code.slice(0, 9)}.json`, `${JSON.stringify(content)}\n`);
  };
  return (
    <>
      {s.info !== null && (
        <p class="paper">
          <Name names={s.info.title} t={t} />
        </p>
      )}
      <Heading>✓ {t("received.heading")}</Heading>
      <p>
        <strong>{when(deadline - delay)}</strong>
        {city !== undefined && (
          <span class="screen"> · {t("start.same", { city: t(city[1]), when: t.moment(deadline - delay, city[0]) })}</span>
        )}
      </p>
      <p>{t("received.signed")}</p>
      <h2>{t("received.board-heading")}</h2>
      <p role="status" class={outbox.proof !== null ? "board good" : late ? "board alert" : "board wait"}>
        {outbox.proof !== null
          ? `✓ ${t("received.board", { index: t.number(outbox.index ?? 0) })}`
          : late
            ? t("received.missing")
            : t("received.board-wait")}
      </p>
      {outbox.proof !== null ? (
        <p class="screen">{t("received.close")}</p>
      ) : (
        !late && <p>{t("received.next", { when: when(deadline) })}</p>
      )}
      <h2>{t("received.code")}</h2>
      <Code code={outbox.code} />
      <p>
        {t("commitment.hides")}{" "}
        <span class="address" translate={false}>
          {t("received.check", { address: checkPage(model) })}
        </span>
      </p>
      <Qr text={`${model.absolute("check/")}#c=${toBase64Url(fromHex(outbox.hash))}`} label={t("received.code")} />
      <div class="row">
        <button type="button" class="second" onClick={keep}>
          {t("received.file")}
        </button>
        <button type="button" class="second" onClick={() => print()}>
          {t("received.print")}
        </button>
      </div>
      <section class="screen">
        <h2>{t("received.change")}</h2>
        <p>{t("start.change")}</p>
        <p>{t("start.unseen")}</p>
        <button type="button" class="second wide" onClick={() => model.vote()}>
          {t("received.change")}
        </button>
        <p>{t("received.keeps")}</p>
        <button type="button" class="plain" onClick={() => void model.showRecord()}>
          {t("start.record")}
        </button>
        <button type="button" class="plain" onClick={() => model.step({ type: "back" })}>
          {t("frame.start")}
        </button>
      </section>
    </>
  );
}
