package record

import (
	"fmt"
	"slices"
	"strings"

	"conclave/ceremony/transcript"
)

// questions answers what auditors ask, from the record, and says what it does
// not know.
func (p *Page) questions(out *document) {
	for _, q := range []struct {
		question string
		answers  []string
	}{
		{"Who could have acted alone?", p.alone()},
		{"What was not watched?", p.unwatched()},
		{"Which shares are alive, and where?", p.alive()},
		{"What would make this record false without being noticed?", p.falseRecord()},
	} {
		out.title(q.question)
		for _, a := range q.answers {
			out.row("", a)
		}
	}
}

func (p *Page) alone() []string {
	list := []string{"Whoever holds the " + p.device() + "'s PIN and can write the storage: they need neither this program nor a quorum. The quorum is enforced by this program and shown by its record, no more."}
	switch login := p.Equipment.Text("login"); login {
	case "":
	case "typed":
		list = append(list, "The PIN was typed by one person at this keyboard.")
	case "typed in two parts":
		list = append(list, "The PIN was typed in two parts by two people, who could act together: "+strings.Join(p.named("pin holder"), " and ")+".")
	case "protected-path":
		list = append(list, "The PIN or the cards were entered at the "+p.device()+" itself.")
	default:
		list = append(list, "The PIN came from: "+login+". Single control: whoever can read that and the storage can do all this alone.")
	}
	if strings.Contains(p.Key.Text("mechanism"), "RSA") {
		list = append(list, "Whoever can write the storage: with this seal they can replace the recovery key without the "+p.device()+"'s PIN.")
	}
	for _, ev := range p.of("issued") {
		if ev.Facts.Number("threshold") == 1 {
			list = append(list, fmt.Sprintf("Each custodian of the set %s: one share is the quorum (event %d).", ev.Facts.Text("set"), ev.Seq))
		}
	}
	roles := map[string][]string{}
	for _, who := range p.People {
		roles[who.Name] = append(roles[who.Name], who.Role)
		if len(roles[who.Name]) == 2 {
			list = append(list, fmt.Sprintf("%s has more than one role: %s.", who.Name, strings.Join(roles[who.Name], ", ")))
		}
	}
	return list
}

// named are the people of a role.
func (p *Page) named(role string) []string {
	var list []string
	for _, who := range p.People {
		if who.Role == role {
			list = append(list, who.Name)
		}
	}
	return list
}

func (p *Page) unwatched() []string {
	list := []string{"The room: the program sees no people, doors, cameras or papers. It saw what was typed at one keyboard."}
	var typed, shown []uint64
	for _, ev := range p.events {
		if ev.Evidence == transcript.ByKeyboard {
			typed = append(typed, ev.Seq)
		}
		if ev.Kind == "shown" {
			shown = append(shown, ev.Seq)
		}
	}
	if len(typed) > 0 {
		list = append(list, fmt.Sprintf("Who typed: %d of %d events are by keyboard only (%s).", len(typed), p.Events, ranges(typed)))
	}
	if len(shown) > 0 {
		list = append(list, "Secrets that were shown to one person, with nobody else at the screen: events "+ranges(shown)+".")
	}
	for _, s := range slices.Concat(p.Machine.List("recorders"), p.Machine.List("shortfalls"), p.Machine.List("unusual")) {
		list = append(list, "On this machine: "+s)
	}
	for _, ev := range p.of("break") {
		list = append(list, fmt.Sprintf("The room during a break, at %s (event %d).", clock(ev.Time), ev.Seq))
	}
	return list
}

func (p *Page) alive() []string {
	var list []string
	for _, s := range p.Shares {
		if p.isVoid(s.Set) {
			continue
		}
		proven := "not proven"
		if !s.Proven.IsZero() {
			proven = "proven " + when(s.Proven)
		}
		list = append(list, fmt.Sprintf("Share %d of the set %s: %s, %s, %s (event %d).", s.Number, s.Set, s.Custodian, delivered(s), proven, s.Event))
	}
	if len(p.Shares) == 0 {
		list = append(list, "This ceremony issued none. Those of the ceremonies before are as they were.")
	}
	if (p.Ceremony == "recovery-rekey" || p.Ceremony == "recover") && p.End == "closed" {
		list = append(list, "The replaced shares: they do not work on this storage as it is now. They work again on any older copy of it.")
	}
	for _, a := range p.OldShares {
		if m := a.Facts.List("missing"); len(m) > 0 {
			list = append(list, fmt.Sprintf("Of the replaced shares these were not destroyed: %s (event %d).", strings.Join(m, ", "), a.Event))
		}
	}
	for _, a := range p.Kept {
		list = append(list, fmt.Sprintf("Where the %s are kept, as it was said: %s (event %d).", a.Facts.Text("what"), a.Facts.Text("place"), a.Event))
	}
	if len(p.Kept) == 0 {
		list = append(list, "Where they are kept after the ceremony, the record of the ceremony does not show.")
	}
	return append(list, "What happened to them since is in the vault's chain of custody, not here.")
}

func (p *Page) falseProgram() string {
	text := "A false program, library or machine: the digests of the program and of the library are what the program itself reports."
	for _, ev := range p.of("room") {
		switch h := ev.Facts.Text("program_hash"); h {
		case notStated:
		case otherHash:
			text += fmt.Sprintf(" What was entered from an independent check was NOT THE SAME (event %d).", ev.Seq)
		default:
			text += fmt.Sprintf(" Entered from an independent check of the program, and the same: %s (event %d).", h, ev.Seq)
		}
	}
	return text
}

func (p *Page) wrongClock() string {
	var by []string
	for _, ev := range p.of("clock-check") {
		by = append(by, fmt.Sprintf("%s (%d s off, event %d)", ev.Claimed, ev.Facts.Number("offset_s"), ev.Seq))
	}
	if len(by) == 0 {
		return "A wrong clock: times are this machine's."
	}
	return "A wrong clock: times are this machine's, checked by the watches of " + strings.Join(by, " and ") + "."
}

func (p *Page) falseRecord() []string {
	list := []string{
		p.falseProgram(),
		"People who typed for others: a name by keyboard only is what was claimed.",
		p.wrongClock(),
		"A token that does not tell the truth: all that is said of it is in its own words.",
	}
	if p.Equipment.Flag("software") {
		list = append(list, "A software token is a file: whoever had a copy of it had the key.")
	}
	if !p.anchored {
		list = slices.Insert(list, 0, "Whoever had this directory since: without a head from outside, all of it could have been made anew. Compare the head with the paper.")
	}
	return list
}
