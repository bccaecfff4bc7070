package ceremony

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"conclave/assets"
	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
)

// opened is what the first steps, shared by all ceremonies, remember.
type opened struct {
	briefed, machine, planned bool
	marked                    bool   // who is here
	identified                bool   // …and who checked that
	marks                     []bool // of an answer that did not do
	second                    second // the second witness
	headerPlan                string
	agreedPlan                string // the hash that was read aloud

	looked, seen, stopped bool // the vault
	leftovers             int  // of status.Pending, dealt with

	open    bool   // the state was opened
	adopted string // what the storage says of an interrupted commit
	told    bool   // …was shown
	unknown bool   // that nobody can know whose recovery key it is, was shown
}

// Honesty is rule S10, said on the first page of a ceremony on a local vault.
var Honesty = strings.Join(assets.Text("quorum"), " ")

// opening are the steps that every ceremony begins with.
func opening() []Step {
	return steps([]Step{
		{ID: "brief", Title: "Briefing", By: Operator, Next: brief, Redo: func(r *Run) { r.hello.briefed = false }},
		{ID: "people", Title: "People", By: Operator, Next: people,
			Note: func(r *Run) string { return fmt.Sprintf("%d here", len(r.present)) },
			Redo: func(r *Run) { r.hello.marked, r.hello.identified, r.present = false, false, nil }},
		{ID: "machine", Title: "Machine", By: Operator, Next: machine, Redo: func(r *Run) { r.hello.machine = false }},
		roomStep(),
		{ID: "plan", Title: "Plan", By: Operator, Next: planStep, Redo: func(r *Run) { r.hello.planned = false }},
		{ID: "vault", Title: "Vault", By: Operator, Next: meetVault},
	}, []Step{{ID: "server", Title: "Server", By: Operator, Next: meetServer, Only: (*plan.Plan).UsesServer,
		Redo: func(r *Run) { r.serving.asked, r.serving.compared = false, nil }}}, []Step{{ID: "hsm", Title: "HSM", By: Operator, Next: meetHSM, Only: (*plan.Plan).UsesHSM,
		Redo: func(r *Run) { r.met.found, r.met.compared, r.met.tested = false, false, false }}})
}

// open writes the header before anything else happens.
func (r *Run) open(ctx context.Context) error {
	// How many custodians are needed is asked before they are. An error here
	// is told in the step that looks at the vault.
	r.status, _ = r.env.Vault.Status(ctx)
	for _, d := range r.tokens() {
		_ = d.hsm.Calls() // what came before is not of this ceremony
	}
	p := r.plan
	seq, previous, ended := 1, "", ""
	if o := r.env.Roster; o != nil {
		seq, previous, ended = o.Sequence+1, o.Head, o.Outcome
	}
	m := r.env.Machine
	r.hello.headerPlan = p.HashHex()
	facts := transcript.Facts{
		"format": 1, "ceremony": r.c.ID, "id": p.ID, "purpose": p.Purpose, "practice": p.Practice,
		"program": m.Program, "program_sha256": m.SelfSHA256, "os": m.OS, "host": m.Host,
		"vault": p.Storage, "sequence": seq, "previous_head": previous, "previous_outcome": ended,
		"plan_sha256": r.hello.headerPlan, "plan": p.Text(),
	}
	if n := r.env.Number; n.Run > 0 {
		facts["run"], facts["run_before"], facts["run_before_outcome"] = n.Run, n.Head, n.Outcome
	}
	if c := r.env.Custody; c.Count > 0 {
		facts["custody_head"], facts["custody_events"] = c.String(), int(c.Count) //nolint:gosec // a count of lines
	}
	if err := r.record("header", Program, "", facts); err != nil {
		return err
	}
	if err := KeepNamed(r.env.Named, r.env.Shelf.Put, r.append); err != nil {
		return err
	}
	for _, o := range p.Overrides {
		if r.waits(o) {
			continue
		}
		if err := r.override(o.ID, o.Sentence, o.Who, o.Why); err != nil {
			return err
		}
	}
	return r.sayRecreated()
}

// override records once that a rule is weakened.
func (r *Run) override(id, sentence, who, why string) error {
	for _, o := range r.overrides {
		if o.ID == id {
			return nil
		}
	}
	r.overrides = append(r.overrides, plan.Override{ID: id, Sentence: sentence, Who: who, Why: why})
	return r.record("override", Operator, who, transcript.Facts{"id": id, "sentence": sentence, "who": who, "why": why})
}

// waived tells whether the plan weakens a rule.
func (r *Run) waived(id string) bool {
	for _, o := range r.plan.Overrides {
		if o.ID == id {
			return true
		}
	}
	return false
}

func brief(r *Run) *page {
	if r.hello.briefed {
		return nil
	}
	text := r.c.purpose(r.remote(), r.plan)
	if !r.remote() && (r.status.Can.Offline || r.plan.Storage != "") {
		text = append(text, Honesty)
	}
	text = append(text, r.standing()...)
	if s := r.env.Machine.Shortfalls; len(s) > 0 {
		text = append(text, "What this machine could not give: "+strings.Join(s, " "))
	}
	if r.plan.Practice {
		text = append(text, "This is PRACTICE: a throw-away vault, a private software token, practice keys.")
	}
	return r.read(Operator, r.person(Operator).Name+": read this aloud", text, func(context.Context, Input) error {
		r.hello.briefed = true
		return nil
	})
}

// lists are facts that are left out where they are empty.
type lists map[string][]string

func facted(f transcript.Facts, more lists) transcript.Facts {
	for name, l := range more {
		if len(l) > 0 {
			f[name] = l
		}
	}
	return f
}

// agreePlan has the plan read aloud, with the people who are here.
func agreePlan(r *Run) *page {
	if r.hello.planned {
		return nil
	}
	reader := r.person(Witness)
	text, hash := r.plan.Text(), r.plan.HashHex()
	lines := r.approvalLines()
	for _, w := range r.plan.Warnings {
		lines = append(lines, Line{Mark: Warn, Text: w})
	}
	return &page{
		Prompt: Prompt{Kind: Read, By: reader, Heading: reader.Name + ": read the plan aloud", Lines: lines,
			Text: text, Facts: []Fact{{"SHA-256", hash}}, Recorded: "every line, and its SHA-256."},
		do: func(context.Context, Input) error {
			if err := r.keepApprovals(); err != nil {
				return err
			}
			r.hello.planned, r.hello.agreedPlan = true, hash
			if hash != r.hello.headerPlan {
				// People were named since the header was written.
				if err := r.record("attested", reader.Role, reader.Name, transcript.Facts{"what": "the agreed plan", "lines": text}); err != nil {
					return err
				}
			}
			return r.record("read", reader.Role, reader.Name, transcript.Facts{"title": "plan", "text_sha256": hash})
		},
	}
}

func textHash(text []string) string {
	h := sha256.Sum256([]byte(strings.Join(text, "\n") + "\n"))
	return hex.EncodeToString(h[:])
}
