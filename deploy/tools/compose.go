package main

import (
	"context"
	"fmt"
	"io"

	"github.com/compose-spec/compose-go/v2/cli"
)

// checkCompose loads a Compose file as `docker compose config` does, with variables of this
// process, and tells the names of its services.
func checkCompose(path string, output io.Writer) error {
	options, err := cli.NewProjectOptions([]string{path}, cli.WithOsEnv, cli.WithProfiles([]string{"*"}))
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	for _, name := range project.ServiceNames() {
		fmt.Fprintln(output, name)
	}
	return nil
}
