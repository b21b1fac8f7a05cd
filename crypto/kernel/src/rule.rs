//! Contest rules: choose one of n (mixed-radix digits) and choose kmin..kmax of n (votes and slack bits).

#![forbid(unsafe_code)]

use curve25519_dalek::scalar::Scalar;

/// Most options of a contest.
pub const MAX_OPTIONS: u16 = 1024;
/// Most digits of a choice.
pub const MAX_DIGITS: usize = 10;

/// One linear constraint over neighbouring secret bits: the sum of weight × bit is the target; the first weight is 1.
#[derive(Clone, Debug)]
pub struct BitGroup {
    /// Index of the first bit.
    pub first: usize,
    /// One weight a bit.
    pub weights: Vec<Scalar>,
    /// What the weighted bits sum to.
    pub target: Scalar,
}

/// What the bits mean.
#[derive(Clone, Debug)]
enum Form {
    OneOf {
        radices: Vec<u16>,
    },
    Between {
        minimum: u16,
        maximum: u16,
        slack: Vec<u16>,
    },
}

/// A rule that was parsed strictly.
#[derive(Clone, Debug)]
pub struct Rule {
    /// n.
    pub options: usize,
    /// m.
    pub digits: usize,
    /// The constraints, in the order of their bits.
    pub groups: Vec<BitGroup>,
    form: Form,
}

