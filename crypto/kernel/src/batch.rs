//! Whole ballots in batches: parse, check, add all equations up under random weights, and find every bad ballot.

#![forbid(unsafe_code)]

use crate::argument::{Check, Contest, Fixed, Opened, Refusal};
use crate::ballot::Ballot;
use crate::decode::{vartime_decode, vartime_encode, vartime_hint};
use crate::generators::{Generators, decoded};
use crate::msm::vartime_sum;
use crate::point::{Decoded, Sum};
use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
use curve25519_dalek::scalar::Scalar;
use rayon::prelude::*;
use sha2::{Digest, Sha256, Sha512};
use std::collections::HashMap;
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
    /// G, H, K, then the pairs (G_b, G'_b).
    fixed: Vec<Decoded>,
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

struct Chunk<'a> {
    refusals: Vec<Option<Refusal>>,
    candidates: Vec<Candidate>,
    items: Vec<Item<'a>>,
    points: Vec<Decoded>,
}

impl Verifier {
    /// Prepares an election; `None` when a rule is no rule, the key is no key, a style or a contest in a style occurs
    /// twice, or a contest has two rules.
    #[must_use]
    pub fn new(tag: &[u8], manifest_hash: [u8; 32], key: &[u8; 32], styles: &[Style]) -> Option<Self> {
        let election_key = if *key == [0; 32] { None } else { vartime_decode(key) }?;
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
        let (blinding, pairs) = Generators::derive(bits).decoded()?;
        let mut fixed = vec![decoded(&RISTRETTO_BASEPOINT_POINT)?, election_key, blinding];
        fixed.extend(pairs.iter().flat_map(|(g, h)| [*g, *h]));
        Some(Self {
            manifest_hash,
            styles: by_style,
            fixed,
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
            for (name, vector) in part_sums {
                match sums.entry(name) {
                    std::collections::hash_map::Entry::Occupied(mut entry) => {
                        for (total, addend) in entry.get_mut().iter_mut().zip(&vector) {
                            *total = total.add_sum(addend);
                        }
                    }
                    std::collections::hash_map::Entry::Vacant(entry) => {
                        entry.insert(vector);
                    }
                }
            }
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
        let mut weights = Weights::new(ballots)?;
        let mut chunk = Chunk {
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

    /// Runs every check but the equations, in the specification's order.
    fn open_ballot<'a>(
        &'a self,
        bytes: &[u8],
        hints: &[u8],
        weights: &mut Weights,
        chunk: &mut Chunk<'a>,
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
                weights: weights.next(),
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
    fn bisect(&self, candidates: &[Candidate], chunk: &mut Chunk<'_>) {
        let (Some(first), Some(last)) = (candidates.first(), candidates.last()) else {
            return;
        };
        let items = chunk.items.get(first.items.start..last.items.end).unwrap_or_default();
        let points = chunk
            .points
            .get(first.points.start..last.points.end)
            .unwrap_or_default();
        let weighted: Vec<_> = items.iter().map(|item| (item, item.weights)).collect();
        if self.holds(&weighted, points) {
            return;
        }
        if candidates.len() == 1 {
            let refusal = self.first_failing(items, points);
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
    fn first_failing(&self, items: &[Item<'_>], points: &[Decoded]) -> Option<Refusal> {
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
                if !self.holds(&[(item, weights)], mine) {
                    return Some((check, position));
                }
            }
        }
        None
    }

    /// Tells whether the weighted sum of all equations is the identity.
    fn holds(&self, items: &[(&Item<'_>, [Scalar; 3])], points: &[Decoded]) -> bool {
        let mut scalars = Vec::with_capacity(points.len());
        let mut fixed = Fixed::new(self.bits);
        for (item, weights) in items {
            item.contest
                .accumulate(&item.opened, *weights, &mut scalars, &mut fixed);
        }
        let mut shared = vec![fixed.base, fixed.key, fixed.blinding];
        shared.extend(fixed.bits.iter().flat_map(|(g, h)| [*g, *h]));
        vartime_sum(&scalars, points)
            .add_sum(&vartime_sum(&shared, &self.fixed))
            .is_identity()
    }
}

impl Chunk<'_> {
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

/// A stream of 128-bit weights, three for each contest.
///
/// Who could foresee them could make wrong equations cancel out, so they come from the operating system's randomness and
/// from every byte of the chunk, after these are fixed. One weight for two equations would let (A + D, B − D) pass.
struct Weights {
    key: [u8; 64],
    count: u64,
}

impl Weights {
    fn new(ballots: &[&[u8]]) -> Result<Self, Failure> {
        let mut seed = [0u8; 32];
        getrandom::fill(&mut seed).map_err(|_| Failure::Randomness)?;
        let mut all = Sha256::new();
        for ballot in ballots {
            all.update(ballot.len().to_be_bytes());
            all.update(ballot);
        }
        let key = Sha512::new()
            .chain_update(b"dobush/1/batch-weights")
            .chain_update(seed)
            .chain_update(all.finalize())
            .finalize()
            .into();
        Ok(Self { key, count: 0 })
    }

    fn next(&mut self) -> [Scalar; 3] {
        let block: [u8; 64] = Sha512::new()
            .chain_update(self.key)
            .chain_update(self.count.to_be_bytes())
            .finalize()
            .into();
        self.count += 1;
        let mut parts = [[0u8; 16]; 3];
        for (part, bytes) in parts.iter_mut().zip(block.as_chunks::<16>().0) {
            *part = *bytes;
        }
        parts.map(|bytes| Scalar::from(u128::from_le_bytes(bytes)))
    }
}

#[cfg(test)]
mod tests;
