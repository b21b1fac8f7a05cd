"""Heads and byte strings of CBOR, in their shortest form only: all that is read by hand rests on these.

Spec: `docs/spec/encoding.md`, section Bytes (RFC 8949, sections 3 and 4.2.1). Used by the reader of declared fields,
of envelopes and of ballots; whatever the bytes say, a read looks at no more of them than it returns.

>>> read_head(bytes.fromhex("190100"), 0, UINT), write_head(UINT, 256).hex()
((256, 3), '190100')
>>> read_bytes(bytes.fromhex("43aabbcc"), 0)[0].hex()
'aabbcc'
>>> read_head(bytes.fromhex("1817"), 0, UINT)
Traceback (most recent call last):
...
crypto.errors.MalformedEncoding: ENCODING-1: an integer is not in its shortest form
"""

from crypto.errors import MalformedEncoding

UINT, BSTR, TSTR, ARRAY, MAP = 0, 2, 3, 4, 5
_MAJOR_NAMES = {UINT: "an unsigned integer", BSTR: "a byte string", TSTR: "a text", ARRAY: "an array", MAP: "a map"}


def malformed(reason: str) -> MalformedEncoding:
    """Return the refusal of bytes that are not the one encoding of what is declared."""
    # The bytes MUST be the one deterministic encoding of exactly the declared fields, with nothing after it.
    return MalformedEncoding("ENCODING-1", reason)


def read_head(data: bytes, at: int, major: int) -> tuple[int, int]:
    """Read one CBOR head of a major type at a position; return its argument and the position after it.

    Raises MalformedEncoding where the head is of another type, cut off or not in its shortest form.
    """
    if at >= len(data):
        raise malformed("the bytes end too early")
    first = data[at]
    if first >> 5 != major:
        raise malformed(f"{_MAJOR_NAMES[major]} was expected")
    info = first & 31
    if info < 24:
        return info, at + 1
    if info > 27:
        raise malformed("indefinite and reserved lengths are not allowed")
    size = 1 << (info - 24)
    end = at + 1 + size
    if end > len(data):
        raise malformed("the bytes end too early")
    value = int.from_bytes(data[at + 1 : end], "big")
    if value < 24 or (size > 1 and value >> (4 * size) == 0):
        raise malformed("an integer is not in its shortest form")
    return value, end


def read_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    """Read one byte string at a position; return it and the position after it."""
    if data[at : at + 1] == b"\x58" and len(data) > at + 1 and data[at + 1] >= 24:
        # Most strings of a ballot have 24 to 255 bytes: their head needs no second function.
        start, length = at + 2, data[at + 1]
    else:
        length, start = read_head(data, at, BSTR)
    end = start + length
    if end > len(data):
        raise malformed("the bytes end too early")
    return data[start:end], end


def write_head(major: int, value: int) -> bytes:
    """Return the shortest head of a major type with an argument below 2^64."""
    if value < 24:
        return bytes([major << 5 | value])
    size = max(1, 1 << ((value.bit_length() + 7) // 8 - 1).bit_length())
    return bytes([major << 5 | 24 + size.bit_length() - 1]) + value.to_bytes(size, "big")
