package transcript_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"conclave/ceremony/transcript"
)

// buffer is a File in memory.
type buffer struct {
	bytes.Buffer
	synced int // bytes that were synced
	err    error
}

func (b *buffer) Sync() error {
	b.synced = b.Len()
	return b.err
}

// ticker is a clock that goes on by a second a reading.
func ticker() transcript.Clock {
	n := 0
	return func() (time.Time, time.Duration) {
		n++
		return time.Date(2026, 11, 24, 14, 0, n, 123456789, time.UTC), time.Duration(n)*time.Second + 5*time.Hour
	}
}

func header(practice bool) transcript.Entry {
	return transcript.Entry{Kind: "header", Step: "open", Evidence: transcript.ByProgram, Facts: transcript.Facts{
		"format": 1, "ceremony": "init", "id": "KC-2026-017", "practice": practice, "program": "conclave 1.0",
		"purpose": "First <initialisation> & more", "plan": []string{"shares 5", "threshold 3"},
	}}
}

func step(id, state string) transcript.Entry {
	return transcript.Entry{Kind: "step", Step: id, Evidence: transcript.ByProgram,
		Facts: transcript.Facts{"state": state, "title": "Step " + id, "number": 1}}
}

func work(kind string) transcript.Entry {
	return transcript.Entry{Kind: kind, Step: "stage", Evidence: transcript.ByProgram, Facts: transcript.Facts{"work": "stage"}}
}

func override() transcript.Entry {
	return transcript.Entry{Kind: "override", Step: "stage", Claimed: "Olga Example", Evidence: transcript.ByKeyboard,
		Facts: transcript.Facts{"id": "software-token", "sentence": "The keys lie in a software token.", "who": "Olga Example", "why": ""}}
}

func closed() transcript.Entry {
	return transcript.Entry{Kind: "closed", Step: "close", Evidence: transcript.ByProgram,
		Facts: transcript.Facts{"verdict": "done", "overrides": []string{}}}
}

// write makes a transcript of the entries.
func write(t *testing.T, entries ...transcript.Entry) []byte {
	t.Helper()
	var b buffer
	w := transcript.NewWriter(&b, ticker())
	for _, e := range entries {
		if _, err := w.Append(e); err != nil {
			t.Fatalf("Append(%s): %v", e.Kind, err)
		}
		if b.synced != b.Len() {
			t.Fatalf("Append(%s) returned before the line was synced", e.Kind)
		}
	}
	return b.Bytes()
}

func good(t *testing.T) []byte {
	return write(t, header(false), step("stage", "begun"), work("begun"), override(), work("done"), step("stage", "done"), closed())
}

func verify(t *testing.T, b []byte) transcript.Report {
	t.Helper()
	rep, err := transcript.Verify(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("Verify: %v", err)
	}
	return rep
}

func TestGood(t *testing.T) {
	b := good(t)
	rep := verify(t, b)
	if rep.State != transcript.Closed || rep.Code() != 0 || rep.Head.Count != 7 {
		t.Fatalf("Verify of a good transcript = %+v", rep)
	}
	if fmt.Sprint(rep.Overrides) != "[The keys lie in a software token.]" {
		t.Errorf("overrides = %q", rep.Overrides)
	}
	if !bytes.Contains(b, []byte("First <initialisation> & more")) {
		t.Error("the line escapes for HTML")
	}
}

// TestEveryByte changes each byte of a good transcript, the last line included.
func TestEveryByte(t *testing.T) {
	b := good(t)
	head := verify(t, b).Head
	lastLine := bytes.LastIndexByte(b[:len(b)-1], '\n') + 1
	unseen := 0
	for i := range b {
		for _, flip := range []byte{0x01, 0x20, 0x80} {
			bad := bytes.Clone(b)
			bad[i] ^= flip
			rep := verify(t, bad)
			if rep.Code() == 0 {
				if i < lastLine {
					t.Fatalf("byte %d changed by %#x: not found without a head", i, flip)
				}
				unseen++
			}
			rep.Compare(head, "the head", true)
			if rep.Code() != 4 {
				t.Fatalf("byte %d changed by %#x: code %d, state %s", i, flip, rep.Code(), rep.State)
			}
		}
	}
	if unseen == 0 {
		t.Error("no change of the last line passed without a head: this test does not test what a head is for")
	}
}

