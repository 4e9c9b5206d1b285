# Prints who AWS says we are, and again for each line of stdin, with one client.
require "aws-sdk-core"

# Named here: not every release reads AWS_ENDPOINT_URL_STS.
client = Aws::STS::Client.new(endpoint: ENV.fetch("AWS_ENDPOINT_URL_STS"))
$stdout.sync = true
begin
  puts client.get_caller_identity.arn
  $stdin.each_line { puts client.get_caller_identity.arn }
rescue StandardError => error
  abort "#{error.class}: #{error.message}"
end
