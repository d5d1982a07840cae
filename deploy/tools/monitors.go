package main

import (
	"fmt"
	"io"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"sigs.k8s.io/yaml"
)

// checkMonitor decodes one object of the Prometheus Operator into the Go type of its kind. A field
// that the type has not, one that is there twice and one of another type are errors.
func checkMonitor(input io.Reader, output io.Writer) error {
	text, err := io.ReadAll(input)
	if err != nil {
		return err
	}
	var described struct{ Kind string }
	if err := yaml.Unmarshal(text, &described); err != nil {
		return err
	}
	known := map[string]any{
		monitoring.PodMonitorsKind:    &monitoring.PodMonitor{},
		monitoring.PrometheusRuleKind: &monitoring.PrometheusRule{},
	}
	object, found := known[described.Kind]
	if !found {
		return fmt.Errorf("no kind of the Prometheus Operator that is used here: %q", described.Kind)
	}
	if err := yaml.UnmarshalStrict(text, object); err != nil {
		return err
	}
	fmt.Fprintln(output, described.Kind)
	return nil
}
