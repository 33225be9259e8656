"""Put the command groups together; each is one module with a `register` of its own."""

import typer

from readmit_cli.commands import (
    demo,
    doctor,
    down,
    ingest,
    keys,
    lag_exporter,
    logs,
    models,
    predict,
    status,
    topics,
    train,
    up,
)


def build() -> typer.Typer:
    """Answer the whole command line."""
    app = typer.Typer(
        name="readmit",
        help="Event-driven MLOps on Apache Kafka: every row, every model and every promotion accounted for.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    for group in (up, down, demo, logs, doctor, status, topics, ingest, train, models, predict, keys, lag_exporter):
        group.register(app)
    return app
