package ui

import (
	"fmt"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"conclave/ceremony"
	"conclave/ui/term"
)

// Watch is a ceremony as an audience sees it, on a second terminal or a projector:
// the script, who has the keyboard, and what was recorded last, from public events
// alone. It can do nothing but end.
type Watch struct {
	Load func() (ceremony.Watched, error) // reads the record anew
	Look term.Look
	Now  func() time.Time

	seen    ceremony.Watched
	failed  error
	w, h    int
	started bool
}

// lookAgain is how long after an event an audience may see it.
const lookAgain = 250 * time.Millisecond

type lookMsg struct {
	seen ceremony.Watched
	err  error
}

// Init reads for the first time.
func (m *Watch) Init() tea.Cmd { return m.load }

func (m *Watch) load() tea.Msg {
	seen, err := m.Load()
	return lookMsg{seen, err}
}

// Update takes a message.
func (m *Watch) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.w, m.h, m.started = msg.Width, msg.Height, true
	case lookMsg:
		if m.failed = msg.err; m.failed == nil {
			m.seen = msg.seen
		}
		return m, tea.Tick(lookAgain, func(time.Time) tea.Msg { return tickMsg{} })
	case tickMsg:
		return m, m.load
	case StopMsg:
		return m, tea.Quit
	case keyPress:
		if keyQuit.is(msg) {
			return m, tea.Quit
		}
	}
	return m, nil
}

// View draws what is known.
func (m *Watch) View() string {
	w, h := m.w, m.h
	if !m.started {
		w, h = fullWide, fullHigh
	}
	f := newFrame(m.Look, w, h)
	f.header, f.script, f.recent, f.now = m.seen.Header, m.seen.Script, m.seen.Recent, m.Now()
	if len(m.seen.Recent) == 0 {
		f.header = ceremony.Header{Title: "WATCH", Recorded: true}
	}
	if w < leastWide || h < leastHigh {
		return strings.Join(f.small(), "\n")
	}
	rows, ok := f.draw(m.page, []binding{keyQuit}, 0)
	if !ok {
		rows = f.small()
	}
	return strings.Join(rows, "\n")
}

func (m *Watch) page(a area) page {
	st, s := a.look.Styles, m.seen
	lead := strings.Repeat(" ", a.text)
	body := []string{""}
	switch {
	case m.failed != nil:
		return page{body: append(body, a.para("This record is not shown. "+m.failed.Error())...)}
	case len(s.Recent) == 0:
		return page{body: append(body, a.para("No ceremony has begun in this directory yet.")...)}
	case s.Over == "closed":
		body = append(body, lead+sign(a.look, markGood)+" "+st.Heading.Render("The ceremony is over. Its record is closed."))
	case s.Over == "aborted":
		body = append(body, lead+sign(a.look, markWarn)+" "+st.Heading.Render("The ceremony was stopped. Its record says why."))
	default:
		body = append(body, lead+st.Heading.Render(m.now()))
		if s.Keyboard != "" {
			body = append(body, lead+"The keyboard has "+st.Value.Render(say(s.Keyboard))+".")
		}
	}
	body = append(body, "")
	// The newest last, as in the record; those before are dim.
	room := max(1, (a.h-len(body)-3)/2)
	told := s.Told[max(0, len(s.Told)-room):]
	for i, e := range told {
		line := e.Time.UTC().Format("15:04") + "  " + fill(first(e.Who), 9, a.look.Symbols.More) + say(e.Text)
		line = cut(line, a.right()-1, a.look.Symbols.More)
		if i == len(told)-1 {
			line = st.Value.Render(line)
		} else {
			line = st.Aside.Render(line)
		}
		body = append(body, lead+line, "")
	}
	last := s.Recent[len(s.Recent)-1]
	return page{body: append(body, lead+st.Aside.Render(fmt.Sprintf("%d events are on disk. Public events only.", last.Seq)))}
}

// now is the step that is being done.
func (m *Watch) now() string {
	for _, l := range m.seen.Script {
		if l.State == ceremony.Now {
			return fmt.Sprintf("Step %d of %d: %s", l.Number, len(m.seen.Script), say(l.Title))
		}
	}
	return "Between two steps"
}
