package ui

import (
	"time"

	"conclave/ceremony"
)

// moreTime is what + adds to the time that a secret is shown.
const moreTime = 30 * time.Second

// timed is a secret on the screen for a short time: bound to the page's
// place-holders by bind, and overwritten by clear. After the page was covered
// it comes back with the time that was left.
type timed struct {
	now   func() time.Time
	until time.Time // when it hides
	shown bool
	bind  func() bool // whether it can be shown
	clear func()
}

func (t *timed) show(r *ceremony.Reveal) {
	if t.until.IsZero() {
		t.until = t.now().Add(time.Duration(r.Seconds) * time.Second)
	}
	if !t.shown && t.now().Before(t.until) {
		t.shown = t.bind()
	}
}

func (t *timed) hide() {
	if t.shown {
		t.clear()
		t.shown = false
	}
}

// expire hides what was shown long enough.
func (t *timed) expire() {
	if !t.now().Before(t.until) {
		t.hide()
	}
}

// more gives it more time, also after it was hidden.
func (t *timed) more() {
	if !t.shown {
		t.until = t.now()
	}
	t.until = t.until.Add(moreTime)
	if !t.shown {
		t.shown = t.bind()
	}
}

// left says how long it is still shown, "" when it is hidden.
func (t *timed) left(a area) string {
	if !t.shown {
		return ""
	}
	return "Hidden in " + a.look.Styles.Value.Render(clock(max(0, t.until.Sub(a.now))))
}
