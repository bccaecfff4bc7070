package ceremony

import (
	"context"
	"fmt"
	"strings"
	"time"

	"conclave/assets/clean"
	"conclave/ceremony/inventory"
	"conclave/ceremony/transcript"
	"conclave/hsm"
)

// What the login sees in the token is listed before the HSM is used and again
// after the change; the record has both lists and what they differ in.

const (
	before = "before"
	after  = "after"

	mostObject  = 900       // bytes of an object's line
	mostObjects = 500 << 10 // bytes of all: a line of the transcript has to hold them
)

// objects are the two lists.
type objects struct {
	tries         int
	taken, again  bool // before, after
	before, after []string
	whole         bool // no object of either list was only counted
	says          []string
	differs       bool
}

// listObjects is the work that lists the objects for the first time.
func (r *Run) listObjects(p Prompt) *page {
	return r.work("list what is in the token", p, func(ctx context.Context) ([]string, error) { return r.takeObjects(ctx, before) })
}

// listAgain lists them once more where they were listed, before the log-out.
func (r *Run) listAgain() *page {
	if !r.objects.taken || r.objects.again {
		return nil
	}
	return r.work("list what is in the token now", Prompt{IfPowerFails: "the vault is as it is now: listing changes nothing."},
		func(ctx context.Context) ([]string, error) { return r.takeObjects(ctx, after) })
}

// takeObjects lists the objects and records them. A list that cannot be had is
// recorded as such: it is no reason to leave a vault half done. One that costs
// the login is tried twice.
func (r *Run) takeObjects(ctx context.Context, moment string) ([]string, error) {
	o := &r.objects
	inv, err := r.hsm.Inventory(ctx)
	if o.tries++; err != nil && (ctx.Err() != nil || loginEnded(err) && o.tries < 2) {
		return nil, err
	}
	if err != nil && loginEnded(err) {
		r.loggedIn = false
	}
	o.tries = 0
	return r.objectsTaken(moment, inv, err)
}

func (r *Run) objectsTaken(moment string, inv hsm.Inventory, problem error) ([]string, error) {
	o := &r.objects
	facts := transcript.Facts{"moment": moment, "count": inv.Count}
	if r.device.second {
		facts["which"] = r.which()
	}
	lines := objectLines(inv)
	whole := problem == nil && len(lines) == inv.Count
	if moment == before {
		o.taken, o.before, o.whole = true, lines, whole
		o.says = []string{fmt.Sprintf("objects: %d.", inv.Count)}
	} else {
		o.again, o.after, o.whole = true, lines, o.whole && whole
		o.says = []string{fmt.Sprintf("objects now: %d; too many to compare them one by one.", inv.Count)}
		o.differs = true
		if o.whole {
			d := inventory.Compare(o.before, o.after)
			o.says, o.differs = d.Sentences(), !d.None()
			facted(facts, lists{"added": d.Added, "removed": d.Removed, "changed": d.Changed})
		}
	}
	if problem != nil {
		said := clean.Clean(r.env.Explain(problem).Happened)
		facts["problem"] = said
		o.says, o.differs = []string{"what is there could not be listed: " + said}, true
	}
	for i, s := range o.says {
		o.says[i] = r.inToken() + s
	}
	if err := r.record("inventory", Program, "", facted(facts, lists{"objects": lines})); err != nil {
		return nil, err
	}
	return o.says, nil
}

// objectLines are the lines of the objects, as many as a record's line holds.
func objectLines(inv hsm.Inventory) []string {
	var lines []string
	size := 0
	for _, o := range inv.Objects {
		l := clean.Cut(inventory.Line(o.Class, o.Label, o.ID, o.Type, o.Attributes, o.Unread), mostObject)
		if size += len(l); size > mostObjects {
			break
		}
		lines = append(lines, l)
	}
	return lines
}

// listBoth is listAgain for every token.
func (r *Run) listBoth() *page {
	for _, d := range r.tokens() {
		r.device = d
		if p := r.listAgain(); p != nil {
			return p
		}
	}
	r.device = r.first
	return nil
}

// objectsAtStop lists them a last time where the ceremony is stopped while
// somebody is logged in: a key may have been made. It waits for no token.
func (r *Run) objectsAtStop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	for _, d := range r.tokens() {
		if !d.loggedIn || !d.objects.taken || d.objects.again {
			continue
		}
		err := r.with(d, func() error {
			inv, err := d.hsm.Inventory(ctx)
			_, err = r.objectsTaken(after, inv, err)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// objectsNow says on the page of the checks what was found, each line short.
func (r *Run) objectsNow() []Line {
	var all []Line
	for _, d := range r.tokens() {
		_ = r.with(d, func() error { all = append(all, r.objectsOf()...); return nil })
	}
	return all
}

// inToken begins what is said of the objects of the device at hand.
func (r *Run) inToken() string {
	if r.device.second {
		return "In the " + r.which() + " token: "
	}
	return "In the token: "
}

func (r *Run) objectsOf() []Line {
	o := r.objects
	if !o.again {
		return nil
	}
	const most = 3
	var lines []Line
	for i, s := range o.says {
		if i == most {
			lines = append(lines, Line{Mark: Warn, Text: fmt.Sprintf(r.inToken()+"%d more differences, see the record.", len(o.says)-most)})
			break
		}
		mark := Good
		if o.differs && !r.ours(s) {
			mark = Warn
		}
		lines = append(lines, Line{Mark: mark, Text: s})
	}
	return lines
}

// objectName is how the lines of a list of objects name one.
func objectName(label, id string) string { return fmt.Sprintf("%q id %s,", label, id) }

// ours tells whether a difference is the key that this ceremony made or
// destroyed.
func (r *Run) ours(says string) bool {
	for _, d := range r.devices() {
		made := d.key.Generated && strings.HasPrefix(says, r.inToken()+"added ")
		gone := d.doomed && r.retiring.destroyed && strings.HasPrefix(says, r.inToken()+"removed ")
		hmacLabel, hmacID, ok := strings.Cut(d.key.HMACRef, ":")
		if (made || gone) && (strings.Contains(says, objectName(d.key.Label, d.key.ID)) || ok && strings.Contains(says, objectName(hmacLabel, hmacID))) {
			return true
		}
	}
	return false
}

// keyOrigin says that the key may have come from outside, "" if the token states
// that it did not.
func (r *Run) keyOrigin() string {
	key := r.key
	if r.second != nil && r.committed {
		key = r.second.key
	}
	if key.Ref == "" {
		return ""
	}
	if why := inventory.NotMade(attributeTexts(key.Attributes)); why != "" {
		return "The wrapping key is " + why + "."
	}
	return ""
}

// recordCalls records which functions used or made a key since it was asked
// last.
func (r *Run) recordCalls() error {
	var texts []string
	for _, d := range r.tokens() {
		texts = append(texts, callTexts(d)...)
	}
	if len(texts) == 0 || r.events == 0 || r.closed {
		return nil
	}
	return r.record("calls", Program, "", transcript.Facts{"calls": texts})
}

// callTexts are the calls of one token, a line for each function and key.
func callTexts(d *device) []string {
	var texts []string
	for _, c := range d.hsm.Calls() {
		s := fmt.Sprintf("%s ×%d on %s", c.Function, c.Times, c.Key)
		if d.second {
			s += ", in the " + d.which() + " token"
		}
		if c.Failed > 0 {
			s += fmt.Sprintf(", %d of them refused", c.Failed)
		}
		texts = append(texts, clean.Cut(s, mostObject))
	}
	return texts
}
