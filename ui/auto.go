package ui

import (
	tea "github.com/charmbracelet/bubbletea"
)

// playing tells whether the page is played by the program for its people.
func (m *Model) playing() bool { return m.opt.Auto != nil }

// play goes on with a played page: the answer is seen to be typed, then given.
func (m *Model) play(msg playMsg) tea.Cmd {
	if msg.stamp != m.prompt.Stamp || m.run.Busy() || m.run.Done() || m.screen == nil {
		return nil
	}
	if m.cover != uncovered {
		// Somebody is looking at something else: wait for them.
		return m.after(m.opt.Pace/playedParts, msg)
	}
	if t, ok := m.screen.(typist); ok {
		t.play(msg.done, playedParts)
	}
	if msg.done < playedParts {
		msg.done++
		return m.after(m.opt.Pace/playedParts, msg)
	}
	in, ok := m.opt.Auto(m.prompt)
	if !ok {
		m.opt.Auto = nil
		m.show()
		return nil
	}
	return m.answer(in)
}
