"""What lies in the memory of a process, read from outside as root."""

import resource
from array import array
from itertools import groupby
from pathlib import Path

PAGE = resource.getpagesize()


def read_memory(pid: int) -> bytes:
    """Return every page that a process has written to: heap, stacks, data."""
    found: list[bytes] = []
    with Path(f"/proc/{pid}/mem").open("rb", 0) as file, Path(f"/proc/{pid}/pagemap").open("rb", 0) as pages:
        for line in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines():
            span, rights, *_ = line.split()
            start, end = (int(part, 16) for part in span.split("-"))
            if not rights.startswith("rw") or start >= 1 << 47:
                continue
            pages.seek(start // PAGE * 8)
            states = array("Q", pages.read((end - start) // PAGE * 8))
            for present, run in groupby(range(len(states)), key=lambda place: bool(states[place] >> 62)):
                if present:
                    places = list(run)
                    file.seek(start + places[0] * PAGE)
                    found.append(file.read(len(places) * PAGE))
    return b"".join(found)


def spell_scalar(value: int) -> dict[str, bytes]:
    """Return the forms in which this program's parts hold a scalar of 256 bits, by name."""
    limbs = ((52, 8), (51, 8), (30, 4))  # the curve library's two, Python's
    packed = {
        f"{bits} bits a limb": b"".join(
            (value >> place & (1 << bits) - 1).to_bytes(size, "little") for place in range(0, value.bit_length(), bits)
        )
        for bits, size in limbs
    }
    little, big = value.to_bytes(32, "little"), value.to_bytes(32, "big")
    return {
        "little endian": little,
        "big endian": big,
        "hexadecimal": big.hex().encode(),
        "hexadecimal, little endian": little.hex().encode(),
        "decimal": str(value).encode(),
        **packed,
    }
