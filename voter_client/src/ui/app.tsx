// Everything after the first page: the frame around each screen, the cover, the wipe, and which screen is shown.
//
// Spec: docs/operations/pages.md.

import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import * as api from "../api";
import { LANGUAGES, type Language, NAMES } from "../words/words";
import { loadTexts } from "./groups";
import { guard } from "./guard";
import type { Handover } from "./memory";
import { Model, PIN } from "./model";
import { BallotScreen } from "./screens/ballot";
import { DeviceScreen } from "./screens/device";
import { CheckingScreen, LoginScreen, RefusedScreen, WaitingScreen, WipedScreen } from "./screens/entering";
import { StartScreen } from "./screens/start";
import { Alert, Go, type Props } from "./parts";
import type { Screen } from "./flow";

/** The screens on the way to the ballot; the others come in groups. */
const SCREENS: Readonly<Partial<Record<Screen, (props: Props) => preact.JSX.Element | null>>> = {
  language: () => null,
  start: StartScreen,
  device: DeviceScreen,
  waiting: WaitingScreen,
  login: LoginScreen,
  checking: CheckingScreen,
  ballot: BallotScreen,
  refused: RefusedScreen,
  wiped: WipedScreen,
};

/** Where a screen stands among the four steps of the way; 0: outside. */
const STEPS: Partial<Record<Screen, number>> = {
  device: 1,
  identify: 1,
  key: 2,
  enrolled: 2,
  waiting: 2,
  login: 2,
  checking: 2,
  ballot: 3,
  review: 3,
  sealing: 4,
  commitment: 4,
  decide: 4,
  cast: 4,
  sending: 4,
};

function Languages({ model }: { model: Model }) {
  const t = model.state.words;
  return (
    <nav class="languages" aria-label={t("frame.language")}>
      {LANGUAGES.map((language: Language) => (
        <button
          key={language}
          type="button"
          lang={language}
          aria-pressed={language === t.language}
          onClick={() => void model.speak(language)}
        >
          {NAMES[language]}
        </button>
      ))}
    </nav>
  );
}

function Frame({ model }: { model: Model }) {
  const [s, setState] = useState(model.state);
  useEffect(() => {
    // What happened between the first rendering and now would never be shown otherwise.
    setState(model.state);
    return model.subscribe(() => setState(model.state));
  }, [model]);
  const t = s.words;
  const { screen, contest } = s.flow;
  const Shown = SCREENS[screen] ?? model.loadedScreen(screen) ?? Loading;
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  useEffect(() => {
    window.scrollTo(0, 0);
    if (!first.current) main.current?.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true });
    first.current = false;
  }, [screen, contest, Shown === Loading]);
  useEffect(() => void model.need(screen), [model, screen]);
  const step = STEPS[screen] ?? 0;
  const kind = s.election?.manifest.kind ?? s.info?.kind ?? s.kind;
  if (s.covered) return <Cover model={model} />;
  return (
    <>
      <header>
        {kind === "practice" && <p class="kind">{t("frame.practice")}</p>}
        {kind === "demo" && <p class="kind">{t("frame.demo")}</p>}
        <Languages model={model} />
      </header>
      <main ref={main} class={screen}>
        {step > 0 && <p class="step">{t("frame.step", { step, total: 4 })}</p>}
        <Alert problem={s.problem} t={t} />
        <Shown model={model} s={s} t={t} />
        {s.flow.trail.length > 0 && screen !== "sealing" && screen !== "received" && (
          <p class="back">
            <button type="button" class="plain" onClick={() => model.step({ type: "back" })} disabled={s.busy}>
              ← {t("frame.back")}
            </button>
          </p>
        )}
      </main>
      {s.wipingS !== null && <Wiping model={model} />}
    </>
  );
}

/** A screen whose file is on its way. */
function Loading({ model, s, t }: Props) {
  if (s.problem === null) return <p class="loading" role="status" aria-busy="true" aria-label={t("checking.heading")} />;
  return <Go onClick={() => void model.need(s.flow.screen)}>{t("frame.again")}</Go>;
}

function Cover({ model }: { model: Model }) {
  const t = model.state.words;
  return (
    <main class="cover">
      <h1>{t("cover.heading")}</h1>
      <p>{t("cover.text")}</p>
      <button type="button" class="big" onClick={() => model.set({ covered: false })}>
        {t("cover.go")}
      </button>
    </main>
  );
}

function Wiping({ model }: { model: Model }) {
  const t = model.state.words;
  const stay = useRef<HTMLButtonElement>(null);
  useEffect(() => stay.current?.focus(), []);
  return (
    <div class="over">
      <div role="alertdialog" aria-modal="true" aria-labelledby="wiping" aria-describedby="wiping-text">
        <h2 id="wiping">{t("wipe.heading")}</h2>
        <p id="wiping-text">{t.count("wipe.text", model.state.wipingS ?? 0)}</p>
        <button ref={stay} type="button" class="big" onClick={() => model.set({ wipingS: null })}>
          {t("wipe.stay")}
        </button>
        <button type="button" class="plain" onClick={() => model.wipe()}>
          {t("wipe.now")}
        </button>
      </div>
    </div>
  );
}

/** Open the pages in a language. */
export async function start(language: Language, handover: Handover): Promise<void> {
  const model = new Model(language, await loadTexts(language, "voter"));
  await model.speak(language);
  if (PIN === "") model.set({ problem: { text: model.state.words("start.none") } });
  guard(model);
  // The phone's own "back" is ours: one entry of history stands before the page's, and none says where one is.
  history.pushState(null, "");
  addEventListener("popstate", () => {
    if (model.state.flow.trail.length === 0) {
      history.back();
      return;
    }
    model.step({ type: "back" });
    history.pushState(null, "");
  });
  api.speak(language);
  document.body.textContent = "";
  const begun = model.begin(handover);
  await begun;
  render(<Frame model={model} />, document.body);
}
