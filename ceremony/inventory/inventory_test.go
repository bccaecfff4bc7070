package inventory_test

import (
	"reflect"
	"testing"

	"conclave/ceremony/inventory"
)

func line(label, id, extractable string) string {
	return inventory.Line("secret key", label, id, "AES-256", map[string]string{"CKA_TOKEN": "true", "CKA_EXTRACTABLE": extractable}, "")
}

func TestLine(t *testing.T) {
	if got, want := line("a: b", "01", "false"), `secret key "a: b" id 01, AES-256: EXTRACTABLE=false TOKEN=true`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := inventory.Name(line("a: b", "01", "false")), `secret key "a: b" id 01, AES-256`; got != want {
		t.Errorf("the name is %s, want %s", got, want)
	}
	if got, want := inventory.Line("object", "", "", "", nil, "C_X returned 0x13"), "object: not described by the token (C_X returned 0x13)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := inventory.Line("data", "", "", "", nil, ""), `data "": `; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCompare(t *testing.T) {
	a, b, c := line("a", "01", "false"), line("b", "02", "false"), line("c", "03", "false")
	open := line("a", "01", "true")
	for _, tt := range []struct {
		name          string
		before, after []string
		want          inventory.Difference
		says          []string
	}{
		{"nothing", []string{a, b}, []string{b, a}, inventory.Difference{}, []string{"nothing was added, removed or changed."}},
		{"added", []string{a}, []string{a, b}, inventory.Difference{Added: []string{b}}, []string{`added secret key "b" id 02, AES-256.`}},
		{"removed", []string{a, b, c}, []string{c}, inventory.Difference{Removed: []string{a, b}},
			[]string{`removed secret key "a" id 01, AES-256.`, `removed secret key "b" id 02, AES-256.`}},
		{"one more of the same", []string{a}, []string{a, a}, inventory.Difference{Added: []string{a}}, []string{`added secret key "a" id 01, AES-256.`}},
		{"changed", []string{a, b}, []string{open, b}, inventory.Difference{Changed: []string{`secret key "a" id 01, AES-256: EXTRACTABLE=false, now EXTRACTABLE=true`}},
			[]string{`changed secret key "a" id 01, AES-256: EXTRACTABLE=false, now EXTRACTABLE=true.`}},
		{"one changed and one like it gone", []string{a, a}, []string{open}, inventory.Difference{Removed: []string{a},
			Changed: []string{`secret key "a" id 01, AES-256: EXTRACTABLE=false, now EXTRACTABLE=true`}}, nil},
	} {
		got := inventory.Compare(tt.before, tt.after)
		if len(got.Added)+len(tt.want.Added) > 0 && !reflect.DeepEqual(got.Added, tt.want.Added) ||
			len(got.Removed)+len(tt.want.Removed) > 0 && !reflect.DeepEqual(got.Removed, tt.want.Removed) || !reflect.DeepEqual(got.Changed, tt.want.Changed) {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
		if says := got.Sentences(); tt.says != nil && !reflect.DeepEqual(says, tt.says) {
			t.Errorf("%s: it says %q", tt.name, says)
		}
	}
}

func TestNotMade(t *testing.T) {
	for want, attributes := range map[string][]string{
		"": {"CKA_LOCAL=true", "CKA_NEVER_EXTRACTABLE=true"},
		"not shown to have been made in this HSM: the token states CKA_LOCAL=false":               {"CKA_LOCAL=false", "CKA_NEVER_EXTRACTABLE=true"},
		"not shown to have been made in this HSM: the token does not state CKA_NEVER_EXTRACTABLE": {"CKA_LOCAL=true"},
	} {
		if got := inventory.NotMade(attributes); got != want {
			t.Errorf("%v: %q", attributes, got)
		}
	}
}
