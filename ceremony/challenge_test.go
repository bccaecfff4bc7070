package ceremony_test

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"conclave/ceremony"
	"conclave/ceremony/transcript"
	"conclave/hsm/secret"
	"conclave/vaultstate/share"
)

func atCode(who string) func(ceremony.Prompt) bool {
	return func(p ceremony.Prompt) bool { return p.Sealed != nil && p.Sealed.Challenge && p.By.Name == who }
}

func typing(text string) ceremony.Input {
	return ceremony.Input{Secret: secret.Take([]byte(text)), Source: "typed"}
}

// line is the whole plaintext of a challenge.
func (m *room) line(p ceremony.Prompt) string {
	code := m.challenge(p)
	return "CONCLAVE CHALLENGE — not a share — " + m.env.Plan.ID + " for " + p.By.Name + ": " + string(code.Expose())
}

// TestChallenge: whoever has a key decrypts a code of their own; small letters,
// blanks and the whole plaintext do as well. No code can be read as a share, or
// has a character of one.
func TestChallenge(t *testing.T) {
	s := newSite(t)
	m, medium := s.openMedium()
	codes := map[string]bool{}
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		if p.Sealed == nil || !p.Sealed.Challenge {
			return ceremony.Input{}, false
		}
		code := string(m.challenge(p).Expose())
		codes[code] = true
		for _, size := range []int{32, 33} {
			for _, practice := range []bool{true, false} {
				raw, _, err := (share.Scheme{Practice: practice}).Parse(secret.Take([]byte(code)), size)
				if err == nil {
					t.Errorf("a code can be read as a share of %d bytes", raw.Len())
				}
			}
		}
		if len(code) != 24 || strings.ContainsAny(code, "0123456789ABCDEF?") {
			t.Error("a code has another length, or characters of a share")
		}
		name := strings.TrimPrefix(p.Sealed.File, "/record/")
		if b := medium.challenges.files[name]; b == nil || !bytes.Equal(b, m.shelf.challenges.files[name]) || !bytes.Contains(b, []byte("not a share")) {
			t.Errorf("%s is not on both media, or does not say what it is", name)
		}
		switch p.By.Name {
		case five[0]:
			return typing(strings.ToLower(strings.ReplaceAll(code, "-", " ")) + " "), true
		case five[1]:
			return typing(m.line(p) + "\n"), true
		case five[2]:
			in := typing(m.line(p) + "\n")
			in.Source, in.Program, in.ProgramSHA256 = "gpg", "/usr/bin/gpg", strings.Repeat("ab", 32)
			return in, true
		}
		return typing(code), true
	}
	s.must(m)
	if len(codes) != 5 {
		t.Errorf("%d codes for five people", len(codes))
	}
	list := m.find("challenge")
	if len(list) != 5 {
		t.Fatalf("%d challenges are in the record", len(list))
	}
	for i, e := range list {
		key, _ := s.pgp[five[i]].Key()
		if f := e.Facts; e.Claimed != five[i] || e.Evidence != transcript.ByDecrypt || f.Text("result") != "answered" || f.Text("fingerprint") != key.Fingerprint ||
			f.Text("sha256") == "" || (f.Text("gpg_sha256") != "") != (i == 2) {
			t.Errorf("%+v", e)
		}
	}
}

