package ceremony_test

import (
	"cmp"
	"strings"
	"testing"
	"time"

	"conclave/ceremony"
)

func isForm(p ceremony.Prompt) bool { return at(p, "room", ceremony.Form) }

// filled answers a form by the ids of its fields.
func filled(p ceremony.Prompt, lines map[string]string) ceremony.Input {
	in := ceremony.Input{Source: "typed"}
	for _, f := range p.Fields {
		in.Fields = append(in.Fields, lines[f.ID])
	}
	return in
}

// atRoom is a site's ceremony that stands at the page of the room.
func atRoom(t *testing.T, c ceremony.Ceremony) *room {
	t.Helper()
	s := siteFor(t, c)
	m := s.openWith(c, s.request(c), func(e *ceremony.Env) { e.Machine.SelfSHA256 = strings.Repeat("ab12", 8) + strings.Repeat("cd34", 8) })
	m.drive(isForm)
	return m
}

// TestRoomEmpty: what is left empty is not stated, and no watch is checked. Only
// of a backup something must be said, but in a rehearsal.
func TestRoomEmpty(t *testing.T) {
	for _, practice := range []bool{true, false} {
		s := initialised(t)
		if !practice {
			s = production(t)
		}
		m := s.open(ceremony.Rekey, s.request(ceremony.Rekey))
		m.drive(isForm)
		m.answer(filled(m.run.Prompt(), nil))
		if !practice {
			if p := m.run.Prompt(); !isForm(p) || p.Problem == nil || p.Problem.Field != "backup" || len(m.find("room")) != 0 {
				t.Fatalf("without a word of a backup: %+v", p)
			}
			m.answer(filled(m.run.Prompt(), map[string]string{"backup": "NO BACKUP"}))
		}
		f := m.find("room")[0].Facts
		for name, want := range map[string]string{"place": "", "bags": "", "equipment": "", "value": "", "program_hash": "",
			"snapshot": map[bool]string{false: "NO BACKUP"}[practice]} {
			if got := f.Text(name); got != cmp.Or(want, "not stated") {
				t.Errorf("practice %v: %s is %q", practice, name, got)
			}
		}
		if n := len(m.find("clock-check")); n != 0 {
			t.Errorf("%d watches were checked", n)
		}
		m.s.must(m)
	}
}

// TestRoomSaid: what is typed is in the record. An init asks for the backup of
// the key, another change for a snapshot of the storage.
func TestRoomSaid(t *testing.T) {
	for _, c := range []ceremony.Ceremony{ceremony.Init, ceremony.Rotate} {
		m := atRoom(t, c)
		m.answer(filled(m.run.Prompt(), map[string]string{"place": " Room  7 ", "bags": "A1, A2", "backup": "clone 1234 5678 9abc def0 in Bern, restored in May",
			"hash": "AB12 ab12 ab12 ab12  cd34 cd34 cd34 cd34", "watch 1": "09:00:30", "watch 2": "9.00"}))
		f := m.find("room")[0].Facts
		if f.Text("place") != "Room 7" || f.Text("bags") != "A1, A2" || f.Text("program_hash") != "ab12 ab12 ab12 ab12 cd34 cd34 cd34 cd34" {
			t.Errorf("%s: the room is %v", c.ID, f)
		}
		if (f.Text("backup") != "") != (c.ID == "init") || (f.Text("snapshot") != "") != (c.ID == "rotate") {
			t.Errorf("%s: the record says %v", c.ID, f)
		}
		w := m.find("clock-check")
		if len(w) != 2 || w[0].Claimed != "Olga Example" || w[0].Facts.Number("offset_s") < 1 || w[1].Facts.Number("offset_s") != 0 || w[1].Facts.Text("zone") == "" {
			t.Errorf("%s: the watches are %v", c.ID, w)
		}
		m.abort()
		m.expect(ceremony.CodeStopped)
	}
}

// TestRoomWatchOff: a watch that is off is told once, then recorded.
func TestRoomWatchOff(t *testing.T) {
	m := atRoom(t, ceremony.Init)
	lines := map[string]string{"watch 1": "09:05:00", "place": "here", "backup": "NO BACKUP"}
	m.answer(filled(m.run.Prompt(), lines))
	p := m.run.Prompt()
	if !isForm(p) || p.Problem == nil || !strings.Contains(p.Problem.Happened, "seconds off") || p.Fields[0].Default != "here" || p.Problem.Field != "watch 1" {
		t.Fatalf("%+v", p)
	}
	m.answer(filled(p, lines))
	if w := m.find("clock-check"); len(w) != 1 || w[0].Facts.Number("offset_s") < 10 {
		t.Errorf("the record says %v", w)
	}
}

// TestRoomRefused: another hash, no time of day, a secret. Nothing of it is in
// the record.
func TestRoomRefused(t *testing.T) {
	const wrong = "ab12 ab12 ab12 ab12 cd34 cd34 cd34 cd35"
	for id, c := range map[string]struct{ text, says string }{
		"hash":    {wrong, "not the hash"},
		"watch 1": {"half past nine", "hours, minutes"},
		"bags":    {"hvs.CAESIJ1234567890abcdefghijk", "looks like"},
	} {
		m := atRoom(t, ceremony.Init)
		m.answer(filled(m.run.Prompt(), map[string]string{id: c.text, "place": "here", "backup": "NO BACKUP"}))
		p := m.run.Prompt()
		if !isForm(p) || p.Problem == nil || !strings.Contains(p.Problem.Happened, c.says) {
			t.Fatalf("%s: %+v", id, p)
		}
		if p.Problem.Field != id {
			t.Errorf("%s: the page says that the fault is in %q", id, p.Problem.Field)
		}
		if len(m.find("room")) > 0 || strings.Contains(m.journal.paper.String(), c.text) || strings.Contains(m.seen.String(), c.text) {
			t.Errorf("%s: it was taken", id)
		}
		if id == "hash" && answers(m, "independent check of the program's hash")[0].Facts.Text("value") != "not the same" {
			t.Error("the record does not say that the hashes differ")
		}
		if id == "hash" { // nor can it be passed over in silence
			m.answer(filled(m.run.Prompt(), map[string]string{"backup": "NO BACKUP"}))
			if got := m.find("room")[0].Facts.Text("program_hash"); got != "not the same" {
				t.Errorf("the room says of the hash %q", got)
			}
			if n := len(m.find("deviation")); n != 1 {
				t.Errorf("%d deviations are in the record", n)
			}
		}
		m.abort()
	}
}

