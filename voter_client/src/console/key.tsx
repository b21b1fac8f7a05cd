/** The officer's signing key: made in this browser, shown for the manifest, named at the service. */

import type { JSX } from "preact";
import { toHex } from "../core/bytes.js";
import { Failure, useAct } from "./pieces.js";
import { ask, type Person, type Side } from "./service.js";
import { inGroups, makeSigner, type Signer } from "./signer.js";
import { useWords } from "./words.js";

export function Key({
  side,
  me,
  signer,
  setSigner,
  setMe,
}: {
  side: Side;
  me: Person;
  signer: Signer | null;
  setSigner: (signer: Signer) => void;
  setMe: (person: Person) => void;
}): JSX.Element {
  const { language, t } = useWords();
  const { busy, problem, act } = useAct();
  const own = signer === null ? "" : toHex(signer.key);
  if (me.role === "operator") {
    return (
      <section>
        <h2>{t("key")}</h2>
        <p class="note">{t("key.operator")}</p>
      </section>
    );
  }
  return (
    <section>
      <h2>{t("key")}</h2>
      <Failure problem={problem} />
      <p>{t("key.why")}</p>
      <p class="note">{t(`key.for.${side}`)}</p>
      {signer === null ? (
        <div class="row">
          <button type="button" class="main" disabled={busy} onClick={() => act(async () => setSigner(await makeSigner()))}>
            {t("key.make")}
          </button>
        </div>
      ) : (
        <>
          <p>{t("key.own")}</p>
          <p class="mono" translate={false}>
            {inGroups(own)}
          </p>
        </>
      )}
      {me.key !== null && me.key !== own && (
        <div class="bad">
          <p>{t("key.other")}</p>
          <p class="mono" translate={false}>
            {inGroups(me.key)}
          </p>
        </div>
      )}
      {me.key !== null && me.key === own && <p class="good">{t("key.known")}</p>}
      {me.key === null && signer !== null && (
        <div class="row">
          <button
            type="button"
            class="main"
            disabled={busy}
            onClick={() => act(async () => setMe(await ask<Person>(language, "POST", "roles/me/key", { key: own })))}
          >
            {t("key.name")}
          </button>
        </div>
      )}
    </section>
  );
}
