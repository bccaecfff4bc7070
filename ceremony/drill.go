package ceremony

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"conclave/ceremony/custodian"
	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
	"conclave/vaultstate"
)

// A drill proves that the shares are still there. It is no operation of the
// vault: each holder types their share, which is compared with its fingerprint
// in the record and wiped before the next person has the keyboard. Only where
// the plan says so a quorum is combined, through the vault, and compared with
// the key that the HSM holds (drillquorum.go).

// Why a share is not proven, as the record has it.
const (
	whyAbsent     = "absent"
	whyNotTried   = "not tried"
	whyOld        = "old"        // a share of a set that does not count
	whyAnother    = "another"    // no share of theirs that the record knows
	whyUnreadable = "unreadable" // no share at all
	whyUnanswered = "unanswered" // a challenge to their key
	whyOtherKey   = "other key"  // the one on their card is not the one in the record
)

// drilling is where a drill stands.
type drilling struct {
	results map[int]string // by number: how it was proven, or notProven
	turn    int            // number of whose turn it is; 0: the next is looked for
	handed  bool           // …and has the keyboard
	later   []int          // passed over for now
	last    Person
	back    bool
	passed  bool // the operator passes them over: why is asked
	byShare bool // instead of the key, which the plan says
	tries   int  // of whose turn it is, that did not do
	trouble *trouble
	odd     *odd // another's share; nothing of it is kept
	over    bool // who is not here is in the record
	askFile int  // of whom, by number, the file is asked for: their key is proven
	backup  bool // the token is not the HSM itself, as far as the records show
	noted   bool // …and that the vault opens through it is in the record

	gather going // operator and witness agree to a quorum
}

// trouble is what the people decide about.
type trouble struct {
	Problem
	why string
}

const notProven = ""

func drillStep() []Step {
	return []Step{{ID: "drill", Title: "Prove shares", By: Custodian, Next: drill,
		Note: func(r *Run) string {
			if n := len(r.drilled()); n > 0 {
				return fmt.Sprintf("%d of %d", r.drilling.proven(), n)
			}
			return ""
		}}}
}

// drilled are those who hold a share of the set that counts.
func (r *Run) drilled() []custodian.Holding {
	set, _ := r.validSet()
	return set.Holdings
}

// proven counts shares, not those of which only the key was.
func (d *drilling) proven() int {
	n := 0
	for _, how := range d.results {
		if how != notProven && how != plan.ProofKey {
			n++
		}
	}
	return n
}

// drillable refuses a drill that has nothing to compare with, or whose record is
// of another state of the vault.
func (r *Run) drillable() error {
	if r.plan.Kind != plan.Drill || r.provesBackup() {
		return nil
	}
	set, ok := r.validSet()
	ok = ok && !slices.ContainsFunc(set.Holdings, func(h custodian.Holding) bool { return h.Fingerprint == "" }) && len(set.Holdings) > 0
	switch {
	case !ok && r.plan.Proof != plan.ProofQuorum:
		return &toldError{Problem{Happened: "No earlier record says which shares were handed out: there is nothing to compare with.", State: "Nothing is changed.",
			Do: "Give the record with -previous. Without one only a quorum can be proven, against the HSM: -proof=quorum."}, errors.New("no record of the shares")}
	case ok && r.status.Shares > 0 && (set.Shares != r.status.Shares || set.Threshold != r.status.Threshold):
		return fmt.Errorf("%w: the vault says %d shares, %d needed, and the last record %d and %d", vaultstate.ErrChanged,
			r.status.Shares, r.status.Threshold, set.Shares, set.Threshold)
	}
	return nil
}

func drill(r *Run) *page {
	d := &r.drilling
	h, who, ok := r.nextDrilled()
	switch {
	case ok && d.odd != nil:
		return r.stopForeign(d.odd.whose, d.odd.who, d.odd.problem, func() { d.odd = nil })
	case ok && d.askFile == h.Number:
		return r.askFile(h, who)
	case ok && d.passed:
		return r.whyPassed(h, who)
	case ok && d.trouble != nil:
		return r.decideDrilled(h, who)
	case ok && !d.handed:
		return r.callDrilled(h, who)
	case ok && r.byKey(h):
		return r.proveKey()
	case ok:
		return r.askDrilled(who)
	case d.last.Name != "" && !d.back:
		return r.backTo(d.last, &d.back)
	case !d.over:
		return r.work("note what was proven", Prompt{IfPowerFails: "nothing is changed; each proof is in the record."}, r.endDrill)
	case r.plan.UsesHSM():
		if p := r.anchorToWrite(r.before); p != nil {
			return p
		}
		return r.listBoth()
	}
	return nil
}

