// What this browser keeps: the language, whose slot it is, and a sealed and signed ballot until its receipt is there.
//
// Spec: docs/operations/pages.md. Never a choice, a seed or a code. The two hosts hand over by the part of the address that
// no server sees; it is taken out at once.

import { isLanguage, type Language } from "../words/names";

/** Whose slot, and which key of the phone. */
export interface Me {
  readonly pseudonym: string;
  readonly key: string | null;
}

/** A ballot that was signed: sent or not, with the receipt once it came. All of it stands on the board, or will. */
export interface Outbox {
  readonly entry: string;
  readonly hash: string;
  readonly code: string;
  readonly pseudonym: string;
  readonly number: number;
  readonly receipt: string | null;
  readonly deadlineMs: number | null;
  /** This device's time when the receipt came. */
  readonly receivedMs?: number | null;
  readonly proof: string | null;
  readonly index: number | null;
  /** The service has said no for good. */
  readonly refused?: boolean;
}

/** Whether a kept ballot still waits to be sent. */
export function isUnsent(outbox: Outbox | null): boolean {
  return outbox !== null && outbox.receipt === null && outbox.refused !== true;
}

export interface Handover {
  readonly language: Language | null;
  readonly me: Me | null;
  readonly to: string;
  /** What the other side's page said of the election: for the banner alone, nothing is decided by it. */
  readonly kind: string;
}

function read(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function write(name: string, value: string | null): boolean {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, value);
    return true;
  } catch {
    // Storage is full or forbidden: the page goes on, and says what it could not keep.
    return false;
  }
}

export function keepLanguage(language: Language): void {
  write("dobush-language", language);
}

const HEX = /^[0-9a-f]{32}$/;
const KEY = /^[A-Za-z0-9_-]{1,1400}$/;

/** Take what the other side handed over out of the address, and what this browser knows. */
export function takeHandover(): Handover {
  const fields = new URLSearchParams(location.hash.slice(1));
  if (location.hash !== "") history.replaceState(null, "", location.pathname + location.search);
  const pseudonym = fields.get("me") ?? "";
  const key = fields.get("key") ?? "";
  const given = fields.get("lang");
  const kept = read("dobush-language");
  const language = isLanguage(given) ? given : isLanguage(kept) ? kept : null;
  if (isLanguage(given)) keepLanguage(given);
  const to = fields.get("to") ?? "";
  return { language, to, kind: fields.get("kind") ?? "", me: HEX.test(pseudonym) ? { pseudonym, key: KEY.test(key) ? key : null } : null };
}

/** The part of an address that hands over to the other side. */
export function handoverTo(language: Language, me: Me | null, to: string, kind: string): string {
  const fields = new URLSearchParams({ lang: language, kind });
  if (to !== "") fields.set("to", to);
  if (me !== null) {
    fields.set("me", me.pseudonym);
    if (me.key !== null) fields.set("key", me.key);
  }
  return `#${fields.toString()}`;
}

const name = (pin: string, what: string): string => `dobush-${pin.slice(0, 16)}-${what}`;

function readObject(key: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(read(key) ?? "null");
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

export function readMe(pin: string): Me | null {
  const found = readObject(name(pin, "me"));
  const pseudonym = found?.["pseudonym"];
  const key = found?.["key"];
  if (typeof pseudonym !== "string" || !HEX.test(pseudonym)) return null;
  return { pseudonym, key: typeof key === "string" && KEY.test(key) ? key : null };
}

export function keepMe(pin: string, me: Me | null): void {
  write(name(pin, "me"), me === null ? null : JSON.stringify(me));
}

export function readOutbox(pin: string): Outbox | null {
  const found = readObject(name(pin, "outbox"));
  const text = (key: string): string | null => (typeof found?.[key] === "string" ? (found[key] as string) : null);
  const count = (key: string): number | null => (typeof found?.[key] === "number" ? (found[key] as number) : null);
  const [entry, hash, code, pseudonym] = [text("entry"), text("hash"), text("code"), text("pseudonym")];
  const number = count("number");
  if (entry === null || hash === null || code === null || pseudonym === null || number === null) return null;
  const times = { deadlineMs: count("deadlineMs"), receivedMs: count("receivedMs") };
  const rest = { receipt: text("receipt"), ...times, proof: text("proof"), index: count("index"), refused: found?.["refused"] === true };
  return { entry, hash, code, pseudonym, number, ...rest };
}

/** Keep the outbox; tells whether the browser could. */
export function keepOutbox(pin: string, outbox: Outbox | null): boolean {
  return write(name(pin, "outbox"), outbox === null ? null : JSON.stringify(outbox));
}

/** A step of the identification that must outlive the way to the provider and back, for this tab alone. */
export function keepStep(value: string | null): void {
  try {
    if (value === null) sessionStorage.removeItem("dobush-step");
    else sessionStorage.setItem("dobush-step", value);
  } catch {
    // Without it the voter identifies once more.
  }
}

export function readStep(): string | null {
  try {
    return sessionStorage.getItem("dobush-step");
  } catch {
    return null;
  }
}
