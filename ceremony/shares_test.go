package ceremony_test

import (
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/hsm/secret"
	"conclave/vaultstate/share"
)

// once answers once with in where when fits.
func once(when func(ceremony.Prompt) bool, in func(ceremony.Prompt) ceremony.Input) func(ceremony.Prompt) (ceremony.Input, bool) {
	done := false
	return func(p ceremony.Prompt) (ceremony.Input, bool) {
		if done || !when(p) {
			return ceremony.Input{}, false
		}
		done = true
		return in(p), true
	}
}

// asked counts how often somebody was asked for a share.
func (m *room) asked(name string) int {
	n := 0
	for i, p := range m.prompts {
		if p.StepID == "shares" && p.Kind == ceremony.AskShare && p.By.Name == name && (i == 0 || m.prompts[i-1].Stamp != p.Stamp) {
			n++
		}
	}
	return n
}

// wrong is a share that is none of the vault's.
func (s *site) wrong(x byte) secret.Bytes {
	raw := secret.Random(33)
	raw.Expose()[32] = x
	s.secrets = append(s.secrets, raw)
	return raw
}

// stranger is a share that is none of the vault's, with a number of its own.
func (s *site) stranger() secret.Bytes {
	used := map[byte]bool{0: true}
	for _, raw := range s.held {
		used[share.X(raw)] = true
	}
	for _, raw := range s.secrets {
		used[share.X(raw)] = true
	}
	x := byte(1)
	for used[x] {
		x++
	}
	return s.wrong(x)
}

// TestOneShare has a custodian type something that can be known to be wrong by
// itself. It is said at once, and only they type again.
func TestOneShare(t *testing.T) {
	alter := func(raw secret.Bytes, scheme func(secret.Bytes) secret.Bytes, at int) secret.Bytes {
		text := scheme(raw)
		if b := text.Expose(); b[at] == '7' {
			b[at] = '8'
		} else {
			b[at] = '7'
		}
		return text
	}
	for name, c := range map[string]struct {
		typed func(s *site) secret.Bytes
		says  string
		alone bool // without earlier records
	}{
		"a wrong group": {func(s *site) secret.Bytes { return alter(s.held[five[1]], s.scheme().Groups, 44) }, "Group 7 does not check.", false},
		"too short":     {func(s *site) secret.Bytes { g := s.scheme().Groups(s.held[five[1]]); return g.Slice(0, 70) }, "The share has 70 characters instead of 77.", false},
		"nothing":       {func(*site) secret.Bytes { return secret.Bytes{} }, "Nothing was typed.", false},
		"x is zero":     {func(s *site) secret.Bytes { return s.scheme().Groups(s.wrong(0)) }, "x-coordinate is 0", false},
		"a real share": {func(s *site) secret.Bytes {
			s.practice = false
			defer func() { s.practice = true }()
			return s.scheme().Groups(s.held[five[1]])
		}, "This is a share of a real vault, not a practice share.", false},
		"a repeat": {func(s *site) secret.Bytes { return s.scheme().Groups(s.held[five[0]]) }, "This share is in already: Alice Adams gave it.", false},
		"the same number": {func(s *site) secret.Bytes { return s.scheme().Groups(s.wrong(s.held[five[0]].Expose()[32])) },
			"This share has the number of the one that Alice Adams gave, and is another.", false},
		"somebody else's": {func(s *site) secret.Bytes { return s.scheme().Groups(s.held[five[3]]) },
			"This is the share of Dora Dean, typed in Bob Baker's turn.", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := initialised(t)
			m := s.open(ceremony.Rotate, s.request(ceremony.Rotate))
			m.on = once(func(p ceremony.Prompt) bool { return at(p, "shares", ceremony.AskShare) && p.By.Name == five[1] },
				func(ceremony.Prompt) ceremony.Input { return ceremony.Input{Secret: c.typed(s), Source: "typed"} })
			s.must(m)
			m.says(c.says)
			if a, b := m.asked(five[0]), m.asked(five[1]); a != 1 || b != 2 {
				t.Errorf("Alice was asked %d times, Bob %d times", a, b)
			}
			refused := 0
			for _, e := range m.find("share-entered") {
				if e.Facts.Text("result") == "refused" {
					refused++
				}
			}
			if refused != 1 {
				t.Errorf("%d shares are refused in the record", refused)
			}
		})
	}
}

