package ceremony

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"conclave/assets"
	"conclave/assets/words"
	"conclave/ceremony/custodian"
	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
	"conclave/vaultstate"
)

// aftermath is what the steps after the commit remember.
type aftermath struct {
	checked  bool
	looked   bool
	left     *vaultstate.Leftover  // the old state, or the way back to none
	older    []vaultstate.Leftover // of earlier ceremonies, still to be asked about
	attested bool
	rollback string
	kept     *keptOld
	removing *removingOld
	back     going
	signed   bool
	seen     bool
	old      oldShares
	keep     keeping
}

// closing are the steps after the change. Those of a ceremony's own come before
// the sign-off, which covers them.
func closing(own ...Step) []Step {
	return steps([]Step{
		{ID: "checks", Title: "Checks", By: Operator, Next: showChecks, Redo: func(r *Run) { r.aftermath.attested = false }},
	}, []Step{
		{ID: "rollback", Title: "Old state", By: Operator, Next: oldState, Redo: oldStateAgain, Only: func(p *plan.Plan) bool { return p.Server == nil && p.Kind != plan.Drill },
			Needs: func(r *Run) bool { return r.aftermath.left != nil || len(r.aftermath.older) > 0 }},
	}, own, signOffStep(), step("close", "Close", Operator, closeRecord))
}

// showChecks shows what was checked after the change, and what it means.
func showChecks(r *Run) *page {
	if r.aftermath.attested {
		return nil
	}
	who, meaning := r.person(Operator), r.meaning()
	var lines []Line
	for _, c := range r.checks {
		lines = append(lines, Line{Mark: markOf(c), Text: c.Text, Took: c.Took})
	}
	lines = append(append(lines, r.objectsNow()...), r.anchorLine()...)
	recorded := append(checkTexts(r.checks), r.objects.says...)
	if s := r.keyOrigin(); s != "" {
		lines = append(lines, Line{Mark: Warn, Text: s})
		recorded = append(recorded, s)
	}
	return &page{
		Prompt: Prompt{Kind: Attest, By: who, Heading: capital(r.verdict()), Lines: lines, Text: meaning,
			Recorded: "each check and its result, and the sentences."},
		do: func(context.Context, Input) error {
			r.aftermath.attested = true
			return r.record("attested", Operator, who.Name, transcript.Facts{"what": r.did(), "lines": append(recorded, meaning...)})
		},
	}
}

// meaning is what everybody must know afterwards.
func (r *Run) meaning() []string {
	text := []string{}
	if r.provesBackup() {
		return append(assets.Text("after-drill-backup"), r.standing()...)
	}
	if r.plan.Kind == plan.Drill {
		return append(r.drillMeaning(), r.standing()...)
	}
	if r.remote() {
		text = assets.Text("after-server")
		if s := r.openItem(); s != "" {
			text = append(text, s)
		}
		return text
	}
	switch r.plan.Kind {
	case vaultstate.RecoveryRekey, vaultstate.Recover:
		text = append(assets.Text("replaced-shares"), r.copiesKnown())
	case vaultstate.Rotate:
		text = append(text, fmt.Sprintf("New entries are encrypted under term %d.", activeTerm(r.outcome.After)))
		text = append(text, assets.Text("after-rotate")...)
	case vaultstate.Rewrap:
		text = r.afterRewrap()
		if r.plan.Replaces() {
			text = append(append(text, assets.Text("replaced-shares")...), r.copiesKnown())
		}
	case vaultstate.Init, vaultstate.Rekey, vaultstate.ReEncrypt, vaultstate.GenerateRoot:
		text = assets.Text("after-" + r.c.ID)
	case plan.Retire, plan.RevokeRoot:
		text = assets.Text("after-" + r.c.ID)
	case plan.Unseal:
		if !r.plan.Deep {
			text = append(text, "The keys were opened; the entries of the vault were not read. With -deep every one is.")
		}
	}
	switch {
	case r.aftermath.left == nil:
	case r.plan.Kind == vaultstate.Init:
		text = append(text, assets.Text("staging-init")...)
	default:
		text = append(text, assets.Text("staging")...)
	}
	if s := r.openItem(); s != "" {
		text = append(text, s)
	}
	return append(text, r.standing()...)
}

