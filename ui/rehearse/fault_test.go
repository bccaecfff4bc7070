//go:build cgo && !race

package rehearse_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/plan"
	"conclave/hsm/softhsm/need"
	"conclave/hsm/softhsm/shim"
	"conclave/ui/rehearse"
	"conclave/vaultstate"
	"conclave/vaultstate/vaulttest/reader"
)

// plausible are the codes that a token may give at any call; those of one
// function are added.
var (
	plausible = []uint{0x05, 0x06, 0x30, 0x31, 0x32, 0xB3, 0x101, 0x54, 0x02, 0xE0, 0x190, 0x80000001}
	ofCall    = map[string][]uint{
		"C_OpenSession":     {0xB1, 0xE1, 0xE2, 0x03},
		"C_Login":           {0xA0, 0xA4, 0x102, 0x100, 0x104},
		"C_FindObjects":     {0x91},
		"C_FindObjectsInit": {0x90, 0x12},
		"C_EncryptInit":     {0x60, 0x63, 0x68, 0x70, 0x71, 0x90},
		"C_Encrypt":         {0x20, 0x21, 0x150, 0x91},
		"C_DecryptInit":     {0x60, 0x63, 0x68, 0x70, 0x71, 0x90},
		"C_Decrypt":         {0x40, 0x41, 0x42, 0x150, 0x91},
		"C_GenerateKey":     {0x10, 0x13, 0xD0, 0xD1, 0x70},
		"C_GenerateRandom":  {0x120, 0x121},
		"C_DestroyObject":   {0x1B, 0x82, 0xB5},
		"C_Logout":          {0x101},
	}
)

// fault is one failure of the token: at the n-th call of a function from the
// beginning of a ceremony, counted from 0.
type fault struct {
	kind vaultstate.Kind
	call string
	n    int
	code uint
}

func (f fault) String() string {
	return fmt.Sprintf("%s: %s no. %d gives %#x", f.kind, f.call, f.n+1, f.code)
}

// TestTokenFaults lets one call of one ceremony fail, and tries again where a
// page offers it. Afterwards the second reader opens the state, and the shares
// that count authorise the next ceremony: what the people did was not in vain.
//
// It is a sample. CONCLAVE_FAULTS=1/1 (make test-faults) has every call of every
// ceremony fail with every code, which takes many hours; 3/20 the third of
// twenty parts of that.
func TestTokenFaults(t *testing.T) {
	need.Tool(t, "softhsm")
	need.Tool(t, "cc")
	var faults []fault
	called := 0
	for _, kind := range kinds {
		calls := faultless(t, kind)
		called += len(calls)
		faults = append(faults, faultsOf(kind, calls)...)
	}
	all := len(faults)
	faults = part(t, faults)
	var went tally
	var wg sync.WaitGroup
	next := make(chan fault)
	for range 3 {
		wg.Go(func() {
			for f := range next {
				a, err := f.try(t)
				if err == nil {
					err = a.goesOn(t)
				}
				if err != nil {
					t.Errorf("%s: %v\n%s", f, err, a.out[max(0, len(a.out)-3000):])
				}
				went.add(a, err)
			}
		})
	}
	for _, f := range faults {
		next <- f
	}
	close(next)
	wg.Wait()
	t.Logf("%d calls in %d ceremonies without faults, %d faults of them; %s", called, len(kinds), all, &went)
}

var kinds = []vaultstate.Kind{vaultstate.Init, plan.Unseal, vaultstate.Rekey, vaultstate.RecoveryRekey, vaultstate.Rotate, vaultstate.GenerateRoot,
	vaultstate.Recover, vaultstate.Rewrap, plan.Retire}

// part is every n-th fault, as the environment says; else a sample, with the
// same stride through all ceremonies.
func part(t *testing.T, all []fault) []fault {
	t.Helper()
	const sample = 45
	from, step := 1, len(all)/sample+1
	if text := os.Getenv("CONCLAVE_FAULTS"); text != "" {
		if n, err := fmt.Sscanf(text, "%d/%d", &from, &step); n != 2 || err != nil || from < 1 || step < from {
			t.Fatalf("CONCLAVE_FAULTS is %q: say 1/1, or 3/20", text)
		}
	}
	var some []fault
	for i := from - 1; i < len(all); i += step {
		some = append(some, all[i])
	}
	return some
}

// faultsOf has each call fail with each code.
func faultsOf(kind vaultstate.Kind, calls []string) (list []fault) {
	seen := map[string]int{}
	for _, c := range calls {
		for _, code := range slices.Concat(ofCall[c], plausible) {
			list = append(list, fault{kind, c, seen[c], code})
		}
		seen[c]++
	}
	return list
}

// tally counts how they went.
type tally struct {
	sync.Mutex
	tried, unseen, again, stopped, lost int
}

