package server

import (
	"context"
	"fmt"
	"net/http"

	"conclave/vaultstate"
)

func (v *Vault) beginRotate(ctx context.Context, op *operation) error {
	s, err := v.active(ctx)
	if err != nil {
		return err
	}
	op.found(s)
	if op.way, err = v.way(ctx, op.Kind); err != nil {
		return err
	}
	k, err := v.keyStatus(ctx, op)
	if err != nil {
		return err
	}
	op.before.Terms = []vaultstate.TermInfo{k}
	op.phase = vaultstate.PhaseReady // its token is the authority
	return nil
}

// keyStatus is the newest key's; servers tell of no other.
func (v *Vault) keyStatus(ctx context.Context, op *operation) (vaultstate.TermInfo, error) {
	var k keyStatus
	err := v.ask(ctx, v.self, call{method: http.MethodGet, path: "key-status", token: v.authority(op)}, true, &k)
	if err == nil && k.Term == 0 {
		err = fmt.Errorf("key-status: %w", errAnswer)
	}
	return vaultstate.TermInfo{Term: k.Term, Installed: k.Installed.UTC()}, err
}

func (v *Vault) commitRotate(ctx context.Context, op *operation, out *vaultstate.Outcome) error {
	before := op.before.Terms[0]
	now, err := v.keyStatus(ctx, op)
	if err != nil {
		return err
	}
	if now.Term != before.Term {
		return fmt.Errorf("%w: the server says that its key has the term %d, and it had %d", vaultstate.ErrChangedThere, now.Term, before.Term)
	}
	body := object()
	defer body.Wipe()
	err = v.tell(ctx, v.self, call{method: http.MethodPost, path: "rotate", token: v.authority(op), body: body})
	if err != nil && answered(err) {
		return fmt.Errorf("rotating: nothing was changed: %w", err)
	}
	after, asked := v.keyStatus(context.WithoutCancel(ctx), op)
	switch {
	case err != nil && asked != nil:
		return op.lose(err, "whether the key was rotated is not known (%v)", asked)
	case err != nil && after.Term == before.Term:
		return op.lose(err, "the server says that its key still has the term %d. The request may yet arrive: ask again before rotating again", after.Term)
	case asked != nil:
		return op.lose(asked, "the key was rotated, and looking at it failed")
	}
	out.After.Terms = []vaultstate.TermInfo{after}
	out.Checks = append(out.Checks, vaultstate.Check{
		Text: fmt.Sprintf("The server says that its key has the term %d, installed %s; before it was %d.", after.Term, after.Installed.Format("2006-01-02 15:04:05Z"), before.Term),
		OK:   after.Term == before.Term+1,
	})
	return nil
}
