"""Other people's programs, measured beside ours where they can be installed: belenios-tool and PyPI electionguard.

Nothing here is a dependency. A peer that cannot be had gives a *not measured* row with the reason. Both verify one
contest, one of ten options; their start-up is measured and taken off.

>>> not_measured("verify.peer.us", "no network").text
'not measured: no network'
"""

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure, not_measured

ELECTIONGUARD = "electionguard==1.4.0"
BALLOTS = 60
OPTIONS = 10


def measure_peers() -> Iterator[Figure]:
    """Yield the figures of every peer."""
    with tempfile.TemporaryDirectory(prefix="dobush-peers-") as folder:
        yield from measure_belenios(Path(folder))
        yield from measure_electionguard(Path(folder))


def _run(command: list[str], folder: Path, *, stdin: str | None = None, seconds: float = 240) -> str:
    return subprocess.run(
        command, cwd=folder, input=stdin, capture_output=True, text=True, check=True, timeout=seconds
    ).stdout


def _find_belenios(folder: Path) -> str | None:
    """Return a belenios-tool: the installed one, or Debian's package unpacked into the temporary folder."""
    if found := shutil.which("belenios-tool"):
        return found
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        _run(["apt-get", "download", "belenios-tool"], folder)
        (package,) = folder.glob("belenios-tool_*.deb")
        _run(["dpkg", "-x", str(package), "belenios"], folder)
        return str(folder / "belenios/usr/bin/belenios-tool")
    return None


def measure_belenios(folder: Path) -> Iterator[Figure]:
    """Measure `belenios-tool election verify` per ballot (2048-bit group, the one Debian's build has)."""
    name = "verify.belenios.1of10.us"
    tool = _find_belenios(folder)
    if tool is None:
        yield not_measured(name, "no belenios-tool and no Debian package of it")
        return
    try:
        version = _run([tool, "--version"], folder).split()[0]
        uuid = _run([tool, "setup", "generate-token", "--length", "14"], folder).strip()
        group = ["--group", "BELENIOS-2048"]
        _run([tool, "setup", "generate-credentials", "--uuid", uuid, *group, "--count", str(BALLOTS)], folder)
        _run([tool, "setup", "generate-trustee-key", *group], folder)
        (public,) = folder.glob("*.pubcreds")
        public.rename(folder / "public_creds.json")
        (key,) = folder.glob("*.pubkey")
        key.rename(folder / "public_keys.jsons")
        _run([tool, "setup", "make-trustees"], folder)
        question = {"answers": [f"option {i}" for i in range(OPTIONS)], "min": 1, "max": 1, "question": "one"}
        template = {"description": "", "name": "bench", "questions": [question]}
        template |= {"administrator": "nobody", "credential_authority": "nobody"}
        (folder / "template.json").write_text(json.dumps(template))
        _run([tool, "setup", "make-election", "--uuid", uuid, *group, "--template", "template.json"], folder)
        _run([tool, "archive", "init"], folder)
        (folder / "choice").write_text(json.dumps([[1, *[0] * (OPTIONS - 1)]]))
        (private,) = folder.glob("*.privcreds")
        started = time.perf_counter()
        _run([tool, "election", "verify"], folder)
        start_up = time.perf_counter() - started
        sealing = 0.0
        for line in private.read_text().splitlines():
            (folder / "credential").write_text(line.split()[1])
            started = time.perf_counter()
            ballot = _run(
                [tool, "election", "generate-ballot", "--privcred", "credential", "--ballot", "choice", "--dir", "."],
                folder,
            )
            sealing += time.perf_counter() - started
            _run([tool, "archive", "add-event", "--type=Ballot"], folder, stdin=ballot)
        started = time.perf_counter()
        _run([tool, "election", "verify"], folder)
        seconds = time.perf_counter() - started - start_up
    except (OSError, ValueError, IndexError, subprocess.SubprocessError) as error:
        yield not_measured(name, f"belenios-tool did not finish ({type(error).__name__})")
        return
    note = f"belenios-tool {version}, BELENIOS-2048, start-up {start_up * 1000:.0f} ms subtracted"
    yield Figure(name, seconds / BALLOTS * 1e6, "us", note)
    yield Figure("seal.belenios.1of10.us", (sealing / BALLOTS - start_up) * 1e6, "us", note)


def measure_electionguard(folder: Path) -> Iterator[Figure]:
    """Measure PyPI electionguard in a virtual environment of its own."""
    name = "verify.electionguard.1of10.us"
    try:
        _run([sys.executable, "-m", "venv", "electionguard"], folder)
        python = str(folder / "electionguard/bin/python")
        _run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", ELECTIONGUARD], folder)
        child = Path(__file__).with_name("peer_electionguard.py")
        measured = json.loads(_run([python, str(child)], folder).splitlines()[-1])
    except (OSError, ValueError, IndexError, subprocess.SubprocessError) as error:
        yield not_measured(name, f"{ELECTIONGUARD} could not be installed or run ({type(error).__name__})")
        return
    note = f"electionguard {measured['version']}, 4096-bit group, start-up {measured['import_s']:.2f} s not counted"
    yield Figure(name, measured["verify_s"] * 1e6, "us", note)
    yield Figure("seal.electionguard.1of10.us", measured["encrypt_s"] * 1e6, "us", note)
