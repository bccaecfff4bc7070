package ceremony_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/anchor"
	"conclave/hsm"
	"conclave/hsm/secret"
	"conclave/vaultstate/vaulttest"
)

// anchored is a site whose HSM keeps the vault's anchor since its init.
func anchored(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	q := s.request(ceremony.Init)
	q.Anchor = "hsm"
	s.must(s.open(ceremony.Init, q))
	return s
}

// note is what a token keeps beside a key.
func (s *site) note(k *token, key string) (anchor.Anchor, bool) {
	s.t.Helper()
	a, ok, err := anchor.Latest(k.data[anchor.Label(key)])
	if err != nil {
		s.t.Fatal(err)
	}
	return a, ok
}

// fits tells whether the token's note is of what the last record left.
func (s *site) fits(key string) error {
	a, ok := s.note(s.token, key)
	if !ok {
		return fmt.Errorf("there is none beside %s", key)
	}
	if ro := s.roster; a.Next != nil || a.Now.Ceremony != ro.Ceremony || a.Now.Sequence != ro.Sequence || a.Now.RecoveryKey != ro.RecoveryKey ||
		a.Now.RootKey != ro.RootKey || a.Now.Term != ro.Term() || ro.AnchorHead != a.Now.Head || ro.Anchor != key {
		return fmt.Errorf("%+v, and the roster has %+v", a, ro)
	}
	return nil
}

// stopped plays a rotate to the failure of code 4 that says so, before anybody is
// asked for a share.
func (s *site) stopped(says string) *room {
	s.t.Helper()
	m := s.open(ceremony.Rotate, s.request(ceremony.Rotate))
	m.drive(isFailure)
	if m.asked(five[0]) > 0 {
		s.t.Error("a share was asked for")
	}
	if p := m.run.Prompt(); !strings.Contains(p.Heading, says) || len(p.Choices) != 1 {
		s.t.Fatalf("%+v", p)
	}
	m.answer(ceremony.Input{Choice: "stop"})
	m.expect(ceremony.CodeChanged)
	return m
}

// TestAnchorFollows: every ceremony brings the note up to date, whether its plan
// speaks of it or not.
func TestAnchorFollows(t *testing.T) {
	s := anchored(t)
	if err := s.fits("test:01"); err != nil {
		t.Fatal("init:", err)
	}
	for _, c := range []ceremony.Ceremony{ceremony.Rekey, ceremony.RecoveryRekey, ceremony.Rotate, ceremony.GenerateRoot, ceremony.Unseal, ceremony.Recover} {
		m := s.must(s.open(c, s.request(c)))
		if err := s.fits("test:01"); err != nil {
			t.Errorf("%s: %v", c.ID, err)
		}
		if v := m.find("anchor")[0].Facts; v.Text("moment") != "found" || v.Text("verdict") != "same" {
			t.Errorf("%s found %v", c.ID, v)
		}
	}
}

// TestAnchorOlderState: an older state that was put back together with the
// record of its day is found by the anchor. Without one it is not.
func TestAnchorOlderState(t *testing.T) {
	for name, c := range map[string]struct {
		then ceremony.Ceremony
		says string
	}{
		"an older recovery key": {ceremony.RecoveryRekey, "its recovery key is one that was replaced before KC-2 ended"},
		"an older root key":     {ceremony.Rekey, "its root key is one that was replaced before KC-2 ended"},
		"an older term":         {ceremony.Rotate, "its encryption key is of term 1, and KC-2 left term 2"},
	} {
		t.Run(name, func(t *testing.T) {
			s := anchored(t)
			older, record := s.disk.Crash(vaulttest.Kept), s.roster
			held := s.held
			s.must(s.open(c.then, s.request(c.then)))
			s.disk, s.roster, s.held = older, record, held
			s.stopped("an older state was put back, by the anchor in the HSM: " + c.says)
			s.roster = nil
			s.stopped(c.says)
			s.token.data = nil // whoever can log in can take it away
			s.must(s.open(ceremony.Unseal, s.request(ceremony.Unseal)))
		})
	}
}

