// Package rehearse is the practice world of a rehearsal: one directory with a
// throw-away vault, a private SoftHSM token, practice people with PGP keys, and
// the records of the ceremonies that were rehearsed there.
//
//	PRACTICE.txt     marks the directory as ours and says what is in it
//	storage/         the practice vault
//	tokens/          the private token, and softhsm2.conf beside it
//	openbao.hcl      a server configuration with which a real OpenBao starts on it
//	custodians/      the practice people's PGP keys, private ones too
//	paper/           what a player "wrote down" of shares that were shown
//	PRACTICE-…/      one record a ceremony
//
// It promises:
//   - nothing here is taken from a configuration or the environment: all paths,
//     the address, the token, the PIN and the keys are the directory's own
//     (TestNothingFromOutside), but for the place of SoftHSM's library in
//     SOFTHSM2_LIB, where another library than SoftHSM's is refused; so is a
//     directory that holds something else;
//   - a rehearsal goes on from the earlier ones in its directory: who holds which
//     share is read from their transcripts (TestRehearsals);
//   - what a ceremony left is checked by other means than the ceremony's own:
//     see Check.
//
// It does not promise any protection of the practice vault: PIN and private keys
// lie beside it.
package rehearse

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"conclave/ceremony"
	"conclave/ceremony/custodian"
	"conclave/ceremony/plan"
	"conclave/hsm"
	"conclave/hsm/secret"
	"conclave/hsm/softhsm"
	"conclave/vaultstate"
)

// What the practice world is made of.
const (
	// PIN of the practice token. It is told on the page that asks for it.
	PIN = "123456"
	// Address of the practice server. It is not the usual one: a developer's own
	// server must not stand in the way of a rehearsal.
	Address = "127.0.0.1:18200"

	tokenLabel = "PRACTICE"
	keyLabel   = "practice"
	keyID      = "01"

	// As plan has them.
	defaultShares    = 5
	defaultThreshold = 3
)

// Names in the directory.
const (
	markName       = "PRACTICE.txt"
	storageName    = "storage"
	configName     = "openbao.hcl"
	custodiansName = "custodians"
	paperName      = "paper"
	mediumName     = "medium"
)

// World is a practice world. Close ends its use.
type World struct {
	Dir     string // absolute
	Storage string
	Config  string // openbao.hcl
	HSM     hsm.Config
	Roster  *custodian.Roster // as Refresh last found it; nil before the first record

	// Of the next set of shares: how many, how many are needed, and whether they
	// are shown on the screen instead of encrypted.
	Shares, Threshold int
	PlainShares       bool
	Medium            bool   // encrypted shares are written to a second medium as well
	PINInParts        bool   // two people type a part of the PIN each
	Reason            string // of a rewrap: "" is routine
	Proof             string // of a drill: "" is the key of who has one

	records map[string]string // directories by the ceremony's id
}

// Prepare makes the world in dir, or opens one that is there and completes it.
// A directory that holds something else is refused.
func Prepare(ctx context.Context, dir string) (*World, error) {
	w, err := claim(dir)
	if err != nil {
		return nil, err
	}
	if err := w.token(ctx); err != nil {
		return nil, err
	}
	if err := w.makePeople(); err != nil {
		return nil, err
	}
	if err := w.Refresh(); err != nil {
		return nil, err
	}
	return w, w.Configure()
}

// Open opens a world only to look at it.
func Open(dir string) (*World, error) {
	if _, err := os.Stat(filepath.Join(dir, markName)); err != nil {
		return nil, fmt.Errorf("opening the practice world in %q: %w", dir, err)
	}
	w, err := claim(dir)
	if err != nil {
		return nil, err
	}
	return w, w.Refresh()
}

// mark begins PRACTICE.txt.
const mark = "PRACTICE: a rehearsal of Conclave.\n"

const markText = mark + `
Everything in this directory is throw-away: the vault in storage/, the software
token in tokens/, the PGP keys in custodians/. No real secret belongs here.
The records of the ceremonies are the directories that begin with PRACTICE-.
To end the rehearsals, remove the directory.
`

