package ceremony_test

import (
	"bytes"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/record"
)

// TestNamedFiles: the files that a plan or a flag names lie in the record as they
// were read, and the record says of each which it is, before anything is asked.
func TestNamedFiles(t *testing.T) {
	s := initialised(t)
	m := s.openWith(ceremony.Rotate, s.request(ceremony.Rotate), func(e *ceremony.Env) {
		e.Named = []ceremony.Named{
			{What: "plan", Name: "/stick/rotate.hcl", Keep: "rotate.hcl", Data: []byte("the plan")},
			{What: "config", Name: "/etc/bao.hcl", Note: "a secret stands in it twice"},
		}
	})
	m.drive(func(p ceremony.Prompt) bool { return p.StepID == "brief" })
	list := m.find("named")
	if len(list) != 2 {
		t.Fatalf("%d events", len(list))
	}
	f := list[0].Facts
	if f.Text("what") != "plan" || f.Text("name") != "/stick/rotate.hcl" || f.Text("file") != "named/1-rotate.hcl" || len(f.Text("sha256")) != 64 {
		t.Errorf("%+v", f)
	}
	if !bytes.Equal(m.shelf.files["named/1-rotate.hcl"], []byte("the plan")) {
		t.Error("the plan is not in the record")
	}
	if f := list[1].Facts; f.Text("file") != "" || f.Text("note") != "a secret stands in it twice" {
		t.Errorf("%+v", f)
	}
	s.must(m)
	rep, events := m.events()
	var out bytes.Buffer
	if err := record.New(events, rep).Text(&out); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{"plan: /stick/rotate.hcl", "copy in named/1-rotate.hcl", "config: /etc/bao.hcl", "no copy: a secret stands in it twice"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report does not say %q:\n%s", want, &out)
		}
	}
}