// TestShareAsChallenge is the attack: the file that is handed to somebody as
// their challenge is their share's. Whatever form it is typed in, or if gpg
// yields it, it is refused unread, and the record has nothing of it but its form.
func TestShareAsChallenge(t *testing.T) {
	forms := map[string]func(raw secret.Bytes) string{
		"hex":    func(raw secret.Bytes) string { return string(share.Hex(raw).Expose()) },
		"HEX":    func(raw secret.Bytes) string { return strings.ToUpper(string(share.Hex(raw).Expose())) + "\n" },
		"base64": func(raw secret.Bytes) string { return base64.StdEncoding.EncodeToString(raw.Expose()) },
		"groups": func(raw secret.Bytes) string { return string(share.Scheme{Practice: true}.Groups(raw).Expose()) },
		"a slip": func(raw secret.Bytes) string {
			b := share.Scheme{Practice: true}.Groups(raw).Expose()
			b[20] ^= 1
			return string(b)
		},
		"real": func(raw secret.Bytes) string { return string(share.Scheme{}.Groups(raw).Expose()) },
		"in a challenge": func(raw secret.Bytes) string {
			return "CONCLAVE CHALLENGE — not a share — KC-2 for " + five[0] + ": " + string(share.Hex(raw).Expose())
		},
	}
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			s := initialised(t)
			q := s.request(ceremony.RecoveryRekey)
			for _, who := range five {
				q.RecoveryKeys = append(q.RecoveryKeys, s.keyFor(who))
			}
			m := s.open(ceremony.RecoveryRekey, q)
			typed := 0
			m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
				switch {
				case atCode(five[0])(p):
					in := typing(form(s.held[five[0]]))
					if typed++; typed == 2 {
						in.Source = "gpg"
					}
					return in, true
				case at(p, "keys", ceremony.Choose):
					return ceremony.Input{Choice: "stop"}, true
				}
				return ceremony.Input{}, false
			}
			m.drive(nil)
			m.expect(ceremony.CodeStopped) // and the canary: s.secrets has the share
			m.says("This has the form of a share, not of a code.")
			list := m.find("challenge")
			if len(list) != 2 {
				t.Fatalf("%d incidents are in the record", len(list))
			}
			for _, e := range list {
				if e.Facts.Text("result") != "share" || e.Facts.Text("form") == "" || e.Evidence != transcript.ByKeyboard {
					t.Errorf("%+v", e)
				}
			}
			if len(m.find("share-entered")) > 0 {
				t.Error("the share was taken")
			}
		})
	}
}

// TestForeignChallenge: what was made for somebody else, or for another
// ceremony, answers nothing; nor does gpg with a bare code, which no challenge is.
func TestForeignChallenge(t *testing.T) {
	s := newSite(t)
	m := s.openPGP(false)
	n := 0
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		switch {
		case atCode(five[0])(p), atCode(five[1])(p):
			line := m.line(p)
			n++
			switch n {
			case 1:
				return typing(strings.Replace(line, "for "+five[0], "for "+five[3], 1)), true
			case 3:
				return typing(strings.Replace(line, m.env.Plan.ID, "KC-0", 1)), true
			case 5:
				in := typing(string(m.challenge(p).Expose()))
				in.Source = "gpg"
				return in, true
			}
			return typing(line), true
		}
		return ceremony.Input{}, false
	}
	s.must(m)
	m.says("What was decrypted is no challenge of this ceremony to Alice Adams.")
	var results []string
	for _, e := range m.find("challenge") {
		results = append(results, e.Facts.Text("result"))
	}
	if got := strings.Join(results, " "); got != "foreign answered foreign answered answered answered answered" {
		t.Error(got)
	}
}

// TestUnanswered: after two answers that do not do, or none, the people decide.
// A fresh challenge has another code, and the old one answers it no more.
func TestUnanswered(t *testing.T) {
	for _, choice := range []string{"stop", "again", "without", "use"} {
		t.Run(choice, func(t *testing.T) {
			s := newSite(t)
			m := s.openPGP(false)
			wrong, old, chosen := 0, "", 0
			m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
				switch {
				case atCode(five[1])(p) && wrong < 3:
					if wrong++; wrong == 1 {
						old = string(m.challenge(p).Expose())
					}
					if wrong == 3 {
						return typing(old), true
					}
					return typing(strings.Repeat("GHJK-", 4) + "GHJK"), true
				case atCode(five[2])(p) && wrong < 4:
					wrong++
					return typing("none"), true
				case at(p, "keys", ceremony.Choose):
					if chosen++; choice == "use" && chosen > 1 || p.Problem.Happened == "Carol Chen has nothing here to decrypt the challenge with." {
						return ceremony.Input{Choice: "without"}, true
					}
					return ceremony.Input{Choice: choice}, true
				}
				return ceremony.Input{}, false
			}
			if choice == "stop" {
				m.drive(nil)
				m.expect(ceremony.CodeStopped)
				m.says("Bob Baker did not answer the challenge to the key in the plan.")
				return
			}
			s.must(m)
			rep, _ := m.events()
			overridden := slices.Contains(rep.Overrides, "A challenge was not answered: nobody has shown that the holder of the PGP key can decrypt.")
			deviations, bob := len(m.find("deviation")), ""
			for _, e := range m.find("challenge") {
				if e.Claimed == five[1] {
					bob += e.Facts.Text("result") + " "
				}
			}
			switch choice {
			case "again":
				if bob != "other other other answered " {
					t.Error(bob)
				}
			case "without", "use":
				if !overridden || bob != "other other " || deviations != 2 {
					t.Errorf("override %v, %s, %d deviations", overridden, bob, deviations)
				}
			}
		})
	}
}

