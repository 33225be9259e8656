"""What a round with and without metrics gives, and in which order its two halves take their turns."""

EACH = 100_000
"""CPU seconds are given for so many requests or rows."""
WITH, WITHOUT = "with", "without"

Round = dict[str, float]
"""CPU seconds by WITH and WITHOUT."""


def order(number: int) -> tuple[str, str]:
    """Return who takes turns in which order, another one each time."""
    return (WITH, WITHOUT) if number % 2 else (WITHOUT, WITH)
