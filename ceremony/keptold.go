package ceremony

import (
	"context"
	"time"

	"conclave/ceremony/transcript"
	"conclave/vaultstate"
)

// A copy of the old state brings back whatever was replaced. Who keeps it says
// why, who has the disk in their hands, and until when.

const (
	fieldWhyKept  = "why"
	fieldKeeper   = "keeper"
	fieldKeptTill = "till"

	usualKept = 7 // days that are offered
)

// keptOld is a copy that is to be kept, while why is asked.
type keptOld struct {
	of   vaultstate.Leftover
	then func() // once it is recorded
}

func (r *Run) askWhyKept() *page {
	who, k := r.person(Operator), r.aftermath.kept
	return &page{
		Prompt: Prompt{Kind: Form, By: who, Heading: who.Name + ": why is the old state kept, where, and until when?",
			Facts: []Fact{{"lies in", k.of.Path}},
			Text: []string{"Whoever has it and the old shares has a quorum of the old state. Where: the disk or machine, and who looks after it. " +
				"Every later start says that it is there, and the next ceremony asks again."},
			Fields: []Field{{ID: fieldWhyKept, Label: "why"}, {ID: fieldKeeper, Label: "where, and whose care"},
				{ID: fieldKeptTill, Label: "until", Default: r.now().AddDate(0, 0, usualKept).UTC().Format(time.DateOnly)}},
			Recorded: "the three lines, and the path: an open item."},
		do: r.takeWhyKept,
	}
}

func (r *Run) takeWhyKept(_ context.Context, in Input) error {
	k := r.aftermath.kept
	const state = "It is kept still; nothing was recorded."
	if len(in.Fields) != 3 {
		return askAgain("The answers do not fit the fields.", state, "Type them again.")
	}
	why, err := r.typed("old state: why it is kept", in.Fields[0], mostLine, askAgainAt(fieldWhyKept, "A reason is needed.", state, "Type it in a few words."))
	if err != nil {
		return err
	}
	place, err := r.typed("old state: where it is kept", in.Fields[1], mostLine, askAgainAt(fieldKeeper, "A place is needed.", state, "Say on which disk or machine it is, and who looks after it."))
	if err != nil {
		return err
	}
	until, err := r.typed("old state: until when it is kept", in.Fields[2], mostLine, nil)
	if err != nil {
		return err
	}
	if day, err := time.Parse(time.DateOnly, until); err != nil || !day.AddDate(0, 0, 1).After(r.now()) {
		return askAgainAt(fieldKeptTill, "A day is written as "+r.now().AddDate(0, 0, usualKept).UTC().Format(time.DateOnly)+", and is to come.", state, "Type the day by which it is removed.")
	}
	if err := r.record("rollback", Operator, r.person(Operator).Name, transcript.Facts{"choice": "keep", "path": k.of.Path, "reason": why, "place": place, "until": until}); err != nil {
		return err
	}
	r.aftermath.kept = nil
	k.then()
	return nil
}
