//go:build !race

package ceremony_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/hsm/secret"
)

// The public fields of all ceremonies are found by walking them: what a prompt
// takes as text, the five lines of a deviation, a word, a reason to stop. A
// secret typed there is refused on the spot, and stands in the record as a kind.

const refused = "text refused: looks like a secret"

// made-up root tokens, of each form that servers make
var tokens = []string{"hvs.CAESIJq0u1ZkPb7vT2mR9xWcQ4nL8aYd", "s.8sTgQ0mPzLw3xRkVbN5yHcJd"}

// typist types secrets where public text is asked for.
type typist struct {
	*room
	raw   secret.Bytes // somebody's share
	tried map[string]int
	kinds map[ceremony.Kind]bool
}

// forms are all forms of what is secret now. The PIN is known once it was used.
func (y *typist) forms() map[string]string {
	b := y.raw.Expose()
	groups := string(y.s.scheme().Groups(y.raw).Expose())
	var apart []string
	for g := range slices.Chunk([]byte(groups), 7) {
		apart = append(apart, string(g))
	}
	f := map[string]string{
		"hex": hex.EncodeToString(b), "groups": groups, "groups apart": strings.Join(apart, " "), "base64": base64.StdEncoding.EncodeToString(b),
		"in words": "the share is " + hex.EncodeToString(b) + ", he said", "token": tokens[0], "older token": tokens[1],
	}
	if y.s.token.loggedIn {
		f["PIN"], f["PIN in words"] = pin, "his PIN was "+pin+" or so"
	}
	return f
}

// refusals counts what the record says of refused texts.
func (y *typist) refusals() int {
	return strings.Count(y.journal.paper.String(), refused)
}

// stays types an answer with a secret in it: the page must stand, with a problem,
// and the record must say that something was refused, unless the field never
// comes to it.
func (y *typist) stays(what string, in ceremony.Input, recorded bool) {
	y.s.t.Helper()
	before, n := y.run.Prompt(), y.refusals()
	y.answer(in)
	p := y.run.Prompt()
	switch {
	case y.run.Done() || p.StepID != before.StepID || p.Kind != before.Kind || p.By != before.By || p.Field != before.Field:
		y.s.t.Fatalf("%s at %s: it was taken, and %q came", what, before.StepID, p.Heading)
	case p.Problem == nil:
		y.s.t.Errorf("%s at %s: nobody was told", what, before.StepID)
	case recorded && y.refusals() != n+1:
		y.s.t.Errorf("%s at %s: refused %d times in the record", what, before.StepID, y.refusals()-n)
	}
	y.tried[before.StepID]++
	y.kinds[before.Kind] = true
}

// attack types every secret into every public field of a page.
func (y *typist) attack(p ceremony.Prompt) {
	y.s.t.Helper()
	for form, text := range y.forms() {
		switch p.Kind {
		case ceremony.Ask, ceremony.HandOver, ceremony.Confirm:
			y.stays(form, ceremony.Input{Text: text}, true)
		case ceremony.Form:
			for i, f := range p.Fields {
				lines := make([]string, len(p.Fields))
				lines[i] = text
				// Of the hash, whose shape is that of a secret, only whether it fits
				// is kept.
				if f.ID != "hash" {
					y.stays(form+" as "+f.ID, ceremony.Input{Fields: lines}, true)
				}
			}
		default:
		}
	}
	if p.Final {
		return
	}
	// One line and one form a page: TestSecretsInText types all forms.
	line := len(y.tried) % 4
	for form, text := range y.forms() {
		d := ceremony.Deviation{Expected: "x", Happened: "x", Decided: "x", By: "x", Effect: ceremony.GoOn}
		*[]*string{&d.Expected, &d.Happened, &d.Decided, &d.By}[line] = text
		if n := y.refusals(); y.note(d) == nil || y.refusals() != n+1 {
			y.s.t.Errorf("%s in line %d of a deviation was taken, or nothing is in the record", form, line+1)
		}
		return
	}
}

