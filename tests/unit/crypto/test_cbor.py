"""Heads are read back as they are written, and in no other spelling."""

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.cbor import ARRAY, BSTR, MAP, TSTR, UINT, read_bytes, read_head, write_head
from crypto.errors import MalformedEncoding


@given(st.integers(0, 2**64 - 1))
def test_a_head_is_cbors_own(value: int) -> None:
    head = write_head(UINT, value)
    assert head == cbor2.dumps(value)
    assert read_head(b"xx" + head + b"yy", 2, UINT) == (value, 2 + len(head))


@pytest.mark.parametrize("value", [0, 23, 24, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32])
@pytest.mark.parametrize("major", [UINT, BSTR, TSTR, ARRAY, MAP])
def test_a_head_of_another_type_or_a_longer_spelling_is_refused(value: int, major: int) -> None:
    head = write_head(major, value)
    wrong = [write_head((major + 1) % 6, value), head[:-1], bytes([major << 5 | 28]), bytes([major << 5 | 31])]
    longer = [(at, size) for at, size in enumerate((1, 2, 4, 8)) if len(head) < 1 + size]
    wrong += [bytes([major << 5 | 24 + at]) + value.to_bytes(size, "big") for at, size in longer]
    for data in wrong:
        with pytest.raises(MalformedEncoding):
            read_head(data, 0, major)


@pytest.mark.parametrize("size", [0, 1, 23, 24, 255, 256, 1_000])
def test_strings(size: int) -> None:
    data = cbor2.dumps(bytes(size))
    assert read_bytes(data + b"x", 0) == (bytes(size), len(data))
    with pytest.raises(MalformedEncoding):
        read_bytes(data[:-1], 0)


@given(st.binary(max_size=12))
def test_garbage_gives_typed_errors(data: bytes) -> None:
    try:
        value, end = read_bytes(data, 0)
    except MalformedEncoding:
        return
    assert cbor2.dumps(value) == data[:end]
