package record

import (
	"fmt"
	"strings"
)

// afterwards is what was agreed for the time after the ceremony, and what became
// of the replaced shares.
func (p *Page) afterwards(out *document) {
	if len(p.Kept)+len(p.OldShares) == 0 && p.Copies == nil && p.Retention == nil && p.NextDrill == nil {
		return
	}
	out.title("Afterwards")
	for _, a := range p.OldShares {
		f := a.Facts
		out.row("old shares", fmt.Sprintf("%s: %d of %d, by the vault's own count (event %d)", f.Text("choice"), len(f.List("collected")), f.Number("of"), a.Event))
		out.row("", nonEmpty("destroyed: ", strings.Join(f.List("collected"), ", ")))
		out.row("", nonEmpty("how: ", f.Text("method")))
		out.row("", nonEmpty("why kept: ", f.Text("reason")))
		out.row("", nonEmpty("NOT DESTROYED, alive on any older copy of the storage: ", strings.Join(f.List("missing"), ", ")))
	}
	for i, a := range p.Kept {
		out.row(label(i, "kept"), a.Facts.Text("what")+": "+a.Facts.Text("place"))
	}
	if f := p.Copies; f != nil {
		out.row("record copies", strings.Join(filled(fmt.Sprint(f.Number("number")), nonEmpty("taken by ", strings.Join(f.List("taken_by"), ", "))), ", "))
	}
	if f := p.Retention; f != nil {
		out.row("record kept", f.Text("class"))
		out.row("", "until "+f.Text("until"))
	}
	if f := p.NextDrill; f != nil {
		out.row("next drill", f.Text("date"))
		if n := f.Number("backup_months"); n > 0 {
			out.row("HSM's backup", fmt.Sprintf("a drill every %d months", n))
		}
		if n := f.Number("months"); n > 0 {
			out.row("", fmt.Sprintf("every %d months, by the plan", n))
		}
	}
}

// openAfterwards are the open items of that part.
func (p *Page) openAfterwards(add func(string, ...any)) {
	for _, a := range p.OldShares {
		if m := a.Facts.List("missing"); len(m) > 0 {
			add("These replaced shares were not destroyed, and work on any older copy of the storage: %s (event %d).", strings.Join(m, ", "), a.Event)
		}
	}
	for _, a := range p.Kept {
		if a.Facts.Text("place") == notStated {
			add("Where this is kept was not stated: %s (event %d).", a.Facts.Text("what"), a.Event)
		}
	}
	for _, f := range []struct{ what, text string }{{"How long the record is kept", p.Retention.Text("until")}, {"When the shares are proven again", p.NextDrill.Text("date")}} {
		if f.text == notStated {
			add("%s was not stated.", f.what)
		}
	}
}
