package ceremony

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"conclave/assets/clean"
	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
)

// A PGP key in a file is whoever's key it is. The holder's own card says whose:
// each custodian types four of the ten groups of the fingerprint from it. The
// groups are chosen at random, anew each time, so that no key made to look alike
// at one end will do; the fingerprint is on no page meanwhile, so that nobody
// copies it from there; and which of the four was wrong is not said.
const mostTries = 2 // answers that do not fit, before the people decide

// cards is what the step that compares the keys remembers.
type cards struct {
	turn   int // index of whose key it is
	handed bool
	asked  []int // groups, from 1; nil: to be chosen
	tries  int
	decide bool // too many did not fit
	none   bool // they have no card with them
	last   Person
	back   bool

	matched   bool // the fingerprint is dealt with; the challenge follows
	challenge challenge

	shown bool // all fingerprints, to be held against the printed plan

	compared bool // with those who held shares before
	agreed   going
}

// cardsStep compares keys and people with what was meant, before anything is
// made for them.
func cardsStep() []Step {
	return []Step{{ID: "keys", Title: "PGP keys", By: Custodian, Next: compareCards,
		Needs: func(r *Run) bool {
			return r.resume.id == "" && (len(r.keyHolders()) > 0 || len(r.holders()) > 0 || r.plan.RootTokenKey != nil)
		},
		Note: func(r *Run) string {
			n := len(r.keyHolders())
			if n == 0 {
				return ""
			}
			return fmt.Sprintf("%d of %d", r.cards.turn, n)
		},
		Redo: func(r *Run) {
			r.cards.wipe()
			r.cards = cards{}
		}}}
}

// witnessStep is cardsStep where nobody but the witness has a key.
func witnessStep() []Step {
	list := cardsStep()
	list[0].Title, list[0].By = "Witness' key", Witness
	list[0].Only = func(p *plan.Plan) bool { return p.WitnessKey != nil }
	return list
}

// tokenKeyStep is witnessStep where the root token may be encrypted to a key.
func tokenKeyStep() []Step {
	list := cardsStep()
	list[0].By = Witness
	list[0].Only = func(p *plan.Plan) bool { return p.WitnessKey != nil || p.RootTokenKey != nil }
	return list
}

func compareCards(r *Run) *page {
	c, n := &r.cards, len(r.keyHolders())
	switch {
	case c.turn < n && !c.handed:
		return r.callCard()
	case c.turn < n && c.matched:
		return r.challengeHolder()
	case c.turn < n && c.decide:
		return r.otherKey()
	case c.turn < n && c.none:
		return r.noCard()
	case c.turn < n:
		return r.askCard()
	case n > 0 && !c.back:
		return r.backTo(c.last, &c.back)
	case (n > 0 || r.plan.RootTokenKey != nil) && !c.shown:
		return r.showKeys()
	}
	return r.agreeHolders()
}

func (r *Run) callCard() *page {
	c := &r.cards
	from := c.last
	if from.Name == "" {
		from = r.person(Operator)
	}
	return r.handOver(from, r.keyHolders()[c.turn].who, "", func(context.Context) error {
		c.handed = true
		return nil
	}, nil)
}

// askCard asks for the groups. The page holds no digit of them.
func (r *Run) askCard() *page {
	c := &r.cards
	key, who := r.keyHolders()[c.turn].key, r.keyHolders()[c.turn].who
	if c.asked == nil {
		c.asked = someGroups()
	}
	of := "names nobody"
	if len(key.UserIDs) > 0 {
		of = key.UserIDs[0]
	}
	facts := []Fact{{"key of", of}, {"encrypts by", key.Algorithm + ", made " + day(stamp(key.Created)) + validTo(key.Expires)}}
	for row := range 2 {
		facts = append(facts, Fact{string(rune('A' + row)), blanks(c.asked, row)})
	}
	lines := r.keyLines(key, who)
	text := []string{"Type the four open groups from your own card or device. They are not on this screen. NONE: no card is here.",
		"A revocation counts only if the file of the key holds it."}
	if c.tries > 0 {
		text, lines = nil, nil // read before; beside what went wrong, the open groups must be in sight
	}
	return &page{
		Prompt: Prompt{Kind: Ask, By: who, Heading: fmt.Sprintf("%s, %s: is this your key?", who.Name, roleText(who)),
			Field: fmt.Sprintf("groups %s of the fingerprint", numbers(c.asked)), Groups: slices.Clone(c.asked), Facts: facts, Lines: lines,
			Text:     text,
			Recorded: "fingerprint, subkey, which groups, who typed them."},
		do: r.takeCard,
	}
}

// keyLines say what is known of a key that was found good.
func (r *Run) keyLines(key plan.Key, who Person) []Line {
	lines := []Line{{Mark: Good, Text: "one key in the file, not a private one; nobody else in the plan uses it"}}
	warned := false
	for _, w := range r.plan.Warnings {
		if rest, ok := strings.CutPrefix(w, key.File+": "); ok {
			lines, warned = append(lines, Line{Mark: Warn, Text: rest}), true
		}
	}
	if !warned {
		lines = append(lines, Line{Mark: Good, Text: "encrypts now and until the next drill"})
	}
	if r.plan.Kind != plan.Drill {
		lines = append(lines, r.byWatches()...)
	}
	switch before, known := r.keyBefore(who.Name); {
	case !known:
	case before == key.Fingerprint:
		lines = append(lines, Line{Mark: Good, Text: "the key that they had before"})
	case before != "":
		lines = append(lines, Line{Mark: Warn, Text: "ANOTHER KEY than before. The earlier records say " + spaced(before)})
	}
	return lines
}

