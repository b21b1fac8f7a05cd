/** Exponential ElGamal over vectors of options, and all of a ballot's randomness from one seed (docs/spec/elgamal.md). */

import { type Bytes, concat, u16, u32, utf8, wipe } from "./bytes.js";
import { Misuse } from "./errors.js";
import { type Element, encodeDoubles, GENERATOR, halve, reduceWide, Table } from "./group.js";
import { hkdfExpand, hkdfExtract, type Kind, tag } from "./transcript.js";

export const SEED_SIZE = 32;
export const OPENING_SIZE = 32;

const OPENING_INFO = "lock";
/** 1/2 modulo q, times G: what a vote adds before the encoding doubles. */
const HALF_ONE = /* @__PURE__ */ halve(1n);

/** The 32-byte seed of one ballot and everything that is derived from it; the key is as secret as the seed. */
export class BallotSeed {
  private readonly key: Bytes;

  constructor(kind: Kind, seed: Bytes) {
    if (seed.length !== SEED_SIZE) throw new Misuse(`a ballot seed has ${SEED_SIZE} bytes`);
    this.key = hkdfExtract(tag(kind, "ballot-seed"), seed);
  }

  /** r_j of one option. */
  deriveEncryption(contest: number, option: number): bigint {
    return this.derive(concat(utf8("r"), u16(contest), u32(option)));
  }

  /** A secret scalar of the proof, bound to the 64-byte state of its statement. */
  deriveProof(label: string, contest: number, index: number, statement: Bytes): bigint {
    return this.derive(concat(utf8(label), u16(contest), u32(index), statement));
  }

  /** k, which opens the ballot's lock and proves who sealed it. */
  deriveOpening(): Bytes {
    return hkdfExpand(this.key, utf8(OPENING_INFO), OPENING_SIZE);
  }

  /** Forget the key; the object is of no use afterwards. */
  wipe(): void {
    wipe(this.key);
  }

  private derive(info: Bytes): bigint {
    const block = hkdfExpand(this.key, info, 64);
    const scalar = reduceWide(block);
    wipe(block);
    return scalar;
  }
}

/** The election key with the tables that make its products quick. */
export class EncryptionKey {
  readonly generator: Table;
  readonly table: Table;
  private readonly halfGenerator: Element;

  constructor(readonly element: Element) {
    this.generator = generatorTable();
    this.table = new Table(element);
    this.halfGenerator = this.generator.multiply(HALF_ONE);
  }

  /** `A_0 B_0 A_1 B_1 ...` for small or large plaintexts, each under a scalar of its own. */
  encrypt(values: readonly bigint[], randomness: readonly bigint[], step: () => void = () => {}): Bytes {
    const doubled = values.flatMap((value, at) => {
      const half = halve(randomness[at]!);
      const masked = this.table.multiply(half);
      // A vote is zero or one; the digits of the argument are any scalar.
      const b =
        value === 0n ? masked : value === 1n ? masked.add(this.halfGenerator) : masked.add(this.generator.multiply(halve(value)));
      step();
      return [this.generator.multiply(half), b];
    });
    return encodeDoubles(doubled);
  }
}

let generatorOnce: Table | undefined;

function generatorTable(): Table {
  generatorOnce ??= new Table(GENERATOR);
  return generatorOnce;
}
