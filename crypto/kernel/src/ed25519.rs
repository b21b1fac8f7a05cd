//! Ed25519 signatures of keys that sign much (registrars, the receipt key), many at once, by the strict rule.
//!
//! The rule of `docs/spec/signatures.md`: the encoding of S·B − h·A equals the bytes of R. Here exactly that point is
//! computed for every signature, with tables of multiples of B and A instead of doublings, and only the inversion that
//! encoding needs is shared. There is no random combination and no cofactor, so this and a single verification cannot
//! disagree. Public data only: nothing here is constant time.

#![forbid(unsafe_code)]

use crate::field::Field;
use crate::msm::{BITS, shift_digits, window_of};
use crate::point::{Decoded, Sum};
use curve25519_dalek::constants::ED25519_BASEPOINT_COMPRESSED;
use curve25519_dalek::scalar::Scalar;
use sha2::{Digest, Sha512};
use std::ops::Mul;
use std::sync::LazyLock;

/// Bits of a window: 32 multiples in each of 43 windows, 165 kB a key, so that four keys stay in the second-level cache.
const WIDTH: usize = 6;
const HALF: usize = 1 << (WIDTH - 1);
const WINDOWS: usize = BITS.div_ceil(WIDTH);

/// Multiples of the base point.
static BASE: LazyLock<Option<Table>> =
    LazyLock::new(|| decode(ED25519_BASEPOINT_COMPRESSED.as_bytes()).map(Table::new));

/// A key that was checked, with multiples of its negative.
pub struct Key {
    encoding: [u8; 32],
    minus: Table,
}

/// For each window the multiples 1 to 2^(w−1) of 2^(w·window) times a point.
struct Table(Vec<Decoded>);

impl Table {
    fn new(point: Sum) -> Self {
        let mut multiples = Vec::with_capacity(WINDOWS * HALF);
        let mut step = point;
        for _ in 0..WINDOWS {
            let mut multiple = step;
            for _ in 0..HALF {
                multiples.push(multiple);
                multiple = multiple.add_sum(&step);
            }
            step = step.double_times(u32::try_from(WIDTH).unwrap_or_default());
        }
        let affine = affine(&multiples);
        Self(affine.into_iter().map(|[x, y]| Decoded::new(x, y, x.mul(y))).collect())
    }

    /// Adds scalar × point to a sum.
    fn add_multiple(&self, mut sum: Sum, scalar: &Scalar) -> Sum {
        let words = shift_digits(scalar, WIDTH, WINDOWS);
        let half = i32::try_from(HALF).unwrap_or_default();
        for (window, multiples) in self.0.chunks_exact(HALF).enumerate() {
            let digit = window_of(&words, window * WIDTH, WIDTH) - half;
            let place = usize::try_from(digit.unsigned_abs())
                .ok()
                .and_then(|k| k.checked_sub(1));
            if let Some(point) = place.and_then(|place| multiples.get(place)) {
                sum = if digit > 0 { sum.add(point) } else { sum.subtract(point) };
            }
        }
        sum
    }
}

impl Key {
    /// Checks a public key and makes its table; `None` when it is not canonical, not on the curve or of small order.
    #[must_use]
    pub fn new(encoding: [u8; 32]) -> Option<Self> {
        let point = decode(&encoding)?;
        if point.double_times(3).coordinates().first()?.is_zero() {
            return None;
        }
        let minus = Table::new(Sum::IDENTITY.subtract(&addable(&point)?));
        Some(Self { encoding, minus })
    }

    /// Returns S·B − h·A and the bytes that it must encode to; `None` where S is not canonical.
    fn vartime_commitment(&self, message: &[u8], signature: &[u8; 64]) -> Option<(Sum, [u8; 32])> {
        let ([r, s], []) = signature.as_chunks::<32>() else {
            return None;
        };
        let s: Scalar = Option::from(Scalar::from_canonical_bytes(*s))?;
        let hash = Sha512::new()
            .chain_update(r)
            .chain_update(self.encoding)
            .chain_update(message)
            .finalize();
        let h = Scalar::from_bytes_mod_order_wide(&hash.into());
        let base = BASE.as_ref()?.add_multiple(Sum::IDENTITY, &s);
        Some((self.minus.add_multiple(base, &h), *r))
    }
}

/// Verifies signatures, each of its key over its message; surplus items of the longer lists are ignored.
#[must_use]
pub fn vartime_verify(keys: &[&Key], messages: &[&[u8]], signatures: &[[u8; 64]]) -> Vec<bool> {
    let opened: Vec<Option<(Sum, [u8; 32])>> = keys
        .iter()
        .zip(messages)
        .zip(signatures)
        .map(|((key, message), signature)| key.vartime_commitment(message, signature))
        .collect();
    let points: Vec<Sum> = opened.iter().flatten().map(|(point, _)| *point).collect();
    let mut encodings = affine(&points).into_iter();
    opened
        .iter()
        .map(|item| {
            item.is_some_and(|(point, r)| {
                let encoded = encodings.next().map(encode);
                // A commitment of small order passes nowhere.
                encoded == Some(r) && !point.double_times(3).coordinates().first().is_some_and(|x| x.is_zero())
            })
        })
        .collect()
}

