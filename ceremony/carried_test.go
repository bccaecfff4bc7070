package ceremony_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/transcript"
)

// openMedium is an init with PGP keys and a second medium.
func (s *site) openMedium() (*room, *shelf) {
	s.t.Helper()
	medium := &shelf{files: map[string][]byte{}}
	q := s.request(ceremony.Init)
	for _, name := range five {
		q.RecoveryKeys = append(q.RecoveryKeys, s.keyFor(name))
	}
	q.RootToken = "none"
	return s.openWith(ceremony.Init, q, func(e *ceremony.Env) { e.Medium = medium }), medium
}

// TestSecondMedium: every share file is on both media before a page says so, and
// each custodian's is read from the one that they take home before they type.
func TestSecondMedium(t *testing.T) {
	s := newSite(t)
	m, medium := s.openMedium()
	m.drive(func(p ceremony.Prompt) bool { return at(p, "issue", ceremony.Attest) })
	if len(medium.files) != 5 || len(m.shelf.files) != 10 {
		t.Fatalf("%d and %d files are there when the page is", len(m.shelf.files), len(medium.files))
	}
	for name, b := range m.shelf.files {
		if strings.HasPrefix(name, "keys/") {
			continue
		}
		if !bytes.Equal(b, medium.files[name]) {
			t.Errorf("%s differs", name)
		}
		if set := m.find("issued")[0].Facts.Text("set"); !bytes.Contains(b, []byte("of set "+set)) {
			t.Errorf("%s does not name its set", name)
		}
	}
	if text := m.run.Prompt().Lines; len(text) != 2 || !strings.Contains(text[1].Text, "second medium") {
		t.Errorf("the page says %v", text)
	}
	s.must(m)
	carried := m.find("carried")
	if len(carried) != 5 {
		t.Fatalf("%d files were read from the medium", len(carried))
	}
	for i, e := range carried {
		share := m.find("share")[i].Facts
		if e.Claimed != five[i] || !e.Facts.Flag("same") || e.Facts.Flag("written") || e.Facts.Text("sha256") != share.Text("sha256") || share.Text("medium") == "" {
			t.Errorf("share %d: %v", i+1, e.Facts)
		}
	}
}

// TestMediumFull: a second medium that cannot be written stops before anything is
// said to be delivered; tried again, nothing is written twice.
func TestMediumFull(t *testing.T) {
	s := newSite(t)
	m, medium := s.openMedium()
	medium.failAt = 3
	failed := false
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		if p.StepID == "issue" && p.Problem != nil {
			failed = true
			if len(m.find("share")) != 2 || strings.Contains(m.seen.String(), "give each custodian") {
				t.Error("shares are said to be delivered that are not on the medium")
			}
		}
		return ceremony.Input{}, false
	}
	s.must(m)
	if !failed || len(m.find("share")) != 5 || len(medium.files) != 5 {
		t.Errorf("failed: %v, %d shares, %d files", failed, len(m.find("share")), len(medium.files))
	}
}

// TestCarried: what is on the medium counts. Another file there is named and the
// share is not asked for; on a custodian's own, empty medium the file is written.
func TestCarried(t *testing.T) {
	s := newSite(t)
	m, medium := s.openMedium()
	turn := func(i int) func(ceremony.Prompt) bool {
		return func(p ceremony.Prompt) bool { return at(p, "prove", ceremony.Attest) && p.By.Name == five[i] }
	}
	m.drive(turn(1))
	const name = "shares/2-bob-baker.asc"
	good := medium.files[name]
	medium.files[name] = medium.files["shares/1-alice-adams.asc"]
	m.answer(ceremony.Input{})
	if p := m.run.Prompt(); p.Kind != ceremony.Attest || p.Problem == nil || !strings.Contains(p.Problem.Happened, "not the one that was written") {
		t.Fatalf("after another file: %+v", p)
	}
	if e := m.find("carried"); len(e) != 2 || e[1].Facts.Flag("same") {
		t.Errorf("the record says %v", e)
	}
	medium.files = map[string][]byte{} // the next medium is empty
	medium.failAt = medium.puts + 1
	m.answer(ceremony.Input{})
	if p := m.run.Prompt(); p.Problem == nil || !strings.Contains(p.Problem.Do, "no space left") || p.Kind != ceremony.Attest {
		t.Fatalf("on a full medium: %+v", p)
	}
	m.answer(ceremony.Input{})
	if p := m.run.Prompt(); p.Kind != ceremony.AskShare || !bytes.Equal(medium.files[name], good) {
		t.Fatalf("on an empty medium: %+v", p)
	}
	s.must(m)
	carried := m.find("carried")
	i := slices.IndexFunc(carried, func(e transcript.Event) bool { return e.Facts.Flag("written") })
	if i < 0 || carried[i].Claimed != five[1] || !carried[i].Facts.Flag("same") {
		t.Errorf("the record says %v", carried)
	}
}

// TestVoidFiles: beside the files of a set that never counted one says so, on
// both media.
func TestVoidFiles(t *testing.T) {
	s := newSite(t)
	m, medium := s.openMedium()
	m.drive(func(p ceremony.Prompt) bool { return at(p, "prove", ceremony.AskShare) && p.By.Name == five[1] })
	m.abort()
	m.expect(ceremony.CodeStopped)
	set := m.find("void")[0].Facts.Text("set")
	for where, x := range map[string]*shelf{"directory": m.shelf, "medium": medium} {
		if text := string(x.files["shares/VOID-"+set[:8]+".txt"]); !strings.HasPrefix(text, "VOID") || !strings.Contains(text, set) {
			t.Errorf("in the %s: %q", where, text)
		}
	}

	m, medium = s.openMedium()
	m.drive(func(p ceremony.Prompt) bool { return at(p, "prove", ceremony.AskShare) })
	medium.failAt = medium.puts + 1
	m.abort()
	if o := m.run.Outcome(); o.Code != ceremony.CodeStopped || !strings.Contains(o.Sentence, errDisk.Error()) {
		t.Errorf("the outcome is %+v", o)
	}
	if len(m.find("void")) != 1 {
		t.Error("the record does not have the void set")
	}
}
