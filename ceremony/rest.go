package ceremony

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"conclave/ceremony/transcript"
	"conclave/vaultstate"
)

// A break. What can be typed again does not lie about meanwhile: the login at
// the token ends, and the shares of a quorum that is not complete are wiped.
// What cannot be made again is kept in locked memory, so that nothing is lost:
// new shares and a root token that were not handed out yet, and what the vault
// holds of the pending operation. The page says both before the break begins.
// There is none while a share is typed or a secret is shown.

// rest is where a break stands.
type rest struct {
	begun, ready, over bool
	marked, checked    bool
	since, until       time.Time
	back               string // when people said that they would go on
	by                 string // who decided
	digest             vaultstate.Digest
	known              bool // the digest
}

func (r *Run) takeBreak() *page {
	b := &r.aside.rest
	switch {
	case !b.begun:
		return r.askBreak()
	case !b.ready:
		return r.work("log out for the break", Prompt{IfPowerFails: "the break has begun. " + capital(r.stands())}, r.beginBreak)
	case !b.over:
		return r.restPage()
	case !b.marked:
		return r.whoIsBack()
	case len(r.aside.fresh) > 0:
		return r.askIdentity(r.aside.fresh, func() { r.aside.fresh = nil })
	case !b.checked:
		return r.work("compare the vault with what it was before the break", Prompt{IfPowerFails: "nothing has been changed since the break."}, r.endBreak)
	}
	return nil
}

func breakFields() []Field {
	return []Field{{ID: "reason", Label: "reason"}, {ID: "back", Label: "expected back"}, {ID: "decided by", Label: "decided by"}}
}

func (r *Run) askBreak() *page {
	who := r.person(Operator)
	return &page{
		Prompt: Prompt{Kind: Form, By: who, Heading: who.Name + ": a break",
			Fields: r.aside.typed.over(breakFields()), Lines: r.inBreak(),
			Text: []string{"The program logs out of the token, and only the break is on the screen. Afterwards: who is here is marked, the vault is compared, the PIN is typed anew.",
				"All lines empty: no break, and nothing is recorded."},
			Recorded: "these lines, and when it began."},
		do: func(_ context.Context, in Input) error {
			lines, err := r.linesOf(breakFields(), in)
			switch {
			case err != nil:
				return err
			case strings.Join(lines, "") == "":
				r.nothing()
				return nil
			case lines[0] == "" || lines[2] == "":
				return askAgain("The reason is needed, and who decided.", "The break has not begun.", "Type them; or leave all lines empty to go on without a break.")
			}
			b := &r.aside.rest
			b.begun, b.since, b.back, b.by = true, r.now(), lines[1], lines[2]
			return r.record("break", Operator, who.Name, transcript.Facts{"reason": lines[0], "back": lines[1], "decided_by": lines[2],
				"wiped": r.wipeTyped()})
		},
	}
}

// inBreak says what becomes of the secrets that the program holds.
func (r *Run) inBreak() []Line {
	var lines []Line
	if n := len(r.quorum.given); n > 0 && !r.quorum.submitted {
		lines = append(lines, Line{Mark: Warn, Text: fmt.Sprintf("%d of %d shares are in. They are wiped: those who gave them type them again. If the last is typed before the break, nobody does.", n, r.needed())})
	}
	kept := r.kept()
	if len(kept) > 0 {
		lines = append(lines, Line{Mark: Warn, Text: "Of the new shares stay in locked memory: " + list(kept) + ". The set is lost with the program, and void after a break " + overNight + "."})
	}
	if i := r.delivery.issue; i != nil && !r.committed && i.Token != nil && i.Token.Plain.Len() > 0 {
		lines = append(lines, Line{Mark: Warn, Text: "The root token stays in locked memory. It is not valid yet."})
	}
	if len(lines) == 0 {
		lines = []Line{{Mark: Good, Text: "no share is in the program's memory"}}
	}
	return lines
}

// longestBreak is how long new shares stay in memory: what goes on another day
// goes on from what the HSM has wrapped and from files that are encrypted.
const (
	longestBreak = 12 * time.Hour
	overNight    = "longer than 12 hours"
)

// kept are the new shares that the program holds, in words.
func (r *Run) kept() []string {
	var kept []string
	if n := len(r.proof.typed); n > 0 && !r.committed {
		kept = append(kept, fmt.Sprintf("%d proven", n))
	}
	if i := r.delivery.issue; i != nil && !r.committed {
		n := 0
		for _, s := range i.Shares {
			if s.Plain.Len() > 0 {
				n++
			}
		}
		if n > 0 {
			kept = append(kept, fmt.Sprintf("%d not handed out", n))
		}
	}
	return kept
}

