//! Whole ballots in batches: parse, check, add all equations up under random weights, and find every bad ballot.

#![forbid(unsafe_code)]

use crate::argument::{Check, Contest, Fixed, Opened, Refusal};
use crate::ballot::Ballot;
use crate::decode::{vartime_decode, vartime_encode, vartime_hint};
use crate::generators::Generators;
use crate::msm::{FEW, Public};
use crate::point::{Decoded, Sum};
use crate::weights::Weights;
use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;
use rayon::prelude::*;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;

/// Points of one sum: more would no longer make a point cheaper, only the memory larger (250 bytes a point).
const CHUNK_POINTS: usize = 65_536;

/// A style and its contests in manifest order: (contest id, rule bytes).
pub type Style = (u16, Vec<(u16, Vec<u8>)>);

/// Sums of the accepted ballots' ciphertexts, by (group, contest id): A*, B* for each option.
pub type Sums = HashMap<(u64, u16), Vec<Sum>>;

/// What goes wrong without any ballot being at fault.
#[derive(Debug)]
pub enum Failure {
    /// The operating system gave no randomness.
    Randomness,
    /// The threads could not be started.
    Threads,
}

/// Verifies the ballots of one election.
pub struct Verifier {
    manifest_hash: [u8; 32],
    styles: HashMap<u16, Vec<Contest>>,
    /// G, H, K, then the pairs (G_b, G'_b), for both libraries.
    shared: Vec<RistrettoPoint>,
    shared_decoded: Vec<Decoded>,
    bits: usize,
}

/// One contest of a chunk that passed checks 1 to 5.
struct Item<'a> {
    contest: &'a Contest,
    opened: Opened,
    weights: [Scalar; 3],
}

/// A ballot of a chunk whose equations are still to be checked.
struct Candidate {
    /// Its place in the chunk.
    at: usize,
    items: Range<usize>,
    points: Range<usize>,
}

struct Chunk<'a, P> {
    /// The points that all ballots share, as in [`Verifier`].
    shared: &'a [P],
    refusals: Vec<Option<Refusal>>,
    candidates: Vec<Candidate>,
    items: Vec<Item<'a>>,
    points: Vec<P>,
}

impl Verifier {
    /// Prepares an election; `None` when a rule is no rule, the key is no key, a style or a contest in a style occurs
    /// twice, or a contest has two rules.
    #[must_use]
    pub fn new(tag: &[u8], manifest_hash: [u8; 32], key: &[u8; 32], styles: &[Style]) -> Option<Self> {
        let election_key = CompressedRistretto(*key)
            .decompress()
            .filter(|point| !point.is_identity())?;
        let mut rules: HashMap<u16, &[u8]> = HashMap::new();
        let mut by_style = HashMap::new();
        let mut bits = 0;
        for (style, contests) in styles {
            let mut prepared: Vec<Contest> = Vec::with_capacity(contests.len());
            for (id, rule) in contests {
                if *rules.entry(*id).or_insert(rule) != rule || prepared.iter().any(|other| other.id == *id) {
                    return None;
                }
                prepared.push(Contest::new(tag, &manifest_hash, key, *style, *id, rule)?);
            }
            bits = prepared
                .iter()
                .map(|contest| contest.rule.bits())
                .fold(bits, usize::max);
            if by_style.insert(*style, prepared).is_some() {
                return None;
            }
        }
        let Generators { blinding, bits: pairs } = Generators::derive(bits);
        let mut shared = vec![RISTRETTO_BASEPOINT_POINT, election_key, blinding];
        shared.extend(pairs.iter().flat_map(|(g, h)| [*g, *h]));
        let shared_decoded = shared.iter().map(|point| vartime_decode(point.compress().as_bytes()));
        let shared_decoded = shared_decoded.collect::<Option<_>>()?;
        Some(Self {
            manifest_hash,
            styles: by_style,
            shared,
            shared_decoded,
            bits,
        })
    }

