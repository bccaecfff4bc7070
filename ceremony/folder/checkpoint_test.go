package folder_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"conclave/ceremony/folder"
	"conclave/ceremony/transcript"
)

// sealed makes a finished record, with a note signer or without.
func sealed(t *testing.T, practice bool, signers ...note.Signer) *folder.Folder {
	t.Helper()
	f := create(t, t.TempDir(), practice)
	add(t, f, header(practice), begun("issue"), closed())
	for range 2 { // again, as after an interruption
		if _, err := f.SealSigned(signers); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return f
}

// dice is a signer whose signatures are never the same twice, as ECDSA's.
type dice struct{ n int }

func (d *dice) Name() string    { return "hsm" }
func (d *dice) KeyHash() uint32 { return 7 }
func (d *dice) Sign([]byte) ([]byte, error) {
	d.n++
	return fmt.Appendf(nil, "signature %d", d.n), nil
}

func TestCheckpoint(t *testing.T) {
	for _, practice := range []bool{false, true} {
		f := sealed(t, practice, &dice{})
		b, err := os.ReadFile(f.Path("checkpoint.note"))
		if err != nil {
			t.Fatal(err)
		}
		c, signers, err := transcript.ParseCheckpoint(b)
		if err != nil || c.Practice != practice || c.Head.Count != 3 || fmt.Sprint(signers) != "[hsm]" {
			t.Errorf("the checkpoint is %+v, %q, %v", c, signers, err)
		}
		if got := code(t, f.Dir()); got != 0 {
			t.Errorf("code %d", got)
		}
	}
}

func TestCheckpointDisagrees(t *testing.T) {
	text := func(c transcript.Checkpoint) []byte {
		b, err := c.Note()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, change := range map[string]func([]byte, transcript.Checkpoint) []byte{
		"another root": func(_ []byte, c transcript.Checkpoint) []byte { c.Root[0] ^= 1; return text(c) },
		"another size": func(_ []byte, c transcript.Checkpoint) []byte { c.Head.Count++; return text(c) },
		"another head": func(_ []byte, c transcript.Checkpoint) []byte { c.Head.SHA256[9] ^= 1; return text(c) },
		"another id":   func(_ []byte, c transcript.Checkpoint) []byte { c.ID += "x"; return text(c) },
		"practice":     func(_ []byte, c transcript.Checkpoint) []byte { c.Practice = true; return text(c) },
		"a CR": func(b []byte, _ transcript.Checkpoint) []byte {
			return bytes.Replace(b, []byte("\n"), []byte("\r\n"), 1)
		},
		"cut":           func(b []byte, _ transcript.Checkpoint) []byte { return b[:len(b)-1] },
		"nothing":       func([]byte, transcript.Checkpoint) []byte { return nil },
		"another order": func(b []byte, _ transcript.Checkpoint) []byte { return append(b[1:], b[0]) },
	} {
		f := sealed(t, false)
		b, err := os.ReadFile(f.Path("checkpoint.note"))
		if err != nil {
			t.Fatal(err)
		}
		c, _, err := transcript.ParseCheckpoint(b)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f.Path("checkpoint.note"), change(b, c), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := code(t, f.Dir()); got != 4 {
			t.Errorf("%s: code %d", name, got)
		}
	}
}

func TestAttach(t *testing.T) {
	for _, practice := range []bool{false, true} {
		f := sealed(t, practice)
		at, err := folder.Attach(f.Dir(), "signatures/wim.sshsig", []byte("x"))
		if err != nil || strings.Contains(at, "/signatures/PRACTICE-wim") != practice {
			t.Fatalf("Attach = %s, %v", at, err)
		}
		if _, err := folder.Attach(f.Dir(), "signatures/wim.sshsig", []byte("y")); !errors.Is(err, fs.ErrExist) {
			t.Errorf("a second one of that name = %v", err)
		}
		r, err := folder.OpenRecord(f.Dir())
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		names, err := r.Names("signatures")
		if err != nil || fmt.Sprint(names) != "[signatures/wim.sshsig]" {
			t.Errorf("Names = %q, %v", names, err)
		}
		if names, err := r.Names("nothing"); err != nil || names != nil {
			t.Errorf("Names of nothing = %q, %v", names, err)
		}
		if names, _ := r.Names("."); fmt.Sprint(names) != "[checkpoint.note head.txt sha256sums transcript.jsonl]" {
			t.Errorf("Names of all = %q", names)
		}
	}
	if _, err := folder.Attach(t.TempDir(), "x", nil); !errors.Is(err, folder.ErrNoRecord) {
		t.Errorf("Attach where there is no record = %v", err)
	}
}
