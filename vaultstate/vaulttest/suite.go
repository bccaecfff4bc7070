package vaulttest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/storage"
)

// Subject is a vault under test, with what the suite needs to know of what lies
// below it. If the vault is a vaultstate.Remote, the suite allows what a server
// does otherwise, and nothing else: a rotation asks for a token and not for a
// quorum; an init and a token count before Commit (Progress.Counts says so); no
// digest of a key is known; one share too many names no wrong one; another run
// goes on by Adopt, and has all shares proven again.
type Subject struct {
	Vault vaultstate.Vault
	// State is a digest of all that the vault keeps. If it is the same, nothing
	// changed.
	State func() string
	// Again is the same vault as another run of the program finds it. The one
	// before is not used any more.
	Again func() vaultstate.Vault
	// LoseAnswer has the answer of the next Commit lost: the change is made and
	// the call fails, or a Remote finds out by asking. Found has it all work again.
	LoseAnswer, Found func()
	// MustProve: a recovery rekey whose shares are not proven is refused.
	MustProve bool
}

// Factory makes a vault that is not initialised.
type Factory func(t *testing.T) Subject

// Run is the suite that every vault must pass. It holds them to the contract of
// package vaultstate.
func Run(t *testing.T, factory Factory) {
	for _, c := range []struct {
		name string
		test func(*player)
	}{
		{"init", testInit},
		{"every operation", testOperations},
		{"refused operations", testRefusedOperations},
		{"authority", testAuthority},
		{"proof", testProof},
		{"one unsplit share", testUnsplit},
		{"PGP", testPGP},
		{"proof skipped", testSkipped},
		{"cancel", testCancel},
		{"another run", testAgain},
		{"a lost answer", testLostAnswer},
		{"recover", testRecover},
		{"no secret in what is public", testPublic},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := factory(t)
			c.test(&player{T: t, Subject: s})
		})
	}
}

// player plays the people.
type player struct {
	*testing.T
	Subject
	held  []secret.Bytes // the shares that count, in order
	token secret.Bytes   // a root token that counts
}

const (
	first  = vaultstate.ID("first")
	second = vaultstate.ID("second")
)

var initial = vaultstate.Operation{ID: first, Kind: vaultstate.Init, Shares: 5, Threshold: 3}

func (p *player) ctx() context.Context { return p.Context() }

// remote is the vault if it is a server, else nil.
func (p *player) remote() vaultstate.Remote {
	r, _ := p.Vault.(vaultstate.Remote)
	return r
}

// initialised makes the vault 3 of 5.
func (p *player) initialised() {
	p.Helper()
	op := initial
	op.RootToken = p.remote() != nil // whose rotation needs it
	p.run(op)
}

// byQuorum is an operation that a quorum authorises, that every vault offers, and
// whose wrong quorum shows in Submit.
func (p *player) byQuorum(id vaultstate.ID) vaultstate.Operation {
	if p.remote() != nil {
		return vaultstate.Operation{ID: id, Kind: vaultstate.RecoveryRekey, Shares: 3, Threshold: 2}
	}
	return vaultstate.Operation{ID: id, Kind: vaultstate.Rotate}
}

// run plays an operation to its end.
func (p *player) run(op vaultstate.Operation) (vaultstate.Outcome, *vaultstate.Issue) {
	p.Helper()
	issue := p.prepare(op)
	p.proveAll(op.ID, issue)
	out, err := p.Vault.Commit(p.ctx(), op.ID)
	if err != nil {
		p.Fatalf("Commit of %s: %v", op.ID, err)
	}
	p.keep(issue)
	return out, issue
}

// prepare begins, authorises and takes: nil if nothing is issued.
func (p *player) prepare(op vaultstate.Operation) *vaultstate.Issue {
	p.Helper()
	got := p.authorise(op)
	if got.Phase != vaultstate.PhaseIssue {
		return nil
	}
	issue, err := p.Vault.Take(p.ctx(), op.ID)
	if err != nil {
		p.Fatalf("Take of %s: %v", op.ID, err)
	}
	return issue
}

func (p *player) authorise(op vaultstate.Operation) vaultstate.Progress {
	p.Helper()
	got, err := p.Vault.Begin(p.ctx(), op)
	if err != nil {
		p.Fatalf("Begin of %s: %v", op.ID, err)
	}
	if op.Kind == vaultstate.Init || op.Kind == vaultstate.Recover || op.Kind == vaultstate.Rotate && p.remote() != nil {
		return got
	}
	if got.Phase != vaultstate.PhaseAuthority || got.Needed < 1 {
		p.Fatalf("Begin of %s: %+v", op.ID, got)
	}
	if got, err = p.Vault.Submit(p.ctx(), op.ID, p.held[:got.Needed]); err != nil {
		p.Fatalf("Submit of %s: %v", op.ID, err)
	}
	return got
}

