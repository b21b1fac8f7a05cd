//! The random weights of a batch.

#![forbid(unsafe_code)]

use curve25519_dalek::scalar::Scalar;
use sha2::{Digest, Sha256, Sha512};

/// A stream of 128-bit weights, three for each contest.
///
/// Who could foresee them could make wrong equations cancel out, so they come from the operating system's randomness and
/// from every byte of the chunk, after these are fixed. One weight for two equations would let (A + D, B − D) pass.
pub struct Weights {
    key: [u8; 64],
    count: u64,
}

impl Weights {
    /// Draws the stream of a chunk; `None` when the operating system gives no randomness.
    #[must_use]
    pub fn new(ballots: &[&[u8]]) -> Option<Self> {
        let mut seed = [0u8; 32];
        getrandom::fill(&mut seed).ok()?;
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
        Some(Self { key, count: 0 })
    }

    /// Returns the three weights of the next contest.
    pub fn draw(&mut self) -> [Scalar; 3] {
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
mod tests {
    use super::*;

    #[test]
    fn weights_differ_within_a_chunk_and_between_two_runs_over_the_same_bytes() {
        let mut drawn: Vec<Scalar> = Vec::new();
        for _ in 0..2 {
            let mut weights = Weights::new(&[b"ballot"]).unwrap();
            drawn.extend((0..100).flat_map(|_| weights.draw()));
        }
        let mut distinct: Vec<[u8; 32]> = drawn.iter().map(Scalar::to_bytes).collect();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), 600);
        // 128 bits: the upper half is empty, the lower is not.
        assert!(distinct.iter().all(|bytes| bytes[16..] == [0; 16]));
    }
}
