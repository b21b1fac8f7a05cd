/** The public pages: results, turnout, the board itself, its witnesses. Everything is computed here from verified entries. */

import "../public/page.css";
import "./board.css";
import type { JSX } from "preact";
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { fromHex, toHex } from "../core/bytes.js";
import { Refused } from "../core/errors.js";
import { Log } from "../public/log.js";
import { firstLanguage, LANGUAGE_NAMES, LANGUAGES, type Language, type Words } from "../public/words.js";
import { Contradiction, count, type Figures } from "./count.js";
import { Blocks } from "./blocks.js";
import { BlockList, BlockPage } from "./blocklist.js";
import { Entries, EntryPage } from "./explorer.js";
import { Checks, Name } from "./pieces.js";
import { Results } from "./results.js";
import { getFile, Unreachable } from "./source.js";
import { Turnout } from "./turnout.js";
import { Witnesses } from "./witnesses.js";
import { loadWords, useWords, WordsContext } from "./words.js";

interface Loaded {
  readonly log: Log;
  readonly figures: Figures | null;
  readonly blocks: Blocks;
  readonly problem: unknown;
  readonly pinned: boolean;
}

const PAGES = ["results", "turnout", "blocks", "entries", "witnesses"] as const;

/** The manifest hash that this page was served with; null where the server has put in none. */
function pin(): string {
  const content = document.querySelector('meta[name="dobush-manifest"]')?.getAttribute("content") ?? "";
  return /^[0-9a-f]{64}$/.test(content) ? content : "";
}

async function load(tell: (done: number) => void): Promise<Loaded> {
  const hash = pin();
  const log = await Log.open(getFile, hash === "" ? null : fromHex(hash), Date.now() / 1000);
  const pinned = hash !== "";
  try {
    const figures = await count(log, tell);
    return { log, figures, blocks: new Blocks(log, figures.blocks), problem: null, pinned };
  } catch (problem) {
    return { log, figures: null, blocks: new Blocks(log, []), problem, pinned };
  }
}

function App({ first }: { first: Words }): JSX.Element {
  const [words, setWords] = useState(first);
  const [loaded, setLoaded] = useState<Loaded | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const [done, setDone] = useState(0);
  const [route, setRoute] = useState(() => location.hash);
  const { language, t } = words;
  const speak = (wanted: Language): void => void loadWords(wanted).then(setWords, setProblem);
  useEffect(() => {
    document.documentElement.lang = language;
    document.title = t("title");
  }, [language]);
  useEffect(() => {
    const move = (): void => setRoute(location.hash);
    addEventListener("hashchange", move);
    load(setDone).then(setLoaded, setProblem);
    return () => removeEventListener("hashchange", move);
  }, []);
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
        {loaded !== null && <Heading loaded={loaded} />}
      </header>
      <main>
        {problem !== null && <Failure problem={problem} />}
        {problem === null && loaded === null && <p role="status">{done > 0 ? t("reading", { n: done }) : t("loading")}</p>}
        {loaded !== null && <Screen loaded={loaded} route={route} />}
      </main>
      <footer>
        <p>{t("footer")}</p>
      </footer>
    </WordsContext.Provider>
  );
}

function Heading({ loaded: { log, pinned } }: { loaded: Loaded }): JSX.Element {
  const words = useWords();
  const { t } = words;
  return (
    <>
      <p>
        <strong>
          <Name of={log.manifest.title} />
        </strong>
      </p>
      {log.manifest.kind !== "real" && <p class="practice">{t(`kind.${log.manifest.kind}`)}</p>}
      <p>{t("state-of", { n: log.size, signed: log.head.cosignatures.length, all: log.manifest.witnesses.length, time: words.time(log.time_ms) })}</p>
      <details>
        <summary>{t("manifest-hash")}</summary>
        <p class="mono">{toHex(log.manifestHash).replace(/(.{4})/g, "$1 ")}</p>
        <p>{t(pinned ? "pin-own" : "pin-none")}</p>
      </details>
    </>
  );
}

function Screen({ loaded, route }: { loaded: Loaded; route: string }): JSX.Element {
  const { t } = useWords();
  const { log, figures, blocks, problem } = loaded;
  const [, page = "results", argument = ""] = route.split("/");
  const number = /^\d{1,15}$/.test(argument) ? Number(argument) : null;
  const current = page === "entry" ? "entries" : page === "block" ? "blocks" : page;
  return (
    <>
      <nav aria-label={t("pages")}>
        {PAGES.map((each) => (
          <a key={each} class="button" href={`#/${each}`} aria-current={each === current ? "page" : undefined}>
            {t(`page.${each}`)}
          </a>
        ))}
      </nav>
      {problem !== null && <Failure problem={problem} />}
      {current === "results" && figures !== null && <Results log={log} figures={figures} />}
      {current === "turnout" && figures !== null && <Turnout log={log} figures={figures} blocks={blocks} />}
      {page === "blocks" && <BlockList log={log} blocks={blocks} from={number} />}
      {page === "block" && number !== null && <BlockPage log={log} blocks={blocks} block={number} />}
      {page === "entries" && <Entries log={log} known={figures?.blocks ?? []} from={number} />}
      {page === "entry" && number !== null && number < log.size && <EntryPage log={log} index={number} />}
      {page === "entry" && (number === null || number >= log.size) && <p class="bad">{t("not-found")}</p>}
      {current === "witnesses" && <Witnesses log={log} blocks={blocks} now_s={Date.now() / 1000} />}
      {(current === "results" || current === "turnout") && figures !== null && (
        <section>
          <h2>{t("checks")}</h2>
          <p>{t("checks-why")}</p>
          {!figures.whole && <p class="open">{t("not-whole", { n: log.size, read: figures.read })}</p>}
          <Checks of={figures.checks} />
          <p>{t("repeat-all")}</p>
          <p class="mono" translate={false}>
            dobush-audit verify RECORD --manifest-hash {toHex(log.manifestHash)} --slots FIGURES
          </p>
          <p>{t("repeat-where")}</p>
        </section>
      )}
    </>
  );
}

/** What is wrong, in plain words, first; nothing of what contradicts itself is shown beside it. */
function Failure({ problem }: { problem: unknown }): JSX.Element {
  const { t } = useWords();
  if (problem instanceof Contradiction) {
    return (
      <div class="bad" role="alert">
        <h2>{t("contradiction")}</h2>
        <p>{t(`contradiction.${problem.key}`, problem.fields)}</p>
        <p>{t("contradiction-then")}</p>
      </div>
    );
  }
  const known = problem instanceof Refused || problem instanceof Unreachable;
  return (
    <div class="bad" role="alert">
      <h2>{t(problem instanceof Unreachable ? "unreachable" : "refusal")}</h2>
      <p>{t(problem instanceof Unreachable ? "unreachable-then" : "refusal-then")}</p>
      <p class="mono" translate={false}>
        {known ? problem.message : String(problem)}
      </p>
    </div>
  );
}

void loadWords(firstLanguage(location.search, navigator.languages)).then((first) => render(<App first={first} />, document.body));
