// Package local is the offline vault: a storage directory in the file format
// of OpenBao and Vault, and an HSM that seals it. It makes and changes the
// state itself, with the server stopped.
//
// Besides what vaultstate promises of every vault it promises:
//
//   - the whole new state is on disk, and was opened again from there through
//     the HSM, before the first share leaves Take;
//   - every share is proven against the staged recovery key, as the HSM opens
//     it, before Commit (unless the operation says SkipProof);
//   - Commit is one rename (see vaultstate/storage): cut at any system call,
//     the state opens with the old shares or with the new ones
//     (TestCutEverywhere);
//   - a state that changed in between, by whomever, is never overwritten
//     (ErrChanged), and one that a server uses is not touched as far as that
//     can be seen (ErrServerRunning);
//   - an operation whose shares are out survives the end of the program:
//     Resume goes on with it.
//
// It does not promise that nobody can act without it: whoever holds the HSM's
// PIN and the storage can. The quorum is a rule of this program.
//
// What a server reads of the result is written by vaultstate/barrier; that
// another reader reads it, too, is shown by the tests over real OpenBao states
// (TestFixtures).
package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"conclave/assets"
	"conclave/hsm"
	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/barrier"
	"conclave/vaultstate/storage"
)

// Seal is what a local vault asks of an HSM. A blob is the HSM's own business:
// mechanism, nonce, key reference are in it.
type Seal interface {
	Wrap(ctx context.Context, plaintext secret.Bytes) ([]byte, error)
	Unwrap(ctx context.Context, blob []byte) (secret.Bytes, error)
	Describe(blob []byte) (hsm.KeyRef, error)
}

// Flavour is the server that the state is for.
type Flavour int

// The flavours. They differ in the name of the root key's copy and in the
// prefix of a token.
const (
	OpenBao Flavour = iota
	HashiCorpVault
)

// Options say which vault, and how carefully.
type Options struct {
	Storage   string   // the storage directory; it must exist
	Seal      Seal     // nil: only Status works
	NewSeal   Seal     // what a rewrap wraps with; nil: there is no rewrap
	Addresses []string // where its server would answer
	Flavour   Flavour
	Practice  bool             // a rehearsal: Settle does not wait
	Settle    time.Duration    // how long it waits otherwise; 0: ten seconds
	Batch     int              // how many entries a re-encrypt replaces together; 0: 2048
	Now       func() time.Time // nil: time.Now
	FS        storage.FS       // nil: the real one
}

// Vault is a local vault. Its methods may be called from several goroutines,
// one at a time goes in.
type Vault struct {
	o     Options
	store *storage.Store

	mu   sync.Mutex
	op   *operation // nil: none since the program started
	lock io.Closer  // nil: not locked

	rewrapped bool // the live state is wrapped with NewSeal
	watch     func(what string, done, total int)
}

var (
	_ vaultstate.Vault      = (*Vault)(nil)
	_ vaultstate.Opener     = (*Vault)(nil)
	_ vaultstate.Rollbacker = (*Vault)(nil)
	_ vaultstate.Resumer    = (*Vault)(nil)
	_ vaultstate.Settler    = (*Vault)(nil)
	_ vaultstate.Sealer     = (*Vault)(nil)
	_ vaultstate.Watcher    = (*Vault)(nil)
)

// Open names a vault. It takes no lock, reads no entry and asks no HSM.
func Open(o Options) (*Vault, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.FS == nil {
		o.FS = storage.OS
	}
	s, err := storage.Open(o.FS, o.Storage)
	if err != nil {
		return nil, err
	}
	return &Vault{o: o, store: s}, nil
}

// busy takes the vault for one call. What it copied of keys is erased at its end,
// by one collection.
func (v *Vault) busy() (free func()) {
	v.mu.Lock()
	collect := secret.Gather()
	return func() {
		collect()
		v.mu.Unlock()
	}
}

// Close wipes what a pending operation holds and gives the lock back. What is
// staged stays: Resume or Retire see to it.
func (v *Vault) Close() error {
	defer v.busy()()
	v.op.wipe()
	v.op = nil
	return v.unlock()
}

// Status says what can be seen without the HSM.
func (v *Vault) Status(context.Context) (vaultstate.Status, error) {
	defer v.busy()()
	st := vaultstate.Status{
		Kind: "local", Name: v.store.Root(), Sealed: "opened by the HSM",
		Can: vaultstate.Capabilities{ProveAll: true, Rollback: true, InitToken: true, Offline: true},
	}
	var err error
	if st.Initialized, err = v.initialized(); err != nil {
		return st, err
	}
	if st.Storage, err = v.store.CoreDigest(); err != nil {
		return st, err
	}
	if st.Pending, err = v.leftovers(); err != nil {
		return st, err
	}
	if len(st.Pending) > 0 {
		st.Warnings = append(st.Warnings, "Something of an earlier ceremony is in the storage under .conclave. No server reads it, but `operator migrate` would copy it.")
	}
	if !st.Initialized {
		return st, nil
	}
	return st, v.describe(&st)
}