// claim makes dir ours, or sees that it is.
func claim(dir string) (*World, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("finding the practice directory: %w", err)
	}
	if strings.ContainsFunc(dir, func(r rune) bool { return r < 0x20 || r == '"' || r == '\\' || r == '$' }) {
		return nil, fmt.Errorf("the practice directory %q: quotes, dollar signs and control characters cannot stand in a server's configuration", dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the practice directory: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the practice directory: %w", err)
	}
	path := filepath.Join(dir, markName)
	if len(entries) == 0 {
		if err := os.WriteFile(path, []byte(markText), 0o600); err != nil {
			return nil, fmt.Errorf("marking the practice directory: %w", err)
		}
	}
	if b, err := os.ReadFile(path); err != nil || !strings.HasPrefix(string(b), mark) { // #nosec G304 -- the operator's choice
		return nil, fmt.Errorf("%q holds something else than a rehearsal (it has no %s): choose a new or empty directory", dir, markName)
	}
	w := &World{Dir: dir, Storage: filepath.Join(dir, storageName), Config: filepath.Join(dir, configName), Shares: defaultShares, Threshold: defaultThreshold}
	for _, name := range []string{storageName, custodiansName, paperName} {
		if err := own(filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// own makes a directory, and refuses one that is a link to somewhere else.
func own(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("making a part of the practice world: %w", err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("looking at a part of the practice world: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("%q is not a directory of its own: the practice world is damaged", path)
	}
	return nil
}

// token opens the private token, or makes it.
func (w *World) token(ctx context.Context) error {
	if lib, err := softhsm.Library(); err == nil && !strings.HasPrefix(filepath.Base(lib), "libsofthsm2.") {
		// A real HSM's library would make a practice token in a real HSM.
		return fmt.Errorf("preparing the practice token: %q is not SoftHSM's library", lib)
	}
	info, err := os.Lstat(filepath.Join(w.Dir, "tokens"))
	var store *softhsm.Store
	switch {
	case errors.Is(err, fs.ErrNotExist):
		pin := w.PIN()
		defer pin.Wipe()
		store, err = softhsm.Create(ctx, w.Dir, tokenLabel, pin)
	case err == nil && !info.IsDir():
		err = errors.New("tokens is not a directory of its own")
	case err == nil:
		store, err = softhsm.Open(ctx, w.Dir, tokenLabel)
	}
	if err != nil {
		return fmt.Errorf("preparing the practice token: %w", err)
	}
	w.HSM = store.Config(keyLabel, keyID)
	return nil
}

// PIN is the token's PIN. The caller wipes it.
func (w *World) PIN() secret.Bytes { return secret.Take([]byte(PIN)) }

// pinOf is what somebody knows of the PIN: a PIN holder half of it.
func pinOf(who ceremony.Person) string {
	half := len(PIN) / 2
	switch {
	case who.Role != ceremony.PINHolder:
		return PIN
	case who.Name == pinHolders[0]:
		return PIN[:half]
	}
	return PIN[half:]
}

// Close ends the use of the world. Everything stays in the directory.
func (w *World) Close() error { return nil }

// Initialized tells whether the practice vault is: the ceremonies but init need
// one that is.
func (w *World) Initialized() (bool, error) {
	_, err := os.Stat(filepath.Join(w.Storage, "core"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// OneTerm tells whether the vault has, by its records, one data encryption key.
func (w *World) OneTerm() bool { return w.Roster == nil || len(w.Roster.Terms) < 2 }

// Request asks for a ceremony on the practice vault, with practice people. All
// of it comes from the world.
func (w *World) Request(kind vaultstate.Kind) (plan.Request, error) {
	q := plan.Request{Kind: kind, Purpose: "Rehearsal", Practice: true, Storage: w.Storage, Config: w.Config,
		Operator: operatorName, Witness: witnessName, GenerateKey: kind == vaultstate.Init, Values: w.values()}
	w.otherKey(&q)
	if kind == plan.RevokeRoot && w.Roster != nil {
		for _, t := range w.Roster.Tokens {
			if t.Fate != custodian.Revoked {
				q.Accessor = t.Accessor // the newest
			}
		}
	}
	if w.PINInParts || kind == vaultstate.Recover { // as it is asked for in production
		q.PINHolders = pinHolders
	}
	if kind == vaultstate.Recover {
		q.Recovery = plan.Recovery{Reason: plan.Loss}
		if set, ok := w.set(false); ok {
			q.Recovery.Replaces = fmt.Sprintf("the set %s of %s, %d shares, %d needed", set.ID, set.Ceremony, set.Shares, set.Threshold)
		}
	}
	issues := q.Issues()
	if issues && w.Medium && !w.PlainShares {
		q.SecondMedium = filepath.Join(w.Dir, mediumName)
		if err := own(q.SecondMedium); err != nil {
			return q, err
		}
	}
	switch {
	case issues:
		if w.Shares != defaultShares || w.Threshold != defaultThreshold {
			q.RecoveryShares, q.RecoveryThreshold = plan.Number{Value: w.Shares, Given: true}, plan.Number{Value: w.Threshold, Given: true}
		}
		q.Custodians = custodianNames(w.Shares)
		for _, name := range w.holders() {
			if !slices.Contains(q.Custodians, name) {
				q.Custodians = append(q.Custodians, name) // gives an old share, receives none
			}
		}
	case kind != plan.Unseal && kind != plan.Retire && kind != plan.RevokeRoot:
		q.Custodians = w.holders()
	}
	if kind == plan.Drill {
		if err := w.drills(&q); err != nil {
			return q, err
		}
	}
	if issues && !w.PlainShares {
		for _, name := range custodianNames(w.Shares) {
			f, err := w.publicKey(name)
			if err != nil {
				return q, err
			}
			q.RecoveryKeys = append(q.RecoveryKeys, f)
		}
	}
	if kind == vaultstate.Init || kind == vaultstate.GenerateRoot {
		f, err := w.publicKey(operatorName)
		if err != nil {
			return q, err
		}
		q.RootTokenKey = &f
	}
	return q, nil
}

// values says where the practice vault lies, for the plan that is read aloud.
func (w *World) values() []plan.Value {
	const source = "rehearsal"
	return []plan.Value{
		{Name: "storage", Text: w.Storage, Source: source},
		{Name: "hsm-lib", Text: w.HSM.Lib, Source: source},
		{Name: "hsm-token-label", Text: w.HSM.TokenLabel, Source: source},
		{Name: "hsm-key-label", Text: w.HSM.KeyLabel, Source: source},
		{Name: "hsm-key-id", Text: w.HSM.KeyID, Source: source},
	}
}