// copiesKnown names the older copies of the storage that this program knows:
// those that ceremonies kept beside it.
func (r *Run) copiesKnown() string {
	var paths []string
	if l := r.aftermath.left; l != nil {
		paths = append(paths, l.Path)
	}
	for _, l := range r.aftermath.older {
		paths = append(paths, l.Path)
	}
	if len(paths) == 0 {
		return "Copies known to this program: none. Backups and snapshots are not known to it."
	}
	return "Copies known to this program: " + strings.Join(paths, ", ") + ". Backups and snapshots are not known to it."
}

// closeRecord writes the last event; after it only the head is shown.
func closeRecord(r *Run) *page {
	a, who := &r.aftermath, r.person(Operator)
	switch {
	case !a.signed:
		lines := append(r.weakened(), r.signOffLine())
		return &page{
			Prompt: Prompt{Kind: Attest, By: who, Heading: who.Name + ": close the record?", Lines: lines,
				Text: []string{"After this nothing can be added to the record."}, Recorded: "the close, with the lines above."},
			do: r.close,
		}
	case !a.seen:
		n, sum := r.env.Journal.Head()
		lines := r.sealing.sealedLines()
		return &page{
			Prompt: Prompt{Kind: Attest, By: who, Heading: "Each witness writes rows A to H on paper.", Facts: aloud(sum), Lines: lines,
				Text:     []string{capital(r.whole()), fmt.Sprintf("Record   %s    %d events", r.env.Shelf.Path("."), n)},
				Recorded: "nothing more. The head on paper is what shows a later change."},
			do: func(context.Context, Input) error {
				a.seen = true
				r.result = strings.TrimSpace(capital(r.whole()) + " " + r.sealing.unsigned())
				return nil
			},
		}
	}
	return nil
}

func (r *Run) verdict() string {
	if r.aftermath.rollback == "undone" {
		return "the old state was put back; the vault is as it was."
	}
	if r.plan.Kind == plan.Drill {
		return r.drillVerdict()
	}
	if n := r.failed(); n > 0 {
		return fmt.Sprintf("%s; %d of %d checks did not pass.", r.did(), n, len(r.checks))
	}
	return r.did() + "."
}

// did is what the ceremony did, in half a sentence.
func (r *Run) did() string {
	if r.plan.Kind == vaultstate.GenerateRoot && r.delivery.fate == custodian.Revoked {
		return "the root token was made, and is revoked"
	}
	if r.plan.UnsealKeys {
		return "the unseal key and its shares are replaced"
	}
	return r.c.done()
}

// whole is the verdict with what must be known beside it.
func (r *Run) whole() string {
	return strings.Join(append([]string{r.verdict()}, r.standing()...), " ")
}

// failed is how many checks did not pass.
func (r *Run) failed() int {
	n := 0
	for _, c := range r.checks {
		if !c.OK {
			n++
		}
	}
	return n
}

func (r *Run) close(ctx context.Context, _ Input) error {
	ids := []string{}
	for _, o := range r.overrides {
		ids = append(ids, o.ID)
	}
	who := r.person(Operator)
	if err := r.recordSealCall(); err != nil {
		return err
	}
	if err := r.record("closed", Operator, who.Name, transcript.Facts{"verdict": r.whole(), "overrides": ids, "deviations": r.deviationTexts(), "signoff": r.signOffText()}); err != nil {
		return err
	}
	r.closed, r.aftermath.signed = true, true
	if err := r.seal(ctx); err != nil {
		return &journalError{errors.Join(errors.New("writing head.txt"), err)}
	}
	return nil
}

// aloud is a digest in rows of four bytes, in hex and in words.
func aloud(sum [sha256.Size]byte) []Fact {
	var facts []Fact
	w := words.Words(sum[:])
	for i := range 8 {
		facts = append(facts, Fact{string(rune('A' + i)), fmt.Sprintf("%s  %s", hexPairs(sum[4*i:4*i+4]), joinWords(w[4*i:4*i+4]))})
	}
	return facts
}

func hexPairs(b []byte) string {
	s := fmt.Sprintf("%X", b)
	return s[:4] + " " + s[4:]
}

func joinWords(w []string) string {
	s := ""
	for _, x := range w {
		s += fmt.Sprintf("%-13s", x)
	}
	return s
}