// TestNoBackup: that there is none is typed out, and is an override.
func TestNoBackup(t *testing.T) {
	for _, c := range []struct {
		ceremony     ceremony.Ceremony
		typed, says  string // says: "" if it is taken
		aloud, whole string
	}{
		{ceremony.Init, "none", "NO BACKUP", "these shares open nothing.", ""},
		{ceremony.Init, "no backup", "NO BACKUP", "", ""},
		{ceremony.Init, "-", "NO BACKUP", "", ""},
		{ceremony.Init, "a clone in Bern", "", "", ""},
		{ceremony.Init, "NO BACKUP", "", "If this HSM and its backups are lost, these shares open nothing.", "NO BACKUP: the HSM's key has none. If this HSM and its backups are lost, these shares open nothing."},
		{ceremony.Rotate, "None.", "NO BACKUP", "", ""},
		{ceremony.Rotate, "in the safe", "first 16 digits", "", ""},
		{ceremony.Rotate, "ab12 cd34 ab12 cd34 in the safe", "", "", ""},
		{ceremony.Rotate, "NO BACKUP", "", "first 16 digits of its SHA-256", "NO BACKUP: there is no snapshot of the storage from before this change."},
	} {
		m := atRoom(t, c.ceremony)
		if text := strings.Join(m.run.Prompt().Text, " "); !strings.Contains(text, c.aloud) {
			t.Errorf("%s: the page says %q", c.ceremony.ID, text)
		}
		m.answer(filled(m.run.Prompt(), map[string]string{"backup": c.typed}))
		p := m.run.Prompt()
		refused := isForm(p) && p.Problem != nil && strings.Contains(p.Problem.Happened, c.says)
		if refused != (c.says != "") {
			t.Errorf("%s, %q: %+v", c.ceremony.ID, c.typed, p.Problem)
		}
		var got string
		for _, e := range m.find("override") {
			if e.Facts.Text("id") == "no-backup" {
				got = e.Facts.Text("sentence")
			}
		}
		if got != c.whole {
			t.Errorf("%s, %q: the override is %q", c.ceremony.ID, c.typed, got)
		}
		m.abort()
	}
}

// TestWatchAndKeys: PGP keys are judged after the watches, and by what they
// show: one that could not be used at that time stops here, and leaving the
// watch out afterwards does not help. A watch that is off and does not matter is
// said where the key is compared, and in the record.
func TestWatchAndKeys(t *testing.T) {
	open := func(t *testing.T, off time.Duration) (*room, string) {
		s := newSite(t)
		q := s.request(ceremony.Init)
		for _, name := range five {
			q.RecoveryKeys = append(q.RecoveryKeys, s.keyFor(name))
		}
		m := s.openWith(ceremony.Init, q, func(e *ceremony.Env) { e.Now = func() time.Time { return made.Add(time.Hour) } })
		m.drive(isForm)
		return m, made.Add(time.Hour + off).Format("15:04:05")
	}
	m, watch := open(t, -2*time.Hour) // an hour before the keys were made
	m.answer(filled(m.run.Prompt(), map[string]string{"watch 2": watch}))
	m.answer(filled(m.run.Prompt(), map[string]string{"watch 2": watch}))
	for range 2 { // the second time it is left out
		p := m.run.Prompt()
		if !isForm(p) || p.Problem == nil || p.Problem.Field != "watch 2" || len(m.find("room"))+len(m.find("clock-check")) > 0 {
			t.Fatalf("the watch is taken: %+v", p)
		}
		m.answer(filled(p, nil))
	}
	m.says("By the watch of Wim Waters the PGP key of Alice Adams (PRACTICE) (alice.asc) cannot be used: Nothing can be encrypted to this key: it is made in the future")
	m.answer(filled(m.run.Prompt(), map[string]string{"watch 2": made.Add(time.Hour).Format("15:04:05")}))
	if isForm(m.run.Prompt()) || len(m.find("clock-check")) != 1 {
		t.Errorf("a watch that fits is not taken: %+v", m.run.Prompt())
	}
	m.abort()

	m, watch = open(t, 20*time.Minute)
	for range 2 {
		m.answer(filled(m.run.Prompt(), map[string]string{"watch 1": watch}))
	}
	e := m.find("clock-check")
	if len(e) != 1 || e[0].Facts.Text("keys") != "5 PGP keys can be used at the time that it shows" {
		t.Fatalf("the record says %v", e)
	}
	m.drive(atCard(five[0]))
	var lines []string
	for _, l := range m.run.Prompt().Lines {
		lines = append(lines, l.Text)
	}
	if said := strings.Join(lines, " "); !strings.Contains(said, "The watch of Olga Example is 1200 s ahead of this machine's clock; the key can be used by it, too.") {
		t.Errorf("the page says %s", said)
	}
	m.abort()
}
