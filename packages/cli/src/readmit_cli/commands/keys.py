"""`readmit keys`: who may ask a predictor."""

import secrets
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
import typer
from readmit_contracts.access import (
    ID_BYTES,
    PREDICT_SCOPE,
    SECRET_BYTES,
    AccessKey,
    digest_of,
    key_id_of,
    make_key,
)
from readmit_runtime.clock import SystemClock
from rich.table import Table

from readmit_cli import terminal
from readmit_cli.access.key_store import KeptKey, KeyStore
from readmit_cli.connection_settings import Connections
from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_cli.models.options import AsJson
from readmit_cli.sessions import CLIENT_ID

MOST_DAYS = 3_650


class MadeKey(msgspec.Struct, frozen=True, kw_only=True):
    """A new key, with its text, which nobody can give again."""

    key: str
    key_id: str
    scopes: tuple[str, ...]
    expires_at: datetime | None
    label: str


class ListedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that is not revoked."""

    key_id: str
    label: str
    scopes: tuple[str, ...]
    since: datetime
    expires_at: datetime | None
    expired: bool


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(no_args_is_help=True, help="Make, list and revoke access keys.", rich_markup_mode=None)
    group.command("create")(create)
    group.command("list")(list_keys)
    group.command("revoke")(revoke)
    app.add_typer(group, name="keys")


def create(
    *,
    label: Annotated[str, typer.Option("--label", help="Whom or what the key is for; shown in the list.")],
    days: Annotated[
        int | None,
        typer.Option("--days", min=1, max=MOST_DAYS, help="Days until it expires; it does not by default."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key that may ask for predictions, and print it: this once, for nothing keeps its text."""
    text = make_key(secrets.token_bytes(ID_BYTES), secrets.token_bytes(SECRET_BYTES))
    expires_at = None if days is None else SystemClock().now() + timedelta(days=days)
    key = known_of(text, label=label, expires_at=expires_at)
    terminal.run(_store().put(key))
    made = MadeKey(key=text, key_id=key.key_id, scopes=key.scopes, expires_at=expires_at, label=label)
    if as_json:
        terminal.print_json(made)
        return
    console = terminal.out()
    console.print(text, soft_wrap=True)
    console.print("Keep it now: it is not shown again. Predictors take it within seconds.", style="dim")


def list_keys(*, as_json: AsJson = False) -> None:
    """List the keys that are not revoked, oldest first; their texts are nowhere."""
    keys = terminal.run(_store().keys())
    listed = tuple(_listed(kept) for kept in keys.values())
    if as_json:
        terminal.print_json(listed)
        return
    console = terminal.out()
    console.print(_table(listed) if listed else "There is no key; `readmit keys create` makes one.")


def revoke(
    *,
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID", help="The key's id, as `readmit keys list` shows it.")],
    as_json: AsJson = False,
) -> None:
    """Let nobody use a key any more: every predictor that reaches Kafka refuses it within 10 seconds.

    Ends with 2 when there is no such key.
    """
    terminal.run(_revoke(_store(), key_id))
    if as_json:
        terminal.print_json({"revoked": key_id})
    else:
        terminal.out().print(f"{key_id} is revoked.")


def known_of(text: str, *, label: str, expires_at: datetime | None) -> AccessKey:
    """Return what is kept of a key for predictions; raises CommandFailed for a label out of bounds."""
    key_id = key_id_of(text)
    if key_id is None:
        raise ValueError("The text is no key; see readmit_contracts.access.")
    key = AccessKey(key_id=key_id, sha256=digest_of(text), scopes=(PREDICT_SCOPE,), expires_at=expires_at, label=label)
    try:
        return msgspec.convert(msgspec.to_builtins(key), AccessKey)
    except msgspec.ValidationError:
        problem = "--label takes 1 to 100 characters on one line."
        raise CommandFailed(problem, code=ExitCode.USAGE) from None


def _store() -> KeyStore:
    return KeyStore(Connections.find().kafka(), client_id=CLIENT_ID)


async def _revoke(store: KeyStore, key_id: str) -> None:
    if key_id not in await store.keys():
        problem = f"There is no key {key_id}, or it is revoked already; `readmit keys list` shows those there are."
        raise CommandFailed(problem, code=ExitCode.USAGE)
    await store.revoke(key_id)


def _listed(kept: KeptKey) -> ListedKey:
    key = kept.key
    return ListedKey(
        key_id=key.key_id,
        label=key.label,
        scopes=key.scopes,
        since=kept.since,
        expires_at=key.expires_at,
        expired=key.expires_at is not None and SystemClock().now() >= key.expires_at,
    )


def _table(keys: tuple[ListedKey, ...]) -> Table:
    shown = Table("key", "for", "scopes", "since", "expires", box=None, pad_edge=False, header_style="bold")
    for key in keys:
        expires = "never" if key.expires_at is None else f"{key.expires_at:%Y-%m-%d %H:%M} UTC"
        shown.add_row(
            key.key_id,
            key.label,
            ", ".join(key.scopes),
            f"{key.since:%Y-%m-%d %H:%M} UTC",
            f"{expires} (expired)" if key.expired else expires,
        )
    return shown
