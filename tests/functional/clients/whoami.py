"""Print who AWS says we are, and again for each line of stdin, with one client.

With the argument "registered", credentials come from sts_plugin in this process.
"""

import sys

import boto3
from botocore.exceptions import BotoCoreError

session = boto3.Session()
if sys.argv[1:] == ["registered"]:
    import sts_plugin

    sts_plugin.register(session)
try:
    client = session.client("sts")
    print(client.get_caller_identity()["Arn"], flush=True)
    for _ in sys.stdin:
        print(client.get_caller_identity()["Arn"], flush=True)
except BotoCoreError as error:
    sys.exit(f"{type(error).__name__}: {error}")
