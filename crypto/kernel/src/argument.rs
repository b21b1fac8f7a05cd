//! One contest of a ballot: checks 1 to 5 of `docs/spec/proofs.md`, and the three equations as terms of a sum.
//!
//! Every equation is linear in the points, so terms of any number of contests add up under random weights (`batch`).

#![forbid(unsafe_code)]

use crate::ballot::Ballot;
use crate::generators::DST;
use crate::msm::Public;
use crate::rule::Rule;
use crate::transcript::Transcript;
use curve25519_dalek::scalar::Scalar;

/// Why a ballot is refused; the numbers are the interface to Python (`crypto/_kernel.pyi`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Check {
    /// Ciphertexts and proof have exactly the lengths that the rule gives.
    Sizes = 1,
    /// Every ciphertext component is a valid encoding, not the identity.
    Ciphertext = 2,
    /// So is every point of the proof.
    Commitment = 3,
    /// Every scalar is less than the group order.
    Scalar = 4,
    /// Neither challenge is zero.
    Challenge = 5,
    /// E1.
    Bits = 6,
    /// E2.
    Randomness = 7,
    /// E3.
    Votes = 8,
    /// The bytes are the one valid encoding of a ballot.
    Structure = 9,
    /// The ballot names this manifest.
    Manifest = 10,
    /// The manifest has the ballot's style.
    Style = 11,
    /// The ballot has as many contests as its style.
    Contests = 12,
    /// No ciphertext's first component occurs twice in the ballot.
    Repeated = 13,
}

/// A refusal: the check and the position of the contest in the ballot.
pub type Refusal = (Check, usize);

/// Returns 0 for an accepted ballot, otherwise check × 256 + position of the contest.
#[must_use]
pub fn code(refusal: Option<Refusal>) -> u32 {
    refusal.map_or(0, |(check, position)| {
        // At most 64 contests.
        u32::from(check as u8) * 256 + u32::try_from(position & 0xff).unwrap_or_default()
    })
}

/// What is the same for every ballot of one contest of one style.
#[derive(Clone)]
pub struct Contest {
    /// The contest's id in the manifest.
    pub id: u16,
    /// Its rule.
    pub rule: Rule,
    prefix: Transcript,
}

impl Contest {
    /// Begins the transcript; `None` when the rule's bytes are no rule.
    #[must_use]
    pub fn new(tag: &[u8], manifest_hash: &[u8; 32], key: &[u8; 32], style: u16, id: u16, rule: &[u8]) -> Option<Self> {
        let parsed = Rule::parse(rule)?;
        let mut prefix = Transcript::new(tag);
        prefix.absorb("manifest", manifest_hash);
        prefix.absorb("style", &style.to_be_bytes());
        prefix.absorb("contest", &id.to_be_bytes());
        prefix.absorb("rule", rule);
        prefix.absorb("generators", DST);
        prefix.absorb("key", key);
        Some(Self {
            id,
            rule: parsed,
            prefix,
        })
    }

    /// Returns the number of points in ciphertexts and proof.
    #[must_use]
    pub const fn points(&self) -> usize {
        2 * self.rule.options + 2 + 2 * self.rule.digits
    }

    /// Continues the transcript with the ballot's place and the ciphertexts.
    #[must_use]
    pub fn statement(
        prefix: &Transcript,
        pseudonym: &[u8; 16],
        number: u32,
        previous: &[u8; 32],
        lock: &[u8; 32],
        ciphertexts: &[u8],
    ) -> Transcript {
        let mut transcript = prefix.clone();
        transcript.absorb("pseudonym", pseudonym);
        transcript.absorb("number", &number.to_be_bytes());
        transcript.absorb("previous", previous);
        transcript.absorb("lock", lock);
        transcript.absorb("ciphertexts", ciphertexts);
        transcript
    }

    /// Runs checks 1 to 5 and appends the decoded points, ciphertexts first, to `points`.
    ///
    /// `hints` has 32 bytes for each point, in the same order.
    ///
    /// # Errors
    /// The first failing check; `points` may then hold some points of this contest.
    pub fn vartime_open<P: Public>(
        &self,
        ballot: &Ballot<'_>,
        (ciphertexts, proof): (&[u8], &[u8]),
        hints: Option<&[[u8; 32]]>,
        points: &mut Vec<P>,
    ) -> Result<Opened, Check> {
        let rule = &self.rule;
        if ciphertexts.len() != rule.ciphertexts_size() || proof.len() != rule.proof_size() {
            return Err(Check::Sizes);
        }
        let (commitments, scalars) = proof.split_at_checked(rule.commitments_size()).ok_or(Check::Sizes)?;
        let (masks, digits) = commitments.split_at_checked(64).ok_or(Check::Sizes)?;
        let hints = hints.and_then(|hints| hints.split_at_checked(2 * rule.options));
        push_points(ciphertexts, hints.map(|pair| pair.0), points).ok_or(Check::Ciphertext)?;
        push_points(commitments, hints.map(|pair| pair.1), points).ok_or(Check::Commitment)?;
        let mut scalars = scalars
            .as_chunks::<32>()
            .0
            .iter()
            .map(|bytes| Option::<Scalar>::from(Scalar::from_canonical_bytes(*bytes)))
            .collect::<Option<Vec<_>>>()
            .ok_or(Check::Scalar)?;
        let z = scalars.pop().ok_or(Check::Sizes)?;
        let w = scalars.pop().ok_or(Check::Sizes)?;

        let mut transcript = Self::statement(
            &self.prefix,
            ballot.pseudonym,
            ballot.number,
            ballot.previous,
            ballot.lock,
            ciphertexts,
        );
        transcript.absorb("commitments", masks);
        let y = transcript.challenge("y");
        transcript.absorb("digits", digits);
        let x = transcript.challenge("x");
        if x == Scalar::ZERO || y == Scalar::ZERO {
            return Err(Check::Challenge);
        }
        Ok(Opened {
            f: complete(rule, x, &scalars),
            w,
            z,
            x,
            y,
        })
    }

