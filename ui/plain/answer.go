package plain

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"conclave/assets/clean"
	"conclave/ceremony"
	"conclave/hsm/secret"
)

// answer prints the prompt and gets what answers it, or why to stop.
func (s *session) answer(ctx context.Context, p ceremony.Prompt) (ceremony.Input, *stopped) {
	s.page(p)
	if s.opt.Auto != nil {
		return s.played(p)
	}
	if !s.told {
		s.told = true
		s.say("A line that is only ! notes a deviation, a break, who leaves or who arrives, here and at every prompt.")
	}
	for {
		in, err := s.typed(ctx, p)
		var sig signalled
		var note *again
		switch {
		case err == nil:
			return in, nil
		case errors.As(err, &note):
			s.say(note.text)
		case errors.Is(err, errNote):
			if end := s.aside(ctx, p); end != nil || s.c.Done() {
				return in, end
			}
			if now := s.c.Prompt(); now.Stamp != p.Stamp {
				p = now
			}
			s.page(p)
		case errors.Is(err, errTooLong):
			s.say("That line is too long. It was dropped.")
		case errors.As(err, &sig) && sig.Signal == os.Interrupt && s.in.tty:
			if end := s.why(p); end != nil {
				return in, end
			}
			s.page(p)
		default:
			return in, s.ended(err)
		}
	}
}

// again says what was wrong with a line; another is read.
type again struct{ text string }

func (a *again) Error() string { return a.text }

// ended turns what ended the reading into a reason for the record.
func (s *session) ended(err error) *stopped {
	var sig signalled
	switch {
	case errors.As(err, &sig):
		return &stopped{"the program", bySignal(sig.Signal)}
	case errors.Is(err, io.EOF):
		return &stopped{"the program", "the input has ended"}
	}
	return &stopped{"the program", err.Error()}
}

// why asks for the reason to stop. nil: nobody stops.
func (s *session) why(p ceremony.Prompt) *stopped {
	s.say("Stop the ceremony? " + p.Stop)
	s.ask("Type the reason for the record, or only enter to go on")
	s.noting = true // a reason may be anything
	reason, err := s.text()
	s.noting = false
	reason = clean.Clean(reason)
	switch {
	case err != nil:
		return &stopped{p.By.Name, "ctrl+c"}
	case reason == "":
		return nil
	}
	return &stopped{p.By.Name, reason}
}

// typed reads what a person types.
func (s *session) typed(ctx context.Context, p ceremony.Prompt) (ceremony.Input, error) {
	switch p.Kind {
	case ceremony.Work:
		return ceremony.Input{}, nil
	case ceremony.Read, ceremony.Attest:
		return ceremony.Input{}, s.enter("Press enter to go on")
	case ceremony.People:
		return s.people(p)
	case ceremony.Ask:
		return s.public(p)
	case ceremony.Form:
		return s.form(p)
	case ceremony.AskSecret, ceremony.AskShare:
		return s.secret(ctx, p)
	case ceremony.HandOver:
		return s.handOver(p)
	case ceremony.Rest:
		return s.word("Type "+p.Word+" to end the break", p.Word)
	case ceremony.Confirm:
		return s.word("Type "+p.Word+" to go on", p.Word)
	case ceremony.Show:
		return s.show(p)
	case ceremony.Choose:
		return s.choose(p)
	}
	return ceremony.Input{}, errors.New("this front end does not know the kind of the prompt")
}

// raw reads one line with the echo on. The caller wipes it.
func (s *session) raw() (secret.Bytes, error) {
	b, err := s.in.line()
	if err == nil && b.Len() == 1 && b.Expose()[0] == '!' && !s.noting {
		err = errNote
	}
	if !s.in.tty || err != nil {
		// No enter key has moved to the next line.
		_, _ = io.WriteString(s.out, "\n")
	}
	return b, err
}

// text reads one public line.
func (s *session) text() (string, error) {
	b, err := s.raw()
	defer b.Wipe()
	return strings.TrimSpace(string(b.Expose())), err
}

