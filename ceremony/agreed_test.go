package ceremony_test

import (
	"testing"

	"conclave/ceremony"
)

// TestPlanChanged: a plan that is not the one that was read aloud any more stops
// the ceremony before the swap, with code 4 and nothing changed.
func TestPlanChanged(t *testing.T) {
	s := initialised(t)
	before := s.status()
	m := s.open(ceremony.Rotate, s.request(ceremony.Rotate))
	m.drive(func(p ceremony.Prompt) bool { return p.StepID == "go" })
	m.env.Plan.Values[0].Text = "another" // in the memory that the run has, too
	m.drive(nil)
	m.expect(ceremony.CodeChanged)
	if after := s.status(); after.Storage != before.Storage {
		t.Error("the vault was changed all the same")
	}
}
