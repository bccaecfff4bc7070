package server

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"conclave/assets/clean"
	"conclave/hsm/secret"
	"conclave/vaultstate"
)

// authority is the token that the operation's endpoints want; empty if none.
func (v *Vault) authority(op *operation) secret.Bytes {
	switch {
	case op.way.Access != AccessToken:
		return secret.Bytes{}
	case op.gap:
		return op.token
	}
	return v.c.Token
}

// atWay is a call to an endpoint below the operation's own.
func (v *Vault) atWay(op *operation, method, endpoint string) call {
	return call{method: method, path: op.way.Path + "/" + endpoint, token: v.authority(op)}
}

// read asks what is pending.
func (v *Vault) read(ctx context.Context, op *operation) (pending, error) {
	var p pending
	err := v.ask(ctx, v.self, v.atWay(op, http.MethodGet, op.way.start), op.way.inData, &p)
	p.wipe() // nothing secret is expected of it
	return p, err
}

// guard reads the pending operation again and compares it with what was agreed.
// What it compares is what the server says: a dishonest one can say anything.
func (v *Vault) guard(ctx context.Context, op *operation) error {
	if op.early || op.Kind == vaultstate.Rotate || op.Kind == vaultstate.Init && !op.gap || op.gap && op.nonce == "" {
		return nil // nothing is pending at the server
	}
	if op.Kind == vaultstate.GenerateRoot && op.phase != vaultstate.PhaseAuthority {
		return nil // the server forgot it when it was done
	}
	p, err := v.read(ctx, op)
	if err != nil {
		return fmt.Errorf("reading what is pending: %w", changedBy(err))
	}
	found := op.differences(p)
	if len(found) == 0 && op.verifyNonce == "" && p.Progress != op.sent {
		found = append(found, fmt.Sprintf("it has %d shares of the quorum, and %d were sent from here", p.Progress, op.sent))
	}
	if len(found) == 0 && op.verifyNonce != "" {
		found, err = v.guardVerification(ctx, op)
		if err != nil {
			return err
		}
	}
	return changed(found)
}

func (v *Vault) guardVerification(ctx context.Context, op *operation) (found []string, err error) {
	var p pending
	err = v.ask(ctx, v.self, v.atWay(op, http.MethodGet, "verify"), op.way.inData, &p)
	defer p.wipe()
	if err != nil {
		return nil, fmt.Errorf("reading what is pending: %w", changedBy(err))
	}
	if p.Nonce != op.verifyNonce {
		found = append(found, fmt.Sprintf("the verification has the nonce %s, and had %s", quoted(p.Nonce), quoted(op.verifyNonce)))
	}
	if p.N != op.Shares || p.T != op.Threshold {
		found = append(found, fmt.Sprintf("it verifies %d shares with the threshold %d, and %d with %d were agreed", p.N, p.T, op.Shares, op.Threshold))
	}
	if p.Progress != op.verifySent {
		found = append(found, fmt.Sprintf("it has %d shares of the verification, and %d were sent from here", p.Progress, op.verifySent))
	}
	return found, nil
}

// changed is ErrChanged with what the server says.
func changed(found []string) error {
	if len(found) == 0 {
		return nil
	}
	return fmt.Errorf("%w: the server says that %s", vaultstate.ErrChangedThere, strings.Join(found, ", and that "))
}

// changedBy makes an error of the server's ErrChanged where it says that the
// operation is not there any more.
func changedBy(err error) error {
	switch reasonOf(err) { //nolint:exhaustive // the others stay what they are
	case isNothing:
		return fmt.Errorf("%w: %s: %w", vaultstate.ErrChangedThere, forgotten, err)
	case isNonce, isDuplicate, isFinished:
		return fmt.Errorf("%w: %w", vaultstate.ErrChangedThere, err)
	}
	return err
}

const forgotten = "nothing is pending any more: somebody cancelled it, or another node became active, which forgets it"

// differences compares a pending operation with what was agreed, a sentence each.
func (op *operation) differences(p pending) (found []string) {
	say := func(format string, a ...any) { found = append(found, fmt.Sprintf(format, a...)) }
	if !p.Started {
		return []string{forgotten}
	}
	if op.nonce != "" && p.Nonce != op.nonce {
		say("the pending operation has the nonce %s, and ours had %s: it is another one", quoted(p.Nonce), quoted(op.nonce))
	}
	if p.Required != op.needed {
		say("%d shares are needed, and it were %d", p.Required, op.needed)
	}
	if op.Kind == vaultstate.GenerateRoot {
		want := ""
		if !op.padded() {
			want = op.tokenKey.Fingerprint
		}
		if !strings.EqualFold(p.TokenPGP, want) {
			say("the token goes to the PGP key %s, and %s was agreed", quoted(p.TokenPGP), quoted(want))
		}
		return found
	}
	// Under an HSM seal the new root key is one share. Of it OpenBao's main says 0 at
	// the older endpoint, in 2026, and 1 at the newer one.
	n, t := op.counts()
	unsaid := op.commits() && p.N == 0 && p.T == 0
	if (p.N != n || p.T != t) && !unsaid {
		say("%d new shares with the threshold %d are asked for, and %d with %d were agreed", p.N, p.T, n, t)
	}
	if want := op.fingerprints(); !slices.EqualFunc(p.PGP, want, strings.EqualFold) {
		say("the new shares go to the PGP keys %s, and %s were agreed", list(p.PGP), list(want))
	}
	if p.Backup {
		say("a backup of the new shares is kept at the server, and none was agreed")
	}
	if p.VerificationRequired != op.verification {
		say("verification is required: %t, and %t was agreed", p.VerificationRequired, op.verification)
	}
	if p.VerificationNonce != op.verifyNonce {
		say("the verification has the nonce %s, and had %s", quoted(p.VerificationNonce), quoted(op.verifyNonce))
	}
	return found
}

// counts are the new shares and threshold as the server is told.
func (op *operation) counts() (n, t int) {
	if op.Kind == vaultstate.Rekey && op.auto {
		return 1, 1 // rule S2
	}
	return op.Shares, op.Threshold
}

func quoted(s string) string {
	if s == "" {
		return "none"
	}
	return fmt.Sprintf("%q", clean.Clean(s))
}

func list(of []string) string {
	if len(of) == 0 {
		return "of nobody"
	}
	var out []string
	for i, s := range of {
		if i == 10 {
			out = append(out, "…")
			break
		}
		out = append(out, clean.Clean(s))
	}
	return strings.Join(out, " ")
}

// lost says that there was no answer, or none that can be used, and what is so as
// far as the server tells.
func lost(err error, so string, a ...any) error {
	return &vaultstate.LostError{So: fmt.Sprintf(so, a...), Err: err}
}

// lose is lost where nobody can know whether the operation counts: it cannot be
// cancelled any more, unless the server still has it.
func (op *operation) lose(err error, so string, a ...any) error {
	op.lost = lost(err, so, a...)
	return op.lost
}
