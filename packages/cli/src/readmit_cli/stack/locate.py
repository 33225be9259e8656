"""Find the state directory of the stack that belongs to a checkout."""

import hashlib
import os
from pathlib import Path

from readmit_cli.stack.checkout import Checkout
from readmit_cli.stack.errors import StackError
from readmit_cli.stack.state_directory import first_closed_folder, postgres_user

# Where root's stack goes when the checkout lies in a folder that Postgres' user cannot pass, such as /root.
OUTSIDE = Path("/var/lib/readmit")


def default_state(checkout: Checkout) -> Path:
    """Answer READMIT_STATE, else where the last `up` put it, else `.local/state` of the checkout."""
    chosen = os.environ.get("READMIT_STATE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    note = _note(checkout)
    return Path(note.read_text().strip()) if note.is_file() else checkout.installed / "state"


def reachable_state(checkout: Checkout) -> tuple[Path, str | None]:
    """Answer a state directory that Postgres' user reaches, and a sentence if that is not the expected one.

    Raises StackError when READMIT_STATE names a folder out of its reach.
    """
    state = default_state(checkout)
    user = postgres_user()
    closed = first_closed_folder(state, user) if user else None
    if user is None or closed is None:
        return state, None
    if os.environ.get("READMIT_STATE"):
        raise StackError(
            f"Postgres runs as {user.pw_name}, who cannot pass {closed} on the way to READMIT_STATE={state}. "
            f"Open it (chmod o+x {closed}) or set READMIT_STATE to a folder outside it."
        )
    outside = OUTSIDE / f"{checkout.root.name}-{hashlib.sha256(os.fsencode(checkout.root)).hexdigest()[:8]}"
    return outside, (
        f"Postgres runs as {user.pw_name}, who cannot pass {closed}: the state is kept in {outside}. "
        "Set READMIT_STATE to have it elsewhere."
    )


def remember_state(checkout: Checkout, state: Path) -> None:
    """Leave a note in the checkout, so that later commands find a state directory that lies elsewhere."""
    note = _note(checkout)
    if state == checkout.installed / "state":
        note.unlink(missing_ok=True)
        return
    note.parent.mkdir(exist_ok=True)
    note.write_text(f"{state}\n")


def _note(checkout: Checkout) -> Path:
    return checkout.installed / "state.path"
