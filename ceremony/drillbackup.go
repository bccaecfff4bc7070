package ceremony

import (
	"context"
	"errors"
	"fmt"

	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
)

// A drill of the HSM's backup: the vault is opened through a token that is not
// the one that the ceremonies use, and what the HSM protects is read and checked
// as at an unseal. That another serial number answers is all that shows here that
// it is the backup; whose copy of the key it holds, the vault that opens shows.

// provesBackup tells whether the drill is one of the HSM's backup.
func (r *Run) provesBackup() bool { return r.plan.Kind == plan.Drill && r.plan.Proof == plan.ProofHSM }

// ofShares are steps of every other drill.
func ofShares(list []Step) []Step {
	for i := range list {
		list[i].Only = func(p *plan.Plan) bool { return p.Proof != plan.ProofHSM }
	}
	return list
}

func backupStep() []Step {
	return []Step{{ID: "backup", Title: "Open by backup", By: Program, Next: openBackup,
		Only: func(p *plan.Plan) bool { return p.Proof == plan.ProofHSM }}}
}

func openBackup(r *Run) *page {
	d := &r.drilling
	switch {
	case !d.backup:
		return r.work("compare with the HSM of the records", Prompt{IfPowerFails: "nothing has been changed."}, r.isBackup)
	case !r.aftermath.checked:
		return unseal(r)
	case !d.noted:
		return r.work("note that the vault opens through the backup", Prompt{IfPowerFails: "nothing has been changed."}, r.noteBackup)
	}
	return r.listBoth()
}

// isBackup refuses the token that the last ceremony used.
func (r *Run) isBackup(context.Context) ([]string, error) {
	known := r.hsmOfRecords()
	if known != "" && known == r.token.Serial {
		return nil, &toldError{Problem{Happened: "This is the HSM itself: its serial number is that of the last ceremony.", State: "Nothing is changed.",
			Do: "Connect the backup and leave the HSM off, name it with -hsm-token-label or -hsm-lib, and begin again."}, errors.New("the token is not another one")}
	}
	r.drilling.backup = true
	if known == "" {
		return []string{"no record says which HSM the ceremonies use: the people answer for it that this is its backup"}, nil
	}
	return []string{fmt.Sprintf("the last ceremony used the serial number %s, this is %s", known, r.token.Serial)}, nil
}

func (r *Run) hsmOfRecords() string {
	if r.env.Roster == nil {
		return ""
	}
	return r.env.Roster.HSM
}

func (r *Run) noteBackup(context.Context) ([]string, error) {
	r.drilling.noted = true
	facts := facted(transcript.Facts{"token": r.token.Label, "serial": r.token.Serial, "key": r.key.Ref, "known": r.hsmOfRecords() != ""},
		lists{"checks": checkTexts(r.checks)})
	return nil, r.record("backup-opened", Program, "", facts)
}

func (r *Run) backupVerdict() string {
	text := fmt.Sprintf("the vault opens through the backup of the HSM, token %s, serial %s", r.token.Label, r.token.Serial)
	if r.hsmOfRecords() == "" {
		text = fmt.Sprintf("the vault opens through the token %s, serial %s; that it is the HSM's backup is what people say, no record names the HSM", r.token.Label, r.token.Serial)
	}
	if n := r.failed(); n > 0 {
		text = fmt.Sprintf("the vault does NOT open as it should through the backup: %d of %d checks did not pass", n, len(r.checks))
	}
	if o := r.env.Roster; o != nil && o.RecoveryKey != "" && r.before.RecoveryKey.String() != o.RecoveryKey {
		text += "; it holds ANOTHER recovery key than the record says"
	}
	return text + ". Nothing was changed."
}
