package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// checkDockerfile parses a Dockerfile as BuildKit does, tells its stages, and fails on whatever
// BuildKit's build checks warn of.
func checkDockerfile(input io.Reader, output io.Writer) error {
	var problems []error
	warn := func(rule, description, _, message string, _ []parser.Range) {
		problems = append(problems, fmt.Errorf("%s: %s (%s)", rule, message, description))
	}
	parsed, err := parser.Parse(input)
	if err != nil {
		return err
	}
	stages, _, err := instructions.Parse(parsed.AST, linter.New(&linter.Config{Warn: warn}))
	if err != nil {
		return err
	}
	for _, stage := range stages {
		fmt.Fprintf(output, "%s FROM %s\n", stage.Name, stage.BaseName)
	}
	return errors.Join(problems...)
}
