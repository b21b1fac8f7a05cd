//! Integers modulo p = 2^255 − 19 in five limbs of 51 bits, for public data only.
//!
//! curve25519-dalek keeps its field to itself, and decoding with a hint or wide windows need one. The branches and table
//! look-ups of the callers depend on the values: no secret may come here. Limbs are not fully carried: a product or
//! square has limbs below 2^51 + 2^13 ("carried"), sums and differences of two such values stay below 2^54, which is what
//! [`Field::square`] and the product take.

#![forbid(unsafe_code)]

use std::ops::Mul;

/// Bits of a limb.
const LIMB: u32 = 51;
/// The low 51 bits.
const MASK: u64 = (1 << LIMB) - 1;
/// Limbs of 2p: added before a subtraction so that no limb goes below zero.
const TWICE_P: [u64; 5] = [
    0x000f_ffff_ffff_ffda,
    0x000f_ffff_ffff_fffe,
    0x000f_ffff_ffff_fffe,
    0x000f_ffff_ffff_fffe,
    0x000f_ffff_ffff_fffe,
];

/// An integer modulo p.
#[derive(Clone, Copy, Debug)]
pub struct Field([u64; 5]);

#[inline(always)]
fn wide(a: u64, b: u64) -> u128 {
    u128::from(a) * u128::from(b)
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the low 64 bits are wanted")]
const fn low(value: u128) -> u64 {
    value as u64
}

impl Field {
    /// 0.
    pub const ZERO: Self = Self([0; 5]);
    /// 1.
    pub const ONE: Self = Self([1, 0, 0, 0, 0]);
    /// The curve's d = −121665/121666.
    pub const D: Self = Self([
        929_955_233_495_203,
        466_365_720_129_213,
        1_662_059_464_998_953,
        2_033_849_074_728_123,
        1_442_794_654_840_575,
    ]);
    /// 2d.
    pub const TWICE_D: Self = Self([
        1_859_910_466_990_425,
        932_731_440_258_426,
        1_072_319_116_312_658,
        1_815_898_335_770_999,
        633_789_495_995_903,
    ]);
    /// A square root of −1.
    pub const SQRT_M1: Self = Self([
        1_718_705_420_411_056,
        234_908_883_556_509,
        2_233_514_472_574_048,
        2_117_202_627_021_982,
        765_476_049_583_133,
    ]);
    /// 1/√(a − d) with a = −1.
    pub const INVSQRT_A_MINUS_D: Self = Self([
        278_908_739_862_762,
        821_645_201_101_625,
        8_113_234_426_968,
        1_777_959_178_193_151,
        2_118_520_810_568_447,
    ]);

    /// Reads 255 bits, little endian; bit 255 is dropped and values from p upward are taken modulo p.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        let (words, _) = bytes.as_chunks::<8>();
        let mut word = words.iter().map(|chunk| u64::from_le_bytes(*chunk));
        let mut next = || word.next().unwrap_or_default();
        let (a, b, c, d) = (next(), next(), next(), next());
        Self([
            a & MASK,
            (a >> 51 | b << 13) & MASK,
            (b >> 38 | c << 26) & MASK,
            (c >> 25 | d << 39) & MASK,
            (d >> 12) & MASK,
        ])
    }

    /// Returns the representative below p, little endian.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 32] {
        let [a, b, c, d, e] = self.canonical();
        let words = [a | b << 51, b >> 13 | c << 38, c >> 26 | d << 25, d >> 39 | e << 12];
        let mut out = [0; 32];
        for (target, word) in out.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *target = word.to_le_bytes();
        }
        out
    }

    /// Carries once along all limbs.
    #[inline(always)]
    const fn carry(limbs: [u64; 5]) -> Self {
        let [a, b, c, d, e] = limbs;
        Self([
            (a & MASK) + 19 * (e >> LIMB),
            (b & MASK) + (a >> LIMB),
            (c & MASK) + (b >> LIMB),
            (d & MASK) + (c >> LIMB),
            (e & MASK) + (d >> LIMB),
        ])
    }

    /// Returns the limbs of the representative below p.
    const fn canonical(self) -> [u64; 5] {
        let [mut a, mut b, mut c, mut d, mut e] = Self::carry(self.0).0;
        // q = 1 exactly when the value is at least p: then value + 19 overflows 255 bits.
        let mut q = (a + 19) >> LIMB;
        q = (b + q) >> LIMB;
        q = (c + q) >> LIMB;
        q = (d + q) >> LIMB;
        q = (e + q) >> LIMB;
        a += 19 * q;
        b += a >> LIMB;
        a &= MASK;
        c += b >> LIMB;
        b &= MASK;
        d += c >> LIMB;
        c &= MASK;
        e += d >> LIMB;
        d &= MASK;
        e &= MASK;
        [a, b, c, d, e]
    }

    /// Tells whether the value is 0 modulo p.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.canonical() == [0; 5]
    }

    /// Tells whether the representative below p is odd (RFC 9496: "negative").
    #[must_use]
    pub fn is_negative(self) -> bool {
        let [a, ..] = self.canonical();
        a & 1 == 1
    }

    /// Tells whether both are equal modulo p.
    #[must_use]
    pub fn equals(self, other: Self) -> bool {
        self.canonical() == other.canonical()
    }

    /// Adds without carrying.
    #[inline(always)]
    #[must_use]
    pub const fn add(self, other: Self) -> Self {
        let ([a, b, c, d, e], [f, g, h, i, j]) = (self.0, other.0);
        Self([a + f, b + g, c + h, d + i, e + j])
    }

    /// Subtracts a carried value without carrying.
    #[inline(always)]
    #[must_use]
    pub const fn sub(self, other: Self) -> Self {
        let ([a, b, c, d, e], [f, g, h, i, j]) = (self.0, other.0);
        let [p, q, r, s, t] = TWICE_P;
        Self([a + p - f, b + q - g, c + r - h, d + s - i, e + t - j])
    }

    /// Negates a carried value; the result is carried.
    #[inline(always)]
    #[must_use]
    pub const fn neg(self) -> Self {
        Self::carry(Self::ZERO.sub(self).0)
    }

    /// Carries a sum or difference, so that it can be subtracted.
    #[inline(always)]
    #[must_use]
    pub const fn carried(self) -> Self {
        Self::carry(self.0)
    }

    /// Returns the value or its negative, whichever is even (RFC 9496: CT_ABS, here in variable time).
    #[must_use]
    pub fn abs(self) -> Self {
        if self.is_negative() { self.neg() } else { self }
    }

    /// Squares; limbs below 2^54.
    #[inline(always)]
    #[must_use]
    pub fn square(self) -> Self {
        let [a0, a1, a2, a3, a4] = self.0;
        let (a0_2, a1_2, a3_19, a4_19) = (a0 * 2, a1 * 2, a3 * 19, a4 * 19);
        Self::reduce([
            wide(a0, a0) + 2 * (wide(a1, a4_19) + wide(a2, a3_19)),
            wide(a3, a3_19) + wide(a0_2, a1) + 2 * wide(a2, a4_19),
            wide(a1, a1) + wide(a0_2, a2) + 2 * wide(a3, a4_19),
            wide(a4, a4_19) + wide(a0_2, a3) + wide(a1_2, a2),
            wide(a2, a2) + wide(a0_2, a4) + wide(a1_2, a3),
        ])
    }

    /// Carries five column sums below 2^115 into limbs.
    #[inline(always)]
    fn reduce(columns: [u128; 5]) -> Self {
        let [c0, mut c1, mut c2, mut c3, mut c4] = columns;
        c1 += u128::from(low(c0 >> LIMB));
        let mut a = low(c0) & MASK;
        c2 += u128::from(low(c1 >> LIMB));
        let mut b = low(c1) & MASK;
        c3 += u128::from(low(c2 >> LIMB));
        let c = low(c2) & MASK;
        c4 += u128::from(low(c3 >> LIMB));
        let d = low(c3) & MASK;
        let e = low(c4) & MASK;
        a += low(c4 >> LIMB) * 19;
        b += a >> LIMB;
        a &= MASK;
        Self([a, b, c, d, e])
    }

    fn square_times(self, times: u32) -> Self {
        let mut out = self;
        for _ in 0..times {
            out = out.square();
        }
        out
    }

    /// Raises to the power (p − 5)/8 = 2^252 − 3.
    #[must_use]
    pub fn pow_p58(self) -> Self {
        let two = self.square();
        let nine = self.mul(two.square_times(2));
        let eleven = two.mul(nine);
        let bits_5 = nine.mul(eleven.square());
        let bits_10 = bits_5.square_times(5).mul(bits_5);
        let bits_20 = bits_10.square_times(10).mul(bits_10);
        let bits_40 = bits_20.square_times(20).mul(bits_20);
        let bits_50 = bits_40.square_times(10).mul(bits_10);
        let bits_100 = bits_50.square_times(50).mul(bits_50);
        let bits_200 = bits_100.square_times(100).mul(bits_100);
        let bits_250 = bits_200.square_times(50).mul(bits_50);
        bits_250.square_times(2).mul(self)
    }

    /// Returns the even I with I² v = 1, `None` when there is none (RFC 9496, SQRT_RATIO_M1 with u = 1).
    #[must_use]
    pub fn inverse_square_root(self) -> Option<Self> {
        let cube = self.square().mul(self);
        let root = cube.square().mul(self).pow_p58().mul(cube);
        let check = self.mul(root.square()).canonical();
        if check == Self::ONE.0 {
            Some(root.abs())
        } else if check == Self::ONE.neg().canonical() {
            Some(root.mul(Self::SQRT_M1).abs())
        } else {
            None
        }
    }
}

