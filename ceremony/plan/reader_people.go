package plan

import (
	"strings"

	"github.com/hashicorp/hcl/v2"

	"conclave/assets/clean"
	"conclave/ceremony/custodian"
)

// person reads the block of somebody, or of an approver.
func (r *reader) person(b *hcl.Block, c *hcl.BodyContent) {
	e := Entry{Person: custodian.Person{Name: strings.Join(strings.Fields(b.Labels[0]), " "), Role: custodian.Role(strings.ReplaceAll(b.Type, "_", " "))}, where: b.DefRange}
	if e.Name == "" || e.Name != clean.Clean(e.Name) || len(e.Name) > 120 {
		r.refuse(b.LabelRanges[0], "No good name", "A name is 1 to 120 bytes of text that can be shown.")
	}
	for _, other := range r.d.People {
		if _, ok := both(other.Role, e.Role); Same(other.Name, e.Name) && !ok {
			r.refuse(b.LabelRanges[0], "One person, one role", "%s is already %s, in line %d.", clean.Clean(e.Name), other.Role, other.where.Start.Line)
		}
	}
	text := func(name string) (string, hcl.Range, bool) {
		for _, a := range blockArguments[b.Type] {
			if a.name == name {
				return r.value(c.Attributes, a)
			}
		}
		return "", hcl.Range{}, false
	}
	e.Organisation, _, _ = text("organisation")
	e.ReportsTo, _, _ = text("reports_to")
	e.Site, _, _ = text("site")
	var where hcl.Range
	if e.Mail, where, _ = text("email"); e.Mail != "" && strings.Count(e.Mail, "@") != 1 {
		r.refuse(where, "No address", "An address has one @ in it.")
	}
	switch b.Type {
	case "approver":
		key, _, ok := text("key")
		switch {
		case !ok && c.Attributes["key"] == nil:
			r.refuse(b.DefRange, "No key", "How is the signature of %s known? key = \"FILE\", or the public key itself: ssh, OpenPGP or minisign.", clean.Clean(e.Name))
		case keyForm.MatchString(key):
			e.KeyText = key
		default:
			e.KeyFile = r.d.beside(key)
		}
	case "custodian", "witness":
		e.KeyFile, _, _ = text("pgp_key")
		if e.KeyFile != "" && e.Role == custodian.Witness && len(r.d.With(custodian.Witness)) > 0 {
			r.refuse(b.DefRange, "A key that is not used", "Only the first witness is challenged; leave out the key of %s.", clean.Clean(e.Name))
		}
		fp, where, given := text("fingerprint")
		e.Fingerprint = tidy(fp)
		switch {
		case given && !fingerprintForm.MatchString(e.Fingerprint):
			r.refuse(where, "Not a fingerprint", "A fingerprint has 40 or 64 hex digits; this has %d characters.", len(e.Fingerprint))
		case given && c.Attributes["pgp_key"] == nil:
			r.refuse(where, "A fingerprint of no key", "There is no pgp_key for %s.", clean.Clean(e.Name))
		case !given && e.KeyFile != "":
			r.refuse(b.DefRange, "No fingerprint", "The key of %s needs its fingerprint, from the person's own card: whoever swaps the file is found by it.", clean.Clean(e.Name))
		}
	}
	r.d.People = append(r.d.People, e)
}
