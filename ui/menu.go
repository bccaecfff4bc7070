package ui

import (
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"conclave/ceremony"
	"conclave/ui/term"
)

// Entry is one line of the menu.
type Entry struct {
	ID    string
	Title string // "Drill"
	What  string // one verb phrase; of what is not possible, the reason
	Late  string // of what is due: "87 days late", a badge
	Due   string // of what is due: "due in 53 days", plain
}

// Menu is the first page without a command: what this vault is, and what can be
// done with it, in the order of need.
type Menu struct {
	Name     string   // "Payments vault"
	Where    string   // its directory or address
	Facts    []string // sentences
	Warnings []string // sentences: the HSM does not answer
	Due      []Entry
	Possible []Entry
	Not      []Entry // shown with the reason, never chosen

	Look term.Look
	Now  func() time.Time

	chosen  string
	at      int
	w, h    int
	cover   cover
	scroll  int
	started bool
}

// Honesty is what the first page says of a local vault.
var Honesty = ceremony.Honesty

// Chosen is the id of the entry that was opened, or "" if nobody chose one. It
// may also be "status" or "doctor".
func (m *Menu) Chosen() string { return m.chosen }

// Init starts the clock.
func (m *Menu) Init() tea.Cmd { return second() }

func second() tea.Cmd {
	return tea.Tick(time.Second, func(t time.Time) tea.Msg { return tickMsg(t) })
}

func (m *Menu) entries() []Entry { return append(append([]Entry(nil), m.Due...), m.Possible...) }

// Update takes a message.
func (m *Menu) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.w, m.h, m.started = msg.Width, msg.Height, true
	case tickMsg:
		return m, second()
	case StopMsg:
		return m, tea.Quit
	case keyPress:
		return m, m.key(msg)
	}
	return m, nil
}

func (m *Menu) key(k keyPress) tea.Cmd {
	list := m.entries()
	switch {
	case m.cover != uncovered:
		m.cover = uncovered
	case keyBlank.is(k):
		m.cover = blanked
	case keyHelp.is(k):
		m.cover = helping
	case keyUp.is(k):
		m.at = max(0, m.at-1)
	case keyDown.is(k):
		m.at = max(0, min(len(list)-1, m.at+1))
	case keyEnter.is(k) && m.at < len(list):
		return m.choose(list[m.at].ID)
	case keyStatus.is(k):
		return m.choose("status")
	case keyDoctor.is(k):
		return m.choose("doctor")
	case keyQuit.is(k):
		return tea.Quit
	}
	return nil
}

func (m *Menu) choose(id string) tea.Cmd {
	m.chosen = id
	return tea.Quit
}

var (
	keyStatus = bind("s", "status", "status", "s")
	keyDoctor = bind("d", "doctor", "doctor", "d")
	keyQuit   = bind("q", "quit", "quit", "q", "ctrl+c").kept()
)

func (m *Menu) keys() []binding {
	return []binding{keyChoose, keyEnter.as("open", "open"), keyStatus, keyDoctor, keyHelp, keyQuit}
}

// View draws the menu.
func (m *Menu) View() string {
	w, h := m.w, m.h
	if !m.started {
		w, h = fullWide, fullHigh
	}
	f := newFrame(m.Look, w, h)
	f.bare, f.now = true, m.Now()
	f.header = ceremony.Header{Title: "CONCLAVE"}
	switch {
	case w < leastWide || h < leastHigh:
		return strings.Join(f.small(), "\n")
	case m.cover == blanked:
		return strings.Join(f.blank(), "\n")
	}
	view, keys := m.page, m.keys()
	if m.cover == helping {
		view, keys = m.help, []binding{keyAny}
	}
	rows, ok := f.draw(view, keys, m.scroll)
	if !ok {
		rows = f.small()
	}
	return strings.Join(rows, "\n")
}

func (m *Menu) page(a area) page {
	st := a.look.Styles
	lead := strings.Repeat(" ", a.text)
	head := []string{"", lead + st.Heading.Render(say(m.Name)) + "    " + say(m.Where)}
	for _, s := range m.Warnings {
		head = append(head, lead+sign(a.look, markWarn)+" "+say(s))
	}
	for _, s := range m.Facts {
		head = append(head, a.para(s)...)
	}
	lists := m.lists(a, true)
	if len(head)+len(lists) > a.h {
		// What cannot be done is in the way of what is due.
		lists = m.lists(a, false)
	}
	honest := a.para(Honesty)
	if len(head)+len(lists)+1+len(honest) > a.h {
		// Where there is no room for it here, it is the ceremony's first page.
		honest = nil
	} else {
		honest = append([]string{""}, honest...)
	}
	return page{focus: true, body: append(append(head, lists...), honest...)}
}

// lists are the entries under their titles, with those that cannot be chosen or
// without.
func (m *Menu) lists(a area, dead bool) []string {
	var lists []string
	n := 0
	for _, part := range []struct {
		title string
		list  []Entry
		dead  bool
	}{{"Due", m.Due, false}, {"Possible now", m.Possible, false}, {"Not possible", m.Not, true}} {
		if len(part.list) == 0 || part.dead && !dead {
			continue
		}
		lists = append(lists, "", strings.Repeat(" ", a.text)+a.look.Styles.Heading.Render(part.title))
		for _, e := range part.list {
			lists = append(lists, m.row(a, e, n, part.dead))
			if !part.dead {
				n++
			}
		}
	}
	return lists
}

func (m *Menu) row(a area, e Entry, n int, dead bool) string {
	st := a.look.Styles
	text := fill(say(e.Title), 18, a.look.Symbols.More) + say(e.What)
	cursor := " "
	switch {
	case dead:
		text = st.Aside.Render(text)
	case n == m.at:
		cursor = sign(a.look, markNow)
		text = st.Heading.Render(text)
	}
	line := cursor + " " + text
	switch {
	case e.Late != "":
		return apart(line, a.look.BadgeWarn(say(e.Late)), a.right(), a.look.Symbols.More)
	case e.Due != "":
		return apart(line, say(e.Due), a.right()-1, a.look.Symbols.More)
	}
	return line
}

func (m *Menu) help(a area) page {
	st := a.look.Styles
	body := append([]string{"", ""}, a.heading("The keys of this page")...)
	body = append(body, "")
	for _, b := range m.keys() {
		body = append(body, strings.Repeat(" ", a.text)+st.Key.Render(fill(a.arrows(b.Help().Key), 12, ""))+b.Help().Desc)
	}
	body = append(body, "", "")
	return page{focus: true, body: append(body, a.para(Honesty)...)}
}
