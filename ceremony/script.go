package ceremony

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"conclave/assets"
	"conclave/ceremony/plan"
	"conclave/vaultstate"
)

// The ceremonies. To add one: its table here, a line in All, its text in
// assets/texts, and what it did in done.
var (
	// Init makes the keys of a new vault and hands out its recovery shares.
	// Nothing counts until every custodian has proven theirs. A server's root token
	// is handed out before that: until then it may be the only authority there is.
	Init = Ceremony{ID: "init", Title: "INIT", Word: "INIT", Steps: steps(
		opening(), cardsStep(), handOutStep(), onServer(tokenStep()), proveStep(), onDisk(tokenStep()), later(goStep(goInit)), commitStep("Initialise"), closing(append(revokeStep(), keepStep())...))}

	// Unseal opens the vault and every entry through the HSM, and changes nothing.
	Unseal = Ceremony{ID: string(plan.Unseal), Title: "UNSEAL", Word: "UNSEAL", Steps: steps(
		opening(), onDisk(step("unseal", "Open", Program, unseal)), onServer(quorumStep(), commitStep("Unseal")), closing())}

	// Rekey replaces the root key.
	Rekey = Ceremony{ID: "rekey", Title: "REKEY", Word: "REKEY", Steps: steps(
		opening(), witnessStep(), quorumStep(), later(goStep(onEither(goRekey))), commitStep("Replace the key"), closing())}

	// RecoveryRekey replaces the recovery key and its shares.
	RecoveryRekey = Ceremony{ID: "recovery-rekey", Title: "RECOVERY REKEY", Word: "REKEY", Steps: steps(
		opening(), cardsStep(), quorumStep(), handOutStep(), proveStep(), later(goStep(onEither(goRecoveryRekey))), commitStep("Replace the key"), closing(oldSharesStep(), keepStep()))}

	// Rotate adds a data encryption key.
	Rotate = Ceremony{ID: "rotate", Title: "ROTATE", Word: "ROTATE", Steps: steps(
		opening(), witnessStep(), quorumStep(), later(goStep(onEither(goRotate))), commitStep("Rotate"), closing())}

	// ReEncrypt puts every entry under the newest data encryption key and drops the
	// older ones: what a rotation after a compromise needs.
	ReEncrypt = Ceremony{ID: "re-encrypt", Title: "RE-ENCRYPT", Word: "ENCRYPT", Steps: steps(
		opening(), witnessStep(), quorumStep(), goStep(goReEncrypt), commitStep("Encrypt anew"), closing())}

	// GenerateRoot makes a root token without the server.
	GenerateRoot = Ceremony{ID: "generate-root", Title: "ROOT TOKEN", Word: "ROOT", Steps: steps(
		opening(), tokenKeyStep(), quorumStep(), tokenStep(), later(goStep(goGenerateRoot)), commitStep("Make it valid"), closing(revokeStep()...))}

	// Recover replaces the recovery key and its shares where the shares are lost:
	// in place of a quorum stands what authorityStep compares.
	Recover = Ceremony{ID: "recover", Title: "RECOVER", Word: "RECOVER", Steps: steps(
		opening(), authorityStep(), cardsStep(), handOutStep(), proveStep(), goStep(goRecover), commitStep("Replace the key"), closing(noticesStep(), oldSharesStep(), keepStep()))}
)

// Rewrap moves the vault to another wrapping key, in the same HSM or another.
var Rewrap = Ceremony{ID: "rewrap", Title: "REWRAP", Word: "REWRAP", Steps: steps(
	opening(), newKeyStep(), cardsStep(), quorumStep(), issuing(handOutStep(), proveStep()), goStep(goRewrap), commitStep("Move"),
	closing(issuing([]Step{oldSharesStep(), keepStep()})...))}

// Retire destroys the wrapping key that a rewrap moved away from.
var Retire = Ceremony{ID: string(plan.Retire), Title: "RETIRE", Word: "RETIRE", Steps: steps(
	opening(), witnessStep(), step("old-key", "Old key", Operator, meetOldKey), step("destroy", "Destroy", Operator, retire), closing())}

// Drill has every custodian prove that they still hold their share.
var Drill = Ceremony{ID: string(plan.Drill), Title: "DRILL", Word: "DRILL", Steps: steps(
	opening(), gathering(), ofShares(drillStep()), backupStep(), closing(keepStep()))}

// RevokeRoot takes a root token out of the storage.
var RevokeRoot = Ceremony{ID: string(plan.RevokeRoot), Title: "REVOKE ROOT", Word: "REVOKE", Steps: steps(
	opening(), witnessStep(), step("revoke", "Revoke", Operator, revokeRoot), closing())}

// All are the ceremonies, in the order of the menu.
var All = []Ceremony{Init, Unseal, Rekey, RecoveryRekey, Rotate, ReEncrypt, GenerateRoot, Recover, Rewrap, Retire, Drill, RevokeRoot}

