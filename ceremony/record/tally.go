package record

import (
	"fmt"

	"conclave/ceremony/transcript"
)

// maxTally bounds what a Tally keeps of a hostile transcript.
const maxTally = 1000

// Tally counts the people of a transcript that is read once and not kept.
type Tally struct{ page Page }

// See takes one event.
func (t *Tally) See(ev transcript.Event) {
	t.page.evidence(ev)
	if ev.Kind == "person" && len(t.page.People) < maxTally {
		t.page.person(ev.Facts)
	}
}

// Notes says how the people are known, and whose name is not what it looks
// like.
func (t *Tally) Notes() []transcript.Note {
	if len(t.page.People) == 0 {
		return nil
	}
	list := []transcript.Note{{About: "people", Text: t.page.together()}}
	for _, who := range t.page.People {
		if who.LookAlike != "" {
			list = append(list, transcript.Note{About: "look-alike", Text: fmt.Sprintf("%s, %s: %s", who.Name, who.Role, who.LookAlike)})
		}
	}
	return list
}
