"""The one error of the local stack."""


class StackError(Exception):
    """The stack cannot do what was asked; the text says what happened, where, and what to do next."""
