//! The PyO3 binding: converts, calls, maps errors, releases the interpreter lock. No rule of the protocol stands here.

use crate::discrete_log;
use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoBasepointTable, RistrettoPoint};
use curve25519_dalek::scalar::Scalar as DalekScalar;
use curve25519_dalek::traits::{Identity, IsIdentity, MultiscalarMul, VartimeMultiscalarMul};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::hash::{DefaultHasher, Hash, Hasher};
use zeroize::Zeroize;

fn fixed<const N: usize>(data: &[u8], what: &str) -> PyResult<[u8; N]> {
    data.try_into()
        .map_err(|_| PyValueError::new_err(format!("{what}: expected {N} bytes, got {}", data.len())))
}

/// An integer modulo the group order.
#[pyclass(frozen, eq, module = "crypto._kernel", skip_from_py_object)]
#[derive(Clone, PartialEq, Eq)]
struct Scalar(DalekScalar);

#[pymethods]
impl Scalar {
    /// Decode 32 bytes, little endian, less than the order; ValueError otherwise.
    #[staticmethod]
    fn from_bytes(data: &[u8]) -> PyResult<Self> {
        let bytes = fixed::<32>(data, "scalar")?;
        Option::from(DalekScalar::from_canonical_bytes(bytes))
            .map(Self)
            .ok_or_else(|| PyValueError::new_err("scalar: not canonical"))
    }

    /// Reduce 64 bytes, little endian.
    #[staticmethod]
    fn from_wide(data: &[u8]) -> PyResult<Self> {
        let mut bytes = fixed::<64>(data, "wide scalar")?;
        let scalar = DalekScalar::from_bytes_mod_order_wide(&bytes);
        bytes.zeroize();
        Ok(Self(scalar))
    }

    /// Draw a scalar from the operating system.
    #[staticmethod]
    fn random() -> PyResult<Self> {
        let mut bytes = [0u8; 64];
        getrandom::fill(&mut bytes).map_err(|error| PyOSError::new_err(error.to_string()))?;
        let scalar = DalekScalar::from_bytes_mod_order_wide(&bytes);
        bytes.zeroize();
        Ok(Self(scalar))
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.as_bytes())
    }

    fn is_zero(&self) -> bool {
        self.0 == DalekScalar::ZERO
    }

    /// Return the inverse; ValueError for zero.
    fn invert(&self) -> PyResult<Self> {
        if self.is_zero() {
            return Err(PyValueError::new_err("scalar: zero has no inverse"));
        }
        Ok(Self(self.0.invert()))
    }

    fn __add__(&self, other: &Self) -> Self {
        Self(self.0 + other.0)
    }

    fn __sub__(&self, other: &Self) -> Self {
        Self(self.0 - other.0)
    }

    fn __mul__(&self, other: &Self) -> Self {
        Self(self.0 * other.0)
    }

    fn __neg__(&self) -> Self {
        Self(-self.0)
    }
}

/// A decoded element of ristretto255.
#[pyclass(frozen, eq, module = "crypto._kernel", skip_from_py_object)]
#[derive(Clone, PartialEq, Eq)]
struct Point(RistrettoPoint);

#[pymethods]
impl Point {
    /// Decode 32 bytes by RFC 9496 (the identity included); ValueError when they are no valid encoding.
    #[staticmethod]
    fn from_bytes(data: &[u8]) -> PyResult<Self> {
        CompressedRistretto(fixed::<32>(data, "point")?)
            .decompress()
            .map(Self)
            .ok_or_else(|| PyValueError::new_err("point: not a valid encoding"))
    }

    /// Map 64 uniform bytes to an element (RFC 9496, section 4.3.4).
    #[staticmethod]
    fn from_uniform(data: &[u8]) -> PyResult<Self> {
        let bytes = fixed::<64>(data, "uniform bytes")?;
        Ok(Self(RistrettoPoint::from_uniform_bytes(&bytes)))
    }

    #[staticmethod]
    fn generator() -> Self {
        Self(RISTRETTO_BASEPOINT_POINT)
    }

    #[staticmethod]
    fn identity() -> Self {
        Self(RistrettoPoint::identity())
    }