func TestLines(t *testing.T) {
	lines := bytes.SplitAfter(good(t), []byte("\n"))
	lines = lines[:len(lines)-1]
	join := func(l ...[]byte) []byte { return bytes.Join(l, nil) }
	head := verify(t, join(lines...)).Head
	for i := range lines {
		rest := lines[i+1:]
		dropped := join(join(lines[:i]...), join(rest...))
		doubled := join(join(lines[:i+1]...), lines[i], join(rest...))
		want := map[string]int{"dropped": 4, "doubled": 4, "swapped": 4}
		if i == len(lines)-1 {
			want["dropped"] = 3
		}
		for name, b := range map[string][]byte{"dropped": dropped, "doubled": doubled} {
			rep := verify(t, b)
			if rep.Code() != want[name] {
				t.Errorf("line %d %s: code %d, want %d", i+1, name, rep.Code(), want[name])
			}
			rep.Compare(head, "the head", true)
			if rep.Code() != 4 {
				t.Errorf("line %d %s, with a head: code %d", i+1, name, rep.Code())
			}
		}
		if i+1 < len(lines) {
			b := join(join(lines[:i]...), lines[i+1], lines[i], join(lines[i+2:]...))
			if rep := verify(t, b); rep.Code() != 4 || rep.Line != uint64(i+1) {
				t.Errorf("lines %d and %d swapped: %+v", i+1, i+2, rep)
			}
		}
	}
}

// TestCut cuts the tail at every byte.
func TestCut(t *testing.T) {
	b := good(t)
	head := verify(t, b).Head
	for n := range b {
		rep := verify(t, b[:n])
		if rep.Code() != 3 {
			t.Fatalf("cut at %d: code %d (%s)", n, rep.Code(), rep.Problem)
		}
		tail := n - (bytes.LastIndexByte(b[:n], '\n') + 1)
		if rep.Torn != tail {
			t.Fatalf("cut at %d: torn %d, want %d", n, rep.Torn, tail)
		}
		rep.Compare(head, "the head", false)
		if rep.Code() != 4 {
			t.Fatalf("cut at %d, with a head: code %d", n, rep.Code())
		}
	}
}

func TestInterrupted(t *testing.T) {
	rep := verify(t, write(t, header(false), step("stage", "begun"), work("begun")))
	if rep.Code() != 3 || fmt.Sprint(rep.Steps, rep.Works) != "[stage] [stage]" {
		t.Errorf("Verify = %+v", rep)
	}
}

// reline replaces a text in the last line.
func reline(t *testing.T, b []byte, from, to string) []byte {
	t.Helper()
	at := bytes.LastIndexByte(b[:len(b)-1], '\n') + 1
	if !bytes.Contains(b[at:], []byte(from)) {
		t.Fatalf("the last line has no %s", from)
	}
	return append(bytes.Clone(b[:at]), bytes.Replace(b[at:], []byte(from), []byte(to), 1)...)
}

