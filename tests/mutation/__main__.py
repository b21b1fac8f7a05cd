"""Run all mutations and print what became of them; `--write` makes the rows of the expected table again.

Usage: `python -m tests.mutation [--write]`. Whoever writes the table reads the difference: a row that turns from one
check to another, or to VERIFIED, is a change of the protocol.
"""

import json
import sys

from tests.mutation.judge import EXPECTED, read_expected, run_all


def main() -> int:
    """Run, compare, perhaps write."""
    found = run_all()
    expected = read_expected()
    different = {row for row in {*found.rows, *expected.rows} if found.rows.get(row) != expected.rows.get(row)}
    for row in sorted(different):
        print(f"{row}: {expected.rows.get(row)} -> {found.rows.get(row)}")  # noqa: T201 -- a program's output
    print(found.summary())  # noqa: T201
    if "--write" in sys.argv[1:]:
        document = json.loads(EXPECTED.read_text(encoding="utf-8"))
        document["rows"] = found.rows
        EXPECTED.write_text(json.dumps(document, indent=0, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
        return 0
    return int(bool(different))


if __name__ == "__main__":
    sys.exit(main())
