package custodian_test

import (
	"bytes"
	"slices"
	"testing"

	"conclave/ceremony/custodian"
	"conclave/ceremony/transcript"
)

func challenged(result string) facts {
	return facts{"name": "Alice Example", "fingerprint": "9f3c", "file": "challenges/1.asc", "sha256": pad("challenge"), "result": result}
}

// TestHolders: the roster says who holds what, of which organisation, for which
// subkey, and when it was delivered, proven and taken; an older roster.json,
// which does not, is still the same one.
func TestHolders(t *testing.T) {
	list := []transcript.Entry{
		header("KC-1", "init", 1, ""),
		event("person", facts{"name": "Alice Example", "role": "custodian", "organisation": "Payments", "present": true, "number": 1}),
		event("pgp-key", facts{"custodian": "Alice Example", "fingerprint": "9f3c", "subkey": "0c1a", "result": "same"}),
		{Kind: "challenge", Claimed: "Alice Example", Evidence: transcript.ByDecrypt, Facts: challenged("answered")},
		{Kind: "challenge", Claimed: "Alice Example", Evidence: transcript.ByKeyboard, Facts: challenged("other")},
		event("issued", facts{"set": "set1", "shares": 2, "threshold": 2}),
		event("share", facts{"number": 1, "custodian": "Alice Example", "set": "set1", "fingerprint": pad("a"), "delivery": "pgp", "pgp": "9f3c", "file": "shares/1.asc", "sha256": pad("file")}),
		event("share", facts{"number": 2, "custodian": "Bob Example", "set": "set1", "fingerprint": pad("b"), "delivery": "screen"}),
		event("shown", facts{"what": "root token", "to": "Bob Example", "number": 2}),
		event("attested", facts{"what": "something else"}),
	}
	handed := append(slices.Clip(list), event("attested", facts{"what": custodian.HandedOver}), event("shown", facts{"what": "share", "to": "Bob Example", "number": 2}))
	before := derive(t, nil, write(t, day(1), list))
	for _, h := range before.Sets[0].Holdings {
		if h.Delivered != "" {
			t.Errorf("delivered before it was: %+v", h)
		}
	}
	r := derive(t, nil, write(t, day(1), handed))
	a, b := r.Sets[0].Holdings[0], r.Sets[0].Holdings[1]
	if a.Challenged == "" || a.Challenged >= a.Delivered || b.Challenged != "" {
		t.Errorf("challenged %q and %q", a.Challenged, b.Challenged)
	}
	if a.Organisation != "Payments" || a.Subkey != "0c1a" || a.Delivered == "" || b.Organisation != "" || b.Subkey != "" || b.Delivered == "" || a.Delivered == b.Delivered {
		t.Errorf("%+v\n%+v", a, b)
	}
	whole, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	older := whole
	for _, l := range []string{`          "organisation": "Payments",` + "\n", `          "subkey": "0c1a",` + "\n"} {
		if !bytes.Contains(older, []byte(l)) {
			t.Fatalf("no %s in %s", l, older)
		}
		older = bytes.Replace(older, []byte(l), nil, 1)
	}
	if r.Same(older) {
		t.Error("a roster with some of it missing is the same")
	}
	for _, h := range []custodian.Holding{a, b} {
		older = bytes.Replace(older, []byte(",\n          \"delivered\": \""+h.Delivered+"\""), nil, 1)
	}
	older = bytes.ReplaceAll(older, []byte(`"proven": "",`+"\n        }"), []byte(`"proven": ""`+"\n        }"))
	if !r.Same(whole) || !r.Same(older) {
		t.Error("not the same")
	}
}