// twoReadings are changes of a line after which another reader might read it in
// another way.
var twoReadings = []struct{ name, from, to string }{
	{"a duplicate member", `"step":"stage"`, `"step":"stage","step":"stage"`},
	{"a duplicate fact", `"who":"Olga Example"`, `"who":"Wim","who":"Olga Example"`},
	{"a member in another case", `"claimed":`, `"Claimed":`},
	{"a second member in another case", `"claimed":"Olga Example"`, `"claimed":"Olga Example","CLAIMED":"Wim"`},
	{"a fact in another case", `"who":`, `"WHO":`},
	{"an unknown member", `"facts":`, `"more":1,"facts":`},
	{"an unknown fact", `"who":`, `"whom":`},
	{"an unknown kind", `"kind":"override"`, `"kind":"overrides"`},
	{"an unknown evidence", `"evidence":"keyboard"`, `"evidence":"seen"`},
	{"a member missing", `"claimed":"Olga Example",`, ``},
	{"a fact missing", `"id":"software-token",`, ``},
	{"a fact of another type", `"why":""`, `"why":1`},
	{"a null", `"why":""`, `"why":null`},
	{"an object", `"why":""`, `"why":{}`},
	{"a fraction", `"boot":18002000`, `"boot":18002000.0`},
	{"an exponent", `"boot":18002000`, `"boot":18002e3`},
	{"a large number", `"boot":18002000`, `"boot":9007199254740993`},
	{"members in another order", `"step":"stage","claimed":"Olga Example"`, `"claimed":"Olga Example","step":"stage"`},
	{"facts in another order", `"who":"Olga Example","why":""`, `"why":"","who":"Olga Example"`},
	{"a blank", `"step":`, `"step": `},
	{"a blank at the end", "}}\n", "}} \n"},
	{"a CR", "}}\n", "}}\r\n"},
	{"a blank line", "}}\n", "}}\n\n"},
	{"text after the object", "}}\n", "}}{}\n"},
	{"a byte-order mark", `{"seq"`, "\ufeff{\"seq\""},
	{"an escape that is not needed", `Olga`, `\u004flga`},
	{"an escaped solidus", `software-token`, `software\/token`},
	{"a NUL", `Olga`, "\x00lga"},
	{"an escaped NUL", `Olga`, `\u0000lga`},
	{"an escaped CR", `Olga`, `\rlga`},
	{"an escape sequence", `Olga`, `\u001b[2J`},
	{"a raw escape", `Olga`, "\x1b[2J"},
	{"a C1 control", `Olga`, "\u009b2J"},
	{"invalid UTF-8", `Olga`, "\xfflga"},
	{"half a surrogate", `Olga`, `\ud800lga`},
	{"an overlong encoding", `Olga`, "\xc1\x81lga"},
	{"an upper-case hash", `"prev":"`, `"prev":"A`},
	{"an upper-case salt", `"salt":"`, `"salt":"A`},
	{"a local time", `.123Z`, `.123+00:00`},
	{"a time without milliseconds", `.123Z`, `Z`},
	{"a mark", `{"seq"`, `{"mark":"PRACTICE","seq"`},
	{"an unknown mark", `{"seq"`, `{"mark":"REAL","seq"`},
	{"another number", `{"seq":2`, `{"seq":3`},
}

// TestOneReading refuses them all. The changed line is the last, so that the chain cannot be what refuses.
func TestOneReading(t *testing.T) {
	b := write(t, header(false), override())
	if verify(t, b).Code() != 3 {
		t.Fatal("the transcript is not good to begin with")
	}
	for _, tt := range twoReadings {
		t.Run(tt.name, func(t *testing.T) {
			if rep := verify(t, reline(t, b, tt.from, tt.to)); rep.Code() != 4 {
				t.Errorf("accepted: %+v", rep)
			}
		})
	}
}

