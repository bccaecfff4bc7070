package ceremony

import (
	"fmt"
	"time"
)

// The clock of a token or of a server is recorded beside this machine's. It is
// nobody's watch: whoever set it may have set this one, too.

// otherClock is such a clock when it was asked. The zero value is none.
type otherClock struct {
	at  time.Time
	off time.Duration // how far it is ahead of this machine's
}

func (r *Run) clockOf(at time.Time) otherClock {
	if at.IsZero() {
		return otherClock{}
	}
	return otherClock{at.UTC(), at.Sub(r.now()).Round(time.Second)}
}

// fact is what the record says of it; "" if there is none.
func (c otherClock) fact() string {
	switch {
	case c.at.IsZero():
		return ""
	case c.off.Abs() <= time.Second: // they say whole seconds
		return c.at.Format(time.RFC3339) + ", as this machine's clock"
	case c.off < 0:
		return fmt.Sprintf("%s, %d s behind this machine's clock", c.at.Format(time.RFC3339), int(-c.off.Seconds()))
	}
	return fmt.Sprintf("%s, %d s ahead of this machine's clock", c.at.Format(time.RFC3339), int(c.off.Seconds()))
}

// lines warn of one that is off by more than a watch may be.
func (c otherClock) lines(whose string) []Line {
	if c.at.IsZero() || c.off.Abs() <= mostOff {
		return nil
	}
	return []Line{{Mark: Warn, Text: whose + " clock says " + c.fact() + ". Which of them is wrong?"}}
}
