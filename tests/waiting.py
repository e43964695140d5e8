"""Waiting for what tells nobody when it is done."""

import time


def wait_until(condition, seconds=120):
    """Asks again and again until `condition()` is true, and returns what it gave; an error after so many seconds."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"{condition.__qualname__} did not come true within {seconds} seconds.")
        time.sleep(0.1)
    return found
