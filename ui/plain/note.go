package plain

import (
	"context"
	"errors"
	"strconv"

	"conclave/ceremony"
)

// errNote is a line that is only "!": somebody wants to note a deviation.
var errNote = errors.New("a deviation is to be noted")

// aside asks what is to be noted, where it may be something else than a
// deviation.
func (s *session) aside(ctx context.Context, p ceremony.Prompt) *stopped {
	if len(p.Asides) == 0 {
		return s.note(ctx, p)
	}
	s.noting = true
	defer func() { s.noting = false }()
	s.say("What is to be noted? 1 = a deviation")
	for i, a := range p.Asides {
		s.sayf("%d = %s", i+2, a.Title)
	}
	s.in.fresh()
	s.ask("Type the number (only enter: nothing)")
	text, err := s.text()
	if err != nil {
		return s.ended(err)
	}
	n, err := strconv.Atoi(text)
	switch {
	case text == "":
		return nil
	case err != nil || n < 1 || n > len(p.Asides)+1:
		s.say("That is not one of the numbers.")
		return nil
	case n == 1:
		return s.note(ctx, p)
	}
	a := p.Asides[n-2]
	if a.Not != "" {
		s.say(a.Not)
		return nil
	}
	job, err := s.c.Interrupt(a.Interlude)
	if err != nil {
		s.say(notHere)
		return nil
	}
	return s.work(ctx, job)
}

const notHere = "Nothing can be noted here any more: the record is closed."

// note asks for the five lines of a deviation and records it. What is refused is
// asked for again; an empty line for what happened leaves all as it was.
func (s *session) note(ctx context.Context, p ceremony.Prompt) *stopped {
	if p.Final {
		s.say(notHere)
		return nil
	}
	s.noting = true
	defer func() { s.noting = false }()
	s.say("A deviation. The ceremony waits. Never write a PIN, a share or a password here. Recorded: these five lines, the step, the time.")
	d := ceremony.Deviation{}
	for {
		for _, q := range []struct {
			name, ask string
			text      *string
		}{
			{"happened", "What happened (only enter: no deviation)", &d.Happened}, {"expected", "What was expected", &d.Expected},
			{"decided", "What was decided", &d.Decided}, {"decided by", "Who decided", &d.By},
		} {
			if *q.text != "" {
				continue
			}
			s.in.fresh()
			s.ask(q.ask)
			text, err := s.text()
			if err != nil {
				return s.ended(err)
			}
			if q.name == "happened" && text == "" {
				s.say("Nothing was noted.")
				return nil
			}
			*q.text = text
		}
		effect, err := s.effect(p)
		if err != nil {
			return s.ended(err)
		}
		d.Effect = effect
		job, err := s.c.Note(d)
		if err != nil {
			s.say(notHere)
			return nil
		}
		if end := s.work(ctx, job); end != nil {
			return end
		}
		told := s.c.Refused()
		if told == nil || s.c.Done() {
			s.say("The deviation is in the record.")
			return nil
		}
		s.sayf("NOT ACCEPTED. %s: %s", told.Field, told.Why)
		switch told.Field {
		case "expected":
			d.Expected = ""
		case "decided":
			d.Decided = ""
		case "decided by":
			d.By = ""
		case "happened":
			d.Happened = ""
		}
	}
}

// effect asks what follows.
func (s *session) effect(p ceremony.Prompt) (ceremony.Effect, error) {
	list := []ceremony.Effect{ceremony.GoOn, ceremony.StopNow}
	s.say("1 = go on")
	s.say("2 = stop the ceremony")
	if p.Again {
		list = append(list, ceremony.DoAgain)
		s.say("3 = do the step again")
	}
	for {
		s.in.fresh()
		s.ask("Type the number")
		text, err := s.text()
		if err != nil {
			return "", err
		}
		for i, e := range list {
			if text == string(rune('1'+i)) {
				return e, nil
			}
		}
		s.say("That is not one of the numbers.")
	}
}