// enter waits for an empty line. What else was typed may be a share on the wrong
// page: it becomes no string.
func (s *session) enter(text string) error {
	s.in.fresh()
	s.ask(text)
	b, err := s.raw()
	defer b.Wipe()
	if err == nil && b.Len() > 0 {
		return &again{"Only enter goes on here. What was typed was dropped."}
	}
	return err
}

// word reads a word that must be typed. Whether it is the right one is for the
// ceremony to say.
func (s *session) word(text, word string) (ceremony.Input, error) {
	s.in.fresh()
	s.ask(text)
	t, err := s.text()
	if err == nil && t == "" {
		err = &again{"Nothing was typed. The word is " + word + "."}
	}
	return ceremony.Input{Text: t, Source: "typed"}, err
}

func (s *session) handOver(p ceremony.Prompt) (ceremony.Input, error) {
	s.sayf("%s: nobody else sees the screen or the keys.", first(p.By.Name))
	// Custodians may come in any order; the others may not, but at the sign-off.
	other := p.Other || p.By.Role == ceremony.Custodian
	text := "Type " + p.Word + " to begin"
	if other {
		text += ", or OTHER if somebody else is first"
	}
	in, err := s.word(text, p.Word)
	if err == nil && other && strings.EqualFold(in.Text, "other") {
		return ceremony.Input{Choice: "other"}, nil
	}
	return in, err
}

func (s *session) people(p ceremony.Prompt) (ceremony.Input, error) {
	in := ceremony.Input{}
	for i, row := range p.People {
		in.Present = append(in.Present, true)
		s.sayf("%d = %s, %s", i+1, row.Person.Name, role(row.Person))
	}
	s.in.fresh()
	s.ask("Press enter if all of them are here; else type the numbers of those who are not")
	text, err := s.text()
	if err != nil {
		return in, err
	}
	for _, f := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' }) {
		n, err := strconv.Atoi(f)
		if err != nil || n < 1 || n > len(in.Present) {
			return in, &again{"These are not numbers of the list."}
		}
		in.Present[n-1] = false
	}
	return in, nil
}

func role(p ceremony.Person) string {
	text := string(p.Role)
	if p.Number > 0 {
		text += " " + strconv.Itoa(p.Number)
	}
	if p.Organisation != "" {
		text += ", " + p.Organisation
	}
	return text
}

func (s *session) public(p ceremony.Prompt) (ceremony.Input, error) {
	s.in.fresh()
	text := p.Field
	if p.Default != "" {
		text += " (only enter: " + p.Default + ")"
	}
	s.ask(text)
	t, err := s.text()
	if t == "" {
		t = p.Default
	}
	if err == nil && t == "" {
		err = &again{"Nothing was typed."}
	}
	return ceremony.Input{Text: t, Source: "typed"}, err
}

// form reads one line after the other; only enter leaves one as it was, or empty.
func (s *session) form(p ceremony.Prompt) (ceremony.Input, error) {
	in := ceremony.Input{Source: "typed"}
	for _, f := range p.Fields {
		s.in.fresh()
		text := f.Label
		if f.Default != "" {
			text += " (only enter: " + f.Default + ")"
		}
		s.ask(text)
		t, err := s.text()
		if err != nil {
			return in, err
		}
		if t == "" {
			t = f.Default
		}
		in.Fields = append(in.Fields, t)
	}
	return in, nil
}

func (s *session) choose(p ceremony.Prompt) (ceremony.Input, error) {
	for i, c := range p.Choices {
		text := strconv.Itoa(i+1) + " = " + c.Title
		if c.Consequence != "" {
			text += ": " + c.Consequence
		}
		s.say(text)
	}
	s.in.fresh()
	s.ask("Type the number")
	text, err := s.text()
	if err != nil {
		return ceremony.Input{}, err
	}
	i, err := strconv.Atoi(text)
	if err != nil {
		i = 1 + slices.IndexFunc(p.Choices, func(c ceremony.Choice) bool { return c.ID == text })
	}
	if i < 1 || i > len(p.Choices) {
		return ceremony.Input{}, &again{"That is not one of the numbers."}
	}
	return ceremony.Input{Choice: p.Choices[i-1].ID}, nil
}
