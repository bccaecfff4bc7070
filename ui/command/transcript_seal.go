package command

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"time"

	"conclave/assets/clean"
	"conclave/ceremony/folder"
	"conclave/ceremony/signature"
	"conclave/ceremony/transcript"
)

// byHSM judges the signatures in checkpoint.note. They are made with a key in the
// same HSM, by whoever can log in: they count for no person, and anchor only
// where the key was brought.
func (r *read) byHSM(note []byte, trust *signature.Trust, brought bool) {
	text, signatures, err := transcript.NoteSignatures(note)
	if err != nil {
		r.rep.Refuse("checkpoint.note: a signature in it cannot be read")
		return
	}
	own, err := transcript.ParseNoteKey(r.hsmKey)
	named := r.hsmKey != "" && err == nil
	signed := false
	for _, s := range signatures {
		who := clean.Clean(s.Name) + ", in checkpoint.note, made with a key in the same HSM: "
		k, trusted := trust.HSM(s)
		recorded := named && own.Made(s)
		signed = signed || recorded
		switch {
		case trusted && !k.Verify(text, s.Signature), recorded && !own.Verify(text, s.Signature):
			r.rep.Refuse("checkpoint.note: the signature made with a key in the HSM is not of this checkpoint")
			return
		case trusted:
			r.remark("signed by", who+"good; counted for no person")
			r.rep.Anchor("the signature made with a key in the HSM that -trust names")
		case brought:
			r.remark("signed by", who+"not counted: -trust does not name the key")
		case recorded:
			r.remark("signed by", who+"good by the key that the record names; whose that is only -trust can tell. Not counted")
		default:
			r.remark("signed by", who+"not checked: nothing gives the key. Not counted")
		}
	}
	if !named {
		return
	}
	if !signed {
		r.remark("signed by", "NOT by the HSM, although the record names a key in it that signs")
	}
	sum := own.SHA256()
	r.remark("HSM key", own.Line())
	r.remark("", own.Type()+", SHA-256 "+hex.EncodeToString(sum[:]))
}

// stamped judges an answer of a time-stamping authority.
func (r *read) stamped(file string, brought bool, note, b []byte, trust *signature.Trust) {
	s, err := trust.CheckStamp(note, b)
	says := fmt.Sprintf("%s: says the authority %s", at(s.Time), s.Authority)
	switch {
	case errors.Is(err, signature.ErrWrong):
		r.rep.Refuse(signaturesDir + "/" + file + ": it is no time-stamp of this checkpoint")
		return
	case err != nil:
		r.remark("dated by", file+": not counted: "+err.Error())
		return
	case s.Trusted:
		r.remark("dated by", file+", "+says)
		r.rep.Anchor("the time-stamp of " + s.Authority + ", " + at(s.Time))
		return
	case brought:
		says += "; not counted: -trust has no certificate that leads to it"
	default:
		says += "; not counted: whose it is only -trust can tell"
	}
	r.remark("dated by", file+", "+says)
}

func at(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

// writeQuery writes what a time-stamping authority is asked.
func (p *Process) writeQuery(r *read, file string) error {
	note, err := r.checkpoint()
	if err != nil {
		return err
	}
	q, err := signature.StampQuery(note)
	if err != nil {
		return fmt.Errorf("making the query: %w", err)
	}
	f, err := os.OpenFile(filepath.Clean(file), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return failed("%s is there already. Nothing was written; take another name.", clean.Clean(file))
	}
	if err == nil {
		_, err = f.Write(q)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fmt.Errorf("writing the query: %w", err)
	}
	_, err = fmt.Fprintf(p.Stdout, `%s asks for a time-stamp of %s. It holds a hash and nothing else.
On a machine with a network:

  curl -H 'Content-Type: application/timestamp-query' \
    --data-binary @%s -o answer.tsr URL-OF-THE-AUTHORITY

Then: conclave transcript sign DIR -tsr answer.tsr
`, clean.Clean(file), clean.Clean(r.name), clean.Clean(filepath.Base(file)))
	return err
}

// addStamp files the answer of a time-stamping authority.
func (p *Process) addStamp(r *read, file string, trust *signature.Trust) error {
	b, _, err := readFile(file, signature.MaxFile)
	if err != nil {
		return err
	}
	note, err := r.checkpoint()
	if err != nil {
		return err
	}
	known := trust
	if known == nil {
		known = &signature.Trust{}
	}
	s, err := known.CheckStamp(note, b)
	if errors.Is(err, signature.ErrWrong) {
		err = errors.New("it is no time-stamp of this checkpoint")
	}
	if err != nil {
		return &ending{CodeChanged, fmt.Sprintf("%s: %v. Nothing was added; ask with what conclave transcript sign -tsq writes.", clean.Clean(file), err)}
	}
	if trust != nil && !s.Trusted {
		return &ending{CodeChanged, fmt.Sprintf("%s: -trust has no certificate that leads to the authority %s. Nothing was added.", clean.Clean(file), s.Authority)}
	}
	name := folder.FileName(s.Authority) + "-" + s.Time.UTC().Format("20060102T150405Z") + ".tsr"
	where, err := folder.Attach(r.name, path.Join(signaturesDir, name), b)
	if errors.Is(err, os.ErrExist) {
		return failed("%v. Nothing was added: it is filed already.", err)
	}
	if err != nil {
		return err
	}
	how := "as it says itself: give -trust to check whose it is"
	if s.Trusted {
		how = "checked with -trust"
	}
	_, err = fmt.Fprintf(p.Stdout, "%s: %s, says the authority %s, %s\n", clean.Clean(where), at(s.Time), s.Authority, how)
	return err
}
