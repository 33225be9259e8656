"""Write topics as a table and messages as text that people like to read."""

from collections.abc import Iterable, Sequence

import msgspec
from rich.table import Table
from rich.text import Text

from readmit_cli.topic_views.listing import TopicGroup, TopicRow
from readmit_cli.topic_views.message_view import MessageView


def table(rows: Sequence[TopicRow]) -> Table:
    """Return the table of topics."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    shown.add_column("topic", no_wrap=True)
    for name in ("parts", "messages", "parked"):
        shown.add_column(name, justify="right")
    for name in ("kept", "written by", "read by", "behind"):
        shown.add_column(name)
    for row in rows:
        shown.add_row(
            row.name,
            str(row.partitions) if row.partitions else Text("none", style="red"),
            f"{row.messages:,}",
            Text(f"{row.parked:,}", style="red" if row.parked else "dim"),
            kept(row),
            ", ".join(row.writers),
            ", ".join(row.readers),
            Text("  ").join(_lag(lag) for lag in row.lag),
        )
    return shown


def kept(row: TopicRow) -> str:
    """Return how long the topic keeps a message."""
    return "last per key" if row.cleanup == "compact" else f"{row.retention_days} days"


def message(view: MessageView, *, compact: bool) -> Text:
    """Return one message: a line that says when, where and what, then its content, indented."""
    text = Text()
    text.append(f"{view.time:%Y-%m-%d %H:%M:%S}.{view.time.microsecond // 1000:03}Z", style="dim")
    text.append(f"  {view.partition}@{view.offset}  ")
    text.append(view.type or "no type", style="bold cyan" if view.type else "yellow")
    text.append(f"  {view.key}" if view.key is not None else "  (no key)", style="green")
    if not compact and (headers := _headers(view)):
        text.append(f"\n    {headers}", style="dim")
    for line in _content(view, compact=compact):
        text.append("\n    ")
        text.append_text(line)
    return text


def _headers(view: MessageView) -> str:
    found = {
        "id": view.id,
        "source": view.source,
        "subject": view.subject,
        "sent": view.sent.isoformat() if view.sent else None,
        "traceparent": view.traceparent,
    }
    return _fields({name: str(value) for name, value in found.items() if value is not None})


def _content(view: MessageView, *, compact: bool) -> Iterable[Text]:
    if view.parked is not None:
        yield Text(_fields(view.parked), style="red")
    if view.chunk is not None:
        yield Text(_fields(view.chunk))
    if view.note is not None:
        yield Text(view.note, style="yellow")
    if view.body is not None:
        encoded = msgspec.json.encode(view.body)
        json = encoded if compact else msgspec.json.format(encoded, indent=2)
        yield from (Text(_escaped(line)) for line in json.decode().split("\n"))
    if view.value is not None:
        yield from (Text(line) for line in view.value.removesuffix("\n").split("\n"))


def _fields(fields: dict[str, str] | dict[str, object]) -> str:
    return "  ".join(f"{name}={value}" for name, value in fields.items())


def _escaped(line: str) -> str:
    # JSON escapes the first 32 control characters; a terminal also minds those behind them.
    return "".join(mark if mark.isprintable() else f"\\u{ord(mark):04x}" for mark in line)


def _lag(lag: TopicGroup) -> Text:
    return Text(f"{lag.group} {lag.waiting:,}", style="yellow" if lag.waiting else "dim")
