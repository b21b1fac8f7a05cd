"""A machine with no core to spare: what was found at leisure must be found under load too."""

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def busy_machine() -> Iterator[None]:
    """Keep every core busy with a process of our own that burns until it is told to stop."""
    context = multiprocessing.get_context("fork")
    stop = context.Event()

    def burn() -> None:
        while not stop.is_set():
            sum(range(10_000))

    burners = [context.Process(target=burn, daemon=True) for _ in range(os.cpu_count() or 1)]
    for burner in burners:
        burner.start()
    try:
        yield
    finally:
        stop.set()
        for burner in burners:
            burner.join(timeout=30)
            burner.kill()
            burner.join()
