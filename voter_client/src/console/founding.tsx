/** The election comes to the identity side as a file: block 0 of the ballot side, read and hashed here before it is given. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { fromBase64, toHex } from "../core/bytes.js";
import { BODIES } from "../core/entries.js";
import { parseEntry } from "../core/envelope.js";
import { hashManifest } from "../core/manifest.js";
import type { Kind } from "../core/transcript.js";
import { Failure, Field, FileField, useAct } from "./pieces.js";
import { ask } from "./service.js";
import { inGroups } from "./signer.js";
import { useWords } from "./words.js";

interface Block {
  readonly entries: readonly string[];
  readonly shortName: string;
  readonly kind: Kind;
  readonly title: Readonly<Record<string, string>>;
  readonly hash: string;
}

/** Block 0 of a file; null where its first entry is no manifest. */
export function readBlock(text: string): Block | null {
  try {
    const { entries } = JSON.parse(text) as { entries: string[] };
    const raw = fromBase64(entries[0] ?? "");
    if (raw === undefined || !entries.every((each) => typeof each === "string")) return null;
    const entry = parseEntry(raw);
    if (entry.type !== "manifest") return null;
    const manifest = BODIES.manifest.parse(entry.body) as unknown as { short_name: string; kind: Kind; title: Record<string, string> };
    return { entries, shortName: manifest.short_name, kind: manifest.kind, title: manifest.title, hash: toHex(hashManifest(manifest.kind, entry.body)) };
  } catch {
    // Neither JSON nor a manifest: nothing to take.
    return null;
  }
}

export function FoundingRoom({ may }: { may: boolean }): JSX.Element {
  const words = useWords();
  const { language, t } = words;
  const [block, setBlock] = useState<Block | null>(null);
  const [wrong, setWrong] = useState(false);
  const [typed, setTyped] = useState("");
  const running = useAct();
  const take = (file: File): void => {
    void file.text().then((text) => {
      const found = readBlock(text);
      setBlock(found);
      setWrong(found === null);
    });
  };
  const give = (): void =>
    running.act(async () => {
      if (block === null) return;
      await ask(language, "POST", "founding", { entries: block.entries });
      // The page is served anew, with the election's hash in it.
      location.hash = "#/road";
      location.reload();
    });
  return (
    <section>
      <h2>{t("founding")}</h2>
      <p>{t("founding.why")}</p>
      <Failure problem={running.problem} />
      {may ? <FileField id="founding-file" label={t("founding.file")} hint={t("founding.hint")} take={take} /> : <p class="note">{t("founding.not-yours")}</p>}
      {wrong && (
        <p class="bad" role="alert">
          {t("founding.wrong")}
        </p>
      )}
      {block !== null && (
        <>
          {block.kind !== "real" && <p class="practice">{t(`kind.${block.kind}`)}</p>}
          <p>
            <strong translate={false}>{block.title[language] ?? block.shortName}</strong> <span class="mono">{block.shortName}</span>
          </p>
          <p>
            {t("acts.manifest-hash")} <span class="mono">{inGroups(block.hash)}</span>
          </p>
          <p>{t("founding.compare")}</p>
          <Field id="founding-name" label={t("acts.type-name", { name: block.shortName })} value={typed} set={setTyped} />
          <div class="row">
            <button type="button" class="main" disabled={running.busy || typed.trim() !== block.shortName} onClick={give}>
              {t("founding.go")}
            </button>
          </div>
        </>
      )}
    </section>
  );
}
