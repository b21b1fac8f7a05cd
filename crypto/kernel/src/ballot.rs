//! The bytes of a ballot: one deterministic CBOR array, parsed strictly (`docs/spec/ballot.md`).

#![forbid(unsafe_code)]

/// Longest ballot, a limit of the record's entries.
pub const MAX_SIZE: usize = 65_535;
/// Most contests of a ballot.
pub const MAX_CONTESTS: usize = 64;
/// Bound on the head seen: sizes stay exact in every implementation's numbers.
const MAX_HEAD: u64 = 1 << 53;

/// A parsed ballot; it borrows the bytes.
#[derive(Debug)]
pub struct Ballot<'a> {
    /// Hash of the manifest this ballot was made for.
    pub manifest_hash: &'a [u8; 32],
    /// The style.
    pub style: u16,
    /// Whose ballot it is.
    pub pseudonym: &'a [u8; 16],
    /// Number among the pseudonym's ballots, from 1.
    pub number: u32,
    /// Hash of the pseudonym's ballot before.
    pub previous: &'a [u8; 32],
    /// The lock, which only who sealed the ballot can open.
    pub lock: &'a [u8; 32],
    /// Each contest's ciphertexts and proof.
    pub contests: Vec<(&'a [u8], &'a [u8])>,
}

impl<'a> Ballot<'a> {
    /// Parses the one valid encoding; `None` for any other bytes.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        if bytes.len() > MAX_SIZE {
            return None;
        }
        let mut reader = Reader(bytes);
        reader.exactly(ARRAY, 9)?;
        let manifest_hash = reader.fixed()?;
        let style = u16::try_from(reader.head(UINT)?).ok()?;
        let pseudonym = reader.fixed()?;
        let number = u32::try_from(reader.head(UINT)?).ok().filter(|number| *number >= 1)?;
        let previous = reader.fixed()?;
        reader.head(UINT).filter(|size| *size < MAX_HEAD)?;
        let _head_root: &[u8; 32] = reader.fixed()?;
        let lock = reader.fixed()?;
        let count = usize::try_from(reader.head(ARRAY)?).ok()?;
        if !(1..=MAX_CONTESTS).contains(&count) {
            return None;
        }
        let mut contests = Vec::with_capacity(count);
        for _ in 0..count {
            reader.exactly(ARRAY, 2)?;
            contests.push((reader.bytes()?, reader.bytes()?));
        }
        reader.0.is_empty().then_some(Self {
            manifest_hash,
            style,
            pseudonym,
            number,
            previous,
            lock,
            contests,
        })
    }
}

/// CBOR's major types (RFC 8949, section 3.1).
const UINT: u8 = 0;
const BYTES: u8 = 2;
const ARRAY: u8 = 4;

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// Reads an item's head of the given major type in its shortest form and returns its argument.
    fn head(&mut self, major: u8) -> Option<u64> {
        let [first] = *self.array::<1>()?;
        if first >> 5 != major {
            return None;
        }
        let (argument, least) = match first & 0x1f {
            small @ 0..=23 => (u64::from(small), 0),
            24 => (u64::from(u8::from_be_bytes(*self.array()?)), 24),
            25 => (u64::from(u16::from_be_bytes(*self.array()?)), 1 << 8),
            26 => (u64::from(u32::from_be_bytes(*self.array()?)), 1 << 16),
            27 => (u64::from_be_bytes(*self.array()?), 1 << 32),
            _ => return None,
        };
        (argument >= least).then_some(argument)
    }

    fn exactly(&mut self, major: u8, argument: u64) -> Option<()> {
        (self.head(major)? == argument).then_some(())
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.head(BYTES)?).ok()?;
        self.take(length)
    }

    fn fixed<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        self.bytes()?.try_into().ok()
    }
}

/// Writes ballots for the tests.
#[cfg(test)]
pub mod writer {
    /// Writes an item's head in its shortest form.
    pub fn head(out: &mut Vec<u8>, major: u8, argument: u64) {
        let bytes = argument.to_be_bytes();
        let (info, tail) = match argument {
            0..24 => (bytes[7], &[][..]),
            24..256 => (24, &bytes[7..]),
            256..65_536 => (25, &bytes[6..]),
            65_536..4_294_967_296 => (26, &bytes[4..]),
            _ => (27, &bytes[..]),
        };
        out.push(major << 5 | info);
        out.extend(tail);
    }

