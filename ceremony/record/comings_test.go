package record_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"conclave/ceremony/record"
	"conclave/ceremony/transcript"
)

// busy is a ceremony with a break, in which people come and go.
func busy() []transcript.Entry {
	list := signed()
	return slices.Insert(list, 8,
		typed("identity", "people", "Olga Example", facts{"checked_by": "Wim Example", "names": []string{"Olga Example", "Alice Example"}}),
		typed("identity", "people", "Olga Example", facts{"checked_by": "not stated", "names": []string{"Wim Example"}}),
		typed("left", "machine", "Olga Example", facts{"name": "Dora Example", "role": "custodian", "reason": "a train"}),
		typed("arrived", "machine", "Olga Example", facts{"name": "Carol Example", "role": "custodian", "planned": true}),
		typed("arrived", "machine", "Olga Example", facts{"name": "Xenia Late", "role": "auditor", "planned": false, "organisation": "Audit Ltd"}),
		typed("break", "machine", "Olga Example", facts{"reason": "lunch", "decided_by": "Olga and Wim", "back": "13:00", "wiped": 2}),
		program("logged-out", "machine", facts{"why": "break", "result": "done"}),
		typed("break-ended", "machine", "Olga Example", facts{"duration_s": 3723, "people": []string{"Olga Example", "Wim Example"}, "same": true}),
		typed("break-ended", "machine", "Olga Example", facts{"duration_s": 60, "people": []string{"Olga Example"}, "same": false}))
}

// TestComings: breaks, departures and arrivals, who identified whom and when
// the login ended stand in every form of the report, and who came is present.
func TestComings(t *testing.T) {
	ev, rep := scan(t, write(t, busy()))
	p := record.New(ev, rep)
	_, sheets := onPaper(t, ev, rep)
	forms := map[string]string{"html": html(t, ev, rep), "audit": audit(t, busy()), "pdf": strings.Join(sheets, " ")}
	var b bytes.Buffer
	if err := p.Text(&b); err != nil {
		t.Fatal(err)
	}
	forms["text"] = b.String()
	b.Reset()
	if err := p.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	forms["markdown"] = strings.ReplaceAll(b.String(), `\`, "")
	for name, text := range forms {
		text = flat(text)
		for _, want := range []string{"identity checked by Wim Example", "identity not stated", "left: Dora Example, custodian: a train", "arrived: Carol Example, custodian",
			"arrived, not named in the plan: Xenia Late, auditor, Audit Ltd", "break: lunch; decided by Olga and Wim; expected back: 13:00; 2 shares that were in were wiped",
			"break ended after 1h2m3s; the vault was what it was; here: Olga Example, Wim Example", "THE VAULT WAS NOT WHAT IT WAS"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not say %q", name, want)
			}
		}
		if name != "audit" && !strings.Contains(text, "for a break, done") {
			t.Errorf("%s does not say when the login ended", name)
		}
		if strings.Contains(text, "Carol Example, Payments, absent") {
			t.Errorf("%s says that who came is absent", name)
		}
	}
	if !strings.Contains(forms["audit"], "The room during a break") {
		t.Error("the auditor is not told that nobody watched the room in the break")
	}
	j, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"checked_by":"Wim Example"`, `"kind":"break-ended"`, `"kind":"left"`, `"logged_out":[{`} {
		if !strings.Contains(string(j), want) {
			t.Errorf("the JSON does not hold %s", want)
		}
	}
	if !strings.Contains(text(t, signed()), "none; nobody left or arrived") {
		t.Error("a record without breaks does not say so")
	}
}
