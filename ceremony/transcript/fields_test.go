package transcript_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"conclave/ceremony/transcript"
	"conclave/hsm/softhsm/need"
)

// others are two readers that know nothing of Conclave, Python's json and jq, and
// the second verifier's decoder. Each is one process for all lines: it is asked
// in a line, and answers in one.
type others struct{ python, jq *asked }

type asked struct {
	in  io.Writer
	out *bufio.Scanner
}

// pythons answers for a line in hex with what json reads in it, null if nothing,
// and whether the second verifier takes it. What it reads as several lines is
// several to a reader that splits as str.splitlines does.
const pythons = `
import json, sys, verify
for line in sys.stdin:
    b = bytes.fromhex(line)
    read, taken = "null", True
    try:
        text = b.decode("utf-8")
        if len(text.splitlines()) == 1:
            read = json.dumps(json.loads(text), allow_nan=False)
    except (ValueError, RecursionError):
        pass
    try:
        verify.decode(b)
    except (ValueError, RecursionError, TypeError):
        taken = False
    print("[%s, %s]" % (read, json.dumps(taken)), flush=True)
`

func otherReaders(t testing.TB) others {
	t.Helper()
	python, jq := need.Tool(t, "python3"), need.Tool(t, "jq")
	dir := t.TempDir()
	put(t, dir, "verify.py", []byte(transcript.Verifier()))
	return others{ask(t, dir, python, "-B", "-c", pythons), ask(t, dir, jq, "-a", "-c", "--unbuffered", ".")}
}

func ask(t testing.TB, dir, name string, args ...string) *asked {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	a := &asked{in, bufio.NewScanner(out)}
	a.out.Buffer(nil, 16*transcript.MaxLine) // an escaped character takes six
	return a
}

// answer is what it says to a line, decoded.
func (a *asked) answer(t *testing.T, line string) any {
	t.Helper()
	if _, err := io.WriteString(a.in, line); err != nil {
		t.Fatal(err)
	}
	if !a.out.Scan() {
		t.Fatalf("no answer to %q: %v", line, a.out.Err())
	}
	d := json.NewDecoder(bytes.NewReader(a.out.Bytes()))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("the answer to %q is %q: %v", line, a.out.Bytes(), err)
	}
	return v
}

// compare has all of them read a line, and tells whether it is one of a transcript.
func (o others) compare(t *testing.T, line []byte) bool {
	t.Helper()
	ev, err := transcript.Decode(line)
	said, _ := o.python.answer(t, hex.EncodeToString(line)+"\n").([]any)
	if taken := said[1]; taken != (err == nil) {
		t.Errorf("here %v, the second verifier takes it: %v\n%q", err, taken, line)
	}
	if err != nil {
		return false
	}
	want := fields(ev)
	for reader, got := range map[string]any{"Python": said[0], "jq": o.jq.answer(t, string(line))} {
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s reads %v, here it is %v\n%q", reader, got, want, line)
		}
	}
	return true
}

// fields are an event's as a reader of JSON has them.
func fields(ev transcript.Event) any {
	number := func(n any) json.Number { return json.Number(fmt.Sprint(n)) }
	facts := map[string]any{}
	for name, v := range ev.Facts {
		switch v := v.(type) {
		case int:
			facts[name] = number(v)
		case []string:
			list := make([]any, len(v))
			for i, s := range v {
				list[i] = s
			}
			facts[name] = list
		default:
			facts[name] = v
		}
	}
	m := map[string]any{"seq": number(ev.Seq), "prev": ev.Prev, "salt": ev.Salt, "time": ev.Time.Format("2006-01-02T15:04:05.000Z"), "boot": number(ev.Boot),
		"kind": ev.Kind, "step": ev.Step, "claimed": ev.Claimed, "evidence": string(ev.Evidence), "facts": facts}
	if ev.Practice {
		m["mark"] = "PRACTICE"
	}
	return m
}

