package record

import (
	"fmt"
	"strings"

	"conclave/assets/clean"
)

// drill is how each holder proved their share, or why not. Nothing was issued.
func (p *Page) drill(out *document) {
	if len(p.Drilled) == 0 {
		return
	}
	out.title("Drill")
	for _, a := range p.Drilled {
		f := a.Facts
		text := whyNotProven[f.Text("why")]
		if a.Kind == "proven" {
			text = provenBy[f.Text("proof")]
		}
		out.row(fmt.Sprintf("share %d", f.Number("number")), strings.Join(filled(f.Text("custodian"), lookAlike(f.Text("custodian")), text, clock(a.Time), fmt.Sprintf("event %d", a.Event)), ", "))
		out.row("", nonEmpty("as it was entered: ", f.Text("reason")))
		out.row("", nonEmpty("fingerprint ", fingerprintWords(f.Text("fingerprint"))))
	}
}

// provenBy says each proof for what it is.
var provenBy = map[string]string{
	"share":  "PROVEN: the share was typed, and is the one that was handed out",
	"quorum": "PROVEN: the share took part in a quorum that makes the HSM's recovery key",
	"file":   "PROVEN BY KEY AND FILE: its holder decrypted a challenge, and brought the file that was handed out; it was not decrypted here",
	"key":    "KEY ONLY: its holder decrypted a challenge; whether the share is there was not seen",
}

var whyNotProven = map[string]string{
	"absent":     "NOT PROVEN: its holder was not here",
	"not tried":  "NOT PROVEN: its holder was here, and did not type it",
	"old":        "NOT PROVEN: a share of a set that does not count was typed",
	"another":    "NOT PROVEN: another share was typed",
	"unreadable": "NOT PROVEN: what was typed is no share",
	"other key":  "NOT PROVEN: the key in the record is not the one on its holder's card",
	"unanswered": "NOT PROVEN: the challenge to its holder's key was not answered",
}

// openDrill are the open items of that part.
func (p *Page) openDrill(add func(string, ...any)) {
	for _, a := range p.Drilled {
		if a.Kind == "not-proven" {
			f := a.Facts
			add("Share %d of %s was not proven: find out whether it is there (event %d).", f.Number("number"), clean.Clean(f.Text("custodian")), a.Event)
		}
	}
}
