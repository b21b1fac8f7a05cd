//! The generators K, G_b and G'_b, hashed to the group by everyone for himself (RFC 9380, `ristretto255_XMD:SHA-512_R255MAP_RO_`).

#![forbid(unsafe_code)]

use curve25519_dalek::ristretto::RistrettoPoint;
use sha2::{Digest, Sha512};
use std::sync::{Mutex, PoisonError};

/// The domain separation tag, which the transcript absorbs too.
pub const DST: &[u8] = b"dobush/1/generators/RISTRETTO255-SHA512/ristretto255_XMD:SHA-512_R255MAP_RO_";

/// The generators for some number of bits.
#[derive(Clone)]
pub struct Generators {
    /// K, which blinds M1 and M0.
    pub blinding: RistrettoPoint,
    /// (G_b, G'_b) for each bit b.
    pub bits: Vec<(RistrettoPoint, RistrettoPoint)>,
}

impl Generators {
    /// Returns the generators for `bits` bits; what was derived once is kept.
    #[must_use]
    pub fn derive(bits: usize) -> Self {
        static KNOWN: Mutex<Vec<(RistrettoPoint, RistrettoPoint)>> = Mutex::new(Vec::new());
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        for bit in (0u32..).take(bits).skip(known.len()) {
            known.push((generator(b"G", bit), generator(b"H", bit)));
        }
        Self {
            blinding: generator(b"K", 0),
            bits: known.iter().take(bits).copied().collect(),
        }
    }
}

/// Derives one generator: label "K", "G" or "H" (for G'), index from 0.
#[must_use]
pub fn generator(label: &[u8], index: u32) -> RistrettoPoint {
    RistrettoPoint::from_uniform_bytes(&expand(&[label, &index.to_be_bytes()].concat(), DST))
}

/// `expand_message_xmd` with SHA-512 to 64 bytes, one block (RFC 9380, section 5.3.1); `dst` of at most 255 bytes.
#[must_use]
pub fn expand(message: &[u8], dst: &[u8]) -> [u8; 64] {
    let length = [u8::try_from(dst.len()).unwrap_or(u8::MAX)];
    let first = Sha512::new()
        .chain_update([0; 128])
        .chain_update(message)
        .chain_update(64u16.to_be_bytes())
        .chain_update([0])
        .chain_update(dst)
        .chain_update(length)
        .finalize();
    Sha512::new()
        .chain_update(first)
        .chain_update([1])
        .chain_update(dst)
        .chain_update(length)
        .finalize()
        .into()
}
