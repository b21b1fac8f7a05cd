//! Whole ballots: valid ones are accepted and summed, every broken one gets the same code alone and in company.

use super::*;
use crate::argument::code;
use crate::ballot::writer;
use crate::prover::{Place, Sealer};
use crate::rule::Rule;
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use proptest::prelude::*;

const TAG: &[u8] = b"dobush/1/demo/ballot-proof/RISTRETTO255-SHA512";
const MANIFEST: [u8; 32] = [1; 32];
const SECRET: u8 = 7;
const STYLE: u16 = 3;
/// One of 5 in two digits, 1..3 of 4, one of 2.
const RULES: [(u16, &[u8]); 3] = [
    (11, &[1, 0, 5, 2, 0, 2, 0, 3]),
    (12, &[2, 0, 4, 0, 1, 0, 3]),
    (13, &[1, 0, 2, 1, 0, 2]),
];

fn key() -> [u8; 32] {
    RistrettoPoint::mul_base(&Scalar::from(SECRET)).compress().to_bytes()
}

fn verifier() -> Verifier {
    let contests = RULES.iter().map(|(id, rule)| (*id, rule.to_vec())).collect();
    Verifier::new(TAG, MANIFEST, &key(), &[(STYLE, contests)]).unwrap()
}

/// Seals a ballot; `seed` decides randomness and choices.
fn ballot(seed: u8) -> Vec<u8> {
    let sealer = Sealer::new(key()).unwrap();
    let (pseudonym, previous) = ([seed; 16], [9; 32]);
    let parts: Vec<_> = RULES
        .iter()
        .map(|(id, bytes)| {
            let rule = Rule::parse(bytes).unwrap();
            let mut votes = vec![0; rule.options];
            votes[usize::from(seed) % rule.options] = 1;
            let prefix = *Contest::new(TAG, &MANIFEST, &key(), STYLE, *id, bytes)
                .unwrap()
                .prefix()
                .state();
            let place = Place {
                prefix,
                contest: *id,
                rule: &rule,
                pseudonym: &pseudonym,
                number: 2,
                previous: &previous,
                // The writer's.
                lock: &[5; 32],
            };
            sealer.seal(&place, &[seed; 64], &votes).unwrap()
        })
        .collect();
    writer::ballot(&MANIFEST, STYLE.into(), &pseudonym, 2, &previous, 9, &parts)
}

fn codes(ballots: &[Vec<u8>], hints: Option<&[Vec<u8>]>, threads: usize) -> Vec<u32> {
    let slices: Vec<&[u8]> = ballots.iter().map(Vec::as_slice).collect();
    let hint_slices: Option<Vec<&[u8]>> = hints.map(|hints| hints.iter().map(Vec::as_slice).collect());
    let (refusals, _) = verifier()
        .vartime_verify(&slices, hint_slices.as_deref(), None, threads)
        .unwrap();
    refusals.into_iter().map(code).collect()
}

/// Start of the first contest's ciphertexts, and of its proof.
fn offsets() -> (usize, usize) {
    // Head, manifest 34, style 1, pseudonym 17, number 1, previous 34, head size 1, two hashes 34 each, array 1 + 1, head 3.
    let ciphertexts = 1 + 34 + 1 + 17 + 1 + 34 + 1 + 34 + 34 + 1 + 1 + 3;
    (ciphertexts, ciphertexts + 320 + 3)
}

#[test]
fn valid_ballots_are_accepted_with_and_without_hints_on_any_number_of_threads() {
    let ballots: Vec<Vec<u8>> = (0..40).map(ballot).collect();
    let hints: Vec<Vec<u8>> = ballots.iter().map(|ballot| verifier().vartime_hints(ballot)).collect();
    assert!(hints.iter().all(|hint| hint.len() == 32 * (16 + 12 + 8)));
    for threads in [1, 3] {
        assert_eq!(codes(&ballots, None, threads), vec![0; 40]);
        assert_eq!(codes(&ballots, Some(&hints), threads), vec![0; 40]);
    }
    assert_eq!(codes(&[], None, 2), Vec::<u32>::new());
}