// TestNoChallenge: without challenges it is an override of the plan.
func TestNoChallenge(t *testing.T) {
	s := newSite(t)
	q := s.request(ceremony.Init)
	for _, name := range five {
		q.RecoveryKeys = append(q.RecoveryKeys, s.keyFor(name))
	}
	q.Challenge = "none"
	m := s.must(s.open(ceremony.Init, q))
	if len(m.find("challenge")) > 0 {
		t.Error("somebody was challenged")
	}
	if rep, _ := m.events(); !slices.Contains(rep.Overrides, "PGP keys are not challenged: nobody has shown that their holders can decrypt.") {
		t.Errorf("%q", rep.Overrides)
	}
}

// TestChallengedWitness: a witness with a key in the plan is challenged at the
// beginning and at every confirmation, in every ceremony that has one.
func TestChallengedWitness(t *testing.T) {
	for _, c := range []ceremony.Ceremony{ceremony.Init, ceremony.Rekey, ceremony.RecoveryRekey, ceremony.Rotate, ceremony.ReEncrypt, ceremony.GenerateRoot, ceremony.RevokeRoot} {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			if c.ID != ceremony.Init.ID {
				s = initialised(t)
			}
			if c.ID == ceremony.ReEncrypt.ID {
				s.must(s.open(ceremony.Rotate, s.request(ceremony.Rotate)))
			}
			q := s.request(c)
			key := s.keyFor("Wim Waters")
			q.WitnessKey = &key
			m := s.must(s.open(c, q))
			files, confirmed, answered := map[string]bool{}, 0, 0
			_, events := m.events()
			for _, e := range events {
				switch {
				case e.Kind == "challenge" && e.Claimed == "Wim Waters" && e.Evidence == transcript.ByDecrypt && e.Facts.Number("number") == 0:
					answered++
					files[e.Facts.Text("file")] = true
				case e.Kind == "confirmed" && e.Facts.Text("role") == string(ceremony.Witness):
					confirmed++
					if e.Evidence != transcript.ByDecrypt || answered != confirmed+1 {
						t.Errorf("confirmation %d by %s, after %d answers", confirmed, e.Evidence, answered)
					}
				case e.Kind == "confirmed" && e.Evidence != transcript.ByKeyboard:
					t.Errorf("%+v", e)
				}
			}
			if confirmed == 0 || len(files) != confirmed+1 {
				t.Errorf("%d confirmations, %d challenges", confirmed, len(files))
			}
		})
	}
}

