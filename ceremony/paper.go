package ceremony

import "conclave/ceremony/plan"

// PaperStep is a step of a ceremony as it stands on the paper script: the same
// table that drives the screens, before the day.
type PaperStep struct {
	Number    int
	ID, Title string
	By        []Person // whose initials it takes
	Reader    string   // who reads aloud
	Aloud     []string // what is read, where it is known before
	Maybe     bool     // the program may skip it
}

// Paper is a ceremony's script for a plan whose people are named.
func Paper(c Ceremony, p *plan.Plan) []PaperStep {
	c = c.Of(p)
	r := &Run{c: c, env: Env{Plan: p}}
	r.first = &device{}
	r.device = r.first
	r.plan = p
	var out []PaperStep
	for i, s := range c.Steps {
		st := PaperStep{Number: i + 1, ID: s.ID, Title: s.Title, By: r.actors(s), Maybe: s.Needs != nil && !s.Needs(r)}
		if pg := r.aloud(s); pg != nil {
			st.Reader, st.Aloud = pg.By.Name, pg.Text
		}
		out = append(out, st)
	}
	return out
}

// actors are the people of a step's role; what the program does, or changes the
// vault, operator and witness initial both.
func (r *Run) actors(s Step) []Person {
	var list []Person
	for _, who := range r.plan.People {
		both := (s.By == Program || s.ID == "go") && (who.Role == Operator || who.Role == Witness)
		if who.Role == s.By || s.By == Room || both {
			list = append(list, who)
		}
	}
	if len(list) == 0 {
		list = []Person{r.person(Operator)}
	}
	return list
}

// aloud is the page of a step that is read aloud and known before the day.
func (r *Run) aloud(s Step) *page {
	switch s.ID {
	case "brief":
		return brief(r)
	case "plan":
		return agreePlan(r)
	}
	return nil
}
