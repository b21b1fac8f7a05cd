// From the registrars to the ballot: waiting for the key, log-in, the check of the election, and what refuses it.

import { Go, Heading, type Props } from "../parts";
import { Phone } from "./phone";

export function WaitingScreen({ s, t }: Props) {
  return (
    <>
      <Heading>{t("waiting.heading")}</Heading>
      {s.slot?.is_struck === true ? (
        <p>{t("waiting.struck")}</p>
      ) : (
        <p role="status" aria-busy="true">
          {t("waiting.text")}
        </p>
      )}
    </>
  );
}

export function LoginScreen({ model, s, t }: Props) {
  return (
    <>
      <Heading>{t("login.heading")}</Heading>
      <Phone />
      <p>{t("login.text")}</p>
      <Go disabled={s.busy} onClick={() => void model.logIn()}>
        {s.busy ? t("key.working") : t("login.go")}
      </Go>
      <p>
        <a class="plain" href={model.address("identity")}>
          {t("login.lost")}
        </a>
      </p>
    </>
  );
}

export function CheckingScreen({ model, s, t }: Props) {
  return (
    <>
      <Heading>{t("checking.heading")}</Heading>
      <p role="status" aria-busy={s.busy}>
        {t("checking.text")}
      </p>
      {s.problem !== null && !s.busy && <Go onClick={() => void model.check()}>{t("frame.again")}</Go>}
    </>
  );
}

export function RefusedScreen({ s, t }: Props) {
  return (
    <section class="refusal">
      <Heading>{t("refused.heading")}</Heading>
      <p>{s.refusal?.text}</p>
      <p>
        <strong>{t("refused.what")}</strong>
      </p>
      {s.refusal?.check !== undefined && <p class="small">{t("refused.detail", { check: s.refusal.check })}</p>}
    </section>
  );
}

export function WipedScreen({ model, t }: Props) {
  return (
    <>
      <Heading>{t("wiped.heading")}</Heading>
      <p>{t("wiped.text")}</p>
      <Go onClick={() => model.step({ type: "replace", to: "start" })}>{t("wiped.go")}</Go>
    </>
  );
}
