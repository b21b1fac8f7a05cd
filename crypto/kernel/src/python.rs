//! The PyO3 binding: converts, calls, maps errors, releases the interpreter lock. No rule of the protocol stands here.

use crate::argument::code;
use crate::batch::{Failure, Style, Sums, Verifier, encode_sums, merge};
use crate::decode;
use crate::discrete_log;
use crate::ed25519;
use crate::msm;
use crate::point::{Decoded, Sum};
use crate::prover::{Place, Sealer as PureSealer};
use crate::rule::Rule;
use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoBasepointTable, RistrettoPoint};
use curve25519_dalek::scalar::Scalar as DalekScalar;
use curve25519_dalek::traits::{Identity, IsIdentity, MultiscalarMul, VartimeMultiscalarMul};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDict};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};
use zeroize::Zeroize;

fn fixed<const N: usize>(data: &[u8], what: &str) -> PyResult<[u8; N]> {
    data.try_into()
        .map_err(|_| PyValueError::new_err(format!("{what}: expected {N} bytes, got {}", data.len())))
}

/// An integer modulo the group order.
#[pyclass(frozen, eq, module = "crypto._kernel", skip_from_py_object)]
#[derive(Clone, PartialEq, Eq)]
struct Scalar(DalekScalar);

/// A scalar may be secret: its memory is cleared.
impl Drop for Scalar {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

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
fn multiscalar_mul(py: Python<'_>, scalars: Vec<PyRef<'_, Scalar>>, points: Vec<PyRef<'_, Point>>) -> PyResult<Point> {
    let (mut scalars, points) = pairs(&scalars, &points)?;
    Ok(py.detach(|| {
        let sum = RistrettoPoint::multiscalar_mul(&scalars, &points);
        scalars.zeroize();
        Point(sum)
    }))
}

/// Sum scalar times point over public data.
#[pyfunction]
fn vartime_msm(py: Python<'_>, scalars: Vec<PyRef<'_, Scalar>>, points: Vec<PyRef<'_, Point>>) -> PyResult<Point> {
    let (scalars, points) = pairs(&scalars, &points)?;
    Ok(py.detach(|| Point(RistrettoPoint::vartime_multiscalar_mul(&scalars, &points))))
}

/// Decode 32 bytes a point; None where they are no valid encoding.
#[pyfunction]
fn vartime_decode_batch(py: Python<'_>, data: &[u8]) -> PyResult<Vec<Option<Point>>> {
    let (encodings, []) = data.as_chunks::<32>() else {
        return Err(PyValueError::new_err("points: not a multiple of 32 bytes"));
    };
    Ok(py.detach(|| {
        let points = encodings.iter().map(|bytes| CompressedRistretto(*bytes).decompress());
        points.map(|point| point.map(Point)).collect()
    }))
}

/// Verifies whole ballots of one election.
#[pyclass(frozen, module = "crypto._kernel")]
struct BallotVerifier(Verifier);

#[pymethods]
impl BallotVerifier {
    #[new]
    fn new(tag: &[u8], manifest_hash: &[u8], key: &[u8], styles: Vec<Style>) -> PyResult<Self> {
        Verifier::new(
            tag,
            fixed(manifest_hash, "manifest hash")?,
            &fixed(key, "key")?,
            &styles,
        )
        .map(Self)
        .ok_or_else(|| PyValueError::new_err("key, rules or styles are not valid"))
    }

    /// Return 0 for each accepted ballot, otherwise check × 256 + position of the contest.
    #[pyo3(signature = (ballots, hints=None, threads=1))]
    fn verify(
        &self,
        py: Python<'_>,
        ballots: Vec<PyBackedBytes>,
        hints: Option<Vec<PyBackedBytes>>,
        threads: usize,
    ) -> PyResult<Vec<u32>> {
        Ok(self.run(py, &ballots, hints.as_deref(), None, threads)?.0)
    }

    /// Verify, and add up the accepted ballots' ciphertexts by (group, contest id).
    #[pyo3(signature = (ballots, groups, hints=None, threads=1, totals=None))]
    fn verify_and_sum<'py>(
        &self,
        py: Python<'py>,
        ballots: Vec<PyBackedBytes>,
        groups: Vec<u64>,
        hints: Option<Vec<PyBackedBytes>>,
        threads: usize,
        totals: Option<&Totals>,
    ) -> PyResult<(Vec<u32>, Bound<'py, PyDict>)> {
        if groups.len() != ballots.len() {
            return Err(PyValueError::new_err("one group a ballot is needed"));
        }
        let (codes, sums) = self.run(py, &ballots, hints.as_deref(), Some(&groups), threads)?;
        if let Some(totals) = totals {
            py.detach(|| merge(&mut totals.0.lock().unwrap_or_else(PoisonError::into_inner), sums));
            return Ok((codes, PyDict::new(py)));
        }
        Ok((codes, encoded(py, sums)?))
    }