impl Rule {
    /// Parses a rule: `01 ‖ u16 n ‖ u8 m ‖ m × u16 radix` or `02 ‖ u16 n ‖ u16 kmin ‖ u16 kmax`, exactly as long as it says.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [1, high, low, digits, radices @ ..] => {
                let options = u16::from_be_bytes([*high, *low]);
                let (pairs, []) = radices.as_chunks::<2>() else {
                    return None;
                };
                let radices: Vec<u16> = pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
                if radices.len() != usize::from(*digits) {
                    return None;
                }
                Self::one_of(options, radices)
            }
            [2, n1, n0, min1, min0, max1, max0] => Self::between(
                u16::from_be_bytes([*n1, *n0]),
                u16::from_be_bytes([*min1, *min0]),
                u16::from_be_bytes([*max1, *max0]),
            ),
            _ => None,
        }
    }

    fn one_of(options: u16, radices: Vec<u16>) -> Option<Self> {
        let product = radices
            .iter()
            .fold(1u64, |product, radix| product.saturating_mul(u64::from(*radix)));
        if !(2..=MAX_OPTIONS).contains(&options)
            || !(1..=MAX_DIGITS).contains(&radices.len())
            || radices.iter().any(|radix| !(2..=options).contains(radix))
            || product < u64::from(options)
        {
            return None;
        }
        let mut first = 0;
        let groups = radices
            .iter()
            .map(|radix| {
                let count = usize::from(*radix);
                let group = BitGroup {
                    first,
                    weights: vec![Scalar::ONE; count],
                    target: Scalar::ONE,
                };
                first += count;
                group
            })
            .collect();
        Some(Self {
            options: usize::from(options),
            digits: radices.len(),
            groups,
            form: Form::OneOf { radices },
        })
    }

    fn between(options: u16, minimum: u16, maximum: u16) -> Option<Self> {
        if !(2..=MAX_OPTIONS).contains(&options) || minimum > maximum || maximum > options || maximum == 0 {
            return None;
        }
        let slack = slack_weights(maximum - minimum);
        let weights = (0..options)
            .map(|_| Scalar::ONE)
            .chain(slack.iter().map(|weight| Scalar::from(*weight)))
            .collect();
        Some(Self {
            options: usize::from(options),
            digits: 1,
            groups: vec![BitGroup {
                first: 0,
                weights,
                target: Scalar::from(maximum),
            }],
            form: Form::Between {
                minimum,
                maximum,
                slack,
            },
        })
    }

    /// Returns B, the number of secret bits.
    #[must_use]
    pub fn bits(&self) -> usize {
        self.groups.last().map_or(0, |group| group.first + group.weights.len())
    }

    /// Returns the bytes of the ciphertexts.
    #[must_use]
    pub const fn ciphertexts_size(&self) -> usize {
        64 * self.options
    }

    /// Returns the bytes of the proof's points: M1, M0 and the digits' ciphertexts.
    #[must_use]
    pub const fn commitments_size(&self) -> usize {
        64 + 64 * self.digits
    }

    /// Returns the bytes of the proof.
    #[must_use]
    pub fn proof_size(&self) -> usize {
        self.commitments_size() + 32 * (self.bits() - self.groups.len() + 2)
    }

    /// Returns, for each digit, the sum over its bits of y^(t·w_l) × bit (kmin..kmax: y^j × vote, without slack).
    #[must_use]
    pub fn digit_polynomials(&self, y: Scalar, bits: &[Scalar]) -> Vec<Scalar> {
        match &self.form {
            Form::Between { .. } => vec![power_sum(y, bits.iter().take(self.options))],
            Form::OneOf { radices } => {
                let mut step = y;
                let mut left = bits.iter();
                radices
                    .iter()
                    .enumerate()
                    .map(|(digit, radix)| {
                        let sum = power_sum(step, left.by_ref().take(usize::from(*radix)));
                        if digit + 1 < self.digits {
                            step = small_power(step, *radix);
                        }
                        sum
                    })
                    .collect()
            }
        }
    }

    /// Returns the secret bits of a vote vector of zeros and ones, without any branch on the votes.
    ///
    /// A vector that the rule does not allow gives bits whose proof does not verify; [`Rule::allows`] tells it apart.
    #[must_use]
    pub fn secret_bits(&self, votes: &[u8]) -> Vec<u8> {
        match &self.form {
            Form::OneOf { radices } => {
                let mut weight = 1usize;
                let mut bits = Vec::with_capacity(self.bits());
                for radix in radices.iter().map(|radix| usize::from(*radix)) {
                    // Which vote feeds which digit depends on public indices only.
                    bits.extend((0..radix).map(|digit| {
                        (0usize..)
                            .zip(votes)
                            .filter(|(index, _)| index / weight % radix == digit)
                            .fold(0, |bit, (_, vote)| bit | vote)
                    }));
                    weight = weight.saturating_mul(radix);
                }
                bits
            }
            Form::Between { maximum, slack, .. } => {
                let count = votes
                    .iter()
                    .fold(0u16, |count, vote| count.wrapping_add(u16::from(*vote)));
                let missing = maximum.wrapping_sub(count);
                let mut bits = votes.to_vec();
                if let Some((last_weight, low)) = slack.split_last() {
                    // last = 1 exactly when missing >= 2^(t-1): missing < 2^t, so that is one bit of it.
                    let last = (missing >> low.len()) & 1;
                    let rest = missing.wrapping_sub(last.wrapping_mul(*last_weight));
                    bits.extend((0..low.len()).map(|at| ((rest >> at) & 1).to_le_bytes()[0]));
                    bits.push(last.to_le_bytes()[0]);
                }
                bits
            }
        }
    }

    /// Tells whether the rule allows a vote vector; only this answer, not the vector, decides a branch.
    #[must_use]
    pub fn allows(&self, votes: &[u8]) -> bool {
        let over = votes.iter().fold(0u8, |over, vote| over | (vote & 0xfe));
        let count = votes
            .iter()
            .fold(0u32, |count, vote| count.wrapping_add(u32::from(*vote)));
        let (low, high) = match &self.form {
            Form::OneOf { .. } => (1, 1),
            Form::Between { minimum, maximum, .. } => (u32::from(*minimum), u32::from(*maximum)),
        };
        (votes.len() == self.options) & (over == 0) & (count >= low) & (count <= high)
    }
}

/// Returns 1, 2, …, 2^(t−2), S − (2^(t−1) − 1) for S of t bits: their subsets sum to exactly 0..S.
fn slack_weights(slack: u16) -> Vec<u16> {
    let length = u16::BITS - slack.leading_zeros();
    (1..=length)
        .map(|at| {
            if at < length {
                1 << (at - 1)
            } else {
                slack - ((1 << (length - 1)) - 1)
            }
        })
        .collect()
}