func TestNothingAfterTheEnd(t *testing.T) {
	for _, e := range []transcript.Entry{closed(), {Kind: "aborted", Evidence: transcript.ByKeyboard, Facts: transcript.Facts{"reason": "enough"}}} {
		var b buffer
		w := transcript.NewWriter(&b, ticker())
		for _, e := range []transcript.Entry{header(false), e} {
			if _, err := w.Append(e); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.Append(step("more", "begun")); !errors.Is(err, transcript.ErrOver) {
			t.Errorf("Append after %s = %v", e.Kind, err)
		}
		for _, more := range []string{"x", "\n", "{}\n", string(good(t)[:300])} {
			if rep := verify(t, append(bytes.Clone(b.Bytes()), more...)); rep.Code() != 4 || rep.Line != 3 {
				t.Errorf("%q after %s: %+v", more, e.Kind, rep)
			}
		}
		if _, err := transcript.Continue(bytes.NewReader(b.Bytes()), &b, ticker()); err == nil {
			t.Errorf("a transcript that ended with %s was continued", e.Kind)
		}
	}
}

func TestAppendRefuses(t *testing.T) {
	tests := []struct {
		name  string
		entry transcript.Entry
	}{
		{"an unknown kind", transcript.Entry{Kind: "note", Evidence: transcript.ByProgram}},
		{"no evidence", transcript.Entry{Kind: "step", Facts: step("a", "begun").Facts}},
		{"a second header", header(false)},
		{"a clock-jump by hand", transcript.Entry{Kind: "clock-jump", Evidence: transcript.ByProgram, Facts: transcript.Facts{"wall_ms": 1, "boot_ms": 1}}},
		{"an unknown fact", transcript.Entry{Kind: "begun", Evidence: transcript.ByProgram, Facts: transcript.Facts{"work": "x", "share": "y"}}},
		{"a missing fact", transcript.Entry{Kind: "begun", Evidence: transcript.ByProgram}},
		{"another type", transcript.Entry{Kind: "begun", Evidence: transcript.ByProgram, Facts: transcript.Facts{"work": 1}}},
		{"bytes", transcript.Entry{Kind: "begun", Evidence: transcript.ByProgram, Facts: transcript.Facts{"work": []byte("x")}}},
		{"a wrong state", step("a", "started")},
		{"a large number", transcript.Entry{Kind: "done", Evidence: transcript.ByProgram, Facts: transcript.Facts{"work": "x", "took_ms": 1<<53 + 1}}},
		{"a long line", transcript.Entry{Kind: "begun", Evidence: transcript.ByProgram, Facts: transcript.Facts{"work": strings.Repeat("x", transcript.MaxLine)}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b buffer
			w := transcript.NewWriter(&b, ticker())
			if _, err := w.Append(header(false)); err != nil {
				t.Fatal(err)
			}
			before := b.Len()
			if _, err := w.Append(tt.entry); err == nil {
				t.Error("accepted")
			}
			if b.Len() != before {
				t.Error("something was written")
			}
			if _, err := w.Append(step("a", "begun")); err != nil {
				t.Errorf("the next event: %v", err)
			}
			if rep := verify(t, b.Bytes()); rep.Code() != 3 || rep.Head.Count != 2 {
				t.Errorf("Verify = %+v", rep)
			}
		})
	}
	if _, err := transcript.NewWriter(&buffer{}, ticker()).Append(step("a", "begun")); err == nil {
		t.Error("a first event that is no header was accepted")
	}
}

func TestVisible(t *testing.T) {
	e := override()
	e.Facts["why"] = "a\x1b[2J\nb\xff\x00 ü"
	e.Claimed = "Ol\u009bga"
	b := write(t, header(false), e)
	rep := verify(t, b)
	if rep.Code() != 3 {
		t.Fatalf("Verify = %+v", rep)
	}
	if got, want := rep.Last.Facts.Text("why"), `a\x1b[2J\nb\xff\x00 ü`; got != want {
		t.Errorf("why = %q, want %q", got, want)
	}
	if e.Facts["why"] != "a\x1b[2J\nb\xff\x00 ü" {
		t.Error("Append changed the caller's facts")
	}
}

func TestPractice(t *testing.T) {
	b := write(t, header(true), step("a", "begun"), closed())
	if n := bytes.Count(b, []byte(`{"mark":"PRACTICE",`)); n != 3 {
		t.Errorf("%d of 3 lines carry the mark", n)
	}
	rep := verify(t, b)
	if rep.Code() != 0 || !rep.Header.Practice {
		t.Errorf("Verify = %+v", rep)
	}
	if rep := verify(t, reline(t, b, `"mark":"PRACTICE",`, "")); rep.Code() != 4 {
		t.Errorf("a line without the mark: %+v", rep)
	}
}

func TestClockJump(t *testing.T) {
	at := time.Date(2026, 11, 24, 14, 0, 0, 0, time.UTC)
	boot := time.Hour
	var b buffer
	w := transcript.NewWriter(&b, func() (time.Time, time.Duration) { return at, boot })
	add := func(wall, up time.Duration) {
		t.Helper()
		at, boot = at.Add(wall), boot+up
		if _, err := w.Append(step("a", "begun")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Append(header(false)); err != nil {
		t.Fatal(err)
	}
	add(2*time.Second, 0)               // 2 s: not more than that
	add(time.Hour, time.Hour)           // a long break
	add(2001*time.Millisecond, 0)       // a jump ahead
	add(-time.Minute, time.Millisecond) // and back
	add(time.Second, -30*time.Minute)   // another boot
	var kinds []string
	rep, err := transcript.Scan(bytes.NewReader(b.Bytes()), func(ev transcript.Event) error {
		kinds = append(kinds, ev.Kind)
		if ev.Kind == "clock-jump" {
			kinds = append(kinds, fmt.Sprint(ev.Facts.Number("wall_ms"), ev.Facts.Number("boot_ms")))
		}
		return nil
	})
	if err != nil || rep.Code() != 3 {
		t.Fatalf("Scan = %+v, %v", rep, err)
	}
	want := "[header step step clock-jump 2001 0 step clock-jump -60000 1 step clock-jump 1000 -1800000 step]"
	if got := fmt.Sprint(kinds); got != want {
		t.Errorf("events\n%s, want\n%s", got, want)
	}
}

func TestClockHidden(t *testing.T) {
	b := write(t, header(false), step("a", "begun"))
	if rep := verify(t, reline(t, b, "T14:00:02", "T14:05:02")); rep.Code() != 4 {
		t.Errorf("a jump without its event: %+v", rep)
	}
}

func TestContinue(t *testing.T) {
	var b buffer
	b.Write(write(t, header(true), step("a", "begun")))
	clock := ticker()
	for range 2 {
		clock()
	}
	w, err := transcript.Continue(bytes.NewReader(b.Bytes()), &b, clock)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []transcript.Entry{step("a", "done"), closed()} {
		if _, err := w.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	rep := verify(t, b.Bytes())
	if rep.Code() != 0 || rep.Head.Count != 4 || rep.Head != w.Head() || !w.Over() {
		t.Errorf("Verify = %+v, Head() = %+v", rep, w.Head())
	}
	torn := write(t, header(false), step("a", "begun"))
	if _, err := transcript.Continue(bytes.NewReader(torn[:len(torn)-1]), &b, clock); err == nil {
		t.Error("a torn transcript was continued")
	}
}

func TestFailedWrite(t *testing.T) {
	var b buffer
	w := transcript.NewWriter(&b, ticker())
	if _, err := w.Append(header(false)); err != nil {
		t.Fatal(err)
	}
	b.err = errors.New("no space left")
	if _, err := w.Append(step("a", "begun")); !errors.Is(err, b.err) {
		t.Fatalf("Append = %v", err)
	}
	b.err = nil
	before := b.Len()
	if _, err := w.Append(step("a", "begun")); err == nil || b.Len() != before {
		t.Error("appended after a failed sync: where the file ends is not known")
	}
}

func TestCompare(t *testing.T) {
	b := good(t)
	head := verify(t, b).Head
	other := head
	other.SHA256[31] ^= 1
	fewer := transcript.Head{Count: 6, SHA256: head.SHA256}
	tests := []struct {
		name string
		head transcript.Head
		code int
	}{
		{"the same", head, 0},
		{"without a count", transcript.Head{SHA256: head.SHA256}, 0},
		{"another hash", other, 4},
		{"another count", fewer, 4},
	}
	for _, tt := range tests {
		rep := verify(t, b)
		rep.Compare(tt.head, "the paper", true)
		if rep.Code() != tt.code || rep.Anchored != (tt.code == 0) {
			t.Errorf("%s: code %d, anchored %v", tt.name, rep.Code(), rep.Anchored)
		}
	}
}
