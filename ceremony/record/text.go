package record

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"conclave/assets/words"
)

// report is the page as a document. The order is: what weakens the record first.
func (p *Page) report() *document {
	out := p.document(p.heading())
	p.overrides(out)
	p.deviations(out)
	p.about(out)
	p.people(out)
	p.recovery(out)
	p.drill(out)
	p.equipment(out)
	p.target(out)
	p.steps(out)
	p.acts(out)
	p.keys(out)
	p.shares(out)
	p.session(out)
	p.works(out)
	p.afterwards(out)
	p.signOff(out)
	p.headRows(out)
	howToCheck(out, p.Practice)
	return out
}

func (p *Page) overrides(out *document) {
	out.title("Overrides")
	if len(p.Overrides) == 0 {
		out.row("", "none: no rule was weakened")
	}
	for _, o := range p.Overrides {
		out.row(event(o.Event), o.Sentence)
		out.row("", nonEmpty("entered for ", o.Who))
		out.row("", nonEmpty("reason: ", o.Why))
	}
}

func (p *Page) about(out *document) {
	f := p.Header
	out.title("Ceremony")
	out.row("ceremony", p.Ceremony)
	out.row("id", p.ID)
	out.row("purpose", f.Text("purpose"))
	out.row("vault", f.Text("vault"))
	out.row("place", f.Text("place"))
	out.row("began", when(p.Began))
	out.row("last event", when(p.Ended))
	end := p.End
	if p.Result != "" {
		end += ": " + p.Result
	}
	out.row("end", end)
	if n := f.Number("sequence"); n > 0 {
		out.row("number", fmt.Sprintf("%d of this vault", n))
	}
	out.row("record before", strings.Join(filled(f.Text("previous_head"), f.Text("previous_outcome")), ", "))
	if n := f.Number("custody_events"); n > 0 {
		out.row("custody chain", fmt.Sprintf("%d events when this began, head %s", n, f.Text("custody_head")))
	}
	if n := f.Number("run"); n > 0 {
		out.row("run", fmt.Sprintf("%d of all that were begun in its directory", n))
		out.row("run before", strings.Join(filled(f.Text("run_before"), f.Text("run_before_outcome")), ", "))
	}
	out.row("program", f.Text("program"))
	out.row("its SHA-256", nonEmpty("", f.Text("program_sha256")))
	if f.Text("program_sha256") != "" {
		out.row("", "self-reported: a false program prints what it likes")
	}
	out.row("machine", strings.TrimSpace(f.Text("host")+" "+f.Text("os")))
	out.row("secrets in", p.Machine.Text("memory"))
	out.row("terminal", p.Machine.Text("terminal"))
	out.rows("shortfalls", p.Machine.List("shortfalls"))
	out.rows("recorders", p.Machine.List("recorders"))
	out.rows("unusual", p.Machine.List("unusual"))
	out.rows("as it should be", p.Machine.List("circumstances"))
	out.row("plan SHA-256", f.Text("plan_sha256"))
	out.rows("agreed plan", f.List("plan"))
	p.files(out)
	out.row("times", "are this machine's clock, UTC")
	p.room(out)
}

func (p *Page) steps(out *document) {
	out.title("Steps")
	for _, s := range p.Steps {
		state := s.State
		if state == "done" {
			state = fmt.Sprintf("%s to %s", clock(s.Began), clock(s.Ended))
		} else {
			state = fmt.Sprintf("%s, %s", clock(s.Began), strings.ToUpper(state))
		}
		out.row(fmt.Sprintf("%2d  %s", s.Number, event(s.Event)), fmt.Sprintf("%-24s%s", s.Title, state))
	}
}

func (p *Page) acts(out *document) {
	if len(p.Confirmed) > 0 {
		out.title("Confirmed")
	}
	for _, a := range p.Confirmed {
		out.row(event(a.Event), a.Facts.Text("what"))
		word := a.Facts.Text("word")
		if word == "" {
			word = "enter"
		}
		out.row("", fmt.Sprintf("%s %s, %s", word, enteredFor(a), clock(a.Time)))
	}
}

// enteredFor names who an act is of, in words that claim no more than the
// evidence shows.
func enteredFor(a Act) string {
	s := "entered for " + a.Claimed
	if role := a.Facts.Text("role"); role != "" {
		s += " (" + role + ")"
	}
	return s + ", " + says(a.Evidence)
}