fn encode([x, y]: [Field; 2]) -> [u8; 32] {
    let mut bytes = y.to_bytes();
    if let (Some(last), true) = (bytes.last_mut(), x.is_negative()) {
        *last |= 0x80;
    }
    bytes
}

/// Decodes by RFC 8032, section 5.1.3: y below p, x from the curve's equation, no sign on x = 0.
fn decode(bytes: &[u8; 32]) -> Option<Sum> {
    let mut raw = *bytes;
    let sign = raw.last().is_some_and(|last| last >> 7 == 1);
    if let Some(last) = raw.last_mut() {
        *last &= 0x7f;
    }
    let y = Field::from_bytes(&raw);
    if y.to_bytes() != raw {
        return None;
    }
    let yy = y.square();
    let (u, v) = (yy.sub(Field::ONE).carried(), Field::D.mul(yy).add(Field::ONE).carried());
    // x = √(u/v) = u / √(u·v); only y = ±1 has u = 0.
    let x = if u.is_zero() {
        Field::ZERO
    } else {
        u.mul(u.mul(v).inverse_square_root()?).abs()
    };
    if x.is_zero() && sign {
        return None;
    }
    let x = if sign { x.neg().carried() } else { x };
    Some(Sum::IDENTITY.add(&Decoded::new(x, y, x.mul(y))))
}

fn addable(point: &Sum) -> Option<Decoded> {
    let [x, y] = affine(std::slice::from_ref(point)).into_iter().next()?;
    Some(Decoded::new(x, y, x.mul(y)))
}

/// Returns x and y of every point; one inversion for all. Z is never zero, because the addition formulas are complete.
fn affine(points: &[Sum]) -> Vec<[Field; 2]> {
    let mut products = Vec::with_capacity(points.len());
    let mut product = Field::ONE;
    for point in points {
        products.push(product);
        let [_, _, z, _] = point.coordinates();
        product = product.mul(z);
    }
    let mut inverse = invert(product);
    let mut out: Vec<[Field; 2]> = points
        .iter()
        .zip(products)
        .rev()
        .map(|(point, before)| {
            let [x, y, z, _] = point.coordinates();
            let one = inverse.mul(before);
            inverse = inverse.mul(z);
            [x.mul(one), y.mul(one)]
        })
        .collect();
    out.reverse();
    out
}

