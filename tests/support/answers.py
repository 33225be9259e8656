"""Stand in for status views: each question has answers, one for each look, the last for good."""

from collections.abc import Sequence
from typing import Any


class Answers:
    """Answers a question with one thing after another, and then with the last for good; none of it is None."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[Any, ...]] = []

    async def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Give the next answer."""
        self.asked.append((*arguments, *named.values()))
        if not self._answers:
            return None
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


class FakeViews:
    """Status views whose answers are given by the name of the question; what is not given answers None."""

    def __init__(self, **answers: Sequence[Any]) -> None:
        self._questions = {name: Answers(*given) for name, given in answers.items()}

    def __getattr__(self, name: str) -> Answers:
        return self._questions.setdefault(name, Answers())