#[test]
fn sums_hold_exactly_the_accepted_votes() {
    let mut ballots: Vec<Vec<u8>> = (0..20).map(ballot).collect();
    let (ciphertexts, _) = offsets();
    ballots[4][ciphertexts] ^= 2;
    let slices: Vec<&[u8]> = ballots.iter().map(Vec::as_slice).collect();
    let groups: Vec<u64> = (0..20).map(|at| at % 2).collect();
    let (refusals, sums) = verifier().vartime_verify(&slices, None, Some(&groups), 2).unwrap();
    assert_eq!(refusals.iter().filter(|refusal| refusal.is_some()).count(), 1);
    for (contest, options) in [(11u16, 5u64), (12, 4), (13, 2)] {
        for group in 0..2 {
            let vector = encode_sums(&sums[&(group, contest)]);
            for (option, pair) in (0u64..).zip(vector.as_chunks::<64>().0) {
                let [a, b] = [&pair[..32], &pair[32..]]
                    .map(|half| CompressedRistretto::from_slice(half).unwrap().decompress().unwrap());
                let expected = (0..20u64)
                    .filter(|at| at % 2 == group && *at != 4 && at % options == option)
                    .count();
                let found = b - a * Scalar::from(SECRET);
                assert_eq!(found, RistrettoPoint::mul_base(&Scalar::from(expected as u64)));
            }
        }
    }
}

#[test]
fn each_check_has_its_code() {
    let good = ballot(1);
    let (ciphertexts, proof) = offsets();
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        codes(&[bytes], None, 1)[0]
    };
    let proof_scalars = proof + 64 + 128;
    // The last contest's D_0^A replaced by the generator: only E2 fails.
    let generator = RistrettoPoint::mul_base(&Scalar::ONE).compress().to_bytes();
    assert_eq!(with(&|_| ()), 0);
    assert_eq!(with(&|bytes| bytes.push(0)), 9 << 8);
    assert_eq!(with(&|bytes| bytes[5] ^= 1), 10 << 8);
    assert_eq!(with(&|bytes| bytes[35] = 4), 11 << 8);
    assert_eq!(with(&|bytes| bytes[ciphertexts..ciphertexts + 32].fill(0)), 2 << 8);
    assert_eq!(with(&|bytes| bytes[ciphertexts] ^= 1), 2 << 8);
    assert_eq!(with(&|bytes| bytes[proof + 32..proof + 64].fill(0)), 3 << 8);
    assert_eq!(with(&|bytes| bytes[proof + 31] |= 0x80), 3 << 8);
    assert_eq!(
        with(&|bytes| bytes[proof_scalars..proof_scalars + 32].fill(0xff)),
        4 << 8
    );
    assert_eq!(
        with(&|bytes| bytes.copy_within(ciphertexts..ciphertexts + 32, ciphertexts + 64)),
        13 << 8
    );
    // Another point changes y and x, so the first equation fails first.
    assert_eq!(
        with(&|bytes| bytes[ciphertexts..ciphertexts + 32].copy_from_slice(&generator)),
        6 << 8
    );
    // w stands only in E1, z only in E2 and E3, the last two scalars of each proof.
    let end = good.len();
    assert_eq!(with(&|bytes| bytes[end - 64] ^= 1), (6 << 8) + 2);
    assert_eq!(with(&|bytes| bytes[end - 32] ^= 1), (7 << 8) + 2);
}

#[test]
fn a_wrong_number_of_contests_or_a_wrong_size_is_named() {
    let good = ballot(1);
    let parsed = Ballot::parse(&good).unwrap();
    let mut parts: Vec<(Vec<u8>, Vec<u8>)> = parsed.contests.iter().map(|(a, b)| (a.to_vec(), b.to_vec())).collect();
    let write = |parts: &[(Vec<u8>, Vec<u8>)]| writer::ballot(&MANIFEST, STYLE.into(), &[1; 16], 2, &[9; 32], 9, parts);
    assert_eq!(codes(&[write(&parts)], None, 1), [0]);
    assert_eq!(codes(&[write(&parts[..2])], None, 1), [12 << 8]);
    parts[1].1.push(0);
    assert_eq!(codes(&[write(&parts)], None, 1), [(1 << 8) + 1]);
    parts[1].1.pop();
    parts.swap(0, 2);
    assert_eq!(codes(&[write(&parts)], None, 1), [1 << 8]);
}

