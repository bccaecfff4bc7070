package ceremony_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"conclave/ceremony"
	"conclave/ceremony/plan"
	"conclave/hsm"
	"conclave/hsm/entropy"
	"conclave/hsm/secret"
)

func wrongPIN(ceremony.Prompt) ceremony.Input {
	return ceremony.Input{Secret: secret.Take([]byte("not the PIN at all")), Source: "typed"}
}

func isPIN(p ceremony.Prompt) bool { return p.Kind == ceremony.AskSecret }

func TestWrongPIN(t *testing.T) {
	s := newSite(t)
	m := s.open(ceremony.Init, s.request(ceremony.Init))
	m.on = once(isPIN, wrongPIN)
	s.must(m)
	m.says("A wrong PIN was entered since the last right one.")
	if s.token.logins != 2 {
		t.Errorf("%d tries", s.token.logins)
	}
}

// TestLastTry: before the try that could lock the token a word is typed, each
// time.
func TestLastTry(t *testing.T) {
	s := newSite(t)
	s.token.info.PIN = hsm.PINFinalTry
	m := s.open(ceremony.Init, s.request(ceremony.Init))
	m.drive(isPIN)
	if n := len(m.find("confirmed")); n != 2 || m.find("confirmed")[1].Facts.Text("word") != "LAST" {
		t.Errorf("the record says %v", m.find("confirmed"))
	}
	m.answer(wrongPIN(ceremony.Prompt{}))
	p := m.run.Prompt()
	if p.Kind != ceremony.Choose || !strings.Contains(p.Heading, hsm.ErrPINLocked.Error()) {
		t.Fatalf("after the last try: %+v", p)
	}
	if s.token.logins != 1 {
		t.Errorf("%d tries", s.token.logins)
	}
	m.abort()
	m.expect(ceremony.CodeStopped)
}

// TestNoUsePIN asks nobody for a PIN that cannot help, and goes on once the
// security officer has set it.
func TestNoUsePIN(t *testing.T) {
	for state, want := range map[hsm.PINState]error{hsm.PINLocked: hsm.ErrPINLocked, hsm.PINNotSet: hsm.ErrPINNotSet} {
		s := newSite(t)
		s.token.info.PIN = state
		m := s.open(ceremony.Init, s.request(ceremony.Init))
		m.drive(isFailure)
		if s.token.logins != 0 || !strings.Contains(m.run.Prompt().Heading, want.Error()) {
			t.Fatalf("%d tries, %+v", s.token.logins, m.run.Prompt())
		}
		s.token.info.PIN = hsm.PINOK
		s.must(m)
	}
}

func TestProtectedPath(t *testing.T) {
	s := newSite(t)
	s.token.info.ProtectedPath = true
	m := s.must(s.open(ceremony.Init, s.request(ceremony.Init)))
	for _, p := range m.prompts {
		if isPIN(p) {
			t.Error("a PIN was asked for")
		}
	}
	if got := m.find("equipment")[0].Facts.Text("login"); got != "protected-path" {
		t.Errorf("recorded as %q", got)
	}
}

// TestGivenPIN tries the PIN of the configuration once, and says that it is
// single control.
func TestGivenPIN(t *testing.T) {
	for name, c := range map[string]struct {
		pin   string
		typed int
	}{"right": {pin, 0}, "wrong": {"another PIN", 1}} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			m := s.openWith(ceremony.Init, s.request(ceremony.Init), func(e *ceremony.Env) {
				e.PIN, e.Machine.Login = secret.Take([]byte(c.pin)), "configuration /etc/bao.hcl"
			})
			s.must(m)
			asked := 0
			for i, p := range m.prompts {
				if isPIN(p) && p.Stamp != m.prompts[i-1].Stamp {
					asked++
				}
			}
			if asked != c.typed || m.env.PIN.Len() != 0 {
				t.Errorf("asked %d times; the PIN has %d bytes left", asked, m.env.PIN.Len())
			}
			rep, _ := m.events()
			if !slices.ContainsFunc(rep.Overrides, func(s string) bool { return strings.HasPrefix(s, "Single control: whoever can read the configuration") }) {
				t.Errorf("the overrides are %q", rep.Overrides)
			}
		})
	}
}

// TestNoKey is rule S4.
func TestNoKey(t *testing.T) {
	s := newSite(t)
	s.token.noKey = true
	m := s.open(ceremony.Init, s.request(ceremony.Init))
	m.drive(func(p ceremony.Prompt) bool { return at(p, "hsm", ceremony.Choose) })
	p := m.run.Prompt().Problem
	if !strings.Contains(p.Happened, `"bao-root-key"`) || !strings.Contains(p.Do, "hsm-generate-key") || p.State == "" {
		t.Errorf("%+v", p)
	}
	m.abort()
	m.expect(ceremony.CodeStopped)
	if slices.Contains(s.token.calls, "GenerateKey") || s.disk.Changes() != 0 {
		t.Error("something was made")
	}
}

