package ceremony

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
)

// Keeping is what is agreed before everybody leaves: where things are kept, who
// has a copy of the record, for how long it is kept, and when the shares are
// proven again.

// The fields of the page.
const (
	fieldEnvelopes = "envelopes"
	fieldMedium    = "medium"
	fieldDevice    = "device"
	fieldCopies    = "copies"
	fieldClass     = "class"
	fieldUntil     = "until"
	fieldDrill     = "drill"
)

// keeping is what the page has got so far.
type keeping struct {
	done  bool
	typed filled // kept while another field is asked for again
}

func keepStep() Step {
	return Step{ID: "keep", Title: "Keeping", By: Operator, Next: askKeeping}
}

func askKeeping(r *Run) *page {
	k, who := &r.aftermath.keep, r.person(Operator)
	if k.done || !r.committed && r.plan.Kind != plan.Drill { // an old state that was put back has nothing to keep
		return nil
	}
	p := Prompt{Kind: Form, By: who, Heading: who.Name + ": where is all this kept, and until when?",
		Text: []string{"An empty line is recorded as not stated. Copies: who takes one home, with commas. " +
			"For the keys of a CA the record is kept until two years after the key is destroyed, at least."},
		Recorded: "every line."}
	p.Fields = k.typed.over(r.keepFields())
	return &page{Prompt: p, do: r.takeKeeping}
}

func (r *Run) keepFields() []Field {
	now := r.now()
	list := []Field{{ID: fieldEnvelopes, Label: "share envelopes"}}
	if r.env.Medium != nil {
		list = append(list, Field{ID: fieldMedium, Label: "second medium"})
	}
	class, until := "", ""
	if y := r.plan.Retention; y > 0 {
		class, until = fmt.Sprintf("%d years, by the plan", y), now.AddDate(y, 0, 0).Format(time.DateOnly)
	}
	drill := ""
	if m := r.plan.Drill; m > 0 {
		drill = now.AddDate(0, m, 0).Format(time.DateOnly)
	}
	if r.plan.UsesHSM() || r.remote() {
		list = append(list, Field{ID: fieldDevice, Label: "HSM and PIN"})
	}
	return append(list, Field{ID: fieldCopies, Label: "record copies"},
		Field{ID: fieldClass, Label: "kept as", Default: class}, Field{ID: fieldUntil, Label: "kept until", Default: until},
		Field{ID: fieldDrill, Label: "next drill", Default: drill})
}

var startsAsDay = regexp.MustCompile(`^[0-9]`)

func (r *Run) takeKeeping(_ context.Context, in Input) error {
	k := &r.aftermath.keep
	var err error
	k.typed, err = fill(r.keepFields(), in, func(f Field, typed string) (string, error) {
		text, err := r.line(f, typed)
		if err == nil {
			err = r.dayFits(f.ID, text)
		}
		return text, err
	})
	if err != nil {
		return err
	}
	return r.recordKeeping()
}

// dayFits looks at a day that was typed: written right, to come, and the drill
// not later than the plan has it.
func (r *Run) dayFits(field, text string) error {
	if text == "" || field != fieldDrill && (field != fieldUntil || !startsAsDay.MatchString(text)) {
		return nil
	}
	now := r.now()
	t, err := time.Parse(time.DateOnly, text)
	if err != nil || !t.After(now) {
		return askAgain("A day is written as "+now.AddDate(1, 0, 0).Format(time.DateOnly)+", and is to come.", "Nothing was recorded.", "Type it again, or leave it empty.")
	}
	if m := r.plan.Drill; field == fieldDrill && m > 0 && t.After(now.AddDate(0, m, 0)) {
		return askAgain(fmt.Sprintf("The plan says that the shares are proven again within %d months.", m), "Nothing was recorded.",
			"Take a day until "+now.AddDate(0, m, 0).Format(time.DateOnly)+".")
	}
	return nil
}

func (r *Run) recordKeeping() error {
	k, who := &r.aftermath.keep, r.person(Operator).Name
	stated := func(id string) string {
		if k.typed[id] == "" {
			return notStated
		}
		return k.typed[id]
	}
	for _, f := range r.keepFields() {
		if f.ID != fieldEnvelopes && f.ID != fieldMedium && f.ID != fieldDevice {
			continue
		}
		if err := r.record("kept", Operator, who, transcript.Facts{"what": f.Label, "place": stated(f.ID)}); err != nil {
			return err
		}
	}
	taken := []string{}
	for _, name := range strings.FieldsFunc(k.typed[fieldCopies], func(c rune) bool { return c == ',' || c == ';' }) {
		if name = strings.TrimSpace(name); name != "" {
			taken = append(taken, name)
		}
	}
	facts := transcript.Facts{"class": stated(fieldClass), "until": stated(fieldUntil)}
	if r.plan.Retention > 0 {
		facts["years"] = r.plan.Retention
	}
	next := transcript.Facts{"date": stated(fieldDrill), "months": r.plan.Drill}
	if r.plan.UsesHSM() {
		next["backup_months"] = r.plan.BackupDrill
	}
	for _, e := range []struct {
		kind  string
		facts transcript.Facts
	}{
		{"copies", transcript.Facts{"number": len(taken), "taken_by": taken}},
		{"retention", facts},
		{"next-drill", next},
	} {
		if err := r.record(e.kind, Operator, who, e.facts); err != nil {
			return err
		}
	}
	k.done, k.typed = true, nil
	return nil
}
