package folder

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"conclave/ceremony/transcript"
)

// Maker makes one more file of the record from its events, for example
// report.txt or roster.json.
type Maker func(events []transcript.Event, rep transcript.Report) (name string, data []byte, err error)

// Seal finishes the record of a transcript that is closed: head.txt and
// checkpoint.note, then what the makers make, then sha256sums of all. It may be
// called again after an interruption.
func (f *Folder) Seal(makers ...Maker) (transcript.Head, error) { return f.SealSigned(nil, makers...) }

// SealSigned is Seal with signatures in checkpoint.note, for keys that lie in
// the HSM. If one cannot be made the record is sealed without any, and the error
// is a transcript.ErrUnsigned. People sign the finished file; see Attach.
func (f *Folder) SealSigned(signers []transcript.Signer, makers ...Maker) (transcript.Head, error) {
	head := f.journal.Head()
	if !f.journal.Over() {
		return head, errors.New("sealing the record: the transcript is not closed")
	}
	if _, err := f.Put(headName, head.Text(f.practice)); err != nil {
		return head, err
	}
	rec, err := OpenRecord(f.path)
	if err != nil {
		return head, err
	}
	defer rec.Close()
	events, rep, err := rec.Events()
	if err != nil {
		return head, err
	}
	if rep.State != transcript.Closed {
		return head, fmt.Errorf("sealing the record: read back, it is %s: %s", rep.State, rep.Problem)
	}
	unsigned := f.checkpoint(rep.Checkpoint(), signers)
	if errors.Is(unsigned, transcript.ErrUnsigned) {
		err = f.checkpoint(rep.Checkpoint(), nil)
	} else {
		err, unsigned = unsigned, nil
	}
	if err != nil {
		return head, fmt.Errorf("sealing the record: %w", err)
	}
	for _, m := range makers {
		name, data, err := m(events, rep)
		if err != nil {
			return head, fmt.Errorf("sealing the record: %w", err)
		}
		if _, err := f.Put(name, data); err != nil {
			return head, err
		}
	}
	sums, err := f.sums()
	if err != nil {
		return head, fmt.Errorf("sealing the record: %w", err)
	}
	if _, err := f.Put(sumsName, sums); err != nil {
		return head, err
	}
	return head, unsigned
}

// checkpoint writes checkpoint.note. One of the same text that an interrupted
// run left counts: no two signatures are alike.
func (f *Folder) checkpoint(c transcript.Checkpoint, signers []transcript.Signer) error {
	if there, err := f.Get(checkpointName); err == nil {
		if was, _, err := transcript.ParseCheckpoint(there); err == nil && was == c {
			return f.syncFile(f.name(checkpointName))
		}
	}
	b, err := c.Note(signers...)
	if err != nil {
		return err
	}
	_, err = f.Put(checkpointName, b)
	return err
}

// Attach adds a file to a finished record, for what is made after its end: a
// signature by somebody, say. It returns where the file lies.
func Attach(dir, name string, data []byte) (string, error) {
	practice, err := isPractice(dir)
	if err != nil {
		return "", err
	}
	f, err := open(dir, practice)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if _, err := f.Put(name, data); err != nil {
		return "", err
	}
	return f.Path(name), nil
}

// sums lists the regular files of the directory as sha256sum(1) does.
func (f *Folder) sums() ([]byte, error) {
	var b strings.Builder
	err := fs.WalkDir(f.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !isRegular(d) || path.Base(name) == f.name(sumsName) {
			return err
		}
		file, err := openRead(f.root, name)
		if err != nil {
			return err
		}
		defer file.Close()
		h := sha256.New()
		if _, err := io.Copy(h, file); err != nil {
			return err
		}
		if strings.ContainsAny(name, "\\\n\r") {
			return fmt.Errorf("the name %q cannot stand in %s", name, sumsName)
		}
		fmt.Fprintf(&b, "%s  %s\n", hex.EncodeToString(h.Sum(nil)), name)
		return nil
	})
	return []byte(b.String()), err
}
