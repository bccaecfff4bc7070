package folder_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"conclave/ceremony/folder"
	"conclave/ceremony/transcript"
)

func header(practice bool) transcript.Entry {
	return transcript.Entry{Kind: "header", Step: "open", Evidence: transcript.ByProgram, Facts: transcript.Facts{
		"format": 1, "ceremony": "init", "id": "KC-2026-017", "practice": practice, "program": "conclave 1.0"}}
}

func begun(work string) transcript.Entry {
	return transcript.Entry{Kind: "begun", Step: "stage", Evidence: transcript.ByProgram, Facts: transcript.Facts{"work": work}}
}

func closed() transcript.Entry {
	return transcript.Entry{Kind: "closed", Step: "close", Evidence: transcript.ByProgram,
		Facts: transcript.Facts{"verdict": "done", "overrides": []string{}}}
}

func create(t *testing.T, parent string, practice bool) *folder.Folder {
	t.Helper()
	name := folder.Name(time.Date(2026, 11, 24, 23, 0, 0, 0, time.UTC), "KC-2026-017", "init", practice)
	f, err := folder.Create(parent, name, practice)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func add(t *testing.T, f *folder.Folder, entries ...transcript.Entry) {
	t.Helper()
	for _, e := range entries {
		if _, err := f.Append(e); err != nil {
			t.Fatal(err)
		}
	}
}

func put(t *testing.T, f *folder.Folder, name, text string) {
	t.Helper()
	sum, err := f.Put(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if want := sha256.Sum256([]byte(text)); sum != hex.EncodeToString(want[:]) {
		t.Errorf("Put(%s) = %s, want the SHA-256 of the data", name, sum)
	}
}

// code verifies a directory and returns the exit code.
func code(t *testing.T, dir string) int {
	t.Helper()
	r, err := folder.OpenRecord(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	rep, err := r.Verify(nil)
	if err != nil {
		t.Fatal(err)
	}
	return rep.Code()
}

func TestWhole(t *testing.T) {
	for _, practice := range []bool{false, true} {
		f := create(t, t.TempDir(), practice)
		add(t, f, header(practice), begun("issue"))
		put(t, f, "shares/1-alice-example.asc", "a share")
		put(t, f, "shares/2-bob-example.asc", "another")
		add(t, f, closed())
		report := func(events []transcript.Event, rep transcript.Report) (string, []byte, error) {
			if len(events) != 3 || rep.State != transcript.Closed {
				t.Errorf("a maker was given %d events, %s", len(events), rep.State)
			}
			return "report.txt", []byte("all is well\n"), nil
		}
		for range 2 { // again, as after an interruption
			head, err := f.Seal(report)
			if err != nil {
				t.Fatal(err)
			}
			if n, sum := f.Head(); head.Count != 3 || n != 3 || sum != head.SHA256 {
				t.Errorf("the heads are %v and %d %x", head, n, sum)
			}
		}
		b, err := f.Get("shares/1-alice-example.asc")
		if err != nil || string(b) != "a share" {
			t.Errorf("Get = %q, %v", b, err)
		}
		if c := code(t, f.Dir()); c != 0 {
			t.Errorf("verify: code %d", c)
		}
		checkNames(t, f.Dir(), practice)
		checkSums(t, f, 6)
	}
}

// checkNames checks that names tell practice from production, and that nobody
// else can read.
func checkNames(t *testing.T, dir string, practice bool) {
	t.Helper()
	want := "2026-11-24-KC-2026-017-init"
	if practice {
		want = "PRACTICE-" + want
	}
	if filepath.Base(dir) != want {
		t.Errorf("the directory is %s, want %s", filepath.Base(dir), want)
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %s", path, info.Mode())
		}
		if !d.IsDir() && strings.HasPrefix(d.Name(), "PRACTICE-") != practice {
			t.Errorf("practice is %v, and a file is called %s", practice, d.Name())
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// checkSums does what sha256sum -c does.
func checkSums(t *testing.T, f *folder.Folder, n int) {
	t.Helper()
	b, err := f.Get("sha256sums")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	if len(lines) != n {
		t.Errorf("sha256sums has %d lines, want %d:\n%s", len(lines), n, b)
	}
	for _, l := range lines {
		sum, name, ok := strings.Cut(l, "  ")
		data, err := os.ReadFile(filepath.Join(f.Dir(), name))
		if err != nil || !ok {
			t.Errorf("the line %q: %v", l, err)
			continue
		}
		if got := sha256.Sum256(data); hex.EncodeToString(got[:]) != sum {
			t.Errorf("%s has another sum", name)
		}
	}
}

func TestNeverOver(t *testing.T) {
	parent := t.TempDir()
	f := create(t, parent, false)
	put(t, f, "a.txt", "one")
	put(t, f, "a.txt", "one")
	if _, err := f.Put("a.txt", []byte("two")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second Put = %v", err)
	}
	if b, _ := f.Get("a.txt"); string(b) != "one" {
		t.Errorf("the file holds %q", b)
	}
	if _, err := folder.Create(parent, filepath.Base(f.Dir()), false); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second Create = %v", err)
	}
}

func TestNoLinks(t *testing.T) {
	f := create(t, t.TempDir(), false)
	outside := t.TempDir()
	victim := filepath.Join(outside, "victim")
	if err := os.WriteFile(victim, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"file.txt": victim, "dangling.txt": filepath.Join(outside, "new"), "shares": outside, "inner.txt": "transcript.jsonl"} {
		if err := os.Symlink(target, filepath.Join(f.Dir(), name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"file.txt", "dangling.txt", "shares/1.asc", "inner.txt", "../out.txt", "/out.txt", "", ".", "a/../b"} {
		if _, err := f.Put(name, []byte("x")); err == nil {
			t.Errorf("Put(%q) was accepted", name)
		}
		if _, err := f.Get(name); err == nil {
			t.Errorf("Get(%q) was accepted", name)
		}
	}
	if b, _ := os.ReadFile(victim); string(b) != "mine" {
		t.Error("a file outside was written")
	}
	if entries, _ := os.ReadDir(outside); len(entries) != 1 {
		t.Error("a file outside was made")
	}
}

func TestLock(t *testing.T) {
	f := create(t, t.TempDir(), false)
	add(t, f, header(false))
	if _, _, err := folder.Resume(f.Dir()); !errors.Is(err, folder.ErrLocked) {
		t.Errorf("Resume of a directory in use = %v", err)
	}
}

// TestResume cuts the transcript at every byte of its last line.
func TestResume(t *testing.T) {
	parent := t.TempDir()
	f := create(t, parent, true)
	add(t, f, header(true), begun("stage"))
	two, err := os.ReadFile(f.Path("transcript.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	add(t, f, begun("commit"))
	all, err := os.ReadFile(f.Path("transcript.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Base(f.Path("transcript.jsonl"))
	for cut := len(two); cut <= len(all); cut++ {
		dir := filepath.Join(t.TempDir(), "x")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), all[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		resumeOnce(t, dir, all[len(two):cut])
	}
}

func resumeOnce(t *testing.T, dir string, tail []byte) {
	t.Helper()
	whole := bytes.HasSuffix(tail, []byte("\n"))
	f, rep, err := folder.Resume(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !whole && rep.Torn != len(tail) {
		t.Fatalf("torn %d, want %d", rep.Torn, len(tail))
	}
	torn, err := f.Get("transcript.torn")
	if rep.Torn > 0 && (err != nil || !bytes.Equal(torn, tail)) {
		t.Fatalf("transcript.torn holds %q, %v; want %q", torn, err, tail)
	}
	if rep.Torn == 0 && err == nil {
		t.Fatal("there is a transcript.torn where nothing was torn")
	}
	add(t, f, closed())
	if _, err := f.Seal(); err != nil {
		t.Fatal(err)
	}
	r, err := folder.OpenRecord(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	events, rep, err := r.Events()
	if err != nil || rep.Code() != 0 {
		t.Fatalf("verify: %+v, %v", rep, err)
	}
	for _, ev := range events {
		if ev.Kind == "resumed" {
			if ev.Facts.Number("torn") != len(torn) {
				t.Fatalf("the event says %d torn bytes, want %d", ev.Facts.Number("torn"), len(torn))
			}
			return
		}
	}
	t.Fatal("no event tells of the interruption")
}

func TestResumeRefuses(t *testing.T) {
	f := create(t, t.TempDir(), false)
	add(t, f, header(false), closed())
	f.Close()
	before, err := os.ReadFile(f.Path("transcript.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := folder.Resume(f.Dir()); err == nil {
		t.Error("a closed ceremony was resumed")
	}
	bad := bytes.Replace(before, []byte("KC-2026"), []byte("KC-2027"), 1)
	if err := os.WriteFile(f.Path("transcript.jsonl"), bad, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := folder.Resume(f.Dir()); err == nil {
		t.Error("a broken transcript was resumed")
	}
	if after, _ := os.ReadFile(f.Path("transcript.jsonl")); !bytes.Equal(after, bad) {
		t.Error("a refused transcript was changed")
	}
}

func TestFind(t *testing.T) {
	parent := t.TempDir()
	f := create(t, parent, false)
	add(t, f, header(false), begun("stage"))
	p := create(t, parent, true)
	add(t, p, header(true), closed())
	if err := os.Mkdir(filepath.Join(parent, "storage"), 0o700); err != nil {
		t.Fatal(err)
	}
	list, err := folder.Find(parent)
	if err != nil || len(list) != 2 {
		t.Fatalf("Find = %+v, %v", list, err)
	}
	if list[0].Dir != f.Dir() || list[0].Report.State != transcript.Interrupted || list[0].Report.Works[0] != "stage" {
		t.Errorf("the first is %+v", list[0])
	}
	if list[1].Dir != p.Dir() || list[1].Report.State != transcript.Closed {
		t.Errorf("the second is %+v", list[1])
	}
}

// TestHeadFile changes each byte of head.txt and of the transcript's last line.
func TestHeadFile(t *testing.T) {
	f := create(t, t.TempDir(), false)
	add(t, f, header(false), closed())
	if _, err := f.Seal(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"head.txt", "transcript.jsonl"} {
		path := f.Path(name)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range b {
			bad := bytes.Clone(b)
			bad[i] ^= 1
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			if c := code(t, f.Dir()); c != 4 {
				t.Fatalf("byte %d of %s changed: code %d", i, name, c)
			}
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(f.Path("head.txt")); err != nil {
		t.Fatal(err)
	}
	r, err := folder.OpenRecord(f.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if rep, err := r.Verify(nil); err != nil || len(rep.Compared) != 0 {
		t.Errorf("without head.txt: compared with %q, %v", rep.Compared, err)
	}
}

func TestNames(t *testing.T) {
	day := time.Date(2026, 11, 24, 23, 30, 0, 0, time.FixedZone("", -3600))
	tests := []struct{ id, want string }{
		{"KC-2026-017", "2026-11-25-KC-2026-017-init"},
		{"../../etc/passwd", "2026-11-25-etc-passwd-init"},
		{"", "2026-11-25-x-init"},
		{"Zoë 1", "2026-11-25-Zo-1-init"},
		{".", "2026-11-25-x-init"},
	}
	for _, tt := range tests {
		if got := folder.Name(day, tt.id, "init", false); got != tt.want {
			t.Errorf("Name(%q) = %q, want %q", tt.id, got, tt.want)
		}
	}
}

func TestNoRecord(t *testing.T) {
	dir := t.TempDir()
	if _, err := folder.OpenRecord(dir); !errors.Is(err, folder.ErrNoRecord) {
		t.Errorf("OpenRecord of an empty directory = %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "transcript.jsonl"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := folder.OpenRecord(dir); err == nil || errors.Is(err, folder.ErrNoRecord) {
		t.Errorf("OpenRecord of a directory called transcript.jsonl = %v", err)
	}
}
