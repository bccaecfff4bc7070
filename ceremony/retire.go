package ceremony

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"conclave/ceremony/transcript"
	"conclave/hsm"
	"conclave/vaultstate"
	"conclave/vaultstate/barrier"
)

// A retire destroys the HSM key that a rewrap moved the vault away from: that is
// what ends every copy of the storage from before. It is no operation of the
// vault, so no shares authorise it; operator and witness type the key's label
// and id. It is refused while any entry of the storage names the key, live,
// staged or kept, and while nobody can say what an entry names.

// Destroyer is an HSM that can destroy its configured key.
type Destroyer interface {
	// DestroyKey destroys the key with all its objects, and has looked for them
	// again. hsm.ErrKeyNotFound: there was none, nothing is destroyed.
	DestroyKey(ctx context.Context) error
}

// retiring is where it stands.
type retiring struct {
	compared  bool // it is not the key that the vault is wrapped with
	looked    bool // nothing needs it
	entries   int  // of the storage, that the HSM wrapped
	going     going
	tried     bool // from here on it may be gone in part
	destroyed bool
	recorded  bool
}

func meetOldKey(r *Run) *page {
	p, ok := r.meetSecond("the key to destroy")
	switch {
	case p != nil:
		return p
	case ok && !r.retiring.compared:
		return r.work("compare the old key with the one in use", Prompt{IfPowerFails: "nothing has been changed."}, r.compareOld)
	}
	r.device = r.first
	return nil
}

// compareOld refuses the key that the vault is wrapped with, and one that is not
// the plan's.
func (r *Run) compareOld(context.Context) ([]string, error) {
	a, b := r.first, r.second
	if sameWrappingKey(a, b) {
		return nil, &toldError{Problem{Happened: "The vault is wrapped with this key: " + b.key.Ref + " in the token " + b.token.Label + ".", State: "Nothing is changed.",
			Do: "Name the key from before a rewrap. The key in use is never destroyed here."}, errors.New("the key is in use")}
	}
	if want := r.plan.OldKeyRef; want != b.key.Ref {
		return nil, fmt.Errorf("%w: the old key is called %q, and the plan says %q", vaultstate.ErrChanged, b.key.Ref, want)
	}
	r.retiring.compared = true
	return []string{"the old key is another than the one in use: " + b.key.Ref + ", " + b.key.Type}, nil
}

func retire(r *Run) *page {
	t := &r.retiring
	switch {
	case !t.looked:
		return r.work("look for what needs the old key", Prompt{IfPowerFails: "nothing has been changed."}, r.whatNeedsIt)
	case !t.destroyed:
		k := r.second
		p := r.confirmTwice(&t.going, Prompt{Badge: "CANNOT BE UNDONE", Action: "Destroy the old HSM key", Word: k.key.Ref,
			Facts:   []Fact{{"key", k.key.Ref + ", " + k.key.Type}, {"token", k.token.Label + ", serial " + k.token.Serial}},
			Lines:   []Line{{Mark: Good, Text: fmt.Sprintf("%d entries of the storage are wrapped by the HSM; none names this key", t.entries)}},
			Changes: "the key is destroyed. Every backup, snapshot and copy of the storage from before the rewrap then opens no more",
			Stays:   "the vault, which is wrapped with " + r.first.key.Ref + "; a backup of the old key outside this token, which nobody sees from here",
			Undo:    "never"}, "destroy the old HSM key "+k.key.Ref+" in the token "+k.token.Label+", serial "+k.token.Serial)
		if p != nil {
			return p
		}
		return r.work("destroy the old key", Prompt{IfPowerFails: "the key may be destroyed; the vault, which is wrapped with another, is as it was."}, r.destroyOld)
	case !t.recorded:
		return r.work("record that it is destroyed", Prompt{IfPowerFails: "the key is destroyed; the vault is as it was."}, r.recordDestroyed)
	}
	return unseal(r) // the vault opens without it
}

