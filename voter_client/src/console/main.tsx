/** The officers' console: who is here, what the election waits for, what two persons sign. Keys stay in this browser. */

import "../public/page.css";
import "./console.css";
import type { JSX } from "preact";
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { fromHex } from "../core/bytes.js";
import { firstLanguage, LANGUAGE_NAMES, LANGUAGES, type Language, type Words } from "../public/words.js";
import { Acts, type Bound, Incidents } from "./acts.js";
import { Entrance } from "./entrance.js";
import { FoundingRoom } from "./founding.js";
import { Key } from "./key.js";
import { Evidence, LiveState, Trail } from "./live.js";
import { Failure, useAnswer } from "./pieces.js";
import { ask, type Election, type Person, Problem, type Side } from "./service.js";
import { RoadOfRoll, RoadToManifest, RoadToOpening } from "./road.js";
import { Codes, Freeze, RollRoom } from "./roll.js";
import { loadSigner, type Signer } from "./signer.js";
import { Wizard } from "./wizard.js";
import { loadWords, useWords, WordsContext } from "./words.js";

const LOOK_MS = 5_000;
const NOTHING: Bound = { kind: "practice", manifestHash: new Uint8Array(32) };

/** The manifest hash that this page was served with, empty where there is no election yet. */
function pin(): string {
  const content = document.querySelector('meta[name="dobush-manifest"]')?.getAttribute("content") ?? "";
  return /^[0-9a-f]{64}$/.test(content) ? content : "";
}

function App({ first }: { first: Words }): JSX.Element {
  const [words, setWords] = useState(first);
  const [me, setMe] = useState<Person | null | undefined>(undefined);
  const [side, setSide] = useState<Side | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const { language, t } = words;
  const speak = (wanted: Language): void => void loadWords(wanted).then(setWords, setProblem);
  useEffect(() => {
    document.documentElement.lang = language;
    document.title = t("title");
  }, [language]);
  useEffect(() => {
    ask<{ side: Side }>(language, "GET", "health").then((found) => setSide(found.side), setProblem);
    ask<Person>(language, "GET", "roles/me").then(setMe, (error: unknown) => {
      setMe(null);
      if (!(error instanceof Problem && error.code === "not-logged-in")) setProblem(error);
    });
  }, []);
  const leave = (): void => {
    ask(language, "POST", "roles/logout").then(() => setMe(null), setProblem);
  };
  return (
    <WordsContext.Provider value={words}>
      <header>
        <div class="languages" role="group" aria-label={t("language")}>
          {LANGUAGES.map((each) => (
            <button key={each} type="button" lang={each} aria-pressed={each === language} onClick={() => speak(each)}>
              {LANGUAGE_NAMES[each]}
            </button>
          ))}
        </div>
        <h1>{t("title")}</h1>
        {me != null && (
          <div class="row">
            <p>{t("me", { name: me.name, body: me.body, role: t(`role.${me.role}`) })}</p>
            <button type="button" onClick={leave}>
              {t("leave")}
            </button>
          </div>
        )}
      </header>
      <main>
        <Failure problem={problem} />
        {(me === undefined || side === null) && <p role="status">{t("loading")}</p>}
        {me === null && side !== null && <Entrance side={side} enter={setMe} />}
        {me != null && side === "ballot" && <Rooms me={me} setMe={setMe} />}
        {me != null && side === "identity" && <IdentityRooms me={me} setMe={setMe} />}
      </main>
      <footer>
        <p>{t("footer")}</p>
      </footer>
    </WordsContext.Provider>
  );
}

const ROOMS = ["road", "live", "acts", "incidents", "wizard", "key", "evidence", "trail"] as const;