// TestGenerate makes the key only after two people confirmed it.
func TestGenerate(t *testing.T) {
	s := newSite(t)
	s.token.noKey = true
	q := s.request(ceremony.Init)
	q.GenerateKey = true
	m := s.open(ceremony.Init, q)
	m.drive(func(ceremony.Prompt) bool { return slices.Contains(s.token.calls, "GenerateKey") })
	var roles []string
	for _, e := range m.find("confirmed") {
		if e.Facts.Text("word") == "GENERATE" {
			roles = append(roles, e.Facts.Text("role"))
		}
	}
	if !slices.Equal(roles, []string{"operator", "witness"}) {
		t.Errorf("confirmed by %q", roles)
	}
	s.must(m)
	if k := m.find("key"); len(k) != 1 || !k[0].Facts.Flag("generated") {
		t.Errorf("the record says %v", k)
	}
}

// TestSoftwareToken: outside a rehearsal a software token needs a word of its
// own, and is an override.
func TestSoftwareToken(t *testing.T) {
	s := newSite(t)
	s.practice, s.token.info.Software = false, true
	m := s.open(ceremony.Init, s.request(ceremony.Init))
	m.drive(func(p ceremony.Prompt) bool { return p.Word == "SOFTWARE" })
	m.answer(ceremony.Input{Text: "yes"})
	if m.run.Prompt().Word != "SOFTWARE" {
		t.Fatal("yes was taken for SOFTWARE")
	}
	s.must(m)
	if got := m.overrides(); got != "software-token one-pin-holder plain-shares" {
		t.Errorf("the overrides are %s", got)
	}
}

// TestTokenClock: a token with a clock of its own is compared with this machine's,
// and what is far off is said.
func TestTokenClock(t *testing.T) {
	for off, want := range map[time.Duration]string{0: "as this machine's clock", -3 * time.Second: "3 s behind this machine's clock", 2 * time.Minute: "120 s ahead of this machine's clock"} {
		s := newSite(t)
		s.token.clock = func() time.Time { return s.clock.now().Add(off) }
		m := s.must(s.open(ceremony.Init, s.request(ceremony.Init)))
		if got := m.find("equipment")[0].Facts.Text("clock"); !strings.HasSuffix(got, want) {
			t.Errorf("%s: the record says %q", off, got)
		}
		if said := strings.Contains(m.seen.String(), "Which of them is wrong?"); said != (off > time.Minute) {
			t.Errorf("%s: said on the page: %v", off, said)
		}
	}
}

// TestHSMFails lets every call of the token fail once, with what it means then:
// the page says so, and a second try goes on.
func TestHSMFails(t *testing.T) {
	for call, err := range map[string]error{"Info": hsm.ErrTokenNotFound, "Login": hsm.ErrTimeout, "FindKey": hsm.ErrKeyAmbiguous, "SelfTest": hsm.ErrTokenGone} {
		t.Run(call, func(t *testing.T) {
			s := newSite(t)
			s.token.err[call] = err
			m := s.must(s.open(ceremony.Init, s.request(ceremony.Init)))
			m.says("It failed: ")
			if n := len(m.find("failed")); n != 1 {
				t.Errorf("%d failures are in the record", n)
			}
		})
	}
}

// TestSelfTestWarns: what is no failure but should be known has its own sign.
func TestSelfTestWarns(t *testing.T) {
	s := newSite(t)
	s.token.doubts = true
	marks := map[string]ceremony.Mark{}
	m := s.openWith(ceremony.Init, s.request(ceremony.Init), func(e *ceremony.Env) {
		e.Progress = func(l ceremony.Line) { marks[l.Text] = l.Mark }
	})
	m.drive(func(ceremony.Prompt) bool { return len(m.find("self-test")) > 0 })
	if marks["refused a changed blob"] != ceremony.Warn || marks["wrapped and unwrapped 32 bytes, and they are the same"] != ceremony.Good {
		t.Errorf("shown as %v", marks)
	}
}

// TestNoRandomBytes: a token that gives no random bytes, or bad ones, stops
// nothing, and is not said to have given any.
func TestNoRandomBytes(t *testing.T) {
	s := newSite(t)
	s.token.err["Seed"] = entropy.ErrPoor
	m := s.open(ceremony.Init, s.request(ceremony.Init))
	s.must(m)
	e := m.find("entropy")
	if len(e) != 1 || e[0].Facts.Text("sources") != "operating system only" || e[0].Facts.Text("why") != entropy.ErrPoor.Error() {
		t.Errorf("the record says %v", e)
	}
}

// TestLibraryOfThePlan: the library that is loaded is the one of the agreed plan.
func TestLibraryOfThePlan(t *testing.T) {
	for sum, same := range map[string]bool{strings.Repeat("00", 32): true, strings.Repeat("ab", 32): false} {
		s := initialised(t)
		q := s.request(ceremony.Unseal)
		q.Values = append(q.Values, plan.Value{Name: plan.LibraryFile, Text: "/usr/lib/softhsm/libsofthsm2.so, SHA-256 " + sum, Source: "read before the ceremony"})
		m := s.open(ceremony.Unseal, q)
		if same {
			s.must(m)
			continue
		}
		m.drive(func(p ceremony.Prompt) bool { return p.Problem != nil })
		m.says("another than when the plan was agreed to")
		if len(m.find("pin")) != 0 || s.token.logins > 1 { // the init's
			t.Error("somebody was asked for a PIN")
		}
	}
}
