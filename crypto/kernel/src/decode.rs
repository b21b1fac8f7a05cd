//! Decoding and encoding of ristretto255 elements (RFC 9496, section 4.3) for public data, with optional hints.
//!
//! A hint is the inverse square root that decoding computes, 32 bytes. It is never trusted: it is used only when its
//! square times the right value is 1, and otherwise decoding goes the ordinary way. A hint saves nine tenths of the time.

#![forbid(unsafe_code)]

use crate::field::Field;
use crate::point::{Decoded, Sum};
use std::ops::Mul;

/// What RFC 9496 computes before the square root.
#[derive(Clone, Copy)]
struct Opened {
    s: Field,
    u1: Field,
    u2: Field,
    v: Field,
    /// v·u2², of which the inverse square root is wanted.
    radicand: Field,
}

impl Opened {
    /// Checks the raw bytes (below p, even) and opens them; other bytes give `None`.
    #[inline(always)]
    fn new(bytes: &[u8; 32]) -> Option<Self> {
        let s = Field::from_bytes(bytes);
        let [first, ..] = *bytes;
        if first & 1 == 1 || s.to_bytes() != *bytes {
            return None;
        }
        let ss = s.square();
        let u1 = Field::ONE.sub(ss);
        let u2 = Field::ONE.add(ss);
        let u2_squared = u2.square();
        let v = Field::D.mul(u1.square()).add(u2_squared).carried().neg();
        Some(Self {
            s,
            u1,
            u2,
            v,
            radicand: v.mul(u2_squared),
        })
    }

    /// Finishes with an inverse square root that was checked; its sign does not matter.
    #[inline(always)]
    fn finish(&self, root: Field) -> Option<Decoded> {
        let den_x = root.mul(self.u2);
        let den_y = root.mul(den_x).mul(self.v);
        let x = self.s.add(self.s).mul(den_x).abs();
        let y = self.u1.mul(den_y);
        let t = x.mul(y);
        if t.is_negative() || y.is_zero() {
            return None;
        }
        Some(Decoded::new(x, y, t))
    }
}

/// Decodes one element; `None` for bytes that are no valid encoding. The identity decodes.
#[must_use]
pub fn vartime_decode(bytes: &[u8; 32]) -> Option<Decoded> {
    let opened = Opened::new(bytes)?;
    opened.finish(opened.radicand.inverse_square_root()?)
}

/// Decodes one element with a hint; the result is that of [`vartime_decode`], whatever the hint.
#[must_use]
pub fn vartime_decode_hinted(bytes: &[u8; 32], hint: &[u8; 32]) -> Option<Decoded> {
    let opened = Opened::new(bytes)?;
    let root = Field::from_bytes(hint);
    if root.square().mul(opened.radicand).equals(Field::ONE) {
        opened.finish(root)
    } else {
        opened.finish(opened.radicand.inverse_square_root()?)
    }
}

/// Returns the hint of an encoding: its even inverse square root, zeros when it has none.
#[must_use]
pub fn vartime_hint(bytes: &[u8; 32]) -> [u8; 32] {
    Opened::new(bytes)
        .and_then(|opened| opened.radicand.inverse_square_root())
        .map_or([0; 32], Field::to_bytes)
}