    /// Multiply the generator in constant time.
    #[staticmethod]
    fn mul_base(py: Python<'_>, scalar: &Scalar) -> Self {
        py.detach(|| Self(RistrettoPoint::mul_base(&scalar.0)))
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.compress().as_bytes())
    }

    fn is_identity(&self) -> bool {
        self.0.is_identity()
    }

    /// Multiply in constant time.
    fn mul(&self, py: Python<'_>, scalar: &Scalar) -> Self {
        py.detach(|| Self(self.0 * scalar.0))
    }

    fn __mul__(&self, py: Python<'_>, scalar: &Scalar) -> Self {
        self.mul(py, scalar)
    }

    fn __add__(&self, other: &Self) -> Self {
        Self(self.0 + other.0)
    }

    fn __sub__(&self, other: &Self) -> Self {
        Self(self.0 - other.0)
    }

    fn __neg__(&self) -> Self {
        Self(-self.0)
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.0.compress().as_bytes().hash(&mut hasher);
        hasher.finish()
    }
}

/// Precomputed multiples of one point.
#[pyclass(frozen, module = "crypto._kernel")]
struct BaseTable(RistrettoBasepointTable);

#[pymethods]
impl BaseTable {
    #[new]
    fn new(point: &Point) -> Self {
        Self(RistrettoBasepointTable::create(&point.0))
    }

    /// Multiply the table's point in constant time.
    fn mul(&self, py: Python<'_>, scalar: &Scalar) -> Point {
        py.detach(|| Point(&self.0 * &scalar.0))
    }
}

fn pairs(
    scalars: &[PyRef<'_, Scalar>],
    points: &[PyRef<'_, Point>],
) -> PyResult<(Vec<DalekScalar>, Vec<RistrettoPoint>)> {
    if scalars.len() != points.len() {
        return Err(PyValueError::new_err("as many scalars as points are needed"));
    }
    Ok((
        scalars.iter().map(|scalar| scalar.0).collect(),
        points.iter().map(|point| point.0).collect(),
    ))
}

/// Sum scalar times point in constant time.
#[pyfunction]
fn multiscalar_mul(
    py: Python<'_>,
    scalars: Vec<PyRef<'_, Scalar>>,
    points: Vec<PyRef<'_, Point>>,
) -> PyResult<Point> {
    let (mut scalars, points) = pairs(&scalars, &points)?;
    Ok(py.detach(|| {
        let sum = RistrettoPoint::multiscalar_mul(&scalars, &points);
        scalars.zeroize();
        Point(sum)
    }))
}

/// Sum scalar times point over public data.
#[pyfunction]
fn vartime_msm(
    py: Python<'_>,
    scalars: Vec<PyRef<'_, Scalar>>,
    points: Vec<PyRef<'_, Point>>,
) -> PyResult<Point> {
    let (scalars, points) = pairs(&scalars, &points)?;
    Ok(py.detach(|| Point(RistrettoPoint::vartime_multiscalar_mul(&scalars, &points))))
}

/// Decode many points; None where the bytes are no valid encoding. Hints: 32 untrusted bytes a point.
#[pyfunction]
#[pyo3(signature = (data, hints=None))]
fn vartime_decode_batch(py: Python<'_>, data: &[u8], hints: Option<&[u8]>) -> PyResult<Vec<Option<Point>>> {
    if data.len() % 32 != 0 || hints.is_some_and(|hints| hints.len() != data.len()) {
        return Err(PyValueError::new_err("32 bytes a point and 32 a hint are needed"));
    }
    Ok(py.detach(|| {
        let (chunks, _) = data.as_chunks::<32>();
        chunks
            .iter()
            .map(|bytes| CompressedRistretto(*bytes).decompress().map(Point))
            .collect()
    }))
}

/// Return v with point = v·G and 0 ≤ v ≤ maximum, None when there is none.
#[pyfunction]
fn vartime_discrete_log(py: Python<'_>, point: &Point, maximum: u64) -> Option<u64> {
    py.detach(|| discrete_log::vartime_discrete_log(&point.0, maximum))
}

#[pymodule]
#[pyo3(name = "_kernel")]
mod kernel_module {
    #[pymodule_export]
    use super::{
        BaseTable, Point, Scalar, multiscalar_mul, vartime_decode_batch, vartime_discrete_log, vartime_msm,
    };

    /// SHA-256 of the sources this module was built from (see build.rs).
    #[pymodule_export]
    const SOURCES_SHA256: &str = env!("SOURCES_SHA256");

    /// "release" or "debug".
    #[pymodule_export]
    const BUILD_PROFILE: &str = env!("BUILD_PROFILE");
}
