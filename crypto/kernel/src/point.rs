//! Points of the twisted Edwards curve −x² + y² = 1 + d x² y² that represent ristretto255 elements, for public data only.
//!
//! The addition formulas are complete (Hisil, Wong, Carter, Dawson 2008, a = −1), so no input needs a special case.

#![forbid(unsafe_code)]

use crate::field::Field;
use std::ops::Mul;

/// A decoded point, ready to be added: (y + x, y − x, 2d·x·y).
#[derive(Clone, Copy, Debug)]
pub struct Decoded {
    plus: Field,
    minus: Field,
    twice_dxy: Field,
}

impl Decoded {
    /// Makes the addable form of the affine point (x, y); `t` = x·y, all three carried.
    #[must_use]
    pub fn new(x: Field, y: Field, t: Field) -> Self {
        Self {
            plus: y.add(x).carried(),
            minus: y.sub(x).carried(),
            twice_dxy: t.mul(Field::TWICE_D),
        }
    }

    /// Returns the point with x negated.
    #[inline(always)]
    #[must_use]
    pub fn negated(&self) -> Self {
        Self {
            plus: self.minus,
            minus: self.plus,
            twice_dxy: self.twice_dxy.neg(),
        }
    }
}

/// A projective point prepared for several additions: (Y + X, Y − X, 2Z, 2d·T).
#[derive(Clone, Copy, Debug)]
pub struct Cached {
    plus: Field,
    minus: Field,
    twice_z: Field,
    twice_dt: Field,
}

/// A point in extended coordinates: x = X/Z, y = Y/Z, x·y = T/Z; all four carried.
#[derive(Clone, Copy, Debug)]
pub struct Sum {
    x: Field,
    y: Field,
    z: Field,
    t: Field,
}

impl Default for Sum {
    fn default() -> Self {
        Self::IDENTITY
    }
}

impl Sum {
    /// The neutral element.
    pub const IDENTITY: Self = Self {
        x: Field::ZERO,
        y: Field::ONE,
        z: Field::ONE,
        t: Field::ZERO,
    };

    /// Returns X, Y, Z, T.
    #[must_use]
    pub const fn coordinates(&self) -> [Field; 4] {
        [self.x, self.y, self.z, self.t]
    }

    /// Tells whether this represents the neutral element of ristretto255: a point of the 4-torsion.
    #[must_use]
    pub fn is_identity(&self) -> bool {
        self.x.is_zero() || self.y.is_zero()
    }

    #[inline(always)]
    fn complete(e: Field, f: Field, g: Field, h: Field) -> Self {
        Self {
            x: e.mul(f),
            y: g.mul(h),
            z: f.mul(g),
            t: e.mul(h),
        }
    }

    /// Adds a decoded point: 7 multiplications.
    #[inline(always)]
    #[must_use]
    pub fn add(&self, other: &Decoded) -> Self {
        let a = self.y.sub(self.x).mul(other.minus);
        let b = self.y.add(self.x).mul(other.plus);
        let c = self.t.mul(other.twice_dxy);
        let d = self.z.add(self.z);
        Self::complete(b.sub(a), d.sub(c), d.add(c), b.add(a))
    }

    /// Subtracts a decoded point: 7 multiplications.
    #[inline(always)]
    #[must_use]
    pub fn subtract(&self, other: &Decoded) -> Self {
        let a = self.y.sub(self.x).mul(other.plus);
        let b = self.y.add(self.x).mul(other.minus);
        let c = self.t.mul(other.twice_dxy);
        let d = self.z.add(self.z);
        Self::complete(b.sub(a), d.add(c), d.sub(c), b.add(a))
    }

    /// Prepares this point for several additions.
    #[inline(always)]
    #[must_use]
    pub fn cached(&self) -> Cached {
        Cached {
            plus: self.y.add(self.x),
            minus: self.y.sub(self.x),
            twice_z: self.z.add(self.z),
            twice_dt: self.t.mul(Field::TWICE_D),
        }
    }

    /// Adds a prepared point: 8 multiplications.
    #[inline(always)]
    #[must_use]
    pub fn add_cached(&self, other: &Cached) -> Self {
        let a = self.y.sub(self.x).mul(other.minus);
        let b = self.y.add(self.x).mul(other.plus);
        let c = self.t.mul(other.twice_dt);
        let d = self.z.mul(other.twice_z);
        Self::complete(b.sub(a), d.sub(c), d.add(c), b.add(a))
    }

    /// Subtracts a prepared point: 8 multiplications.
    #[inline(always)]
    #[must_use]
    pub fn subtract_cached(&self, other: &Cached) -> Self {
        let a = self.y.sub(self.x).mul(other.plus);
        let b = self.y.add(self.x).mul(other.minus);
        let c = self.t.mul(other.twice_dt);
        let d = self.z.mul(other.twice_z);
        Self::complete(b.sub(a), d.add(c), d.sub(c), b.add(a))
    }

    /// Adds another sum: 9 multiplications.
    #[inline(always)]
    #[must_use]
    pub fn add_sum(&self, other: &Self) -> Self {
        self.add_cached(&other.cached())
    }

    /// Doubles `times` times; the extra coordinate is computed once at the end.
    #[must_use]
    pub fn double_times(&self, times: u32) -> Self {
        let mut out = *self;
        for left in (0..times).rev() {
            let xx = out.x.square();
            let yy = out.y.square();
            let zz = out.z.square();
            let h = yy.add(xx).carried();
            let g = yy.sub(xx).carried();
            let e = out.x.add(out.y).square().sub(h);
            let f = zz.add(zz).sub(g);
            // x = e·f, y = h·g, z = g·f, t = e·h
            out.x = e.mul(f);
            out.y = g.mul(h);
            out.z = g.mul(f);
            if left == 0 {
                out.t = e.mul(h);
            }
        }
        out
    }
}