// wipeTyped wipes what people can type again, and says how many shares of a
// quorum were among it.
func (r *Run) wipeTyped() int {
	r.parts.wipe()
	r.proof.wipe()
	if r.quorum.submitted {
		return 0
	}
	n := len(r.quorum.given) + len(r.authority.tried)
	r.quorum.wipe()
	r.authority.wipe()
	r.quorum = quorum{}
	return n
}

func (r *Run) beginBreak(ctx context.Context) ([]string, error) {
	b := &r.aside.rest
	st, err := r.env.Vault.Status(ctx)
	if err != nil && r.hello.looked {
		return nil, err
	}
	b.digest, b.known = st.Storage, err == nil
	if err := errors.Join(r.endLogin(ctx, "break"), r.dropToken()); err != nil {
		return nil, err
	}
	b.ready = true
	return nil, nil
}

// restPage is all that is on the screen during a break.
func (r *Run) restPage() *page {
	b, who := &r.aside.rest, r.person(Operator)
	word := firstName(who.Name)
	facts := []Fact{{"since", b.since.UTC().Format("15:04") + " UTC"}, {"expected back", b.back}, {"decided by", b.by}}
	if b.back == "" {
		facts[1].Value = notStated
	}
	return &page{
		Prompt: Prompt{Kind: Rest, By: who, Heading: "Break", Word: word, Facts: facts,
			Text: []string{"The program is logged out of the token. It waits for as long as it takes.", r.stands()}, Recorded: "when it ends, and who is here then."},
		do: func(_ context.Context, in Input) error {
			if !sameWord(in.Text, word) {
				return askAgain("That is not "+word+".", "The break goes on.", "Type "+word+" to end it.")
			}
			b.over, b.until = true, r.now()
			if len(r.kept()) > 0 && b.until.Sub(b.since) > longestBreak {
				return &stop{code: CodeStopped, by: who.Name, reason: "the break was " + overNight + ", and new shares were in the program's memory"}
			}
			return nil
		},
	}
}

// whoIsBack marks who is here, as at the beginning: it goes on only with those
// whom the rest of the ceremony needs.
func (r *Run) whoIsBack() *page {
	who, all := r.person(Operator), r.everybody()
	var rows []Attendance
	for i, p := range all {
		rows = append(rows, Attendance{Person: p, Present: i < len(r.hello.marks) && r.hello.marks[i]})
	}
	return &page{
		Prompt: Prompt{Kind: People, By: who, Heading: who.Name + ": mark who is here after the break", People: rows,
			Recorded: "names, roles, times; who left and who arrived."},
		do: func(_ context.Context, in Input) error {
			if len(in.Present) != len(all) {
				return askAgain("The marks do not fit the list.", "Nothing was recorded.", "Mark each person, then press enter.")
			}
			r.hello.marks = slices.Clone(in.Present)
			var here []Person
			for i, p := range all {
				if in.Present[i] {
					here = append(here, p)
				}
			}
			if why := r.lacking(here); why != "" {
				return askAgain(why, "The break goes on. "+r.stands(), "Mark them once they are here, or stop.")
			}
			r.hello.marks = nil
			for i, p := range all {
				switch was := r.isHere(p); {
				case was && !in.Present[i]:
					if err := r.leave(p, "not back after the break"); err != nil {
						return err
					}
				case !was && in.Present[i]:
					if err := r.arrive(p); err != nil {
						return err
					}
					r.aside.fresh = append(r.aside.fresh, p)
				}
			}
			r.aside.rest.marked = true
			return nil
		},
	}
}

// endBreak reads the vault and the pending operation again.
func (r *Run) endBreak(ctx context.Context) ([]string, error) {
	b := &r.aside.rest
	st, err := r.env.Vault.Status(ctx)
	if err != nil && r.hello.looked {
		return nil, err
	}
	var changed error
	if b.known && err == nil && st.Storage != b.digest {
		changed = fmt.Errorf("after the break: the vault on disk is not what it was before it: %w", vaultstate.ErrChanged)
	} else if r.begun && !r.committed {
		changed = r.guard(ctx)
	}
	if changed != nil && !errors.Is(changed, vaultstate.ErrChanged) {
		return nil, changed // it could not be read: the people try again
	}
	var names []string
	for _, who := range r.present {
		names = append(names, who.Name)
	}
	facts := transcript.Facts{"duration_s": int(b.until.Sub(b.since).Seconds()), "people": names, "same": changed == nil}
	if b.known {
		facts["digest"] = st.Storage.String()
	}
	if err := r.record("break-ended", Operator, r.person(Operator).Name, facts); err != nil {
		return nil, err
	}
	if changed != nil {
		return nil, changed
	}
	b.checked = true
	return []string{"the vault on disk is what it was"}, nil
}
