package record

import (
	"fmt"
	"strings"
)

// signOff is who agreed to the record, and who did not.
func (p *Page) signOff(out *document) {
	out.title("Sign-off")
	if len(p.SignOff) == 0 {
		out.row("", "nobody signed off in this record")
	}
	statements := ""
	for _, a := range p.SignOff {
		f := a.Facts
		// Who did not agree must not be overlooked.
		agrees := "DOES NOT AGREE"
		switch {
		case f.Flag("agrees"):
			agrees = "agrees"
		case f.List("statements") == nil:
			agrees = "DID NOT SIGN"
		}
		out.row(event(a.Event), fmt.Sprintf("%s: %s, %s", agrees, enteredFor(a), clock(a.Time)))
		out.row("", nonEmpty("reason: ", f.Text("reason")))
		// The same text for all is written once.
		if s := strings.Join(f.List("statements"), " "); s != "" && s != statements {
			statements = s
			out.rows("to", f.List("statements"))
		}
	}
	out.row("together", p.signOffText)
	for i, a := range p.Receipts {
		out.row(label(i, "receipts"), fmt.Sprintf("%s, up to event %d: %s", a.Facts.Text("to"), a.Facts.Number("event"), a.Facts.Text("words")))
	}
}

// signOffLacks says what a sign-off has not that written rules ask of it.
func (p *Page) signOffLacks() []string {
	var list []string
	agreed, independent := 0, 0
	for _, a := range p.SignOff {
		switch {
		case !a.Facts.Flag("agrees") && a.Facts.List("statements") == nil: // never asked
			list = append(list, fmt.Sprintf("%s (%s) did not sign: %s (event %d).", a.Claimed, a.Facts.Text("role"), a.Facts.Text("reason"), a.Event))
		case !a.Facts.Flag("agrees"):
			list = append(list, fmt.Sprintf("%s (%s) does not agree: %s (event %d).", a.Claimed, a.Facts.Text("role"), a.Facts.Text("reason"), a.Event))
		case a.Facts.Text("role") == "witness" || a.Facts.Text("role") == "auditor":
			independent++
			fallthrough
		default:
			agreed++
		}
	}
	switch {
	case agreed == 0:
		list = append(list, "Nobody signed off.")
	case agreed < 2:
		list = append(list, "Fewer than two people signed off.")
	}
	if agreed > 0 && independent == 0 {
		list = append(list, "No witness and no auditor signed off.")
	}
	return list
}