    /// Return the hints of a ballot, 32 bytes a point; empty when the ballot cannot be taken apart.
    fn make_hints<'py>(&self, py: Python<'py>, ballot: &[u8]) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &py.detach(|| self.0.vartime_hints(ballot)))
    }
}

impl BallotVerifier {
    fn run(
        &self,
        py: Python<'_>,
        ballots: &[PyBackedBytes],
        hints: Option<&[PyBackedBytes]>,
        groups: Option<&[u64]>,
        threads: usize,
    ) -> PyResult<(Vec<u32>, Sums)> {
        if hints.is_some_and(|hints| hints.len() != ballots.len()) {
            return Err(PyValueError::new_err("one hint a ballot is needed (empty for none)"));
        }
        let threads = match threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            given => given,
        };
        let ballots: Vec<&[u8]> = ballots.iter().map(|ballot| &**ballot).collect();
        let hints: Option<Vec<&[u8]>> = hints.map(|hints| hints.iter().map(|hint| &**hint).collect());
        let (refusals, sums) = py
            .detach(|| self.0.vartime_verify(&ballots, hints.as_deref(), groups, threads))
            .map_err(|failure| match failure {
                Failure::Randomness => PyOSError::new_err("the operating system gave no randomness"),
                Failure::Threads => PyOSError::new_err("threads could not be started"),
            })?;
        Ok((refusals.into_iter().map(code).collect(), sums))
    }
}

/// Sums of many windows of ballots, kept as points until they are asked for.
#[pyclass(frozen, module = "crypto._kernel")]
struct Totals(Mutex<Sums>);

#[pymethods]
impl Totals {
    #[new]
    fn new() -> Self {
        Self(Mutex::new(Sums::new()))
    }

    /// Return the sums so far by (group, contest id), and begin with nothing again.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let sums = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        encoded(py, sums)
    }
}

fn encoded(py: Python<'_>, sums: Sums) -> PyResult<Bound<'_, PyDict>> {
    let encoded: Vec<_> = py.detach(|| {
        sums.into_iter()
            .map(|(name, vector)| (name, encode_sums(&vector)))
            .collect()
    });
    let out = PyDict::new(py);
    for (name, bytes) in encoded {
        out.set_item(name, PyBytes::new(py, &bytes))?;
    }
    Ok(out)
}

/// A key that signs much, with tables of its multiples.
#[pyclass(frozen, module = "crypto._kernel")]
struct Ed25519Key(ed25519::Key);

#[pymethods]
impl Ed25519Key {
    /// ValueError when the key is not canonical, not on the curve or of small order.
    #[new]
    fn new(data: &[u8]) -> PyResult<Self> {
        ed25519::Key::new(fixed(data, "key")?)
            .map(Self)
            .ok_or_else(|| PyValueError::new_err("key: not a valid Ed25519 key"))
    }
}

/// Tell of each signature whether it holds by the strict rule.
#[pyfunction]
fn vartime_verify_ed25519(
    py: Python<'_>,
    keys: Vec<PyRef<'_, Ed25519Key>>,
    messages: Vec<PyBackedBytes>,
    signatures: Vec<PyBackedBytes>,
) -> PyResult<Vec<bool>> {
    if keys.len() != messages.len() || keys.len() != signatures.len() {
        return Err(PyValueError::new_err(
            "as many keys and messages as signatures are needed",
        ));
    }
    let keys: Vec<&ed25519::Key> = keys.iter().map(|key| &key.0).collect();
    let messages: Vec<&[u8]> = messages.iter().map(|message| &**message).collect();
    let signatures = signatures
        .iter()
        .map(|signature| fixed(signature, "signature"))
        .collect::<PyResult<Vec<[u8; 64]>>>()?;
    Ok(py.detach(|| ed25519::vartime_verify(&keys, &messages, &signatures)))
}

/// Seals contests under one election key, in constant time.
#[pyclass(frozen, module = "crypto._kernel")]
struct Sealer(PureSealer);

#[pymethods]
impl Sealer {
    #[new]
    fn new(key: &[u8]) -> PyResult<Self> {
        PureSealer::new(fixed(key, "key")?)
            .map(Self)
            .ok_or_else(|| PyValueError::new_err("key: not a valid encoding, or the identity"))
    }

    /// Return ciphertexts and proof of one contest.
    #[expect(clippy::too_many_arguments, reason = "each part of the statement is named")]
    fn seal<'py>(
        &self,
        py: Python<'py>,
        prefix: &[u8],
        rule: &[u8],
        contest: u16,
        pseudonym: &[u8],
        number: u32,
        previous: &[u8],
        lock: &[u8],
        ballot_key: &[u8],
        votes: &[u8],
    ) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
        let rule = Rule::parse(rule).ok_or_else(|| PyValueError::new_err("rule: not within the limits"))?;
        let place = Place {
            prefix: fixed(prefix, "prefix")?,
            contest,
            rule: &rule,
            pseudonym: &fixed(pseudonym, "pseudonym")?,
            number,
            previous: &fixed(previous, "previous")?,
            lock: &fixed(lock, "lock")?,
        };
        let mut secret = fixed(ballot_key, "ballot key")?;
        let sealed = py.detach(|| self.0.seal(&place, &secret, votes));
        secret.zeroize();
        let (ciphertexts, proof) =
            sealed.ok_or_else(|| PyValueError::new_err("the rule does not allow these votes"))?;
        Ok((PyBytes::new(py, &ciphertexts), PyBytes::new(py, &proof)))
    }
}

