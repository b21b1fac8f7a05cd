//! Sealing one contest: encryption and the validity argument, in constant time in the choice and the randomness.
//!
//! Secrets meet only curve25519-dalek's constant-time functions; what depends on the choice is selected by arithmetic,
//! never by branch or address. All randomness comes from the ballot's key by HKDF, bound to the statement, so that one
//! seed never gives the same masks to two statements. The same bytes as `crypto/proofs.py`.

#![forbid(unsafe_code)]

use crate::argument::Contest;
use crate::generators::Generators;
use crate::rule::Rule;
use crate::transcript::Transcript;
use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoBasepointTable, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{Identity, IsIdentity, MultiscalarMul};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha512;
use subtle::{Choice, ConditionallySelectable};
use zeroize::{Zeroize, Zeroizing};

/// Seals contests under one election key.
pub struct Sealer {
    key: RistrettoBasepointTable,
}

/// Where a contest stands, all of it public.
pub struct Place<'a> {
    /// The 64-byte transcript state that all ballots of the contest share.
    pub prefix: [u8; 64],
    /// The contest's id.
    pub contest: u16,
    /// Its rule.
    pub rule: &'a Rule,
    /// Whose ballot it is.
    pub pseudonym: &'a [u8; 16],
    /// The ballot's number.
    pub number: u32,
    /// Hash of the ballot before.
    pub previous: &'a [u8; 32],
    /// The ballot's lock.
    pub lock: &'a [u8; 32],
}

impl Sealer {
    /// Prepares tables for a key; `None` when it is no valid encoding or the identity.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Option<Self> {
        let point = CompressedRistretto(key)
            .decompress()
            .filter(|point| !point.is_identity())?;
        Some(Self {
            key: RistrettoBasepointTable::create(&point),
        })
    }

    /// Encrypts votes (zeros and ones, one an option) and proves them valid; returns ciphertexts and proof.
    ///
    /// `key` is the ballot's pseudorandom key: HKDF-Extract of its seed. `None` when the rule does not allow the votes.
    #[must_use]
    pub fn seal(&self, place: &Place<'_>, key: &[u8; 64], votes: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let rule = place.rule;
        if !rule.allows(votes) {
            return None;
        }
        let secrets = Secrets {
            key,
            contest: place.contest,
        };
        let randomness: Zeroizing<Vec<Scalar>> = Zeroizing::new(
            (0u32..)
                .zip(votes)
                .map(|(option, _)| secrets.derive(b"r", option, &[]))
                .collect(),
        );
        let vote_points = votes.iter().map(|vote| {
            let identity = RistrettoPoint::identity();
            RistrettoPoint::conditional_select(&identity, &RISTRETTO_BASEPOINT_POINT, Choice::from(*vote & 1))
        });
        let ciphertexts = self.encrypt(&randomness, vote_points);
        let prefix = Transcript::resume(place.prefix);
        let mut transcript = Contest::statement(
            &prefix,
            place.pseudonym,
            place.number,
            place.previous,
            place.lock,
            &ciphertexts,
        );
        let statement = *transcript.state();
        let secret = |label: &[u8], index: u32| secrets.derive(label, index, &statement);

        let bits: Zeroizing<Vec<Scalar>> = {
            let raw = Zeroizing::new(rule.secret_bits(votes));
            Zeroizing::new(raw.iter().map(|bit| Scalar::from(*bit)).collect())
        };
        let masks = mask(rule, &secret);
        let mut alpha = secret(b"alpha", 0);
        let mut gamma = secret(b"gamma", 0);

        // P1: M1 = Σ s_b G_b + Σ a_b (1 − 2 s_b) G'_b + α K, M0 = Σ a_b G_b − Σ a_b² G'_b + γ K.
        let commitments = commit(&bits, &masks, alpha, gamma);
        transcript.absorb("commitments", &commitments);
        let y = transcript.challenge("y");

        // P2: P(X) = ∏ (β_l + α_l X); D_l encrypts its coefficient P_l for l < m.
        let mut polynomial = Zeroizing::new(vec![Scalar::ONE]);
        let lows = Zeroizing::new(rule.digit_polynomials(y, &masks));
        let highs = Zeroizing::new(rule.digit_polynomials(y, &bits));
        for (low, high) in lows.iter().zip(highs.iter()) {
            let mut next = Zeroizing::new(vec![Scalar::ZERO; polynomial.len() + 1]);
            for (at, coefficient) in polynomial.iter().enumerate() {
                for (slot, factor) in next.iter_mut().skip(at).zip([low, high]) {
                    *slot += factor * coefficient;
                }
            }
            polynomial = next;
        }
        let digit_randomness: Zeroizing<Vec<Scalar>> = Zeroizing::new(
            (0u32..)
                .take(rule.digits)
                .map(|digit| secret(b"digit", digit))
                .collect(),
        );
        let digit_points = polynomial.iter().map(RistrettoPoint::mul_base);
        let digits = self.encrypt(&digit_randomness, digit_points);
        transcript.absorb("digits", &digits);
        let x = transcript.challenge("x");

        // P3: f_b = x s_b + a_b, w = x α + γ, z = x^m Σ y^j r_j + Σ x^l R_l.
        let mut proof = commitments;
        proof.extend(&digits);
        for group in &rule.groups {
            let members = bits
                .iter()
                .zip(masks.iter())
                .skip(group.first)
                .take(group.weights.len());
            for (bit, mask) in members.skip(1) {
                proof.extend((x * bit + mask).as_bytes());
            }
        }
        proof.extend((x * alpha + gamma).as_bytes());
        let top = (0..rule.digits).fold(Scalar::ONE, |power, _| power * x);
        proof.extend((top * evaluate(y, &randomness) + evaluate(x, &digit_randomness)).as_bytes());
        alpha.zeroize();
        gamma.zeroize();
        Some((ciphertexts, proof))
    }

    /// Encrypts values that come as multiples of G: (r G, r H + v G) for each.
    fn encrypt(&self, randomness: &[Scalar], values: impl Iterator<Item = RistrettoPoint>) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 * randomness.len());
        for (scalar, value) in randomness.iter().zip(values) {
            out.extend(RistrettoPoint::mul_base(scalar).compress().as_bytes());
            out.extend((&self.key * scalar + value).compress().as_bytes());
        }
        out
    }
}

