//! Sums of scalar × point over public data by Pippenger's buckets with signed digits and windows of any width.
//!
//! Window widths are chosen by the counted multiplications; the figures stand in `docs/decisions/0014`. Nothing here is
//! constant time: digits select addresses and branches.

#![forbid(unsafe_code)]

use crate::decode::{vartime_decode, vartime_decode_hinted};
use crate::point::{Decoded, Sum};
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{IsIdentity, VartimeMultiscalarMul};

/// Up to this many points curve25519-dalek, which knows vector instructions, is faster than the buckets here.
pub const FEW: usize = 300;
/// Digits of a scalar below 2^253 in signed windows cover one bit more.
pub(crate) const BITS: usize = 254;
/// Windows wider than this would leave the second-level cache.
const WIDEST: usize = 15;

/// A form of public points that can be decoded and summed: two libraries, one verifier.
pub trait Public: Copy + Send + Sync {
    /// Decodes one element, with a hint or without; the identity decodes.
    fn vartime_decode(bytes: &[u8; 32], hint: Option<&[u8; 32]>) -> Option<Self>;

    /// Tells whether the sum of scalar × point over both lists is the identity.
    fn vartime_cancels(scalars: &[Scalar], points: &[Self], shared_scalars: &[Scalar], shared: &[Self]) -> bool;
}

/// For many points: this crate's arithmetic.
impl Public for Decoded {
    fn vartime_decode(bytes: &[u8; 32], hint: Option<&[u8; 32]>) -> Option<Self> {
        hint.map_or_else(|| vartime_decode(bytes), |hint| vartime_decode_hinted(bytes, hint))
    }

    fn vartime_cancels(scalars: &[Scalar], points: &[Self], shared_scalars: &[Scalar], shared: &[Self]) -> bool {
        vartime_sum(scalars, points)
            .add_sum(&vartime_sum(shared_scalars, shared))
            .is_identity()
    }
}

/// For few points: curve25519-dalek, which has no use for hints.
impl Public for RistrettoPoint {
    fn vartime_decode(bytes: &[u8; 32], _hint: Option<&[u8; 32]>) -> Option<Self> {
        CompressedRistretto(*bytes).decompress()
    }

    fn vartime_cancels(scalars: &[Scalar], points: &[Self], shared_scalars: &[Scalar], shared: &[Self]) -> bool {
        // The lengths of the two sides must agree, or dalek panics.
        if scalars.len() != points.len() || shared_scalars.len() != shared.len() {
            return false;
        }
        Self::vartime_multiscalar_mul(scalars.iter().chain(shared_scalars), points.iter().chain(shared)).is_identity()
    }
}

/// Returns the sum of scalars\[i\]·points\[i\]; surplus items of the longer list are ignored.
#[must_use]
pub fn vartime_sum(scalars: &[Scalar], points: &[Decoded]) -> Sum {
    vartime_pippenger(scalars, points, best_width(points.len()))
}

/// Returns the window width with the fewest field multiplications for `count` points.
#[must_use]
pub fn best_width(count: usize) -> usize {
    let cost = |width: &usize| {
        let windows = BITS.div_ceil(*width);
        let buckets = 1usize << (width - 1);
        windows * (7 * count + 17 * buckets)
    };
    (3..=WIDEST).min_by_key(cost).unwrap_or(WIDEST)
}

/// Buckets over windows of `width` bits with signed digits.
#[must_use]
pub fn vartime_pippenger(scalars: &[Scalar], points: &[Decoded], width: usize) -> Sum {
    let width = width.clamp(2, WIDEST);
    let windows = BITS.div_ceil(width);
    let half = 1i32 << (width - 1);
    let shifted: Vec<[u64; 5]> = scalars
        .iter()
        .map(|scalar| shift_digits(scalar, width, windows))
        .collect();
    let mut buckets = vec![Sum::IDENTITY; 1 << (width - 1)];
    let mut total = Sum::IDENTITY;
    for window in (0..windows).rev() {
        buckets.fill(Sum::IDENTITY);
        for (words, point) in shifted.iter().zip(points) {
            let digit = window_of(words, window * width, width) - half;
            // Bucket k holds the points with digit ±(k + 1).
            let Some(index) = usize::try_from(digit.unsigned_abs())
                .ok()
                .and_then(|k| k.checked_sub(1))
            else {
                continue;
            };
            if let Some(bucket) = buckets.get_mut(index) {
                *bucket = if digit > 0 {
                    bucket.add(point)
                } else {
                    bucket.subtract(point)
                };
            }
        }
        let mut running = Sum::IDENTITY;
        let mut weighted = Sum::IDENTITY;
        for bucket in buckets.iter().rev() {
            running = running.add_sum(bucket);
            weighted = weighted.add_sum(&running);
        }
        total = total
            .double_times(u32::try_from(width).unwrap_or_default())
            .add_sum(&weighted);
    }
    total
}

