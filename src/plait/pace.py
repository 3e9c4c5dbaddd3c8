"""Tell a reader that takes its time from one that will not come back: by how long it stayed away before."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["Pace"]

LEAST = 8.0  # s that a reader may always stay away
_TIMES = 4  # so many times as long as it stayed away at most
_FADING = 0.9  # for each time it asks: a step that was compiled once, say, does not count for ever


class Pace:
    """How long the workers of a reader wait for it. An iterator that a kept traceback holds is not closed, and nobody will ask it again.

    Args:
        cost: Seconds that it takes to begin again; they count as time stayed away.
    """

    def __init__(self, cost: float = 0.0) -> None:
        self._longest = cost
        self._since: float | None = time.monotonic()  # when something was handed out; None while the reader waits
        self._lock = threading.Lock()

    def asked(self) -> None:
        """The reader is there: nothing ends until something is handed out."""
        with self._lock:
            if self._since is not None:
                self._longest = max(time.monotonic() - self._since, _FADING * self._longest)
                self._since = None

    def handed(self) -> None:
        """The reader goes away."""
        self._since = time.monotonic()

    @property
    def left(self) -> float:
        """Seconds until it is time to look again whether the reader counts as gone; 0 when it does."""
        limit, since = max(LEAST, _TIMES * self._longest), self._since
        return limit if since is None else max(0.0, since + limit - time.monotonic())

    def ends(self, end: Callable[[], object]) -> bool:
        """Call `end` if the reader counts as gone; one that comes meanwhile waits until that is done."""
        with self._lock:
            if self.left > 0:
                return False
            end()
            return True
