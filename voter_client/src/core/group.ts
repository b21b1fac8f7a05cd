/**
 * The group ristretto255: elements, scalars, sums, hash to the group (docs/spec/group.md).
 *
 * Points are noble's; what stands here is how many of them are multiplied and encoded at once. Nothing is constant time: scalars
 * are bigints, whose arithmetic takes time by their size, in any JavaScript. `docs/client.md` says what that means.
 *
 * The other suite, P-256, is not served here: `requireSuite` refuses it as an unserved suite.
 */

import { ed25519, ristretto255, ristretto255_hasher } from "@noble/curves/ed25519.js";
import { type Bytes, concat } from "./bytes.js";
import { MalformedEncoding, Misuse } from "./errors.js";
import { ELEMENT_SIZE, SCALAR_SIZE } from "./suite.js";

export * from "./suite.js";

/** q, the order of the group. */
export const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const P = 2n ** 255n - 19n;

type EdwardsPoint = InstanceType<typeof ed25519.Point>;

/** A group element: any point of the coset that stands for it. */
export class Element {
  constructor(readonly point: EdwardsPoint) {}

  add(other: Element): Element {
    return new Element(this.point.add(other.point));
  }

  subtract(other: Element): Element {
    return new Element(this.point.subtract(other.point));
  }

  negate(): Element {
    return new Element(this.point.negate());
  }

  equals(other: Element): boolean {
    return new ristretto255.Point(this.point).equals(new ristretto255.Point(other.point));
  }

  isIdentity(): boolean {
    return new ristretto255.Point(this.point).is0();
  }

  toBytes(): Bytes {
    return new ristretto255.Point(this.point).toBytes();
  }
}

export const GENERATOR = /* @__PURE__ */ new Element(ed25519.Point.BASE);
export const IDENTITY = /* @__PURE__ */ new Element(ed25519.Point.ZERO);

/** Noble keeps the representative to itself; the versions are pinned, and the vectors notice if that changes. */
function representative(point: InstanceType<typeof ristretto255.Point>): EdwardsPoint {
  return (point as unknown as { readonly ep: EdwardsPoint }).ep;
}

/** Decode a sum: the identity is allowed. */
export function parseSum(data: Bytes, culprit = ""): Element {
  try {
    if (data.length !== ELEMENT_SIZE) throw new Error("length");
    return new Element(representative(ristretto255.Point.fromBytes(data)));
  } catch {
    throw new MalformedEncoding("GROUP-1", "not the encoding of a group element", culprit);
  }
}

/** Decode a single message: the identity is refused. */
export function parseElement(data: Bytes, culprit = ""): Element {
  const element = parseSum(data, culprit);
  if (data.every((byte) => byte === 0)) throw new MalformedEncoding("GROUP-2", "the identity", culprit);
  return element;
}

/** Decode a canonical scalar. */
export function parseScalar(data: Bytes, culprit = ""): bigint {
  const value = fromLittleEndian(data);
  if (data.length !== SCALAR_SIZE || value >= ORDER) {
    throw new MalformedEncoding("GROUP-3", "not a canonical scalar", culprit);
  }
  return value;
}

export function fromLittleEndian(data: Bytes): bigint {
  let text = "0x0";
  for (let at = data.length - 1; at >= 0; at--) text += data[at]!.toString(16).padStart(2, "0");
  return BigInt(text);
}

function toLittleEndian(value: bigint): Bytes {
  const text = value.toString(16).padStart(64, "0");
  const out = new Uint8Array(32);
  for (let at = 0; at < 32; at++) out[at] = Number.parseInt(text.slice(62 - 2 * at, 64 - 2 * at), 16);
  return out;
}

/** The remainder in 0..q-1. */
export function reduce(value: bigint): bigint {
  const rest = value % ORDER;
  return rest < 0n ? rest + ORDER : rest;
}

/** 64 bytes of hash, little endian, modulo q. */
export function reduceWide(data: Bytes): bigint {
  if (data.length !== 64) throw new Misuse("a wide reduction takes 64 bytes");
  return fromLittleEndian(data) % ORDER;
}

