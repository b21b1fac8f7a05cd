//! Measures decoding and sums of this crate beside curve25519-dalek: `cargo run --release --example arithmetic`.

use _kernel::{decode, msm};
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::VartimeMultiscalarMul;
use std::hint::black_box;
use std::time::Instant;

/// Returns the thread's processor time in seconds (Linux), so that a busy machine changes little; else the time of day.
fn now(start: Instant) -> f64 {
    let spent = std::fs::read_to_string("/proc/thread-self/schedstat");
    let nanoseconds = spent.ok().and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    nanoseconds.map_or_else(|| start.elapsed().as_secs_f64(), |value| value / 1e9)
}

/// Returns microseconds for each of `count` items, averaged over a hundred thousand items at least.
fn measure<T>(count: usize, mut run: impl FnMut() -> T) -> f64 {
    let rounds = u32::try_from(100_000 / count.max(1) + 2).unwrap_or(1);
    let origin = Instant::now();
    black_box(run());
    let start = now(origin);
    for _ in 0..rounds {
        black_box(run());
    }
    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    let items = count as f64;
    (now(origin) - start) / f64::from(rounds) * 1e6 / items
}

fn main() {
    println!("points  decode: dalek   own  hinted   sum: dalek   own (width)   [µs a point]");
    for count in [30usize, 60, 100, 150, 200, 300, 1000, 10_000, 32_768, 100_000] {
        let mut running = RistrettoPoint::mul_base(&Scalar::from(0x1234_5678_9abc_def1_u64));
        let step = running * Scalar::from(0xdead_beef_u64);
        let mut points = Vec::new();
        let mut scalars = Vec::new();
        let mut scalar = Scalar::from(3u8).invert();
        for _ in 0..count {
            points.push(running);
            running += step;
            scalars.push(scalar);
            scalar *= scalar + Scalar::ONE;
        }
        let encodings: Vec<[u8; 32]> = points.iter().map(|point| point.compress().to_bytes()).collect();
        let hints: Vec<[u8; 32]> = encodings.iter().map(decode::vartime_hint).collect();
        let decoded: Vec<_> = encodings.iter().filter_map(decode::vartime_decode).collect();
        let dalek = measure(count, || {
            encodings
                .iter()
                .filter_map(|bytes| CompressedRistretto(*bytes).decompress())
                .count()
        });
        let own = measure(count, || encodings.iter().filter_map(decode::vartime_decode).count());
        let hinted = measure(count, || {
            encodings
                .iter()
                .zip(&hints)
                .filter_map(|(bytes, hint)| decode::vartime_decode_hinted(bytes, hint))
                .count()
        });
        let sum_dalek = measure(count, || RistrettoPoint::vartime_multiscalar_mul(&scalars, &points));
        let best = msm::best_width(count);
        let mut line = format!("{count:6} {dalek:13.2} {own:6.2} {hinted:6.2} {sum_dalek:12.2}");
        for width in best.saturating_sub(1).max(2)..=(best + 1).min(15) {
            let sum = measure(count, || msm::vartime_pippenger(&scalars, &decoded, width));
            line += &format!("  {sum:5.2} ({width}{})", if width == best { "*" } else { "" });
        }
        println!("{line}");
    }
}
