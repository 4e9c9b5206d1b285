"""As much of S3 as a client needs to show whose it is: one bucket, and nothing in it.

Whether a key was issued by the sandbox, is still good and came with its token is
checked; signatures are not, as they are where a client calls STS.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
BUCKETS = (
    f"{XML}<ListAllMyBucketsResult {NAMESPACE}><Owner><ID>sandbox</ID></Owner><Buckets>"
    "<Bucket><Name>reports</Name><CreationDate>2026-01-01T00:00:00.000Z</CreationDate>"
    "</Bucket></Buckets></ListAllMyBucketsResult>"
)
OBJECTS = (
    f"{XML}<ListBucketResult {NAMESPACE}><Name>reports</Name><KeyCount>0</KeyCount>"
    "<MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated></ListBucketResult>"
)
DENIED = f"{XML}<Error><Code>AccessDenied</Code><Message>Denied</Message></Error>"
MISSING = f"{XML}<Error><Code>NoSuchKey</Code><Message>None</Message></Error>"


class Buckets(ThreadingHTTPServer):
    """The server, while it is entered. ``seen``: (key id, ARN) of each good request.

    ``strangers`` counts the requests that were refused, unsigned ones among them.
    """

    daemon_threads = True

    def __init__(self, sandbox):
        super().__init__(("127.0.0.1", 0), Request)
        self._registry = sandbox._estate.registry
        self.seen = []
        self.strangers = 0

    url = property(lambda self: f"http://127.0.0.1:{self.server_port}")

    def __enter__(self):
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self.shutdown()
        self._thread.join()
        self.server_close()

    def admits(self, headers):
        """Whether a request has a key that is good; who it was is in ``seen`` then."""
        _, _, rest = headers.get("Authorization", "").partition("Credential=")
        key = self._registry.find(rest.partition("/")[0])
        good = (
            key is not None
            and key.session_token == headers.get("x-amz-security-token")
            and (key.expires_at is None or datetime.now(UTC) < key.expires_at)
        )
        if good:
            self.seen.append((key.access_key_id, key.caller.arn))
        else:
            self.strangers += 1
        return good


class Request(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path, _, query = self.path.partition("?")
        if not self.server.admits(self.headers):
            self._answer(403, DENIED)
        elif path == "/":
            self._answer(200, BUCKETS)
        elif "list-type" in query:
            self._answer(200, OBJECTS)
        else:
            self._answer(404, MISSING)

    def _answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        """Say nothing."""
