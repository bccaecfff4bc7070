package ceremony

import (
	"fmt"
	"slices"
	"strings"

	"conclave/ceremony/plan"
)

// second is whether a second witness is asked for on the day: only where the
// plan does not name the first.
type second int

const (
	askedFor second = iota + 1
	answered
)

// nobody is the answer that there is none.
const nobody = "nobody"

// weighPresent repeats the plan's arithmetic with who is really here: those who
// watch, and those who give their shares.
func (r *Run) weighPresent(here []Person) error {
	if planned := count(r.plan.People, Witness); r.plan.Kind != plan.Unseal && count(here, Witness) < planned {
		if count(here, Witness) == 1 {
			if err := r.override("one-witness", "There is one witness, and two are asked for.", "", "another is planned and is not here"); err != nil {
				return err
			}
		}
		if r.independent(r.plan.People) && !r.independent(here) {
			if err := r.override("near-witness", "No witness who is here is said to be of another organisation than the operator.", "", ""); err != nil {
				return err
			}
		}
	}
	if !r.plan.NeedsQuorum() || r.status.Threshold < 1 {
		return nil
	}
	for _, same := range []struct {
		id, text string
		of       func(Person) string
	}{
		{"one-organisation", "%d of the custodians who are here are of %s: it can act alone.", func(w Person) string { return w.Organisation }},
		{"one-superior", "%d of the custodians who are here report to %s, who can have them act.", func(w Person) string { return w.ReportsTo }},
		{"one-site", "%d of the custodians who are here keep their shares at %s: whoever gets in there has a quorum.", func(w Person) string { return w.Site }},
	} {
		count := map[string]int{}
		for _, who := range here {
			name := same.of(who)
			if who.Role != Custodian || name == "" {
				continue
			}
			key := strings.ToLower(name)
			if count[key]++; count[key] == r.status.Threshold {
				if err := r.override(same.id, fmt.Sprintf(same.text, r.status.Threshold, name), "", ""); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// independent tells whether a witness of another organisation than the
// operator's is among people.
func (r *Run) independent(people []Person) bool {
	operator := r.person(Operator)
	return slices.ContainsFunc(people, func(who Person) bool {
		return who.Role == Witness && who.Organisation != "" && operator.Organisation != "" && !plan.Same(who.Organisation, operator.Organisation)
	})
}
