package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/pgp"
	"conclave/vaultstate/share"
)

// operation is the one that is pending here. It owns its secrets.
type operation struct {
	vaultstate.Operation
	phase  vaultstate.Phase
	way    Way
	auto   bool // the seal has recovery keys: an HSM seal
	needed int
	wrong  []int

	// What was agreed with the server, which the guard compares.
	nonce        string
	verification bool
	verifyNonce  string // once the quorum is in
	sent         int    // shares of the quorum that the server has
	verifySent   int    // shares of the verification that it has

	holders  []pgp.Key // in share order; nil: plain shares
	tokenKey *pgp.Key
	set      share.Set
	issue    *vaultstate.Issue // until Take
	taken    bool
	prints   []vaultstate.Digest  // of plain shares
	proven   map[int]secret.Bytes // typed, by number, until Commit

	held  secret.Bytes // the quorum's last share, where it would commit
	otp   secret.Bytes
	token secret.Bytes // a root token that the server made: to look it up, use it in the gap of an init, or revoke it

	early    bool  // the server committed before Commit
	lost     error // whether it counts is not known
	gap      bool  // an init without recovery keys so far
	nodes    []vaultstate.Node
	unsealed []string // nonces, by node
	base     vaultstate.Digest
	before   vaultstate.State
	outcome  vaultstate.Outcome
}

// padded tells whether the server's root token comes under a one-time pad: always
// but where it goes to a PGP key as it is.
func (op *operation) padded() bool { return op.tokenKey == nil || op.RootTokenTTL > 0 }

func (op *operation) wipe() {
	if op == nil {
		return
	}
	op.issue.Wipe()
	op.issue = nil
	op.wipeProven()
	op.held.Wipe()
	op.otp.Wipe()
	op.token.Wipe()
}

func (op *operation) wipeProven() {
	for _, s := range op.proven {
		s.Wipe()
	}
	op.proven = nil
}

func (op *operation) progress() vaultstate.Progress {
	p := vaultstate.Progress{
		ID: op.ID, Kind: op.Kind, Phase: op.phase, Needed: op.needed, Wrong: slices.Clone(op.wrong),
		Shares: op.Shares, Threshold: op.Threshold, PGP: op.fingerprints(),
		Counts: op.early,
		Proven: slices.Sorted(maps.Keys(op.proven)), State: op.base, Nodes: slices.Clone(op.nodes),
	}
	if op.Shares > 0 {
		p.Set = op.set.String()
	}
	return p
}

func (op *operation) fingerprints() []string {
	var list []string
	for _, k := range op.holders {
		list = append(list, k.Fingerprint)
	}
	return list
}

// idPattern is that of vaultstate/storage: one ceremony, one rule.
var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// newOperation checks what is asked and reads its PGP keys, without a word to
// the server: one key that cannot encrypt makes a real server's init lock
// everybody out.
func newOperation(ask vaultstate.Operation, now time.Time) (*operation, error) {
	if !idPattern.MatchString(string(ask.ID)) {
		return nil, fmt.Errorf("the ceremony's id %q: want up to 100 letters, digits, dots, dashes and underscores, the first a letter or digit", ask.ID)
	}
	op := &operation{Operation: ask, set: share.NewSet()}
	switch ask.Kind {
	case vaultstate.Init, vaultstate.RecoveryRekey:
		if err := share.CheckCounts(ask.Shares, ask.Threshold); err != nil {
			return nil, fmt.Errorf("beginning %s: %w", ask.Kind, err)
		}
	case vaultstate.Rekey: // the seal decides
	case vaultstate.Rotate, vaultstate.GenerateRoot, Unseal:
		if ask.Shares != 0 || ask.Threshold != 0 || ask.PGPKeys != nil {
			return nil, fmt.Errorf("beginning %s: it makes no shares", ask.Kind)
		}
	default:
		return nil, fmt.Errorf("%w: the operation %q on a server", vaultstate.ErrUnsupported, ask.Kind)
	}
	switch {
	case ask.NewRoot:
		return nil, fmt.Errorf("beginning %s: a new root key is asked for, which it does not make", ask.Kind)
	case ask.RootTokenTTL < 0 || ask.RootTokenTTL > 0 && ask.Kind != vaultstate.GenerateRoot:
		return nil, fmt.Errorf("beginning %s: a token that lives %s is asked for, which only generate-root makes", ask.Kind, ask.RootTokenTTL)
	case ask.Kind == vaultstate.GenerateRoot:
		op.RootToken = true
	case ask.RootToken && ask.Kind != vaultstate.Init:
		return nil, fmt.Errorf("beginning %s: it makes no root token", ask.Kind)
	case !ask.RootToken && ask.RootTokenPGPKey != nil:
		return nil, fmt.Errorf("beginning %s: there is a PGP key for a root token that is not made", ask.Kind)
	}
	if ask.PGPKeys != nil && len(ask.PGPKeys) != ask.Shares {
		return nil, fmt.Errorf("beginning %s: there are %d PGP keys for %d shares", ask.Kind, len(ask.PGPKeys), ask.Shares)
	}
	for i, bin := range ask.PGPKeys {
		k, err := usable(fmt.Sprintf("the PGP key of share %d", i+1), bin, now)
		if err != nil {
			return nil, err
		}
		op.holders = append(op.holders, k)
	}
	if ask.RootTokenPGPKey != nil {
		k, err := usable("the PGP key for the root token", ask.RootTokenPGPKey, now)
		if err != nil {
			return nil, err
		}
		op.tokenKey = &k
	}
	return op, nil
}

