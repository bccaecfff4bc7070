package record

import (
	"fmt"
	"strings"
)

// recovery is on whose authority shares were made anew without a quorum, what is
// said of each who held one before, and who is to be told.
func (p *Page) recovery(out *document) {
	if len(p.Recovery) == 0 {
		return
	}
	out.title("Without a quorum")
	for _, a := range p.Recovery {
		f := a.Facts
		out.row("reason", f.Text("reason"))
		out.row(event(a.Event), f.Text("sentence"))
		out.row("replaced set", f.Text("set"))
		out.row("approved by", nonEmpty("by a key of an earlier record: ", strings.Join(f.List("approvers"), ", ")))
		out.row("confirmed by", f.Text("anchor"))
		out.row("PIN", f.Text("pin"))
		out.rows("LACKING", f.List("lacking"))
	}
	for _, a := range p.OldHolders {
		f := a.Facts
		out.row(fmt.Sprintf("old holder %d", f.Number("number")), strings.Join(filled(f.Text("name"), lookAlike(f.Text("name")), oldHolderIs[f.Text("state")]), ", "))
		out.row("", nonEmpty("as it was entered: ", f.Text("reason")))
	}
	for i, a := range p.Notices {
		f := a.Facts
		out.row(fmt.Sprintf("notice %d", i+1), fmt.Sprintf("for %s, %s, in %s (event %d)", f.Text("to"), f.Text("role"), f.Text("file"), a.Event))
	}
}

// oldHolderIs puts what is recorded of an old holder in words.
var oldHolderIs = map[string]string{
	"absent":  "was not here",
	"present": "was here, without the share",
	"refused": "was here; what they typed is not their share of that set",
	"good":    "was here, and has their share still",
}

// openRecovery are the open items of that part.
func (p *Page) openRecovery(add func(string, ...any)) {
	for _, a := range p.OldHolders {
		if a.Facts.Text("state") == "absent" {
			add("%s, who held share %d of the replaced set, was not here: whether they know of it is open (event %d).", a.Facts.Text("name"), a.Facts.Number("number"), a.Event)
		}
	}
	for _, a := range p.Notices {
		add("%s is to be sent the notice %s (event %d).", a.Facts.Text("to"), a.Facts.Text("file"), a.Event)
	}
}
