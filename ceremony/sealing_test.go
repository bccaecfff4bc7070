package ceremony_test

import (
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
	"conclave/hsm"
)

// signing asks for an unseal whose record the HSM signs.
func (s *site) signing(generate bool) plan.Request {
	q := s.request(ceremony.Unseal)
	q.SignRecord = plan.SignRecord{Label: "record key", Generate: generate}
	return q
}

// sealCall is the record's last event but one, if it says that the HSM will sign.
func (m *room) sealCall() bool {
	m.s.t.Helper()
	_, events := m.events()
	for i, e := range events {
		list := e.Facts.List("calls")
		if e.Kind == "calls" && len(list) == 1 && strings.HasPrefix(list[0], `C_Sign ×1 on "record key", to come`) {
			if i != len(events)-2 {
				m.s.t.Errorf("%q is event %d of %d", list[0], i+1, len(events))
			}
			return true
		}
	}
	return false
}

// TestSignRecord: the key is found or made, read aloud, in the record and in the
// roster, and signs what is sealed with the one login there was.
func TestSignRecord(t *testing.T) {
	s := initialised(t)
	s.token.err["FindSigningKey"] = hsm.ErrKeyNotFound
	m := s.must(s.open(ceremony.Unseal, s.signing(true)))
	want := transcript.HSMKeyName("record key", true)
	keys := m.find("signing-key")
	if len(keys) != 1 || !keys[0].Facts.Flag("generated") || keys[0].Facts.Text("result") != "first" || keys[0].Facts.List("attributes")[0] != "CKA_SIGN=true" {
		t.Fatalf("recorded %+v", keys)
	}
	line := keys[0].Facts.Text("key")
	if s.roster.SigningKey != line || !strings.HasPrefix(line, want+"+") {
		t.Errorf("the roster has %q, the record %q", s.roster.SigningKey, line)
	}
	if len(m.signedBy) != 1 || m.signedBy[0] != want || !m.sealCall() {
		t.Errorf("sealed with signatures by %q, and announced: %v", m.signedBy, m.sealCall())
	}
	if n := len(m.find("confirmed")); n < 3 {
		t.Errorf("%d confirmations: operator and witness agree to a new key", n)
	}
	if s.token.logins != 1 {
		t.Errorf("%d logins", s.token.logins)
	}

	// The next ceremony signs with the same.
	m = s.must(s.open(ceremony.Unseal, s.signing(false)))
	if f := m.find("signing-key")[0].Facts; f.Text("result") != "same" || f.Flag("generated") || f.Text("before") != line {
		t.Errorf("the second time: %+v", f)
	}
	// Another key is named, with the old one.
	was := signingKey
	defer func() { signingKey = was }()
	signingKey = otherSigningKey()
	m = s.must(s.open(ceremony.Unseal, s.signing(false)))
	f := m.find("signing-key")[0].Facts
	if f.Text("result") != "other" || f.Text("before") != line || s.roster.SigningKey != f.Text("key") || len(s.roster.OldSigningKeys) != 1 {
		t.Errorf("another key: %+v, roster %q %q", f, s.roster.SigningKey, s.roster.OldSigningKeys)
	}
	if !strings.Contains(m.seen.String(), "ANOTHER KEY signed the earlier record") {
		t.Error("nobody is told that the key is another one")
	}
}

// TestSignRecordFails: no failure to sign loses the record, and every one is said.
func TestSignRecordFails(t *testing.T) {
	gone := hsm.ErrTokenGone
	for _, test := range []struct {
		name    string
		fail    map[string]error // when the page of that step is first drawn
		step    string
		choose  string
		signed  bool
		says    string // the outcome
		pins    int
		without int // overrides
	}{
		{"at the trial, then without", map[string]error{"Sign": gone}, "sign-off", "without", false, "The checkpoint is not signed by the HSM.", 1, 1},
		{"at the trial, then again", map[string]error{"Sign": gone}, "sign-off", "again", true, "", 2, 0},
		{"at the seal", map[string]error{"Sign": gone}, "close", "", false, "NOT signed by the HSM, and the record is whole", 1, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := initialised(t)
			m := s.open(ceremony.Unseal, s.signing(false))
			done, pins := false, 0
			m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
				if p.Kind == ceremony.AskSecret {
					pins++
				}
				if p.StepID == test.step && !done {
					done = true
					for name, err := range test.fail {
						s.token.err[name] = err
					}
				}
				if p.Kind == ceremony.Choose && strings.Contains(p.Heading, "does not sign") {
					return ceremony.Input{Choice: test.choose}, true
				}
				return ceremony.Input{}, false
			}
			m.drive(nil)
			m.expect(ceremony.CodeDone)
			if signed := len(m.signedBy) == 1; signed != test.signed || m.sealCall() != (test.without == 0) {
				t.Errorf("signed: %v, announced: %v", signed, m.sealCall())
			}
			if o := m.run.Outcome().Sentence; !strings.Contains(o, test.says) || test.says == "" && strings.Contains(o, "signed") {
				t.Errorf("it says %q", o)
			}
			if pins != test.pins {
				t.Errorf("%d PINs", pins)
			}
			if n := len(m.find("override")); n != test.without {
				t.Errorf("%d overrides", n)
			}
		})
	}
}

// TestSignRecordNoKey: without the key, and without leave to make it, people are
// told before anything else is done.
func TestSignRecordNoKey(t *testing.T) {
	s := initialised(t)
	s.token.err["FindSigningKey"] = hsm.ErrKeyNotFound
	m := s.open(ceremony.Unseal, s.signing(false))
	m.drive(func(p ceremony.Prompt) bool { return p.Problem != nil })
	p := m.run.Prompt()
	if p.StepID != "hsm" || p.Problem.Badge != "STOPPED" || !strings.Contains(p.Problem.Do, "sign_record_generate") {
		t.Fatalf("shown: %+v", p)
	}
	m.answer(ceremony.Input{Choice: "stop"})
	m.expect(ceremony.CodeFailed)
	for _, c := range s.token.calls {
		if c == "GenerateSigningKey" {
			t.Error("the key was made all the same")
		}
	}
}

// TestSignAborted: a record that people stop is signed as well.
func TestSignAborted(t *testing.T) {
	s := initialised(t)
	m := s.open(ceremony.Unseal, s.signing(false))
	m.drive(func(p ceremony.Prompt) bool { return p.StepID == "unseal" })
	job, err := m.run.Abort("Olga Example", "a fire alarm")
	if err != nil {
		t.Fatal(err)
	}
	m.do(job)
	m.expect(ceremony.CodeStopped)
	if len(m.signedBy) != 1 || !m.sealCall() {
		t.Error("the record is not signed, or does not say that it will be")
	}
}