// TestWitnessWithoutCode: without the code nothing is confirmed before the
// operator says so, in a deviation and an override.
func TestWitnessWithoutCode(t *testing.T) {
	s := initialised(t)
	q := s.request(ceremony.Rotate)
	key := s.keyFor("Wim Waters")
	q.WitnessKey = &key
	m := s.open(ceremony.Rotate, q)
	before := s.status().Storage
	atGo := func(p ceremony.Prompt) bool {
		return atCode("Wim Waters")(p) && strings.Contains(p.Heading, "confirm it")
	}
	m.drive(atGo)
	m.answer(typing("GGGG-GGGG-GGGG-GGGG-GGGG"))
	m.says("This is not the code of the challenge.")
	m.answer(typing("NONE"))
	p := m.run.Prompt()
	if p.Kind != ceremony.Choose || p.By.Name != "Olga Example" {
		t.Fatalf("who decides: %+v", p)
	}
	m.answer(ceremony.Input{Choice: "again"})
	m.drive(atGo)
	m.answer(typing("NONE"))
	witness := func() []transcript.Event {
		return slices.DeleteFunc(m.find("confirmed"), func(e transcript.Event) bool { return e.Claimed != "Wim Waters" || e.Step != "go" })
	}
	if n := len(witness()); n != 0 || s.status().Storage != before {
		t.Fatalf("%d confirmations of the witness, and the vault is as it was: %v", n, s.status().Storage == before)
	}
	m.answer(ceremony.Input{Choice: "without"})
	s.must(m)
	list := witness()
	if len(list) != 1 || list[0].Evidence != transcript.ByKeyboard || s.status().Storage == before {
		t.Errorf("%+v", list)
	}
	if rep, _ := m.events(); !slices.Contains(rep.Overrides, "A challenge was not answered: nobody has shown that whoever confirms for the witness has the witness' PGP key.") {
		t.Errorf("%q", rep.Overrides)
	}
}

// TestWitnessKeyOfNoUse: where a witness confirms nothing, a key is refused.
func TestWitnessKeyOfNoUse(t *testing.T) {
	s := initialised(t)
	for _, c := range []ceremony.Ceremony{ceremony.Unseal, ceremony.Drill} {
		q := s.request(c)
		key := s.keyFor("Wim Waters")
		q.WitnessKey = &key
		if _, err := q.Resolve(time.Now()); err == nil || !strings.Contains(err.Error(), "their key is not needed") {
			t.Errorf("%s: %v", c.ID, err)
		}
	}
}

// TestCodeInText: the code is a secret while it is in use; the step can be done
// again, with other codes; a full disk is told, and tried again.
func TestCodeInText(t *testing.T) {
	s := newSite(t)
	m := s.openPGP(false)
	m.shelf.challenges.failAt = 2
	code, before := "", 0
	m.drive(func(p ceremony.Prompt) bool { return atCode(five[1])(p) })
	m.says("no space left on device")
	code = string(m.challenge(m.run.Prompt()).Expose())
	d := ceremony.Deviation{Happened: "Bob says " + code, Expected: "nothing", Decided: "to go on", By: "Olga Example", Effect: ceremony.GoOn}
	m.note(d)
	if told := m.run.Refused(); told == nil || told.Field != "happened" {
		t.Errorf("a code in a public text: %+v", told)
	}
	before = len(m.shelf.challenges.files)
	d.Happened, d.Effect = "Bob's device has failed", ceremony.DoAgain
	m.note(d)
	s.must(m)
	if after := len(m.shelf.challenges.files); after != before+5 {
		t.Errorf("%d files with challenges, then %d", before, after)
	}
}

// TestSealed: pages tell where the file lies whose plaintext is asked for, if
// there is one.
func TestSealed(t *testing.T) {
	s := newSite(t)
	m, _ := s.openMedium()
	s.must(m)
	proving := 0
	for _, p := range m.prompts {
		if p.Kind != ceremony.AskShare {
			continue
		}
		if proving++; p.Sealed == nil || !strings.HasPrefix(p.Sealed.File, "/record/shares/") || p.Sealed.Challenge {
			t.Errorf("%+v", p.Sealed)
		}
	}
	m = s.must(s.open(ceremony.Rotate, s.request(ceremony.Rotate)))
	for _, p := range m.prompts {
		if p.Kind == ceremony.AskShare && (p.Sealed == nil || p.Sealed.File != "") {
			t.Errorf("of an old share: %+v", p.Sealed)
		}
	}
	paper := initialised(t)
	paper.roster = first.roster
	for _, p := range paper.must(paper.open(ceremony.Rotate, paper.request(ceremony.Rotate))).prompts {
		if p.Kind == ceremony.AskShare && p.Sealed != nil {
			t.Errorf("of a share on paper: %+v", p.Sealed)
		}
	}
	if proving == 0 {
		t.Error("nobody proved a share")
	}
}
