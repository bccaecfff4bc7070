package record

import (
	"fmt"
	"strings"

	"conclave/ceremony/transcript"
)

// server is what a running server said of itself, and what was asked of it.
func (p *Page) server(out *document) {
	if p.Server == nil {
		return
	}
	f := p.Server
	out.title("The server, in its own words")
	out.row("address", f.Text("address"))
	out.row("version", f.Text("version"))
	out.row("clock", f.Text("clock"))
	out.row("cluster", strings.Join(filled(f.Text("cluster"), f.Text("cluster_id")), ", "))
	out.rows("certificate", f.List("certificates"))
	out.row("token", f.Text("token"))
	out.rows("offers", f.List("ways"))
	out.rows("environment", f.List("variables"))
	requests := 0
	for _, a := range p.Requests {
		requests += len(a.Facts.List("requests"))
		if n := a.Facts.Text("nonce"); n != "" {
			out.row("pending", fmt.Sprintf("nonce %s (event %d)", n, a.Event))
		}
	}
	out.row("requests", fmt.Sprintf("%d, each with its status and the server's id of it in the events requests", requests))
}

func (p *Page) equipment(out *document) {
	p.server(out)
	if p.Equipment == nil && p.Key == nil {
		return
	}
	name := p.device()
	out.title(strings.ToUpper(name[:1]) + name[1:] + ", in its own words")
	tokenRows(out, p.Equipment)
	for _, a := range p.LoggedOut {
		out.row("logged out", strings.Join(filled(clock(a.Time), whyOut[a.Facts.Text("why")], a.Facts.Text("result")), ", "))
	}
	keyRows(out, p.Key, p.SelfTest)
	p.objectRows(out, false)
	out.row("randomness", strings.Join(filled(p.Entropy.Text("sources"), p.Entropy.Text("why")), ": "))
	p.signingKey(out)
	if n, which := p.second(); n != nil {
		title := "The key that the vault moves to, in the token's own words"
		if which == "old" {
			title = "The key that is destroyed, in the token's own words"
		}
		out.title(title)
		tokenRows(out, n.Equipment)
		keyRows(out, n.Key, n.SelfTest)
		if n.Objects != nil {
			n.Objects.rows(out, false)
		}
	}
	for _, a := range p.Destroyed {
		out.row("destroyed", fmt.Sprintf("%s in the token %s, serial %s (event %d)", a.Facts.Text("ref"), a.Facts.Text("token"), a.Facts.Text("serial"), a.Event))
	}
	for _, a := range p.Backup {
		text := "the vault was opened through this token, a backup of the HSM"
		if !a.Facts.Flag("known") {
			text = "the vault was opened through this token; that it is a backup of the HSM is what people say"
		}
		out.row("backup", fmt.Sprintf("%s (event %d)", text, a.Event))
	}
	p.anchorRows(out)
}

// anchorRows say what the HSM keeps of the vault, and which states were adopted.
func (p *Page) anchorRows(out *document) {
	for _, a := range p.Anchors {
		f := a.Facts
		text := fmt.Sprintf("%s: %s, number %d of the vault", f.Text("moment"), f.Text("ceremony"), f.Number("sequence"))
		switch f.Text("moment") {
		case "lacking":
			text = "none: " + f.Text("problem")
		case "removed":
			text = "removed: there is no vault"
		case "found":
			text += ", " + anchorVerdicts[f.Text("verdict")]
			if missing := f.Text("missing"); missing != "" {
				text += "; the record of " + missing + " was not given"
			}
		}
		out.row("anchor", fmt.Sprintf("%s (event %d)", text, a.Event))
	}
	for _, a := range p.Adopted {
		out.row("adopted", fmt.Sprintf("%s By %s: %s (event %d)", strings.Join(a.Facts.List("found"), " "), a.Facts.Text("by"), a.Facts.Text("reason"), a.Event))
	}
}

var anchorVerdicts = map[string]string{"same": "this state", "next": "this state, of a commit whose record was cut off",
	"older": "a later state than this one", "unknown": "another state than this one"}

func tokenRows(out *document, f transcript.Facts) {
	out.row("token", f.Text("token"))
	out.row("made by", strings.Join(filled(f.Text("manufacturer"), f.Text("model")), ", "))
	out.row("serial", f.Text("serial"))
	out.row("firmware", f.Text("firmware"))
	out.row("clock", f.Text("clock"))
	out.row("library", f.Text("library"))
	out.row("its SHA-256", f.Text("library_sha256"))
	out.row("", f.Text("library_info"))
	out.row("PIN", strings.Join(filled(f.Text("pin_state"), f.Text("login")), ", "))
}

// keyRows are a wrapping key and what it was seen to do.
func keyRows(out *document, k transcript.Facts, test []string) {
	out.row("key", strings.Join(filled(k.Text("ref"), k.Text("type"), k.Text("mechanism"), k.Text("oaep_hash")), ", "))
	if k.Flag("generated") {
		out.row("", "generated in this ceremony")
	}
	out.row("", strings.Join(k.List("attributes"), " "))
	out.row("HMAC key", k.Text("hmac_ref"))
	out.row("", strings.Join(k.List("hmac_attributes"), " "))
	out.rows("self-test", test)
}

// whyOut is why the login at the token ended.
var whyOut = map[string]string{"break": "for a break", "end": "before the sign-off", "stop": "when the ceremony was stopped"}

// stateRows are the facts of a vault's state, in the order of the page.
var stateRows = []struct{ label, fact string }{
	{"storage", "storage"}, {"core digest", "digest"}, {"recovery key", "recovery_key"}, {"root key", "root_key"},
	{"sealed with", "seal_key"}, {"mechanism", "mechanism"}, {"HMAC key", "hmac_key"},
}

func (p *Page) target(out *document) {
	p.state(out, "Vault before", p.Before)
	p.state(out, "Vault after", p.After)
	for _, a := range p.Rollback {
		out.row("old state", strings.Join(filled(a.Facts.Text("choice"), a.Facts.Text("path"), a.Facts.Text("place"), a.Facts.Text("reason"), nonEmpty("until ", a.Facts.Text("until"))), ", "))
	}
}

func (p *Page) state(out *document, title string, f transcript.Facts) {
	if f == nil {
		return
	}
	out.title(title)
	if initialized, ok := f["initialized"].(bool); ok && !initialized {
		out.row("initialised", "no")
	}
	for _, r := range stateRows {
		out.row(r.label, f.Text(r.fact))
	}
	if f.Number("shares") > 0 {
		out.row("shares", fmt.Sprintf("%d, of which %d are needed", f.Number("shares"), f.Number("threshold")))
	}
	for i, t := range f.List("terms") {
		// A term and its digest: too long for one row.
		term, digest, _ := strings.Cut(t, " ")
		out.row(label(i, "terms"), term)
		out.row("", digest)
	}
	out.rows("left behind", f.List("leftovers"))
	out.rows("no server at", f.List("looked_at"))
}