    /// Verifies ballots on `threads` threads; `hints`, where given, has an entry for each ballot, empty for none.
    ///
    /// With `groups` (one number a ballot) the ciphertexts of the accepted ballots are summed too.
    ///
    /// # Errors
    /// Only what no ballot is at fault for.
    pub fn vartime_verify(
        &self,
        ballots: &[&[u8]],
        hints: Option<&[&[u8]]>,
        groups: Option<&[u64]>,
        threads: usize,
    ) -> Result<(Vec<Option<Refusal>>, Sums), Failure> {
        let chunks = plan(ballots, threads);
        let run = |range: &Range<usize>| {
            let hints = hints.and_then(|hints| hints.get(range.clone()));
            let groups = groups.and_then(|groups| groups.get(range.clone()));
            self.verify_chunk(ballots.get(range.clone()).unwrap_or_default(), hints, groups)
        };
        let results: Vec<_> = if threads <= 1 || chunks.len() <= 1 {
            chunks.iter().map(run).collect()
        } else {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .map_err(|_| Failure::Threads)?
                .install(|| chunks.par_iter().map(run).collect())
        };
        let mut refusals = Vec::with_capacity(ballots.len());
        let mut sums = Sums::new();
        for result in results {
            let (part, part_sums) = result?;
            refusals.extend(part);
            merge(&mut sums, part_sums);
        }
        Ok((refusals, sums))
    }

    /// Returns the hints of a ballot: 32 bytes for each point in order, empty when it cannot be taken apart.
    #[must_use]
    pub fn vartime_hints(&self, bytes: &[u8]) -> Vec<u8> {
        let Some(ballot) = Ballot::parse(bytes) else {
            return Vec::new();
        };
        let Ok(contests) = self.identify(&ballot) else {
            return Vec::new();
        };
        let mut out = Vec::new();
        for (contest, (ciphertexts, proof)) in contests.iter().zip(&ballot.contests) {
            let commitments = proof.get(..contest.rule.commitments_size());
            let (Some(commitments), true) = (commitments, ciphertexts.len() == contest.rule.ciphertexts_size()) else {
                return Vec::new();
            };
            for bytes in [*ciphertexts, commitments] {
                for encoding in bytes.as_chunks::<32>().0 {
                    out.extend(vartime_hint(encoding));
                }
            }
        }
        out
    }

    /// Returns the contests that a ballot must have.
    fn identify(&self, ballot: &Ballot<'_>) -> Result<&[Contest], Check> {
        if *ballot.manifest_hash != self.manifest_hash {
            return Err(Check::Manifest);
        }
        let contests = self.styles.get(&ballot.style).ok_or(Check::Style)?;
        if ballot.contests.len() != contests.len() {
            return Err(Check::Contests);
        }
        Ok(contests)
    }

    fn verify_chunk(
        &self,
        ballots: &[&[u8]],
        hints: Option<&[&[u8]]>,
        groups: Option<&[u64]>,
    ) -> Result<(Vec<Option<Refusal>>, Sums), Failure> {
        let size: usize = ballots.iter().map(|ballot| ballot.len() / 32).sum();
        if size <= FEW && groups.is_none() {
            let (chunk, _) = self.examine(&self.shared, ballots, None)?;
            return Ok((chunk.refusals, Sums::new()));
        }
        let (chunk, candidates) = self.examine(&self.shared_decoded, ballots, hints)?;
        let mut sums = Sums::new();
        if let Some(groups) = groups {
            for candidate in candidates {
                if let (Some(None), Some(group)) = (chunk.refusals.get(candidate.at), groups.get(candidate.at)) {
                    chunk.add_up(&candidate, *group, &mut sums);
                }
            }
        }
        Ok((chunk.refusals, sums))
    }