#[test]
fn errors_that_would_cancel_out_under_equal_weights_do_not() {
    // z of two ballots moved by +1 and −1, and w likewise: any sum without independent weights would still be zero.
    let mut ballots = [ballot(1), ballot(2), ballot(3)];
    for (bytes, up) in ballots.iter_mut().zip([true, false]) {
        for from in [64, 32] {
            let at = bytes.len() - from;
            let scalar = Scalar::from_canonical_bytes(bytes[at..at + 32].try_into().unwrap()).unwrap();
            let moved = if up { scalar + Scalar::ONE } else { scalar - Scalar::ONE };
            bytes[at..at + 32].copy_from_slice(moved.as_bytes());
        }
    }
    assert_eq!(codes(&ballots, None, 1), [(6 << 8) + 2, (6 << 8) + 2, 0]);
}

#[test]
fn wrong_hints_never_change_a_verdict() {
    let mut ballots: Vec<Vec<u8>> = (0..6).map(ballot).collect();
    ballots[3][offsets().1 + 3] ^= 4;
    let expected = codes(&ballots, None, 1);
    let good: Vec<Vec<u8>> = ballots.iter().map(|ballot| verifier().vartime_hints(ballot)).collect();
    let rotated = [&good[1..], &good[..1]].concat();
    let zeros = vec![vec![0; good[0].len()]; 6];
    let short = vec![vec![1; 31]; 6];
    let noisy: Vec<Vec<u8>> = good
        .iter()
        .map(|hint| hint.iter().map(|byte| byte ^ 0x80).collect())
        .collect();
    for hints in [good, rotated, zeros, short, noisy, vec![vec![]; 6]] {
        assert_eq!(codes(&ballots, Some(&hints), 1), expected);
    }
}

#[test]
fn elections_that_make_no_sense_are_refused() {
    let one = |id: u16, rule: &[u8]| (id, rule.to_vec());
    let rule = RULES[0].1;
    let new = |key: [u8; 32], styles: &[Style]| Verifier::new(TAG, MANIFEST, &key, styles).is_some();
    assert!(new(key(), &[(1, vec![one(1, rule)]), (2, vec![one(1, rule)])]));
    assert!(!new([0; 32], &[(1, vec![one(1, rule)])]));
    assert!(!new([0xff; 32], &[(1, vec![one(1, rule)])]));
    assert!(!new(key(), &[(1, vec![one(1, &[1])])]));
    assert!(!new(key(), &[(1, vec![one(1, rule)]), (1, vec![one(2, rule)])]));
    assert!(!new(key(), &[(1, vec![one(1, rule), one(1, rule)])]));
    assert!(!new(key(), &[(1, vec![one(1, rule)]), (2, vec![one(1, RULES[2].1)])]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn broken_ballots_get_the_same_code_alone_and_in_company(
        changes in prop::collection::vec((0usize..8, any::<prop::sample::Index>(), 1u8..), 1..5), threads in 1usize..3
    ) {
        let mut ballots: Vec<Vec<u8>> = (0..8).map(ballot).collect();
        for (at, place, flip) in changes {
            let length = ballots[at].len();
            ballots[at][place.index(length)] ^= flip;
        }
        let alone: Vec<u32> = ballots.iter().map(|ballot| codes(std::slice::from_ref(ballot), None, 1)[0]).collect();
        prop_assert_eq!(codes(&ballots, None, threads), alone.clone());
        let hints: Vec<Vec<u8>> = (0..8).map(|seed| verifier().vartime_hints(&ballot(seed))).collect();
        prop_assert_eq!(codes(&ballots, Some(&hints), threads), alone.clone());
        for (seed, verdict) in (0..8).zip(alone) {
            let unchanged = {
                // The head seen is no part of the argument, whatever its values; the record checks it. The lock is.
                let (mut left, mut right) = (ballots[usize::from(seed)].clone(), ballot(seed));
                for bytes in [&mut left, &mut right] {
                    bytes[91..123].fill(0);
                    if bytes[88] < 24 {
                        bytes[88] = 0;
                    }
                }
                left == right
            };
            prop_assert_eq!(verdict == 0, unchanged);
        }
    }
}
