// Prints who AWS says we are, and again for each line of stdin, with one client.
// Arguments: where credentials come from, "ini" or "chain", and whether the SDK is to
// "log" what it tries.
const { createInterface } = require("node:readline");
const { STSClient, GetCallerIdentityCommand } = require("@aws-sdk/client-sts");
const { fromIni } = require("@aws-sdk/credential-provider-ini");

const [how, log] = process.argv.slice(2);
const client = new STSClient({
  ...(how === "ini" && { credentials: fromIni() }),
  ...(log && { logger: console }),
});

async function whoami() {
  const { Arn } = await client.send(new GetCallerIdentityCommand({}));
  console.log(Arn);
}

async function main() {
  await whoami();
  for await (const _ of createInterface({ input: process.stdin })) await whoami();
}

main().catch((error) => {
  console.error(`${error.name}: ${error.message}`);
  process.exit(1);
});
