package custodian

import "conclave/ceremony/transcript"

// Recreation is a set of recovery shares that was put in place without a quorum
// of the one before. It is never forgotten.
type Recreation struct {
	Ceremony   string `json:"ceremony"`
	On         string `json:"on"` // UTC
	Reason     string `json:"reason"`
	Sentence   string `json:"sentence"`              // what is said of it for ever
	BreakGlass bool   `json:"break_glass,omitempty"` // …and without what a recover asks for
}

// recovery notes on whose authority shares are re-created: it counts once the
// new state is in place.
func (d *deriver) recovery(ev transcript.Event) {
	f := ev.Facts
	d.recreation = &Recreation{Ceremony: d.r.Ceremony, On: stamp(ev.Time), Reason: f.Text("reason"),
		Sentence: f.Text("sentence"), BreakGlass: f.Flag("break_glass")}
}

// recreated is for the swap.
func (d *deriver) recreated() {
	if d.recreation != nil {
		d.r.Recreated = append(d.r.Recreated, *d.recreation)
		d.recreation = nil
	}
}

// RecreatedSentences are said wherever something is said of the vault.
func (r *Roster) RecreatedSentences() []string {
	var list []string
	for _, c := range r.Recreated {
		list = append(list, c.Sentence+" ("+c.Ceremony+")")
	}
	return list
}
