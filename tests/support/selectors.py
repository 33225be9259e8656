"""Take the selectors out of PromQL as this project writes it."""

import re
from collections.abc import Callable

_NAMES = r"\b(?:up|(?:readmit|kafka|process|node|pg|postgres|minio|mlflow|airflow)[_:]\w[\w:]*)\b"
_SELECTOR = re.compile(
    # a name with or without matchers, or matchers with a pattern for the name; else a text, or names of labels
    rf'(?P<name>{_NAMES})(?:\{{(?P<own>[^}}]*)\}})?|\{{(?P<named>__name__[^}}]*)\}}|"[^"]*"|\b(?:by|on) \([^)]*\)'
)


def replaced(expr: str, change: Callable[[str, str], str]) -> str:
    """Return the expression with `change(name, matchers)` in each selector's place; one by a pattern has no name."""

    def changed(found: re.Match[str]) -> str:
        if not (found["name"] or found["named"]):
            return found[0]
        return change(found["name"] or "", found["own"] or found["named"] or "")

    return _SELECTOR.sub(changed, expr)


def written(name: str, *matchers: str) -> str:
    """Write a selector."""
    inside = ", ".join(each for each in matchers if each)
    return f"{name}{{{inside}}}" if inside else name


def selectors(expr: str) -> list[str]:
    """Give every selector of an expression, without range and offset."""
    found: list[str] = []

    def keep(name: str, matchers: str) -> str:
        found.append(written(name, matchers))
        return found[-1]

    replaced(expr, keep)
    return found
