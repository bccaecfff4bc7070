package ui

import (
	"context"

	tea "github.com/charmbracelet/bubbletea"

	"conclave/ceremony"
)

// begin runs a job in a command.
func (m *Model) begin(job ceremony.Job) tea.Cmd {
	m.began = m.opt.Now()
	ctx, cancel := context.WithCancel(m.opt.Context)
	m.cancel = cancel
	return func() tea.Msg { return doneMsg{job(ctx)} }
}

// toScreen gives the page a message and takes its answer in the same turn.
func (m *Model) toScreen(msg tea.Msg) tea.Cmd {
	if m.screen == nil || m.run.Busy() || m.run.Done() {
		return nil
	}
	in, cmd := m.screen.update(msg)
	if in == nil {
		return cmd
	}
	return tea.Batch(cmd, m.answer(*in))
}

// answer hands an answer to the ceremony and runs what it leads to.
func (m *Model) answer(in ceremony.Input) tea.Cmd {
	in.Stamp = m.prompt.Stamp
	job, err := m.run.Answer(in)
	if err != nil {
		// Refused: nothing happened, the page stands. It is drawn anew.
		return m.next()
	}
	if s, ok := m.screen.(secretive); ok {
		s.answered()
	}
	return m.begin(job)
}

// finished takes the result of a job and draws the next page.
func (m *Model) finished(res ceremony.Result) tea.Cmd {
	if m.cancel != nil {
		m.cancel()
	}
	if err := m.run.Finish(res); err != nil {
		return nil
	}
	m.start = true
	if m.deviation.sent && m.asked == nil {
		if stay, cmd := m.noted(); stay {
			return cmd
		}
	}
	m.deviation.sent = false
	if m.asked != nil && !m.run.Done() {
		ask := *m.asked
		m.asked = nil
		job, err := m.run.Abort(ask.by, ask.reason)
		if err == nil {
			return m.begin(job)
		}
	}
	m.asked = nil
	return m.next()
}

// next draws the present prompt of the ceremony.
func (m *Model) next() tea.Cmd {
	m.wipe()
	m.scroll = 0
	m.shown = m.opt.Now()
	if m.run.Done() {
		m.screen = nil
		m.cover = uncovered
		if m.leaving {
			return tea.Quit
		}
		if m.opt.Auto != nil {
			return m.after(m.opt.Pace, tea.Quit())
		}
		return nil
	}
	m.prompt = m.run.Prompt()
	m.screen = m.screenFor(m.prompt)
	if m.prompt.Kind == ceremony.Work {
		return m.answer(ceremony.Input{})
	}
	if m.playing() {
		return m.after(m.opt.Pace/playedParts, playMsg{m.prompt.Stamp, 1})
	}
	if m.prompt.Kind == ceremony.Confirm {
		// Typed ahead is not typed on this page. Without a terminal there is
		// nothing to drop.
		_ = m.opt.Tap.Flush()
	}
	if m.cover == uncovered {
		m.show()
	}
	return nil
}

// show and hide tell a page that holds a secret that it is seen or not.
func (m *Model) show() {
	if s, ok := m.screen.(secretive); ok && m.fits() && !m.away {
		s.show()
	}
}

// back shows again what was hidden while the terminal had no focus. A key says
// as much as a report, which some terminals forget.
func (m *Model) back() {
	if !m.away {
		return
	}
	m.away = false
	if m.cover == uncovered && !m.run.Busy() && !m.run.Done() && !m.playing() {
		m.show()
	}
}

func (m *Model) hide() {
	if s, ok := m.screen.(secretive); ok {
		s.hide()
	}
}

func (m *Model) wipe() {
	if s, ok := m.screen.(secretive); ok {
		s.wipe()
	}
}

// isLent tells whether gpg has, or had until now, the terminal.
func (m *Model) isLent() bool {
	l, ok := m.screen.(interface{ lent() bool })
	return ok && l.lent()
}

func (m *Model) inField() bool {
	t, ok := m.screen.(typing)
	return ok && t.fields()
}

// secretStep tells whether the page takes or shows a secret.
func (m *Model) secretStep() bool {
	_, ok := m.screen.(secretive)
	return ok
}