// whatNeedsIt lists every entry that the HSM wrapped, and refuses if one names
// the key.
func (r *Run) whatNeedsIt(ctx context.Context) ([]string, error) {
	s, ok := r.env.Vault.(vaultstate.Sealer)
	if !ok {
		return nil, fmt.Errorf("this vault cannot list what its HSM wrapped: %w", vaultstate.ErrUnsupported)
	}
	entries, err := s.Sealed(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing what the HSM wrapped: %w", err)
	}
	var needed []string
	for _, e := range entries {
		if why := r.needsOld(e); why != "" {
			needed = append(needed, e.Where+" "+why)
		}
	}
	if err := r.record("wrapped-entries", Program, "", facted(transcript.Facts{"count": len(entries), "key": r.second.key.Ref}, lists{"needed": needed})); err != nil {
		return nil, err
	}
	if len(needed) > 0 {
		shown := needed
		if len(shown) > 3 {
			shown = append(shown[:3:3], fmt.Sprintf("%d more, see the record", len(needed)-3))
		}
		return nil, &toldError{Problem{Happened: "The old key is still needed: " + strings.Join(shown, "; ") + ".", State: "Nothing is destroyed.",
			Do: "A copy that a ceremony kept is removed by the next rotate or rewrap, which asks. Then hold this again. Or stop."}, errors.New("the key is needed")}
	}
	r.retiring.looked, r.retiring.entries = true, len(entries)
	return []string{fmt.Sprintf("%d entries of the storage are wrapped by the HSM, none with the old key", len(entries))}, nil
}

// needsOld says why an entry may need the old key, "" if it does not. Of two keys
// of the same name in two tokens it is known only for the two entries that were
// opened with the one in use.
func (r *Run) needsOld(e vaultstate.Sealed) string {
	old, now := r.second, r.first
	opened := e.Live && (e.Where == barrier.StoredKeysPath || e.Where == barrier.RecoveryKeyPath)
	names := func(ref string, k hsm.Key) bool { return ref != "" && (ref == k.Ref || ref == k.HMACRef) }
	switch {
	case opened && !old.shared && e.SealKeyID == now.key.Ref:
		return ""
	case e.SealKeyID == "":
		return "does not say which key wrapped it"
	case names(e.SealKeyID, old.key) || names(e.HMACKeyID, old.key):
		return "is wrapped with it"
	}
	return ""
}

// destroyOld looks once more, then destroys. After a try whose answer was lost
// the key may be gone: that is what was wanted.
func (r *Run) destroyOld(ctx context.Context) ([]string, error) {
	d, ok := r.second.hsm.(Destroyer)
	if !ok {
		return nil, fmt.Errorf("this HSM's key cannot be destroyed from here: %w", vaultstate.ErrUnsupported)
	}
	if err := r.isOffline(); err != nil {
		return nil, err
	}
	if _, err := r.whatNeedsIt(ctx); err != nil {
		return nil, err
	}
	again := r.retiring.tried
	r.retiring.tried = true
	if err := d.DestroyKey(ctx); err != nil && (!again || !errors.Is(err, hsm.ErrKeyNotFound)) {
		if errors.Is(err, hsm.ErrKeyNotFound) {
			r.retiring.tried = false
		}
		return nil, fmt.Errorf("destroying the key %s: %w", r.second.key.Ref, err)
	}
	r.retiring.destroyed = true
	return []string{"the key " + r.second.key.Ref + " is destroyed, and was looked for again: it is not there"}, nil
}

func (r *Run) recordDestroyed(context.Context) ([]string, error) {
	k := r.second
	facts := transcript.Facts{"label": k.key.Label, "id": k.key.ID, "ref": k.key.Ref, "token": k.token.Label, "serial": k.token.Serial}
	if k.key.HMACRef != "" {
		facts["hmac_ref"] = k.key.HMACRef
	}
	if err := r.record("key-destroyed", Program, "", facts); err != nil {
		return nil, err
	}
	r.retiring.recorded = true
	return []string{"recorded"}, nil
}

// stands says how far it came, "" before anything was tried.
func (t *retiring) stands() string {
	switch {
	case t.destroyed:
		return "The old HSM key is destroyed. The vault is as it was, under the other key."
	case t.tried:
		return "The old HSM key may be destroyed, or a part of it. The vault is as it was, under the other key."
	}
	return ""
}
