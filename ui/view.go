package ui

import (
	"strings"

	"conclave/ceremony"
)

// resize redraws the page whole. A window that is too small hides secrets.
func (m *Model) resize(w, h int) {
	before := m.fits()
	m.w, m.h = w, h
	switch after := m.fits(); {
	case before && !after:
		m.hide()
	case !before && after && m.cover == uncovered && !m.run.Busy():
		m.show()
	}
}

// fits tells whether the page can be drawn in this window.
func (m *Model) fits() bool {
	if m.w < leastWide || m.h < leastHigh {
		return false
	}
	view, keys := m.front()
	_, ok := m.frame().draw(view, keys, 0)
	return ok
}

// scrolled moves a page that is longer than the window. On a page to read,
// enter shows the rest before it goes on.
func (m *Model) scrolled(k keyPress) bool {
	end, seen := m.farthest()
	if end == 0 {
		return false
	}
	_, reads := m.screen.(*readScreen)
	step := max(1, seen-1) // one line stays, for the eye
	switch name := k.String(); {
	case name == "pgdown" || reads && (name == " " || name == "enter" && m.scroll < end):
		m.scroll += step
	case name == "pgup":
		m.scroll -= step
	case reads && name == "down":
		m.scroll++
	case reads && name == "up":
		m.scroll--
	default:
		return false
	}
	m.scroll = max(0, min(m.scroll, end))
	return true
}

// farthest is how far the page in front can be scrolled, and how many of its
// lines are seen at once.
func (m *Model) farthest() (end, seen int) {
	view, _ := m.front()
	p, a, _ := m.frame().place(view)
	_, end = lay(p, a, m.scroll)
	return end, len(single(p.body)) - end
}

// frame is what stands around the page now.
func (m *Model) frame() frame {
	f := newFrame(m.opt.Look, m.w, m.h)
	f.now = m.opt.Now()
	f.header = m.run.Header()
	if !m.start {
		f.header.Recorded = true // not known before the first line is written
	}
	f.script = m.run.Script()
	f.recent = m.run.Recent(recordRows - 2)
	if e := m.prompt.Entry; e.Needed > 0 && m.prompt.Kind == ceremony.AskShare {
		f.shares = sharesOf(e)
	}
	return f
}

// View draws exactly as many rows as the window has.
func (m *Model) View() string {
	f := m.frame()
	end, _ := m.farthest()
	m.reading = m.screen != nil && m.scroll < end
	if m.w < leastWide || m.h < leastHigh {
		return strings.Join(f.small(), "\n")
	}
	if m.cover == blanked {
		return strings.Join(f.blank(), "\n")
	}
	view, keys := m.front()
	rows, ok := f.draw(view, keys, m.scroll)
	if !ok {
		rows = f.small()
	}
	return strings.Join(rows, "\n")
}

// front is the page in front and its keys.
func (m *Model) front() (func(area) page, []binding) {
	switch {
	case m.cover == stopping:
		return m.viewStop, []binding{keyEnter.as("stop", "stop"), keyEsc.as("back, nothing happens", "back"), keyBlank}
	case m.cover == locked:
		return m.viewLock, []binding{keyEnter.as("go on", "go on"), keyBlank}
	case m.cover == noting:
		return m.viewNote, m.noteKeys()
	case m.cover == asking:
		return m.asides.view, m.askingKeys()
	case m.cover == helping:
		return m.viewHelp, []binding{keyAny}
	case m.run.Done():
		return m.viewEnd, []binding{keyEnter.as("leave", "leave"), keyBlank}
	case m.screen == nil:
		return m.viewOpening, []binding{keyBlank, keyStop}
	case m.run.Busy():
		return m.viewBusy, m.busyKeys()
	}
	keys := m.withNote(m.screen.keys())
	if r, ok := m.screen.(*readScreen); ok && !r.rows && m.reading {
		keys[0] = keyEnter.as("read on", "read on")
	}
	return m.screen.view, keys
}

func (m *Model) busyKeys() []binding {
	if w, ok := m.screen.(*workScreen); ok {
		return w.keys()
	}
	return []binding{keyBlank, keyStop}
}

// viewBusy is the page that was answered, while its job runs.
func (m *Model) viewBusy(a area) page {
	p := m.screen.view(a)
	if waited := a.now.Sub(m.waits); !m.waits.IsZero() && waited >= ceremony.Patience {
		p.foot = append(p.foot, a.marked(ceremony.Line{Mark: ceremony.Warn, Text: ceremony.NotAnswered(waited)})...)
	}
	if _, ok := m.screen.(*workScreen); ok || a.now.Sub(m.began) < slowAnswer {
		return p
	}
	p.foot = append(p.foot, a.marked(ceremony.Line{Mark: markNow, Text: "The program works.", Took: a.now.Sub(m.began)})...)
	return p
}

func (m *Model) viewOpening(a area) page {
	return page{focus: true, body: append([]string{"", ""}, a.heading("The ceremony begins.")...), recorded: "the program, the machine, the plan."}
}
