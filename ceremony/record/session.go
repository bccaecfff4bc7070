package record

import (
	"fmt"

	"conclave/ceremony/transcript"
)

// isSession tells whether a record is of no ceremony, but of automation over the
// API.
func isSession(header transcript.Facts) bool {
	return header.Text("ceremony") == transcript.Session
}

// heading is what a record is the record of.
func (p *Page) heading() string {
	if isSession(p.Header) {
		return "Record of an API session: no ceremony"
	}
	return "Record of a key ceremony"
}

// session are the requests of a session, as they were answered, and what was
// handed out.
func (p *Page) session(out *document) {
	if len(p.API) == 0 {
		return
	}
	out.title("Requests over the API")
	for _, a := range p.API {
		f := a.Facts
		switch a.Kind {
		case "api-session":
			out.row(event(a.Event), fmt.Sprintf("at %s for %d s; %s", f.Text("listen"), f.Number("for_s"), f.Text("person")))
			for _, k := range f.List("allow") {
				out.row("", "allowed: "+k)
			}
		case "api-call":
			out.row(event(a.Event), fmt.Sprintf("%s %s: %d, by %s", f.Text("method"), f.Text("path"), f.Number("status"), f.Text("caller")))
			out.row("", nonEmpty("refused: ", f.Text("refusal")))
		case "api-refused":
			out.row(event(a.Event), fmt.Sprintf("not let in: %s: %s", f.Text("caller"), f.Text("reason")))
		case "api-share":
			to := "plain, in the answer"
			if f.Text("delivery") == "pgp" {
				to = "to the PGP key " + f.Text("pgp")
			}
			out.row(event(a.Event), fmt.Sprintf("share %d of the set %s: %s", f.Number("number"), f.Text("set"), to))
			out.row("", nonEmpty("by the plan for ", f.Text("custodian")))
			out.row("", nonEmpty("fingerprint ", f.Text("fingerprint")))
			out.row("", nonEmpty("in ", f.Text("file")))
		}
	}
}
