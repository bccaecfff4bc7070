package plan_test

import (
	"slices"
	"strings"
	"testing"

	"conclave/ceremony/plan"
)

// TestRevoke: a token is named by its accessor, and never by itself.
func TestRevoke(t *testing.T) {
	for accessor, good := range map[string]bool{"tfkYgRO5jAGett3ERn35lJCz": true, "": false, "a b": false, "short": false} {
		q := drill()
		q.Kind, q.Accessor = plan.RevokeRoot, accessor
		p, fields, text := problems(t, q)
		switch {
		case !good:
			if !slices.Equal(fields, []string{"accessor"}) {
				t.Errorf("%q: %q %s", accessor, fields, text)
			}
		case p == nil || p.NeedsQuorum() || !p.UsesHSM() || !strings.Contains(strings.Join(p.Text(), "\n"), "accessor = "+accessor+" ("):
			t.Errorf("%q: %s, %+v", accessor, text, p)
		}
	}
	text := "ceremony \"revoke-root\" {\n  id = \"KC-1\"\n  vault {\n    storage = \"/vault\"\n  }\n  operator \"Olga Example\" {}\n  witness \"Wim Waters\" {}\n}\n"
	if _, err := plan.Parse("revoke.hcl", []byte(text)); err == nil || !strings.Contains(err.Error(), "No accessor") {
		t.Errorf("without an accessor: %v", err)
	}
	if _, err := plan.Parse("revoke.hcl", []byte(strings.Replace(text, "  vault", "  accessor = \"tfkYgRO5jAGett3ERn35lJCz\"\n  vault", 1))); err != nil {
		t.Error(err)
	}
}
