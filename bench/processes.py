"""The processes of `make bench-server` beside the database: web workers, sequencer, five witnesses; and their CPU time.

`python -m bench.processes witness|sequencer …` is how the parts run that have no command of their own.
"""

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process, its living children, and those it has waited for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS + sum(cpu_seconds(int(child)) for child in children)


def busy_seconds() -> float:
    """Return the CPU seconds that the whole machine was busy since it started."""
    fields = [int(each) for each in Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]]
    user, nice, system, _idle, _wait, irq, softirq = fields[:7]
    return (user + nice + system + irq + softirq) / _TICKS


@dataclass(slots=True)
class Parts:
    """Started processes by the part they play; all are ended by their own pid."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    running: dict[str, list["subprocess.Popen[bytes]"]] = field(default_factory=dict)

    def start(self, part: str, *arguments: str, module: str = "bench.processes") -> None:
        """Start one process of this project's Python."""
        out = (self.folder / f"{part}-{len(self.running.get(part, []))}.log").open("wb")
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            env={**os.environ, **self.environment},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        self.running.setdefault(part, []).append(process)

    def cpu(self) -> dict[str, float]:
        """Return the CPU seconds of each part."""
        return {part: sum(cpu_seconds(each.pid) for each in each_of) for part, each_of in self.running.items()}

    def stop(self) -> None:
        """End all of them."""
        for each_of in self.running.values():
            for process in each_of:
                process.send_signal(signal.SIGTERM)
        for each_of in self.running.values():
            for process in each_of:
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()


def wait_for(url: str, seconds: float = 60) -> None:
    """Return when an address answers at all. Raises TimeoutError."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - one of ours
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(url)


def run_witness(name: str, seed: str, log: str, port: str, folder: str) -> None:
    """Run one witness."""
    from audit.serve import WitnessKeys, WitnessServer  # noqa: PLC0415 - one part loads only what it runs
    from crypto.signatures import SigningKey, parse_verifier_key  # noqa: PLC0415

    keys = WitnessKeys(name, SigningKey.from_seed(bytes.fromhex(seed)), bytes(32))
    server = WitnessServer(keys, {parse_verifier_key(log): None}, Path(folder))
    server.listen("127.0.0.1", int(port)).serve_forever()


def run_sequencer() -> None:
    """Run the sequencer of the environment's settings."""
    from voting_server.board.sequencer import Sequencer  # noqa: PLC0415
    from voting_server.board.service import Board  # noqa: PLC0415
    from voting_server.plumbing import logging  # noqa: PLC0415
    from voting_server.plumbing.context import Context  # noqa: PLC0415
    from voting_server.plumbing.settings import Side, read_settings  # noqa: PLC0415

    logging.configure()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    Sequencer(Board(Context.open(read_settings(Side.BALLOT), "ballot"))).run(ended)


def run_web(port: str, workers: str) -> None:
    """Run the web workers of the ballot side."""
    from voting_server.plumbing import serving  # noqa: PLC0415

    os.environ["DOBUSH_SIDE"] = "ballot"
    sys.exit(serving.serve("voting_server.app:from_environment", "127.0.0.1", int(port), int(workers)))


def main(arguments: Sequence[str]) -> None:
    """Run one part."""
    part, *rest = arguments
    parts: Mapping[str, Callable[..., None]] = {"witness": run_witness, "sequencer": run_sequencer, "web": run_web}
    parts[part](*rest)


if __name__ == "__main__":
    main(sys.argv[1:])
