"""The time of a command: a budget for all of it, and a deadline for each answer of a peer."""

import time


class Budget:
    """The seconds that are left of a command.

    Parameters
    ----------
    seconds : float
        For the whole command, > 0, from now.
    deadline : float
        The most seconds for one answer, > 0.

    Examples
    --------
    >>> Budget(5, 60).of_an_answer() <= 5
    True
    """

    def __init__(self, seconds: float, deadline: float) -> None:
        self._end = time.monotonic() + seconds
        self._deadline = deadline

    def part(self, share: float) -> "Budget":
        """Return the budget of a part, which may take so much of the seconds that are left."""
        return Budget(share * self.left(), self._deadline)

    def left(self) -> float:
        """Return the seconds until the end of the command, at least 0."""
        return max(self._end - time.monotonic(), 0.0)

    def of_an_answer(self) -> float:
        """Return the most seconds for an answer that is asked for now."""
        return min(self._deadline, self.left())
