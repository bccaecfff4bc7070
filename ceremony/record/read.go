package record

import (
	"slices"

	"conclave/ceremony/transcript"
)

// How the events of a transcript become a Page.

func actOf(ev transcript.Event) Act {
	return Act{Event: ev.Seq, Time: ev.Time, Kind: ev.Kind, Claimed: ev.Claimed, Evidence: ev.Evidence, Facts: ev.Facts, step: ev.Step}
}

// incident tells whether an event is one that a reader must not have to search
// for.
func incident(ev transcript.Event) bool {
	switch ev.Kind {
	case "failed", "clock-jump", "resumed", "void", "aborted":
		return true
	case "share-entered":
		return ev.Facts.Text("result") == "refused"
	case "pgp-key":
		return ev.Facts.Text("result") != "same"
	case "challenge":
		return ev.Facts.Text("result") != "answered"
	case "quorum":
		return ev.Facts.Text("result") != "accepted"
	case "step":
		return ev.Facts.Text("state") == "skipped"
	}
	return false
}

func (p *Page) evidence(ev transcript.Event) {
	switch {
	case ev.Kind == "person":
		return // who is here was typed by the operator
	case ev.Kind == "approval":
		return // who signed the plan before the day need not be here
	case ev.Kind == "signoff" && ev.Facts.List("statements") == nil:
		return // so was who has left before the sign-off
	}
	for i := range p.People {
		who := &p.People[i]
		if who.Name == ev.Claimed && slices.Index(strength, ev.Evidence) > slices.Index(strength, who.Evidence) {
			who.Evidence = ev.Evidence
		}
	}
}

func (p *Page) person(f transcript.Facts) {
	who := Person{Name: f.Text("name"), LookAlike: lookAlike(f.Text("name")), Role: f.Text("role"), Number: f.Number("number"),
		Organisation: f.Text("organisation"), Present: f.Flag("present")}
	for i, known := range p.People {
		if known.Name == who.Name && known.Role == who.Role {
			who.Evidence = known.Evidence
			p.People[i] = who
			return
		}
	}
	p.People = append(p.People, who)
}

// coming notes who comes and goes. Whoever came later is present, too.
func (p *Page) coming(a Act) {
	p.Comings = append(p.Comings, a)
	if a.Kind != "arrived" {
		return
	}
	name, role := a.Facts.Text("name"), a.Facts.Text("role")
	for i := range p.People {
		if who := &p.People[i]; who.Name == name && who.Role == role {
			who.Present = true
			return
		}
	}
	p.People = append(p.People, Person{Name: name, Role: role, Organisation: a.Facts.Text("organisation"), Present: true})
}

func (p *Page) step(ev transcript.Event) {
	state := ev.Facts.Text("state")
	if state == "done" {
		for i := range p.Steps {
			if s := &p.Steps[i]; s.ID == ev.Step && s.State == "begun" {
				s.State, s.Ended = state, ev.Time
				return
			}
		}
	}
	p.Steps = append(p.Steps, Step{Number: ev.Facts.Number("number"), ID: ev.Step, Title: ev.Facts.Text("title"), State: state, Event: ev.Seq, Began: ev.Time})
}

func (p *Page) share(ev transcript.Event) {
	f := ev.Facts
	switch ev.Kind {
	case "issued":
		// Its shares follow, each an event; a set without one is seen in Void.
		p.issued = f
	case "share":
		s := Share{Event: ev.Seq, Number: f.Number("number"), Custodian: f.Text("custodian"), Set: f.Text("set"), Fingerprint: f.Text("fingerprint"),
			Delivery: f.Text("delivery"), PGP: f.Text("pgp"), File: f.Text("file"), SHA256: f.Text("sha256")}
		if p.issued.Text("set") == s.Set {
			s.Threshold, s.Of = p.issued.Number("threshold"), p.issued.Number("shares")
		}
		p.Shares = append(p.Shares, s)
	case "proven":
		for i := range p.Shares {
			if s := &p.Shares[i]; s.Set == f.Text("set") && s.Number == f.Number("number") {
				s.Proven = ev.Time
			}
		}
	case "acknowledged":
		for i := range p.Shares {
			if s := &p.Shares[i]; s.Set == f.Text("set") && s.Number == f.Number("number") {
				s.Taken = ev.Time
			}
		}
	}
}

func (p *Page) work(ev transcript.Event) {
	f := ev.Facts
	if ev.Kind == "begun" {
		p.Works = append(p.Works, Work{Event: ev.Seq, Name: f.Text("work"), Began: ev.Time, State: ev.Kind})
		return
	}
	for i := range p.Works {
		w := &p.Works[len(p.Works)-1-i]
		if w.State == "begun" && (ev.Kind == "failed" || w.Name == f.Text("work")) {
			w.State, w.TookMS, w.Checks = ev.Kind, f.Number("took_ms"), f.List("checks")
			w.Reason, w.Code = f.Text("reason"), f.Text("code")
			return
		}
	}
	p.Works = append(p.Works, Work{Event: ev.Seq, Name: f.Text("work"), Began: ev.Time, State: ev.Kind, Reason: f.Text("reason"), Code: f.Text("code")})
}

// merge lays later facts over earlier ones; empty texts hide nothing.
func merge(a, b transcript.Facts) transcript.Facts {
	m := transcript.Facts{}
	for _, f := range []transcript.Facts{a, b} {
		for k, v := range f {
			if v != "" {
				m[k] = v
			}
		}
	}
	return m
}
