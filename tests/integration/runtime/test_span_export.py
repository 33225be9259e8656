"""Spans go out over OTLP, also what is left at a process's end, which a silent collector does not hold up for long."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

HELD_UP_S = 6.0  # three requests of two seconds: what waits at most, and the one under way
SLACK_S = 2.0  # for Python to end
FULL = 1_024
# A process that ends as every service does: nobody in it stops the tracing.
WORK = """
import sys
from readmit_runtime import tracing
from readmit_runtime.settings import TracingSettings

tracing.configure(TracingSettings(endpoint=sys.argv[1]), service="worker")
for _ in range(int(sys.argv[2])):
    with tracing.span("work", attributes={"readmit.chunks": 3}):
        pass
print("worked", flush=True)
"""


@contextmanager
def collector(*, answers: bool) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """Listen as a collector does; give the address, and path and body of each request."""
    took: list[tuple[str, bytes]] = []
    over = threading.Event()

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            took.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            if not answers:
                over.wait()
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_words: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", took
    finally:
        over.set()
        server.shutdown()
        serving.join()
        server.server_close()


def end_of(address: str, spans: int) -> float:
    """Let a process make so many spans and give how long it then takes to end, in seconds."""
    words = [sys.executable, "-c", WORK, address, str(spans)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "worked\n"
        begun = time.monotonic()
        assert process.wait(60) == 0
        return time.monotonic() - begun


def test_what_a_process_did_reaches_the_collector_with_its_name_also_at_its_end() -> None:
    """The last spans before a stop are those that tell why."""
    with collector(answers=True) as (address, took):
        end_of(address, 2)
    [(path, body)] = took
    assert path == "/v1/traces"
    [told] = ExportTraceServiceRequest.FromString(body).resource_spans
    named = {each.key: each.value.string_value for each in told.resource.attributes}
    assert (named["service.namespace"], named["service.name"]) == ("readmit", "worker")
    spans = [span for scope in told.scope_spans for span in scope.spans]
    assert [span.name for span in spans] == ["work", "work"]
    assert {each.key: each.value.int_value for each in spans[0].attributes} == {"readmit.chunks": 3}


def test_a_collector_that_accepts_and_stays_silent_holds_the_end_up_for_a_few_seconds_alone() -> None:
    """A pod is killed when its grace is over, whatever it still has to say."""
    with collector(answers=False) as (address, took):
        held_up_s = end_of(address, 2 * FULL)
    assert took
    assert held_up_s < HELD_UP_S + SLACK_S
