package ceremony

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"strings"

	"conclave/assets"
	"conclave/assets/clean"
	"conclave/ceremony/transcript"
	"conclave/vaultstate"
)

// Whoever held a share that was replaced without them, and whoever approved it,
// is sent a notice: it says what was done, and names the record in words, so
// that a record made anew afterwards does not fit it. The texts lie with the
// record; the program sends nothing.

// notices is what that step remembers.
type notices struct {
	files []string
	read  bool // the operator knows what to do with them
}

// notified is somebody who is sent one.
type notified struct {
	person Person
	number int    // of the share that they held; 0: an approver
	why    string // "held share 1 of …"
}

func noticesStep() Step {
	return Step{ID: "notices", Title: "Notices", By: Operator, Next: giveNotice, Needs: func(r *Run) bool { return r.committed && len(r.notified()) > 0 }}
}

func (r *Run) notified() []notified {
	var list []notified
	set, _ := r.validSet()
	for _, h := range r.oldHolders() {
		list = append(list, notified{Person{Name: h.Custodian, Role: Custodian}, h.Number, fmt.Sprintf("you held share %d of the set that %s handed out", h.Number, set.Ceremony)})
	}
	if r.plan.Kind != vaultstate.Recover {
		return nil
	}
	for _, a := range r.plan.Approved() {
		list = append(list, notified{Person{Name: a.Name, Role: Approver}, 0, "you are named as one who approved it, by your key " + a.Key.ID})
	}
	return list
}

func giveNotice(r *Run) *page {
	n, who := &r.notices, r.person(Operator)
	if len(n.files) < len(r.notified()) {
		return r.work("write the notices", Prompt{IfPowerFails: "the change is made."}, r.writeNotices)
	}
	if n.read {
		return nil
	}
	facts := []Fact{{"they lie in", path.Dir(r.env.Shelf.Path(n.files[0]))}}
	for i, to := range r.notified() {
		facts = append(facts, Fact{to.person.Name, path.Base(r.env.Shelf.Path(n.files[i]))})
	}
	return &page{
		Prompt: Prompt{Kind: Attest, By: who, Heading: who.Name + ": send each of them their notice", Facts: facts,
			Text:     []string{"Who held a share, and who approved this, learns of it from you and not from somebody else. The program sends nothing."},
			Recorded: "the names, the files and their hashes."},
		do: func(context.Context, Input) error {
			n.read = true
			return r.record("attested", Operator, who.Name, transcript.Facts{"what": "each notice is to be sent", "lines": n.files})
		},
	}
}

// writeNotices writes one after the other; cut off by a full disk, it goes on
// where it was.
func (r *Run) writeNotices(context.Context) ([]string, error) {
	n := &r.notices
	for i := len(n.files); i < len(r.notified()); i++ {
		to := r.notified()[i]
		name := fmt.Sprintf("notices/%d-%s.txt", i+1, plainName(to.person))
		sum, err := r.env.Shelf.Put(name, []byte(strings.Join(r.notice(to), "\n")+"\n"))
		if err != nil {
			return nil, fmt.Errorf("writing a notice: %w", err)
		}
		if err := r.record("notice", Program, "", transcript.Facts{"to": to.person.Name, "role": string(to.person.Role), "file": name, "sha256": sum}); err != nil {
			return nil, err
		}
		n.files = append(n.files, name)
	}
	return n.files, nil
}

// notice is the text for one of them.
func (r *Run) notice(to notified) []string {
	lines := []string{}
	add := func(format string, args ...any) {
		lines = append(lines, fold(clean.Clean(fmt.Sprintf(format, args...)))...)
	}
	if r.plan.Practice {
		add("PRACTICE: a rehearsal. Nothing of this is real.")
		add("")
	}
	add("NOTICE to %s: %s.", to.person.Name, to.why)
	add("")
	add("On %s the recovery shares of the vault %s were made anew without a quorum of the old ones, in the ceremony %s.",
		day(stamp(r.outcome.Committed)), r.plan.Storage, r.plan.ID)
	add("Why: %s. Purpose: %s", r.plan.Recovery.Reason, cmp.Or(sentence(r.plan.Purpose), "not stated."))
	add("%s", r.recreatedSentence())
	for _, s := range r.lacksAuthority() {
		add("Lacking: %s", s)
	}
	add("")
	add("Who was there, as it was entered:")
	for _, who := range r.present {
		add("  %s, %s", who.Name, roleText(who))
	}
	add("")
	text := assets.Text("notice")
	if to.number == 0 {
		text = text[1:] // nothing of theirs is replaced
	}
	for _, s := range text {
		add("%s", s)
		add("")
	}
	c := r.receiptFor(to.person)
	w := strings.Fields(c.words)
	add("Record: event %d", c.event)
	add("  %s", strings.Join(w[:4], " "))
	add("  %s", strings.Join(w[4:], " "))
	add("  conclave transcript verify DIR -receipt \"%d:%s\"", c.event, c.words)
	return lines
}

// fold breaks a line at blanks, where it is longer than paper is wide.
func fold(text string) []string {
	const width = 76
	lead := text[:len(text)-len(strings.TrimLeft(text, " "))]
	var lines []string
	line := lead
	for _, w := range strings.Fields(text) {
		if line != lead && len(line)+1+len(w) > width {
			lines, line = append(lines, line), lead
		}
		if line != lead {
			line += " "
		}
		line += w
	}
	return append(lines, line)
}
