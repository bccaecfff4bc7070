package rehearse

import (
	"fmt"
	"os"
	"strings"
	"time"

	"conclave/ceremony"
	"conclave/ceremony/plan"
	"conclave/hsm/secret"
	"conclave/vaultstate/pgp"
)

// Player plays every person of one ceremony. It reads pages as people do, and
// opens shares with the practice keys. Close ends it.
type Player struct {
	w *World
	// Choose picks a choice by its id where not the first is wanted, by the id
	// of the step: "rollback" → "keep".
	Choose map[string]string
	// Err is why the last page got no answer.
	Err error
}

// Player makes the player of a ceremony that runs in this world.
func (w *World) Player() *Player { return &Player{w: w, Choose: map[string]string{}} }

// Answer answers a page, or says that it cannot: what was wrong with an answer
// or failed is for people.
func (p *Player) Answer(q ceremony.Prompt) (ceremony.Input, bool) {
	in := ceremony.Input{Stamp: q.Stamp, Source: "auto"}
	p.Err = nil
	if q.Problem != nil {
		p.Err = fmt.Errorf("%s %s", q.Problem.Happened, q.Problem.Code)
		return in, false
	}
	switch q.Kind {
	case ceremony.People:
		for range q.People {
			in.Present = append(in.Present, true)
		}
	case ceremony.Form:
		for _, f := range q.Fields {
			in.Fields = append(in.Fields, filledIn(f))
		}
	case ceremony.Ask:
		in.Text = q.Default
		if q.StepID == "old-shares" && q.Default == "none" {
			in.Text = "all"
		}
		if q.Field == "file" {
			in.Text, p.Err = p.w.brought(q.By.Name)
			break
		}
		if q.Field == "key's backup" {
			in.Text = filledIn(ceremony.Field{ID: "backup"})
			break
		}
		if len(q.Groups) > 0 {
			in.Text, p.Err = p.w.card(q.By.Name, q.Groups)
		} else if q.StepID == "authority" {
			in.Text = "the practice box with the shares was lost"
		} else if q.Default == "" {
			p.Err = fmt.Errorf("nobody knows the %s", q.Field)
		}
	case ceremony.AskSecret:
		if q.Sealed != nil {
			in.Secret, p.Err = p.w.decrypt(q.By.Name, q.Sealed.File)
			break
		}
		in.Secret = secret.Take([]byte(pinOf(q.By)))
	case ceremony.AskShare:
		in.Secret, p.Err = p.share(q)
	case ceremony.HandOver, ceremony.Confirm, ceremony.Rest:
		in.Text = q.Word
	case ceremony.Show:
		p.Err = p.writeDown(q)
	case ceremony.Choose:
		in.Choice, p.Err = p.choose(q)
	case ceremony.Read, ceremony.Work, ceremony.Attest:
	}
	return in, p.Err == nil
}

// filledIn is a line about the practice room.
func filledIn(f ceremony.Field) string {
	switch {
	case f.ID == "place":
		return "the practice room"
	case f.ID == "bags":
		return "PRACTICE 0001, 0002"
	case f.ID == "equipment":
		return "this machine, a software token"
	case f.ID == "envelopes":
		return "each with its custodian"
	case f.ID == "medium", f.ID == "device":
		return "the practice room"
	case f.ID == "copies":
		return "nobody: a rehearsal"
	case f.ID == "backup": // in the form of a snapshot's digest, which fits a key's backup as well
		return "PRACTICE 0000 0000 0000 0000, thrown away"
	case f.ID == "checked by", f.ID == "others":
		return witnessName
	case f.ID == "others by":
		return operatorName
	case strings.HasPrefix(f.ID, "watch"):
		return time.Now().Format("15:04:05")
	}
	return f.Default
}

func (p *Player) choose(q ceremony.Prompt) (string, error) {
	if len(q.Choices) == 0 {
		return "", fmt.Errorf("the page of the step %s has no choices", q.StepID)
	}
	want, told := p.Choose[q.StepID]
	if !told {
		return q.Choices[0].ID, nil
	}
	for _, c := range q.Choices {
		if c.ID == want {
			return want, nil
		}
	}
	return "", fmt.Errorf("the page of the step %s has no choice %q", q.StepID, want)
}

// share is what the custodian types: the new share where it is proven, else the
// one that counts.
func (p *Player) share(q ceremony.Prompt) (secret.Bytes, error) {
	raw, err := p.w.shareOf(q.By.Name, q.Entry.Proving && q.StepID != string(plan.Drill))
	if err != nil {
		return secret.Bytes{}, err
	}
	defer raw.Wipe()
	return scheme.Groups(raw), nil
}

// shareOf reads the records anew: the ceremony that runs is among them.
func (w *World) shareOf(name string, pending bool) (secret.Bytes, error) {
	if err := w.Refresh(); err != nil {
		return secret.Bytes{}, err
	}
	set, ok := w.set(pending)
	if !ok {
		return secret.Bytes{}, fmt.Errorf("the records name no set of shares that %s could have one of", name)
	}
	h, ok := held(set, name)
	if !ok {
		return secret.Bytes{}, fmt.Errorf("%s holds no share of the set %s", name, set.ID)
	}
	return w.share(set, h)
}

// writeDown keeps a share that is shown, as its custodian would on paper. A root
// token is looked at only.
func (p *Player) writeDown(q ceremony.Prompt) error {
	if q.Reveal == nil || q.Reveal.Group == 0 {
		return nil
	}
	pair, err := p.w.private(q.By.Name)
	if err != nil {
		return err
	}
	key, err := pair.Key()
	if err != nil {
		return err
	}
	message, err := key.Encrypt(q.Reveal.Text)
	if err != nil {
		return fmt.Errorf("writing down the share of %s: %w", q.By.Name, err)
	}
	text, err := pgp.Armor(message, true)
	if err != nil {
		return fmt.Errorf("writing down the share of %s: %w", q.By.Name, err)
	}
	if err := os.WriteFile(p.w.paper(q.Reveal.Fingerprint), text, 0o600); err != nil {
		return fmt.Errorf("writing down the share of %s: %w", q.By.Name, err)
	}
	return nil
}
