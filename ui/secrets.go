package ui

import (
	tea "github.com/charmbracelet/bubbletea"

	"conclave/ceremony"
	"conclave/hsm/secret"
	"conclave/ui/term"
)

// Tap takes what is typed in secret steps, so that none of it reaches Bubble
// Tea; *term.Tap does.
type Tap interface {
	Arm(max int, note func(term.Note))
	ArmShare(max int, note func(term.Note))
	Armed() bool
	Pause()
	Resume()
	Disarm()
	Peek(func([]byte))
	Caret() int
	Cut(i, j int)
	End()
	Take() secret.Bytes
	Flush() error
}

// Writer swaps place-holders for the characters of a secret on the way to the
// terminal; *term.Writer does. The secret stays its owner's.
type Writer interface {
	Bind(secret.Bytes)
	BindCells(secret.Bytes)
	Unbind()
}

// tapMsg is what the tap tells while it is armed for entry number id.
type tapMsg struct {
	id   int
	note term.Note
}

// entry is the part that PIN and share have in common: a tap, armed while the
// page is seen, and what it tells.
type entry struct {
	tap    Tap
	send   func(tea.Msg)
	share  bool
	max    int
	id     int
	note   term.Note
	fresh  bool // the tap was armed at least once
	wiped  bool // what was half typed is gone
	played int  // characters that an automatic player is seen to type
}

// entries numbers the entries of the process, so that a late note is known.
var entries int

func newEntry(tap Tap, send func(tea.Msg), share bool, max int) entry {
	return entry{tap: tap, send: send, share: share, max: max}
}

// show arms the tap, or goes on where it was paused.
func (e *entry) show() {
	if e.tap.Armed() {
		e.tap.Resume()
		return
	}
	// ctrl+c wipes: after it, and after a lock, the page says so.
	e.wiped = e.fresh && e.note.Count > 0
	e.fresh = true
	e.note = term.Note{}
	entries++
	e.id = entries
	// What was typed ahead belongs to the page before. Without a terminal
	// there is nothing to drop.
	_ = e.tap.Flush()
	id, send := e.id, e.send
	note := func(n term.Note) { send(tapMsg{id, n}) }
	if e.share {
		e.tap.ArmShare(e.max, note)
	} else {
		e.tap.Arm(e.max, note)
	}
}

// hide lets keys through; what is half typed is kept in locked memory.
func (e *entry) hide() { e.tap.Pause() }

// answered leaves the tap as it is: it takes and drops what is still typed,
// until the next page.
func (e *entry) answered() {}

// wipe ends the entry.
func (e *entry) wipe() { e.tap.Disarm() }

// heard takes a note of the tap. It tells whether the note is this entry's.
func (e *entry) heard(msg tea.Msg) bool {
	t, ok := msg.(tapMsg)
	if !ok || t.id != e.id {
		return false
	}
	e.note = t.note
	e.wiped = false
	return true
}

// source says how the secret came in.
func (e *entry) source() string {
	switch {
	case e.note.Pasted:
		return "pasted"
	case e.share:
		return ceremony.TypedOrScanned
	}
	return "typed"
}

// tooEarly is what is said of a run of characters that began before the page.
func tooEarly() *ceremony.Problem {
	return &ceremony.Problem{Happened: "Characters came before this page was ready.",
		State: "They are dropped, with all that came in one run with them: nothing of it is taken.", Do: "Wait a moment, then type it again, or scan it again."}
}

// wipedNote says that a half-typed secret is gone.
const wipedNote = "What was half typed is wiped. Begin again."