func TestHexShare(t *testing.T) {
	s := initialised(t)
	m := s.open(ceremony.Rotate, s.request(ceremony.Rotate))
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		if !at(p, "shares", ceremony.AskShare) {
			return ceremony.Input{}, false
		}
		return ceremony.Input{Secret: hexOf(s.held[p.By.Name]), Source: "pasted"}, true
	}
	s.must(m)
	for _, e := range m.find("share-entered") {
		if e.Facts.Text("form") != "hex" || e.Facts.Text("source") != "pasted" {
			t.Errorf("recorded as %v", e.Facts)
		}
	}
}

func hexOf(raw secret.Bytes) secret.Bytes {
	const digits = "0123456789abcdef"
	out := secret.New(2 * raw.Len())
	for i, b := range raw.Expose() {
		out.Expose()[2*i], out.Expose()[2*i+1] = digits[b>>4], digits[b&15]
	}
	return out
}

// TestReplacedShare: a share of a set that was replaced, or never counted, is
// named. Whoever insists is left to the vault.
func TestReplacedShare(t *testing.T) {
	for name, c := range map[string]struct {
		choice string
		asked  int
	}{
		"types again":  {"again", 2},
		"insists":      {"use", 2},
		"another goes": {"other", 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := initialised(t)
			s.must(s.open(ceremony.RecoveryRekey, s.request(ceremony.RecoveryRekey)))
			q := s.request(ceremony.Rotate)
			q.Custodians = five
			m := s.open(ceremony.Rotate, q)
			old := once(func(p ceremony.Prompt) bool { return at(p, "shares", ceremony.AskShare) && p.By.Name == five[1] },
				func(ceremony.Prompt) ceremony.Input { return m.typed(s.old[five[1]]) })
			m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
				if in, ok := old(p); ok {
					return in, true
				}
				if p.Kind == ceremony.Choose && p.Heading == "This is an old share." {
					return ceremony.Input{Choice: c.choice}, true
				}
				if p.Kind == ceremony.Choose && p.Heading == "Who is next?" {
					return ceremony.Input{Choice: five[3]}, true
				}
				return ceremony.Input{}, false
			}
			s.must(m)
			m.says("This is an old share. Typed: Bob Baker, share 2 of the set of 2026-11-25, which KC-2 replaced: so say the earlier records.")
			if c.choice == "insists" {
				m.says("Found by trying combinations: wrong is the share of Bob Baker.")
			}
		})
	}
}

// TestAnotherProof: at the proof only the very share that was handed out will
// do. Another's, of this set or of an older one, is a stop.
func TestAnotherProof(t *testing.T) {
	s := initialised(t)
	m := s.open(ceremony.RecoveryRekey, s.request(ceremony.RecoveryRekey))
	n := 0
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		if !at(p, "prove", ceremony.AskShare) || p.By.Name != five[1] {
			return ceremony.Input{}, false
		}
		n++
		switch n {
		case 1:
			return m.typed(m.fresh[five[2]]), true
		case 2:
			return m.typed(s.held[five[1]]), true
		case 3:
			return m.typed(s.stranger()), true
		}
		return ceremony.Input{}, false
	}
	s.must(m)
	m.says("This is the share of Carol Chen, typed in Bob Baker's turn. Typed: share 3, which this ceremony made for Carol Chen.")
	m.says("This is not the share that was handed out here: it is the old share 2 of Bob Baker.")
	if got := strings.Count(m.problems(), "This is not the share that was handed out here"); got != 2 {
		t.Errorf("%d refusals", got)
	}
	if d := m.find("deviation"); len(d) != 1 || d[0].Facts.Text("happened") != "Carol Chen's share was entered in Bob Baker's turn" {
		t.Errorf("the deviations are %v", d)
	}
}