export function scalarToBytes(value: bigint): Bytes {
  return toLittleEndian(reduce(value));
}

export function hashToElement(message: Bytes, domain: Bytes): Element {
  return new Element(representative(ristretto255_hasher.hashToCurve(message, { DST: domain })));
}

// ---------------------------------------------------------------------------------------------------------- many products

const WINDOW = 5;
const HALF = 1 << (WINDOW - 1);
const WINDOWS = Math.ceil(254 / WINDOW);

/** Signed digits in -16..15, least significant first; exact for 0 <= value < 2^254. */
function signedDigits(value: bigint): Int8Array {
  const digits = new Int8Array(WINDOWS);
  const text = value.toString(2).padStart(WINDOWS * WINDOW, "0");
  if (value < 0n || text.length > WINDOWS * WINDOW) throw new Misuse("a scalar is between 0 and 2^254");
  let carry = 0;
  for (let at = 0; at < WINDOWS; at++) {
    const end = text.length - at * WINDOW;
    let digit = Number.parseInt(text.slice(end - WINDOW, end), 2) + carry;
    carry = digit >= HALF ? 1 : 0;
    digit -= carry * 2 * HALF;
    digits[at] = digit;
  }
  return digits;
}

/** 1, 2, ..., 16 times a point. */
function multiples(point: EdwardsPoint): EdwardsPoint[] {
  const row = [point, point.double()];
  while (row.length < HALF) row.push(row[row.length - 1]!.add(point));
  return row;
}

function addDigit(sum: EdwardsPoint, row: readonly EdwardsPoint[], digit: number): EdwardsPoint {
  if (digit > 0) return sum.add(row[digit - 1]!);
  return digit < 0 ? sum.add(row[-digit - 1]!.negate()) : sum;
}

/** A point that is multiplied often: every multiple of every window, made once. */
export class Table {
  private readonly rows: EdwardsPoint[][] = [];

  constructor(element: Element) {
    let point = element.point;
    for (let at = 0; at < WINDOWS; at++) {
      const row = multiples(point);
      this.rows.push(row);
      point = row[HALF - 1]!.double();
    }
  }

  multiply(scalar: bigint): Element {
    const digits = signedDigits(scalar);
    let sum = ed25519.Point.ZERO;
    for (let at = 0; at < WINDOWS; at++) sum = addDigit(sum, this.rows[at]!, digits[at]!);
    return new Element(sum);
  }
}

const PIPPENGER_FROM = 160;

/** The sum of scalar × element, for scalars of 0 to 2^254 taken as integers: Straus for few, Pippenger for many. */
export function sumOf(scalars: readonly bigint[], elements: readonly Element[]): Element {
  return sumsOf([scalars], elements)[0]!;
}

/** Several such sums over the same elements, which share the elements' multiples. */
export function sumsOf(columns: readonly (readonly bigint[])[], elements: readonly Element[]): Element[] {
  if (columns.some((scalars) => scalars.length !== elements.length)) throw new Misuse("a scalar for each element");
  const points = elements.map((element) => element.point);
  if (points.length >= PIPPENGER_FROM) return columns.map((scalars) => new Element(pippenger(scalars, points)));
  const rows: EdwardsPoint[][] = [];
  return columns.map((scalars) => new Element(straus(scalars, points, rows)));
}

function straus(scalars: readonly bigint[], points: readonly EdwardsPoint[], rows: EdwardsPoint[][]): EdwardsPoint {
  const kept = scalars.flatMap((scalar, at) => {
    if (scalar === 0n) return [];
    rows[at] ??= multiples(points[at]!);
    return [{ digits: signedDigits(scalar), row: rows[at]! }];
  });
  let sum = ed25519.Point.ZERO;
  for (let at = WINDOWS - 1; at >= 0; at--) {
    if (at < WINDOWS - 1) for (let bit = 0; bit < WINDOW; bit++) sum = sum.double();
    for (const { digits, row } of kept) sum = addDigit(sum, row, digits[at]!);
  }
  return sum;
}

