"""Prepare Versity S3 Gateway: folders, and the file of its users, which it reads and this alone writes."""

import json

from readmit_cli.stack.credentials import OBJECT_STORE_USERS, Credentials, write_private
from readmit_cli.stack.state_directory import StateDirectory


def prepare(state: StateDirectory, credentials: Credentials) -> None:
    """Make what is missing. The role `user` may do nothing by itself: buckets.py gives rights, bucket by bucket."""
    state.versity.mkdir(mode=0o700, exist_ok=True)
    # Metadata in files of their own: not every file system keeps extended attributes.
    for folder in ("objects", "metadata", "users"):
        (state.versity / folder).mkdir(exist_ok=True)
    accounts = {
        user: {"access": user, "secret": credentials.object_store_secret(user), "role": "user"}
        for user in OBJECT_STORE_USERS
    }
    write_private(state.versity / "users" / "users.json", json.dumps({"accessAccounts": accounts}))
