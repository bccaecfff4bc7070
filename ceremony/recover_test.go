package ceremony_test

import (
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/plan"
	"conclave/ceremony/record"
	"conclave/hsm/secret"
)

// trying is what old holders do who have a share: by name, what they type.
func trying(m *room, shares map[string]secret.Bytes) func(ceremony.Prompt) (ceremony.Input, bool) {
	return func(p ceremony.Prompt) (ceremony.Input, bool) {
		if p.StepID != "authority" {
			return ceremony.Input{}, false
		}
		name, _, _ := strings.Cut(p.Heading, " held share")
		switch raw, has := shares[name]; {
		case p.Kind == ceremony.Choose && has && raw.Len() > 0:
			return ceremony.Input{Choice: "good"}, true
		case p.Kind == ceremony.AskShare:
			return m.typed(shares[p.By.Name]), true
		}
		return ceremony.Input{}, false
	}
}

func states(m *room) string {
	var list []string
	for _, ev := range m.find("old-holder") {
		list = append(list, strings.Fields(ev.Facts.Text("name"))[0]+" "+ev.Facts.Text("state"))
	}
	return strings.Join(list, ", ")
}

// TestQuorumNotLost: once a threshold of the old shares turns out to be good,
// nothing is made: they authorise a recovery rekey.
func TestQuorumNotLost(t *testing.T) {
	s := initialised(t)
	m := s.open(ceremony.Recover, s.request(ceremony.Recover))
	wrong := s.held[five[1]].Clone() // which hides nothing: the others are enough
	wrong.Expose()[3] ^= 0x10
	s.secrets = append(s.secrets, wrong)
	m.on = trying(m, map[string]secret.Bytes{five[0]: s.held[five[0]], five[1]: wrong, five[2]: s.held[five[2]], five[3]: s.held[five[3]], five[4]: s.held[five[4]]})
	m.drive(nil)
	m.expect(ceremony.CodeStopped)
	m.says("3 of the old shares are good: the quorum is not lost. Nothing is changed. The shares were wiped. Hold a recovery rekey")
	if got := states(m); got != "Alice good, Bob refused, Carol good, Dora good" {
		t.Errorf("old holders: %s", got)
	}
	if n := len(m.find("staged")) + len(m.find("issued")); n != 0 {
		t.Errorf("%d events say that something was made", n)
	}
	if !s.works(three(s.held)...) {
		t.Error("the shares do not work any more")
	}
}

// TestOldHolders: a share that is tried and is none, another's, a slip and its
// mending; who is not here. Then the new shares count and the old do not, and
// every later record says that they were made without a quorum.
func TestOldHolders(t *testing.T) {
	s := initialised(t)
	q := s.request(ceremony.Recover)
	q.Custodians = append([]string{"Nora New"}, five[:4]...) // Erik is not here
	m := s.open(ceremony.Recover, q)
	wrong := s.held[five[1]].Clone()
	wrong.Expose()[3] ^= 0x10
	s.secrets = append(s.secrets, wrong)
	typed := map[string]secret.Bytes{five[0]: s.held[five[1]], five[1]: wrong}
	try := trying(m, typed)
	slip := once(func(p ceremony.Prompt) bool { return at(p, "authority", ceremony.AskShare) && p.By.Name == five[1] },
		func(ceremony.Prompt) ceremony.Input {
			return ceremony.Input{Secret: secret.Take([]byte("12345")), Source: "typed"}
		})
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		if in, ok := slip(p); ok {
			return in, true
		}
		if at(p, "authority", ceremony.Choose) {
			switch {
			case p.Heading == "The share was not taken" && strings.Contains(p.Text[0], "5 characters"):
				return ceremony.Input{Choice: "again"}, true
			case p.Heading == "The share was not taken":
				return ceremony.Input{Choice: "refused"}, true
			case strings.HasPrefix(p.Heading, "This is the share of Bob Baker, typed in Alice Adams's turn"):
				typed[five[0]] = s.held[five[0]] // and now her own
				return ceremony.Input{Choice: "deviation"}, true
			}
		}
		return try(p)
	}
	s.must(m)
	if got := states(m); got != "Alice good, Bob refused, Carol present, Dora present, Erik absent" {
		t.Errorf("old holders: %s", got)
	}
	m.says("This is not the share that Bob Baker was handed out.")
	if d := m.find("deviation"); len(d) != 1 || !strings.Contains(d[0].Facts.Text("happened"), "Bob Baker's share was entered in Alice Adams's turn") {
		t.Errorf("deviations: %+v", d)
	}
	if len(m.find("notice")) != 5 || !strings.Contains(string(m.shelf.files["notices/5-erik-esser.txt"]), "NOTICE to Erik Esser: you held share 5") {
		t.Errorf("notices: %+v", m.find("notice"))
	}
	if s.works(three(s.old)...) {
		t.Error("the old shares work")
	}
	// For ever: after a ceremony in between as well.
	for range 2 {
		next := s.request(ceremony.Rotate)
		next.Custodians = q.Custodians
		m = s.must(s.open(ceremony.Rotate, next))
		rep, events := m.events()
		if said := strings.Join(rep.Overrides, " "); !strings.Contains(said, "without a quorum, in a rehearsal. (KC-2)") {
			t.Errorf("overrides: %s", said)
		}
		var out strings.Builder
		if err := record.New(events, rep).Text(&out); err != nil || !strings.Contains(strings.Join(strings.Fields(out.String()), " "), "without a quorum, in a rehearsal. (KC-2)") {
			t.Errorf("the report does not say it: %v", err)
		}
	}
}

