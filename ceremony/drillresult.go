package ceremony

import (
	"context"
	"fmt"
	"strings"

	"conclave/assets"
	"conclave/ceremony/custodian"
	"conclave/ceremony/plan"
	"conclave/vaultstate"
)

// What a drill has shown, share by share.

// endDrill records who was not here, and makes of the proofs what is read.
func (r *Run) endDrill(context.Context) ([]string, error) {
	d := &r.drilling
	var lines []string
	for _, h := range r.drilled() {
		how, asked := d.results[h.Number]
		if !asked {
			if err := r.isNotProven(h, whyAbsent, ""); err != nil {
				return nil, err
			}
		}
		text := fmt.Sprintf("share %d, %s: %s", h.Number, h.Custodian, proofText(how))
		r.checks = append(r.checks, vaultstate.Check{Text: text, OK: how != notProven})
		lines = append(lines, text)
	}
	if names := r.quorum.names; len(names) > 0 {
		text := "the shares of " + list(names) + " make the recovery key that the HSM holds"
		if r.remote() {
			text = "the server made a root token of the shares of " + list(names) + ", and it is revoked"
		}
		r.checks = append(r.checks, vaultstate.Check{Text: text, OK: true})
	}
	if o := r.env.Roster; r.plan.UsesHSM() && o != nil && o.RecoveryKey != "" {
		r.checks = append(r.checks, vaultstate.Check{Text: "the recovery key that the HSM holds is that of the record", OK: r.before.RecoveryKey.String() == o.RecoveryKey})
	}
	d.over, r.aftermath.checked = true, true
	return lines, nil
}

// proofText says each proof for what it is.
func proofText(how string) string {
	switch how {
	case plan.ProofShare:
		return "proven, it was typed here"
	case plan.ProofQuorum:
		return "proven, it took part in the quorum"
	case custodian.ProofFile:
		return "proven by key and file"
	case plan.ProofKey:
		return "the key is proven; whether the share is there was not seen"
	}
	return "NOT PROVEN"
}

// drillMeaning says of each way of proof that was used what it shows.
func (r *Run) drillMeaning() []string {
	used := map[string]bool{}
	for _, h := range r.drilled() {
		used[r.drilling.results[h.Number]] = true
	}
	var text []string
	for _, part := range []struct{ name, how string }{{"share", plan.ProofShare}, {"file", custodian.ProofFile}, {"key", plan.ProofKey}, {"missing", notProven}} {
		if used[part.how] {
			text = append(text, assets.Text("after-drill-"+part.name)...)
		}
	}
	return text
}

// drillVerdict counts what was proven.
func (r *Run) drillVerdict() string {
	if r.provesBackup() {
		return r.backupVerdict()
	}
	var missing []string
	keys, files := 0, 0
	for _, h := range r.drilled() {
		switch r.drilling.results[h.Number] {
		case notProven:
			missing = append(missing, h.Custodian)
		case plan.ProofKey:
			keys++
		case custodian.ProofFile:
			files++
		}
	}
	n := len(r.drilled())
	proven := r.drilling.proven()
	text := fmt.Sprintf("%d of %d shares are proven", proven, n)
	switch {
	case n == 0:
		text = "the shares of " + list(r.quorum.names) + " make the recovery key"
	case files > 0 && files == proven:
		text += " by key and file, none was decrypted here"
	case files > 0:
		text += fmt.Sprintf(", %d of them by key and file", files)
	}
	if keys > 0 {
		text += fmt.Sprintf(", of %d more only the key", keys)
	}
	if len(missing) > 0 {
		text += "; not proven: " + strings.Join(missing, ", ")
	}
	if o := r.env.Roster; r.plan.UsesHSM() && o != nil && o.RecoveryKey != "" && r.before.RecoveryKey.String() != o.RecoveryKey {
		text += "; the HSM holds ANOTHER recovery key than the record says"
	}
	return text + ". Nothing was changed."
}