// describe fills in what the plain entries of an initialised vault say.
func (v *Vault) describe(st *vaultstate.Status) error {
	seal, err := v.sealConfig(v.store)
	if err != nil {
		return err
	}
	st.SealType = seal.Type
	rec, err := v.config(v.store, barrier.RecoveryConfigPath, barrier.RecoveryConfig)
	switch {
	case errors.Is(err, errAbsent):
		st.Warnings = append(st.Warnings, "There is no recovery configuration: nobody holds recovery keys of this vault.")
	case err != nil:
		return err
	default:
		st.Shares, st.Threshold = rec.Shares, rec.Threshold
		if rec.Validate(nil) != nil {
			st.Warnings = append(st.Warnings, "The recovery configuration allows no quorum: its recovery key can never be used.")
		}
	}
	if v.o.Seal == nil {
		return nil
	}
	blob, err := v.store.Get(barrier.StoredKeysPath)
	if err != nil || blob == nil {
		return err
	}
	ref, err := v.o.Seal.Describe(blob)
	if err != nil {
		return fmt.Errorf("reading %s: %w", barrier.StoredKeysPath, err)
	}
	st.SealKeyID, st.SealMechanism, st.SealHMACKeyID = ref.KeyID, ref.Mechanism, ref.HMACKeyID
	if ref.Mechanism == hsm.RSAOAEP {
		st.Warnings = append(st.Warnings, assets.Text("unauthenticated-seal")...)
	}
	return nil
}

// initialized is a server's own rule: there is a keyring.
func (v *Vault) initialized() (bool, error) {
	k, err := v.store.Get(barrier.KeyringPath)
	return k != nil, err
}

// Progress says what is pending, and what is so if an earlier run began it.
func (v *Vault) Progress(_ context.Context, id vaultstate.ID) (vaultstate.Progress, error) {
	defer v.busy()()
	if v.op != nil && v.op.ID == id {
		return v.guard()
	}
	f, err := v.find(id)
	if err != nil {
		return vaultstate.Progress{}, err
	}
	op, err := v.restore(f)
	if err != nil {
		return vaultstate.Progress{}, err
	}
	return op.progress(), nil
}

// guard is the pending operation's progress, with ErrChanged if the state is no
// longer the one that it started from.
func (v *Vault) guard() (vaultstate.Progress, error) {
	op := v.op
	if op.phase == vaultstate.PhaseCommitted {
		return op.progress(), nil
	}
	if op.staged != nil {
		switch is, err := op.staged.Standing(); {
		case err != nil:
			return op.progress(), err
		case is == storage.Committed: // an answer that was lost
			p := op.progress()
			p.Phase = vaultstate.PhaseCommitted
			return p, nil
		case is != storage.Ready:
			return op.progress(), fmt.Errorf("%s: %w (%s)", op.ID, vaultstate.ErrChanged, is)
		}
		return op.progress(), nil
	}
	d, err := v.store.CoreDigest()
	if err == nil && d != op.base {
		err = fmt.Errorf("%s: %w", op.ID, vaultstate.ErrChanged)
	}
	return op.progress(), err
}

// pending returns the operation if it is in one of the phases.
func (v *Vault) pending(id vaultstate.ID, phases ...vaultstate.Phase) (*operation, error) {
	if v.op == nil || v.op.ID != id {
		return nil, fmt.Errorf("%s: %w", id, vaultstate.ErrNoOperation)
	}
	for _, p := range phases {
		if v.op.phase == p {
			return v.op, nil
		}
	}
	if v.op.phase == vaultstate.PhaseCommitted {
		return nil, fmt.Errorf("%s: %w", id, vaultstate.ErrCommitted)
	}
	return nil, fmt.Errorf("%s: %w (it is at %q)", id, vaultstate.ErrNotReady, v.op.phase)
}

// noServer is ErrServerRunning with what was found.
func (v *Vault) noServer(ctx context.Context) error {
	found, _, err := v.store.Servers(ctx, v.o.Addresses)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		return fmt.Errorf("%w: %s", vaultstate.ErrServerRunning, strings.Join(found, " "))
	}
	return nil
}

func (v *Vault) takeLock() error {
	if v.lock != nil {
		return nil
	}
	l, err := v.store.Lock()
	if err != nil {
		return err
	}
	v.lock = l
	return nil
}

func (v *Vault) unlock() error {
	if v.lock == nil {
		return nil
	}
	l := v.lock
	v.lock = nil
	if err := l.Close(); err != nil {
		return fmt.Errorf("unlocking the storage: %w", err)
	}
	return nil
}
