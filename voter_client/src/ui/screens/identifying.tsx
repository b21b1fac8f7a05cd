// From a phone that is not ready to the registrars: the ways out, who one is, the key.

import { useState } from "preact/hooks";
import { Qr } from "../paper";
import { Go, Heading, type Props } from "../parts";
import { Phone } from "./phone";

/** The link that leaves such a program for the phone's own browser; null where none is known. */
export function leaveApp(agent: string, address: string): { readonly address: string; readonly safari: boolean } | null {
  const at = /^(https?):\/\/(.+)$/.exec(address);
  if (at === null) return null;
  const [, scheme, rest] = at;
  if (/iPhone|iPad/.test(agent)) return { address: `x-safari-${address}`, safari: true };
  if (!/Android/.test(agent)) return null;
  return { address: `intent://${rest}#Intent;scheme=${scheme};package=com.android.chrome;end`, safari: false };
}

/** The ways out where a phone is not ready, one for each reason, and another device. */
export function UnreadyDevice({ model, s: { ability }, t }: Props) {
  const [copied, setCopied] = useState(false);
  const outside = leaveApp(navigator.userAgent, model.absolute("vote/"));
  const copy = (): void => {
    void navigator.clipboard?.writeText(model.absolute("vote/")).then(() => setCopied(true));
  };
  if (ability === null) return null;
  return (
    <>
      {ability.inApp && (
        <>
          <p>{t("first.in-app")}</p>
          {outside !== null && (
            <p>
              <a class="big" href={outside.address}>
                {t(outside.safari ? "device.open-safari" : "device.open-chrome")}
              </a>
            </p>
          )}
        </>
      )}
      {!ability.inApp && !ability.passkey && <p>{t("device.key-out")}</p>}
      {!ability.inApp && ability.passkey && !ability.lock && (
        <>
          <p>{t("device.lock-out")}</p>
          <p>
            <a class="plain" href={model.address("identity")}>
              {t("device.anyway")}
            </a>
          </p>
        </>
      )}
      {!ability.inApp && <Go onClick={() => void model.checkDevice()}>{t("device.recheck")}</Go>}
      <button type="button" class="second wide" onClick={copy}>
        {t("first.copy")}
      </button>
      {copied && <p role="status">{t("first.copied")}</p>}
      {ability.inApp && (
        <button type="button" class="plain" onClick={() => void model.checkDevice()}>
          {t("device.recheck")}
        </button>
      )}
      <p>{t("device.other")}</p>
      <Qr text={model.absolute("vote/")} label={t("device.other")} />
      <p>{t("place.other")}</p>
    </>
  );
}

/** A document as a picture: its shape, and where the personal number stands. */
function Document({ kind, label }: { kind: "card" | "passport" | "electronic"; label: string }) {
  const tall = kind !== "card";
  return (
    <figure class="document">
      <svg viewBox="0 0 120 84" role="img" aria-label={label}>
        <rect x={tall ? 28 : 4} y="4" width={tall ? 64 : 112} height="76" rx="6" fill="#e8eef5" stroke="#14202b" stroke-width="2" />
        <rect x={tall ? 36 : 12} y="16" width="24" height="30" fill="#9db2c9" />
        <path d={tall ? "M66 20h20M66 28h20M66 36h14" : "M44 20h60M44 28h48M44 36h52"} stroke="#14202b" stroke-width="2" />
        {kind === "electronic" && <circle cx="60" cy="10" r="3" fill="none" stroke="#14202b" stroke-width="2" />}
        <rect x={tall ? 36 : 12} y="56" width={tall ? 48 : 70} height="14" fill="#fff" stroke="#a4161a" stroke-width="3" />
        <text x={tall ? 60 : 47} y="67" text-anchor="middle" font-size="10" fill="#14202b">
          14
        </text>
      </svg>
      <figcaption>{label}</figcaption>
    </figure>
  );
}

export function IdentifyScreen({ model, s, t }: Props) {
  const [typed, setTyped] = useState(s.code ?? "");
  const wrong = s.problem !== null && s.problem.text === t("identify.code-wrong");
  return (
    <>
      <Heading>{t("identify.heading")}</Heading>
      <p>{t("identify.text")}</p>
      <section>
        <h2>{t("identify.code-heading")}</h2>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void model.takeCode(typed);
          }}
        >
          <label for="code">{t("identify.code")}</label>
          <p id="code-hint" class="hint">
            {t("identify.code-hint")}
          </p>
          {wrong && (
            <p id="code-wrong" class="wrong">
              {t("identify.code-wrong")}
            </p>
          )}
          <input
            id="code"
            name="code"
            value={typed}
            onInput={(event) => setTyped(event.currentTarget.value)}
            autocomplete="off"
            autocapitalize="characters"
            spellcheck={false}
            maxLength={64}
            aria-describedby={wrong ? "code-hint code-wrong" : "code-hint"}
            aria-invalid={wrong}
          />
          <button type="submit" class="big" disabled={s.busy}>
            {t("identify.code-go")}
          </button>
        </form>
      </section>
      <section>
        <h2>{t("identify.service-heading")}</h2>
        <p>{t("identify.service")}</p>
        <button type="button" class="second" disabled={s.busy} onClick={() => void model.chooseService()}>
          {t("identify.service-go")}
        </button>
      </section>
      <section>
        <h2>{t("identify.documents")}</h2>
        <p>{t("identify.pin")}</p>
        <Document kind="card" label={t("identify.document-card")} />
        <Document kind="passport" label={t("identify.document-passport")} />
        <Document kind="electronic" label={t("identify.document-electronic")} />
        <p>{t("identify.expired")}</p>
      </section>
    </>
  );
}

export function KeyScreen({ model, s, t }: Props) {
  return (
    <>
      <Heading>{t("key.heading")}</Heading>
      <Phone />
      <p>{t("key.text")}</p>
      <p>{t("key.stays")}</p>
      <Go disabled={s.busy} onClick={() => void model.makeKey()}>
        {s.busy ? t("key.working") : t("key.go")}
      </Go>
    </>
  );
}

export function EnrolledScreen({ model, s, t }: Props) {
  const changed = s.identified?.requests.some((request) => request.type === "change") ?? false;
  const looked = s.identified?.requests.length === 0;
  return (
    <>
      <Heading>{t("enrolled.heading")}</Heading>
      {!looked && <p>{t("enrolled.text")}</p>}
      {changed && <p>{t("enrolled.changed")}</p>}
      <p>
        <a class="big" href={model.address("ballot", looked ? "place" : "")}>
          {looked ? t("frame.next") : t("enrolled.go")}
        </a>
      </p>
    </>
  );
}
