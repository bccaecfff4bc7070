package plain

import "conclave/ceremony"

// played gets the answer from the player of all people, and says in a sentence
// what that person did. A secret that is shown is not printed.
func (s *session) played(p ceremony.Prompt) (ceremony.Input, *stopped) {
	if err := s.interrupted(); err != nil {
		return ceremony.Input{}, s.ended(err)
	}
	if p.Kind == ceremony.Work {
		return ceremony.Input{}, nil
	}
	in, ok := s.opt.Auto(p)
	if !ok {
		why := "the automatic player has no answer to this page"
		if p.Problem != nil {
			why = "in an automatic run: " + p.Problem.Happened
		}
		return in, &stopped{"the program", why}
	}
	who := first(p.By.Name)
	switch p.Kind {
	case ceremony.HandOver, ceremony.Confirm, ceremony.Ask, ceremony.Rest:
		s.sayf("%s types %s.", who, in.Text)
	case ceremony.AskSecret:
		s.sayf("%s types the %s.", who, p.Field)
	case ceremony.AskShare:
		s.sayf("%s types share %d of %d.", who, p.Entry.Given+1, p.Entry.Needed)
	case ceremony.Show:
		s.sayf("%s writes down the %s. It is not printed here.", who, p.Reveal.What)
	case ceremony.Choose:
		for _, c := range p.Choices {
			if c.ID == in.Choice {
				s.sayf("%s chooses: %s.", who, c.Title)
			}
		}
	case ceremony.Read, ceremony.People, ceremony.Form, ceremony.Attest, ceremony.Work:
	}
	return in, nil
}
