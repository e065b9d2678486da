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
    of_part : float, optional
        The seconds for the rounds of a part of the command, all of them unless given.

    Examples
    --------
    >>> Budget(5, 60).of_an_answer() <= 5
    True
    """

    def __init__(self, seconds: float, deadline: float, of_part: float | None = None) -> None:
        now = time.monotonic()
        self._end, self._deadline = now + seconds, deadline
        self._end_of_part = now + (seconds if of_part is None else of_part)

    def part(self, share: float) -> "Budget":
        """Return the budget of a part, whose rounds take so much of the seconds that are left.

        An answer may be late for the part, not for the command.
        """
        return Budget(self.left(), self._deadline, share * self.left())

    def left(self) -> float:
        """Return the seconds until the end of the command, at least 0."""
        return max(self._end - time.monotonic(), 0.0)

    def of_the_part(self) -> float:
        """Return the seconds until the end of the part, at least 0."""
        return max(min(self._end_of_part, self._end) - time.monotonic(), 0.0)

    def of_an_answer(self) -> float:
        """Return the most seconds for an answer that is asked for now."""
        return min(self._deadline, self.left())
