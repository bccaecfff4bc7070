package transcript

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint names a transcript as a C2SP checkpoint does: by the number of its
// lines and the root of the RFC 6962 tree over them. It is what people sign.
type Checkpoint struct {
	ID       string // of the ceremony
	Practice bool
	Head     Head
	Root     tlog.Hash
}

// origin is what a checkpoint's first line begins with.
const origin = "conclave/"

// Checkpoint is the one of a transcript that was read to its end.
func (r Report) Checkpoint() Checkpoint {
	return Checkpoint{ID: r.Header.Facts.Text("id"), Practice: r.Header.Practice, Head: r.Head, Root: r.Root}
}

// Text is the checkpoint as it is signed: origin, size and root, one a line, and
// the head, which people have on paper.
func (c Checkpoint) Text() string {
	mark := ""
	if c.Practice {
		mark = practiceMark + "-"
	}
	return fmt.Sprintf("%s%s%s\n%d\n%s\nhead %s\n", mark, origin, c.ID, c.Head.Count, c.Root, c.Head)
}

// Note is the checkpoint as a signed note. It may have no signature: people sign
// the file, and their signatures are files of their own.
func (c Checkpoint) Note(signers ...Signer) ([]byte, error) {
	b, err := note.Sign(&note.Note{Text: c.Text()}, signers...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnsigned, err)
	}
	return b, nil
}

// ParseCheckpoint reads a checkpoint, with its signatures or without. They are
// not checked: signers are the lines that name them.
func ParseCheckpoint(b []byte) (c Checkpoint, signers []string, err error) {
	text, rest, ok := strings.Cut(string(b), "\n\n")
	text += "\n"
	if !ok || !plain(strings.ReplaceAll(string(b), "\n", "")) {
		return Checkpoint{}, nil, errors.New("reading a checkpoint: it is no note")
	}
	for line := range strings.Lines(rest) {
		name, found := strings.CutPrefix(line, "— ")
		name, _, blank := strings.Cut(name, " ")
		if !found || !blank || !strings.HasSuffix(line, "\n") {
			return Checkpoint{}, nil, errors.New("reading a checkpoint: a line of a signature is none")
		}
		signers = append(signers, name)
	}
	lines := strings.Split(text, "\n")
	if len(lines) != 5 {
		return Checkpoint{}, nil, errors.New("reading a checkpoint: it has not the lines of one")
	}
	name, mark := strings.CutPrefix(lines[0], practiceMark+"-")
	c.ID, c.Practice = strings.TrimPrefix(name, origin), mark
	if c.Head, err = ParseHead(strings.TrimPrefix(lines[3], "head ")); err != nil {
		return Checkpoint{}, nil, fmt.Errorf("reading a checkpoint: %w", err)
	}
	if c.Head.Count, err = strconv.ParseUint(lines[1], 10, 63); err != nil {
		return Checkpoint{}, nil, errors.New("reading a checkpoint: its size is no number")
	}
	if c.Root, err = tlog.ParseHash(lines[2]); err != nil {
		return Checkpoint{}, nil, errors.New("reading a checkpoint: its root is no SHA-256 in base64")
	}
	if c.Text() != text {
		return Checkpoint{}, nil, errors.New("reading a checkpoint: it is not written as Conclave writes it")
	}
	return c, signers, nil
}

// Disclosed is one event with the proof that it is in a transcript, for those
// who may not see the rest.
type Disclosed struct {
	Event      Event
	Checkpoint Checkpoint
	Note       []byte // the checkpoint as it was, with its signatures
	line       []byte
	proof      tlog.RecordProof
}

// proofMark is the first line of a C2SP proof.
const proofMark = "c2sp.org/tlog-proof@v1\n"

// maxProof bounds the hashes of a proof: a tree of 2^63 lines has no more.
const maxProof = 63

// Disclose writes a line and its proof: the line as it stands in the transcript,
// then a C2SP tlog-proof with the checkpoint.
func Disclose(line []byte, seq uint64, proof tlog.RecordProof, checkpoint []byte) []byte {
	var b bytes.Buffer
	b.Write(line)
	fmt.Fprintf(&b, "%sindex %d\n", proofMark, seq-1)
	for _, h := range proof {
		fmt.Fprintln(&b, h)
	}
	b.WriteString("\n")
	b.Write(checkpoint)
	return b.Bytes()
}

// ParseDisclosed reads what Disclose wrote, and checks the line's one reading
// and the proof. Whether the checkpoint is the right one it cannot know.
func ParseDisclosed(b []byte) (Disclosed, error) {
	var d Disclosed
	wrong := func(what string) (Disclosed, error) {
		return Disclosed{}, errors.New("reading a disclosed event: " + what)
	}
	end := bytes.IndexByte(b, '\n')
	if end < 0 || end >= MaxLine {
		return wrong("there is no line")
	}
	d.line, b = b[:end+1], b[end+1:]
	ev, err := decode(d.line)
	if err != nil {
		return wrong("the line: " + err.Error())
	}
	d.Event = ev
	b, ok := bytes.CutPrefix(b, fmt.Appendf(nil, "%sindex %d\n", proofMark, ev.Seq-1))
	if !ok {
		return wrong("no proof of that event follows the line")
	}
	for !bytes.HasPrefix(b, []byte("\n")) {
		row, rest, ok := bytes.Cut(b, []byte("\n"))
		raw, err := base64.StdEncoding.Strict().DecodeString(string(row))
		if !ok || err != nil || len(raw) != tlog.HashSize || bytes.ContainsAny(row, "\r") || len(d.proof) == maxProof {
			return wrong("a hash of the proof is none")
		}
		d.proof, b = append(d.proof, tlog.Hash(raw)), rest
	}
	d.Note = b[1:]
	if d.Checkpoint, _, err = ParseCheckpoint(d.Note); err != nil {
		return Disclosed{}, err
	}
	n := d.Checkpoint.Head.Count
	if ev.Practice != d.Checkpoint.Practice {
		return wrong("the line and the checkpoint disagree whether this is practice")
	}
	if n > math.MaxInt64 || ev.Seq > n {
		return wrong("the checkpoint has fewer events")
	}
	if err := tlog.CheckRecord(d.proof, int64(n), d.Checkpoint.Root, int64(ev.Seq-1), tlog.RecordHash(d.line)); err != nil { // #nosec G115 -- both were bounded
		return wrong("the proof does not lead from the line to the checkpoint")
	}
	return d, nil
}
