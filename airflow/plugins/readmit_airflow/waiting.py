"""Wait for an effect without holding a worker."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from readmit_airflow.effects import EFFECTS, Failed, Look, Met, Pending
from readmit_airflow.mlflow_link import MlflowLink, mlflow_url
from readmit_airflow.status import shared_views, status_views
from readmit_airflow.views import AWAY, StatusViews

OpenViews = Callable[[], AbstractAsyncContextManager[StatusViews]]

LOOK_EVERY_S = 1.0
SAY_EVERY_S = 2.0


class AwaitEffect(BaseOperator):
    """Wait until an effect stands in the status views and return its result; fail with the system's own reason.

    `effect` names one of `effects.EFFECTS`, `arguments` are its keywords. After `within_s` seconds the task fails with
    what was seen last. Neither failure is retried: asking again changes nothing. Both may hold XComs and parameters.
    """

    template_fields: Sequence[str] = ("arguments", "within_s")
    ui_color = "#d3e8f7"

    def __init__(
        self, *, effect: str, arguments: Mapping[str, Any] | None = None, within_s: Any, **kwargs: Any
    ) -> None:
        """Take the effect's name and keywords; raises ValueError for a name that is none."""
        super().__init__(multiple_outputs=True, **kwargs)  # later tasks take single fields of the result
        if effect not in EFFECTS:
            raise ValueError(f"{effect} is no effect; there are {', '.join(EFFECTS)}.")
        self.effect = effect
        self.arguments = dict(arguments or {})
        self.within_s = within_s

    def execute(self, context: Context) -> dict[str, Any]:
        """Look once, so that an effect that is there already costs no wait; else leave it to the triggerer."""
        look = asyncio.run(_look(self.effect, self.arguments, status_views))
        if isinstance(look, Pending):
            self.log.info("%s Waiting for it, %s at the most.", look.said, timedelta(seconds=self.within_s))
            trigger = EffectTrigger(self.effect, self.arguments, until=time.time() + self.within_s)
            self.defer(trigger=trigger, method_name="ended")
        return self.ended(context, _event(look))

    def ended(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return the result; raises AirflowFailException when there is none."""
        if event["kind"] != Met.__name__:
            raise AirflowFailException(event["said"])
        self.log.info(event["said"])
        result: dict[str, Any] = event["result"]
        return result


class AwaitModel(AwaitEffect):
    """Wait for the model of a training job; the task then has a button that opens it in MLflow."""

    operator_extra_links = (MlflowLink(),)

    def __init__(self, **kwargs: Any) -> None:
        """Take the arguments of the effect `model_trained`."""
        super().__init__(effect="model_trained", **kwargs)
        self.mlflow_url = ""

    def ended(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return the result with the address of the model's page in MLflow, as far as it has one."""
        result = super().ended(context, event)
        self.mlflow_url = mlflow_url(result)
        return {**result, "mlflow_url": self.mlflow_url}


class EffectTrigger(BaseTrigger):
    """Looks for an effect until it is met, failed, or the time is over; `until` is in seconds of the epoch."""

    def __init__(self, effect: str, arguments: dict[str, Any], *, until: float) -> None:
        """Take what `AwaitEffect` has."""
        super().__init__()
        self.effect = effect
        self.arguments = arguments
        self.until = until

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return how another process makes this trigger again."""
        arguments = {"effect": self.effect, "arguments": self.arguments, "until": self.until}
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look every second, each time by one of the few connections that all waits share; an absence is waited out."""
        said = _Said(self.log.info)
        while isinstance(look := await _look(self.effect, self.arguments, shared_views), Pending):
            said(look.said)
            if time.time() > self.until:
                look = Failed(f"The time is over. {look.said}")
                break
            await asyncio.sleep(LOOK_EVERY_S)
        yield TriggerEvent(_event(look))


class _Said:
    """Logs what is new, and not too often: the log is where people watch the progress."""

    def __init__(self, log: Any) -> None:
        self._log = log
        self._last, self._at = "", -SAY_EVERY_S

    def __call__(self, text: str) -> None:
        now = time.monotonic()
        if text != self._last and now - self._at >= SAY_EVERY_S:
            self._log(text)
            self._last, self._at = text, now


async def _look(effect: str, arguments: dict[str, Any], views: OpenViews) -> Look:
    try:
        async with views() as opened:
            return await EFFECTS[effect](opened, **arguments)
    except AWAY as error:
        return Pending(f"The status views can't be read ({type(error).__name__}: {error}); is Postgres up?")


def _event(look: Look) -> dict[str, Any]:
    return {"kind": type(look).__name__, "result": {}, **asdict(look)}
