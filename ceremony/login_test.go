package ceremony_test

import (
	"fmt"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/plan"
)

// TestLoginLost: the process with the HSM's library ends, and the login with
// it, before any work of a ceremony. The PIN is asked anew, the ceremony goes on
// to its good end, and nobody types a share twice.
func TestLoginLost(t *testing.T) {
	for _, c := range ceremony.All {
		t.Run(c.ID, func(t *testing.T) {
			shares, works := 0, 1
			for at := -1; at < works; at++ {
				s := siteFor(t, c)
				q := s.request(c)
				if c.ID == "drill" {
					q.Drilling.Proof = plan.ProofQuorum // else the HSM is not asked
				}
				m := s.open(c, q)
				asked, pins, work := 0, 0, 0
				m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
					switch {
					case p.Kind == ceremony.AskShare:
						asked++
					case p.Kind == ceremony.AskSecret:
						pins++
					case p.Kind == ceremony.Work && pins > 0:
						if work == at {
							s.token.loggedIn = false
						}
						work++
					}
					return ceremony.Input{}, false
				}
				m.drive(nil)
				m.expect(ceremony.CodeDone)
				if at < 0 {
					shares, works = asked, work
					continue
				}
				if asked != shares {
					t.Errorf("lost before work %d: %d shares were typed, %d without", at, asked, shares)
				}
				if n := len(m.find("failed")); n != pins-1 {
					t.Errorf("lost before work %d: %d failures, %d PINs", at, n, pins)
				}
			}
			if works < 2 {
				t.Fatal("hardly any work was seen: " + fmt.Sprint(works))
			}
		})
	}
}
