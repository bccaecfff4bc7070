package plan_test

import (
	"slices"
	"strings"
	"testing"

	"conclave/ceremony/plan"
)

// TestServerCertificates: each address can have its certificate named, the
// server's first; more than there are addresses, or what is no digest, is refused.
func TestServerCertificates(t *testing.T) {
	a, b := strings.Repeat("a1", 32), strings.Repeat("b2", 32)
	for name, c := range map[string]struct {
		certificates []string
		refused      bool
	}{
		"none": {}, "the first": {certificates: []string{a}}, "both": {certificates: []string{a, b}},
		"one too many": {[]string{a, b, a}, true}, "a gap": {[]string{"", b}, true}, "a short one": {[]string{a, b[2:]}, true}, "no hex": {[]string{a[:62] + "xx"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			q := drill()
			q.Kind = plan.Unseal
			q.Server = &plan.Server{Address: "https://a:8200", Nodes: []string{"https://b:8200"}, Certificates: c.certificates}
			q.Storage = q.Server.Address
			_, fields, text := problems(t, q)
			if c.refused != slices.Equal(fields, []string{"certificate"}) || !c.refused && len(fields) > 0 {
				t.Errorf("%q: %s", fields, text)
			}
			for i, address := range q.Server.Addresses() {
				if q.Server.Names(address) != (i < len(c.certificates)) {
					t.Errorf("%s is named: %t", address, q.Server.Names(address))
				}
			}
			if q.Server.Names("https://c:8200") {
				t.Error("another address is named")
			}
		})
	}
}