// TestRecoverUndone: what was put back is not said for ever.
func TestRecoverUndone(t *testing.T) {
	s := initialised(t)
	m := s.open(ceremony.Recover, s.request(ceremony.Recover))
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		return ceremony.Input{Choice: "undo"}, at(p, "rollback", ceremony.Choose)
	}
	m.drive(nil)
	m.expect(ceremony.CodeDone)
	m.keepRecord()
	if n := len(s.roster.Recreated); n != 0 || len(m.find("notice")) != 0 {
		t.Errorf("%d times re-created, %d notices", n, len(m.find("notice")))
	}
	if !s.works(three(s.held)...) {
		t.Error("the old shares do not work")
	}
}

// production is a site whose vault counts.
func production(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	s.practice = false
	s.must(s.open(ceremony.Init, s.request(ceremony.Init)))
	return s
}

// TestRecoverWithoutAuthority: a plan that lacks what a recover asks for ends
// before anything is made, whoever resolved it. With the glass broken it goes
// on, and every later record says so.
func TestRecoverWithoutAuthority(t *testing.T) {
	s := production(t)
	m := s.open(ceremony.Recover, s.request(ceremony.Recover))
	m.drive(nil)
	m.expect(ceremony.CodeFailed)
	m.says("This ceremony has not the authority that it needs. Nothing is changed. No record that something outside of it confirms has the set")
	m.says("0 of 2 approvals count that a recover needs")
	m.says("One person typed the whole PIN")
	if n := len(m.find("recovery")) + len(m.find("staged")); n != 0 {
		t.Errorf("%d events say that something was done", n)
	}
	if !s.works(three(s.held)...) {
		t.Error("the shares do not work any more")
	}
	m.keepRecord()

	q := s.request(ceremony.Recover)
	q.Recovery.BreakGlass = plan.BreakGlassWord
	s.must(s.open(ceremony.Recover, q))
	s.must(s.open(ceremony.Rekey, s.request(ceremony.Rekey)))
	m = s.must(s.open(ceremony.Rotate, s.request(ceremony.Rotate)))
	rep, _ := m.events()
	if said := strings.Join(rep.Overrides, " "); !strings.Contains(said, "without anybody who held it before. (KC-4)") {
		t.Errorf("overrides: %s", said)
	}
	if r := s.roster.Recreated; len(r) != 1 || !r[0].BreakGlass || r[0].Reason != "loss" {
		t.Errorf("the roster says %+v", r)
	}
}

// TestRecoverWithThePad: a PIN that is entered at the HSM's own pad needs nobody
// who types it.
func TestRecoverWithThePad(t *testing.T) {
	s := production(t)
	s.token.info.ProtectedPath = true
	m := s.open(ceremony.Recover, s.request(ceremony.Recover))
	m.drive(nil)
	m.expect(ceremony.CodeFailed)
	if strings.Contains(m.problems(), "One person typed the whole PIN") {
		t.Error("two who type it are asked for")
	}
}
