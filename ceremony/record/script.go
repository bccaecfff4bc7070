package record

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Script is a ceremony's script for paper: the steps, what is read aloud, and
// empty boxes for what happens on the day. Names and texts may be anybody's.
type Script struct {
	Ceremony, ID, Purpose string
	Practice              bool
	Hash                  string   // of the agreed plan, at the foot of every sheet
	Words                 []string // the same, for the ear
	Reviewed              time.Time
	People                []ScriptPerson
	Approvers             []ScriptApprover
	Steps                 []ScriptStep
	Notes                 []string // what the arithmetic says, and what is weakened
	Worksheet             bool     // shares are written by hand
}

// ScriptPerson is somebody who is named in the plan.
type ScriptPerson struct {
	Name, Role, Organisation string
	Share                    int    // the number of the share that they receive, 0 for none
	Key                      string // the file that their share is encrypted to
}

// ScriptApprover is somebody who approves the plan: by a signature that is beside
// it, or on this paper.
type ScriptApprover struct {
	Name, Organisation, Key string
	Signed                  bool
}

// ScriptStep is one step, and whose initials it takes.
type ScriptStep struct {
	Number int
	Title  string
	Reader string
	Aloud  []string
	Maybe  bool
	By     []string
}

// exceptionSheets are printed; more are copied.
const exceptionSheets = 3

// Text writes the script for a terminal, or a printer without a driver.
func (s *Script) Text(w io.Writer) error { return s.document().text(w) }

// HTML writes it as one page that needs no other file and runs nothing.
func (s *Script) HTML(w io.Writer) error { return s.document().sheets(w) }

// PDF writes it for A4.
func (s *Script) PDF(w io.Writer) error { return s.document().pdf(w, s.Reviewed) }

func (s *Script) document() *document {
	d := &document{Title: "Script: " + safe(s.Ceremony) + " " + safe(s.ID), Practice: s.Practice, Foot: "agreed plan SHA-256 " + s.Hash,
		Verdict: []string{"Held by the agreed plan whose SHA-256 is at the foot of every sheet. A script with another is of another plan: stop."}}
	d.title("Plan hash")
	for i := 0; i+4 <= len(s.Words) && 2*i+8 <= len(s.Hash); i += 4 {
		d.row(string(rune('A'+i/4)), strings.ToUpper(s.Hash[2*i:2*i+8])+"   "+strings.Join(s.Words[i:i+4], "  "))
	}
	d.note("One reads a row aloud from this sheet, another compares it with the screen.")
	d.title("People")
	d.row("purpose", s.Purpose)
	for _, who := range s.People {
		d.boxes(who.label(), "here at", "checked by", "initials")
		if mixed := lookAlike(who.Name); mixed != "" {
			d.note(safe(who.Name) + ": " + mixed)
		}
	}
	d.boxes("Place", "", "")
	d.boxes("Two watches, UTC", "first", "second")
	d.boxes("HSM's own log", "last record before", "film began at")
	if len(s.Approvers) > 0 {
		d.title("Approvers")
	}
	for _, a := range s.Approvers {
		d.boxes(ScriptPerson{Name: a.Name, Role: "approver", Organisation: a.Organisation}.label(), "date", "signature on paper")
		state := "has NOT signed"
		if a.Signed {
			state = "has signed the plan"
		}
		d.row("", state+", "+a.Key)
	}
	for _, n := range s.Notes {
		d.note(safe(n))
	}
	for _, st := range s.Steps {
		d.step(st)
	}
	d.last().Break = true
	d.closing()
	d.comings()
	for i := range exceptionSheets {
		d.exception(i + 1)
	}
	for _, who := range s.People {
		if who.Share > 0 {
			d.card(who, s)
		}
	}
	return d
}

func (p ScriptPerson) label() string {
	text := p.Name + ", " + p.Role
	if p.Share > 0 {
		text = fmt.Sprintf("%s %d", text, p.Share)
	}
	if p.Organisation != "" {
		text += ", of " + p.Organisation
	}
	return text
}

func (d *document) step(st ScriptStep) {
	d.title(fmt.Sprintf("Step %d: %s", st.Number, safe(st.Title)))
	if st.Maybe {
		d.note("Only where the screen shows this step. If not, write \"skipped\" in its boxes.")
	}
	if len(st.Aloud) > 0 {
		d.note(safe(st.Reader) + " reads aloud:")
		for i, line := range st.Aloud {
			d.row(fmt.Sprintf("%d", i+1), line)
		}
	}
	for _, name := range st.By {
		d.boxes(name, "initials", "UTC", "event", "video")
	}
}

// closing is what is written down when the record is closed.
func (d *document) closing() {
	d.title("Head of the record, from the last page")
	for i := range 8 {
		d.boxes(string(rune('A'+i)), "hex", "1", "2", "3", "4")
	}
	d.boxes("Events in the record", "")
	d.boxes("HSM's own log", "first record", "last record", "exported to")
	d.boxes("Copies of the record", "number", "who took them")
	d.last().Break = true
}

// comingRows are printed of each; more are written on the back.
const comingRows = 3

// comings is the sheet for breaks, and for who leaves and arrives.
func (d *document) comings() {
	d.title("Breaks, departures, arrivals")
	d.note("Also where the program noted them. No numbers of documents: only who checked.")
	for range comingRows {
		d.boxes("Break", "from", "to", "decided by", "event")
		d.boxes("  why", "")
	}
	for range comingRows {
		d.boxes("Leaves", "who", "at", "back at", "event")
		d.boxes("  why", "")
	}
	for range comingRows {
		d.boxes("Arrives", "who", "at", "checked by", "event")
	}
	d.last().Break = true
}

func (d *document) exception(n int) {
	d.title(fmt.Sprintf("Exception sheet %d", n))
	d.note("For what did not go as this script says, also where the program noted it. A wrong line is struck out, not erased.")
	for _, what := range []string{"Step, time UTC, event", "Expected", "", "Happened", "", "Decided", "", "By whom"} {
		d.boxes(what, "")
	}
	d.boxes("Agreed to", "initials", "initials", "initials")
	if n == exceptionSheets {
		d.last().Break = true
	}
}

// card is what a custodian takes home. No character of a share is on it but on
// a worksheet, which is a part that is kept sealed.
func (d *document) card(who ScriptPerson, s *Script) {
	d.title(fmt.Sprintf("Card of %s, share %d", safe(who.Name), who.Share))
	d.row("ceremony", s.Ceremony+" "+s.ID)
	d.row("role", who.Role)
	d.row("organisation", who.Organisation)
	if who.Key != "" {
		d.row("encrypted to", who.Key)
		d.note("Your key's fingerprint is not printed here: bring it on a card of your own, and type it from there.")
	}
	d.note("A share is 66 hexadecimal digits. Never type one where a code is asked, whoever asks for it.")
	d.boxes("Fingerprint of the share", "")
	d.boxes("Set of shares", "")
	d.boxes("Receipt", "event", "words 1 to 4", "words 5 to 8")
	d.boxes("Kept at", "place", "bag number")
	if s.Worksheet {
		d.last().Break = true
		d.title(fmt.Sprintf("Share sheet of %s: SECRET when filled in", safe(who.Name)))
		for i := range 11 {
			d.boxes(fmt.Sprintf("group %d", i+1), "1 2 3", "4 5 6", "check")
		}
		d.note("Written by hand, by its holder alone. It goes into the bag, not to this card.")
	}
	d.last().Break = true
}