fn power_sum<'a>(step: Scalar, bits: impl Iterator<Item = &'a Scalar>) -> Scalar {
    let mut power = Scalar::ONE;
    let mut sum = Scalar::ZERO;
    for (at, bit) in bits.enumerate() {
        if at == 0 {
            sum = *bit;
        } else {
            power *= step;
            sum += power * bit;
        }
    }
    sum
}

/// Raises a public value to a public power.
fn small_power(base: Scalar, exponent: u16) -> Scalar {
    let mut out = Scalar::ONE;
    for bit in (0..u16::BITS - exponent.leading_zeros()).rev() {
        out *= out;
        if (exponent >> bit) & 1 == 1 {
            out *= base;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_of_the_specification() {
        let ten = Rule::parse(&[1, 0, 10, 2, 0, 2, 0, 5]).unwrap();
        assert_eq!((ten.proof_size(), ten.bits()), (416, 7));
        let fifty_four = Rule::parse(&[1, 0, 54, 3, 0, 3, 0, 3, 0, 6]).unwrap();
        assert_eq!(fifty_four.proof_size(), 608);
    }

    #[test]
    fn slack_covers_exactly_the_slack() {
        for slack in 0u16..200 {
            let weights = slack_weights(slack);
            let mut sums: Vec<u16> = (0u32..1 << weights.len())
                .map(|set| {
                    (0..)
                        .zip(&weights)
                        .map(|(at, weight)| ((set >> at) & 1) as u16 * weight)
                        .sum()
                })
                .collect();
            sums.sort_unstable();
            sums.dedup();
            assert_eq!(sums, (0..=slack).collect::<Vec<_>>());
        }
    }

    #[test]
    fn bits_satisfy_their_constraints_for_every_allowed_choice() {
        for rule in [
            &[1u8, 0, 10, 2, 0, 2, 0, 5][..],
            &[1, 0, 7, 3, 0, 2, 0, 2, 0, 2],
            &[2, 0, 5, 0, 0, 0, 5],
            &[2, 0, 5, 0, 1, 0, 4],
        ] {
            let rule = Rule::parse(rule).unwrap();
            let mut allowed = 0;
            for set in 0u32..1 << rule.options {
                let votes: Vec<u8> = (0..rule.options).map(|at| ((set >> at) & 1) as u8).collect();
                if !rule.allows(&votes) {
                    continue;
                }
                allowed += 1;
                let bits = rule.secret_bits(&votes);
                assert_eq!(bits.len(), rule.bits());
                assert!(bits.iter().all(|bit| *bit <= 1));
                for group in &rule.groups {
                    let sum: Scalar = bits[group.first..]
                        .iter()
                        .zip(&group.weights)
                        .map(|(bit, weight)| Scalar::from(*bit) * weight)
                        .sum();
                    assert_eq!(sum, group.target, "{votes:?}");
                }
            }
            assert!(allowed > 1);
        }
    }

    #[test]
    fn rules_outside_the_limits_are_refused() {
        for bytes in [
            &[][..],
            &[0],
            &[1],
            &[1, 0, 10],
            &[1, 0, 10, 0],
            &[1, 0, 10, 1, 0, 9],
            &[1, 0, 10, 1, 0, 11],
            &[1, 0, 10, 2, 0, 2, 0, 4],
            &[1, 0, 10, 2, 0, 2, 0, 5, 0],
            &[1, 0, 10, 1, 0, 2, 0, 5],
            &[1, 0, 1, 1, 0, 1],
            &[1, 4, 1, 1, 4, 1],
            &[1, 0, 4, 2, 0, 1, 0, 4],
            &[2, 0, 5, 0, 2, 0, 1],
            &[2, 0, 5, 0, 0, 0, 6],
            &[2, 0, 5, 0, 0, 0, 0],
            &[2, 0, 1, 0, 0, 0, 1],
            &[2, 0, 5, 0, 0, 0],
            &[2, 0, 5, 0, 0, 0, 1, 0],
            &[3, 0, 5, 0, 0, 0, 1],
        ] {
            assert!(Rule::parse(bytes).is_none(), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..32)) {
            if let Some(rule) = Rule::parse(&bytes) {
                prop_assert!(rule.bits() <= 10 * 1024 && rule.groups.len() <= 10);
            }
        }
    }
}
