"""Compare MLflow's `champion` alias with the champion, and do what the decision says."""

from typing import assert_never

import structlog
from readmit_contracts.topics import MODELS_COMMANDS
from readmit_runtime import trace_context
from readmit_runtime.messages import outgoing

from trainer.alias.decision import AliasView, Ask, Leave, Note, PutBack, Write, decide
from trainer.alias.store import AliasStore
from trainer.announcements import SOURCE
from trainer.metrics import TrainerMetrics
from trainer.projection.mlflow_server import MlflowRefused, MlflowServer

PUT_BACK_TAG = "readmit.alias_put_back"
_TAG_MAX = 500

log = structlog.get_logger(__name__)


class AliasReconciler:
    """Does one turn at a time, in one process at a time."""

    def __init__(self, store: AliasStore, server: MlflowServer, *, metrics: TrainerMetrics) -> None:
        """Take both sides."""
        self._store = store
        self._server = server
        self._metrics = metrics

    async def turn(self) -> None:
        """Compare every model name once; raises Transient while one side is away."""
        for model in await self._store.names():
            try:
                await self._reconcile(model)
            except MlflowRefused as error:
                # A version that goes between two calls, or a right that is missing: the next turn looks again.
                log.warning("alias_not_reconciled", model=model, why=str(error))

    async def _reconcile(self, model: str) -> None:
        current = await self._server.aliased_version(model)
        tagged = await self._server.model_id_of(model, current) if current is not None else None
        view = await self._store.view(model, current=current, tagged=tagged)
        action = decide(view)
        match action:
            case Leave():
                return
            case Note(version):
                await self._store.wrote(model, version)
            case Write(version):
                await self._write(model, version)
                self._metrics.alias_moved("written")
            case PutBack(version, why):
                await self._put_back(view, version, why)
                self._metrics.alias_moved("put_back")
            case Ask():
                await self._ask(view, action)
                self._metrics.alias_moved("asked")
            case _:
                assert_never(action)
        log.info("alias_reconciled", model=model, found=current, action=type(action).__name__)

    async def _write(self, model: str, version: str) -> None:
        await self._store.about_to_write(model, version)
        await self._server.set_alias(model, version)
        await self._store.wrote(model, version)

    async def _put_back(self, view: AliasView, version: str | None, why: str) -> None:
        # The tag first: whoever sees the alias go back finds the reason there.
        if view.current is not None:
            await self._server.tag_version(view.model, view.current, key=PUT_BACK_TAG, value=why[:_TAG_MAX])
        else:
            await self._server.tag_model(view.model, key=PUT_BACK_TAG, value=why[:_TAG_MAX])
        if version is not None:
            await self._write(view.model, version)
            return
        await self._server.delete_alias(view.model)
        await self._store.wrote(view.model, None)

    async def _ask(self, view: AliasView, ask: Ask) -> None:
        if view.current is None:
            raise ValueError("an alias that is not there asks for nothing")
        traceparent = trace_context.of_command(ask.command_id)
        record = outgoing(MODELS_COMMANDS, ask.command, source=SOURCE, id=ask.command_id, traceparent=traceparent)
        await self._store.ask(view.model, view.current, ask.command_id, record)
