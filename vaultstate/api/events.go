package api

import (
	"fmt"
	"time"

	"conclave/assets/clean"
	"conclave/vaultstate"
)

// notIdentified is what every event of a session says of the person behind it.
const notIdentified = "nobody was identified"

func cleaned(s string) string { return clean.Cut(s, 1000) }

func (s *Server) note(kind string, facts map[string]any) error {
	if err := s.o.Record.Note(kind, facts); err != nil {
		return fmt.Errorf("writing the record: %w", err)
	}
	return nil
}

// request is what is public of a call.
func (s *Server) request(c *call, state string) map[string]any {
	f := map[string]any{"state": state, "method": c.Method, "path": clean.Cut(c.URL.Path, 200), "caller": caller(c.Context()), "person": notIdentified}
	if p := s.pending; p != nil {
		f["pending"], f["given"] = string(p.op.ID), len(p.given)
	}
	return f
}

// noteReceived is the event of a request that may change something, before it is
// acted upon.
func (s *Server) noteReceived(c *call) error {
	return s.note("api-call", s.request(c, "received"))
}

// noteAnswer is the event of an answer. Without it the session is over; what only
// this answer has goes out all the same.
func (s *Server) noteAnswer(c *call, a *answer) error {
	f := s.request(c, "answered")
	f["status"] = a.status
	if a.says != "" {
		f["refusal"] = cleaned(a.says)
	}
	err := s.note("api-call", f)
	if err != nil {
		s.over = err
	}
	if a.issued {
		return nil
	}
	return err
}

// noteRefused is the event of what did not pass the gate. That it fails is found
// by the next call.
func (s *Server) noteRefused(who, why string) {
	s.refused++
	if s.refused > maxRefused {
		return
	}
	if s.refused == maxRefused {
		why += "; the next are only counted"
	}
	if err := s.note("api-refused", map[string]any{"caller": who, "reason": cleaned(why), "person": notIdentified}); err != nil {
		s.over = err
	}
}

// noteOutcome is the vault after a change, against before, as a ceremony has it.
func (s *Server) noteOutcome(op vaultstate.Operation, out vaultstate.Outcome) error {
	b, a := out.Before, out.After
	f := map[string]any{
		"digest_before": b.Storage.String(), "recovery_key_before": b.RecoveryKey.String(), "root_key_before": b.RootKey.String(),
		"shares_before": b.Shares, "threshold_before": b.Threshold,
		"digest": a.Storage.String(), "recovery_key": a.RecoveryKey.String(), "root_key": a.RootKey.String(),
		"shares": a.Shares, "threshold": a.Threshold, "seal_key": a.SealKeyID, "mechanism": a.Mechanism, "rollback": out.Rollback,
	}
	if !out.Committed.IsZero() {
		f["committed"] = out.Committed.UTC().Format(time.RFC3339)
	}
	for name, terms := range map[string][]vaultstate.TermInfo{"terms_before": b.Terms, "terms": a.Terms} {
		var list []string
		for _, t := range terms {
			list = append(list, fmt.Sprintf("%d %s", t.Term, t.Digest))
		}
		if list != nil {
			f[name] = list
		}
	}
	var checks []string
	for _, c := range out.Checks {
		checks = append(checks, c.Text)
	}
	if checks != nil {
		f["checks"] = checks
	}
	if err := s.note("outcome", f); err != nil {
		return err
	}
	return s.note("done", map[string]any{"work": work(op)})
}
