//! Group arithmetic of ristretto255 (RFC 9496) and the bit-vector ballot argument of `docs/spec/proofs.md`.
//!
//! Everything here is pure: bytes and values go in, values or errors come out; the only effect is randomness from the
//! operating system. Secrets are handled by curve25519-dalek in constant time. Names with `vartime_` are for public data
//! only. `python` is the binding: it converts, calls, maps errors and releases the interpreter lock.

#![deny(unsafe_code)]

pub mod argument;
pub mod ballot;
pub mod batch;
pub mod decode;
pub mod discrete_log;
pub mod ed25519;
pub mod field;
pub mod generators;
pub mod msm;
pub mod point;
pub mod prover;
pub mod rule;
pub mod transcript;
pub mod weights;

#[cfg(feature = "python")]
mod python;
