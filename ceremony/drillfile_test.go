package ceremony_test

import (
	"errors"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/plan"
)

// TestDrillFile: whoever proves a key names the file that they brought. Another
// one is refused, one that cannot be read asked for again, and none is said to be
// none.
func TestDrillFile(t *testing.T) {
	s := newSite(t)
	m := s.must(s.openPGP(false))
	files := m.shelf.files
	q := s.drillOf(plan.ProofKey)
	for _, name := range five {
		q.RecoveryKeys = append(q.RecoveryKeys, s.publicKey(name))
	}
	var alice, bob string
	for name := range files {
		switch {
		case strings.HasPrefix(name, "shares/1-"):
			alice = name
		case strings.HasPrefix(name, "shares/2-"):
			bob = name
		}
	}
	m = s.openWith(ceremony.Drill, q, func(e *ceremony.Env) {
		e.ReadFile = func(name string, _ int64) ([]byte, error) {
			if b, ok := files[strings.TrimPrefix(name, "/mnt/")]; ok {
				return b, nil
			}
			return nil, errors.New("it is not there")
		}
	})
	files["shares/other"] = []byte("a letter")
	typed := map[string][]string{five[0]: {"/mnt/nothing", "/mnt/shares/other", "/mnt/" + bob, "/mnt/" + alice}}
	var said []string
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		if p.Kind != ceremony.Ask || p.Field != "file" {
			return ceremony.Input{}, false
		}
		if p.Problem != nil {
			said = append(said, p.Problem.Happened)
		}
		in := ceremony.Input{}
		if list := typed[p.By.Name]; len(list) > 0 {
			in.Text, typed[p.By.Name] = list[0], list[1:]
		}
		return in, true
	}
	s.must(m)
	if len(said) != 3 || !strings.Contains(said[0], "cannot be read") || !strings.Contains(said[1], "its SHA-256 is another") || !strings.Contains(said[2], "handed out to Bob Baker, not that of your share") {
		t.Errorf("it said %q", said)
	}
	var same []bool
	for _, e := range m.find("carried") {
		same = append(same, e.Facts.Flag("same"))
	}
	if len(same) != 3 || same[0] || same[1] || !same[2] {
		t.Errorf("the record of the files: %v", same)
	}
	if got := m.why(); strings.Count(got, " key") != 4 || strings.Count(got, " file") != 1 {
		t.Errorf("the record: %s", got)
	}
	text := m.seen.String()
	if !strings.Contains(text, "share 1, Alice Adams: proven by key and file") ||
		!strings.Contains(text, "share 2, Bob Baker: the key is proven; whether the share is there was not seen") {
		t.Error("the page does not say what was seen of each")
	}
	if !strings.Contains(text, "1 of 5") || strings.Contains(text, "2 of 5") {
		t.Error("keys are counted as shares")
	}
	if o := m.run.Outcome(); !strings.Contains(o.Sentence, "1 of 5 shares are proven by key and file, none was decrypted here, of 4 more only the key.") {
		t.Error(o.Sentence)
	}
}
