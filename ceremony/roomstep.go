package ceremony

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"conclave/assets/clean"
	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
)

// The room: what no program can see and an auditor asks for. All of it is typed
// on one page; what is left empty is recorded as not stated.

const (
	notStated = "not stated"
	otherHash = "not the same"   // what was read elsewhere was another, and nothing that fits came after it
	mostOff   = 60 * time.Second // of a watch, before it is said
	mostLine  = 400              // bytes of one line
)

// The fields of the page.
const (
	fieldPlace     = "place"
	fieldBags      = "bags"
	fieldEquipment = "equipment"
	fieldValue     = "value"
	fieldHash      = "hash"
	fieldBackup    = "backup"
	fieldWatchOne  = "watch 1"
	fieldWatchTwo  = "watch 2"
)

// evidence is what the page has got so far.
type evidence struct {
	done   bool
	typed  filled     // kept while another field is asked for again
	warned bool       // a watch that is off was told
	unfit  string     // the watch by which a PGP key cannot be used
	off    []watchOff // those that are off
	other  bool       // a hash that does not fit was typed
}

func roomStep() Step {
	return Step{ID: "room", Title: "The room", By: Operator, Next: askRoom, Redo: func(r *Run) { r.evidence = evidence{} }}
}

// askRoom asks where the ceremony changes something.
func askRoom(r *Run) *page {
	if r.evidence.done || r.plan.Kind == plan.Unseal {
		return nil
	}
	operator := r.person(Operator)
	empty := "An empty line is recorded as not stated"
	if r.asksBackup() && !r.plan.Practice {
		empty += "; the backup's is never empty"
	}
	p := Prompt{Kind: Form, By: operator, Heading: operator.Name + ": what the program cannot see",
		Text:     []string{empty + ". Hash: its first and last four groups, from the witness's own check. Watches: what they show then, like 14:02:30."},
		Recorded: "every line, and how far the watches are off this machine's clock."}
	p.Fields = r.evidence.typed.over(r.roomFields())
	if r.asksBackup() {
		p.Text = append(p.Text, r.backupText())
	}
	return &page{Prompt: p, do: r.takeRoom}
}

func (r *Run) roomFields() []Field {
	list := []Field{
		{ID: fieldPlace, Label: "place"},
		{ID: fieldBags, Label: "bags opened"},
		{ID: fieldEquipment, Label: "equipment"},
		{ID: fieldValue, Label: "news of today"},
		{ID: fieldHash, Label: "program's hash"},
	}
	if r.asksBackup() {
		list = append(list, r.backupField())
	}
	list = append(list, Field{ID: fieldWatchOne, Label: watchOf(r.person(Operator))})
	if w := r.person(Witness); w.Role == Witness {
		list = append(list, Field{ID: fieldWatchTwo, Label: watchOf(w)})
	}
	return list
}

func watchOf(who Person) string { return clean.Cut(called(who.Name), 16) + "'s watch" }

func (r *Run) takeRoom(_ context.Context, in Input) error {
	var err error
	if r.evidence.typed, err = fill(r.roomFields(), in, r.roomText); err != nil {
		return err
	}
	return r.recordRoom(r.now())
}

// roomText looks at one field. The hash has the shape of a secret: of it only
// whether it fits is kept.
func (r *Run) roomText(f Field, typed string) (string, error) {
	if f.ID == fieldHash {
		return r.hashText(typed)
	}
	text, err := r.line(f, typed)
	switch {
	case err != nil:
	case f.ID == fieldBackup:
		err = r.backupFits(text, r.asksKey())
	case (f.ID == fieldWatchOne || f.ID == fieldWatchTwo) && text != "":
		if _, bad := offset(text, r.now()); bad != nil {
			err = askAgain("A watch shows hours, minutes and seconds: 14:02:30.", "Nothing was recorded.", "Type what it shows now.")
		}
	}
	return text, err
}

