// Prints who AWS says we are, and again for each line of stdin, with one client.
package main

import (
	"bufio"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go/aws"
	"github.com/aws/aws-sdk-go/aws/session"
	"github.com/aws/aws-sdk-go/service/sts"
)

func main() {
	// Named here: not every release reads AWS_ENDPOINT_URL_STS.
	all := session.Must(session.NewSessionWithOptions(session.Options{
		Config:            aws.Config{Endpoint: aws.String(os.Getenv("AWS_ENDPOINT_URL_STS"))},
		SharedConfigState: session.SharedConfigEnable,
	}))
	client := sts.New(all)
	lines := bufio.NewScanner(os.Stdin)
	for more := true; more; more = lines.Scan() {
		answer, err := client.GetCallerIdentity(&sts.GetCallerIdentityInput{})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(*answer.Arn)
	}
}
