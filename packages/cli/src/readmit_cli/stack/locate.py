"""Find the state directory of the stack that belongs to a checkout."""

import hashlib
import os
import pwd
from pathlib import Path

from readmit_cli.stack.checkout import Checkout
from readmit_cli.stack.state_directory import first_closed_folder

# Where root's stack goes when the checkout lies in a folder that Postgres' user cannot pass, such as /root.
OUTSIDE = Path("/var/lib/readmit")


def state_path(checkout: Checkout, user: pwd.struct_passwd | None) -> Path:
    """Answer READMIT_STATE, else `.local/state` of the checkout, else, if `user` cannot get there, a folder outside.

    `user` is whom Postgres has to run as, None for the user of this command.
    """
    chosen = os.environ.get("READMIT_STATE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    inside = checkout.installed / "state"
    if user is None or first_closed_folder(inside, user) is None:
        return inside
    return OUTSIDE / f"{checkout.root.name}-{hashlib.sha256(os.fsencode(checkout.root)).hexdigest()[:8]}"


def why_outside(checkout: Checkout, user: pwd.struct_passwd | None) -> str | None:
    """Answer a sentence when the state is kept outside the checkout though nobody asked for that, else None."""
    state = state_path(checkout, user)
    if user is None or os.environ.get("READMIT_STATE") or state.is_relative_to(checkout.root):
        return None
    closed = first_closed_folder(checkout.installed, user)
    return (
        f"Postgres runs as {user.pw_name}, who cannot pass {closed}: the state is kept in {state}. "
        "READMIT_STATE puts it elsewhere."
    )
