package ceremony

import (
	"cmp"
	"context"
	"time"

	"conclave/assets/clean"
	"conclave/ceremony/transcript"
	"conclave/vaultstate"
)

// A local root token never expires and stands in no log of a server. So outside
// of a rehearsal none goes out before it was said what for and until when; the
// plan says it, or the operator does.

const (
	fieldFor   = "for"
	fieldSpent = "spent"

	usualToken = 7 // days that are offered
)

// lacksTerms tells whether nobody has said yet what the token is for, or until when.
func (r *Run) lacksTerms() bool {
	t := r.tokenTerms()
	return !r.plan.Practice && !r.remote() && (t.Text("purpose") == "" || t.Text("until") == "")
}

func (r *Run) askTerms() *page {
	who, d := r.person(Operator), &r.delivery
	purpose := cmp.Or(d.purpose, r.plan.Purpose)
	if purpose == "" && r.plan.Kind == vaultstate.Init {
		purpose = "to set up the new vault"
	}
	until := cmp.Or(r.plan.TokenUntil, r.now().AddDate(0, 0, usualToken).UTC().Format(time.DateOnly))
	return &page{
		Prompt: Prompt{Kind: Form, By: who, Heading: who.Name + ": what is the root token made for, and by when is it revoked?",
			Facts: []Fact{{"received by", r.tokenTerms().Text("receiver")}},
			Text: []string{"It may do everything, never expires by itself, and no log of a server shows how it was made: this record is the only one. " +
				"Until it is revoked, conclave status says that it is due."},
			Fields:   []Field{{ID: fieldFor, Label: "made for", Default: purpose}, {ID: fieldSpent, Label: "revoked by", Default: until}},
			Recorded: "both lines, with the token's accessor."},
		do: r.takeTerms,
	}
}

func (r *Run) takeTerms(_ context.Context, in Input) error {
	d := &r.delivery
	if len(in.Fields) != 2 {
		return askAgain("The answers do not fit the fields.", "Nothing was recorded.", "Type them again.")
	}
	purpose, err := r.typed("purpose of the root token", in.Fields[0], mostLine, askAgainAt(fieldFor, "What is it made for?", "No token counts yet.", "Say it in a few words."))
	if err != nil {
		return err
	}
	d.purpose = purpose
	text, err := r.typed("last day of the root token", in.Fields[1], mostLine, nil)
	if err != nil {
		return err
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil || !day.AddDate(0, 0, 1).After(r.now()) {
		return askAgainAt(fieldSpent, "A day is written as "+r.now().AddDate(0, 0, usualToken).UTC().Format(time.DateOnly)+", and is to come.", "No token counts yet.", "Type the day by which it is revoked.")
	}
	d.until = text
	return nil
}

// tokenTerms are who receives the token, for what and until when, as facts.
func (r *Run) tokenTerms() transcript.Facts {
	f := transcript.Facts{"receiver": cmp.Or(r.plan.TokenReceiver, r.person(Operator).Name)}
	if p := cmp.Or(r.delivery.purpose, r.plan.Purpose); p != "" {
		f["purpose"] = clean.Clean(p)
	}
	if u := cmp.Or(r.delivery.until, r.plan.TokenUntil); u != "" {
		f["until"] = u
	}
	return f
}

// tokenFacts are the same for the page on which it is made valid.
func (r *Run) tokenFacts() []Fact {
	f := r.tokenTerms()
	return []Fact{{"received by", f.Text("receiver")}, {"made for", cmp.Or(f.Text("purpose"), notStated)}, {"revoked by", cmp.Or(f.Text("until"), notStated)}}
}
