"""Look for a table with the AWS SDK for Rust, and again for each line of stdin."""

import os
import sys

from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

OPTIONS = {
    "AWS_ALLOW_HTTP": "true",
    "AWS_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL_S3"],
    # With an endpoint of its own it would look for keys in the environment alone.
    "AWS_FORCE_CREDENTIAL_LOAD": "true",
}


def look():
    try:
        DeltaTable("s3://reports/table", storage_options=OPTIONS)
    except TableNotFoundError:
        print("there is none", flush=True)


try:
    look()
    for _ in sys.stdin:
        look()
except OSError as error:
    # It breaks a message into lines wherever it has a colon.
    sys.exit(" ".join(str(error).replace("\x1b[31m↳\x1b[0m", "").split()))
