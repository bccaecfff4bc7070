package ceremony

import "conclave/ceremony/transcript"

// record appends one event; it is on disk when it returns.
func (r *Run) record(kind string, by Role, name string, facts transcript.Facts) error {
	ev := transcript.ByKeyboard
	if by == Program {
		ev = transcript.ByProgram
	}
	return r.recordAs(kind, name, ev, facts)
}

func (r *Run) recordAs(kind, name string, ev transcript.Evidence, facts transcript.Facts) error {
	e := transcript.Entry{Kind: kind, Step: r.step().ID, Claimed: name, Evidence: ev, Facts: facts}
	got, err := r.env.Journal.Append(e)
	if err != nil {
		return &journalError{err}
	}
	r.events++
	who := name
	if who == "" {
		who = "program"
	}
	r.recent = append(r.recent, Recent{Seq: got.Seq, Time: got.Time, Who: who, Text: inWords(e)})
	if len(r.recent) > 40 {
		r.recent = r.recent[len(r.recent)-40:]
	}
	return nil
}
