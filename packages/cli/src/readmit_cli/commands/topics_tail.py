"""`readmit topics tail`: the messages of a topic."""

import contextlib
from typing import Annotated

import typer
from readmit_runtime.clock import SystemClock
from readmit_runtime.kafka_topic_reader import KafkaTopicReader
from readmit_runtime.messages import IncomingRecord

from readmit_cli import terminal
from readmit_cli.connection_settings import Connections
from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_cli.ingestion.run_names import SHORTEST
from readmit_cli.sessions import CLIENT_ID
from readmit_cli.topic_views import catalogue, places, rendering
from readmit_cli.topic_views.message_view import view
from readmit_cli.topic_views.tail import DEFAULT_LAST, Selection, tail


def tail_topic(
    *,
    topic: catalogue.Name,
    from_beginning: Annotated[bool, typer.Option("--from-beginning", help="Begin with the oldest message.")] = False,
    from_place: Annotated[
        str | None,
        typer.Option("--from", metavar="PARTITION@OFFSET", help="Begin there, in that partition.", show_default=False),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="WHEN", help="Begin so long ago (15m, 2h, 7d) or at a time in ISO 8601, UTC."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            "-n",
            min=0,
            help=f"Show this many: the first with --from or --from-beginning, else the last ({DEFAULT_LAST}).",
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", "-f", help="Go on with what comes, until Ctrl-C.")
    ] = False,
    key: Annotated[str | None, typer.Option("--key", help="Show only messages whose key begins so.")] = None,
    type_name: Annotated[
        str | None, typer.Option("--type", help="Show only messages of this type, such as BatchStored.")
    ] = None,
    run: Annotated[
        str | None, typer.Option("--run", metavar="RUN", help="Show only messages of the run whose id begins so.")
    ] = None,
    values: Annotated[
        bool,
        typer.Option("--values", help="Show patients' rows as well: chunks, inputs, and what can't be read."),
    ] = False,
    compact: Annotated[bool, typer.Option("--compact", help="Print each message's JSON on one line.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line, and nothing else.")] = False,
) -> None:
    """Show the messages of a topic: time, partition@offset, type, key, headers, content; of chunks the headers only."""
    found = catalogue.find(topic)
    if (from_place is not None) + (since is not None) + from_beginning > 1:
        raise CommandFailed("Give one of --from-beginning, --from and --since.", code=ExitCode.USAGE)
    if run is not None and len(run) < SHORTEST:
        raise CommandFailed(f"--run takes {SHORTEST} characters of the run's id or more.", code=ExitCode.USAGE)
    selection = Selection(
        from_beginning=from_beginning,
        since_ms=None if since is None else places.moment_ms(since, SystemClock().now(), "--since"),
        from_offset=None if from_place is None else places.place(from_place, "--from"),
        limit=limit,
        follow=follow,
        key=key,
        type=type_name,
        run=None if run is None else run.lower(),
    )
    kafka = Connections.find().kafka()
    reader = KafkaTopicReader(kafka, found.name, client_id=CLIENT_ID, start=selection.start(found))
    console = terminal.out()

    def show(record: IncomingRecord) -> None:
        shown = view(record, values=values)
        if as_json:
            terminal.print_json(shown, one_line=True)
        else:
            console.print(rendering.message(shown, compact=compact), soft_wrap=True)

    with contextlib.suppress(KeyboardInterrupt):  # the usual end of following
        terminal.run(tail(reader, selection, show))
