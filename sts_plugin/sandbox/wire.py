"""The Query protocol: HTTP request -> ``Request``, result -> XML answer.

Owns: form decoding, the XML envelopes, request ids. Never: the meaning of a
parameter. The envelopes are those of the STS API reference, "Making Query
Requests": results in the namespace of API version 2011-06-15.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from sts_plugin.sandbox.errors import StsError

__all__ = [
    "NAMESPACE",
    "Answer",
    "Request",
    "Result",
    "parse_parameters",
    "render_error",
    "render_result",
]

NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"

# What an action returns: element name -> text, or a group of elements.
Result = Mapping[str, "str | Result"]


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as it was read; ``headers`` holds lower-case names."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer. ``declared_length`` lies about the body when it is set."""

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    declared_length: int | None = None


def parse_parameters(request: Request) -> dict[str, str]:
    """Read the form (POST) or the query string (GET) into name -> value.

    Raises ``StsError`` (400) for what is no form, and for a name given twice:
    which of the two would count is anybody's guess, so none does.
    """
    try:
        source = request.query
        if request.method == "POST":
            source = request.body.decode("ascii")
        pairs = parse_qsl(
            source,
            keep_blank_values=True,
            strict_parsing=bool(source),
            errors="strict",
            max_num_fields=1000,
        )
    except ValueError:
        raise _malformed() from None
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        raise _malformed()
    return parameters


def _malformed() -> StsError:
    return StsError(
        "MalformedQueryString", 400, "The query string contains a syntax error."
    )


def render_result(action: str, result: Result, namespace: str = NAMESPACE) -> Answer:
    """Wrap a result as ``<ActionResponse><ActionResult>``."""
    return Answer(
        200,
        _document(
            f'<{action}Response xmlns="{namespace}"><{action}Result>'
            f"{_elements(result)}"
            f"</{action}Result><ResponseMetadata><RequestId>{uuid.uuid4()}"
            f"</RequestId></ResponseMetadata></{action}Response>"
        ),
    )


def render_error(error: StsError, namespace: str = NAMESPACE) -> Answer:
    """Wrap a refusal as ``<ErrorResponse>``."""
    fault = "Receiver" if error.status >= 500 else "Sender"  # noqa: PLR2004 (HTTP's 5xx)
    return Answer(
        error.status,
        _document(
            f'<ErrorResponse xmlns="{namespace}"><Error><Type>{fault}</Type>'
            f"<Code>{escape(error.code)}</Code>"
            f"<Message>{_text(error.message)}</Message></Error>"
            f"<RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"
        ),
    )


def _elements(result: Result) -> str:
    parts = []
    for name, value in result.items():
        inner = _text(value) if isinstance(value, str) else _elements(value)
        parts.append(f"<{name}>{inner}</{name}>")
    return "".join(parts)


def _text(value: str) -> str:
    # XML 1.0 cannot carry most control characters, not even escaped; error
    # messages quote what the client sent.
    return escape("".join(c if c >= " " or c in "\t\n\r" else "\ufffd" for c in value))


def _document(xml: str) -> bytes:
    return xml.encode("utf-8", "replace")
