// Checks what is in deploy/ with the parsers of those who will read it.
//
//	tools compose FILE            Compose, with interpolation and consistency checks
//	tools monitor < object.yaml   an object of the Prometheus Operator, strictly
//	tools dockerfile < Dockerfile BuildKit's parser and its build checks
//
// What is wrong is on standard error, and the exit status is 1.
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string, input io.Reader, output io.Writer) error {
	switch {
	case len(arguments) == 1 && arguments[0] == "dockerfile":
		return checkDockerfile(input, output)
	case len(arguments) == 1 && arguments[0] == "monitor":
		return checkMonitor(input, output)
	case len(arguments) == 2 && arguments[0] == "compose":
		return checkCompose(arguments[1], output)
	}
	return fmt.Errorf("usage: tools dockerfile | monitor | compose FILE")
}
