package ceremony

import (
	"context"

	"conclave/ceremony/transcript"
	"conclave/vaultstate"
)

// A copy of the old state brings back whatever was replaced. Who keeps it says
// why, who has the disk in their hands, and until when.

const (
	fieldWhyKept  = "why"
	fieldKeeper   = "keeper"
	fieldKeptTill = "till"
)

// keptOld is a copy that is to be kept, while why is asked.
type keptOld struct {
	of   vaultstate.Leftover
	then func() // once it is recorded

	typed filled
}

func (r *Run) askWhyKept() *page {
	who, k := r.person(Operator), r.aftermath.kept
	return &page{
		Prompt: Prompt{Kind: Form, By: who, Heading: who.Name + ": why is the old state kept, where, and until when?",
			Facts: []Fact{{"lies in", k.of.Path}},
			Text: []string{"Whoever has it and the old shares has a quorum of the old state. Where: the disk or machine, and who looks after it. " +
				"Every later start says that it is there, and the next ceremony asks again."},
			Fields:   k.typed.over(r.keptFields()),
			Recorded: "the three lines, and the path: an open item."},
		do: r.takeWhyKept,
	}
}

func (r *Run) keptFields() []Field {
	return []Field{{ID: fieldWhyKept, Label: "why"}, {ID: fieldKeeper, Label: "where, by whom"},
		{ID: fieldKeptTill, Label: "until", Default: r.inDays(usualDays)}}
}

func (r *Run) takeWhyKept(_ context.Context, in Input) error {
	k := r.aftermath.kept
	var err error
	k.typed, err = fill(r.keptFields(), in, func(f Field, typed string) (string, error) {
		text, err := r.line(f, typed)
		switch {
		case err != nil:
		case f.ID == fieldKeptTill:
			err = r.aDay(text)
		case text == "":
			err = askAgain("The old state is kept, and nobody said "+f.Label+".", "Nothing was recorded.", "Type it in a few words.")
		}
		return text, err
	})
	if err == nil {
		err = r.record("rollback", Operator, r.person(Operator).Name, transcript.Facts{"choice": "keep", "path": k.of.Path,
			"reason": k.typed[fieldWhyKept], "place": k.typed[fieldKeeper], "until": k.typed[fieldKeptTill]})
	}
	if err != nil {
		return err
	}
	r.aftermath.kept = nil
	k.then()
	return nil
}
