package rehearse

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"conclave/ceremony/custodian"
	"conclave/ceremony/folder"
	"conclave/ceremony/transcript"
	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/share"
)

// scheme of all texts here: practice shares have check characters of their own.
var scheme = share.Scheme{Practice: true}

// Refresh reads from the transcripts who holds which share now.
func (w *World) Refresh() error {
	found, err := folder.Find(w.Dir)
	if err != nil {
		return err
	}
	slices.SortStableFunc(found, func(a, b folder.Found) int {
		return cmp.Compare(a.Report.Header.Facts.Number("sequence"), b.Report.Header.Facts.Number("sequence"))
	})
	w.Roster, w.records = nil, map[string]string{}
	for _, f := range found {
		if f.Report.Head.Count == 0 {
			continue // ended before its first line
		}
		if w.Roster, err = follow(w.Roster, f.Dir); err != nil {
			return fmt.Errorf("reading the earlier rehearsals: %s: %w", filepath.Base(f.Dir), err)
		}
		w.records[w.Roster.Ceremony] = f.Dir
	}
	w.sealedWith()
	return nil
}

func follow(previous *custodian.Roster, dir string) (*custodian.Roster, error) {
	r, err := folder.OpenRecord(dir)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	events, rep, err := r.Events()
	if err != nil {
		return nil, err
	}
	return custodian.DeriveFrom(previous, events, rep)
}

// holders are those who hold a share that counts, in the order of the shares.
func (w *World) holders() []string {
	var list []string
	if w.Roster == nil {
		return nil
	}
	if set, ok := w.Roster.ValidSet(); ok {
		for _, h := range set.Holdings {
			list = append(list, h.Custodian)
		}
	}
	return list
}

// set is the set of shares that counts, or, if pending, the newest that is
// handed out and does not count yet: perhaps by a ceremony that was cut off, and
// that another goes on with.
func (w *World) set(pending bool) (custodian.Set, bool) {
	if w.Roster == nil {
		return custodian.Set{}, false
	}
	if !pending {
		return w.Roster.ValidSet()
	}
	for _, s := range slices.Backward(w.Roster.Sets) {
		if s.State == custodian.Pending {
			return s, true
		}
	}
	return custodian.Set{}, false
}

// held is one person's share in a set.
func held(set custodian.Set, name string) (custodian.Holding, bool) {
	for _, h := range set.Holdings {
		if h.Custodian == name {
			return h, true
		}
	}
	return custodian.Holding{}, false
}

// errNotKept says that a share was shown and nobody kept it here.
var errNotKept = errors.New("the share was shown on the screen; only who wrote it down has it")

// share opens a share as its custodian would: decrypts the file of the record,
// or looks at the paper. The caller wipes it.
func (w *World) share(set custodian.Set, h custodian.Holding) (secret.Bytes, error) {
	raw, err := w.openShare(set, h)
	if err != nil {
		return secret.Bytes{}, fmt.Errorf("opening share %d, of %s: %w", h.Number, h.Custodian, err)
	}
	id, err := share.ParseSet(set.ID)
	if err != nil {
		raw.Wipe()
		return secret.Bytes{}, err
	}
	if vaultstate.Digest(id.Fingerprint(raw)).String() != h.Fingerprint {
		raw.Wipe()
		return secret.Bytes{}, fmt.Errorf("share %d, of %s, is not the one that the record names", h.Number, h.Custodian)
	}
	return raw, nil
}

func (w *World) openShare(set custodian.Set, h custodian.Holding) (secret.Bytes, error) {
	message, err := w.message(set, h)
	if err != nil {
		return secret.Bytes{}, err
	}
	key, err := w.private(h.Custodian)
	if err != nil {
		return secret.Bytes{}, err
	}
	text, err := key.Decrypt(message)
	if err != nil {
		return secret.Bytes{}, err
	}
	defer text.Wipe()
	raw, _, err := scheme.Parse(text, shareBytes(set.Shares))
	return raw, err
}

// message is the encrypted share.
func (w *World) message(set custodian.Set, h custodian.Holding) ([]byte, error) {
	if h.File == "" {
		b, err := os.ReadFile(w.paper(h.Fingerprint))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, errNotKept
		}
		return b, err
	}
	r, err := folder.OpenRecord(w.records[set.Ceremony])
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return r.Get(h.File)
}

// paper is where a player keeps a share that was shown: encrypted to its
// custodian, as in an envelope.
func (w *World) paper(fingerprint string) string {
	return filepath.Join(w.Dir, paperName, "PRACTICE-"+folder.FileName(fingerprint[:min(16, len(fingerprint))])+".asc")
}

// shareBytes is the length of a share: a key that is not split has no
// x-coordinate.
func shareBytes(shares int) int {
	if shares == 1 {
		return 32
	}
	return 33
}

// events of one record, with head.txt compared.
func events(dir string) ([]transcript.Event, transcript.Report, error) {
	r, err := folder.OpenRecord(dir)
	if err != nil {
		return nil, transcript.Report{}, err
	}
	defer r.Close()
	return r.Events()
}
