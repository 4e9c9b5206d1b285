// Prints who AWS says we are. Arguments: where credentials come from, "ini" or "chain",
// and whether the SDK is to "log" what it tries.
const { STSClient, GetCallerIdentityCommand } = require("@aws-sdk/client-sts");
const { fromIni } = require("@aws-sdk/credential-provider-ini");

const [how, log] = process.argv.slice(2);
const client = new STSClient({
  ...(how === "ini" && { credentials: fromIni() }),
  ...(log && { logger: console }),
});
client.send(new GetCallerIdentityCommand({})).then(
  ({ Arn }) => console.log(Arn),
  (error) => {
    console.error(`${error.name}: ${error.message}`);
    process.exitCode = 1;
  },
);
