//! Small discrete logarithms of public sums, by baby-step giant-step.

#![forbid(unsafe_code)]

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity;
use std::collections::HashMap;

/// Most steps a search may take in either direction; a bound on memory and time.
const MAX_STEPS: u64 = 1 << 22;

/// Returns v with `point = v·G` and `0 ≤ v ≤ max`, or `None` when there is no such v (or `max` is above 2^43).
#[must_use]
pub fn vartime_discrete_log(point: &RistrettoPoint, max: u64) -> Option<u64> {
    let steps = max.isqrt().checked_add(1)?;
    if steps > MAX_STEPS {
        return None;
    }
    // Doubling and encoding many points at once shares one inversion, so the table holds 2·i·G and the search runs on
    // the doubled point: the group has odd order, nothing is lost.
    let mut small = Vec::with_capacity(usize::try_from(steps).ok()?);
    let mut running = RistrettoPoint::identity();
    for _ in 0..steps {
        small.push(running);
        running += RISTRETTO_BASEPOINT_POINT;
    }
    let mut table = HashMap::with_capacity(small.len());
    for (index, encoded) in (0u64..).zip(RistrettoPoint::double_and_compress_batch(&small)) {
        table.insert(encoded.to_bytes(), index);
    }
    let giant = Scalar::from(steps) * RISTRETTO_BASEPOINT_POINT;
    let mut rest = *point;
    let mut done = 0u64;
    while done <= max {
        let mut batch = Vec::with_capacity(64);
        for _ in 0..64 {
            batch.push(rest);
            rest -= giant;
        }
        for encoded in RistrettoPoint::double_and_compress_batch(&batch) {
            if let Some(index) = table.get(encoded.as_bytes()) {
                let found = done.checked_add(*index)?;
                return (found <= max).then_some(found);
            }
            done = done.checked_add(steps)?;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_small_value_and_nothing_above_the_bound() {
        for max in [0u64, 1, 2, 15, 16, 17, 100] {
            for value in 0..=max + 3 {
                let point = Scalar::from(value) * RISTRETTO_BASEPOINT_POINT;
                assert_eq!(vartime_discrete_log(&point, max), (value <= max).then_some(value));
            }
        }
    }

    #[test]
    fn refuses_a_bound_beyond_its_memory() {
        assert_eq!(vartime_discrete_log(&RISTRETTO_BASEPOINT_POINT, u64::MAX), None);
    }
}
