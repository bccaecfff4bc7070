package ceremony

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"conclave/ceremony/transcript"
)

// A second medium holds a copy of every encrypted share. It is what custodians
// carry away, so it is what they prove: the file that they decrypt is the one
// that is read there, not that in the ceremony's directory.

// putFile writes an encrypted share, or a challenge, in the ceremony's directory, and on the
// second medium if there is one. An error says which of the two it was.
func (r *Run) putFile(name string, armored []byte) (sum string, err error) {
	sum, err = r.env.Shelf.Put(name, armored)
	if err != nil || r.env.Medium == nil {
		return sum, err
	}
	second, err := r.env.Medium.Put(name, armored)
	if err == nil && second != sum {
		err = fmt.Errorf("the second medium, %s: the copy of %s is not what is in the ceremony's directory", r.env.Medium.Path("."), name)
	}
	return sum, err
}

// carries tells whether a custodian's file must still be read from the medium
// that they take home. A run that goes on where another was cut off has no file
// to compare with.
func (r *Run) carries(number int) bool {
	_, filed := r.delivery.files[number]
	return r.env.Medium != nil && filed && r.proof.read != number
}

// readCarried reads a custodian's file from their medium. Where they brought
// one of their own that has no such file yet, it is written there.
func (r *Run) readCarried(who Person, number int) *page {
	f, at := r.delivery.files[number], r.env.Medium.Path(".")
	return &page{
		Prompt: Prompt{Kind: Attest, By: who, Heading: who.Name + ": put in the medium that you take home",
			Facts: []Fact{{"medium", at}, {"file", r.env.Medium.Path(f.name)}, {"SHA-256", short(f.sha256)}},
			Text: []string{"Your file is read from it, and compared with what was written. Decrypt that one, from this medium, on a device of your own. " +
				"If you brought a medium on which it is not yet, it is written there first."},
			Recorded: "the file's SHA-256 as read from the medium, for whom."},
		do: func(context.Context, Input) error {
			written := false
			b, err := r.env.Medium.Get(f.name)
			if errors.Is(err, fs.ErrNotExist) {
				written = true
				if b, err = r.env.Shelf.Get(f.name); err == nil {
					_, err = r.env.Medium.Put(f.name, b)
				}
				if err == nil {
					b, err = r.env.Medium.Get(f.name)
				}
			}
			if err != nil {
				return askAgain("The second medium could not be read or written.", r.stands(), "Put it in, or another one, and go on. It said: "+sentence(err.Error()))
			}
			sum := sha256.Sum256(b)
			facts := transcript.Facts{"number": number, "custodian": who.Name, "set": r.delivery.set, "file": f.name, "medium": at,
				"sha256": hex.EncodeToString(sum[:]), "written": written, "same": hex.EncodeToString(sum[:]) == f.sha256}
			if err := r.record("carried", Custodian, who.Name, facts); err != nil {
				return err
			}
			if !facts.Flag("same") {
				return askAgain("The file on the second medium is not the one that was written.", r.stands(),
					"Do not take this medium home. Put in another one: the file is written there anew.")
			}
			r.proof.read = number
			return nil
		},
	}
}

// voidFile names the file that says that the shares of a set open nothing.
func voidFile(set string) string { return "shares/VOID-" + set[:min(len(set), 8)] + ".txt" }

// markVoid puts a file beside those of a set that never counted; for one that a
// killed run left, whose directory is closed, in the directory of the run that
// found it. Each share file
// names its set in its armor, so also one that lies alone can be told: it counts
// only if a record says that its set does.
func (r *Run) markVoid(set, reason string) error {
	text := fmt.Sprintf("VOID: the shares of the set %s never counted.\n%s\nThey open nothing, in files or on paper. Destroy every copy.\n", set, capital(sentence(reason)))
	_, err := r.env.Shelf.Put(voidFile(set), []byte(text))
	if r.env.Medium != nil {
		_, e := r.env.Medium.Put(voidFile(set), []byte(text))
		err = errors.Join(err, e)
	}
	return err
}

// armorNote is what the armor of a share's file says of it.
func (r *Run) armorNote(number int) string {
	return fmt.Sprintf("Share %d of set %s, ceremony %s. It counts only if the record of that ceremony says that the set does.",
		number, r.delivery.set, strings.ToValidUTF8(string(r.op), "?"))
}
