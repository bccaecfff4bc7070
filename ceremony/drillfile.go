package ceremony

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"

	"conclave/ceremony/custodian"
	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
)

// A proof of the key alone shows that its holder can decrypt, not that the share
// is there. So the file that they brought is looked at as well: its SHA-256 is that
// of the record, or it is not the one that was handed out. It is not decrypted.

// mostFile is more than any file with a share has.
const mostFile = 1 << 20

// bringsFile tells whether somebody whose key is proven is asked for the file.
func (r *Run) bringsFile(h custodian.Holding) bool {
	return r.env.ReadFile != nil && h.SHA256 != ""
}

// askFile is the page for it.
func (r *Run) askFile(h custodian.Holding, who Person) *page {
	return &page{
		Prompt: Prompt{Kind: Ask, By: who, Heading: who.Name + ": the file with your share, on the medium that you brought", Field: "file", Path: true, Default: "NONE",
			Facts: []Fact{{"handed out as", filepath.Base(h.File)}, {"SHA-256", short(h.SHA256)}},
			Text: []string{"Its path. It is compared with the record, and not decrypted here. " +
				"NONE: you did not bring it. Then your key is proven, and nothing of the share."},
			Recorded: "the path, the file's SHA-256, whether it is the one of the record; or that it was not brought."},
		do: func(_ context.Context, in Input) error {
			d := &r.drilling
			name, err := r.typed("file", in.Text, mostLine, nil)
			if err != nil {
				return err
			}
			if name == "" || sameWord(name, "NONE") {
				d.askFile = 0
				return r.isProven(h, plan.ProofKey, transcript.ByDecrypt)
			}
			b, err := r.env.ReadFile(name, mostFile)
			if err != nil {
				return askAgain("The file cannot be read.", "Nothing is changed.", "Put the medium in and type the file's whole path, or NONE. It said: "+sentence(err.Error()))
			}
			sum := sha256.Sum256(b)
			same := hex.EncodeToString(sum[:]) == h.SHA256
			set, _ := r.validSet()
			if err := r.record("carried", Custodian, who.Name, transcript.Facts{"number": h.Number, "custodian": h.Custodian, "set": set.ID,
				"file": filepath.Base(name), "medium": filepath.Dir(name), "sha256": hex.EncodeToString(sum[:]), "same": same}); err != nil {
				return err
			}
			if !same {
				happened := "This is not the file that was handed out: its SHA-256 is another."
				if of, known := r.holdingOfFile(hex.EncodeToString(sum[:])); known {
					happened = fmt.Sprintf("This is the file of share %d of the set of %s, which was handed out to %s, not that of your share.", of.Number, day(of.issued), of.Custodian)
				}
				return askAgain(happened, "Nothing is changed. Your key is proven.",
					"Look for the right one. It may be of an earlier set, or damaged: then say NONE, and a recovery rekey is due.")
			}
			d.askFile = 0
			return r.isProven(h, custodian.ProofFile, transcript.ByDecrypt)
		},
	}
}

// heldFile is a share that was handed out in a file, and when.
type heldFile struct {
	custodian.Holding
	issued string
}

// holdingOfFile tells by the records whose file it is.
func (r *Run) holdingOfFile(sha256 string) (heldFile, bool) {
	if r.env.Roster == nil {
		return heldFile{}, false
	}
	for _, s := range r.env.Roster.Sets {
		for _, h := range s.Holdings {
			if h.SHA256 == sha256 {
				return heldFile{h, s.Issued}, true
			}
		}
	}
	return heldFile{}, false
}