func (p *player) proveAll(id vaultstate.ID, issue *vaultstate.Issue) {
	p.Helper()
	if issue == nil {
		return
	}
	for _, s := range issue.Shares {
		if _, err := p.Vault.Verify(p.ctx(), id, s.Number, s.Plain); err != nil {
			p.Fatalf("Verify of share %d: %v", s.Number, err)
		}
	}
}

// keep takes the shares that count from now on, and gives a server its token.
func (p *player) keep(issue *vaultstate.Issue) {
	p.Helper()
	if issue != nil && len(issue.Shares) > 0 {
		p.held = plain(issue)
	}
	if issue != nil && issue.Token != nil {
		p.token = issue.Token.Plain
		p.useToken()
	}
}

// useToken gives a server its token.
func (p *player) useToken() {
	p.Helper()
	if r := p.remote(); r != nil {
		if err := r.UseToken(p.token); err != nil {
			p.Fatal(err)
		}
	}
}

// again has another run of the program.
func (p *player) again() {
	p.Helper()
	p.Vault = p.Again()
	p.useToken()
}

// offers tells whether a vault has an operation; a server may have it closed.
func (p *player) offers(kind vaultstate.Kind) bool {
	p.Helper()
	r := p.remote()
	if r == nil || kind == vaultstate.Recover {
		return r == nil
	}
	doors, err := r.Doors(p.ctx())
	if err != nil {
		p.Fatal(err)
	}
	return slices.ContainsFunc(doors, func(d vaultstate.Door) bool { return d.Kind == kind && d.Open })
}

func plain(issue *vaultstate.Issue) []secret.Bytes {
	var list []secret.Bytes
	for _, s := range issue.Shares {
		list = append(list, s.Plain)
	}
	return list
}

// phase says that a pending operation is in a phase.
func (p *player) phase(id vaultstate.ID, want vaultstate.Phase) vaultstate.Progress {
	p.Helper()
	got, err := p.Vault.Progress(p.ctx(), id)
	if err != nil || got.Phase != want || got.ID != id {
		p.Fatalf("the progress of %s is %+v, %v, want the phase %q", id, got, err, want)
	}
	return got
}

// refused calls f and wants an error that wraps want (any, if that is nil), and
// nothing changed.
func (p *player) refused(what string, want error, f func() error) {
	p.Helper()
	before := p.State()
	err := f()
	if err == nil || want != nil && !errors.Is(err, want) {
		p.Errorf("%s: %v, want %v", what, err, want)
	}
	if p.State() != before {
		p.Errorf("%s: it was refused and changed something", what)
	}
}

// refusedQuorum wants a QuorumError that names some.
func (p *player) refusedQuorum(what string, wrong []int, f func() error) {
	p.Helper()
	var q *vaultstate.QuorumError
	p.refused(what, nil, func() error {
		err := f()
		if !errors.As(err, &q) {
			p.Errorf("%s: %v, want a quorum error", what, err)
		} else if !slices.Equal(q.Wrong, wrong) {
			p.Errorf("%s: it says that %v are wrong, want %v", what, q.Wrong, wrong)
		}
		return err
	})
}

// calls are those that name an operation.
func (p *player) calls(id vaultstate.ID) map[string]func() error {
	return map[string]func() error{
		"Submit": func() error { _, err := p.Vault.Submit(p.ctx(), id, p.held); return err },
		"Take":   func() error { _, err := p.Vault.Take(p.ctx(), id); return err },
		"Verify": func() error { _, err := p.Vault.Verify(p.ctx(), id, 1, secret.Bytes{}); return err },
		"Commit": func() error { _, err := p.Vault.Commit(p.ctx(), id); return err },
		"Cancel": func() error { return p.Vault.Cancel(p.ctx(), id) },
	}
}

// refuses wants some of the calls to be refused.
func (p *player) refuses(id vaultstate.ID, want error, names ...string) {
	p.Helper()
	calls := p.calls(id)
	for _, n := range names {
		p.refused(n, want, calls[n])
	}
}

// flipped is a share with one bit of it changed.
func flipped(s secret.Bytes) secret.Bytes {
	c := s.Clone()
	c.Expose()[3] ^= 0x10
	return c
}

// Digest is a digest of everything below a directory: names and contents.
func Digest(t testing.TB, fsys storage.FS, dir string) string {
	t.Helper()
	h := sha256.New()
	var walk func(string)
	walk = func(at string) {
		names, err := fsys.ReadDir(at)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			full := filepath.Join(at, n)
			st, err := fsys.Lstat(full)
			if err != nil {
				t.Fatal(err)
			}
			h.Write([]byte(full + "\x00" + st.Mode.String() + "\x00"))
			if st.Mode.IsDir() {
				walk(full)
				continue
			}
			data, err := fsys.ReadFile(full)
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(data)
			h.Write(sum[:])
		}
	}
	walk(dir)
	return hex.EncodeToString(h.Sum(nil))
}
