//go:build pins

package main

// KEDA's definition of a ScaledObject is read from its module, as a file.
import _ "github.com/kedacore/keda/v2/version"
