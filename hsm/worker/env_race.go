//go:build race

package worker

// A program built with the race detector, as tests are, waits a second at its
// end unless the detector's settings say otherwise.
func init() { general = append(general, "GORACE") }
