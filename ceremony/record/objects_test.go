package record_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"conclave/ceremony/record"
	"conclave/ceremony/transcript"
)

// TestObjects: what differs between the two lists is worked out from them, is on
// page one, and nothing is said of what is not known.
func TestObjects(t *testing.T) {
	first := func(list []transcript.Entry, moment string) transcript.Facts {
		i := slices.IndexFunc(list, func(e transcript.Entry) bool { return e.Kind == "inventory" && e.Facts["moment"] == moment })
		return list[i].Facts
	}
	same := func(list []transcript.Entry) {
		f := first(list, "after")
		f["objects"] = first(list, "before")["objects"]
		delete(f, "added")
		delete(f, "removed")
	}
	const unknown = "What was added to the HSM or removed from it is not known."
	for _, tt := range []struct {
		name            string
		change          func([]transcript.Entry)
		item, said, not string
	}{
		{"as they are", func([]transcript.Entry) {}, `In the token: added data "left here". (event 31) 3 In the token: removed private key "tls" id 02, RSA-2048. (event 31)`,
			`objects before: 2 (event 11) private key "tls" id 02, RSA-2048: EXTRACTABLE=false LOCAL=false secret key "bao-root" id 01`, "says another"},
		{"the same", same, "", "difference nothing was added, removed or changed.", "In the token:"},
		{"a lie in the event", func(l []transcript.Entry) { same(l); first(l, "after")["added"] = []string{"x"} },
			"The inventory of event 31 says another difference than its lists show.", "the event itself says another difference", ""},
		{"the key made here", func(l []transcript.Entry) {
			same(l)
			b := first(l, "before")
			b["count"], b["objects"] = 1, b.List("objects")[:1]
			l[slices.IndexFunc(l, func(e transcript.Entry) bool { return e.Kind == "key" })].Facts["generated"] = true
			first(l, "after")["added"] = first(l, "after").List("objects")[1:]
		}, "", `difference added secret key "bao-root" id 01, AES-256.`, "In the token:"},
		{"more than are listed", func(l []transcript.Entry) { same(l); first(l, "after")["count"] = 7 }, unknown, "and 5 more, which were only counted", "nothing was added"},
		{"not listed", func(l []transcript.Entry) {
			f := first(l, "after")
			clear(f)
			f["moment"], f["count"], f["problem"] = "after", 0, "It failed."
		}, unknown, "objects after: they could not be listed: It failed. (event 31)", "nothing was added"},
	} {
		list := listed()
		tt.change(list)
		s := audit(t, list)
		_, items, _ := strings.Cut(s, "Open items ")
		items, _, _ = strings.Cut(items, " People ")
		if !strings.Contains(items, tt.item) || tt.not != "" && strings.Contains(items, tt.not) {
			t.Errorf("%s: the open items are %s", tt.name, items)
		}
		_, part, _ := strings.Cut(s, "Keys in the HSM, as the token states them")
		part, _, _ = strings.Cut(part, "The script, as it went")
		if !strings.Contains(part, tt.said) || tt.not != "" && strings.Contains(part, tt.not) {
			t.Errorf("%s: of the keys it says %s", tt.name, part)
		}
		if !strings.Contains(part, `event 29 C_Encrypt ×2 on "bao-root" with id 01, by 14:00:29 C_Decrypt ×3 on "bao-root" with id 01, 1 of them refused`) {
			t.Errorf("%s: the calls are not in %s", tt.name, part)
		}
	}
	one := audit(t, slices.DeleteFunc(listed(), func(e transcript.Entry) bool { return e.Kind == "inventory" && e.Facts["moment"] == "after" }))
	if !strings.Contains(one, "objects after: not listed") || !strings.Contains(one, unknown) {
		t.Error("a list that was taken once passes for two")
	}
}

// TestSoftwareToken: what is no HSM is not called one where the record says what
// holds the key.
func TestSoftwareToken(t *testing.T) {
	s := audit(t, whole(true))
	for _, no := range []string{"Keys in the HSM", "this HSM", "HSM's PIN"} {
		if strings.Contains(s, no) {
			t.Errorf("the audit of a software token says %q", no)
		}
	}
}

// TestLookAlikeEverywhere: a name that is not what it looks like is marked in
// all forms, and by what verify prints.
func TestLookAlikeEverywhere(t *testing.T) {
	const name, mark = "\u0410lice Example", "LETTERS OF MORE THAN ONE ALPHABET: Latin and Cyrillic"
	entries := whole(false)
	entries[4].Facts["name"] = name
	ev, rep := scan(t, write(t, entries))
	for form, write := range forms {
		var b bytes.Buffer
		if err := write(record.New(ev, rep), &b); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(flat(b.String()), mark) {
			t.Errorf("%s does not mark it", form)
		}
	}
	_, sheets := onPaper(t, ev, rep)
	if !strings.Contains(flat(strings.Join(sheets, " ")), mark) {
		t.Error("the PDF does not mark it")
	}
	var tally record.Tally
	for _, e := range ev {
		tally.See(e)
	}
	rep.Notes = tally.Notes()
	var b bytes.Buffer
	if err := record.Verification(&b, rep); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"look-alike " + name + ", custodian: " + mark, "people 5 claimed, 0 by share"} {
		if !strings.Contains(flat(b.String()), want) {
			t.Errorf("verify does not say %q:\n%s", want, &b)
		}
	}
}

// TestSourcesPage keeps the page that says where each row of a record comes
// from.
func TestSourcesPage(t *testing.T) {
	var b strings.Builder
	b.WriteString("# What a record must have, and where each row comes from\n\n" +
		"`conclave transcript report -format=audit` prints this table with the numbers of the events of one record.\n" +
		"This page is made from `Sources` in source.go by `go test ./ceremony/record -run TestSourcesPage -update`.\n" +
		"An entry is a kind of event, one of its facts, or one value of that.\n\n" +
		"| group | row | from |\n|---|---|---|\n")
	for _, s := range record.Sources {
		var from []string
		for _, f := range s.From {
			if f == "*" {
				from = append(from, "every event")
				continue
			}
			from = append(from, "`"+f+"`")
		}
		if s.Elsewhere != "" {
			from = append(from, s.Elsewhere)
		}
		if len(from) == 0 {
			from = []string{record.NotEvidenced}
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", s.Group, s.Field, strings.Join(from, ", "))
	}
	if *update {
		if err := os.WriteFile("sources.md", []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile("sources.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != b.String() {
		t.Error("sources.md is not what the table says: run the test with -update")
	}
}

// TestObjectsInJSON: other programs get the lists and what differs.
func TestObjectsInJSON(t *testing.T) {
	ev, rep := scan(t, write(t, listed()))
	var b bytes.Buffer
	if err := record.New(ev, rep).JSON(&b); err != nil {
		t.Fatal(err)
	}
	var p record.Page
	if err := json.Unmarshal(b.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if p.Objects == nil || !p.Objects.Compared || len(p.Objects.Difference.Added) != 1 || len(p.Objects.Before.Objects) != 2 || len(p.Calls) != 1 {
		t.Errorf("the JSON gives %+v, %+v", p.Objects, p.Calls)
	}
}
