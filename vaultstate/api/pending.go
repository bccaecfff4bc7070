package api

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/share"
)

// pending is the operation that was begun and is not done. It owns its secrets.
type pending struct {
	op     vaultstate.Operation
	nonce  string
	needed int      // shares of authority
	pgp    []string // fingerprints of the PGP keys; nil: none
	given  []secret.Bytes
	otp    secret.Bytes // of a generate-root without a PGP key

	// Of a recovery rekey whose quorum is in.
	proof *proof
}

// proof is a set of new shares that waits for a threshold of them to come back.
type proof struct {
	nonce  string
	set    share.Set
	prints []vaultstate.Digest // of the shares, in share order
	key    vaultstate.Digest   // of the staged recovery key
	given  []secret.Bytes
}

func (p *pending) forget() {
	secret.WipeAll(p.given)
	p.given = nil
}

func (p *pending) wipe() {
	if p == nil {
		return
	}
	p.forget()
	p.otp.Wipe()
	if p.proof != nil {
		secret.WipeAll(p.proof.given)
		p.proof.given = nil
	}
}

// uuid names an operation. It is no secret.
func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the program
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// inProgress is how a server says that an operation is pending already.
var inProgress = map[vaultstate.Kind]string{
	vaultstate.Rekey: "rekey already in progress", vaultstate.RecoveryRekey: "rekey already in progress", vaultstate.GenerateRoot: "root generation already in progress",
}

// free refuses while an operation of another kind is pending: a server can have
// several.
func (s *Server) free() *refusal {
	if s.pending == nil {
		return nil
	}
	return refuse(http.StatusBadRequest, fmt.Sprintf("a %s is in progress here, and one operation at a time can be: finish or cancel it", s.pending.op.Kind))
}

// idle refuses where something is pending, in a server's words if it is of this
// kind.
func (s *Server) idle(kind vaultstate.Kind) error {
	if s.pending != nil && s.pending.op.Kind == kind {
		return refuse(http.StatusBadRequest, inProgress[kind])
	}
	if r := s.free(); r != nil {
		return r
	}
	return nil
}

// begin begins an operation at the vault, after its event.
func (s *Server) begin(c *call, op vaultstate.Operation) (*pending, error) {
	if s.o.Check != nil {
		if err := s.o.Check(op); err != nil {
			return nil, refuse(http.StatusBadRequest, err.Error())
		}
	}
	s.begun++
	op.ID = vaultstate.ID(fmt.Sprintf("%s-%d", s.o.ID, s.begun))
	if err := s.note("begun", map[string]any{"work": work(op)}); err != nil {
		return nil, err
	}
	got, err := s.o.Vault.Begin(c.ctx, op)
	if err != nil {
		return nil, errors.Join(said(err), s.note("failed", map[string]any{"work": work(op), "reason": plain(err)}))
	}
	s.pending = &pending{op: op, nonce: uuid(), needed: got.Needed, pgp: got.PGP}
	return s.pending, nil
}

func work(op vaultstate.Operation) string { return fmt.Sprintf("%s %s", op.Kind, op.ID) }

// said is the vault's error as an answer: what a server cannot meet keeps its
// words.
func said(err error) error {
	if errors.Is(err, vaultstate.ErrInitialized) {
		return refuse(http.StatusBadRequest, "Vault is already initialized")
	}
	return refuse(http.StatusInternalServerError, plain(err))
}

// cancel ends what is pending. It changes nothing that counts.
func (s *Server) cancel(ctx context.Context, why string) error {
	p := s.pending
	if p == nil {
		return nil
	}
	was, _ := s.o.Vault.Progress(ctx, p.op.ID)
	if err := s.o.Vault.Cancel(ctx, p.op.ID); err != nil && !errors.Is(err, vaultstate.ErrNoOperation) {
		return fmt.Errorf("cancelling the %s: %w", p.op.Kind, err)
	}
	p.wipe()
	s.pending = nil
	err := s.note("failed", map[string]any{"work": work(p.op), "reason": why})
	if was.Set != "" {
		err = errors.Join(err, s.note("void", map[string]any{"set": was.Set, "reason": why}))
	}
	return err
}

// commit makes the pending operation count. An error means that it does not, and
// is no longer pending.
func (s *Server) commit(ctx context.Context) error {
	p := s.pending
	out, err := s.o.Vault.Commit(ctx, p.op.ID)
	if err != nil {
		now, asked := s.o.Vault.Progress(ctx, p.op.ID)
		if asked != nil || now.Phase != vaultstate.PhaseCommitted {
			return errors.Join(said(err), s.cancel(ctx, "it could not be committed: "+plain(err)))
		}
		// It counts, and what came after failed: the caller is answered, or what
		// it was to receive would be lost.
		out.Checks = append(out.Checks, vaultstate.Check{Text: "After the swap: " + plain(err)})
	}
	s.changes++
	s.used = append(s.used, p.op.Kind)
	s.digest = out.After.Storage
	if st, err := s.o.Vault.Status(ctx); err == nil && s.digest == (vaultstate.Digest{}) {
		s.digest = st.Storage
	}
	if err := s.noteOutcome(p.op, out); err != nil {
		s.over = err // it is so all the same
	}
	return nil
}

// done ends what was pending and is committed.
func (s *Server) done() {
	s.pending.wipe()
	s.pending = nil
}

// plain is an error in one line, as the record takes it.
func plain(err error) string { return strings.Join(strings.Fields(cleaned(err.Error())), " ") }
