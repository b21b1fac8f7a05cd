// What the pages of the identification ask, all of it of the identity side.

import { type Identified, json } from "./api";

export interface Enrolment {
  readonly id: string;
  readonly token: string;
  readonly manifest_hash: string;
  readonly kind: string;
  readonly options: {
    readonly rp: { readonly id: string; readonly name: string };
    readonly user: { readonly id: string; readonly name: string; readonly displayName: string };
    readonly pubKeyCredParams: readonly { readonly type: "public-key"; readonly alg: number }[];
  };
}

export const beginEnrolment = (): Promise<Enrolment> => json("POST", "enrolments", { software: false });

export const finishEnrolment = async (id: string, answer: unknown): Promise<string> =>
  (await json<{ key: string }>("POST", `enrolments/${id}/key`, answer)).key;

export const proveCode = (enrolment: string, key: string, signature: string): Promise<void> =>
  json("POST", "identifications/code", { enrolment, key, signature });

/** Where the browser goes to be identified, for an enrolment or to look only. */
export const beginService = async (enrolment: string | null): Promise<string> =>
  (await json<{ url: string }>("POST", "identifications/oidc", { enrolment })).url;

export const readIdentified = (): Promise<Identified> => json("GET", "voter");
