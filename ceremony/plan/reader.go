package plan

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"conclave/assets/clean"
	"conclave/ceremony/custodian"
	"conclave/vaultstate"
)

// reader collects what is wrong while it reads.
type reader struct {
	d     *Document
	diags hcl.Diagnostics
}

func (r *reader) refuse(where hcl.Range, summary, format string, args ...any) {
	r.diags = append(r.diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(format, args...), Subject: &where})
}

func (r *reader) content(body hcl.Body, schema *hcl.BodySchema) *hcl.BodyContent {
	c, diags := body.Content(schema)
	r.diags = append(r.diags, diags...)
	return c
}

func (r *reader) root(body hcl.Body) {
	c := r.content(body, &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "ceremony", LabelNames: []string{"kind"}}}})
	switch {
	case len(c.Blocks) == 0 && !r.diags.HasErrors():
		r.refuse(body.MissingItemRange(), "No ceremony", "A plan is one block: ceremony \"init\" { … }.")
	case len(c.Blocks) > 1:
		r.refuse(c.Blocks[1].DefRange, "More than one ceremony", "A plan is of one ceremony; write another file.")
	}
	if len(c.Blocks) == 0 {
		return
	}
	b := c.Blocks[0]
	r.d.Kind = vaultstate.Kind(b.Labels[0])
	if !slices.Contains(kinds, r.d.Kind) {
		r.refuse(b.LabelRanges[0], "Unknown ceremony", "%q is none of init, unseal, rekey, recovery-rekey, rotate, generate-root, recover, rewrap, retire, drill, revoke-root.", clean.Clean(b.Labels[0]))
		return
	}
	r.ceremony(b)
}

func (r *reader) ceremony(b *hcl.Block) {
	schema := &hcl.BodySchema{Attributes: attributes(topArguments)}
	for name := range blockArguments {
		h := hcl.BlockHeaderSchema{Type: name}
		if slices.Contains(labelled, name) {
			h.LabelNames = []string{"name"}
		}
		schema.Blocks = append(schema.Blocks, h)
	}
	c := r.content(b.Body, schema)
	r.settings(c.Attributes, topArguments)
	seen := map[string]bool{}
	for _, in := range c.Blocks {
		arguments := blockArguments[in.Type]
		content := r.content(in.Body, &hcl.BodySchema{Attributes: attributes(arguments)})
		if !slices.Contains(several, in.Type) {
			if seen[in.Type] {
				r.refuse(in.DefRange, "More than one "+in.Type, "Only one %s is acted on.", in.Type)
			}
		}
		seen[in.Type] = true
		switch in.Type {
		case "operator", "witness", "pin_holder", "auditor", "approver", "custodian":
			r.person(in, content)
		case "accept":
			r.accept(in, content)
		default:
			r.settings(content.Attributes, arguments)
		}
	}
	r.needed(b, seen)
}

// needed is what a plan must have to be one.
func (r *reader) needed(b *hcl.Block, seen map[string]bool) {
	if id, ok := r.d.Setting("id"); !ok {
		r.refuse(b.DefRange, "No id", "A plan's id names its record and is read aloud: id = \"KC-2026-017\".")
	} else if !idForm.MatchString(id.Text) {
		r.refuse(id.where, "No good id", "Use letters, digits, '.', '_' and '-', at most 64, and begin with a letter or digit.")
	}
	_, config := r.d.Setting("config")
	_, storage := r.d.Setting("storage")
	address, remote := r.d.Setting("address")
	switch {
	case !config && !storage && !remote:
		r.refuse(b.DefRange, "No vault", "Say which: vault { config = … }, vault { storage = … } or, of a running server, vault { address = … }.")
	case remote && (config || storage):
		r.refuse(address.where, "Two vaults", "A ceremony is held on a running server, or on a storage directory while its server is stopped: say one.")
	case remote && seen["hsm"]:
		r.refuse(address.where, "An HSM", "A running server has its own: leave the block hsm out.")
	}
	if !seen["operator"] {
		r.refuse(b.DefRange, "No operator", "Say who sits at the keyboard: operator \"Name\" {}.")
	}
	if !seen["witness"] && r.d.Kind != Unseal && !r.d.Accepts("no-witness") {
		r.refuse(b.DefRange, "No witness", "Say who watches: witness \"Name\" {}; or accept \"no-witness\" { reason = … }.")
	}
	if seen["witness"] && r.d.Accepts("no-witness") {
		r.refuse(b.DefRange, "A witness and none", "There is a witness, and no-witness is accepted: leave out one of them.")
	}
	if n := len(r.d.PINHolders()); n != 0 && n != 2 {
		r.refuse(b.DefRange, "Not two PIN holders", "The PIN is typed in two parts by two people: name two, or none and the operator types it.")
	}
	if n, ok := r.d.Setting(Approvals); ok {
		if have := len(r.d.Approvers()); n.Text == "0" || len(n.Text) > 2 || have < atoi(n.Text) {
			r.refuse(n.where, "More approvals than approvers", "approvals is 1 to the number of approvers, of which there are %d.", have)
		}
	}
	if issues(r.d.Kind, r.rewrapIssues()) {
		for _, flag := range []string{"recovery-shares", "recovery-threshold"} {
			if _, ok := r.d.Setting(flag); !ok {
				r.refuse(b.DefRange, "No "+flag, "A plan says it, with no default: recovery { shares = 5, threshold = 3 }, each on its line.")
			}
		}
	}
	if _, ok := r.d.Setting("new-hsm-key-label"); !ok && r.d.Kind == vaultstate.Rewrap {
		r.refuse(b.DefRange, "No new key", "Say which key the vault moves to: new_hsm { key_label = … }.")
	}
	if _, ok := r.d.Setting("old-hsm-key-id"); !ok && r.d.Kind == Retire {
		r.refuse(b.DefRange, "No old key", "Say which key is destroyed: old_hsm { key_label = …, key_id = … }, each on its line.")
	}
	if _, ok := r.d.Setting("accessor"); !ok && r.d.Kind == RevokeRoot {
		r.refuse(b.DefRange, "No accessor", "Say which token: accessor = \"…\".")
	}
	if s, ok := r.d.Setting("root-token-pgp-key"); ok {
		if _, ok := r.d.Setting("root-token-fingerprint"); !ok {
			r.refuse(s.where, "No fingerprint", "The key for the root token needs its fingerprint, from its holder's own card: root_token_fingerprint. Whoever swaps the file is found by it.")
		}
	}
	r.keys(b)
}

