package command

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"conclave/assets/clean"
	"conclave/ceremony/custodian"
	"conclave/ceremony/folder"
	"conclave/ceremony/plan"
	"conclave/vaultstate/pgp"
)

func (p *Process) drillCommand() *cobra.Command {
	c := &cobra.Command{Use: "drill [flags]", Short: "Every custodian proves their share; changes nothing", Args: cobra.NoArgs,
		Long: "Shares are compared with the record of the ceremony that made them: without a PIN,\nand with the server running. Without -custodian, all who hold a share are asked."}
	f := ceremonyFlags(c)
	f.drillFlags()
	c.RunE = func(c *cobra.Command, _ []string) error { return p.hold(c.Context(), plan.Drill, f) }
	return c
}

// drillFlags are what is proven in a drill.
func (f *flags) drillFlags() {
	s := f.set
	s.StringVar(&f.drilling.Proof, "proof", "", "`WHAT`: key of those who have one (usual), share, quorum, hsm-backup")
	s.BoolVar(&f.hsmBackup, "hsm-backup", false, "-proof=hsm-backup: nobody types a share, and the vault is opened through the HSM's backup")
	s.BoolVar(&f.drilling.CompareKey, "compare-recovery-key", false, "compare the HSM's recovery key with the record, too")
	f.confirmFlags()
	s.StringVar(&f.keys, "recovery-pgp-keys", "", "`FILES` with public keys, and commas; else those in the records")
}

// drills takes into a request what is asked of a drill. The records say who
// holds a share, where nobody else does.
func (f *flags) drills(q *plan.Request, ro *custodian.Roster, now time.Time) error {
	if q.Kind != plan.Drill {
		return nil
	}
	if f.hsmBackup && f.given("proof") && f.drilling.Proof != plan.ProofHSM {
		return usage("-hsm-backup and -proof=%s: one of them is proven in a drill. Nothing was touched; leave one out.", clean.Clean(f.drilling.Proof))
	}
	q.Drilling = f.drilling
	if f.hsmBackup {
		q.Drilling.Proof = plan.ProofHSM
	}
	var set custodian.Set
	known := false
	if ro != nil {
		set, known = ro.ValidSet()
	}
	if known && f.recovering.head+f.recovering.trust != "" {
		chain, by, err := f.confirmed(ro, now)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(chain, func(one *read) bool { return one.rep.Header.Facts.Text("id") == set.Ceremony }) {
			q.Drilling.Confirmed = by
		}
	}
	if q.Drilling.Proof == plan.ProofHSM {
		return nil // nobody's share is asked for
	}
	if !known && f.drilling.Proof != plan.ProofQuorum {
		return usage("no record says which shares were handed out, so there is nothing to compare with. Nothing was touched; " +
			"name the record with -previous, or have a quorum compared with the HSM: -proof=quorum, an override.")
	}
	if known && len(set.Holdings) == 0 && f.drilling.Proof != plan.ProofQuorum {
		return usage("%s handed the shares of this vault out over the API, and nobody wrote down to whom: there is nobody to ask. Nothing was touched; "+
			"hold a recovery rekey, whose record names its holders, or have a quorum compared with the HSM: -proof=quorum, an override.", clean.Clean(set.Ceremony))
	}
	if proof := q.Drilling.Proof; len(q.RecoveryKeys) == 0 && (proof == "" || proof == plan.ProofKey) {
		var err error
		if q.RecoveryKeys, err = recordedKeys(f.recordsBefore, set); err != nil {
			return usage("%v. Nothing was touched; name the files with -recovery-pgp-keys, or have the shares typed: -proof=share.", err)
		}
	}
	if len(q.Custodians) > 0 {
		return nil
	}
	for _, h := range set.Holdings {
		named := slices.ContainsFunc(append([]string{q.Operator, q.Witness}, append(q.Witnesses, q.Custodians...)...),
			func(name string) bool { return plan.Same(name, h.Custodian) })
		if !named {
			q.Custodians = append(q.Custodians, h.Custodian)
		}
	}
	return nil
}

// recordedKeys are the public keys of a set's holders that the records keep,
// among which last is the last. A key is the right one if its fingerprint is, in
// whatever record it lies.
func recordedKeys(last string, set custodian.Set) ([]plan.File, error) {
	parents := []string{filepath.Dir(filepath.Clean(last)), last} // -previous may name the directory of them all
	var list []plan.File
	for _, h := range set.Holdings {
		if h.PGP == "" {
			continue
		}
		for _, parent := range parents {
			kept, err := folder.FindFile(parent, custodian.KeyFile(h.PGP), false)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, err
			}
			k, err := pgp.Read(kept.Path, kept.Data)
			if err != nil {
				return nil, err
			}
			if k.Fingerprint != h.PGP {
				return nil, fmt.Errorf("%s holds another key than its name says", kept.Path)
			}
			list = append(list, plan.File{Name: kept.Path, Data: kept.Data, FromRecord: true})
			break
		}
	}
	return list, nil
}