    /// Runs all checks on a chunk; returns it with the ballots that reached the equations.
    fn examine<'a, P: Public>(
        &'a self,
        shared: &'a [P],
        ballots: &[&[u8]],
        hints: Option<&[&[u8]]>,
    ) -> Result<(Chunk<'a, P>, Vec<Candidate>), Failure> {
        let mut weights = Weights::new(ballots).ok_or(Failure::Randomness)?;
        let mut chunk = Chunk {
            shared,
            refusals: Vec::with_capacity(ballots.len()),
            candidates: Vec::with_capacity(ballots.len()),
            items: Vec::new(),
            points: Vec::with_capacity(ballots.iter().map(|ballot| ballot.len() / 32).sum()),
        };
        for (at, bytes) in ballots.iter().enumerate() {
            let (first_item, first_point) = (chunk.items.len(), chunk.points.len());
            let hint = hints.and_then(|hints| hints.get(at)).copied().unwrap_or_default();
            let refusal = self.open_ballot(bytes, hint, &mut weights, &mut chunk).err();
            if refusal.is_some() {
                chunk.items.truncate(first_item);
                chunk.points.truncate(first_point);
            } else {
                chunk.candidates.push(Candidate {
                    at,
                    items: first_item..chunk.items.len(),
                    points: first_point..chunk.points.len(),
                });
            }
            chunk.refusals.push(refusal);
        }
        let candidates = std::mem::take(&mut chunk.candidates);
        self.bisect(&candidates, &mut chunk);
        Ok((chunk, candidates))
    }

    /// Runs every check but the equations, in the specification's order.
    fn open_ballot<'a, P: Public>(
        &'a self,
        bytes: &[u8],
        hints: &[u8],
        weights: &mut Weights,
        chunk: &mut Chunk<'a, P>,
    ) -> Result<(), Refusal> {
        let ballot = Ballot::parse(bytes).ok_or((Check::Structure, 0))?;
        let contests = self.identify(&ballot).map_err(|check| (check, 0))?;
        // Hints of any other length are of another ballot and are ignored.
        let points: usize = contests.iter().map(Contest::points).sum();
        let mut hints = match hints.as_chunks::<32>() {
            (hints, []) if hints.len() == points => Some(hints),
            _ => None,
        };
        for (position, (contest, parts)) in contests.iter().zip(&ballot.contests).enumerate() {
            let (mine, rest) = hints.and_then(|hints| hints.split_at_checked(contest.points())).unzip();
            hints = rest;
            let opened = contest
                .vartime_open(&ballot, *parts, mine, &mut chunk.points)
                .map_err(|check| (check, position))?;
            chunk.items.push(Item {
                contest,
                opened,
                weights: weights.draw(),
            });
        }
        let mut firsts: Vec<&[u8; 32]> = ballot
            .contests
            .iter()
            .flat_map(|(ciphertexts, _)| ciphertexts.as_chunks::<32>().0.iter().step_by(2))
            .collect();
        firsts.sort_unstable();
        if firsts.is_sorted_by(|left, right| left < right) {
            Ok(())
        } else {
            Err((Check::Repeated, 0))
        }
    }

    /// Checks the equations of neighbouring candidates together; on failure halves them until each bad one is found.
    fn bisect<P: Public>(&self, candidates: &[Candidate], chunk: &mut Chunk<'_, P>) {
        let (Some(first), Some(last)) = (candidates.first(), candidates.last()) else {
            return;
        };
        let items = chunk.items.get(first.items.start..last.items.end).unwrap_or_default();
        let points = chunk
            .points
            .get(first.points.start..last.points.end)
            .unwrap_or_default();
        let weighted: Vec<_> = items.iter().map(|item| (item, item.weights)).collect();
        if self.holds(&weighted, points, chunk.shared) {
            return;
        }
        if candidates.len() == 1 {
            let refusal = self.first_failing(items, points, chunk.shared);
            if let Some(slot) = chunk.refusals.get_mut(first.at) {
                *slot = refusal;
            }
            return;
        }
        let (left, right) = candidates.split_at(candidates.len() / 2);
        self.bisect(left, chunk);
        self.bisect(right, chunk);
    }

    /// Finds the first equation of one ballot that does not hold.
    fn first_failing<P: Public>(&self, items: &[Item<'_>], points: &[P], shared: &[P]) -> Option<Refusal> {
        let (one, zero) = (Scalar::ONE, Scalar::ZERO);
        let mut left = points;
        for (position, item) in items.iter().enumerate() {
            let (mine, rest) = left.split_at_checked(item.contest.points())?;
            left = rest;
            for (check, weights) in [
                (Check::Bits, [one, zero, zero]),
                (Check::Randomness, [zero, one, zero]),
                (Check::Votes, [zero, zero, one]),
            ] {
                if !self.holds(&[(item, weights)], mine, shared) {
                    return Some((check, position));
                }
            }
        }
        None
    }

    /// Tells whether the weighted sum of all equations is the identity.
    fn holds<P: Public>(&self, items: &[(&Item<'_>, [Scalar; 3])], points: &[P], shared: &[P]) -> bool {
        let mut scalars = Vec::with_capacity(points.len());
        let mut fixed = Fixed::new(self.bits);
        for (item, weights) in items {
            item.contest
                .accumulate(&item.opened, *weights, &mut scalars, &mut fixed);
        }
        let mut others = vec![fixed.base, fixed.key, fixed.blinding];
        others.extend(fixed.bits.iter().flat_map(|(g, h)| [*g, *h]));
        P::vartime_cancels(&scalars, points, &others, shared)
    }
}

impl Chunk<'_, Decoded> {
    /// Adds an accepted ballot's ciphertexts to the sums of its group.
    fn add_up(&self, candidate: &Candidate, group: u64, sums: &mut Sums) {
        let mut left = self.points.get(candidate.points.clone()).unwrap_or_default();
        for item in self.items.get(candidate.items.clone()).unwrap_or_default() {
            let vector = 2 * item.contest.rule.options;
            let totals = sums
                .entry((group, item.contest.id))
                .or_insert_with(|| vec![Sum::IDENTITY; vector]);
            for (total, point) in totals.iter_mut().zip(left.iter().take(vector)) {
                *total = total.add(point);
            }
            left = left.get(item.contest.points()..).unwrap_or_default();
        }
    }
}

/// Adds sums to others.
pub fn merge(sums: &mut Sums, part: Sums) {
    for (name, vector) in part {
        match sums.entry(name) {
            Entry::Occupied(mut entry) => {
                for (total, addend) in entry.get_mut().iter_mut().zip(&vector) {
                    *total = total.add_sum(addend);
                }
            }
            Entry::Vacant(entry) => {
                entry.insert(vector);
            }
        }
    }
}

/// Encodes sums: A* ‖ B* for each option.
#[must_use]
pub fn encode_sums(vector: &[Sum]) -> Vec<u8> {
    vector.iter().flat_map(vartime_encode).collect()
}

/// Cuts the ballots into chunks of neighbouring ones, at least one for each thread where there is enough work.
fn plan(ballots: &[&[u8]], threads: usize) -> Vec<Range<usize>> {
    let total: usize = ballots.iter().map(|ballot| ballot.len() / 32).sum();
    let limit = CHUNK_POINTS.min(total.div_ceil(threads.max(1)).max(1024));
    let (mut chunks, mut start, mut size) = (Vec::new(), 0, 0);
    for (at, ballot) in ballots.iter().enumerate() {
        size += ballot.len() / 32;
        if size >= limit {
            chunks.push(start..at + 1);
            (start, size) = (at + 1, 0);
        }
    }
    if start < ballots.len() {
        chunks.push(start..ballots.len());
    }
    chunks
}

#[cfg(test)]
mod tests;