    /// Appends the scalars of the contest's points and adds to those of the fixed points: the weighted sum of E1, E2, E3
    /// with everything on one side.
    pub fn accumulate(
        &self,
        opened: &Opened,
        [rho, sigma, tau]: [Scalar; 3],
        scalars: &mut Vec<Scalar>,
        fixed: &mut Fixed,
    ) {
        let Opened { f, w, z, x, y } = opened;
        let rule = &self.rule;
        let mut powers = Vec::with_capacity(rule.digits + 1);
        let mut power = Scalar::ONE;
        for _ in 0..=rule.digits {
            powers.push(power);
            power *= x;
        }
        let top = powers.pop().unwrap_or(Scalar::ONE);
        // E2 and E3: x^m y^j for A_j and B_j.
        let (mut first, mut second) = (sigma * top, tau * top);
        for option in 0..rule.options {
            if option > 0 {
                first *= y;
                second *= y;
            }
            scalars.push(first);
            scalars.push(second);
        }
        // E1: x M1 + M0.
        scalars.push(rho * x);
        scalars.push(rho);
        // E2 and E3: x^l for the components of D_l.
        for power in powers {
            scalars.push(sigma * power);
            scalars.push(tau * power);
        }
        // E1: minus Σ f_b G_b + f_b (x − f_b) G'_b + w K.
        for ((g, h), response) in fixed.bits.iter_mut().zip(f) {
            let weighted = rho * response;
            *g -= weighted;
            *h -= weighted * (x - response);
        }
        fixed.blinding -= rho * w;
        // E2 and E3: minus z G, minus z H + φ G.
        let phi: Scalar = rule.digit_polynomials(*y, f).iter().product();
        fixed.base -= sigma * z + tau * phi;
        fixed.key -= tau * z;
    }

    /// Returns the transcript state that all ballots of the contest share.
    #[must_use]
    pub const fn prefix(&self) -> &Transcript {
        &self.prefix
    }
}

/// Recomputes the first response of each constraint: x × target − Σ weight × response.
fn complete(rule: &Rule, x: Scalar, sent: &[Scalar]) -> Vec<Scalar> {
    let mut sent = sent.iter();
    let mut f = Vec::with_capacity(rule.bits());
    for group in &rule.groups {
        let at = f.len();
        f.push(Scalar::ZERO);
        let mut first = x * group.target;
        for (weight, response) in group.weights.iter().skip(1).zip(sent.by_ref()) {
            first -= if *weight == Scalar::ONE {
                *response
            } else {
                weight * response
            };
            f.push(*response);
        }
        if let Some(slot) = f.get_mut(at) {
            *slot = first;
        }
    }
    f
}

/// Decodes 32 bytes a point; `None` when one is no valid encoding or the identity.
fn push_points<P: Public>(bytes: &[u8], hints: Option<&[[u8; 32]]>, points: &mut Vec<P>) -> Option<()> {
    let (encodings, []) = bytes.as_chunks::<32>() else {
        return None;
    };
    if encodings.contains(&[0; 32]) {
        return None;
    }
    let mut hints = hints.unwrap_or_default().iter();
    for encoding in encodings {
        points.push(P::vartime_decode(encoding, hints.next())?);
    }
    Some(())
}

/// A contest after checks 1 to 5; its points stand elsewhere.
pub struct Opened {
    f: Vec<Scalar>,
    w: Scalar,
    z: Scalar,
    x: Scalar,
    y: Scalar,
}

/// Scalars of the points that all contests share.
pub struct Fixed {
    /// Of G.
    pub base: Scalar,
    /// Of H.
    pub key: Scalar,
    /// Of K.
    pub blinding: Scalar,
    /// Of (G_b, G'_b).
    pub bits: Vec<(Scalar, Scalar)>,
}

impl Fixed {
    /// All zero, for contests of at most `bits` bits.
    #[must_use]
    pub fn new(bits: usize) -> Self {
        Self {
            base: Scalar::ZERO,
            key: Scalar::ZERO,
            blinding: Scalar::ZERO,
            bits: vec![(Scalar::ZERO, Scalar::ZERO); bits],
        }
    }
}
