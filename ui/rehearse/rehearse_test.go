package rehearse_test

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"conclave/ceremony"
	"conclave/ceremony/plan"
	"conclave/hsm/secret"
	"conclave/hsm/softhsm/need"
	"conclave/hsm/worker"
	"conclave/ui/command"
	"conclave/ui/plain"
	"conclave/ui/rehearse"
	"conclave/vaultstate"
)

func TestMain(m *testing.M) {
	worker.Child()
	code := m.Run()
	if first.dir != "" {
		_ = os.RemoveAll(first.dir)
	}
	os.Exit(code)
}

func prepare(t *testing.T, dir string) *rehearse.World {
	t.Helper()
	need.Tool(t, "softhsm")
	w, err := rehearse.Prepare(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// first is a world with a vault, made once.
var first struct {
	sync.Mutex
	dir string
}

// copied gives a copy of a world whose init was rehearsed.
func copied(t *testing.T) (dir string) {
	t.Helper()
	need.Tool(t, "softhsm")
	first.Lock()
	defer first.Unlock()
	if first.dir == "" {
		made, err := os.MkdirTemp("", "rehearse-test-") //nolint:usetesting // it outlives the test that makes it
		if err != nil {
			t.Fatal(err)
		}
		first.dir = made
		w := prepare(t, made)
		if _, o, out := hold(t, w, vaultstate.Init, w.Player().Answer); o.Code != ceremony.CodeDone {
			t.Fatalf("the init ended with %+v\n%s", o, out)
		}
	}
	dir = filepath.Join(t.TempDir(), "moved world")
	if err := os.CopyFS(dir, os.DirFS(first.dir)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// initialised is a copy to go on with. A world may be moved: its paths are
// written anew.
func initialised(t *testing.T) *rehearse.World {
	t.Helper()
	return prepare(t, copied(t))
}

// opened is a copy to look at, and the record of the init.
func opened(t *testing.T) (w *rehearse.World, record string) {
	t.Helper()
	w, err := rehearse.Open(copied(t))
	if err != nil {
		t.Fatal(err)
	}
	records, err := filepath.Glob(filepath.Join(w.Dir, "PRACTICE-*-init"))
	if err != nil || len(records) != 1 {
		t.Fatalf("the records are %q, %v", records, err)
	}
	return w, records[0]
}

type auto func(ceremony.Prompt) (ceremony.Input, bool)

// hold rehearses one ceremony through the plain front end.
func hold(t *testing.T, w *rehearse.World, kind vaultstate.Kind, answer auto) (record string, o ceremony.Outcome, out string) {
	t.Helper()
	q, err := w.Request(kind)
	if err != nil {
		t.Fatal(err)
	}
	q.ID = strings.ReplaceAll(time.Now().UTC().Format("PR-150405.000000"), ".", "-")
	p, err := q.Resolve(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	a, err := command.Assemble(t.Context(), command.Job{Plan: p, Parent: w.Dir, HSM: w.HSM, OtherHSM: w.OtherHSM(kind), Roster: w.Roster,
		Addresses: []string{"http://" + rehearse.Address}, Progress: plain.Progress(&b)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }() // closed below; here after a cut
	record = a.Folder.Dir()
	o = plain.Run(t.Context(), w.Hints(a.Run), plain.Options{Out: &b, Auto: answer})
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	return record, o, b.String()
}

// TestRehearsals holds all ceremonies on one world, then some again with
// other shares, shown on the screen.
func TestRehearsals(t *testing.T) {
	dir := t.TempDir()
	for i, kind := range []vaultstate.Kind{vaultstate.Init, plan.Unseal, vaultstate.Rekey, vaultstate.RecoveryRekey,
		vaultstate.Rotate, vaultstate.GenerateRoot, vaultstate.RecoveryRekey, vaultstate.Rekey, plan.Drill, vaultstate.Recover, plan.Drill, plan.RevokeRoot} {
		w := prepare(t, dir)
		if i == 6 {
			w.Shares, w.Threshold, w.PlainShares, w.PINInParts = 7, 4, true, true
		}
		player := w.Player()
		record, o, out := hold(t, w, kind, player.Answer)
		if o.Code != ceremony.CodeDone {
			t.Fatalf("%s: the outcome is %+v; the player: %v\n%s", kind, o, player.Err, out)
		}
		lines, err := w.Check(record)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		found := strings.Join(lines, " ")
		issues := kind == vaultstate.Init || kind == vaultstate.RecoveryRekey || kind == vaultstate.Recover
		token := kind == vaultstate.Init || kind == vaultstate.GenerateRoot
		if strings.Contains(found, "make the recovery key") != issues || strings.Contains(found, "root token decrypts") != token {
			t.Errorf("%s: found is %q", kind, found)
		}
	}
}

// TestRewraps moves the practice vault to another key of the practice token, the
// second time with everything made anew; the two old ones are destroyed, and a
// rotate opens it with the last.
func TestRewraps(t *testing.T) {
	w := initialised(t)
	for _, c := range []struct {
		kind   vaultstate.Kind
		reason string
		label  string
		anew   bool
	}{
		{vaultstate.Rewrap, "", "practice-2", false},
		{vaultstate.Rewrap, plan.Compromise, "practice-3", true},
		{plan.Retire, "", "practice-3", false}, // practice-2
		{plan.Retire, "", "practice-3", false}, // practice
		{vaultstate.Rotate, "", "practice-3", false},
	} {
		before := w.Roster.RecoveryKey + w.Roster.RootKey
		w.Reason = c.reason
		player := w.Player()
		record, o, out := hold(t, w, c.kind, player.Answer)
		if o.Code != ceremony.CodeDone {
			t.Fatalf("%s: the outcome is %+v; the player: %v\n%s", c.kind, o, player.Err, out)
		}
		lines, err := w.Check(record)
		if err != nil || strings.Contains(strings.Join(lines, " "), "make the recovery key") != c.anew {
			t.Fatalf("%s: %q, %v", c.kind, lines, err)
		}
		if w.HSM.KeyLabel != c.label || (before != w.Roster.RecoveryKey+w.Roster.RootKey) != c.anew {
			t.Errorf("%s: the key is %s, and the others changed: %v", c.kind, w.HSM.KeyLabel, before != w.Roster.RecoveryKey+w.Roster.RootKey)
		}
	}
	if len(w.Roster.OldSealKeys) > 0 {
		t.Errorf("not destroyed: %q", w.Roster.OldSealKeys)
	}
}

// TestByHand types the PIN and the shares that the hints tell of, the new ones
// while they do not count yet.
func TestByHand(t *testing.T) {
	w := initialised(t)
	player := w.Player()
	states := map[string]int{}
	answer := func(p ceremony.Prompt) (ceremony.Input, bool) {
		hint := strings.Join(p.Text, "\n")
		if p.Sealed != nil && p.Sealed.Challenge {
			_, line, ok := strings.Cut(hint, "conclave rehearse challenge ")
			who, dir, _ := strings.Cut(line, " -dir ")
			var b bytes.Buffer
			if err := rehearse.ChallengeTo(strings.Trim(dir, "'"), who, &b); err != nil || !ok || !strings.HasPrefix(b.String(), "CONCLAVE CHALLENGE") {
				t.Errorf("ChallengeTo(%q, %q) = %v", dir, who, err)
			}
			states["challenge"]++
			return ceremony.Input{Secret: secret.Take(b.Bytes()), Source: "typed"}, true
		}
		if p.Kind == ceremony.AskSecret {
			_, pin, ok := strings.Cut(hint, "the PIN of the practice token is ")
			return ceremony.Input{Secret: secret.Take([]byte(strings.TrimSuffix(pin, "."))), Source: "typed"}, ok
		}
		if p.Kind == ceremony.AskShare {
			_, line, ok := strings.Cut(hint, "conclave rehearse share ")
			who, dir, _ := strings.Cut(line, " -dir ")
			var b bytes.Buffer
			dir = strings.Trim(dir, "'") // as a shell does
			if err := rehearse.ShareOf(dir, who, &b); err != nil || !ok {
				t.Errorf("ShareOf(%q, %q) = %v", dir, who, err)
				return ceremony.Input{}, false
			}
			head, text, _ := strings.Cut(b.String(), "\n")
			_, state, _ := strings.Cut(head, "; ")
			states[state]++
			return ceremony.Input{Secret: secret.Take([]byte(strings.TrimSpace(text))), Source: "typed"}, strings.HasPrefix(head, "PRACTICE. ")
		}
		return player.Answer(p)
	}
	record, o, out := hold(t, w, vaultstate.RecoveryRekey, answer)
	if o.Code != ceremony.CodeDone {
		t.Fatalf("the outcome is %+v\n%s", o, out)
	}
	if _, err := w.Check(record); err != nil {
		t.Error(err)
	}
	if states["challenge"] != 5 || states["it counts."] != 3 || states["new: it counts once the ceremony is committed."] != 5 {
		t.Errorf("the shares that were typed: %v", states)
	}
	var b bytes.Buffer
	for _, name := range []string{"", "nobody", "a"} {
		if err := rehearse.ShareOf(w.Dir, name, &b); err == nil {
			t.Errorf("ShareOf(%q) names nobody and was accepted", name)
		}
		if err := rehearse.ChallengeTo(w.Dir, "nobody", &b); err == nil {
			t.Error("a challenge to nobody was printed")
		}
	}
}

// TestGoesOn stops a ceremony after its shares are out, and begins anew.
func TestGoesOn(t *testing.T) {
	w := initialised(t)
	before := w.Roster.RecoveryKey
	player := w.Player()
	stop := func(p ceremony.Prompt) (ceremony.Input, bool) {
		if p.StepID == "go" {
			return ceremony.Input{}, false
		}
		return player.Answer(p)
	}
	record, o, out := hold(t, w, vaultstate.RecoveryRekey, stop)
	if o.Code != ceremony.CodeStopped {
		t.Fatalf("the outcome is %+v\n%s", o, out)
	}
	if _, err := w.Check(record); err == nil {
		t.Error("a stopped ceremony passes the check")
	}
	w = prepare(t, w.Dir)
	if w.Roster.RecoveryKey != before || w.Roster.Outcome != "aborted" {
		t.Errorf("after the stop the roster is %+v", w.Roster)
	}
	record, o, out = hold(t, w, vaultstate.RecoveryRekey, w.Player().Answer)
	if o.Code != ceremony.CodeDone {
		t.Fatalf("the outcome is %+v\n%s", o, out)
	}
	if _, err := w.Check(record); err != nil {
		t.Error(err)
	}
	if slices.Contains([]string{before, ""}, w.Roster.RecoveryKey) {
		t.Error("the recovery key is the old one")
	}
}

// TestGoesOnAfterACut ends the program, in effect, while shares are being proven;
// the next rehearsal goes on with that set.
func TestGoesOnAfterACut(t *testing.T) {
	w := initialised(t)
	before, _ := w.Roster.ValidSet()
	player, proven := w.Player(), 0
	cut := func(p ceremony.Prompt) (ceremony.Input, bool) {
		if p.StepID == "prove" && p.Kind == ceremony.AskShare {
			if proven++; proven == 3 {
				runtime.Goexit()
			}
		}
		return player.Answer(p)
	}
	over := make(chan bool)
	go func() {
		defer close(over)
		hold(t, w, vaultstate.RecoveryRekey, cut)
	}()
	<-over
	w = prepare(t, w.Dir)
	set := w.Roster.Sets[len(w.Roster.Sets)-1]
	if w.Roster.Outcome != "interrupted" || set.ID == before.ID {
		t.Fatalf("after the cut the roster is %+v", w.Roster)
	}
	player = w.Player()
	record, o, out := hold(t, w, vaultstate.RecoveryRekey, func(p ceremony.Prompt) (ceremony.Input, bool) {
		if p.Kind == ceremony.AskShare {
			var b bytes.Buffer
			if err := rehearse.ShareOf(w.Dir, "alice", &b); err != nil || strings.Count(b.String(), "PRACTICE. Alice Adams") != 2 {
				t.Errorf("ShareOf prints %d lines, %v; want the new share and the one that counts", strings.Count(b.String(), "\n"), err)
			}
		}
		return player.Answer(p)
	})
	if o.Code != ceremony.CodeDone {
		t.Fatalf("the outcome is %+v\n%s", o, out)
	}
	lines, err := w.Check(record)
	if err != nil || !strings.Contains(strings.Join(lines, " "), "make the recovery key") {
		t.Errorf("Check = %q, %v", lines, err)
	}
	if now, _ := w.Roster.ValidSet(); now.ID != set.ID {
		t.Errorf("the set that counts is %s, want the one that was handed out before the cut", now.ID)
	}
}

// TestPlayer sees the player leave alone what is for people.
func TestPlayer(t *testing.T) {
	w, _ := opened(t)
	p := w.Player()
	choices := []ceremony.Choice{{ID: "remove"}, {ID: "keep"}}
	for _, tt := range []struct {
		name   string
		prompt ceremony.Prompt
		choose map[string]string
		want   string // of the choice or the text
		ok     bool
	}{
		{"first choice", ceremony.Prompt{Kind: ceremony.Choose, StepID: "rollback", Choices: choices}, nil, "remove", true},
		{"told choice", ceremony.Prompt{Kind: ceremony.Choose, StepID: "rollback", Choices: choices}, map[string]string{"rollback": "keep"}, "keep", true},
		{"no such choice", ceremony.Prompt{Kind: ceremony.Choose, StepID: "rollback", Choices: choices}, map[string]string{"rollback": "undo"}, "", false},
		{"no choices", ceremony.Prompt{Kind: ceremony.Choose}, nil, "", false},
		{"a failure", ceremony.Prompt{Kind: ceremony.Choose, Choices: choices, Problem: &ceremony.Problem{Happened: "The disk is full."}}, nil, "", false},
		{"a wrong PIN", ceremony.Prompt{Kind: ceremony.AskSecret, Problem: &ceremony.Problem{}}, nil, "", false},
		{"a name", ceremony.Prompt{Kind: ceremony.Ask, Field: "witness"}, nil, "", false},
		{"a known name", ceremony.Prompt{Kind: ceremony.Ask, Field: "witness", Default: "Wim"}, nil, "Wim", true},
		{"somebody without a share", ceremony.Prompt{Kind: ceremony.AskShare, By: ceremony.Person{Name: "Fay Fisher"}}, nil, "", false},
		{"a share that is not out", ceremony.Prompt{Kind: ceremony.AskShare, By: ceremony.Person{Name: "Alice Adams"}, Entry: ceremony.Entry{Proving: true}}, nil, "", false},
	} {
		p.Choose = tt.choose
		in, ok := p.Answer(tt.prompt)
		in.Secret.Wipe()
		if ok != tt.ok || in.Choice+in.Text != tt.want || (p.Err == nil) != ok {
			t.Errorf("%s: %q, %v, %v", tt.name, in.Choice+in.Text, ok, p.Err)
		}
	}
}
