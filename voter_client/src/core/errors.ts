/**
 * The refusals of the protocol, by whose fault they are (docs/spec/README.md, section "Refusals").
 *
 * A verifier throws; it never returns false. `check` is the id that the specification gives the rule.
 */

/** A message or object failed a numbered check. */
export class Refused extends Error {
  override readonly name: string = "Refused";

  constructor(
    readonly check: string,
    readonly reason: string,
    readonly culprit: string = "",
  ) {
    super(culprit === "" ? `${check}: ${reason}` : `${check}: ${reason} (${culprit})`);
  }
}

/** Bytes that are not the one valid encoding of anything. */
export class MalformedEncoding extends Refused {
  override readonly name: string = "MalformedEncoding";
}

/** The calling program broke a contract: never the fault of outside input. */
export class Misuse extends Error {
  override readonly name: string = "Misuse";
}