// ByID finds a ceremony by its command's name.
func ByID(id string) (Ceremony, bool) {
	i := slices.IndexFunc(All, func(c Ceremony) bool { return c.ID == id })
	if i < 0 {
		return Ceremony{}, false
	}
	return All[i], true
}

// step is one step as a list, for steps.
func step(id, title string, by Role, next func(*Run) *page) []Step {
	return []Step{{ID: id, Title: title, By: by, Next: next}}
}

func steps(parts ...[]Step) []Step { return slices.Concat(parts...) }

// purpose is what the ceremony is for, as it is read aloud.
func (c Ceremony) purpose(remote bool, p *plan.Plan) []string {
	switch {
	case c.ID != string(plan.Drill):
	case p.Proof == plan.ProofHSM:
		return assets.Text("brief-drill-backup")
	case remote && p.Proof == plan.ProofQuorum:
		return assets.Text("brief-drill-server-quorum")
	default:
		text := assets.Text("brief-drill")
		if p.Proof == plan.ProofKey {
			text = assets.Text("brief-drill-key")
		}
		if remote {
			text = append(text, assets.Text("brief-drill-asks")...)
		}
		return text
	}
	switch {
	case p.UnsealKeys:
		return append(assets.Text("brief-unseal-keys"), assets.Text("brief-server")...)
	case remote:
		return append(assets.Text("brief-"+c.ID+"-server"), assets.Text("brief-server")...)
	}
	return assets.Text("brief-" + c.ID)
}

// done says in words what a ceremony did.
func (c Ceremony) done() string {
	switch vaultstate.Kind(c.ID) {
	case vaultstate.Init:
		return "the vault is initialised"
	case vaultstate.Rekey:
		return "the root key is replaced"
	case vaultstate.RecoveryRekey:
		return "the recovery key and its shares are replaced"
	case vaultstate.Recover:
		return "the recovery key and its shares are re-created without a quorum"
	case vaultstate.Rotate:
		return "the data encryption key is rotated"
	case vaultstate.ReEncrypt:
		return "every entry is encrypted anew, and the older keys are dropped"
	case vaultstate.GenerateRoot:
		return "the root token is valid"
	case vaultstate.Rewrap:
		return "the vault is wrapped with the new HSM key"
	case plan.Retire:
		return "the old HSM key is destroyed"
	case plan.Drill:
		return "the drill was held"
	case plan.RevokeRoot:
		return "the root token is revoked"
	}
	return "the vault was opened and checked, and nothing was changed"
}

// The three lines that are read before the change: what changes, what stays,
// how it is undone.

const undoByCopy = "until a server has started: the old state is kept and can be put back"

func goInit(r *Run) Prompt {
	stays := "every key that is in the HSM, and everything outside this storage directory"
	return Prompt{Action: "Initialise the vault", Stays: stays, Undo: "until a server has started: the new state can be removed again",
		Changes: "the storage becomes a vault: root key and recovery key are new and wrapped by the HSM key " + r.key.Ref}
}

func goRekey(r *Run) Prompt {
	return Prompt{Action: "Replace the root key", Undo: undoByCopy,
		Changes: "the root key. The HSM wraps the new one with " + r.key.Ref,
		Stays:   "all data, the recovery shares, all tokens and policies"}
}

func goRecoveryRekey(r *Run) Prompt {
	return Prompt{Action: "Replace the recovery key", Undo: undoByCopy,
		Changes: "the recovery key. From now on the new shares count; " + strings.ToLower(assets.Text("replaced-shares")[0][:1]) + assets.Text("replaced-shares")[0][1:],
		Stays:   "the root key, all data, all tokens and policies"}
}

func goRecover(r *Run) Prompt {
	p := goRecoveryRekey(r)
	p.Action = "Re-create the recovery key without a quorum"
	return p
}

func goRotate(*Run) Prompt {
	return Prompt{Action: "Rotate the data encryption key", Undo: undoByCopy,
		Changes: "new entries are encrypted with a new key, under a new term",
		Stays:   "what is stored stays readable under its own term; nothing is encrypted anew"}
}

func goReEncrypt(r *Run) Prompt {
	days := (r.agreed.BatchLife + 24*time.Hour - 1) / (24 * time.Hour)
	return Prompt{Action: "Encrypt every entry anew and drop the older keys", Undo: undoByCopy,
		Facts: []Fact{{"will not work", fmt.Sprintf("batch tokens of older terms: they can have %d days to live, or what the server's max_lease_ttl says", days)},
			{"nor open", "backups of the storage without the keyring of their day"}},
		Changes: fmt.Sprintf("every entry is under term %d; the keys of older terms are dropped", activeTerm(*r.agreed.Staged)),
		Stays:   "what is stored, the root key, the recovery shares, all other tokens and policies"}
}

func goGenerateRoot(r *Run) Prompt {
	return Prompt{Action: "Make the root token valid", Facts: append([]Fact{{"accessor", r.accessor()}}, r.tokenFacts()...),
		Changes: "a root token that never expires and may do everything",
		Stays:   "all keys, shares and data",
		Undo:    "the token is revoked with its accessor: conclave revoke-root, or the server once it runs"}
}
