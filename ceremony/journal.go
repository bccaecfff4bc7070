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
	return r.append(transcript.Entry{Kind: kind, Claimed: name, Evidence: ev, Facts: facts})
}

// append appends an event of the step that the run is at.
func (r *Run) append(e transcript.Entry) error {
	e.Step = r.step().ID
	got, err := r.env.Journal.Append(e)
	if err != nil {
		return &journalError{err}
	}
	r.events++
	who := e.Claimed
	if who == "" {
		who = "program"
	}
	r.recent = append(r.recent, Recent{Seq: got.Seq, Time: got.Time, Who: who, Text: inWords(e)})
	if len(r.recent) > 40 {
		r.recent = r.recent[len(r.recent)-40:]
	}
	return nil
}