function Rooms({ me, setMe }: { me: Person; setMe: (person: Person) => void }): JSX.Element {
  const words = useWords();
  const { language, t } = words;
  const [election, setElection] = useState<Election | null | undefined>(undefined);
  const [signer, setSigner] = useState<Signer | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const [route, setRoute] = useState(() => location.hash.replace(/^#\/?/, ""));
  const look = (): void => {
    ask<Election>(language, "GET", "election").then(setElection, (error: unknown) => {
      setElection(null);
      if (!(error instanceof Problem && error.code === "no-election")) setProblem(error);
    });
  };
  useEffect(() => {
    const move = (): void => {
      setRoute(location.hash.replace(/^#\/?/, ""));
      look();
    };
    addEventListener("hashchange", move);
    look();
    const timer = setInterval(look, LOOK_MS);
    loadSigner().then(setSigner, setProblem);
    return () => {
      removeEventListener("hashchange", move);
      clearInterval(timer);
    };
  }, []);
  if (election === undefined) return <p role="status">{t("loading")}</p>;
  const pinned = pin();
  const changed = election !== null && pinned !== "" && election.manifest_hash !== pinned;
  const bound: Bound = election === null ? NOTHING : { kind: election.kind, manifestHash: fromHex(pinned === "" ? election.manifest_hash : pinned) };
  const rooms = ROOMS.filter((each) => (election === null ? each !== "live" && each !== "incidents" && each !== "evidence" : each !== "wizard"));
  const usual = election === null || election.phase === "setup" ? "road" : "live";
  const [asked, number] = route.split("/");
  const room = rooms.find((each) => each === asked) ?? usual;
  return (
    <>
      {election !== null && <Banner of={election} />}
      {election === null && <p class="open">{t("no-election")}</p>}
      {changed && <p class="bad">{t("other-election")}</p>}
      <Failure problem={problem} />
      <nav aria-label={t("rooms")}>
        {rooms.map((each) => (
          <a key={each} class="button" href={`#/${each}`} aria-current={each === room ? "page" : undefined}>
            {t(each)}
          </a>
        ))}
      </nav>
      {room === "road" && (election === null ? <RoadToManifest me={me} signer={signer} /> : <RoadToOpening election={election} />)}
      {room === "live" && <LiveState />}
      {room === "acts" && <Acts me={me} signer={signer} election={election} bound={bound} chosen={Number(number ?? "")} />}
      {room === "incidents" && <Incidents me={me} signer={signer} bound={bound} />}
      {room === "wizard" && (
        <Wizard
          signer={signer}
          done={() => {
            location.hash = "#/acts";
          }}
        />
      )}
      {room === "key" && <Key side="ballot" me={me} signer={signer} setSigner={setSigner} setMe={setMe} />}
      {room === "evidence" && <Evidence />}
      {room === "trail" && <Trail />}
    </>
  );
}

const IDENTITY_ROOMS = ["road", "founding", "roll", "codes", "freeze", "key", "trail"] as const;

/** What there is at the identity side: the roll and the codes, for those who keep them. */
function IdentityRooms({ me, setMe }: { me: Person; setMe: (person: Person) => void }): JSX.Element {
  const { t } = useWords();
  const [signer, setSigner] = useState<Signer | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const [route, setRoute] = useState(() => location.hash.replace(/^#\/?/, ""));
  useEffect(() => {
    const move = (): void => setRoute(location.hash.replace(/^#\/?/, ""));
    addEventListener("hashchange", move);
    loadSigner().then(setSigner, setProblem);
    return () => removeEventListener("hashchange", move);
  }, []);
  const pinned = pin();
  const keeps = me.role !== "officer" && pinned !== "";
  const rooms = IDENTITY_ROOMS.filter(
    (each) => (keeps || (each !== "roll" && each !== "codes")) && (pinned !== "" || each !== "freeze") && (pinned === "" || each !== "founding"),
  );
  const room = rooms.find((each) => each === route) ?? rooms[0]!;
  const manifestHash = pinned === "" ? new Uint8Array(32) : fromHex(pinned);
  return (
    <>
      {keeps && <KindBanner />}
      <p class="note">{t("identity-side")}</p>
      {pinned === "" && <p class="open">{t("no-election")}</p>}
      <Failure problem={problem} />
      <nav aria-label={t("rooms")}>
        {rooms.map((each) => (
          <a key={each} class="button" href={`#/${each}`} aria-current={each === room ? "page" : undefined}>
            {t(each)}
          </a>
        ))}
      </nav>
      {room === "road" && <RoadOfRoll taken={pinned !== ""} keeps={keeps} signer={signer} />}
      {room === "founding" && <FoundingRoom may={me.role !== "registrar"} />}
      {room === "roll" && <RollRoom me={me} />}
      {room === "codes" && <Codes me={me} signer={signer} manifestHash={manifestHash} />}
      {room === "freeze" && <Freeze />}
      {room === "key" && <Key side="identity" me={me} signer={signer} setSigner={setSigner} setMe={setMe} />}
      {room === "trail" && <Trail />}
    </>
  );
}

/** The same at the identity side, which tells the kind to those who keep the roll. */
function KindBanner(): JSX.Element | null {
  const { t } = useWords();
  const { found } = useAnswer<{ kind: Election["kind"] }>("rolls");
  return found === null || found.kind === "real" ? null : <p class="kind-banner">{t(`kind.${found.kind}`)}</p>;
}

/** Which election this is; a demo or practice election cannot be mistaken for one that counts. */
function Banner({ of }: { of: Election }): JSX.Element {
  const words = useWords();
  const { text, lang } = words.pick(of.title);
  return (
    <>
      {of.kind !== "real" && <p class="kind-banner">{words.t(`kind.${of.kind}`)}</p>}
      <p>
        <strong translate={false} lang={lang}>
          {text}
        </strong>{" "}
        <span class="mono" translate={false}>
          {of.short_name}
        </span>
      </p>
    </>
  );
}

void loadWords(firstLanguage(location.search, navigator.languages)).then((first) => render(<App first={first} />, document.body));
