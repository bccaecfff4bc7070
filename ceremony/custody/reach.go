package custody

import (
	"fmt"
	"maps"
	"time"
)

// away tells of the share that a number names whether its holder cannot be
// counted on: they have left, or were not at a drill and did not prove it since.
func (j *judge) away(number int) bool {
	if _, left := j.left[number]; left {
		return true
	}
	for _, h := range j.set.Holdings {
		if h.Number != number {
			continue
		}
		proven, _ := j.proven(h)
		for _, a := range j.History.Absent {
			if a.Set == j.set.ID && a.Number == number && a.At.After(proven) {
				return true
			}
		}
	}
	return false
}

// reach counts the shares of holders who cannot be counted on as missing: a
// quorum is made of people who come.
func (j *judge) reach() {
	away, missing := map[int]bool{}, maps.Clone(j.lost)
	for _, h := range j.set.Holdings {
		if !j.lost[h.Number] && j.away(h.Number) {
			away[h.Number], missing[h.Number] = true, true
		}
	}
	n, t := j.set.Shares, j.set.Threshold
	if len(away) == 0 || n-len(j.lost) < t { // nobody; or it is said already
		return
	}
	what := fmt.Sprintf("Holders of %s have left or were absent: of %d shares %d can be counted on, and %d are needed.", j.named(away), n, n-len(missing), t)
	switch with := n - len(missing); {
	case with < t:
		j.add(Item{AtOnce, "recovery-rekey", "Recovery rekey", "too few holders can be counted on", what,
			"Reach them while their shares still work, and hold a recovery rekey: conclave rekey -target=recovery. If they do not come, make the authority anew: conclave recover. See conclave guide when.", time.Time{}})
	case with == t:
		j.add(Item{Due, "recovery-rekey", "Recovery rekey", "no other holder may be missing", what,
			"Hold a recovery rekey, with holders who come: conclave rekey -target=recovery.", time.Time{}})
	}
}
