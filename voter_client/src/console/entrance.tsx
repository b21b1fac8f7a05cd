/** Log-in by passkey, and the registration of one with an invitation. Challenges are computed here. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { utf8 } from "../core/bytes.js";
import { make } from "../new-key.js";
import { assertionJson, sign } from "../passkey.js";
import { Failure, Field, useAct } from "./pieces.js";
import { ask, type Person, type Side } from "./service.js";
import { roleChallenge } from "./signer.js";
import { useWords } from "./words.js";

interface Registration {
  readonly name: string;
  readonly body: string;
  readonly role: string;
  readonly token: string;
  readonly options: { rp: { id: string; name: string }; user: { id: string; name: string }; pubKeyCredParams: { alg: number }[] };
}

export function Entrance({ side, enter }: { side: Side; enter: (person: Person) => void }): JSX.Element {
  const { language, t } = useWords();
  const { busy, problem, act } = useAct();
  const [code, setCode] = useState("");
  const [done, setDone] = useState("");
  const logIn = (): void =>
    act(async () => {
      const { token } = await ask<{ token: string }>(language, "POST", "roles/login/start");
      const signed = await sign(await roleChallenge("log-in", side, token), null);
      enter(await ask<Person>(language, "POST", "roles/login", { token, credential: assertionJson(signed) }));
    });
  const register = (): void =>
    act(async () => {
      const begun = await ask<Registration>(language, "POST", "roles/registrations", { code });
      const { rp, user, pubKeyCredParams } = begun.options;
      const { json } = await make({
        rpId: rp.id,
        rpName: rp.name,
        user: utf8(user.id),
        userName: user.name,
        algorithms: pubKeyCredParams.map(({ alg }) => alg),
        challenge: await roleChallenge("register", side, begun.token),
      });
      await ask(language, "POST", "roles/registrations/passkey", { code, token: begun.token, credential: json });
      setDone(t("entrance.registered", { name: begun.name }));
      setCode("");
    });
  return (
    <>
      <Failure problem={problem} />
      <section>
        <h2>{t("entrance.login")}</h2>
        <p>{t("entrance.login-why")}</p>
        {done !== "" && (
          <p class="good" role="status">
            {done}
          </p>
        )}
        <div class="row">
          <button type="button" class="main" disabled={busy} onClick={logIn}>
            {t("entrance.login-go")}
          </button>
        </div>
      </section>
      <section>
        <h2>{t("entrance.first")}</h2>
        <p>{t("entrance.first-why")}</p>
        <Field id="code" label={t("entrance.code")} value={code} set={setCode} />
        <div class="row">
          <button type="button" disabled={busy || code.trim().length < 32} onClick={register}>
            {t("entrance.register")}
          </button>
        </div>
      </section>
    </>
  );
}