// TestOneHolder: a key that is not split goes to one person as ten groups of
// six and one of four.
func TestOneHolder(t *testing.T) {
	s := newSite(t)
	q := s.request(ceremony.Init)
	q.RecoveryShares.Value, q.RecoveryThreshold.Value, q.Custodians = 1, 1, five[:1]
	m := s.open(ceremony.Init, q)
	shown := 0
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		if p.Kind == ceremony.Show && p.Reveal.What == "share" {
			shown = p.Reveal.Text.Len()
		}
		return ceremony.Input{}, false
	}
	s.must(m)
	if shown != 10*7+5 {
		t.Errorf("%d characters were shown", shown)
	}
	rep, _ := m.events()
	if !strings.Contains(strings.Join(rep.Overrides, "\n"), "The recovery key is not split: its one holder acts alone.") {
		t.Errorf("the overrides are %q", rep.Overrides)
	}
	q = s.request(ceremony.Rotate)
	q.Custodians = five[:1]
	s.must(s.open(ceremony.Rotate, q))
}

// TestOrder lets custodians go in another order, and asks for names that the
// plan does not give. The earlier record suggests them.
func TestOrder(t *testing.T) {
	s := initialised(t)
	q := s.request(ceremony.Rotate)
	q.Custodians, q.Witness = nil, ""
	m := s.open(ceremony.Rotate, q)
	passed := false
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		switch {
		case p.Kind == ceremony.Ask && p.Field == "witness":
			return ceremony.Input{Text: "  Wim\tWaters "}, true
		case at(p, "shares", ceremony.HandOver) && p.By.Name == five[0] && !passed:
			passed = true
			return ceremony.Input{Choice: "other"}, true
		case p.Heading == "Who is next?":
			return ceremony.Input{Choice: five[2]}, true
		}
		return ceremony.Input{}, false
	}
	s.must(m)
	entered := m.find("share-entered")
	if entered[0].Claimed != five[2] || entered[1].Claimed != five[0] {
		t.Errorf("%s was first, then %s", entered[0].Claimed, entered[1].Claimed)
	}
	if n := len(m.find("attested")); n == 0 || m.find("attested")[0].Facts.Text("what") != "the agreed plan" {
		t.Error("the plan with the names is not in the record")
	}
}

// TestForeignProof: the share of somebody else, new or old, typed to prove one's
// own ends the ceremony where the people say so, and the set is void.
func TestForeignProof(t *testing.T) {
	for name, other := range map[string]func(*site, *room) secret.Bytes{
		"new": func(_ *site, m *room) secret.Bytes { return m.fresh[five[2]] },
		"old": func(s *site, _ *room) secret.Bytes { return s.held[five[2]] },
	} {
		s := initialised(t)
		m := s.open(ceremony.RecoveryRekey, s.request(ceremony.RecoveryRekey))
		m.drive(func(p ceremony.Prompt) bool { return at(p, "prove", ceremony.AskShare) })
		m.answer(m.typed(other(s, m)))
		if p := m.run.Prompt(); !isFailure(p) || p.Choices[1].ID != "stop" {
			t.Fatalf("%s: %+v", name, p)
		}
		m.answer(ceremony.Input{Choice: "stop"})
		m.expect(ceremony.CodeStopped)
		if d := m.find("deviation"); len(d) != 1 || d[0].Facts.Text("effect") != "stop" || len(m.find("void")) != 1 {
			t.Errorf("%s: deviations %v, void %v", name, d, m.find("void"))
		}
	}
}
