package ceremony

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"conclave/assets/clean"
	"conclave/ceremony/transcript"
)

// Effect is what a deviation leads to.
type Effect string

// The effects.
const (
	GoOn    Effect = "go on"
	DoAgain Effect = "again" // the step is done again: only where Prompt.Again says so
	StopNow Effect = "stop"
)

// Deviation is what did not go as the script says: the five lines of an
// exception sheet.
type Deviation struct {
	Expected, Happened, Decided string
	By                          string // who decided: one name or more
	Effect                      Effect
}

// errKept leaves the page as it stands.
var errKept = errors.New("the page stands")

// Note records a deviation at the present page, between two answers. With GoOn
// the page and its stamp stay as they are, and so does what is half typed.
// Refused tells afterwards whether it was taken.
func (r *Run) Note(d Deviation) (Job, error) {
	switch {
	case r.busy:
		return nil, ErrBusy
	case r.Done(), r.closed, r.page == nil:
		return nil, ErrOver
	}
	return r.job(r.snap.prompt.Stamp, func(context.Context) error { return r.note(d) }), nil
}

// Refused is what was wrong with the last deviation; nil if it is in the record.
func (r *Run) Refused() *Refusal { return r.snap.refusal }

// Refusal is why a deviation was not recorded.
type Refusal struct {
	Field string // "expected", "happened", "decided", "decided by", "effect"
	Why   string
}

func (r *Run) note(d Deviation) error {
	r.refusal = nil
	refuse := func(field, why string) error {
		r.refusal = &Refusal{field, why}
		return errKept
	}
	for _, f := range []struct {
		name string
		text *string
		must bool
	}{{"expected", &d.Expected, false}, {"happened", &d.Happened, true}, {"decided", &d.Decided, true}, {"decided by", &d.By, true}} {
		if len(*f.text) > mostText {
			return refuse(f.name, fmt.Sprintf("A text has at most %d bytes.", mostText))
		}
		bad, err := r.refuses("deviation: "+f.name, *f.text)
		if err != nil {
			return err
		}
		if bad {
			return refuse(f.name, "This looks like a share, a PIN, a token or a key. It was not recorded. Say it without the secret.")
		}
		*f.text = strings.Join(strings.Fields(clean.Cut(*f.text, mostText)), " ")
		if f.must && *f.text == "" {
			return refuse(f.name, "This line is needed.")
		}
	}
	switch {
	case d.Effect != GoOn && d.Effect != DoAgain && d.Effect != StopNow:
		return refuse("effect", "Go on, do the step again, or stop.")
	case d.Effect == DoAgain && !r.page.Again:
		return refuse("effect", "This step cannot be done again: what it did is done.")
	}
	if err := r.deviate(d); err != nil {
		return err
	}
	switch d.Effect {
	case StopNow:
		return &stop{code: CodeStopped, by: d.By, reason: d.Happened}
	case DoAgain:
		r.step().Redo(r)
		return nil
	case GoOn:
	}
	return errKept
}

// deviate records a deviation whose words are good.
func (r *Run) deviate(d Deviation) error {
	n := len(r.deviations) + 1
	err := r.record("deviation", Operator, "", transcript.Facts{"number": n, "expected": d.Expected, "happened": d.Happened,
		"decided": d.Decided, "decided_by": d.By, "effect": string(d.Effect)})
	if err != nil {
		return err
	}
	r.deviations = append(r.deviations, d)
	r.remark(fmt.Sprintf("note %d", n))
	return nil
}

// remark marks the present step in the script.
func (r *Run) remark(text string) {
	line := &r.script[min(r.at, len(r.script)-1)]
	if line.Note != "" {
		text = line.Note + ", " + strings.TrimPrefix(text, "note ")
	}
	line.Note = text
}

// ended is the mark of a step that is done.
func (l ScriptLine) ended() Mark {
	if strings.HasPrefix(l.Note, "note ") {
		return Warn
	}
	return Good
}

// deviationLines are the deviations as they are read at the close.
func (r *Run) deviationLines() []Line {
	if len(r.deviations) == 0 {
		return []Line{{Mark: Good, Text: "deviations: None"}}
	}
	var lines []Line
	for i, d := range r.deviations {
		lines = append(lines, Line{Mark: Warn, Text: fmt.Sprintf("deviation %d: %s", i+1, sentence(d.Happened))})
	}
	return lines
}

// deviationTexts are the deviations as the last event names them.
func (r *Run) deviationTexts() []string {
	list := []string{}
	for i, d := range r.deviations {
		list = append(list, fmt.Sprintf("%d: %s", i+1, d.Happened))
	}
	return list
}