impl Mul for Field {
    type Output = Self;

    /// Multiplies; limbs of both factors below 2^54.
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        let ([a0, a1, a2, a3, a4], [b0, b1, b2, b3, b4]) = (self.0, other.0);
        let (b1_19, b2_19, b3_19, b4_19) = (b1 * 19, b2 * 19, b3 * 19, b4 * 19);
        Self::reduce([
            wide(a0, b0) + wide(a4, b1_19) + wide(a3, b2_19) + wide(a2, b3_19) + wide(a1, b4_19),
            wide(a1, b0) + wide(a0, b1) + wide(a4, b2_19) + wide(a3, b3_19) + wide(a2, b4_19),
            wide(a2, b0) + wide(a1, b1) + wide(a0, b2) + wide(a4, b3_19) + wide(a3, b4_19),
            wide(a3, b0) + wide(a2, b1) + wide(a1, b2) + wide(a0, b3) + wide(a4, b4_19),
            wide(a4, b0) + wide(a3, b1) + wide(a2, b2) + wide(a1, b3) + wide(a0, b4),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn constants_satisfy_their_definitions() {
        let small = |value: u64| Field([value, 0, 0, 0, 0]);
        assert!(Field::D.mul(small(121_666)).add(small(121_665)).is_zero());
        assert!(Field::D.add(Field::D).equals(Field::TWICE_D));
        assert!(Field::SQRT_M1.square().add(Field::ONE).is_zero());
        let a_minus_d = Field::ONE.add(Field::D).carried().neg();
        assert!(Field::INVSQRT_A_MINUS_D.square().mul(a_minus_d).equals(Field::ONE));
    }

    #[test]
    fn representatives_at_the_border_are_reduced() {
        let mut p = [0xff; 32];
        p[0] = 0xed;
        p[31] = 0x7f;
        assert!(Field::from_bytes(&p).is_zero());
        assert_eq!(Field::from_bytes(&p).to_bytes(), [0; 32]);
        p[0] = 0xee;
        assert!(Field::from_bytes(&p).equals(Field::ONE));
        p[0] = 0xff;
        assert_eq!(Field::from_bytes(&p).to_bytes()[0], 18);
        p[0] = 0xec;
        assert_eq!(Field::from_bytes(&p).to_bytes(), p);
        assert!(Field::from_bytes(&p).add(Field::ONE).is_zero());
    }

    proptest! {
        #[test]
        fn ring_laws(a: [u8; 32], b: [u8; 32], c: [u8; 32]) {
            let [a, b, c] = [a, b, c].map(|bytes| Field::from_bytes(&bytes));
            prop_assert!(a.mul(b).equals(b.mul(a)));
            prop_assert!(a.mul(b.add(c)).equals(a.mul(b).add(a.mul(c))));
            prop_assert!(a.mul(b).mul(c).equals(a.mul(b.mul(c))));
            prop_assert!(a.square().equals(a.mul(a)));
            prop_assert!(a.sub(b).add(b).equals(a));
            prop_assert!(a.neg().add(a).is_zero());
            let wide = a.sub(b.carried()).add(c);
            prop_assert!(wide.square().equals(wide.mul(wide)));
            prop_assert!(wide.carried().equals(wide));
            prop_assert_eq!(Field::from_bytes(&wide.to_bytes()).to_bytes(), wide.to_bytes());
        }

        #[test]
        fn inverse_square_roots_are_right(a: [u8; 32]) {
            let value = Field::from_bytes(&a);
            match value.inverse_square_root() {
                Some(root) => {
                    prop_assert!(root.square().mul(value).equals(Field::ONE));
                    prop_assert!(!root.is_negative());
                }
                // Exactly one of v and √−1·v has an inverse square root, unless v = 0.
                None => prop_assert!(value.is_zero() || value.mul(Field::SQRT_M1).inverse_square_root().is_some()),
            }
        }
    }
}
