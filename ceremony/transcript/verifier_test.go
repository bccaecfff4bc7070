package transcript_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"conclave/assets"
	"conclave/ceremony/transcript"
	"conclave/hsm/softhsm/need"
)

// TestSecondVerifier has the verifier in Python read what the tests of this
// package read: good transcripts and every kind of broken ones. The codes have
// to be the same.
func TestSecondVerifier(t *testing.T) {
	python := need.Tool(t, "python3")
	dir := t.TempDir()
	corpus := corpus(t)
	for i, b := range corpus {
		put(t, dir, fmt.Sprintf("%04d", i), b)
	}
	put(t, dir, "verify.py", []byte(transcript.Verifier()))
	const all = "import glob, verify\nfor name in sorted(glob.glob('[0-9]*')):\n    with open(name, 'rb') as f: print(*verify.verify(f))\n"
	cmd := exec.CommandContext(t.Context(), python, "-B", "-c", all)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("python3: %v\n%s", err, out)
	}
	said := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(said) != len(corpus) {
		t.Fatalf("%d answers for %d files", len(said), len(corpus))
	}
	codes := map[int]int{}
	for i, b := range corpus {
		rep := verify(t, b)
		codes[rep.Code()]++
		if !strings.HasPrefix(said[i], fmt.Sprint(rep.Code(), " ")) {
			t.Errorf("here code %d (%s), in Python %s:\n%q", rep.Code(), rep.Problem, said[i], b)
		}
		if rep.State == transcript.Broken && !strings.Contains(said[i], fmt.Sprintf("line %d:", rep.Line)) {
			t.Errorf("here line %d (%s), in Python %s", rep.Line, rep.Problem, said[i])
		}
	}
	if codes[0] < 3 || codes[3] < 100 || codes[4] < 300 {
		t.Errorf("the corpus has %d good, %d interrupted, %d broken transcripts", codes[0], codes[3], codes[4])
	}
}