func (y *tally) add(a after, err error) {
	y.Lock()
	defer y.Unlock()
	y.tried++
	switch {
	case err != nil:
		y.lost++
	case a.o.Code != ceremony.CodeDone:
		y.stopped++
	case len(a.pages) > 0:
		y.again++
	default:
		y.unseen++
	}
}

func (y *tally) String() string {
	return fmt.Sprintf("%d faults: %d went on by themselves, %d after a page, %d stopped; states lost or pages wrong: %d", y.tried, y.unseen, y.again, y.stopped, y.lost)
}

// before is a world as a ceremony begins with it.
func before(t *testing.T, kind vaultstate.Kind) *rehearse.World {
	t.Helper()
	if kind == vaultstate.Init {
		return prepare(t, t.TempDir())
	}
	w := initialised(t)
	if kind == plan.Retire { // it destroys what a rewrap left
		if _, o, out := hold(t, w, vaultstate.Rewrap, w.Player().Answer); o.Code != ceremony.CodeDone {
			t.Fatalf("the rewrap before ended with %+v\n%s", o, out)
		}
		return prepare(t, w.Dir)
	}
	return w
}

// faultless is what a ceremony calls when nothing fails.
func faultless(t *testing.T, kind vaultstate.Kind) []string {
	t.Helper()
	w := before(t, kind)
	s := shim.New(t, &w.HSM)
	if _, o, out := hold(t, w, kind, w.Player().Answer); o.Code != ceremony.CodeDone {
		t.Fatalf("%s behind the shim ended with %+v\n%s", kind, o, out)
	}
	return s.Calls()
}

// after is how a ceremony with a fault went.
type after struct {
	fault
	w     *rehearse.World
	pages []ceremony.Problem
	o     ceremony.Outcome
	out   string
}

// try holds a ceremony with a fault. The token works again when a page has said
// that it failed.
func (f fault) try(t *testing.T) (after, error) {
	t.Helper()
	w := before(t, f.kind)
	sound := w.HSM
	s := shim.New(t, &w.HSM)
	s.Set(fmt.Sprintf("%s return %#x after %d times 1", f.call, f.code, f.n))
	player := w.Player()
	a := after{fault: f, w: w}
	_, a.o, a.out = hold(t, w, f.kind, func(p ceremony.Prompt) (ceremony.Input, bool) {
		if p.Problem != nil {
			s.Set()
			a.pages = append(a.pages, *p.Problem)
			if len(a.pages) > 4 {
				return ceremony.Input{}, false
			}
			p.Problem = nil
		}
		return player.Answer(p)
	})
	w.HSM = sound
	return a, a.said()
}

// said tells what is wrong with the pages that told of the fault.
func (a after) said() error {
	for _, p := range a.pages {
		switch {
		case strings.Contains(p.Happened, "no better words"), p.Happened == "", p.Do == "":
			return fmt.Errorf("a page says %q, %q (%s)", p.Happened, p.Do, p.Code)
		}
	}
	if p := a.pages; len(p) > 0 && !strings.Contains(p[0].Code+p[0].Happened, fmt.Sprintf("0x%02X", a.code)) && a.call != "C_Login" {
		return fmt.Errorf("the page does not name the code: %q (%s)", p[0].Happened, p[0].Code)
	}
	return nil
}

// goesOn opens the state with the second reader, and holds a next ceremony with
// a token that works: what was begun, if it is not done, else a rotation.
func (a after) goesOn(t *testing.T) error {
	t.Helper()
	w := prepare(t, a.w.Dir)
	next := vaultstate.Rotate
	init, err := w.Initialized()
	if err != nil {
		return err
	}
	if staged, _ := filepath.Glob(filepath.Join(w.Storage, ".conclave", "*", "stage.json")); !init || len(staged) > 0 {
		next = a.kind
	}
	if !init && (a.kind != vaultstate.Init || a.o.Code == ceremony.CodeDone) {
		return fmt.Errorf("no vault is there, and the ceremony ended with %+v", a.o)
	}
	if init {
		if err := opens(w); err != nil {
			return err
		}
	}
	record, o, out := hold(t, w, next, w.Player().Answer)
	if o.Code != ceremony.CodeDone {
		return fmt.Errorf("after %+v the next ceremony, %s, ended with %+v:\n%s", a.o, next, o, out)
	}
	if _, err := w.Check(record); err != nil {
		return err
	}
	return opens(w)
}

// opens reads the state with the second reader.
func opens(w *rehearse.World) error {
	key := reader.Key{Lib: w.HSM.Lib, Conf: filepath.Join(w.Dir, "softhsm2.conf"), TokenLabel: w.HSM.TokenLabel, PIN: rehearse.PIN, Label: w.HSM.KeyLabel}
	return reader.SoftHSM(key, func(unwrap reader.Unwrap) error {
		_, err := reader.Open(w.Storage, unwrap)
		return err
	})
}
