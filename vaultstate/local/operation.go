package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/pgp"
	"conclave/vaultstate/share"
	"conclave/vaultstate/storage"
)

// operation is the one that is pending. It owns its secrets.
type operation struct {
	vaultstate.Operation
	phase  vaultstate.Phase
	base   vaultstate.Digest // of core/ when it began
	needed int
	wrong  []int
	facts  facts

	holders  []pgp.Key // in share order; nil: plain shares
	tokenKey *pgp.Key
	set      string
	staged   *storage.Staged      // nil until it is authorised
	before   vaultstate.State     // as opened before staging
	after    vaultstate.State     // as opened from what is staged
	issue    *vaultstate.Issue    // until Take
	typed    map[int]secret.Bytes // shares proven in this run, by number
	outcome  vaultstate.Outcome   // once committed
	checked  bool                 // the outcome is whole

	batchLife time.Duration // of a re-encrypt: see Progress
}

// facts are what stage.json keeps of an operation, all public. They are enough
// to go on with its proofs in another run.
type facts struct {
	Shares       int      `json:"shares"`
	Threshold    int      `json:"threshold"`
	PGP          []string `json:"pgp"`
	Fingerprints []string `json:"fingerprints"` // of the shares in their set, hex
	Proven       []int    `json:"proven"`
	SkipProof    bool     `json:"skip_proof"`
	Accessor     string   `json:"accessor"` // of the token
}

func (f facts) encode() ([]byte, error) {
	b, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("encoding what is staged: %w", err)
	}
	return b, nil
}

func decodeFacts(b []byte) (facts, error) {
	var f facts
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return facts{}, fmt.Errorf("decoding what is staged: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return facts{}, errors.New("decoding what is staged: something follows the object")
	}
	if len(f.Fingerprints) != f.Shares || f.Shares > 0 && share.CheckCounts(f.Shares, f.Threshold) != nil {
		return facts{}, errors.New("decoding what is staged: the numbers do not fit")
	}
	for i, n := range f.Proven {
		if n < 1 || n > f.Shares || slices.Contains(f.Proven[:i], n) {
			return facts{}, errors.New("decoding what is staged: the proven shares do not fit")
		}
	}
	return f, nil
}

func (op *operation) wipe() {
	if op == nil {
		return
	}
	op.issue.Wipe()
	op.issue = nil
	op.wipeTyped()
}

func (op *operation) wipeTyped() {
	for _, s := range op.typed {
		s.Wipe()
	}
	op.typed = nil
}

func (op *operation) progress() vaultstate.Progress {
	p := vaultstate.Progress{
		ID: op.ID, Kind: op.Kind, Phase: op.phase,
		Needed: op.needed, Wrong: slices.Clone(op.wrong),
		Shares: op.facts.Shares, Threshold: op.facts.Threshold,
		PGP: slices.Clone(op.facts.PGP), Set: op.set,
		Proven: slices.Sorted(slices.Values(op.facts.Proven)),
		State:  op.base, BatchLife: op.batchLife,
	}
	if op.after.RootKey != (vaultstate.Digest{}) {
		staged := op.after
		p.Staged = &staged
	}
	if op.Kind == vaultstate.Rewrap {
		p.SealKeyID = op.after.SealKeyID
	}
	return p
}

// maxSubsets is how many combinations of shares are tried to find a wrong one.
const maxSubsets = 10_000

// Submit compares the quorum with the recovery key as the HSM opens it. If it
// is right, the whole new state is on disk when it returns.
func (v *Vault) Submit(ctx context.Context, id vaultstate.ID, quorum []secret.Bytes) (vaultstate.Progress, error) {
	defer v.busy()()
	op, err := v.pending(id, vaultstate.PhaseAuthority)
	if err != nil {
		return vaultstate.Progress{}, err
	}
	return v.authorised(ctx, op, func(o *opened) error { return authorise(o, quorum) })
}

// authorised stages the operation if the authority over the live state is given.
func (v *Vault) authorised(ctx context.Context, op *operation, given func(*opened) error) (vaultstate.Progress, error) {
	if p, err := v.guard(); err != nil {
		return p, err
	}
	o, err := v.open(ctx, v.store, v.o.Seal)
	if err != nil {
		return op.progress(), err
	}
	defer o.wipe()
	if o.facts.Storage != op.base {
		return op.progress(), fmt.Errorf("%s: %w", op.ID, vaultstate.ErrChanged)
	}
	op.wrong = nil
	if err := given(o); err != nil {
		var q *vaultstate.QuorumError
		if errors.As(err, &q) {
			op.wrong = q.Wrong
		}
		return op.progress(), err
	}
	if err := v.stage(ctx, op, o); err != nil {
		return op.progress(), err
	}
	return op.progress(), nil
}

// authorise is nil only if every share given belongs to the recovery key.
func authorise(o *opened, quorum []secret.Bytes) error {
	if o.recCfg == nil {
		return fmt.Errorf("%w: it has no recovery keys, so nothing can be authorised", vaultstate.ErrUnsupported)
	}
	given, needed := len(quorum), o.recCfg.Threshold
	if given < needed || needed < 1 {
		return &vaultstate.QuorumError{Given: given, Needed: needed}
	}
	key, bad, _, err := share.Find(quorum, needed, maxSubsets, o.recovery.Equal)
	if err != nil {
		q := &vaultstate.QuorumError{Given: given, Needed: needed}
		if !errors.Is(err, share.ErrNoKey) {
			q.Err = err
		}
		return q
	}
	key.Wipe()
	if len(bad) > 0 {
		return &vaultstate.QuorumError{Given: given, Needed: needed, Wrong: bad}
	}
	return nil
}

// Take hands the issue out, once. That it is out is on disk before.
func (v *Vault) Take(_ context.Context, id vaultstate.ID) (*vaultstate.Issue, error) {
	defer v.busy()()
	op, err := v.pending(id, vaultstate.PhaseIssue)
	if err != nil {
		if v.op != nil && v.op.ID == id && (v.op.phase == vaultstate.PhaseProof || v.op.phase == vaultstate.PhaseReady && v.op.staged.Phase == storage.PhaseIssued) {
			return nil, fmt.Errorf("%s: %w", id, vaultstate.ErrTaken)
		}
		return nil, err
	}
	if _, err := v.guard(); err != nil {
		return nil, err
	}
	if err := op.note(storage.PhaseIssued); err != nil {
		return nil, err
	}
	issue := op.issue
	op.issue = nil
	op.phase = vaultstate.PhaseReady
	if op.facts.Shares > 0 {
		op.phase = vaultstate.PhaseProof
	}
	return issue, nil
}

// note writes the facts to disk.
func (op *operation) note(p storage.Phase) error {
	b, err := op.facts.encode()
	if err != nil {
		return err
	}
	return op.staged.Note(p, b)
}

// Cancel ends an operation and removes what it staged. The set of its shares is
// void: they will never make a key that counts.
func (v *Vault) Cancel(_ context.Context, id vaultstate.ID) error {
	defer v.busy()()
	op, err := v.pending(id, vaultstate.PhaseAuthority, vaultstate.PhaseIssue, vaultstate.PhaseProof, vaultstate.PhaseReady)
	if err != nil {
		return err
	}
	if op.staged != nil {
		is, err := op.staged.Standing()
		if err != nil {
			return err
		}
		if is == storage.Committed || is == storage.Overtaken {
			return fmt.Errorf("%s: %w", id, vaultstate.ErrCommitted)
		}
		if err := op.staged.Remove(); err != nil {
			return err
		}
	}
	op.wipe()
	v.op = nil
	return v.unlock()
}
