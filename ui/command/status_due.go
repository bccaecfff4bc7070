package command

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"conclave/assets/clean"
	"conclave/ceremony/custody"
	"conclave/ceremony/plan"
	"conclave/ui"
	"conclave/vaultstate"
)

// judge adds what the records and the chain of custody say: what is due, and
// which files beside them are of sets that never counted.
func (s *status) judge(f *flags, head string, now time.Time) error {
	k, err := f.known(s.Storage, head)
	if err != nil {
		return err
	}
	state := k.state()
	state.Now, state.Initialized, state.Shares, state.Threshold = now, s.Initialized, s.Shares, s.Threshold
	for _, l := range s.Left {
		state.Leftovers = append(state.Leftovers, custody.Leftover{State: l.State, Text: l.Text, Path: l.Path})
	}
	s.now = now
	if k.roster != nil {
		_, s.holders = k.roster.ValidSet()
	}
	s.Records, s.Due, s.Void = k.sentences(), append([]custody.Item{}, custody.Health(state)...), []voidSet{}
	s.Warnings = append(s.Warnings, k.recreated()...)
	for _, text := range k.problems {
		s.Due = append([]custody.Item{{Urgency: custody.AtOnce, ID: "records", Title: "Find out", Short: "a record is not what it claims", What: text,
			Do: "See conclave transcript verify -chain, and compare heads with the paper."}}, s.Due...)
	}
	void, err := k.voidSets()
	s.Void = append(s.Void, void...)
	return err
}

// healthRows are those of the text, the most urgent first.
func (s *status) healthRows() [][2]string {
	rows := listRows("Records", s.Records, "")
	// A leftover has a row of its own.
	due := slices.DeleteFunc(slices.Clone(s.Due), func(i custody.Item) bool { return i.ID == "leftover" })
	rows = append(rows, dueRows(due, s.now)...)
	for i, v := range s.Void {
		label := ""
		if i == 0 {
			label = "Void sets"
		}
		rows = append(rows, [2]string{label, v.text()})
	}
	return rows
}

// dueRows are what is due, or that nothing is.
func dueRows(due []custody.Item, now time.Time) [][2]string {
	var list []string
	for _, i := range due {
		text := clean.Clean(i.What) + " " + i.Do
		if when := i.When(now); when != "" {
			text = upper(when) + ". " + text
		}
		if i.Urgency == custody.AtOnce {
			text = "AT ONCE. " + text
		}
		list = append(list, "- "+text)
	}
	return listRows("Due", list, "nothing")
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// mostDue is how many lines the menu has for what is due.
const mostDue = 2

// dueEntries are the menu's: each opens the ceremony that is due, if it is one
// that can be held now, else the status, which says what to do.
func (s *status) dueEntries(now time.Time) []ui.Entry {
	var list []ui.Entry
	more := 0
	for _, i := range s.Due {
		if i.ID == "leftover" { // a warning already
			continue
		}
		if len(list) == mostDue {
			more++
			continue
		}
		e := ui.Entry{ID: "status", Title: i.Title, What: i.Short}
		if k := vaultstate.Kind(i.ID); (k == vaultstate.RecoveryRekey || k == plan.Drill) && s.why(k) == "" {
			e.ID = i.ID
		}
		switch when := i.When(now); {
		case i.Urgency == custody.AtOnce && when == "":
			e.Late = "at once"
		case i.Urgency == custody.AtOnce || strings.HasSuffix(when, "late"):
			e.Late = when
		default:
			e.Due = when
		}
		list = append(list, e)
	}
	if more > 0 {
		list = append(list, ui.Entry{ID: "status", Title: "Status", What: fmt.Sprintf("%d more", more)})
	}
	return list
}