fn decode_vector(data: &[u8], hints: Option<&[u8]>) -> PyResult<Vec<Decoded>> {
    let (encodings, []) = data.as_chunks::<32>() else {
        return Err(PyValueError::new_err("vector: not a multiple of 32 bytes"));
    };
    let mut hints = hints.unwrap_or_default().as_chunks::<32>().0.iter();
    encodings
        .iter()
        .map(|bytes| match hints.next() {
            Some(hint) => decode::vartime_decode_hinted(bytes, hint),
            None => decode::vartime_decode(bytes),
        })
        .collect::<Option<_>>()
        .ok_or_else(|| PyValueError::new_err("vector: not a valid encoding"))
}

/// Sum scalar times element over encoded public data, decoded with or without hints.
#[pyfunction]
#[pyo3(signature = (scalars, points, hints=None))]
fn vartime_sum_encoded<'py>(
    py: Python<'py>,
    scalars: &[u8],
    points: &[u8],
    hints: Option<&[u8]>,
) -> PyResult<Bound<'py, PyBytes>> {
    if scalars.len() != points.len() || hints.is_some_and(|hints| hints.len() != points.len()) {
        return Err(PyValueError::new_err(
            "32 bytes a scalar, a point and a hint, as many of each",
        ));
    }
    let sum = py.detach(|| {
        let numbers = scalars.as_chunks::<32>().0.iter();
        let numbers: Option<Vec<DalekScalar>> = numbers
            .map(|bytes| Option::from(DalekScalar::from_canonical_bytes(*bytes)))
            .collect();
        let numbers = numbers.ok_or_else(|| PyValueError::new_err("scalar: not canonical"))?;
        Ok::<_, PyErr>(msm::vartime_sum(&numbers, &decode_vector(points, hints)?))
    })?;
    Ok(PyBytes::new(py, &decode::vartime_encode(&sum)))
}

/// Return the hints of encoded elements, zeros for what is no valid encoding.
#[pyfunction]
fn vartime_hints<'py>(py: Python<'py>, points: &[u8]) -> Bound<'py, PyBytes> {
    let hints: Vec<u8> = py.detach(|| {
        points
            .as_chunks::<32>()
            .0
            .iter()
            .flat_map(decode::vartime_hint)
            .collect()
    });
    PyBytes::new(py, &hints)
}

/// Add vectors of encoded elements component by component.
#[pyfunction]
fn vartime_sum_ciphertexts<'py>(py: Python<'py>, vectors: Vec<PyBackedBytes>) -> PyResult<Bound<'py, PyBytes>> {
    let size = vectors.first().map(|vector| vector.len()).unwrap_or_default();
    if vectors.is_empty() || vectors.iter().any(|vector| vector.len() != size) {
        return Err(PyValueError::new_err("at least one vector, all of one length"));
    }
    let sums = py.detach(|| {
        let mut totals = vec![Sum::IDENTITY; size / 32];
        for vector in &vectors {
            for (total, point) in totals.iter_mut().zip(decode_vector(vector, None)?) {
                *total = total.add(&point);
            }
        }
        Ok::<_, PyErr>(encode_sums(&totals))
    })?;
    Ok(PyBytes::new(py, &sums))
}

/// Subtract the second vector from the first component by component.
#[pyfunction]
fn vartime_subtract_ciphertexts<'py>(py: Python<'py>, total: &[u8], part: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    if total.len() != part.len() {
        return Err(PyValueError::new_err("both vectors need one length"));
    }
    let differences = py.detach(|| {
        let pairs = decode_vector(total, None)?.into_iter().zip(decode_vector(part, None)?);
        let sums: Vec<Sum> = pairs
            .map(|(left, right)| Sum::IDENTITY.add(&left).subtract(&right))
            .collect();
        Ok::<_, PyErr>(encode_sums(&sums))
    })?;
    Ok(PyBytes::new(py, &differences))
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
        BallotVerifier, BaseTable, Ed25519Key, Point, Scalar, Sealer, Totals, multiscalar_mul, vartime_decode_batch,
        vartime_discrete_log, vartime_hints, vartime_msm, vartime_subtract_ciphertexts, vartime_sum_ciphertexts,
        vartime_sum_encoded, vartime_verify_ed25519,
    };

    /// SHA-256 of the sources this module was built from (see build.rs).
    #[pymodule_export]
    const SOURCES_SHA256: &str = env!("SOURCES_SHA256");

    /// "release" or "debug".
    #[pymodule_export]
    const BUILD_PROFILE: &str = env!("BUILD_PROFILE");
}
