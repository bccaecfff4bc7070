//go:build linux && cgo

package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"conclave/hsm/secret"
	"conclave/hsm/softhsm/need"
	"conclave/vaultstate/pgp"
	"conclave/vaultstate/share"
	"conclave/vaultstate/vaulttest/reader"
)

// effort is how often TestKill runs and kills the program, and the fewest that
// must fall before, inside and after the commit.
type effort struct{ measured, inCommit, anyTime, fewest int }

// Every kill is followed by a whole run of the program, so all of them take ten
// minutes and more: the variable CONCLAVE_LONG (make test-long) asks for them,
// and the other tests are joined by a sample.
var (
	allKills    = effort{20, 200, 50, 20}
	sampleKills = effort{3, 16, 4, 1}
)

const killAtOnce = 2

// TestKill kills the real program (SIGKILL) in a recovery rekey of a practice
// vault. It measures how long the commit takes, from its begun to its swapped,
// then kills at 0 to 3 times that after begun, and at any time of a run. Each
// time the state opens with either the old or the new shares (the second reader
// tells), and the next run says what it found, resumes or cleans up, and ends
// well: a recovery rekey where one is staged, else a rotation, for which the
// people give the shares that count.
func TestKill(t *testing.T) {
	lib := need.Tool(t, "softhsm")
	k := &killer{T: t, bin: build(t, ""), base: filepath.Join(t.TempDir(), "vault"), said: map[string]int{}}
	if out, err := k.rehearse(t.Context(), k.base, "init"); err != nil {
		t.Fatalf("the practice vault: %v\n%s", err, out)
	}
	k.old = k.shares(k.base)["first"]
	key := reader.Key{Lib: lib, Conf: filepath.Join(k.base, "softhsm2.conf"), TokenLabel: "PRACTICE", PIN: "123456", Label: "practice"}
	err := reader.SoftHSM(key, func(unwrap reader.Unwrap) error {
		k.unwrap = func(blob []byte) ([]byte, error) {
			k.token.Lock()
			defer k.token.Unlock()
			return unwrap(blob)
		}
		k.all()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

type killer struct {
	*testing.T
	bin, base string
	old       [][]byte
	runs      atomic.Int64
	token     sync.Mutex
	unwrap    reader.Unwrap

	mu                    sync.Mutex
	before, inside, after int
	which                 map[string]int
	said                  map[string]int // by what the next run said
}

func (k *killer) all() {
	n := sampleKills
	if os.Getenv("CONCLAVE_LONG") != "" {
		n = allKills
	}
	var commits, runs []time.Duration
	for range n.measured {
		commit, whole := k.measure()
		commits, runs = append(commits, commit), append(runs, whole)
	}
	slices.Sort(commits)
	slices.Sort(runs)
	median, whole := commits[len(commits)/2], runs[len(runs)/2]
	k.Logf("from the commit's begun to its swapped: median %v of %d runs (%v to %v); a whole run: %v",
		median, len(commits), commits[0], commits[len(commits)-1], whole)
	k.which = map[string]int{}
	// On a busy machine single commits take far longer than most.
	until := min(max(3*median, 2*commits[len(commits)-1]), 8*median)
	k.each(n.inCommit, func(i int) {
		k.kill(true, until*time.Duration(i)/time.Duration(n.inCommit-1))
	})
	k.Logf("killed %d times at 0 to %v after the commit's begun: %s", n.inCommit, until, k.counts())
	k.each(n.anyTime, func(int) { k.kill(false, rand.N(whole)) })
	k.Logf("and %d times at any time: %s", n.anyTime, k.counts())
	if k.before < n.fewest || k.inside < n.fewest || k.after < n.fewest {
		k.Errorf("fewer than %d fell before, inside or after the commit", n.fewest)
	}
}

func (k *killer) counts() string {
	return fmt.Sprintf("%d before begun, %d inside, %d after swapped, in all; what opened the state: %v; what the next run said: %v",
		k.before, k.inside, k.after, k.which, k.said)
}

// each calls f for 0 to n-1, some at once.
func (k *killer) each(n int, f func(int)) {
	turns := make(chan int)
	var wg sync.WaitGroup
	for range killAtOnce {
		wg.Go(func() {
			for i := range turns {
				if !k.Failed() {
					f(i)
				}
			}
		})
	}
	for i := range n {
		turns <- i
	}
	close(turns)
	wg.Wait()
}

// rehearse runs a ceremony to its end. Another test's server on the address of
// practice vaults is waited for.
func (k *killer) rehearse(ctx context.Context, dir, ceremony string) ([]byte, error) {
	for {
		out, err := exec.CommandContext(ctx, k.bin, "rehearse", ceremony, "-auto", "-plain", "-dir", dir).CombinedOutput() // #nosec G204 -- what this test built
		if err == nil || ctx.Err() != nil || !bytes.Contains(out, []byte(" answers at 127.0.0.1:")) {
			return out, err
		}
		time.Sleep(time.Second)
	}
}

// copied is a copy of the practice vault, in a directory that the caller removes.
func (k *killer) copied() (string, error) {
	dir := filepath.Join(filepath.Dir(k.base), fmt.Sprintf("run%d", k.runs.Add(1)))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	to := filepath.Join(dir, "vault")
	out, err := exec.CommandContext(k.Context(), "cp", "-a", k.base, to).CombinedOutput() // #nosec G204 -- this test's own directories
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return to, nil
}

// measure runs it to the end, unharmed.
func (k *killer) measure() (commit, whole time.Duration) {
	dir, err := k.copied()
	if err != nil {
		k.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(filepath.Dir(dir)) }()
	start := time.Now()
	if out, err := k.rehearse(k.Context(), dir, "recovery-rekey"); err != nil {
		k.Fatalf("a run: %v\n%s", err, out[max(0, len(out)-2000):])
	}
	whole = time.Since(start)
	begun, swapped := commitOf(transcriptOf(dir))
	if begun.IsZero() || swapped.IsZero() {
		k.Fatal("the record of a run has no commit")
	}
	return swapped.Sub(begun), whole
}

// kill starts it, kills it, and looks at what is left.
func (k *killer) kill(inCommit bool, delay time.Duration) {
	dir, err := k.copied()
	if err != nil {
		k.Error(err)
		return
	}
	defer func() { _ = os.RemoveAll(filepath.Dir(dir)) }()
	k.killRun(dir, inCommit, delay)
	if begun, _ := commitOf(transcriptOf(dir)); inCommit && begun.IsZero() {
		// It stopped before: there was another test's server.
		_ = os.RemoveAll(filepath.Dir(dir))
		time.Sleep(time.Second)
		k.kill(inCommit, delay)
		return
	}
	if err := k.look(dir); err != nil {
		keep := filepath.Join(os.TempDir(), "conclave-"+filepath.Base(filepath.Dir(dir)))
		_ = os.Rename(filepath.Dir(dir), keep)
		k.Errorf("killed %v after its start or its commit's begun (in the commit: %v): %v\nkept in %s", delay, inCommit, err, keep)
	}
}

func (k *killer) killRun(dir string, inCommit bool, delay time.Duration) {
	cmd := exec.CommandContext(k.Context(), k.bin, "rehearse", "recovery-rekey", "-auto", "-plain", "-dir", dir) // #nosec G204 -- what this test built
	if err := cmd.Start(); err != nil {
		k.Error(err)
		return
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	if inCommit {
		awaitBegun(dir, ended)
	}
	select {
	case <-ended:
	case <-time.After(delay):
	}
	_ = cmd.Process.Signal(syscall.SIGKILL) // it may have ended by itself
	<-ended
}

// awaitBegun returns when the commit's begun is in the transcript.
func awaitBegun(dir string, ended <-chan struct{}) {
	for {
		select {
		case <-ended:
			return
		case <-time.After(500 * time.Microsecond):
		}
		if begun, _ := commitOf(transcriptOf(dir)); !begun.IsZero() {
			return
		}
	}
}

// transcriptOf is the record of the recovery rekey as far as it goes.
func transcriptOf(dir string) []byte {
	top := os.DirFS(dir)
	names, _ := fs.Glob(top, "PRACTICE-*-recovery-rekey/PRACTICE-transcript.jsonl")
	if len(names) == 0 {
		return nil
	}
	b, _ := fs.ReadFile(top, names[0]) // none yet is none
	return b
}

// commitOf tells when the commit began and when it was swapped in, zero if not.
func commitOf(transcript []byte) (begun, swapped time.Time) {
	for line := range bytes.Lines(transcript) {
		if !bytes.Contains(line, []byte(`"commit"`)) {
			continue
		}
		var e struct {
			Time       time.Time
			Kind, Step string
			Facts      struct{ Work string }
		}
		if json.Unmarshal(line, &e) != nil || e.Step != "commit" {
			continue
		}
		switch {
		case e.Kind == "begun" && e.Facts.Work == "commit":
			begun = e.Time
		case e.Kind == "swapped":
			swapped = e.Time
		}
	}
	return begun, swapped
}

// look opens what is left, and lets the next run go on.
func (k *killer) look(dir string) error {
	begun, swapped := commitOf(transcriptOf(dir))
	which, err := k.opens(dir)
	if err != nil {
		return err
	}
	class := &k.inside
	switch {
	case begun.IsZero():
		class = &k.before
	case !swapped.IsZero():
		class = &k.after
	}
	if class == &k.before && which != "old" || class == &k.after && which != "new" {
		return fmt.Errorf("the record says begun %v and swapped %v, and the state opens with the %s shares", !begun.IsZero(), !swapped.IsZero(), which)
	}
	left, _ := os.ReadDir(filepath.Join(dir, "storage", ".conclave"))
	// What is staged can go on; else the people's shares are put to use.
	next, want := "rotate", which
	if staged, _ := filepath.Glob(filepath.Join(dir, "storage", ".conclave", "*", "stage.json")); which == "old" && len(staged) > 0 {
		next, want = "recovery-rekey", "new"
	}
	ctx, cancel := context.WithTimeout(k.Context(), 2*time.Minute)
	defer cancel()
	out, err := k.rehearse(ctx, dir, next)
	if err != nil {
		return fmt.Errorf("the next run: %w\n%s", err, out[max(0, len(out)-2000):])
	}
	text := string(out)
	said := "nothing, there was nothing"
	for _, s := range []string{"was cut off after its commit", "The ceremony can go on", "the set is removed and void", "remove it and begin again", "A staging that did not get done", "The state from before this ceremony is kept"} {
		if strings.Contains(text, s) {
			said = s
			break
		}
	}
	if len(left) > 0 && said == "nothing, there was nothing" {
		return fmt.Errorf("there was something, and the next run says nothing of it:\n%s", text)
	}
	if now, err := k.opens(dir); err != nil || now != want {
		return fmt.Errorf("after the next run it opens with the %s shares, want the %s: %w", now, want, err)
	}
	if left, err := os.ReadDir(filepath.Join(dir, "storage", ".conclave")); err == nil && len(left) > 0 {
		return fmt.Errorf("the next run left %v", left)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	*class++
	k.which[which]++
	k.said[said]++
	return nil
}

// opens says whether the state opens with the old shares or with new ones, of
// whichever of the ceremonies in the directory.
func (k *killer) opens(dir string) (string, error) {
	s, err := reader.Open(filepath.Join(dir, "storage"), k.unwrap)
	if err != nil {
		return "neither", fmt.Errorf("the second reader: %w", err)
	}
	if makesKey(s, k.old) {
		return "old", nil
	}
	for name, set := range k.shares(dir) {
		if name != "first" && makesKey(s, set) {
			return "new", nil
		}
	}
	return "neither", errors.New("neither the old nor the new shares open the state")
}

// makesKey tells whether every share of a set takes part in making the key.
func makesKey(s *reader.State, shares [][]byte) bool {
	if len(shares) != s.Shares {
		return false
	}
	for i := range shares {
		var some [][]byte
		for j := range s.Threshold {
			some = append(some, shares[(i+j)%len(shares)])
		}
		if !bytes.Equal(reader.Combine(some), s.Recovery) {
			return false
		}
	}
	return true
}

// shares decrypts what the ceremonies handed out: by record, that of the init
// under "first".
func (k *killer) shares(dir string) map[string][][]byte {
	sets := map[string][][]byte{}
	files, _ := filepath.Glob(filepath.Join(dir, "PRACTICE-*", "shares", "*.asc"))
	for _, f := range files {
		record := filepath.Base(filepath.Dir(filepath.Dir(f)))
		if strings.HasSuffix(record, "-init") {
			record = "first"
		}
		// PRACTICE-1-alice-adams.asc is for PRACTICE-alice-adams.asc.
		parts := strings.SplitN(filepath.Base(f), "-", 3)
		raw, err := decryptShare(os.DirFS(dir), strings.TrimPrefix(f, dir+"/"), "custodians/PRACTICE-"+parts[2])
		if err != nil {
			k.Errorf("%s: %v", f, err)
		}
		sets[record] = append(sets[record], raw)
	}
	return sets
}

func decryptShare(dir fs.FS, message, key string) ([]byte, error) {
	b, err := fs.ReadFile(dir, key)
	if err != nil {
		return nil, err
	}
	private, err := pgp.ReadPrivate(b)
	if err != nil {
		return nil, err
	}
	if b, err = fs.ReadFile(dir, message); err != nil {
		return nil, err
	}
	text, err := private.Decrypt(b)
	if err != nil {
		return nil, err
	}
	defer text.Wipe()
	raw, _, err := share.Scheme{}.Parse(text, 33)
	if err != nil {
		return nil, err
	}
	defer secret.WipeAll([]secret.Bytes{raw})
	return bytes.Clone(raw.Expose()), nil
}