// nextDrilled is whose turn it is: the first who is here and has not been asked,
// those who were passed over last. Whoever leaves while it is their turn has none.
func (r *Run) nextDrilled() (custodian.Holding, Person, bool) {
	d := &r.drilling
	var found custodian.Holding
	var who Person
	for _, h := range r.drilled() {
		p, here := r.hereAs(h.Custodian)
		if _, done := d.results[h.Number]; done || !here {
			continue
		}
		if first := found.Number == 0; h.Number == d.turn || first || d.waits(found.Number) > d.waits(h.Number) {
			found, who = h, p
		}
		if h.Number == d.turn {
			break
		}
	}
	if found.Number != d.turn {
		d.newTurn(found.Number)
	}
	return found, who, found.Number > 0
}

// waits is how long ago somebody was passed over, 0 if never.
func (d *drilling) waits(number int) int { return slices.Index(d.later, number) + 1 }

func (d *drilling) newTurn(number int) {
	d.turn, d.handed, d.passed, d.byShare, d.tries, d.trouble, d.odd = number, false, false, false, 0, nil, nil
}

func (r *Run) callDrilled(h custodian.Holding, who Person) *page {
	d := &r.drilling
	from := d.last
	if from.Name == "" {
		from = r.person(Operator)
	}
	return r.handOver(from, who, "", func(context.Context) error {
		d.handed, d.last, d.back = true, who, false
		if r.byKey(h) {
			r.cards.wipe()
			r.cards = cards{turn: r.keyOf(h), matched: r.plan.Confirmed != ""}
		}
		return nil
	}, func() error {
		d.passed = true
		return nil
	})
}

// whyPassed is the page of somebody who does not take the keyboard.
func (r *Run) whyPassed(h custodian.Holding, who Person) *page {
	d, operator := &r.drilling, r.person(Operator)
	choices := []Choice{
		{"later", "Somebody else goes first", who.Name + " is asked again"},
		{"not", "It is not proven today", "recorded so: " + who.Name + " is here, and does not prove share " + fmt.Sprint(h.Number)},
		{"back", who.Name + " takes the keyboard", ""},
	}
	return &page{
		Prompt: Prompt{Kind: Choose, By: operator, Heading: fmt.Sprintf("%s does not prove share %d now", who.Name, h.Number), Choices: choices,
			Recorded: "a share that is not proven, and whose it is."},
		do: func(_ context.Context, in Input) error {
			switch in.Choice {
			case "later":
				d.later = append(slices.DeleteFunc(d.later, func(n int) bool { return n == h.Number }), h.Number)
				d.newTurn(0)
			case "not":
				return r.isNotProven(h, whyNotTried, "")
			case "back":
				d.passed = false
			default:
				return r.chooseAgain()
			}
			return nil
		},
	}
}

// isProven records that a share was proven, and how.
func (r *Run) isProven(h custodian.Holding, how string, by transcript.Evidence) error {
	r.drilling.result(h.Number, how)
	set, _ := r.validSet()
	return r.recordAs("proven", h.Custodian, by, transcript.Facts{"number": h.Number, "custodian": h.Custodian, "set": set.ID,
		"fingerprint": h.Fingerprint, "proof": how})
}

func (r *Run) isNotProven(h custodian.Holding, why, reason string) error {
	r.drilling.result(h.Number, notProven)
	set, _ := r.validSet()
	facts := transcript.Facts{"number": h.Number, "custodian": h.Custodian, "set": set.ID, "why": why}
	if reason != "" {
		facts["reason"] = reason
	}
	return r.record("not-proven", Operator, r.person(Operator).Name, facts)
}

func (d *drilling) result(number int, how string) {
	if d.results == nil {
		d.results = map[int]string{}
	}
	d.results[number] = how
	d.newTurn(0)
}
