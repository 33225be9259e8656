"""The whole REST catalogue against a real process, by bytes."""

import asyncio

from support.exchanges import PARSER_ANSWER, Exchange, check, exchanges
from support.model_bundles import model_bundle
from support.predictor_process import PredictorWorld
from support.predictor_rig import KEY
from support.raw_http import Connection, RawAnswer, request
from support.route_cases import BEARER


async def test_every_case_of_the_catalogue_gets_its_exact_answer_from_a_real_process(world: PredictorWorld) -> None:
    """What holds in memory must hold behind a server and its parser, byte by byte, and the process must live on."""
    world.key = KEY
    event = await world.promote(model_bundle(1).model_id, 1)
    async with world.predictor() as predictor:
        await predictor.serves(1)
        wrong = await asyncio.to_thread(_wrong_answers, predictor.port, list(exchanges(model_bundle(1), event)))
        assert wrong == []
        assert await predictor.stop() == 0
    assert "request_failed" not in predictor.log.read_text()


def _wrong_answers(port: int, cases: list[Exchange]) -> list[str]:
    plain: dict[str, bytes] = {}
    wrong: list[str] = []
    for case in cases:
        if case.path not in plain:
            plain[case.path] = _ask(port, request("GET", case.path, BEARER)).body
        try:
            _check(case, _ask(port, request(case.method, case.path, case.headers, case.body), case.method), plain)
        except AssertionError as error:
            wrong.append(f"{case.name}: {error}")
    return wrong


def _ask(port: int, content: bytes, method: str = "GET") -> RawAnswer:
    with Connection(port) as connection:
        connection.send(content)
        answer = connection.answer(bodyless=method == "HEAD")
        assert answer is not None
        return answer


def _check(case: Exchange, answer: RawAnswer, plain: dict[str, bytes]) -> None:
    if case.parsed:
        check(case, answer.status, answer.headers, answer.body, plain=plain[case.path])
    else:
        assert (answer.status, answer.body, answer.closes) == (400, PARSER_ANSWER, True)
