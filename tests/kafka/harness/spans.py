"""A receiver of spans: OTLP over HTTP, as a collector takes it."""

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True)
class ReceivedSpan:
    """A span; `links` are the traceparents that it links to, as (trace id, span id) in hex."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: int
    failed: bool
    seconds: float
    attributes: dict[str, object]
    links: frozenset[tuple[str, str]]


class SpanReceiver:
    """Serves on a free port of the loopback interface until it is closed; `answer` is the HTTP status."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.requests: list[dict[str, str]] = []
        self.resources: list[dict[str, object]] = []
        self.spans: list[ReceivedSpan] = []
        self.answer = 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.requests.append(
                    {"path": self.path} | {k.lower(): v for k, v in self.headers.items()}
                )
                if receiver.answer == 200:
                    receiver._keep(body)
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(receiver.answer)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """For OTEL_EXPORTER_OTLP_ENDPOINT."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Refuse connections from now on."""
        self._server.shutdown()
        self._server.server_close()

    def of_trace(self, traceparent: bytes) -> list[ReceivedSpan]:
        """The received spans that a traceparent names."""
        _, trace_id, span_id, _ = traceparent.decode().split("-")
        return [span for span in self.spans if (span.trace_id, span.span_id) == (trace_id, span_id)]

    def _keep(self, body: bytes) -> None:
        self.bodies.append(body)
        request = ExportTraceServiceRequest.FromString(body)
        for of_resource in request.resource_spans:
            self.resources.append(_plain(of_resource.resource.attributes))
            for scope in of_resource.scope_spans:
                self.spans += map(_received, scope.spans)


def _received(span: object) -> ReceivedSpan:
    return ReceivedSpan(
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.name,
        span.kind,
        span.status.code == span.status.STATUS_CODE_ERROR,
        (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
        _plain(span.attributes),
        frozenset((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
    )


def _plain(attributes: object) -> dict[str, object]:
    def plain(value: object) -> object:
        kind = value.WhichOneof("value")
        if kind == "array_value":
            return [plain(each) for each in value.array_value.values]
        return getattr(value, kind)

    return {attribute.key: plain(attribute.value) for attribute in attributes}
