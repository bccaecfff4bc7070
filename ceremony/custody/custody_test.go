package custody_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"conclave/ceremony/custody"
	"conclave/ceremony/transcript"
)

type file struct{ bytes.Buffer }

func (*file) Sync() error { return nil }

type facts = transcript.Facts

const vault = "/var/lib/openbao"

// write makes a chain whose entries were made on the days that are named; a
// machine that was restarted between two of them has a clock that jumps.
func write(t *testing.T, entries ...transcript.Entry) []byte {
	t.Helper()
	var f file
	now := at("2026-01-01")
	w := transcript.NewWriter(&f, func() (time.Time, time.Duration) { return now, time.Hour })
	if _, err := w.Append(custody.Header(vault, false, "", "conclave")); err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if on, err := time.Parse(time.DateOnly, e.Facts.Text("on")); err == nil {
			now = on
		}
		if _, err := w.Append(e); err != nil {
			t.Fatalf("%v: %v", e.Facts, err)
		}
	}
	return f.Bytes()
}

func at(day string) time.Time {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		panic(err)
	}
	return t
}

func read(b []byte) (*custody.Chain, error) {
	var list []transcript.Event
	rep, err := transcript.Scan(bytes.NewReader(b), func(ev transcript.Event) error {
		list = append(list, ev)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return custody.Read(list, rep)
}

func chain(t *testing.T, entries ...transcript.Entry) *custody.Chain {
	t.Helper()
	c, err := read(write(t, entries...))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// made is an entry of a day.
func made(on, event string, f facts) transcript.Entry {
	if f == nil {
		f = facts{}
	}
	f["on"] = on
	return custody.New(event, "Olga Example", "", f)
}

// TestEvents: every event can be written with what it needs, and the schema of
// transcripts knows it.
func TestEvents(t *testing.T) {
	values := map[string]any{"number": 3, "entry": 3, "shares": []string{"1", "2"}}
	list := []transcript.Entry{made("2026-01-02", custody.Opened, facts{"what": "the safe"})}
	for _, e := range custody.Events {
		all := facts{}
		for _, f := range e.Fields() {
			all[f.Name] = "some text"
			if v, ok := values[f.Name]; ok {
				all[f.Name] = v
			}
		}
		list = append(list, made("2026-02-01", e.ID, all))
		for _, f := range e.Needs {
			less := facts{}
			for name, v := range all {
				if name != f.Name {
					less[name] = v
				}
			}
			if err := custody.Check(made("2026-02-01", e.ID, less)); err == nil || !strings.Contains(err.Error(), f.Name) {
				t.Errorf("%s without %s: %v", e.ID, f.Name, err)
			}
		}
	}
	c := chain(t, list...)
	if len(c.Entries) != len(custody.Events)+1 {
		t.Errorf("%d entries", len(c.Entries))
	}
	for _, e := range c.Entries {
		if !strings.Contains(e.Text(), e.What()) || !e.Day().Equal(at(e.Facts.Text("on"))) {
			t.Errorf("%s, %s", e.Text(), e.Day())
		}
	}
}

// TestRead: what the lines allow and the events do not is refused.
func TestRead(t *testing.T) {
	unsigned := made("2026-01-02", custody.PINChanged, nil)
	unsigned.Evidence = transcript.BySignature
	program := made("2026-01-02", custody.PINChanged, nil)
	program.Evidence = transcript.ByProgram
	nobody := made("2026-01-02", custody.PINChanged, nil)
	nobody.Claimed = ""
	someday := custody.New(custody.PINChanged, "Olga", "", facts{"on": "yesterday"})
	for name, tt := range map[string]struct {
		e    transcript.Entry
		says string
	}{
		"a field is missing":        {made("2026-01-02", custody.Moved, facts{"what": "envelope 3"}), "needs the field place"},
		"a field of another":        {made("2026-01-02", custody.ShareLost, facts{"number": 1, "accessor": "x"}), "has no field accessor"},
		"share 0":                   {made("2026-01-02", custody.ShareLost, facts{"number": 0}), "needs the field number"},
		"share -1":                  {made("2026-01-02", custody.ShareLost, facts{"number": -1}), "no number"},
		"an entry that comes later": {made("2026-01-02", custody.Withdrawn, facts{"entry": 99, "note": "a slip"}), "no entry 99"},
		"a signature and none":      {unsigned, "signature disagree"},
		"by the program":            {program, "signature disagree"},
		"by nobody":                 {nobody, "who made it"},
		"no day":                    {someday, "a day like"},
	} {
		if _, err := read(write(t, tt.e)); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var f file
	w := transcript.NewWriter(&f, func() (time.Time, time.Duration) { return at("2026-01-01"), 0 })
	h := custody.Header(vault, false, "", "conclave")
	h.Facts["ceremony"] = "init"
	if _, err := w.Append(h); err != nil {
		t.Fatal(err)
	}
	if _, err := read(f.Bytes()); err == nil {
		t.Error("a ceremony's transcript was taken for a chain of custody")
	}
}

// TestStatement: what is signed names vault, place in the chain and every fact;
// what was signed is found again in the chain, though the clock jumped between.
func TestStatement(t *testing.T) {
	first := chain(t, made("2026-01-02", custody.PINChanged, nil))
	e := made("2026-03-01", custody.Drill, facts{"shares": []string{"1", "4"}, "witness": "Wim"})
	want := custody.Statement(vault, false, first.Head.String(), e)
	for _, s := range []string{vault, first.Head.String(), "entered by Olga Example", "shares 1, 4", "witness Wim", "event drill", "on 2026-03-01"} {
		if !strings.Contains(string(want), s) {
			t.Errorf("the statement has no %q:\n%s", s, want)
		}
	}
	signed, err := custody.Sign(e, []byte("-----BEGIN X-----\r\nabc\r\n-----END X-----\r\n"), "SHA256:key")
	if err != nil {
		t.Fatal(err)
	}
	var f file
	now := at("2026-01-02")
	w := transcript.NewWriter(&f, func() (time.Time, time.Duration) { return now, time.Hour })
	for _, e := range []transcript.Entry{custody.Header(vault, false, "", "conclave"), made("2026-01-02", custody.PINChanged, nil)} {
		if _, err := w.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	want = custody.Statement(vault, false, w.Head().String(), e)
	now = at("2026-03-01")
	if _, err := w.Append(signed); err != nil {
		t.Fatal(err)
	}
	c, err := read(f.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	got, sig, ok := c.Signature(c.Entries[1])
	if !ok || !bytes.Equal(got, want) || string(sig) != "-----BEGIN X-----\nabc\n-----END X-----\n" {
		t.Errorf("%v\n%s\n%s\n%s", ok, got, want, sig)
	}
	if _, _, ok := c.Signature(c.Entries[0]); ok {
		t.Error("what was typed has a signature")
	}
	if _, err := custody.Sign(e, []byte{0x89, 1, 2}, ""); err == nil {
		t.Error("a binary signature was taken")
	}
	if p := string(custody.Statement(vault, true, "", e)); !strings.HasPrefix(p, "PRACTICE\n") {
		t.Errorf("practice: %s", p)
	}
}

// TestStanding: an entry that was withdrawn does not stand, and stands again
// when that was the mistake.
func TestStanding(t *testing.T) {
	lost := made("2026-01-02", custody.ShareLost, facts{"number": 2}) // event 3, after the clock
	w1 := made("2026-01-02", custody.Withdrawn, facts{"entry": 3, "note": "found"})
	w2 := made("2026-01-02", custody.Withdrawn, facts{"entry": 4, "note": "it was another's"})
	for i, list := range [][]transcript.Entry{{lost}, {lost, w1}, {lost, w1, w2}} {
		n := 0
		for _, e := range chain(t, list...).Standing() {
			if e.What() == custody.ShareLost {
				n++
			}
		}
		if n != []int{1, 0, 1}[i] {
			t.Errorf("after %d withdrawals %d stand", i, n)
		}
	}
	if list := (*custody.Chain)(nil).Standing(); list != nil {
		t.Errorf("of no chain stand %v", list)
	}
}
