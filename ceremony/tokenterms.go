package ceremony

import (
	"cmp"
	"context"

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
)

// lacksTerms tells whether nobody has said yet what the token is for, or until when.
func (r *Run) lacksTerms() bool {
	return !r.plan.Practice && !r.remote() && !r.delivery.termed && (r.plan.Purpose == "" || r.plan.TokenUntil == "")
}

func (r *Run) askTerms() *page {
	who := r.person(Operator)
	return &page{
		Prompt: Prompt{Kind: Form, By: who, Heading: who.Name + ": what is the root token made for, and by when is it revoked?",
			Facts: []Fact{{"received by", r.tokenTerms().Text("receiver")}},
			Text: []string{"It may do everything, never expires by itself, and no log of a server shows how it was made: this record is the only one. " +
				"Until it is revoked, conclave status says that it is due."},
			Fields:   r.delivery.terms.over(r.termFields()),
			Recorded: "both lines, with the token's accessor."},
		do: r.takeTerms,
	}
}

func (r *Run) termFields() []Field {
	purpose := r.plan.Purpose
	if purpose == "" && r.plan.Kind == vaultstate.Init {
		purpose = "to set up the new vault"
	}
	return []Field{{ID: fieldFor, Label: "made for", Default: purpose}, {ID: fieldSpent, Label: "revoked by", Default: cmp.Or(r.plan.TokenUntil, r.inDays(usualDays))}}
}

func (r *Run) takeTerms(_ context.Context, in Input) error {
	d := &r.delivery
	var err error
	d.terms, err = fill(r.termFields(), in, func(f Field, typed string) (string, error) {
		text, err := r.line(f, typed)
		switch {
		case err != nil:
		case f.ID == fieldSpent:
			err = r.aDay(text)
		case text == "":
			err = askAgain("What is it made for?", "No token counts yet.", "Say it in a few words.")
		}
		return text, err
	})
	d.termed = err == nil
	return err
}

// tokenTerms are who receives the token, for what and until when, as facts.
func (r *Run) tokenTerms() transcript.Facts {
	f := transcript.Facts{"receiver": cmp.Or(r.plan.TokenReceiver, r.person(Operator).Name)}
	if p := cmp.Or(r.delivery.terms[fieldFor], r.plan.Purpose); p != "" {
		f["purpose"] = clean.Clean(p)
	}
	if u := cmp.Or(r.delivery.terms[fieldSpent], r.plan.TokenUntil); u != "" {
		f["until"] = u
	}
	return f
}

// tokenFacts are the same for the page on which it is made valid.
func (r *Run) tokenFacts() []Fact {
	f := r.tokenTerms()
	return []Fact{{"received by", f.Text("receiver")}, {"made for", cmp.Or(f.Text("purpose"), notStated)}, {"revoked by", cmp.Or(f.Text("until"), notStated)}}
}
