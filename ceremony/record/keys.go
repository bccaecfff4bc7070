package record

import (
	"fmt"
	"strings"

	"conclave/ceremony/transcript"
)

// keys says which PGP keys shares were made for, who compared them, and who
// holds shares now that did not before.
func (p *Page) keys(out *document) {
	if len(p.PGPKeys)+len(p.Challenges)+len(p.Holders) > 0 {
		out.title("PGP keys and holders")
	}
	for _, a := range p.PGPKeys {
		f := a.Facts
		out.row(event(a.Event), strings.Join(filled(f.Text("custodian"), compared(a)), ": "))
		out.row("", nonEmpty("key ", f.Text("fingerprint")))
		out.row("", nonEmpty("subkey ", f.Text("subkey")))
		out.row("", strings.Join(filled(f.Text("algorithm"), nonEmpty("made ", f.Text("created")), nonEmpty("expires ", f.Text("expires"))), ", "))
		for _, id := range f.List("user_ids") {
			out.row("", "says that it is of "+id)
		}
		if old := f.Text("before"); old != "" && old != f.Text("fingerprint") {
			out.row("", "ANOTHER KEY than before, which was "+old)
		}
	}
	for _, a := range p.Challenges {
		f := a.Facts
		out.row(event(a.Event), fmt.Sprintf("challenge to %s %s", a.Claimed, answer(a)))
		out.row("", nonEmpty("key ", f.Text("fingerprint")))
		out.row("", strings.Join(filled(f.Text("file"), nonEmpty("SHA-256 ", f.Text("sha256"))), ", "))
		out.row("", decryptedBy(f))
	}
	for _, a := range p.Holders {
		f := a.Facts
		out.row(event(a.Event), fmt.Sprintf("against the set %s %s", f.Text("before"), nonEmpty("of ", f.Text("ceremony"))))
		for _, l := range [][]string{f.List("joins"), f.List("leaves"), f.List("changed"), f.List("stays")} {
			for _, s := range l {
				out.row("", s)
			}
		}
	}
}

// answer says in words what came of a challenge.
func answer(a Act) string {
	switch a.Facts.Text("result") {
	case "answered":
		return "was answered by decrypting it, " + enteredFor(a)
	case "share":
		return fmt.Sprintf("got something with the form of a SHARE (%s), which was refused unread, %s", a.Facts.Text("form"), enteredFor(a))
	case "foreign":
		return "got a text that is NO CHALLENGE of this ceremony to them, " + enteredFor(a)
	}
	return "got ANOTHER CODE, " + enteredFor(a)
}

// decryptedBy names the program that decrypted something at the ceremony's own
// machine.
func decryptedBy(f transcript.Facts) string {
	if f.Text("gpg") == "" {
		return ""
	}
	return "decrypted on the ceremony's machine by " + f.Text("gpg") + nonEmpty(", SHA-256 ", f.Text("gpg_sha256"))
}

// compared says in words what came of a comparison.
func compared(a Act) string {
	f := a.Facts
	switch f.Text("result") {
	case "same":
		return fmt.Sprintf("groups %s of the fingerprint, %s", f.Text("groups"), enteredFor(a))
	case "other":
		return fmt.Sprintf("groups %s of the fingerprint DID NOT FIT, %s", f.Text("groups"), enteredFor(a))
	}
	return "NOT COMPARED with a card"
}
