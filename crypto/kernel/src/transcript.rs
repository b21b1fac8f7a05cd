//! The typed transcript of `docs/spec/transcript.md`: chained SHA-512 over labelled, length-prefixed items.

#![forbid(unsafe_code)]

use curve25519_dalek::scalar::Scalar;
use sha2::{Digest, Sha512};

/// A state of 64 bytes: what was absorbed, in what order, under which labels.
#[derive(Clone)]
pub struct Transcript([u8; 64]);

fn prefixed(hash: &mut Sha512, item: &[u8]) {
    // Items are parts of ballots, far below 2^32 bytes.
    hash.update(u32::try_from(item.len()).unwrap_or(u32::MAX).to_be_bytes());
    hash.update(item);
}

impl Transcript {
    /// Begins with a tag.
    #[must_use]
    pub fn new(tag: &[u8]) -> Self {
        let mut hash = Sha512::new();
        hash.update([0]);
        prefixed(&mut hash, tag);
        Self(hash.finalize().into())
    }

    /// Continues from an earlier state.
    #[must_use]
    pub const fn resume(state: [u8; 64]) -> Self {
        Self(state)
    }

    /// Returns the state.
    #[must_use]
    pub const fn state(&self) -> &[u8; 64] {
        &self.0
    }

    /// Chains one labelled item.
    pub fn absorb(&mut self, label: &str, item: &[u8]) {
        let mut hash = Sha512::new();
        hash.update([1]);
        hash.update(self.0);
        prefixed(&mut hash, label.as_bytes());
        prefixed(&mut hash, item);
        self.0 = hash.finalize().into();
    }

    /// Returns a challenge scalar; the state stays as it is.
    #[must_use]
    pub fn challenge(&self, label: &str) -> Scalar {
        let mut hash = Sha512::new();
        hash.update([2]);
        hash.update(self.0);
        prefixed(&mut hash, label.as_bytes());
        Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_and_labels_do_not_run_into_each_other() {
        let state = |items: &[(&str, &[u8])]| {
            let mut transcript = Transcript::new(b"tag");
            for (label, item) in items {
                transcript.absorb(label, item);
            }
            *transcript.state()
        };
        assert_ne!(state(&[("a", b"bc")]), state(&[("ab", b"c")]));
        assert_ne!(state(&[("a", b"b"), ("a", b"")]), state(&[("a", b""), ("a", b"b")]));
        assert_ne!(state(&[("a", b"")]), state(&[]));
    }
}
