package ceremony

import (
	"errors"
	"slices"
	"strings"
	"time"

	"conclave/assets/clean"
)

// filled is what was typed on a form, by field. It is kept while a line that does
// not do is asked for again.
type filled map[string]string

// over fills a form with what was typed before.
func (f filled) over(fields []Field) []Field {
	fields = slices.Clone(fields)
	for i := range fields {
		if text, typed := f[fields[i].ID]; typed {
			fields[i].Default = text
		}
	}
	return fields
}

// fill takes the lines of a form, each by take. The first that does not do is
// asked for again, with the cursor there; what is good is kept.
func fill(fields []Field, in Input, take func(f Field, typed string) (string, error)) (filled, error) {
	if len(in.Fields) != len(fields) {
		return nil, askAgain("The answers do not fit the fields.", "Nothing was recorded.", "Type them again.")
	}
	kept := filled{}
	var first error
	for i, f := range fields {
		text, err := take(f, in.Fields[i])
		var ask *again
		switch {
		case err == nil:
			kept[f.ID] = text
		case !errors.As(err, &ask):
			return kept, err
		case first == nil:
			ask.problem.Field, first = f.ID, err
		}
	}
	return kept, first
}

// line is lineOf for a field of a form.
func (r *Run) line(f Field, typed string) (string, error) { return r.lineOf(f.Label, typed) }

// lineOf tidies a line of public text, and refuses what must stay out of the
// record.
func (r *Run) lineOf(field, typed string) (string, error) {
	bad, err := r.refuses(field, typed)
	switch {
	case err != nil:
		return "", err
	case bad:
		return "", askAgain("The line "+field+" looks like a share, a PIN, a token or a key.", "It was not recorded.", "Say it without the secret.")
	}
	return strings.Join(strings.Fields(clean.Cut(typed, mostLine)), " "), nil
}

// aDay is an error unless a day is written right, and is today or to come.
func (r *Run) aDay(text string) error {
	day, err := time.Parse(time.DateOnly, text)
	if err != nil || !day.AddDate(0, 0, 1).After(r.now()) {
		return askAgain("A day is written as "+r.inDays(usualDays)+", and is to come.", "Nothing was recorded.", "Type it again.")
	}
	return nil
}

// usualDays are offered where something is to end soon.
const usualDays = 7

func (r *Run) inDays(n int) string { return r.now().AddDate(0, 0, n).UTC().Format(time.DateOnly) }