// goodLines are lines of every type of fact. Their salts are fixed, so that what
// is found can be found again.
func goodLines(t testing.TB) [][]byte {
	t.Helper()
	jump := transcript.Entry{Kind: "clock-jump", Evidence: transcript.ByProgram, Facts: transcript.Facts{"wall_ms": -60000, "boot_ms": 1 << 53}}
	odd := override()
	odd.Claimed, odd.Facts["why"] = "Zoë \U0001F511", "ü \u2028 \u2029 \\u2028 \"<&>\" \ufffd \u0301 {\"a\":[1]}"
	var list [][]byte
	for i, e := range []transcript.Entry{header(false), header(true), override(), odd, step("a", "begun"), jump, closed()} {
		ev := transcript.Event{Entry: e, Seq: 1 << 53, Practice: i%2 == 1, Prev: strings.Repeat("0a", 32), Salt: strings.Repeat("5f", 16),
			Time: time.Date(2026, 11, 24, 14, 0, i, 123e6, time.UTC), Boot: 1000}
		if e.Kind == "header" {
			ev.Seq = 1
		}
		b, err := ev.Line()
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, b)
	}
	return list
}

// bits are what two readers of JSON have been known to differ about.
var bits = []string{`"`, `\`, `\"`, `\\`, `\/`, `\u0041`, `\u2028`, `\u000a`, `\ud83d\ude00`, `\ud800`, `\u0000`, "\u2028", "\u2029", "\u0085", "\u00a0", "\ufeff",
	"\ufffe", "\uffff", "\U0001F511", "\U0010FFFF", "\U000E0001", "e\u0301", "\u202e", "\x00", "\x7f", "\x1e", "\r", "\n", "\xed\xa0\x80", "\xc1\x81", "\xf4\x90\x80\x80", "\xff",
	`,"claimed":"Wim"`, `,"CLAIMED":"Wim"`, `"Who":"Wim",`, `"seq":1,`, `,"facts":{}`, `-0`, `1e3`, `.0`, `00`, `9007199254740993`, `18446744073709551617`, `NaN`, `-Infinity`, `null`,
	`true`, `{}`, `[]`, `""`, `,`, ` `, `//`, `'`, "a", "Z", "ü", "<&>"}

// changed is a line with one change or two: a byte, a bit of the list put in or
// in the place of something, or something left out.
func changed(r *rand.Rand, line []byte) []byte {
	b := bytes.Clone(line)
	for range 1 + r.IntN(2) {
		at := r.IntN(len(b))
		bit := []byte(bits[r.IntN(len(bits))])
		switch end := min(len(b), at+r.IntN(4)); r.IntN(4) {
		case 0:
			b[at] ^= 1 << r.IntN(8)
		case 1:
			b = slices.Insert(b, at, bit...)
		case 2:
			b = slices.Replace(b, at, end, bit...)
		case 3:
			b = slices.Delete(b, at, min(end, len(b)-1))
		}
	}
	return b
}

// TestSameFields changes good lines by some thousand small changes: what is taken
// for a line here has the same fields to Python and to jq, and the second verifier
// takes and refuses the same.
func TestSameFields(t *testing.T) {
	o := otherReaders(t)
	r := rand.New(rand.NewPCG(21, 5)) // #nosec G404 -- to be found again
	good := goodLines(t)
	lines := slices.Clone(good)
	for _, tt := range twoReadings {
		for _, line := range good {
			if b := bytes.Replace(line, []byte(tt.from), []byte(tt.to), 1); !bytes.Equal(b, line) {
				lines = append(lines, b)
			}
		}
	}
	for _, b := range corpus(t) {
		lines = append(lines, bytes.SplitAfter(b, []byte("\n"))...)
	}
	for range 7000 {
		lines = append(lines, changed(r, good[r.IntN(len(good))]))
	}
	slices.SortFunc(lines, bytes.Compare)
	lines = slices.CompactFunc(lines, bytes.Equal)
	taken := 0
	for _, b := range lines {
		if o.compare(t, b) {
			taken++
		}
	}
	t.Logf("%d lines of %d were taken", taken, len(lines))
	if taken < 500 || len(lines)-taken < 2000 {
		t.Errorf("%d lines of %d were taken: this test shows little", taken, len(lines))
	}
}

// FuzzSameFields is the same with whatever fuzzing finds.
func FuzzSameFields(f *testing.F) {
	o := otherReaders(f)
	for _, b := range append(goodLines(f), seeds()...) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if len(line) <= transcript.MaxLine {
			o.compare(t, line)
		}
	})
}
