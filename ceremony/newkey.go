package ceremony

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"conclave/assets"
	"conclave/ceremony/transcript"
	"conclave/vaultstate"
)

// A rewrap has a second key at hand: in the token of the first, or in another
// token, which is met as the first was. It is tested before anybody is asked
// for a share.

// newKey is what that step remembers.
type newKey struct {
	compared bool // it is not the old one
	backup   bool // where its backup is was said
}

// newKeyStep meets the key that the vault moves to.
func newKeyStep() []Step {
	return []Step{{ID: "new-key", Title: "New key", By: Operator, Next: meetNewKey}}
}

// meetSecond meets the second device, and leaves it at hand. false: there is
// none, which the page says.
func (r *Run) meetSecond(what string) (*page, bool) {
	if r.second == nil {
		return r.work("find "+what, Prompt{}, func(context.Context) ([]string, error) {
			return nil, fmt.Errorf("%w: %s was not named", vaultstate.ErrUnsupported, what)
		}), false
	}
	r.device = r.second
	if d := r.second; d.shared {
		d.token, d.loggedIn = r.first.token, true
		d.met.found, d.met.compared, d.objects.taken = true, true, true
	}
	return r.meetDevice(), true
}

// sameWrappingKey tells whether two devices are one key of one token.
func sameWrappingKey(a, b *device) bool {
	return a.token.Serial == b.token.Serial && a.token.Label == b.token.Label && a.key.Label == b.key.Label && a.key.ID == b.key.ID
}

func meetNewKey(r *Run) *page {
	p, ok := r.meetSecond("the new key")
	switch {
	case p != nil:
		return p
	case ok && !r.moved.compared:
		return r.work("compare the new key with the old", Prompt{IfPowerFails: "the vault is as it was."}, r.compareKeys)
	case !r.moved.backup:
		return r.askNewBackup()
	}
	r.device = r.first
	return r.takeUp()
}

// compareKeys refuses a key that is the old one under whatever name.
func (r *Run) compareKeys(context.Context) ([]string, error) {
	a, b := r.first, r.second
	if sameWrappingKey(a, b) {
		return nil, &toldError{Problem{Happened: "The new key is the old one: " + b.key.Ref + " in the token " + b.token.Label + ".", State: "Nothing is changed.",
			Do: "Name another key, or another token. A missing key is made where the plan allows it."}, errors.New("the new key is the old one")}
	}
	if want := r.plan.NewKeyRef; want != b.key.Ref {
		return nil, fmt.Errorf("%w: the new key is called %q, and the plan says %q", vaultstate.ErrChanged, b.key.Ref, want)
	}
	r.moved.compared = true
	return []string{"the new key is another than the old one: " + b.key.Ref + ", " + b.key.Type + ", " + b.key.Mechanism}, nil
}

// noKeyBackup is the override's id: of the storage it is another.
const noKeyBackup = "no-key-backup"

// askNewBackup asks where the backup of the new key is: its loss is final.
func (r *Run) askNewBackup() *page {
	who := r.person(Operator)
	return &page{
		Prompt: Prompt{Kind: Ask, By: who, Heading: who.Name + ": the backup of the new HSM key", Field: "key's backup",
			Facts:    []Fact{{"key", r.second.key.Ref}, {"token", r.second.token.Label + ", serial " + r.second.token.Serial}},
			Text:     []string{"Read aloud: " + backupAloud, "Who backed it up, how (clone, backup HSM, cards), where, when last restored; or " + noBackup + "."},
			Recorded: "the line; " + noBackup + " is an override."},
		do: func(_ context.Context, in Input) error {
			text, err := r.typed(transcript.NewKeyBackup, in.Text, mostLine, nil)
			if err == nil {
				err = r.backupFits(text, true)
			}
			switch {
			case err != nil:
				return err
			case text == noBackup:
				if err := r.override(noKeyBackup, "NO BACKUP: the new HSM key has none. "+backupAloud, who.Name, ""); err != nil {
					return err
				}
			}
			r.moved.backup = true
			return r.record("answer", Operator, who.Name, transcript.Facts{"field": transcript.NewKeyBackup, "value": cmp.Or(text, notStated)})
		},
	}
}

// issuing are steps of a ceremony that does not always hand out shares.
func issuing(list ...[]Step) []Step {
	all := steps(list...)
	for i := range all {
		need := all[i].Needs
		all[i].Needs = func(r *Run) bool { return r.plan.Issues() && (need == nil || need(r)) }
	}
	return all
}

func goRewrap(r *Run) Prompt {
	p := r.plan
	changes := "the vault moves from the HSM key " + r.first.key.Ref + " to " + r.second.key.Ref
	if p.OtherToken {
		changes += " in the token " + r.second.token.Label
	}
	stays := []string{"all data, tokens and policies"}
	for _, k := range []struct {
		anew bool
		what string
	}{{p.NewRoot, "the root key"}, {p.NewShares, "the recovery key with its shares"}} {
		if k.anew {
			changes += "; new: " + k.what
		} else {
			stays = append(stays, k.what)
		}
	}
	return Prompt{Action: "Move to the new HSM key", Undo: undoByCopy, Changes: changes, Stays: list(stays) + "; the old HSM key in its token"}
}

// afterRewrap says what must be done before a server starts, and what the old
// key still opens.
func (r *Run) afterRewrap() []string {
	text := assets.Text("after-rewrap")
	k := r.second
	line := "Before the server starts, its configuration must name the new key: key_label " + k.key.Label
	if _, id, ok := strings.Cut(k.key.Ref, ":"); ok && id != "" {
		line += ", key_id " + id
	}
	line += ", mechanism " + k.key.Mechanism
	if k.key.HMACRef != "" {
		line += ", HMAC key " + strings.TrimSuffix(k.key.HMACRef, ":")
	}
	if r.plan.OtherToken {
		line += "; token " + k.token.Label + ", serial " + k.token.Serial + ", library " + k.token.Library
	}
	return append([]string{line + "."}, text...)
}
