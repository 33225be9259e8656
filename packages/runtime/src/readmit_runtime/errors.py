"""Say by an error's type what the loop that meets it does next."""


class Transient(Exception):
    """A dependency is away or busy: the same work may succeed later, unchanged.

    Loops commit nothing, back off and do the same work again.
    """


class Rejected(Exception):
    """This message can never succeed: park it with its reason and go on.

    `reason` is a code that people filter by (see `readmit_contracts.reasons`); `detail` is a sentence for
    people. Neither may hold a value of a row.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