// TestAnchorGone: an anchor that the record left and the HSM does not have.
func TestAnchorGone(t *testing.T) {
	s := anchored(t)
	s.token.data = nil
	s.stopped("the HSM has no anchor beside its key test:01, and KC-1 left one beside test:01")
	s.token.data = map[string][][]byte{anchor.Label("test:01"): {[]byte("{}")}}
	s.stopped("cannot be read")
}

// TestAnchorOlderRecord: the state is the last, and the record that was given is
// not.
func TestAnchorOlderRecord(t *testing.T) {
	s := anchored(t)
	record := s.roster
	s.must(s.open(ceremony.Unseal, s.request(ceremony.Unseal)))
	s.roster = record
	s.stopped("the record that was given, KC-1, is number 1 of the vault, and the anchor in the HSM names KC-2, number 2")

	forged := *record
	forged.AnchorHead = strings.Repeat("0", 64)
	s = anchored(t)
	forged.Ceremony, forged.AnchorCeremony = s.roster.Ceremony, s.roster.Ceremony
	forged.RecoveryKey, forged.RootKey, forged.Terms = s.roster.RecoveryKey, s.roster.RootKey, s.roster.Terms
	s.roster = &forged
	s.stopped("is not the one that the anchor in the HSM names")
}

// TestAnchorMadeLater: a vault without one gets it when a plan says so.
func TestAnchorMadeLater(t *testing.T) {
	s := initialised(t)
	q := s.request(ceremony.Rotate)
	q.Anchor = "hsm"
	m := s.must(s.open(ceremony.Rotate, q))
	if err := s.fits("test:01"); err != nil {
		t.Error(err)
	}
	if n := len(m.find("anchor")); n != 3 { // made, before the swap, after it
		t.Errorf("%d events", n)
	}
}

// TestAnchorLacking: a token that keeps no data object costs nothing but that.
func TestAnchorLacking(t *testing.T) {
	for _, c := range []ceremony.Ceremony{ceremony.Init, ceremony.Rotate} {
		s := siteFor(t, c)
		s.token.err["PutData"] = hsm.ErrNoData
		q := s.request(c)
		q.Anchor = "hsm"
		m := s.must(s.open(c, q))
		if !strings.Contains(m.seen.String(), "This token keeps no data object") {
			t.Errorf("%s: nobody was told", c.ID)
		}
		if e := m.find("anchor"); len(e) != 1 || e[0].Facts.Text("moment") != "lacking" {
			t.Errorf("%s: %v", c.ID, e)
		}
	}
}

// TestAnchorCut: a ceremony that was cut off around its commit is told from an
// older state that was put back.
func TestAnchorCut(t *testing.T) {
	for name, c := range map[string]struct {
		at      string
		verdict string
	}{"before the swap": {"swapped in", "same"}, "before the anchor": {"write the vault's anchor", "next"}} {
		t.Run(name, func(t *testing.T) {
			s := anchored(t)
			m := s.open(ceremony.Rekey, s.request(ceremony.Rekey))
			cut := func(p ceremony.Prompt) bool {
				return strings.Contains(p.Heading, c.at) || len(p.Lines) > 0 && strings.Contains(p.Lines[0].Text, c.at)
			}
			m.drive(cut)
			if c.verdict == "same" { // the anchor names the state to come, the swap is not made
				a, _ := s.note(s.token, "test:01")
				next := a.Now
				next.RootKey = strings.Repeat("e", 64)
				b, err := a.Begin(next).Encode()
				if err != nil {
					t.Fatal(err)
				}
				s.token.data[anchor.Label("test:01")] = append(s.token.data[anchor.Label("test:01")], b)
			}
			m.kill()
			u := s.must(s.open(ceremony.Rotate, s.request(ceremony.Rotate)))
			if v := u.find("anchor")[0].Facts.Text("verdict"); v != c.verdict {
				t.Errorf("the anchor was found to be %q", v)
			}
			if err := s.fits("test:01"); err != nil {
				t.Error(err)
			}
		})
	}
}

// halfway plays a rekey to its first page of a step, where it is stopped, or cut
// off.
func (s *site) halfway(step string, end func(*room)) {
	s.t.Helper()
	m := s.open(ceremony.Rekey, s.request(ceremony.Rekey))
	m.drive(func(p ceremony.Prompt) bool { return p.StepID == step && p.Kind != ceremony.Work })
	end(m)
}

