package rehearse

import (
	"fmt"

	"conclave/ceremony/custodian"
	"conclave/ceremony/folder"
	"conclave/ceremony/plan"
)

// drills takes into a request what is proven, and the public keys of those whose
// share is encrypted to one.
func (w *World) drills(q *plan.Request) error {
	q.Drilling.Proof = w.Proof
	set, ok := w.set(false)
	if !ok || w.Proof != "" && w.Proof != plan.ProofKey {
		return nil
	}
	for _, h := range set.Holdings {
		if h.PGP == "" {
			continue
		}
		f, err := w.publicKey(h.Custodian)
		if err != nil {
			return err
		}
		q.RecoveryKeys = append(q.RecoveryKeys, f)
	}
	return nil
}

// brought is the file that a custodian brings to a drill.
func (w *World) brought(name string) (string, error) {
	set, _ := w.set(false)
	h, ok := held(set, name)
	if !ok || h.File == "" {
		return "", fmt.Errorf("%s was handed out no file", name)
	}
	return w.fileOf(set, h)
}

func (w *World) fileOf(set custodian.Set, h custodian.Holding) (string, error) {
	r, err := folder.OpenRecord(w.records[set.Ceremony])
	if err != nil {
		return "", err
	}
	return r.Path(h.File), r.Close()
}