func validTo(end time.Time) string {
	if end.IsZero() {
		return ", never expires"
	}
	return ", valid to " + day(stamp(end))
}

// takeCard compares what was typed.
func (r *Run) takeCard(_ context.Context, in Input) error {
	c := &r.cards
	key, who := r.keyHolders()[c.turn].key, r.keyHolders()[c.turn].who
	field := "fingerprint of " + who.Name
	if bad, err := r.refuses(field, in.Text); err != nil {
		return err
	} else if bad {
		return askAgain("This looks like a share or another secret. It was not recorded.", r.stands(), "Type groups of the fingerprint of your key, and no share.")
	}
	if sameWord(in.Text, "NONE") {
		c.none = true
		return nil
	}
	typed, ok := digits(in.Text)
	if !ok {
		return askAgain("Four groups of four digits are needed, 0 to 9 and A to F.", "Nothing is compared before all four are in.",
			"Type the groups "+numbers(c.asked)+" in this order.")
	}
	want := ""
	for _, g := range c.asked {
		want += key.Fingerprint[(g-1)*digitsOfGroup : g*digitsOfGroup]
	}
	if typed != want {
		if err := r.recordCard("other"); err != nil {
			return err
		}
		c.asked, c.tries = nil, c.tries+1
		if c.decide = c.tries >= mostTries; c.decide {
			return nil
		}
		return askAgain("These are not the groups of the key in the plan.", "Which of the four is wrong is not said. "+r.stands(),
			"Other groups are asked now. Read them from your own card; if they do not fit either, this is not your key.")
	}
	return r.cardDone("same")
}

// cardDone goes on with the challenge, or with the next one.
func (r *Run) cardDone(result string) error {
	if err := r.recordCard(result); err != nil {
		return err
	}
	c := &r.cards
	c.asked, c.tries, c.decide, c.none, c.matched = nil, 0, false, false, true
	if !r.plan.Challenge && r.plan.Kind != plan.Drill {
		r.nextCard()
	}
	return nil
}

func (r *Run) nextCard() {
	c := &r.cards
	c.wipe()
	c.last = r.keyHolders()[c.turn].who
	c.turn, c.handed, c.matched, c.challenge = c.turn+1, false, false, challenge{}
}

// keyed is somebody with a key in the plan.
type keyed struct {
	who Person
	key plan.Key
}

// keyHolders are those whose keys are compared, custodians first. Who receives
// the root token may not be here; then the witness alone holds its key against
// the plan.
func (r *Run) keyHolders() []keyed {
	if r.plan.Kind == plan.Drill {
		return r.drilledKeys()
	}
	var list []keyed
	for i, k := range r.plan.Keys {
		list = append(list, keyed{r.receivers()[i], k})
	}
	if k := r.plan.WitnessKey; k != nil {
		list = append(list, keyed{r.person(Witness), *k})
	}
	if k := r.plan.RootTokenKey; k != nil && !slices.ContainsFunc(list, func(of keyed) bool { return of.key.Fingerprint == k.Fingerprint }) {
		if who, here := r.hereAs(cmp.Or(r.plan.TokenReceiver, r.person(Operator).Name)); here {
			list = append(list, keyed{who, *k})
		}
	}
	return list
}

func (r *Run) recordCard(result string) error {
	c := &r.cards
	key, who := r.keyHolders()[c.turn].key, r.keyHolders()[c.turn].who
	facts := transcript.Facts{"custodian": who.Name, "fingerprint": key.Fingerprint, "result": result,
		"subkey": key.Subkey, "algorithm": key.Algorithm, "created": stamp(key.Created), "file": clean.Clean(key.File), "sha256": key.SHA256}
	if who.Number > 0 {
		facts["number"] = who.Number
	}
	if !key.Expires.IsZero() {
		facts["expires"] = stamp(key.Expires)
	}
	if len(c.asked) > 0 {
		facts["groups"] = numbers(c.asked)
	}
	if before, known := r.keyBefore(who.Name); known {
		facts["before"] = before
	}
	return r.record("pgp-key", who.Role, who.Name, facted(facts, lists{"user_ids": key.UserIDs}))
}

// showKeys shows whole what was typed in part.
func (r *Run) showKeys() *page {
	who := r.person(Witness)
	var facts []Fact
	for i, h := range r.keyHolders() {
		facts = append(facts, Fact{fmt.Sprintf("%d %s", i+1, called(h.who.Name)), h.key.Fingerprint})
	}
	var text []string
	if len(r.plan.Keys) > 0 {
		text = append(text, "Each share is encrypted to one of these keys, and nobody without it can read the share.")
	} else if r.plan.WitnessKey != nil {
		text = append(text, "Each confirmation of the witness is the answer to a fresh challenge to their key.")
	}
	if k := r.plan.RootTokenKey; k != nil {
		text = append(text, "The root token is encrypted to "+k.Fingerprint+".")
	}
	return &page{
		Prompt: Prompt{Kind: Attest, By: who, Heading: who.Name + ": do these stand in the printed plan?", Facts: facts,
			Text: text, Recorded: "that they were held against the plan."},
		do: func(context.Context, Input) error {
			r.cards.shown = true
			return r.record("attested", who.Role, who.Name, transcript.Facts{"what": "the keys are those of the printed plan"})
		},
	}
}