func put(t testing.TB, dir, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// corpus is what the other tests read.
func corpus(t *testing.T) [][]byte {
	good, open := good(t), write(t, header(false), override())
	e := override()
	e.Facts["why"] = "ü \u2028 \u2029 \\u2028 \"<&>\" \ufffd \U0001F511"
	jumped := write(t, header(false), step("a", "begun"))
	list := [][]byte{good, open, write(t, header(true), e, closed()), write(t, header(false), closed()), {},
		[]byte(strings.Repeat("[", 200_000) + "\n"), bytes.Repeat([]byte("x"), transcript.MaxLine+2), append(bytes.Clone(good), 'x'),
		[]byte("{\"seq\":" + strings.Repeat("9", 5000) + "}\n"), []byte("NaN\n"), []byte("null\n"), []byte("[]\n"), []byte("1\n"), []byte("\"\"\n"),
		reline(t, jumped, "T14:00:02", "T14:05:02"), reline(t, jumped, "2026-11", "2026-13"), reline(t, jumped, "2026-11-24", "0000-11-24"),
		reline(t, jumped, "T14:00:02", "T14:00:60"), reline(t, jumped, "T14:00:02", "T24:00:02"), reline(t, jumped, "2026-11-24", "9999-11-24")}
	list = append(list, seeds()...)
	list = append(list, custodyCorpus(t)...)
	for _, tt := range twoReadings {
		list = append(list, reline(t, open, tt.from, tt.to))
	}
	for i := 0; i < len(good); i += 5 { // torn, and one bit turned
		list = append(list, good[:i])
		bad := bytes.Clone(good)
		bad[i] ^= 1 << (i % 8)
		list = append(list, bad)
	}
	lines := bytes.SplitAfter(good, []byte("\n"))
	for i := range len(lines) - 2 {
		swapped := append([][]byte{}, lines...)
		swapped[i], swapped[i+1] = lines[i+1], lines[i]
		list = append(list, bytes.Join(swapped, nil), bytes.Join(append(append([][]byte{}, lines[:i]...), lines[i+1:]...), nil))
	}
	return list
}

// TestVerifierCommand runs the program as an auditor does.
func TestVerifierCommand(t *testing.T) {
	python := need.Tool(t, "python3")
	dir := t.TempDir()
	b := good(t)
	head := verify(t, b).Head.String()
	put(t, dir, "verify.py", []byte(transcript.Verifier()))
	put(t, dir, "good", b)
	put(t, dir, "bad", bytes.Replace(b, []byte("Olga"), []byte("Olaf"), 1))
	put(t, dir, "open", b[:bytes.LastIndexByte(b[:len(b)-1], '\n')+1])
	for _, tt := range []struct {
		args string
		code int
		says string
	}{
		{"good", 0, "CONSISTENT and closed, NOT ANCHORED: 7 events, head " + head},
		{"good " + head, 0, "CONSISTENT and closed, ANCHORED by HEAD"},
		{"good " + strings.ToUpper(head[:32]) + " " + head[32:], 0, "ANCHORED by HEAD"},
		{"good " + strings.Repeat("0", 64), 4, "CHANGED"},
		{"bad", 4, "BROKEN in line 5"},
		{"open", 3, "INTERRUPTED"},
		{"open " + head, 4, "CHANGED"},
	} {
		cmd := exec.CommandContext(t.Context(), python, append([]string{"verify.py"}, strings.Fields(tt.args)...)...)
		cmd.Dir = dir
		out, _ := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != tt.code || !strings.Contains(string(out), tt.says) {
			t.Errorf("%s: code %d: %s", tt.args, cmd.ProcessState.ExitCode(), out)
		}
	}
	program, _, _ := strings.Cut(transcript.Verifier(), "# The kinds of events")
	if n := strings.Count(program, "\n"); n > 100 {
		t.Errorf("the verifier has %d lines without its table: nobody reads that", n)
	}
}

// TestByHand does what the page says, with the commands that stand on it.
func TestByHand(t *testing.T) {
	need.Tool(t, "jq")
	page := assets.Guide("verify")
	script := func(step string) string {
		_, rest, ok := strings.Cut(page, "\n"+step+". ")
		rest, _, _ = strings.Cut(rest, "\n\n"+string(step[0]+1)+". ")
		if !ok {
			t.Fatalf("the page has no step %s", step)
		}
		var lines []string
		for line := range strings.Lines(rest) {
			if code, ok := strings.CutPrefix(line, "        "); ok {
				lines = append(lines, code)
			}
		}
		return strings.Join(lines, "")
	}
	run := func(b []byte, step string) (string, bool) {
		dir := t.TempDir()
		put(t, dir, "transcript.jsonl", b)
		cmd := exec.CommandContext(t.Context(), "sh", "-c", script(step))
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return strings.TrimSpace(string(out)), err == nil
	}
	b := good(t)
	head := verify(t, b).Head
	changed := bytes.Replace(b, []byte("Olga"), []byte("Olaf"), 1)
	doubled := bytes.Replace(b, []byte(`"claimed":"Olga Example"`), []byte(`"claimed":"Wim","claimed":"Olga Example"`), 1)
	for _, tt := range []struct {
		name, step string
		b          []byte
		ok         bool
		says       string
	}{
		{"the head", "2", b, true, head.String() + "  -"},
		{"the chain", "3", b, true, fmt.Sprintf("ok %d %s", head.Count, head)},
		{"a changed line", "3", changed, false, "line 5"},
		{"the end", "4", b, true, "closed"},
		{"one reading", "5", b, true, ""},
		{"two readings", "5", doubled, false, `"claimed":"Wim"`},
		{"the overrides", "6", b, true, "The keys lie in a software token."},
	} {
		out, ok := run(tt.b, tt.step)
		if ok != tt.ok || !strings.Contains(out, tt.says) || tt.says == "" && out != "" {
			t.Errorf("%s: %v: %s", tt.name, ok, out)
		}
	}
}