/// Encodes a sum (RFC 9496, section 4.3.2).
#[must_use]
pub fn vartime_encode(sum: &Sum) -> [u8; 32] {
    let [x0, y0, z0, t0] = sum.coordinates();
    let u1 = z0.add(y0).mul(z0.sub(y0));
    let u2 = x0.mul(y0);
    // SQRT_RATIO_M1(1, 0) is 0 in the RFC; the identity then encodes as zeros.
    let root = u1.mul(u2.square()).inverse_square_root().unwrap_or(Field::ZERO);
    let den1 = root.mul(u1);
    let den2 = root.mul(u2);
    let z_inv = den1.mul(den2).mul(t0);
    let (x, y, den_inv) = if t0.mul(z_inv).is_negative() {
        (
            y0.mul(Field::SQRT_M1),
            x0.mul(Field::SQRT_M1),
            den1.mul(Field::INVSQRT_A_MINUS_D),
        )
    } else {
        (x0, y0, den2)
    };
    let y = if x.mul(z_inv).is_negative() { y.neg() } else { y };
    den_inv.mul(z0.sub(y)).abs().to_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
    use proptest::prelude::*;

    fn encode(decoded: &Decoded) -> [u8; 32] {
        vartime_encode(&Sum::IDENTITY.add(decoded))
    }

    fn agree(bytes: [u8; 32], hint: [u8; 32]) {
        let ours = vartime_decode(&bytes);
        let theirs = CompressedRistretto(bytes).decompress();
        assert_eq!(ours.is_some(), theirs.is_some(), "{bytes:02x?}");
        for with in [
            ours,
            vartime_decode_hinted(&bytes, &hint),
            vartime_decode_hinted(&bytes, &vartime_hint(&bytes)),
        ] {
            assert_eq!(with.is_some(), theirs.is_some(), "{bytes:02x?}");
            if let Some(decoded) = with {
                assert_eq!(encode(&decoded), bytes);
            }
        }
    }

    fn hex(text: &str) -> [u8; 32] {
        let mut out = [0; 32];
        for (at, byte) in out.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap();
        }
        out
    }

    /// RFC 9496, appendix A.3: encodings that must be refused.
    const REFUSED: [&str; 29] = [
        "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ed57ffd8c914fb201471d1c3d245ce3c746fcbe63a3679d51b6a516ebebe0e20",
        "c34c4e1826e5d403b78e246e88aa051c36ccf0aafebffe137d148a2bf9104562",
        "c940e5a4404157cfb1628b108db051a8d439e1a421394ec4ebccb9ec92a8ac78",
        "47cfc5497c53dc8e61c91d17fd626ffb1c49e2bca94eed052281b510b1117a24",
        "f1c6165d33367351b0da8f6e4511010c68174a03b6581212c71c0e1d026c3c72",
        "87260f7a2f12495118360f02c26a470f450dadf34a413d21042b43b9d93e1309",
        "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
        "4eac077a713c57b4f4397629a4145982c661f48044dd3f96427d40b147d9742f",
        "de6a7b00deadc788eb6b6c8d20c0ae96c2f2019078fa604fee5b87d6e989ad7b",
        "bcab477be20861e01e4a0e295284146a510150d9817763caf1a6f4b422d67042",
        "2a292df7e32cababbd9de088d1d1abec9fc0440f637ed2fba145094dc14bea08",
        "f4a9e534fc0d216c44b218fa0c42d99635a0127ee2e53c712f70609649fdff22",
        "8268436f8c4126196cf64b3c7ddbda90746a378625f9813dd9b8457077256731",
        "2810e5cbc2cc4d4eece54f61c6f69758e289aa7ab440b3cbeaa21995c2f4232b",
        "3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e",
        "a45fdc55c76448c049a1ab33f17023edfb2be3581e9c7aade8a6125215e04220",
        "d483fe813c6ba647ebbfd3ec41adca1c6130c2beeee9d9bf065c8d151c5f396e",
        "8a2e1d30050198c65a54483123960ccc38aef6848e1ec8f5f780e8523769ba32",
        "32888462f8b486c68ad7dd9610be5192bbeaf3b443951ac1a8118419d9fa097b",
        "227142501b9d4355ccba290404bde41575b037693cef1f438c47f8fbf35d1165",
        "5c37cc491da847cfeb9281d407efc41e15144c876e0170b499a96a22ed31e01e",
        "445425117cb8c90edcbc7c1cc0e74f747f2c1efa5630a967c64f287792a48a4b",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];

    /// RFC 9496, appendix A.1: the first multiples of the generator.
    const MULTIPLES: [&str; 16] = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76",
        "6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919",
        "94741f5d5d52755ece4f23f044ee27d5d1ea1e2bd196b462166b16152a9d0259",
        "da80862773358b466ffadfe0b3293ab3d9fd53c5ea6c955358f568322daf6a57",
        "e882b131016b52c1d3337080187cf768423efccbb517bb495ab812c4160ff44e",
        "f64746d3c92b13050ed8d80236a7f0007c3b3f962f5ba793d19a601ebb1df403",
        "44f53520926ec81fbd5a387845beb7df85a96a24ece18738bdcfa6a7822a176d",
        "903293d8f2287ebe10e2374dc1a53e0bc887e592699f02d077d5263cdd55601c",
        "02622ace8f7303a31cafc63f8fc48fdc16e1c8c8d234b2f0d6685282a9076031",
        "20706fd788b2720a1ed2a5dad4952b01f413bcf0e7564de8cdc816689e2db95f",
        "bce83f8ba5dd2fa572864c24ba1810f9522bc6004afe95877ac73241cafdab42",
        "e4549ee16b9aa03099ca208c67adafcafa4c3f3e4e5303de6026e3ca8ff84460",
        "aa52e000df2e16f55fb1032fc33bc42742dad6bd5a8fc0be0167436c5948501f",
        "46376b80f409b29dc2b5f6f0c52591990896e5716f41477cd30085ab7f10301e",
        "e0c418f7c8d9c4cdd7395b93ea124f3ad99021bb681dfc3302a9d99a2e53e64e",
    ];

    #[test]
    fn vectors_of_rfc_9496() {
        for text in REFUSED {
            assert!(vartime_decode(&hex(text)).is_none(), "{text}");
            agree(hex(text), [0; 32]);
        }
        let generator = vartime_decode(&hex(MULTIPLES[1])).unwrap();
        let mut sum = Sum::IDENTITY;
        for text in MULTIPLES {
            assert_eq!(vartime_encode(&sum), hex(text));
            agree(hex(text), [1; 32]);
            sum = sum.add(&generator);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_decode_as_dalek_decodes_them(mut bytes: [u8; 32], hint: [u8; 32]) {
            agree(bytes, hint);
            bytes[0] &= 0xfe;
            bytes[31] &= 0x7f;
            agree(bytes, hint);
        }

        #[test]
        fn encodings_and_their_neighbours(uniform: [[u8; 32]; 2], bit in 0usize..256, hint: [u8; 32]) {
            let point = RistrettoPoint::from_uniform_bytes(uniform.concat().as_slice().try_into().unwrap());
            let mut bytes = point.compress().to_bytes();
            agree(bytes, hint);
            let mut wrong = vartime_hint(&bytes);
            wrong[bit / 8] ^= 1 << (bit % 8);
            agree(bytes, wrong);
            bytes[bit / 8] ^= 1 << (bit % 8);
            agree(bytes, hint);
        }
    }
}
