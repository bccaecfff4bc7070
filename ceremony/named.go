package ceremony

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"conclave/ceremony/transcript"
)

// Named is a file that a plan or a flag names: read once, before the ceremony, and
// acted upon from these bytes. The record keeps them.
type Named struct {
	What string // "plan", "config", "recovery-pgp-keys"
	Name string // as it was named
	Keep string // its name in the record, without a directory; "": it is not kept
	Data []byte // without what is secret in it
	Note string // why it is not kept, or what of it is not
}

// KeepNamed puts the files that were named into a record, and notes each.
func KeepNamed(list []Named, put func(name string, data []byte) (string, error), note func(transcript.Entry) error) error {
	for i, n := range list {
		facts := transcript.Facts{"what": n.What, "name": n.Name}
		if n.Note != "" {
			facts["note"] = n.Note
		}
		if n.Keep != "" {
			name := fmt.Sprintf("named/%d-%s", i+1, n.Keep)
			if _, err := put(name, n.Data); err != nil {
				return fmt.Errorf("keeping a file that was named: %w", err)
			}
			facts["file"], facts["sha256"] = name, n.SHA256()
		}
		if err := note(transcript.Entry{Kind: "named", Evidence: transcript.ByProgram, Facts: facts}); err != nil {
			return err
		}
	}
	return nil
}

// SHA256 is the digest of what is kept, in hex.
func (n Named) SHA256() string {
	sum := sha256.Sum256(n.Data)
	return hex.EncodeToString(sum[:])
}
