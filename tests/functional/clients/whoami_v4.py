"""Print who AWS says we are, and again for each line of stdin: AWS SDK for Python v4.

Nothing of ours is imported: the SDK finds sts-plugin by itself.
"""

import asyncio
import sys

from aws_sdk_sts.client import AsyncSTSClient
from aws_sdk_sts.models import GetCallerIdentityInput
from smithy_core.exceptions import SmithyError


async def main():
    async with AsyncSTSClient() as client:
        while True:
            found = await client.get_caller_identity(GetCallerIdentityInput())
            print(found.arn, flush=True)
            if not await asyncio.to_thread(sys.stdin.readline):
                return


try:
    asyncio.run(main())
except SmithyError as error:
    sys.exit(f"{type(error).__name__}: {error}")