// nowhere looks for the made-up tokens; the canary looks for the rest.
func (y *typist) nowhere() {
	y.s.t.Helper()
	all := y.journal.paper.String() + y.seen.String() + y.run.Outcome().Sentence
	for name, b := range y.shelf.files {
		all += name + string(b)
	}
	for _, t := range tokens {
		if strings.Contains(all, t) || strings.Contains(all, t[4:20]) {
			y.s.t.Error("a token is public")
		}
	}
}

// TestSecretsInEveryField walks every ceremony. At the first page of a kind in
// each step all secrets are typed into all fields, and the ceremony goes on to
// its good end.
func TestSecretsInEveryField(t *testing.T) {
	kinds := map[ceremony.Kind]bool{}
	for _, c := range ceremony.All {
		for _, encrypted := range []bool{false, true} {
			name := c.ID
			if encrypted {
				if name += ", in files"; c.ID != "init" {
					continue
				}
			}
			t.Run(name, func(t *testing.T) {
				s := siteFor(t, c)
				// Nobody is named in the plan: all names are typed.
				q := s.request(c)
				names := q.Custodians
				q.Witness, q.Custodians = "", nil
				if encrypted {
					for _, who := range five {
						q.RecoveryKeys = append(q.RecoveryKeys, s.keyFor(who))
					}
				}
				y := &typist{room: s.open(c, q), raw: secret.Random(33), tried: map[string]int{}, kinds: map[ceremony.Kind]bool{}}
				if len(s.held) > 0 {
					y.raw = s.held[five[0]]
				}
				s.secrets = append(s.secrets, y.raw)
				y.on = func(p ceremony.Prompt) (in ceremony.Input, ok bool) {
					switch {
					case p.Kind == ceremony.Ask && strings.HasSuffix(p.Field, "witness"):
						return ceremony.Input{Text: map[string]string{"witness": "Wim Waters", "second witness": "Vera Wolf"}[p.Field]}, true
					case p.Kind == ceremony.Ask && p.StepID == "people" && len(names) > 0:
						in, names = ceremony.Input{Text: names[0]}, names[1:]
						return in, true
					case p.Kind == ceremony.Choose && p.StepID == "sign-off" && p.Choices[0].ID == "agree":
						return ceremony.Input{Choice: "disagree"}, true
					case p.Kind == ceremony.Ask && p.StepID == "sign-off":
						return ceremony.Input{Text: "The lamp was out."}, true
					}
					return in, false
				}
				seen := map[string]bool{}
				y.drive(func(p ceremony.Prompt) bool {
					key := fmt.Sprint(p.StepID, p.Kind, p.Field == "", p.By.Role)
					if p.Kind != ceremony.Work && !seen[key] {
						seen[key] = true
						y.attack(p)
					}
					return false
				})
				y.expect(ceremony.CodeDone)
				y.nowhere()
				t.Logf("%d texts refused: %v", y.refusals(), y.tried)
				maps.Copy(kinds, y.kinds)
			})
		}
	}
	for _, kind := range []ceremony.Kind{ceremony.Ask, ceremony.Form, ceremony.HandOver, ceremony.Confirm} {
		if !kinds[kind] {
			t.Errorf("no page of kind %d was tried", kind)
		}
	}
}

// TestSecretsInTheStop gives a secret as the reason to stop, and as who stops:
// the stop is heard, its words are not.
func TestSecretsInTheStop(t *testing.T) {
	s := initialised(t)
	for form := range (&typist{room: &room{s: s}, raw: s.held[five[0]]}).forms() {
		m := s.open(ceremony.Rotate, s.request(ceremony.Rotate))
		y := &typist{room: m, raw: s.held[five[0]]}
		m.drive(func(p ceremony.Prompt) bool { return at(p, "shares", ceremony.HandOver) && p.By.Name == five[1] })
		job, err := m.run.Abort(y.forms()[form], "because of "+y.forms()[form])
		if err != nil {
			t.Fatal(err)
		}
		m.do(job)
		m.expect(ceremony.CodeStopped)
		y.nowhere()
		if e := m.find("aborted")[0]; e.Claimed != refused || e.Facts.Text("reason") != refused {
			t.Errorf("%s: the record says %q, %q", form, e.Claimed, e.Facts.Text("reason"))
		}
	}
}