    /// Writes a byte string.
    pub fn bytes(out: &mut Vec<u8>, data: &[u8]) {
        head(out, 2, data.len() as u64);
        out.extend(data);
    }

    /// Writes a ballot of plain parts.
    pub fn ballot(
        manifest: &[u8],
        style: u64,
        pseudonym: &[u8],
        number: u64,
        previous: &[u8],
        head_size: u64,
        contests: &[(Vec<u8>, Vec<u8>)],
    ) -> Vec<u8> {
        let mut out = Vec::new();
        head(&mut out, 4, 9);
        bytes(&mut out, manifest);
        head(&mut out, 0, style);
        bytes(&mut out, pseudonym);
        head(&mut out, 0, number);
        bytes(&mut out, previous);
        head(&mut out, 0, head_size);
        bytes(&mut out, &[4; 32]);
        bytes(&mut out, &[5; 32]);
        head(&mut out, 4, contests.len() as u64);
        for (ciphertexts, proof) in contests {
            head(&mut out, 4, 2);
            bytes(&mut out, ciphertexts);
            bytes(&mut out, proof);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn example() -> Vec<u8> {
        writer::ballot(
            &[1; 32],
            300,
            &[2; 16],
            70_000,
            &[3; 32],
            1 << 40,
            &[(vec![6; 640], vec![7; 416]), (vec![8; 23], vec![])],
        )
    }

    #[test]
    fn reads_what_was_written() {
        let bytes = example();
        let ballot = Ballot::parse(&bytes).unwrap();
        assert_eq!((ballot.style, ballot.number, ballot.contests.len()), (300, 70_000, 2));
        assert_eq!(ballot.contests[0].1, &[7; 416]);
    }

    #[test]
    fn limits_hold() {
        let with = |style, number, head, contests: usize| {
            Ballot::parse(&writer::ballot(
                &[1; 32],
                style,
                &[2; 16],
                number,
                &[3; 32],
                head,
                &vec![(vec![], vec![]); contests],
            ))
            .is_some()
        };
        assert!(with(65_535, 1, (1 << 53) - 1, 64));
        assert!(!with(65_536, 1, 0, 1));
        assert!(!with(0, 0, 0, 1));
        assert!(!with(0, 1 << 32, 0, 1));
        assert!(!with(0, 1, 1 << 53, 1));
        assert!(!with(0, 1, 0, 0));
        assert!(!with(0, 1, 0, 65));
        let big = writer::ballot(
            &[1; 32],
            0,
            &[2; 16],
            1,
            &[3; 32],
            0,
            &[(vec![0; 65_000], vec![0; 1000])],
        );
        assert!(Ballot::parse(&big).is_none());
    }

    #[test]
    fn longer_heads_and_trailing_bytes_are_refused() {
        let bytes = example();
        for at in 0..bytes.len() {
            assert!(Ballot::parse(&bytes[..at]).is_none());
        }
        assert!(Ballot::parse(&[&bytes[..], &[0]].concat()).is_none());
        // The style 300 with a head of five bytes instead of three.
        let longer = [&bytes[..35], &[0x1a, 0, 0, 1, 44], &bytes[38..]].concat();
        assert_eq!(bytes[35..38], [0x19, 1, 44]);
        assert!(Ballot::parse(&longer).is_none());
        // An indefinite array instead of 0x89.
        let mut indefinite = bytes.clone();
        indefinite[0] = 0x9f;
        indefinite.push(0xff);
        assert!(Ballot::parse(&indefinite).is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = Ballot::parse(&bytes);
        }

        #[test]
        fn what_parses_is_what_the_writer_writes(at in 0usize..200, byte: u8) {
            let mut bytes = example();
            bytes[at] = byte;
            if let Some(ballot) = Ballot::parse(&bytes) {
                let contests: Vec<_> = ballot.contests.iter().map(|(a, b)| (a.to_vec(), b.to_vec())).collect();
                // Head size and head root stand between `previous` and the contests; they are not kept.
                let again = writer::ballot(ballot.manifest_hash, ballot.style.into(), ballot.pseudonym, ballot.number.into(), ballot.previous, 1 << 40, &contests);
                prop_assert_eq!(again.len(), bytes.len());
            }
        }
    }
}
