// Prints who AWS says we are, and again for each line of stdin, with one client.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	all, err := config.LoadDefaultConfig(context.TODO())
	check(err)
	// Named here: not every release reads AWS_ENDPOINT_URL_STS.
	client := sts.NewFromConfig(all, sts.WithEndpointResolver(
		sts.EndpointResolverFromURL(os.Getenv("AWS_ENDPOINT_URL_STS"))))
	lines := bufio.NewScanner(os.Stdin)
	for more := true; more; more = lines.Scan() {
		answer, err := client.GetCallerIdentity(context.TODO(), &sts.GetCallerIdentityInput{})
		check(err)
		fmt.Println(*answer.Arn)
	}
}
