package record

import (
	"fmt"
	"strings"
	"time"

	"conclave/ceremony/transcript"
)

// room is what people said of it, and their watches.
func (p *Page) room(out *document) {
	for _, ev := range p.of("room") {
		f := ev.Facts
		out.row("place", f.Text("place"))
		out.row("bags opened", f.Text("bags"))
		out.row("equipment", f.Text("equipment"))
		out.row("day's news", f.Text("value"))
		hash := f.Text("program_hash")
		if hash != notStated && hash != otherHash {
			hash += ", entered from an independent check"
		}
		out.row("checked hash", hash)
		out.row("key's backup", f.Text("backup"))
		out.row("snapshot", f.Text("snapshot"))
	}
	for _, ev := range p.of("clock-check") {
		f := ev.Facts
		out.row("watch", fmt.Sprintf("%s: %s when the machine said %s, %s: %d s off", ev.Claimed, f.Text("watch"), f.Text("machine"), f.Text("zone"), f.Number("offset_s"))+
			nonEmpty("; ", f.Text("keys")))
	}
}

// files are those that the ceremony was held by, as they were read.
func (p *Page) files(out *document) {
	for _, a := range p.Named {
		f := a.Facts
		out.row("named file", f.Text("what")+": "+f.Text("name"))
		if f.Text("file") == "" {
			out.row("", "no copy: "+f.Text("note"))
			continue
		}
		out.row("", strings.Join(filled("copy in "+f.Text("file"), f.Text("note"), fmt.Sprintf("event %d", a.Event)), ", "))
		out.row("", nonEmpty("SHA-256 ", f.Text("sha256")))
	}
}

func (p *Page) people(out *document) {
	out.title("People")
	for _, who := range p.People {
		role := who.Role
		if who.Number > 0 {
			role = fmt.Sprintf("%s %d", role, who.Number)
		}
		evidence := says(who.Evidence)
		if !who.Present {
			evidence = "absent"
		}
		out.row(role, strings.Join(filled(who.Name, who.LookAlike, who.Organisation, checkedBy(who), evidence), ", "))
	}
	for _, a := range p.Approvals {
		f := a.Facts
		out.row("approver", strings.Join(filled(f.Text("name"), lookAlike(f.Text("name")), f.Text("organisation"),
			fmt.Sprintf("approved the plan before the day, %s signature (event %d)", f.Text("kind"), a.Event)), ", "))
		out.row("", "key "+f.Text("key"))
		out.row("", "signed text SHA-256 "+f.Text("text_sha256"))
	}
	p.comings(out)
	out.row("together", p.together())
}

// together counts the people by the strongest evidence of each.
func (p *Page) together() string {
	by := map[transcript.Evidence]int{}
	for _, who := range p.People {
		if who.Present {
			by[who.Evidence]++
		}
	}
	return fmt.Sprintf("%d claimed, %d by share, %d by decryption, %d by signature, %d by keyboard only, %d without an act",
		len(p.People), by[transcript.ByShare], by[transcript.ByDecrypt], by[transcript.BySignature], by[transcript.ByKeyboard], by[""])
}

// checkedBy says how somebody was identified.
func checkedBy(who Person) string {
	switch who.CheckedBy {
	case "":
		return ""
	case notStated:
		return "identity not stated"
	}
	return "identity checked by " + who.CheckedBy
}

// comings are the breaks, and who left and arrived once it was marked who is
// here.
func (p *Page) comings(out *document) {
	if len(p.Comings) == 0 {
		out.row("breaks", "none; nobody left or arrived during the ceremony, as far as it is recorded")
	}
	for _, a := range p.Comings {
		out.row(event(a.Event), clock(a.Time)+", "+comingText(a))
	}
}

func comingText(a Act) string {
	f := a.Facts
	who := strings.Join(filled(f.Text("name"), lookAlike(f.Text("name")), f.Text("role"), f.Text("organisation")), ", ")
	switch a.Kind {
	case "arrived":
		if f.Flag("planned") {
			return "arrived: " + who
		}
		return "arrived, not named in the plan: " + who
	case "left":
		return "left: " + who + ": " + f.Text("reason")
	case "break":
		text := "break: " + f.Text("reason") + "; decided by " + f.Text("decided_by") + nonEmpty("; expected back: ", f.Text("back"))
		if n := f.Number("wiped"); n > 0 {
			text += fmt.Sprintf("; %d shares that were in were wiped", n)
		}
		return text
	}
	same := "the vault was what it was"
	if !f.Flag("same") {
		same = "THE VAULT WAS NOT WHAT IT WAS"
	}
	return fmt.Sprintf("break ended after %s; %s; here: %s", time.Duration(f.Number("duration_s"))*time.Second, same, strings.Join(f.List("people"), ", "))
}

// says puts evidence in words. Nothing makes a keyboard a person.
func says(e transcript.Evidence) string {
	switch e {
	case transcript.ByShare:
		return "known by a share of theirs"
	case transcript.ByDecrypt:
		return "known by an answer to their key"
	case transcript.BySignature:
		return "known by a signature"
	case transcript.ByKeyboard:
		return "keyboard only"
	case transcript.ByProgram:
		return "the program"
	}
	return "no act of theirs is recorded"
}
