// The first page: a language, nothing else. It is small, so that it arrives where networks cut off early; the rest follows.
//
// Spec: docs/operations/pages.md. Nobody is asked anything before a language was chosen in its own name.

import { render } from "preact";
import { useState } from "preact/hooks";
import en from "virtual:words/en/client.first.,client.frame.title";
import ky from "virtual:words/ky/client.first.,client.frame.title";
import ru from "virtual:words/ru/client.first.,client.frame.title";
import { isInApp } from "./in-app";
import { later } from "./later";
import { keepLanguage, takeHandover } from "./ui/memory";
import { isLanguage, type Language, LANGUAGES, NAMES } from "./words/names";
import "./ui/style.css";

const TEXTS: Readonly<Record<Language, Readonly<Record<string, string>>>> = { ky, ru, en };

function First({ choose, broken }: { choose: (language: Language) => void; broken: Language | null }) {
  const inApp = isInApp(navigator.userAgent);
  const [copied, setCopied] = useState(false);
  const copy = (): void => {
    void navigator.clipboard?.writeText(location.href.split("#")[0] ?? "").then(() => setCopied(true));
  };
  const say = (key: string, only: readonly Language[] = LANGUAGES) =>
    only.map((language) => (
      <p key={language} lang={language}>
        {TEXTS[language][`client.first.${key}`]}
      </p>
    ));
  return (
    <main class="first">
      <h1>
        {LANGUAGES.map((language) => (
          <span key={language} lang={language}>
            {TEXTS[language]["client.first.choose"]}
          </span>
        ))}
      </h1>
      {broken !== null && <div role="alert">{say("broken", [broken])}</div>}
      {LANGUAGES.map((language) => (
        <button key={language} type="button" class="big" lang={language} onClick={() => choose(language)}>
          {NAMES[language]}
        </button>
      ))}
      {inApp && (
        <section class="warning">
          {say("in-app")}
          <button type="button" class="second" onClick={copy}>
            {LANGUAGES.map((language) => TEXTS[language]["client.first.copy"]).join(" · ")}
          </button>
          {copied && <div role="status">{say("copied")}</div>}
        </section>
      )}
    </main>
  );
}

async function open(language: Language): Promise<void> {
  const { start } = await later("way", () => import("./ui/app"));
  await start(language, handover);
}

function show(broken: Language | null): void {
  document.title = TEXTS.ky["client.frame.title"] ?? "";
  const choose = (language: Language): void => {
    keepLanguage(language);
    open(language).catch(() => show(language));
  };
  render(<First choose={choose} broken={broken} />, document.body);
}

const handover = takeHandover();
const known = handover.language;
if (isLanguage(known)) open(known).catch(() => show(known));
else show(null);
