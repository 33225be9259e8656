"""Derive ids from what they identify, so that doing something again names it the same."""

from uuid import UUID, uuid5

NAMESPACE = UUID("9f7abadf-433d-5c12-8622-28be6f64814e")  # uuid5 of the URL namespace and "urn:readmit"


def run_id(command_id: UUID) -> UUID:
    """Return the id of the run that a StartIngestion command asks for."""
    return uuid5(NAMESPACE, f"run:{command_id}")


def prediction_id(
    key_id: str, idempotency_key: str, body_sha256: str, *, model_id: str, epoch: int, item: int = 0
) -> UUID:
    """Return the id of the prediction that a repeatable request asks for; `item` is its place in a batch."""
    # the caller's own text stands last: it may hold a colon
    return uuid5(NAMESPACE, f"prediction:{key_id}:{body_sha256}:{model_id}:{epoch}:{item}:{idempotency_key}")


def event_id(ce_type: str, *parts: str | int | UUID) -> UUID:
    """Return the id of an event of this type, told from others by `parts` in order.

    The parts name the occurrence: what it happened to and, where it can happen again, which time it was. No part may
    hold a colon; raises ValueError.
    """
    texts = [str(part) for part in parts]
    if any(":" in text for text in texts):
        raise ValueError(
            f"A part of an id of {ce_type} holds a colon; pass what stands around it as parts of their own."
        )
    return uuid5(NAMESPACE, ":".join(["event", ce_type, *texts]))