func (p *Page) shares(out *document) {
	if len(p.Shares)+len(p.Void)+len(p.Tokens) > 0 {
		out.title("Shares and tokens that were issued")
	}
	set := ""
	for _, s := range p.Shares {
		if s.Set != set {
			set = s.Set
			out.row("set", fmt.Sprintf("%s, %d shares, %d needed", s.Set, s.Of, s.Threshold))
		}
		proven := "NOT PROVEN"
		if !s.Proven.IsZero() {
			proven = "proven " + clock(s.Proven)
		}
		if !s.Taken.IsZero() {
			proven += ", acknowledged " + clock(s.Taken)
		}
		out.row(fmt.Sprintf("share %d", s.Number), strings.Join(filled(s.Custodian, proven, delivered(s)), ", "))
		out.row("", nonEmpty("fingerprint ", fingerprintWords(s.Fingerprint)))
		out.row("", nonEmpty("to the key ", s.PGP))
		out.row("", nonEmpty("in ", s.File))
		out.row("", s.SHA256)
	}
	for _, a := range p.Void {
		out.row("void", strings.Join(filled("set "+a.Facts.Text("set"), a.Facts.Text("reason")), ": "))
	}
	for _, a := range p.Tokens {
		f := a.Facts
		out.row("root token", strings.Join(filled("accessor "+f.Text("accessor"), nonEmpty("to ", f.Text("receiver")), nonEmpty("for: ", f.Text("purpose")), nonEmpty("to be revoked by ", f.Text("until")), f.Text("delivery"), f.Text("fate")), ", "))
	}
}

func delivered(s Share) string {
	if s.Delivery == "pgp" {
		return "encrypted to their key"
	}
	return "shown on the screen"
}

// fingerprintWords says the first eight bytes of a share's fingerprint.
func fingerprintWords(s string) string {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) < 8 {
		return s
	}
	return strings.Join(words.Words(b[:8]), " ")
}

func (p *Page) works(out *document) {
	if len(p.Works) > 0 {
		out.title("What the program did")
	}
	for _, w := range p.Works {
		took := time.Duration(w.TookMS) * time.Millisecond
		state := fmt.Sprintf("done in %s", took)
		if w.State != "done" {
			state = strings.ToUpper(w.State)
			if w.State == "begun" {
				state = "BEGUN, no end is recorded"
			}
		}
		out.row(event(w.Event), fmt.Sprintf("%s: %s, %s", w.Name, clock(w.Began), state))
		out.row("", strings.Join(filled(w.Reason, w.Code), ", "))
		for _, c := range w.Checks {
			out.row("", c)
		}
	}
}

func incidentText(a Act) string {
	f := a.Facts
	switch a.Kind {
	case "share-entered":
		return fmt.Sprintf("a share %s was refused: %s", enteredFor(a), f.Text("reason"))
	case "pgp-key":
		if f.Text("result") == "unchecked" {
			return "the PGP key of " + f.Text("custodian") + " was not compared with a card of their own"
		}
		return "the PGP key of " + f.Text("custodian") + " was NOT the one on their card (groups " + f.Text("groups") + ")"
	case "challenge":
		return "a challenge to the PGP key of " + a.Claimed + " " + answer(a)
	case "quorum":
		return fmt.Sprintf("%d shares did not make the key", f.Number("given"))
	case "step":
		return "step skipped: " + f.Text("title")
	case "clock-jump":
		return fmt.Sprintf("the clock jumped: %d ms passed on it, %d ms since the machine was started", f.Number("wall_ms"), f.Number("boot_ms"))
	case "resumed":
		s := "the ceremony went on after an interruption"
		if n := f.Number("torn"); n > 0 {
			s += fmt.Sprintf("; %d bytes of a torn line were moved to %s", n, f.Text("torn_file"))
		}
		return s
	case "void":
		return "the set " + f.Text("set") + " never counted: " + f.Text("reason")
	case "aborted":
		return "stopped: " + f.Text("reason") + " " + f.Text("state")
	}
	return a.Kind + ": " + strings.Join(filled(f.Text("work"), f.Text("reason"), f.Text("code")), ", ")
}

func event(n uint64) string { return fmt.Sprintf("event %d", n) }

// nonEmpty puts a word before a value that is there.
func nonEmpty(before, value string) string {
	if value == "" {
		return ""
	}
	return before + value
}

// filled leaves out what is empty.
func filled(list ...string) []string {
	var out []string
	for _, s := range list {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}
