// Whether this phone is ready, looked at before anybody identifies.

import { useEffect } from "preact/hooks";
import { Heading, type Props } from "../parts";

function Sign({ state }: { state: boolean | null }) {
  return (
    <span class={`sign ${state === null ? "wait" : state ? "good" : "bad"}`} aria-hidden="true">
      {state === null ? "…" : state ? "✓" : "✗"}
    </span>
  );
}

export function DeviceScreen(props: Props) {
  const { model, s, t } = props;
  const ability = s.ability;
  const word = (state: boolean | null): string =>
    state === null ? t("device.unknown") : state ? t("device.good") : t("device.bad");
  const rows = [
    { name: t("device.browser"), state: ability === null ? null : !ability.inApp },
    { name: t("device.key"), state: ability === null ? null : ability.passkey },
    { name: t("device.lock"), state: ability === null ? null : ability.lock },
  ];
  const ready = ability !== null && !ability.inApp && ability.passkey && ability.lock;
  const unready = ability !== null && !ready;
  useEffect(() => {
    // What helps is fetched only where it is needed.
    if (unready) void model.need("identify");
  }, [model, unready]);
  const Unready = unready ? model.loaded("identity")?.UnreadyDevice : undefined;
  return (
    <>
      <Heading>{t("device.heading")}</Heading>
      <p>{t("device.text")}</p>
      <ul class="checks">
        {rows.map((row) => (
          <li key={row.name}>
            <Sign state={row.state} />
            <span>
              {row.name}: <strong>{word(row.state)}</strong>
            </span>
          </li>
        ))}
      </ul>
      {ready && (
        <p>
          <a class="big" href={model.address("identity")}>
            {t("frame.next")}
          </a>
        </p>
      )}
      {Unready !== undefined && <Unready {...props} />}
    </>
  );
}
