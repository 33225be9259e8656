"""Make lines of the encounter file for tests that need no real one."""

from readmit_contracts.columns import COLUMNS, FILE_HEADER


def fields(**changes: str) -> list[str]:
    """Give the texts of a good row, changed where a SQL name says so."""
    return [changes.get(column.sql_name, column.example) for column in COLUMNS]


def line(**changes: str) -> bytes:
    """Give a good line without its end, changed where a SQL name says so."""
    return ",".join(fields(**changes)).encode()


def file_bytes(lines: list[bytes], *, end: bytes = b"\r\n") -> bytes:
    """Give a whole file: header and lines, each with its end."""
    return b"".join(text + end for text in [FILE_HEADER.encode(), *lines])