/// Adds half a window to every window: then each window minus that half is a signed digit, without any carry between.
pub(crate) fn shift_digits(scalar: &Scalar, width: usize, windows: usize) -> [u64; 5] {
    let mut words = [0u64; 5];
    for (word, bytes) in words.iter_mut().zip(scalar.as_bytes().as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    let mut offset = [0u64; 5];
    for window in 0..windows {
        let bit = window * width + width - 1;
        if let Some(word) = offset.get_mut(bit / 64) {
            *word |= 1 << (bit % 64);
        }
    }
    let mut carry = false;
    for (word, addend) in words.iter_mut().zip(offset) {
        let (partial, first) = word.overflowing_add(addend);
        let (full, second) = partial.overflowing_add(u64::from(carry));
        *word = full;
        carry = first || second;
    }
    words
}

#[inline(always)]
pub(crate) fn window_of(words: &[u64; 5], bit: usize, width: usize) -> i32 {
    let word = |at: usize| words.get(at).copied().unwrap_or_default();
    let shift = bit % 64;
    let low = word(bit / 64) >> shift;
    // Two shifts, because one by 64 is not defined.
    let high = (word(bit / 64 + 1) << 1) << (63 - shift);
    i32::try_from((low | high) & ((1 << width) - 1)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{vartime_decode, vartime_encode};
    use curve25519_dalek::ristretto::RistrettoPoint;
    use curve25519_dalek::traits::VartimeMultiscalarMul;
    use proptest::prelude::*;
    use sha2::{Digest, Sha512};

    fn inputs(count: usize, seed: u64) -> (Vec<Scalar>, Vec<RistrettoPoint>, Vec<Decoded>) {
        let uniform = |label: u8, at: usize| -> [u8; 64] {
            let mut hash = Sha512::new();
            hash.update([label]);
            hash.update(seed.to_be_bytes());
            hash.update(at.to_be_bytes());
            hash.finalize().into()
        };
        let scalars = (0..count)
            .map(|at| match (seed ^ at as u64) % 11 {
                0 => Scalar::ZERO,
                1 => Scalar::ONE,
                2 => -Scalar::ONE,
                3 => Scalar::from(u64::MAX),
                _ => Scalar::from_bytes_mod_order_wide(&uniform(0, at)),
            })
            .collect();
        let points: Vec<RistrettoPoint> = (0..count)
            .map(|at| RistrettoPoint::from_uniform_bytes(&uniform(1, at / 2)))
            .collect();
        let decoded = points
            .iter()
            .map(|point| vartime_decode(&point.compress().to_bytes()).unwrap())
            .collect();
        (scalars, points, decoded)
    }

    #[test]
    fn every_width_gives_what_dalek_gives() {
        let (scalars, points, decoded) = inputs(300, 1);
        let expected = RistrettoPoint::vartime_multiscalar_mul(&scalars, &points)
            .compress()
            .to_bytes();
        for width in 2..=WIDEST {
            assert_eq!(vartime_encode(&vartime_pippenger(&scalars, &decoded, width)), expected);
        }
    }

    #[test]
    fn a_sum_and_its_opposite_make_the_identity() {
        let (scalars, _, decoded) = inputs(500, 2);
        let mut both = scalars.clone();
        both.extend(scalars.iter().map(|scalar| -scalar));
        let twice = [decoded.clone(), decoded].concat();
        assert!(vartime_sum(&both, &twice).is_identity());
        both[7] += Scalar::ONE;
        assert!(!vartime_sum(&both, &twice).is_identity());
        assert!(vartime_sum(&[], &[]).is_identity());
    }

    proptest! {
        #[test]
        fn any_number_of_terms_gives_what_dalek_gives(count in 0usize..400, seed: u64) {
            let (scalars, points, decoded) = inputs(count, seed);
            let expected = RistrettoPoint::vartime_multiscalar_mul(&scalars, &points).compress().to_bytes();
            prop_assert_eq!(vartime_encode(&vartime_sum(&scalars, &decoded)), expected);
        }
    }
}
