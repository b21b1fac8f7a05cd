/** The state of the election while it runs: alarms first, then who is awaited, turnout, queue, board, witnesses, drills. */

import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { type Bytes, fromHex, toHex, u64, utf8 } from "../core/bytes.js";
import { taggedHash } from "../core/transcript.js";
import { Failure, State, Table, useAnswer } from "./pieces.js";
import type { Act, Live } from "./service.js";
import { inGroups } from "./signer.js";
import { useWords } from "./words.js";

export function LiveState(): JSX.Element {
  const words = useWords();
  const { t } = words;
  const { found, problem } = useAnswer<Live>("live", 5_000);
  if (found === null) return problem === null ? <p role="status">{t("loading")}</p> : <Failure problem={problem} />;
  const { election, turnout, queue, board, witnesses, drills, alarms } = found;
  return (
    <section>
      <h2>{t("live")}</h2>
      <Failure problem={problem} />
      {alarms.length === 0 ? (
        <p class="good">{t("live.no-alarm")}</p>
      ) : (
        <ul class="alarms">
          {alarms.map((each) => (
            <li key={each.name} class="bad">
              <State of="failed">{t(`alarm.${each.name}`, { who: each.who.join(", "), n: each.count ?? 0 })}</State>
            </li>
          ))}
        </ul>
      )}
      <h3>{t("live.phase")}</h3>
      <p>
        <strong>{t(`phase.${election.phase}`)}</strong>
      </p>
      <p>{t("live.hours", { opens: words.time(election.times.opens_at_ms), closes: words.time(election.times.closes_at_ms) })}</p>
      {election.awaited.length > 0 && (
        <>
          <h3>{t("live.awaited")}</h3>
          <ul>
            {election.awaited.map((each, place) => (
              <li key={place}>
                {t(`type.${each.type}`)}: {t(`by.${each.by}`)}
                {each.who.length > 0 && ` (${each.who.join(", ")})`}
                {each.not_before_ms !== null && `, ${t("live.not-before", { time: words.time(each.not_before_ms) })}`}
              </li>
            ))}
          </ul>
        </>
      )}
      <h3>{t("live.turnout")}</h3>
      <Table name={t("live.turnout")}>
        <tbody>
          <Row name={t("live.slots")} value={words.number(turnout.slots)} />
          <Row name={t("live.credentials")} value={`${words.number(turnout.credentials)} (${words.share(turnout.credentials, turnout.slots)})`} />
          <Row name={t("live.voters")} value={`${words.number(turnout.voters)} (${words.share(turnout.voters, turnout.slots)})`} />
          <Row name={t("live.ballots")} value={words.number(turnout.ballots)} />
          <Row name={t("live.queue")} value={`${words.number(queue.waiting)} / ${words.number(queue.limit)}`} />
          <Row name={t("live.size")} value={`${words.number(board.size)} (${t("live.block", { block: String(board.block) })})`} />
          <Row
            name={t("live.quorum")}
            value={`${words.number(board.quorum_size)}${board.quorum_at_ms === null ? "" : `, ${words.time(board.quorum_at_ms, true)}`}`}
          />
        </tbody>
      </Table>
      {turnout.districts.length > 1 && (
        <>
          <h3>{t("live.districts")}</h3>
          {turnout.districts.some(({ voters }) => voters === null) && <p>{t("live.districts-why")}</p>}
          <Table name={t("live.districts")}>
            <thead>
              <tr>
                <th scope="col">{t("live.district")}</th>
                <th scope="col" class="number">
                  {t("live.slots")}
                </th>
                <th scope="col" class="number">
                  {t("live.credentials")}
                </th>
                <th scope="col" class="number">
                  {t("live.voters")}
                </th>
              </tr>
            </thead>
            <tbody>
              {turnout.districts.map((each) => (
                <tr key={each.unit}>
                  <th scope="row" translate={false}>
                    {words.pick(each.name).text}
                  </th>
                  <td class="number">{words.number(each.slots)}</td>
                  <td class="number">{words.number(each.credentials)}</td>
                  <td class="number">{each.voters === null ? "–" : `${words.number(each.voters)} (${words.share(each.voters, each.slots)})`}</td>
                </tr>
              ))}
            </tbody>
          </Table>
        </>
      )}
      <h3>{t("live.witnesses")}</h3>
      <Table name={t("live.witnesses")}>
        <thead>
          <tr>
            <th scope="col">{t("live.witness")}</th>
            <th scope="col">{t("acts.state")}</th>
            <th scope="col" class="number">
              {t("live.size")}
            </th>
            <th scope="col">{t("live.last")}</th>
          </tr>
        </thead>
        <tbody>
          {witnesses.map((each) => (
            <tr key={each.name}>
              <td translate={false}>{each.name}</td>
              <td>
                <State of={each.is_behind ? "failed" : "passed"}>{t(each.is_behind ? "live.behind" : "live.in-time")}</State>
              </td>
              <td class="number">{each.size === null ? "–" : words.number(each.size)}</td>
              <td>{each.at_ms === null ? "–" : words.time(each.at_ms, true)}</td>
            </tr>
          ))}
        </tbody>
      </Table>
      <h3>{t("live.trustees")}</h3>
      <p>{t("live.threshold", { threshold: String(election.threshold), all: String(election.trustees.length) })}</p>
      {drills.length === 0 ? (
        <p>{t("live.no-drill")}</p>
      ) : (
        <ul>
          {drills.map((each) => (
            <li key={each.number}>
              {t("live.drill", { number: String(each.number), passed: each.passed.join(", ") || "–" })}
              {each.missing.length > 0 && ` ${t("live.missing", { who: each.missing.join(", ") })}`}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Row({ name, value }: { name: string; value: string }): JSX.Element {
  return (
    <tr>
      <th scope="row">{name}</th>
      <td class="number">{value}</td>
    </tr>
  );
}

const REMEMBERED = "dobush-console-trail";

/** Whether acts (the newest first) are a chain, and hold what this browser saw of it before. */
export function holds(acts: readonly Act[], seen: { number: number; hash: string } | null): boolean {
  const chained = acts.every((act, place) => {
    const before = acts[place + 1];
    if (before === undefined) return act.number > 0 || hashAct(new Uint8Array(32), act) === act.hash;
    return act.number === before.number + 1 && hashAct(fromHex(before.hash), act) === act.hash;
  });
  const newest = acts[0];
  if (seen === null) return chained;
  if (newest === undefined || newest.number < seen.number) return false;
  const known = acts.find(({ number }) => number === seen.number);
  return chained && (known === undefined || known.hash === seen.hash);
}

function hashAct(previous: Bytes, { number, at_ms, person, act, subject, outcome }: Act): string {
  const numbers = [number, at_ms, person].map(u64);
  return toHex(taggedHash(utf8("dobush/1/installation/role-act"), previous, ...numbers, ...[act, subject, outcome].map(utf8)));
}

/** What this browser saw last of a side's trail, kept so that a shortened or rewritten trail is noticed. */
function remembered(): { number: number; hash: string } | null {
  try {
    const found = JSON.parse(localStorage.getItem(REMEMBERED) ?? "null") as { number: number; hash: string } | null;
    return found !== null && Number.isInteger(found.number) && typeof found.hash === "string" ? found : null;
  } catch {
    // Nothing that can be read: as if nothing had been seen.
    return null;
  }
}

/** Who did what with a role, and what came of it. */
export function Trail(): JSX.Element {
  const words = useWords();
  const { t } = words;
  const { found, problem } = useAnswer<{ acts: Act[] }>("roles/trail", 10_000);
  const newest = found?.acts[0];
  const sound = found === null || holds(found.acts, remembered());
  useEffect(() => {
    if (sound && newest !== undefined) localStorage.setItem(REMEMBERED, JSON.stringify({ number: newest.number, hash: newest.hash }));
  }, [sound, newest?.hash]);
  return (
    <section>
      <h2>{t("trail")}</h2>
      <p>{t("trail.why")}</p>
      <Failure problem={problem} />
      {found !== null && <p class={sound ? "good" : "bad"}>{t(sound ? "trail.whole" : "trail.broken")}</p>}
      {newest !== undefined && (
        <p>
          {t("trail.head", { number: String(newest.number) })} <span class="mono">{inGroups(newest.hash)}</span>
        </p>
      )}
      {found !== null && (
        <Table name={t("trail")}>
          <thead>
            <tr>
              <th scope="col" class="number">
                {t("trail.number")}
              </th>
              <th scope="col">{t("trail.time")}</th>
              <th scope="col">{t("trail.person")}</th>
              <th scope="col">{t("trail.act")}</th>
              <th scope="col">{t("trail.outcome")}</th>
            </tr>
          </thead>
          <tbody>
            {found.acts.map((each) => (
              <tr key={each.number}>
                <td class="number">{each.number}</td>
                <td>{words.time(each.at_ms, true)}</td>
                <td>{each.person === 0 ? t("trail.installation") : each.name}</td>
                <td class="mono">{`${each.act} ${each.subject}`}</td>
                <td class="mono">{each.outcome}</td>
              </tr>
            ))}
          </tbody>
        </Table>
      )}
    </section>
  );
}

/** The evidence pack: one file with all that is needed to check again. */
export function Evidence(): JSX.Element {
  const { t } = useWords();
  return (
    <section>
      <h2>{t("evidence")}</h2>
      <p>{t("evidence.why")}</p>
      <p>{t("evidence.hash")}</p>
      <div class="row">
        <a class="button main" href="../evidence" download>
          {t("evidence.go")}
        </a>
      </div>
    </section>
  );
}
