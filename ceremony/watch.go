package ceremony

import (
	"slices"
	"strings"

	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
	"conclave/vaultstate"
)

// Watched is what an audience sees of a ceremony: what its public events say, and
// nothing else. No secret can be in it, as none is in an event.
type Watched struct {
	Header   Header
	Script   []ScriptLine // without steps of which only the plan says that they come
	Recent   []Recent     // all events, oldest first
	Told     []Recent     // those that an audience follows
	Keyboard string       // who has it; "" before it was handed over
	Over     string       // "closed" or "aborted"; "" while it runs
}

// untold are events of the program's own work, and those that the script shows.
var untold = []string{"step", "begun", "done", "inventory", "calls", "requests", "receipt", "hand-over"}

// Watch reads the events of a transcript, from its header on.
func Watch(events []transcript.Event) Watched {
	var w Watched
	if len(events) == 0 {
		return w
	}
	f := events[0].Facts
	at := slices.IndexFunc(All, func(c Ceremony) bool { return c.ID == f.Text("ceremony") })
	w.Header = Header{Title: f.Text("ceremony"), ID: f.Text("id"), Vault: f.Text("vault"), Practice: events[0].Practice, Recorded: true}
	lines := map[string]ScriptLine{}
	var table []Step
	if at >= 0 {
		w.Header.Title, table = All[at].Title, All[at].Steps
	}
	for _, ev := range events {
		who := ev.Claimed
		if who == "" {
			who = "program"
		}
		line := Recent{Seq: ev.Seq, Time: ev.Time, Who: who, Text: inWords(ev.Entry)}
		w.Recent = append(w.Recent, line)
		if !slices.Contains(untold, ev.Kind) {
			w.Told = append(w.Told, line)
		}
		switch ev.Kind {
		case "hand-over":
			w.Keyboard = ev.Facts.Text("to")
		case "closed", "aborted":
			w.Over = ev.Kind
			if l, ok := lines[ev.Step]; ok && l.State == Now && w.Over == "closed" {
				l.State, l.Done = Good, ev.Time
				lines[ev.Step] = l
			}
		case "step":
			l := ScriptLine{Number: ev.Facts.Number("number"), ID: ev.Step, Title: ev.Facts.Text("title"), State: Now}
			switch ev.Facts.Text("state") {
			case "done":
				l.State, l.Done = Good, ev.Time
			case "skipped":
				l.State = Skipped
			}
			lines[ev.Step] = l
			w.Header.Step = max(w.Header.Step, l.Number)
		}
	}
	p := &plan.Plan{Kind: vaultstate.Kind(f.Text("ceremony")), Practice: w.Header.Practice}
	for _, l := range f.List("plan") {
		if proof, ok := strings.CutPrefix(l, "proof = "); ok {
			p.Proof, _, _ = strings.Cut(proof, " ")
		}
	}
	if strings.Contains(w.Header.Vault, "://") {
		p.Server = &plan.Server{}
	}
	w.Script = scriptOf(table, p, lines)
	w.Header.Steps = len(w.Script)
	return w
}

// scriptOf is a table's steps as the events show them: those that were begun, and
// those that follow in a run of so much of its plan as is known.
func scriptOf(table []Step, known *plan.Plan, seen map[string]ScriptLine) []ScriptLine {
	comes := func(s Step) bool { return s.Only == nil || s.Only(known) }
	var script []ScriptLine
	for _, s := range table {
		l, begun := seen[s.ID]
		twice := slices.ContainsFunc(table, func(o Step) bool { return o.ID == s.ID && comes(o) }) // at another place for a server
		switch {
		case !comes(s) && (!begun || twice):
			continue
		case !begun:
			l = ScriptLine{ID: s.ID, Title: s.Title, State: ToCome}
		}
		l.Number, l.By = len(script)+1, s.By
		script = append(script, l)
	}
	return script
}