// rewrapIssues tells whether a plan of a rewrap hands out shares.
func (r *reader) rewrapIssues() bool {
	if s, ok := r.d.Setting("with-recovery-rekey"); ok {
		return s.Text == "true"
	}
	s, _ := r.d.Setting("reason")
	return s.Text == Compromise
}

// keys: either every share is encrypted, or none.
func (r *reader) keys(b *hcl.Block) {
	with, without := 0, ""
	for _, e := range r.d.People {
		switch {
		case e.Role != custodian.Custodian:
		case e.KeyFile != "":
			if without != "" {
				r.refuse(e.where, "A key after none", "Custodians who receive a share come first; %s has no pgp_key.", clean.Clean(without))
				return
			}
			with++
		case without == "":
			without = e.Name
		}
	}
	if n, ok := r.d.Setting("recovery-shares"); ok && with > 0 && fmt.Sprint(with) != n.Text {
		r.refuse(n.where, "Shares and keys", "%d custodians have a pgp_key, and there are %s shares: each share needs its own.", with, clean.Clean(n.Text))
	}
}

// value is an argument's text, "" if it is not there or wrong.
func (r *reader) value(attrs hcl.Attributes, a argument) (text string, where hcl.Range, ok bool) {
	attr := attrs[a.name]
	if attr == nil {
		return "", where, false
	}
	where = attr.Range
	if a.kinds != nil && !slices.Contains(a.kinds, r.d.Kind) {
		r.refuse(where, "Not of this ceremony", "A %s has no %s.", r.d.Kind, a.name)
		return "", where, false
	}
	v, diags := attr.Expr.Value(nil)
	r.diags = append(r.diags, diags...)
	if diags.HasErrors() {
		return "", where, false
	}
	v, err := convert.Convert(v, cty.String)
	if err != nil || v.IsNull() || !v.IsKnown() {
		r.refuse(where, "Not a text", "%s is a text, a number, true or false.", a.name)
		return "", where, false
	}
	text = v.AsString()
	switch {
	case text == "":
		r.refuse(where, "Empty", "%s is empty; leave it out.", a.name)
		return "", where, false
	case strings.ContainsFunc(text, func(c rune) bool { return (c < ' ' || c == 0x7f) && (c != '\n' || a.name != "key") }):
		r.refuse(where, "Control character", "%s has a control character in it.", a.name)
		return "", where, false
	case strings.HasSuffix(a.name, "pgp_key") && strings.Contains(text, ","):
		r.refuse(where, "More than one file", "%s is one file, without a comma in its name.", a.name)
		return "", where, false
	}
	if a.path && (a.flag != "previous" || text != "none") {
		text = r.d.beside(text)
	}
	return text, where, true
}

var (
	numberForm = regexp.MustCompile(`^(0|[1-9][0-9]{0,3})$`)
	// A public key itself, and not the name of a file with one.
	keyForm         = regexp.MustCompile(`^(ssh-[a-z0-9]+ |ecdsa-sha2-|sk-[a-z0-9-]+@openssh\.com |untrusted comment:|-----BEGIN PGP|RW[A-Za-z0-9+/]{54}$)`)
	fingerprintForm = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
)

func (r *reader) settings(attrs hcl.Attributes, list []argument) {
	for _, a := range list {
		text, where, ok := r.value(attrs, a)
		if !ok {
			continue
		}
		switch {
		case slices.Contains(numbers, a.flag) && !numberForm.MatchString(text):
			r.refuse(where, "Not a number", "%s is a number.", a.name)
			continue
		case slices.Contains(truths, a.flag) && text != "true" && text != "false":
			r.refuse(where, "Neither true nor false", "%s is true or false.", a.name)
			continue
		}
		r.d.Settings = append(r.d.Settings, Setting{Flag: a.flag, Text: text, where: where})
	}
}

func (r *reader) accept(b *hcl.Block, c *hcl.BodyContent) {
	id := b.Labels[0]
	if !slices.Contains(Acceptable, id) {
		r.refuse(b.LabelRanges[0], "Nothing to accept", "%q is none of: %s.", clean.Clean(id), strings.Join(Acceptable, ", "))
		return
	}
	if r.d.Accepts(id) {
		r.refuse(b.LabelRanges[0], "Accepted twice", "%s is accepted twice.", id)
	}
	reason, _, ok := r.value(c.Attributes, blockArguments["accept"][0])
	if !ok && c.Attributes["reason"] == nil {
		r.refuse(b.DefRange, "No reason", "Why is %s accepted? reason = \"…\".", id)
	}
	r.d.accepted = append(r.d.accepted, acceptance{id, reason, b.DefRange})
}

// atoi is the value of what fits numberForm.
func atoi(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}
