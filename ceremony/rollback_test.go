package ceremony_test

import (
	"slices"
	"strings"
	"testing"

	"conclave/ceremony"
)

// TestOldStateRemoved: what nothing brings back is gone only after operator and
// witness both said so, of the copy of this ceremony and of an earlier one's.
func TestOldStateRemoved(t *testing.T) {
	s := initialised(t)
	m := s.open(ceremony.Rekey, s.request(ceremony.Rekey))
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		return ceremony.Input{Choice: "keep"}, at(p, "rollback", ceremony.Choose)
	}
	s.must(m)
	m = s.open(ceremony.Rotate, s.request(ceremony.Rotate))
	for _, c := range []struct{ of, left string }{{"KC-3", "KC-2 KC-3"}, {"KC-2", "KC-2"}} {
		for i, who := range []string{"Olga Example", "Wim Waters"} {
			m.drive(func(p ceremony.Prompt) bool { return at(p, "rollback", ceremony.Confirm) && p.By.Name == who })
			p := m.run.Prompt()
			if p.Badge != "CANNOT BE UNDONE" || p.Word != "REMOVE" || len(p.Facts) != 1 || !strings.Contains(p.Facts[0].Value, c.of) {
				t.Errorf("%s is asked for %q with %q, of %v", who, p.Word, p.Badge, p.Facts)
			}
			m.answer(ceremony.Input{Text: "ROTATE"})
			m.says("That is not REMOVE.")
			if got := s.kept(); got != c.left {
				t.Errorf("after %d confirmations there is %s, not %s", i, got, c.left)
			}
			m.answer(ceremony.Input{Text: "REMOVE"})
		}
	}
	s.must(m)
	var by []string
	for _, e := range m.find("confirmed") {
		if e.Step == "rollback" {
			by = append(by, e.Claimed)
		}
	}
	if want := []string{"Olga Example", "Wim Waters", "Olga Example", "Wim Waters"}; !slices.Equal(by, want) || s.kept() != "" {
		t.Errorf("confirmed by %q, left %q", by, s.kept())
	}
}

// TestOldStateAgain: as long as nothing came of it, the question of the old state
// can be asked anew: a witness who does not agree is no dead end.
func TestOldStateAgain(t *testing.T) {
	for _, first := range []string{"remove", "undo", "keep"} {
		s := initialised(t)
		m := s.open(ceremony.Rotate, s.request(ceremony.Rotate))
		m.drive(func(p ceremony.Prompt) bool { return at(p, "rollback", ceremony.Choose) })
		m.answer(ceremony.Input{Choice: first})
		if first != "keep" {
			m.drive(func(p ceremony.Prompt) bool { return p.Kind == ceremony.Confirm && p.By.Name == "Wim Waters" })
		}
		d := happened("Wim Waters does not agree.")
		d.Effect = ceremony.DoAgain
		if refused := m.note(d); refused != nil || !at(m.run.Prompt(), "rollback", ceremony.Choose) || s.kept() != "KC-2" {
			t.Fatalf("%s: refused %+v, then %+v; left %q", first, refused, m.run.Prompt(), s.kept())
		}
		m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
			return ceremony.Input{Choice: "remove"}, at(p, "rollback", ceremony.Choose)
		}
		s.must(m)
		confirmed := 0
		for _, e := range m.find("confirmed") {
			if e.Step == "rollback" && strings.HasPrefix(e.Facts.Text("what"), "remove ") {
				confirmed++
			}
		}
		want := 2
		if first == "remove" {
			want = 3 // the operator's first one, too
		}
		if confirmed != want || s.kept() != "" {
			t.Errorf("%s: %d confirmations of the removal, left %q", first, confirmed, s.kept())
		}
	}
}

// kept are the ceremonies whose old state is still there.
func (s *site) kept() string {
	var ids []string
	for _, l := range s.status().Pending {
		ids = append(ids, string(l.ID))
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}
