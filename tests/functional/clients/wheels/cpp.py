"""List the buckets with the AWS SDK for C++, and again for each line of stdin."""

import os
import sys

from pyarrow.fs import FileSelector, S3FileSystem

_, _, address = os.environ["AWS_ENDPOINT_URL_S3"].partition("://")
try:
    there = S3FileSystem(endpoint_override=address, scheme="http", region="us-east-1")
    print([one.path for one in there.get_file_info(FileSelector(""))], flush=True)
    for _ in sys.stdin:
        print([one.path for one in there.get_file_info(FileSelector(""))], flush=True)
except OSError as error:
    sys.exit(f"{type(error).__name__}: {error}")