/// Derives masks that satisfy the rule's constraints with right-hand side 0; the first of each group is set by them.
fn mask(rule: &Rule, secret: &impl Fn(&[u8], u32) -> Scalar) -> Zeroizing<Vec<Scalar>> {
    let mut masks = Zeroizing::new(vec![Scalar::ZERO; rule.bits()]);
    for group in &rule.groups {
        let mut first = Scalar::ZERO;
        for ((slot, weight), index) in masks.iter_mut().skip(group.first).zip(&group.weights).zip(0..).skip(1) {
            // Masks are numbered through all groups.
            let index: usize = index;
            *slot = secret(b"mask", u32::try_from(group.first + index).unwrap_or(u32::MAX));
            first -= weight * *slot;
        }
        if let Some(slot) = masks.get_mut(group.first) {
            *slot = first;
        }
    }
    masks
}

/// Computes M1 ‖ M0.
fn commit(bits: &[Scalar], masks: &[Scalar], alpha: Scalar, gamma: Scalar) -> Vec<u8> {
    let generators = Generators::derive(bits.len());
    let points = || {
        let pairs = generators.bits.iter().flat_map(|(g, h)| [g, h]);
        pairs.chain([&generators.blinding])
    };
    let pairs = || bits.iter().zip(masks);
    let one = Scalar::ONE;
    let first: Zeroizing<Vec<Scalar>> = Zeroizing::new(
        pairs()
            .flat_map(|(s, a)| [*s, a * (one - s - s)])
            .chain([alpha])
            .collect(),
    );
    let second: Zeroizing<Vec<Scalar>> =
        Zeroizing::new(pairs().flat_map(|(_, a)| [*a, -(a * a)]).chain([gamma]).collect());
    let mut out = Vec::with_capacity(64);
    for scalars in [first, second] {
        out.extend(
            RistrettoPoint::multiscalar_mul(scalars.iter(), points())
                .compress()
                .as_bytes(),
        );
    }
    out
}

/// Returns the sum of point^j × coefficient_j.
fn evaluate(point: Scalar, coefficients: &[Scalar]) -> Scalar {
    coefficients
        .iter()
        .rev()
        .fold(Scalar::ZERO, |value, coefficient| value * point + coefficient)
}

/// The secret scalars of one contest.
struct Secrets<'a> {
    key: &'a [u8; 64],
    contest: u16,
}

impl Secrets<'_> {
    /// HKDF-Expand to 64 bytes, one block (RFC 5869), reduced: info = label ‖ contest ‖ index ‖ statement.
    fn derive(&self, label: &[u8], index: u32, statement: &[u8]) -> Scalar {
        // HMAC pads a shorter key with zeros to the block's size; a key of that size cannot be refused.
        let mut padded = Zeroizing::new([0u8; 128]);
        for (slot, byte) in padded.iter_mut().zip(self.key) {
            *slot = *byte;
        }
        let mac = Hmac::<Sha512>::new((&*padded).into());
        let mut block: Zeroizing<[u8; 64]> = Zeroizing::new(
            mac.chain_update(label)
                .chain_update(self.contest.to_be_bytes())
                .chain_update(index.to_be_bytes())
                .chain_update(statement)
                .chain_update([1])
                .finalize()
                .into_bytes()
                .into(),
        );
        let scalar = Scalar::from_bytes_mod_order_wide(&block);
        block.zeroize();
        scalar
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn votes_that_the_rule_does_not_allow_are_not_sealed() {
        let sealer = Sealer::new(RistrettoPoint::mul_base(&Scalar::from(7u8)).compress().to_bytes()).unwrap();
        let rule = Rule::parse(&[1, 0, 4, 1, 0, 4]).unwrap();
        let place = Place {
            prefix: [0; 64],
            contest: 1,
            rule: &rule,
            pseudonym: &[0; 16],
            number: 1,
            previous: &[0; 32],
            lock: &[0; 32],
        };
        for votes in [
            &[0u8; 4][..],
            &[1, 1, 0, 0],
            &[2, 0, 0, 0],
            &[1, 0, 0],
            &[1, 0, 0, 0, 0],
            &[255, 2, 0, 0],
        ] {
            assert!(sealer.seal(&place, &[9; 64], votes).is_none(), "{votes:?}");
        }
        assert!(sealer.seal(&place, &[9; 64], &[0, 0, 1, 0]).is_some());
    }

    #[test]
    fn keys_that_are_none_are_refused() {
        assert!(Sealer::new([0; 32]).is_none());
        assert!(Sealer::new([0xff; 32]).is_none());
    }
}