var ends = map[string]func(*room){"cut off": (*room).kill, "stopped": func(m *room) { m.abort(); m.keepRecord() }}

// TestAnchorOfStopped: a run that was stopped, or cut off, after the HSM had been
// met is in the anchor. One whose record was taken away is missed by the next,
// and by every one after it until two people answer for that.
func TestAnchorOfStopped(t *testing.T) {
	for name, end := range ends {
		for _, step := range []string{"shares", "go"} {
			t.Run(name+" at "+step, func(t *testing.T) {
				s := anchored(t)
				record := s.roster
				s.halfway(step, end)
				s.roster = record // its directory was deleted
				s.stopped("the record that was given, KC-1, is number 1 of the vault, and the anchor in the HSM names KC-2, number 2").keepRecord()
				s.stopped("the record of KC-2 was missing when KC-3 was held").keepRecord()
				q := s.request(ceremony.Rotate)
				q.AdoptState = "the record of that morning was burnt"
				s.must(s.open(ceremony.Rotate, q))
				if err := s.fits("test:01"); err != nil {
					t.Error(err)
				}
				s.must(s.open(ceremony.Unseal, s.request(ceremony.Unseal)))
			})
		}
	}
}

// TestAnchorOfKept: with its record nothing is missing, and the next names it.
func TestAnchorOfKept(t *testing.T) {
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			s := anchored(t)
			for _, step := range []string{"shares", "brief", "go"} { // the second has not come to the HSM
				s.halfway(step, end)
			}
			m := s.must(s.open(ceremony.Rotate, s.request(ceremony.Rotate)))
			if f := m.find("anchor")[0].Facts; f.Text("moment") != "found" || f.Text("ceremony") != "KC-4" || f.Number("sequence") != 4 || f.Text("verdict") != "same" {
				t.Errorf("it found %v", f)
			}
			if f := m.find("header")[0].Facts; f.Number("sequence") != 5 || f.Text("previous_outcome") == "closed" {
				t.Errorf("its header: %v", f)
			}
			if err := s.fits("test:01"); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestAnchorNotNamed: where the HSM does not take the name of a run, or takes it
// and does not say so, nobody is asked for a share; and the next run, which has
// the record, goes on.
func TestAnchorNotNamed(t *testing.T) {
	for name, taken := range map[string]bool{"refused": false, "the answer lost": true} {
		t.Run(name, func(t *testing.T) {
			s := anchored(t)
			m := s.openWith(ceremony.Rotate, s.request(ceremony.Rotate), func(e *ceremony.Env) { e.HSM = &mute{s.token, taken} })
			m.drive(isFailure)
			if m.asked(five[0]) > 0 || !strings.Contains(m.run.Prompt().Heading, "name this run") {
				t.Errorf("%+v", m.run.Prompt())
			}
			m.answer(ceremony.Input{Choice: "stop"})
			m.expect(ceremony.CodeFailed)
			m.keepRecord()
			if a, _ := s.note(s.token, "test:01"); (a.Now.Ceremony == "KC-2") != taken {
				t.Errorf("the anchor names %s", a.Now.Ceremony)
			}
			s.must(s.open(ceremony.Rotate, s.request(ceremony.Rotate)))
			if err := s.fits("test:01"); err != nil {
				t.Error(err)
			}
		})
	}
}

// mute is a token that answers no writing of a data object.
type mute struct {
	*token
	taken bool
}

func (k *mute) PutData(ctx context.Context, label string, value []byte) error {
	if k.taken {
		if err := k.token.PutData(ctx, label, value); err != nil {
			return err
		}
	}
	k.loggedIn = false // its library is started anew
	return fmt.Errorf("writing: %w", hsm.ErrTimeout)
}

// TestAnchorUndone: what was put back is what the anchor names.
func TestAnchorUndone(t *testing.T) {
	undo := func(p ceremony.Prompt) (ceremony.Input, bool) {
		if p.StepID == "rollback" && p.Kind == ceremony.Choose {
			return ceremony.Input{Choice: "undo"}, true
		}
		return ceremony.Input{}, false
	}
	s := anchored(t)
	m := s.open(ceremony.Rekey, s.request(ceremony.Rekey))
	m.on = undo
	m.drive(nil)
	m.expect(ceremony.CodeDone)
	m.keepRecord()
	if err := s.fits("test:01"); err != nil {
		t.Error(err)
	}
	s.must(s.open(ceremony.Rotate, s.request(ceremony.Rotate)))

	s = newSite(t)
	q := s.request(ceremony.Init)
	q.Anchor = "hsm"
	m = s.open(ceremony.Init, q)
	m.on = undo
	m.drive(nil)
	m.expect(ceremony.CodeDone)
	if _, ok := s.note(s.token, "test:01"); ok {
		t.Error("an anchor of a vault that was taken away")
	}
	s.must(s.open(ceremony.Init, s.request(ceremony.Init)))
}

// TestAnchorRewrap: the note goes with the vault, and beside the old key it says
// where.
func TestAnchorRewrap(t *testing.T) {
	for _, other := range []bool{false, true} {
		s := anchored(t)
		older, record, old, seal := s.disk.Crash(vaulttest.Kept), s.roster, s.token, s.seal
		q := s.request(ceremony.Rewrap)
		q.Rewrap.OtherToken = other
		s.must(s.open(ceremony.Rewrap, q))
		if err := s.fits("test:02"); err != nil {
			t.Errorf("another token %v: %v", other, err)
		}
		a, _ := s.note(old, "test:01")
		if a.Now.Key != "test:02" {
			t.Errorf("another token %v: beside the old key: %+v", other, a)
		}
		s.disk, s.roster, s.token, s.seal = older, record, old, seal
		s.stopped("the vault was moved to the HSM key test:02 in KC-2, and this state is wrapped with test:01")
	}
}

// TestAnchorOfAnotherVault: a key stands for one vault.
func TestAnchorOfAnotherVault(t *testing.T) {
	s := anchored(t)
	s.disk, s.roster = vaulttest.NewDisk(), nil
	s.disk.MkdirAll("/vault")
	m := s.open(ceremony.Init, s.request(ceremony.Init))
	m.drive(isFailure)
	if p := m.run.Prompt(); !strings.Contains(p.Heading, "this storage is not initialised") {
		t.Fatalf("%+v", p)
	}
	m.answer(ceremony.Input{Choice: "stop"})
	m.expect(ceremony.CodeChanged)
}

// TestAdopt: two people answer for a state that was put back; from then on it is
// the known one, and the shares of the set before are not known to fit.
func TestAdopt(t *testing.T) {
	s := anchored(t)
	older, held := s.disk.Crash(vaulttest.Kept), s.held
	s.held = map[string]secret.Bytes{}
	for name, b := range held {
		s.held[name] = b
	}
	s.must(s.open(ceremony.RecoveryRekey, s.request(ceremony.RecoveryRekey)))
	s.disk, s.held = older, held
	q := s.request(ceremony.Rotate)
	q.AdoptState = "the disk was restored from the backup of Sunday"
	m := s.open(ceremony.Rotate, q)
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) { // the records still say that it was replaced
		return ceremony.Input{Choice: "use"}, p.StepID == "shares" && p.Kind == ceremony.Choose
	}
	s.must(m)
	if n := len(m.find("confirmed")); n < 4 {
		t.Errorf("%d words were typed", n)
	}
	e := m.find("adopted")
	if len(e) != 1 || len(e[0].Facts.List("found")) != 2 || e[0].Facts.Text("by") != "Olga Example and Wim Waters" || e[0].Facts.Text("reason") != q.AdoptState {
		t.Errorf("%v", e)
	}
	if d := m.find("deviation"); len(d) != 1 || !strings.Contains(d[0].Facts.Text("decided"), q.AdoptState) {
		t.Errorf("%v", d)
	}
	if o := m.find("override"); len(o) == 0 || o[len(o)-1].Facts.Text("id") != "adopted-state" {
		t.Errorf("%v", o)
	}
	if _, ok := s.roster.ValidSet(); ok {
		t.Error("a set of shares is called valid")
	}
	if err := s.fits("test:01"); err != nil {
		t.Error(err)
	}
	// Nothing is left to adopt.
	m = s.must(s.open(ceremony.Unseal, s.request(ceremony.Unseal)))
	if len(m.find("adopted")) > 0 {
		t.Error("it was adopted again")
	}
}
