package ceremony

import (
	"fmt"
	"strings"

	"conclave/ceremony/plan"
	"conclave/hsm"
	"conclave/vaultstate"
)

// librarySame refuses a library that is not the one of the agreed plan, which was
// read before the ceremony.
func (r *Run) librarySame(info hsm.Info) error {
	if info.LibrarySHA256 == "" {
		return nil
	}
	agreed := false
	for _, v := range r.plan.Values {
		_, sum, hashed := strings.Cut(v.Text, ", SHA-256 ")
		if v.Name != plan.LibraryFile || !hashed {
			continue
		}
		if sum == info.LibrarySHA256 {
			return nil
		}
		agreed = true
	}
	if agreed {
		return fmt.Errorf("%w: the HSM's library %s is another than when the plan was agreed to: its SHA-256 is %s now", vaultstate.ErrChanged, info.Library, info.LibrarySHA256)
	}
	return nil
}