func usable(name string, bin []byte, now time.Time) (pgp.Key, error) {
	k, err := pgp.Read(name, bin)
	if err != nil {
		return k, err
	}
	for _, f := range k.Preflight(now, time.Time{}) {
		if f.Level == pgp.LevelError {
			return k, fmt.Errorf("%s: %s", name, f.Text)
		}
	}
	return k, nil
}

// Begin registers the operation with the server. An init is done when it
// returns, and its issue waits for Take.
func (v *Vault) Begin(ctx context.Context, ask vaultstate.Operation) (vaultstate.Progress, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	op, err := newOperation(ask, v.now())
	if err != nil {
		return vaultstate.Progress{}, err
	}
	if v.op != nil && v.op.phase != vaultstate.PhaseCommitted {
		return vaultstate.Progress{}, fmt.Errorf("%s: %w", v.op.ID, vaultstate.ErrPending)
	}
	op.phase = vaultstate.PhaseAuthority
	switch op.Kind { //nolint:exhaustive // newOperation knows them
	case vaultstate.Init:
		err = v.beginInit(ctx, op)
	case vaultstate.Rekey, vaultstate.RecoveryRekey:
		err = v.beginRekey(ctx, op)
	case vaultstate.GenerateRoot:
		err = v.beginRoot(ctx, op)
	case vaultstate.Rotate:
		err = v.beginRotate(ctx, op)
	case Unseal:
		err = v.beginUnseal(ctx, op)
	}
	if err != nil && op.phase != vaultstate.PhaseIssue { // an init that got half of the way stands
		op.wipe()
		return vaultstate.Progress{}, err
	}
	v.op.wipe()
	v.op = op
	return op.progress(), err
}

// found is the vault as it was before the operation.
func (op *operation) found(s sealStatus) {
	op.auto = s.RecoverySeal
	op.before = vaultstate.State{Shares: s.N, Threshold: s.T}
	op.base = sha256.Sum256([]byte(fmt.Sprintf("conclave/server-state/v1\x00%q %q %t %d %d", s.ClusterID, s.Type, s.Initialized, s.N, s.T)))
}

// Progress reads again what is pending, and is ErrChanged if it is not what was
// agreed.
func (v *Vault) Progress(ctx context.Context, id vaultstate.ID) (vaultstate.Progress, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.op == nil || v.op.ID != id {
		return vaultstate.Progress{}, fmt.Errorf("%s: %w", id, vaultstate.ErrNoOperation)
	}
	op := v.op
	var err error
	switch {
	case op.phase == vaultstate.PhaseCommitted:
	case op.Kind == Unseal:
		err = v.lookAtNodes(ctx, op)
	default:
		err = v.guard(ctx, op)
	}
	return op.progress(), err
}

// pendingHere returns the operation if it is in one of the phases.
func (v *Vault) pendingHere(id vaultstate.ID, phases ...vaultstate.Phase) (*operation, error) {
	if v.op == nil || v.op.ID != id {
		return nil, fmt.Errorf("%s: %w", id, vaultstate.ErrNoOperation)
	}
	if slices.Contains(phases, v.op.phase) {
		return v.op, nil
	}
	if v.op.phase == vaultstate.PhaseCommitted {
		return nil, fmt.Errorf("%s: %w", id, vaultstate.ErrCommitted)
	}
	return nil, fmt.Errorf("%s: %w (it is at %q)", id, vaultstate.ErrNotReady, v.op.phase)
}

// Submit hands the quorum to the server, share by share.
func (v *Vault) Submit(ctx context.Context, id vaultstate.ID, quorum []secret.Bytes) (vaultstate.Progress, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	op, err := v.pendingHere(id, vaultstate.PhaseAuthority)
	if err != nil {
		return vaultstate.Progress{}, err
	}
	op.wrong = nil
	if err = op.checkQuorum(quorum); err == nil {
		if op.Kind == Unseal {
			err = v.submitToNodes(ctx, op, quorum)
		} else {
			err = v.submit(ctx, op, quorum)
		}
	}
	var q *vaultstate.QuorumError
	if errors.As(err, &q) {
		op.wrong = q.Wrong
	}
	return op.progress(), err
}

// Take hands the issue out, once.
func (v *Vault) Take(ctx context.Context, id vaultstate.ID) (*vaultstate.Issue, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	op, err := v.pendingHere(id, vaultstate.PhaseIssue)
	if err != nil {
		if v.op != nil && v.op.ID == id && v.op.taken && v.op.phase != vaultstate.PhaseCommitted {
			return nil, fmt.Errorf("%s: %w", id, vaultstate.ErrTaken)
		}
		return nil, err
	}
	if op.verification && !op.gap {
		if err := v.guard(ctx, op); err != nil {
			return nil, err
		}
	}
	issue := op.issue
	op.issue = nil
	op.taken = true
	op.phase = vaultstate.PhaseReady
	if op.Shares > 0 && len(issue.Shares) > 0 {
		op.phase = vaultstate.PhaseProof
	}
	return issue, nil
}
