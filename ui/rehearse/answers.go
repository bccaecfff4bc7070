package rehearse

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"conclave/assets/clean"
	"conclave/ceremony"
	"conclave/hsm/secret"
)

// Answers are what the people of a rehearsal answer, page after page, from a
// file: to practise what goes wrong, and for tests. A page that the file does not
// answer ends the rehearsal, and so does a line that no page asks for.
//
// The file is text; # begins a comment line. A line is one of
//
//	STEP WHO ANSWER   the next page is of this step and asks WHO, a first name
//	until STEP [WHO]  every page before the next of that step is answered right
//	rest              every page from here on is answered right
//
// ANSWER is the rest of the line: what is typed; of a page with choices, the
// choice's id; of a form, its fields with | between; of the page of the people,
// who is not here: "absent Bob, Carol". "right" is what practice people would
// answer, their own share or code included; "empty" is an empty line.
type Answers struct {
	name  string
	lines []answerLine
	at    int
}

type answerLine struct {
	number          int
	step, who, text string
	until, rest     bool
}

const mostAnswers = 10000 // lines

// ReadAnswers reads a file of answers.
func ReadAnswers(name string, from io.Reader) (*Answers, error) {
	a := &Answers{name: name}
	s := bufio.NewScanner(from)
	for n := 1; s.Scan(); n++ {
		f := strings.Fields(s.Text())
		switch {
		case len(f) == 0 || strings.HasPrefix(f[0], "#"):
			continue
		case len(a.lines) == mostAnswers:
			return nil, fmt.Errorf("%s: it has more than %d answers", name, mostAnswers)
		case len(f) == 1 && f[0] == "rest":
			a.lines = append(a.lines, answerLine{number: n, rest: true})
			continue
		case f[0] == "until" && (len(f) == 2 || len(f) == 3):
			a.lines = append(a.lines, answerLine{number: n, until: true, step: f[1], who: strings.Join(f[2:], "")})
			continue
		case len(f) < 3:
			return nil, fmt.Errorf("%s:%d: want STEP WHO ANSWER, until STEP [WHO], or rest", name, n)
		}
		text := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(s.Text()), f[0]))
		text = strings.TrimSpace(strings.TrimPrefix(text, f[1]))
		a.lines = append(a.lines, answerLine{number: n, step: f[0], who: f[1], text: text})
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(a.lines) == 0 {
		return nil, fmt.Errorf("%s: it has no answer", name)
	}
	return a, nil
}

// Left says which line no page asked for; nil if none is left.
func (a *Answers) Left() error {
	for _, l := range a.lines[a.at:] {
		if !l.rest {
			return fmt.Errorf("%s:%d: no page asked for it: the rehearsal was over", a.name, l.number)
		}
	}
	return nil
}

// From makes the player answer from a file; nil: as Answer does.
func (p *Player) From(a *Answers) func(ceremony.Prompt) (ceremony.Input, bool) {
	if a == nil {
		return p.Answer
	}
	return func(q ceremony.Prompt) (ceremony.Input, bool) {
		in, err := p.next(a, q)
		p.Err = err
		return in, err == nil
	}
}

func (l answerLine) fits(q ceremony.Prompt) bool {
	return l.step == q.StepID && (l.until && l.who == "" || l.who == asks(q))
}

// asks is the first name of whom a page asks.
func asks(q ceremony.Prompt) string {
	name, _, _ := strings.Cut(q.By.Name, " ")
	return name
}

func (p *Player) next(a *Answers, q ceremony.Prompt) (ceremony.Input, error) {
	where := fmt.Sprintf("the page of the step %s that asks %s (%s)", q.StepID, asks(q), clean.Clean(q.Heading))
	for ; a.at < len(a.lines); a.at++ {
		l := a.lines[a.at]
		switch {
		case l.rest, l.until && !l.fits(q):
			return p.right(q)
		case l.until:
			continue // it ends here
		case !l.fits(q):
			return ceremony.Input{}, fmt.Errorf("%s:%d answers %s in the step %s, and there is %s", a.name, l.number, l.who, l.step, where)
		}
		a.at++
		in, err := p.typed(q, l.text)
		if err != nil {
			return in, fmt.Errorf("%s:%d: %w: %s", a.name, l.number, err, where)
		}
		return in, nil
	}
	return ceremony.Input{}, fmt.Errorf("%s has no answer to %s", a.name, where)
}

// right is what practice people answer, also after something went wrong.
func (p *Player) right(q ceremony.Prompt) (ceremony.Input, error) {
	q.Problem = nil
	in, ok := p.Answer(q)
	if ok {
		return in, nil
	}
	return in, p.Err
}

// typed is an answer of the file as an Input.
func (p *Player) typed(q ceremony.Prompt, text string) (ceremony.Input, error) {
	in := ceremony.Input{Stamp: q.Stamp, Source: "auto"}
	switch text {
	case "right":
		return p.right(q)
	case "empty":
		text = ""
	}
	switch q.Kind {
	case ceremony.People:
		return absent(in, q, text)
	case ceremony.Form:
		in.Fields = strings.Split(text, "|")
		for i := range in.Fields {
			in.Fields[i] = strings.TrimSpace(in.Fields[i])
		}
		if len(in.Fields) != len(q.Fields) {
			return in, fmt.Errorf("there are %d fields, and the page has %d", len(in.Fields), len(q.Fields))
		}
	case ceremony.AskSecret, ceremony.AskShare:
		in.Secret = secret.Take([]byte(text))
	case ceremony.Choose:
		var ids []string
		for _, c := range q.Choices {
			ids = append(ids, c.ID)
		}
		if !slices.Contains(ids, text) {
			return in, fmt.Errorf("%q is none of its choices (%s)", text, strings.Join(ids, ", "))
		}
		in.Choice = text
	case ceremony.HandOver, ceremony.Confirm, ceremony.Rest, ceremony.Ask:
		in.Text = text
	case ceremony.Read, ceremony.Attest, ceremony.Show, ceremony.Work:
		return in, errors.New("nothing is typed here: its answer is right")
	}
	return in, nil
}

// absent has all people here but those that are named.
func absent(in ceremony.Input, q ceremony.Prompt, text string) (ceremony.Input, error) {
	names, ok := strings.CutPrefix(text, "absent ")
	if !ok {
		return in, errors.New(`its answer is right, or "absent" and first names`)
	}
	in.Present = slices.Repeat([]bool{true}, len(q.People))
	for _, n := range strings.Split(names, ",") {
		i := slices.IndexFunc(q.People, func(one ceremony.Attendance) bool {
			first, _, _ := strings.Cut(one.Person.Name, " ")
			return first == strings.TrimSpace(n)
		})
		if i < 0 {
			return in, fmt.Errorf("%q is none of the people", strings.TrimSpace(n))
		}
		in.Present[i] = false
	}
	return in, nil
}