/// Returns value^(p − 2), from value^((p − 5)/8): p − 2 = 8·(p − 5)/8 + 3.
fn invert(value: Field) -> Field {
    let power = value.pow_p58().square().square().square();
    power.mul(value.square()).mul(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
    use proptest::prelude::*;

    struct Signer {
        secret: Scalar,
        public: [u8; 32],
    }

    impl Signer {
        fn new(seed: u64) -> Self {
            let secret = Scalar::from_bytes_mod_order_wide(&Sha512::digest(seed.to_be_bytes()).into());
            Self {
                secret,
                public: EdwardsPoint::mul_base(&secret).compress().to_bytes(),
            }
        }

        fn sign(&self, message: &[u8]) -> [u8; 64] {
            let nonce = Scalar::from_bytes_mod_order_wide(&Sha512::digest(message).into());
            self.sign_with(message, nonce, EdwardsPoint::mul_base(&nonce))
        }

        fn sign_with(&self, message: &[u8], nonce: Scalar, commitment: EdwardsPoint) -> [u8; 64] {
            let r = commitment.compress().to_bytes();
            let hash = Sha512::new()
                .chain_update(r)
                .chain_update(self.public)
                .chain_update(message)
                .finalize();
            let h = Scalar::from_bytes_mod_order_wide(&hash.into());
            let mut out = [0; 64];
            out[..32].copy_from_slice(&r);
            out[32..].copy_from_slice((nonce + h * self.secret).as_bytes());
            out
        }
    }

    fn one(key: &Key, message: &[u8], signature: [u8; 64]) -> bool {
        vartime_verify(&[key], &[message], &[signature]) == [true]
    }

    #[test]
    fn many_signatures_of_several_keys_and_one_false_one_among_them() {
        let signers: Vec<Signer> = (0..3).map(Signer::new).collect();
        let keys: Vec<Key> = signers.iter().map(|signer| Key::new(signer.public).unwrap()).collect();
        let messages: Vec<[u8; 8]> = (0u64..60).map(u64::to_be_bytes).collect();
        let mut signatures: Vec<[u8; 64]> = (0..60).map(|at| signers[at % 3].sign(&messages[at])).collect();
        let which: Vec<&Key> = (0..60).map(|at| &keys[at % 3]).collect();
        let texts: Vec<&[u8]> = messages.iter().map(<[u8; 8]>::as_slice).collect();
        assert!(vartime_verify(&which, &texts, &signatures).iter().all(|holds| *holds));
        signatures[17][40] ^= 1;
        let verdicts = vartime_verify(&which, &texts, &signatures);
        assert_eq!((0..60).filter(|at| !verdicts[*at]).collect::<Vec<_>>(), [17]);
    }

    #[test]
    fn torsion_in_the_commitment_is_refused_and_small_orders_pass_nowhere() {
        let signer = Signer::new(1);
        let key = Key::new(signer.public).unwrap();
        let nonce = Scalar::from(5u64);
        for torsion in curve25519_dalek::constants::EIGHT_TORSION {
            let commitment = EdwardsPoint::mul_base(&nonce) + torsion;
            let accepted = one(&key, b"m", signer.sign_with(b"m", nonce, commitment));
            assert_eq!(accepted, torsion == curve25519_dalek::constants::EIGHT_TORSION[0]);
            assert!(Key::new(torsion.compress().to_bytes()).is_none());
            assert!(!one(&key, b"m", signer.sign_with(b"m", Scalar::ZERO, torsion)));
        }
    }

    #[test]
    fn a_key_with_torsion_passes_exactly_where_the_equation_holds() {
        let plain = Signer::new(2);
        let point = CompressedEdwardsY(plain.public).decompress().unwrap();
        let mixed = point + curve25519_dalek::constants::EIGHT_TORSION[1];
        let signer = Signer {
            secret: plain.secret,
            public: mixed.compress().to_bytes(),
        };
        let key = Key::new(signer.public).unwrap();
        let mut accepted = 0;
        for at in 0u64..64 {
            let (message, signature) = (at.to_be_bytes(), signer.sign(&at.to_be_bytes()));
            let r: [u8; 32] = signature[..32].try_into().unwrap();
            let hash = Sha512::new()
                .chain_update(r)
                .chain_update(signer.public)
                .chain_update(message)
                .finalize();
            let h = Scalar::from_bytes_mod_order_wide(&hash.into());
            let s: Scalar = Option::from(Scalar::from_canonical_bytes(signature[32..].try_into().unwrap())).unwrap();
            let expected = (EdwardsPoint::mul_base(&s) - mixed * h).compress().to_bytes() == r;
            accepted += usize::from(expected);
            assert_eq!(one(&key, &message, signature), expected);
        }
        assert!(accepted < 64);
    }

    #[test]
    fn scalars_and_keys_that_are_not_canonical_are_refused() {
        let signer = Signer::new(3);
        let key = Key::new(signer.public).unwrap();
        let mut signature = signer.sign(b"m");
        assert!(one(&key, b"m", signature) && !one(&key, b"n", signature));
        // S + L, where it still has 256 bits.
        let order = [
            0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
        ];
        let mut carry = 0u16;
        for (byte, addend) in signature[32..].iter_mut().zip(order) {
            carry += u16::from(*byte) + addend;
            *byte = carry.to_le_bytes()[0];
            carry >>= 8;
        }
        assert!(!one(&key, b"m", signature));
        let mut not_canonical = [0xff; 32];
        not_canonical[0] = 0xf1;
        not_canonical[31] = 0x7f;
        assert!(Key::new(not_canonical).is_none());
        assert!(Key::new([2; 32]).is_none() == CompressedEdwardsY([2; 32]).decompress().is_none());
    }

    proptest! {
        #[test]
        fn any_key_decodes_as_dalek_decodes_it(mut bytes: [u8; 32]) {
            for top in [bytes[31] & 0x7f, bytes[31] | 0x80] {
                bytes[31] = top;
                let theirs = CompressedEdwardsY(bytes).decompress();
                let ours = decode(&bytes);
                prop_assert_eq!(ours.is_some(), theirs.is_some());
                if let Some(point) = ours {
                    let [xy] = affine(&[point])[..] else { unreachable!() };
                    prop_assert_eq!(encode(xy), bytes);
                }
            }
        }

        #[test]
        fn any_bytes_for_a_signature_are_judged_as_the_equation_says(seed: u64, raw: [[u8; 32]; 2], bit in 0usize..512) {
            let signer = Signer::new(seed);
            let key = Key::new(signer.public).unwrap();
            let mut signature = signer.sign(b"message");
            prop_assert!(one(&key, b"message", signature));
            signature[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!one(&key, b"message", signature));
            let mut random = [0; 64];
            random[..32].copy_from_slice(&raw[0]);
            random[32..].copy_from_slice(&raw[1]);
            prop_assert!(!one(&key, b"message", random));
        }
    }
}