// hashText compares what was read elsewhere with what this program says of
// itself. A false program would say the right thing, too: it is the paper that
// counts, and this is the copy of it.
func (r *Run) hashText(typed string) (string, error) {
	own := r.env.Machine.SelfSHA256
	if len(own) != 64 {
		return "", nil
	}
	want := own[:16] + own[48:]
	hex := strings.ToLower(strings.Join(strings.Fields(typed), ""))
	switch hex {
	case "":
		return "", nil
	case want, own:
		return inFours(want), nil
	}
	if err := r.record("answer", Operator, r.person(Operator).Name, transcript.Facts{"field": "independent check of the program's hash", "value": otherHash}); err != nil {
		return "", err
	}
	r.evidence.other = true
	return "", askAgain("This is not the hash that the program reports of itself.", "Nothing is changed.",
		"Type the first and the last four groups of four from the witness's paper. If they differ indeed, stop: this is another program.")
}

var watchForm = regexp.MustCompile(`^[0-9]{1,2}[:.][0-9]{2}([:.][0-9]{2})?$`)

// offset is how far a watch is ahead of the machine. Without seconds, it is not
// off in the same minute.
func offset(watch string, now time.Time) (time.Duration, error) {
	if !watchForm.MatchString(watch) {
		return 0, fmt.Errorf("%q is no time of day", watch)
	}
	watch = strings.ReplaceAll(watch, ".", ":")
	form, whole := "15:04:05", true
	if strings.Count(watch, ":") == 1 {
		form, whole = "15:04", false
	}
	t, err := time.Parse(form, watch)
	if err != nil {
		return 0, fmt.Errorf("reading a watch: %w", err)
	}
	machine := time.Date(0, 1, 1, now.Hour(), now.Minute(), now.Second(), 0, time.UTC)
	if !whole {
		machine = machine.Truncate(time.Minute)
	}
	d := t.Sub(machine)
	switch {
	case d > 12*time.Hour:
		d -= 24 * time.Hour
	case d < -12*time.Hour:
		d += 24 * time.Hour
	}
	return d, nil
}

func (r *Run) recordRoom(now time.Time) error {
	e := &r.evidence
	watches := map[string]Person{fieldWatchOne: r.person(Operator), fieldWatchTwo: r.person(Witness)}
	names := []string{fieldWatchOne, fieldWatchTwo}
	for _, name := range names {
		d, err := offset(e.typed[name], now)
		if err == nil && d.Abs() > mostOff && !e.warned {
			e.warned = true
			return askAgainAt(name, fmt.Sprintf("%s's watch is %d seconds off this machine's clock, which says %s.", watches[name].Name, int(d.Seconds()), now.Format("15:04:05 MST")),
				"Nothing was recorded.", "Look again, or set the clock and begin anew. Recorded as it is, it stays a remark in the record.")
		}
	}
	if err := r.judgeKeys(now, names, watches); err != nil {
		return err
	}
	stated := func(name string) string {
		if e.typed[name] == "" {
			return notStated
		}
		return e.typed[name]
	}
	hash := stated(fieldHash)
	if hash == notStated && e.other {
		hash = otherHash
		err := r.deviate(Deviation{Happened: "the program's hash from an independent check was not the one that the program reports of itself",
			Expected: "the same hash", Decided: "to go on without it", By: r.person(Operator).Name, Effect: GoOn})
		if err != nil {
			return err
		}
	}
	facts := transcript.Facts{"place": stated(fieldPlace), "bags": stated(fieldBags), "equipment": stated(fieldEquipment), "value": stated(fieldValue),
		"program_hash": hash}
	switch {
	case r.asksKey():
		facts["backup"] = stated(fieldBackup)
	case r.asksBackup():
		facts["snapshot"] = stated(fieldBackup)
	}
	if err := r.overrideBackup(e.typed[fieldBackup]); err != nil {
		return err
	}
	if err := r.record("room", Operator, r.person(Operator).Name, facts); err != nil {
		return err
	}
	for _, name := range names {
		who, watch := watches[name], e.typed[name]
		d, err := offset(watch, now)
		if err != nil {
			continue // not stated
		}
		facts := transcript.Facts{"watch": watch, "machine": now.Format("15:04:05"), "zone": now.Format("MST -07:00"), "offset_s": int(d.Seconds())}
		if d.Abs() > mostOff {
			e.off = append(e.off, watchOff{who, d})
			if n := len(r.pgpKeys()); n > 0 && r.plan.Kind != plan.Drill {
				facts["keys"] = fmt.Sprintf("%d PGP keys can be used at the time that it shows", n)
			}
		}
		if err := r.record("clock-check", who.Role, who.Name, facts); err != nil {
			return err
		}
	}
	e.done, e.typed = true, nil
	return nil
}
