package record

import (
	"fmt"
	"strings"
)

// signingKey is the key in the HSM that signs the record, if it names one.
func (p *Page) signingKey(out *document) {
	for _, ev := range p.of("signing-key") {
		f := ev.Facts
		made := ""
		if f.Flag("generated") {
			made = "made in this ceremony"
		}
		out.row("record key", strings.Join(filled(f.Text("label"), f.Text("type"), made), ", "))
		out.row("", f.Text("key"))
		out.row("", nonEmpty("SHA-256 ", f.Text("sha256")))
		if f.Text("result") == "other" {
			out.row("", "ANOTHER KEY than before, which was "+f.Text("before"))
		}
		out.row("", "made with a key in the same HSM: by whoever could log in, on any day; nobody's signature")
	}
}

// signingKeys are its attributes, for the inventory.
func (p *Page) signingKeys(out *document) {
	for _, ev := range p.of("signing-key") {
		f := ev.Facts
		made := "was there before"
		if f.Flag("generated") {
			made = "was made in this ceremony"
		}
		out.row(event(ev.Seq), strings.Join(filled(f.Text("label"), nonEmpty("id ", f.Text("id")), f.Text("type"), "signs the record", made), ", "))
		out.row("", strings.Join(f.List("attributes"), " "))
	}
}

// openSigningKey is what somebody has to answer for.
func (p *Page) openSigningKey() []string {
	var list []string
	for _, ev := range p.of("signing-key") {
		if ev.Facts.Text("result") == "other" {
			list = append(list, fmt.Sprintf("Another key in the HSM signs the record than before (event %d).", ev.Seq))
		}
	}
	return list
}
