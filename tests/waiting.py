"""Waits for things to become true, never for time to pass."""

import time


def eventually(probe, deadline_seconds, what, interval_seconds=0.2):
    """Calls `probe` until it returns something true and returns that; at the deadline says what was missing.

    An AssertionError of the probe counts as "not yet" and is shown at the deadline. Any other exception is a failure.
    """
    deadline = time.monotonic() + deadline_seconds
    last = "it was never true"
    while True:
        try:
            value = probe()
            if value:
                return value
            last = f"last seen: {value!r}"
        except AssertionError as failure:
            last = f"last failure: {failure}"
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {deadline_seconds} s: {what}; {last}")
        time.sleep(interval_seconds)


def always(probe, until, interval_seconds=0.5):
    """Calls `probe`, which asserts what must hold all the while, until the wall clock reaches `until` (epoch s)."""
    while True:
        probe()
        if time.time() >= until:
            return
        time.sleep(interval_seconds)