function pippenger(scalars: readonly bigint[], points: readonly EdwardsPoint[]): EdwardsPoint {
  const width = points.length < 800 ? 7 : 8;
  const count = Math.ceil(254 / width);
  const texts = scalars.map((scalar) => scalar.toString(2).padStart(count * width, "0"));
  let sum = ed25519.Point.ZERO;
  for (let window = 0; window < count; window++) {
    for (let bit = 0; bit < width && window > 0; bit++) sum = sum.double();
    const buckets: (EdwardsPoint | undefined)[] = new Array(1 << width);
    points.forEach((point, at) => {
      const digit = Number.parseInt(texts[at]!.slice(window * width, (window + 1) * width), 2);
      if (digit > 0) buckets[digit] = buckets[digit]?.add(point) ?? point;
    });
    let running = ed25519.Point.ZERO;
    let total = ed25519.Point.ZERO;
    for (let digit = buckets.length - 1; digit > 0; digit--) {
      const bucket = buckets[digit];
      if (bucket !== undefined) running = running.add(bucket);
      total = total.add(running);
    }
    sum = sum.add(total);
  }
  return sum;
}

/** scalar × element where no table is worth its making. */
export function multiply(scalar: bigint, element: Element): Element {
  return sumOf([scalar], [element]);
}

// ------------------------------------------------------------------------------------------------------- many encodings

/** s/2 modulo q. */
export function halve(scalar: bigint): bigint {
  return (scalar & 1n) === 0n ? scalar >> 1n : (scalar + ORDER) >> 1n;
}

const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;
const SQRT_M1 = 19681161376707505956807079304988542015446066515923890162744021073123829784752n;
const INVSQRT_A_MINUS_D = 54469307008909316920995813868745141605393597292927456921205312896311721017578n;

const mod = (value: bigint): bigint => {
  const rest = value % P;
  return rest < 0n ? rest + P : rest;
};
const isNegative = (value: bigint): boolean => (value & 1n) === 1n;

/**
 * The encodings of 2·E for each element E, one after the other, with one inversion for all instead of a root for each (the
 * double-and-encode of Ristretto's authors; "Ristretto in detail", section on batched encoding).
 */
export function encodeDoubles(elements: readonly Element[]): Bytes {
  const states = elements.map(({ point: { X, Y, Z, T } }) => {
    const e = mod(2n * X * Y);
    const zz = mod(Z * Z);
    const dtt = mod(mod(T * T) * D);
    const f = mod(zz + dtt);
    const g = mod(Y * Y + X * X);
    const h = mod(zz - dtt);
    return { e, f, g, h, eg: mod(e * g), fh: mod(f * h) };
  });
  const inverses = invertAll(states.map(({ eg, fh }) => mod(eg * fh)));
  return concat(
    ...states.map((state, at) => {
      const inverse = inverses[at]!;
      const zInverse = mod(state.eg * inverse);
      const tInverse = mod(state.fh * inverse);
      const rotated = isNegative(mod(state.eg * zInverse));
      const e = rotated ? state.g : state.e;
      let g = rotated ? mod(-state.e) : state.g;
      const h = rotated ? mod(state.f * SQRT_M1) : state.h;
      const magic = rotated ? SQRT_M1 : INVSQRT_A_MINUS_D;
      if (isNegative(mod(mod(h * e) * zInverse))) g = mod(-g);
      const s = mod(mod(h - g) * mod(magic * mod(g * tInverse)));
      return toLittleEndian(isNegative(s) ? mod(-s) : s);
    }),
  );
}

/** The inverses modulo p of many numbers with one inversion; zero stays zero. */
function invertAll(values: readonly bigint[]): bigint[] {
  const before: bigint[] = [];
  let product = 1n;
  for (const value of values) {
    before.push(product);
    if (value !== 0n) product = mod(product * value);
  }
  let inverse = ed25519.Point.Fp.inv(product);
  const out: bigint[] = new Array(values.length).fill(0n);
  for (let at = values.length - 1; at >= 0; at--) {
    const value = values[at]!;
    if (value === 0n) continue;
    out[at] = mod(inverse * before[at]!);
    inverse = mod(inverse * value);
  }
  return out;
}
