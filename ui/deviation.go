package ui

import (
	"fmt"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"conclave/ceremony"
)

// longestLine is the most characters of one line of a deviation.
const longestLine = 400

var (
	keyNote   = bind("ctrl+n", "note a deviation", "note", "ctrl+n")
	keyNext   = bind("enter", "next line", "next line", "enter", "tab", "down")
	keyPrior  = bind("↑", "line before", "line before", "up", "shift+tab")
	keyRecord = bind("ctrl+r", "record it", "record it", "ctrl+r").kept()
	keyLeft   = bind("←", "left", "left", "left")
	keyRight  = bind("→", "right", "right", "right", " ")
)

// deviationLabels are the five lines of an exception sheet.
var deviationLabels = [...]string{"expected", "happened", "decided", "decided by", "effect"}

const effectLine = len(deviationLabels) - 1

var effects = []struct {
	effect ceremony.Effect
	text   string
}{{ceremony.GoOn, "go on"}, {ceremony.DoAgain, "do the step again"}, {ceremony.StopNow, "stop the ceremony"}}

// deviation is the form that lies over a page. Left with esc, it keeps its text
// until it is recorded.
type deviation struct {
	lines  [effectLine]field
	at     int
	effect int
	told   *ceremony.Refusal // what was wrong with it
	sent   bool              // its job runs
}

func newDeviation() deviation {
	d := deviation{}
	for i := range d.lines {
		d.lines[i] = field{max: longestLine}
	}
	return d
}

// openNote asks what is to be noted, where it may be something else than a
// deviation.
func (m *Model) openNote() {
	switch {
	case m.prompt.Final || m.prompt.Kind == ceremony.Work:
	case len(m.prompt.Asides) > 0:
		m.openAsides()
	default:
		m.openDeviation()
	}
}

// openDeviation lays the form over the page.
func (m *Model) openDeviation() {
	if m.deviation.lines[0].max == 0 {
		m.deviation = newDeviation()
	}
	m.coverWith(noting)
}

// noteKey takes a key of the form.
func (m *Model) noteKey(k keyPress) tea.Cmd {
	d := &m.deviation
	switch {
	case keyEsc.is(k):
		m.uncover()
	case keyRecord.is(k), d.at == effectLine && k.Type == tea.KeyEnter:
		return m.sendNote()
	case keyPrior.is(k):
		d.at = max(0, d.at-1)
	case keyNext.is(k):
		d.at = min(effectLine, d.at+1)
	case d.at == effectLine:
		n := len(m.effects())
		switch {
		case keyLeft.is(k):
			d.effect = (d.effect + n - 1) % n
		case keyRight.is(k):
			d.effect = (d.effect + 1) % n
		}
	default:
		d.lines[d.at].press(k)
	}
	return nil
}

// effects are those that this page allows.
func (m *Model) effects() []ceremony.Effect {
	var list []ceremony.Effect
	for _, e := range effects {
		if e.effect != ceremony.DoAgain || m.prompt.Again {
			list = append(list, e.effect)
		}
	}
	return list
}

func (m *Model) sendNote() tea.Cmd {
	d := &m.deviation
	list := m.effects()
	d.effect = min(d.effect, len(list)-1)
	job, err := m.run.Note(ceremony.Deviation{Expected: d.lines[0].String(), Happened: d.lines[1].String(),
		Decided: d.lines[2].String(), By: d.lines[3].String(), Effect: list[d.effect]})
	if err != nil {
		return nil
	}
	d.sent = true
	return m.begin(job)
}

// noted is what follows once the deviation was looked at: the form again with
// what was wrong, the page as it stood, or another page. stay tells that the
// page stands.
func (m *Model) noted() (stay bool, cmd tea.Cmd) {
	d := &m.deviation
	d.sent = false
	if told := m.run.Refused(); told != nil && !m.run.Done() {
		d.told = told
		for i, l := range deviationLabels {
			if l == told.Field {
				d.at = i
				if i < effectLine {
					// What looks like a secret is not kept either.
					clear(d.lines[i].text)
					d.lines[i].text = nil
				}
			}
		}
		return true, nil
	}
	m.deviation = newDeviation()
	if m.run.Done() || m.run.Prompt().Stamp != m.prompt.Stamp {
		m.cover = uncovered
		return false, nil
	}
	m.uncover()
	if m.playing() {
		cmd = m.after(m.opt.Pace/playedParts, playMsg{m.prompt.Stamp, 1})
	}
	return true, cmd
}

func (m *Model) viewNote(a area) page {
	st, d := a.look.Styles, &m.deviation
	h := m.run.Header()
	body := a.heading(fmt.Sprintf("Note a deviation in step %d, %s", h.Step, say(m.prompt.Title)))
	body = append(body, a.para("The ceremony waits and goes on where it was.")...)
	body = append(body, "")
	if t := d.told; t != nil {
		body = append(append(body, a.note(&ceremony.Problem{Happened: capital(t.Field) + ": " + t.Why})...), "")
	}
	room := a.right() - a.text - 2 - 13 - 1
	for i, label := range deviationLabels {
		var rows []string
		if i == effectLine {
			rows = m.effectRows(a, room)
		} else {
			rows = wrap(say(d.lines[i].String()), room)
			if len(rows) == 0 {
				rows = []string{""}
			}
			if i == d.at {
				for j := range rows {
					rows[j] = st.Value.Render(rows[j])
				}
				rows[len(rows)-1] += st.Caret.Render(" ")
			}
		}
		for j, row := range rows {
			bar, name := "  ", ""
			if i == d.at {
				bar = st.Now.Render(a.look.Symbols.Bar) + " "
			}
			if j == 0 {
				name = fill(label, 13, "")
				if i == d.at {
					name = st.Heading.Render(name)
				}
			} else {
				name = fill("", 13, "")
			}
			body = append(body, strings.Repeat(" ", a.text)+bar+name+row)
		}
		body = append(body, "")
	}
	body = append(body, a.para("Never write a PIN, a share or a password here.")...)
	if d.at < effectLine && d.lines[d.at].pasted {
		body = append(body, a.para(notPasted)...)
	}
	return page{body: body, recorded: "these five lines, the step, the time."}
}

// effectRows are the effects, the chosen one marked; one a row where they do not
// stand beside each other.
func (m *Model) effectRows(a area, room int) []string {
	var parts []string
	list := m.effects()
	for i, e := range list {
		mark := "( ) "
		if i == min(m.deviation.effect, len(list)-1) {
			mark = a.look.Styles.Value.Render("(" + a.look.Symbols.Typed + ") ")
		}
		for _, known := range effects {
			if known.effect == e {
				parts = append(parts, mark+known.text)
			}
		}
	}
	if line := strings.Join(parts, "   "); width(line) <= room {
		return []string{line}
	}
	return parts
}

func (m *Model) noteKeys() []binding {
	return []binding{keyNext, keyRecord, keyEsc.as("back, text is kept", "back").kept(), keyBlank}
}

// withNote puts the key for a deviation before the one that blanks the screen.
func (m *Model) withNote(keys []binding) []binding {
	if m.prompt.Final {
		return keys
	}
	for i, b := range keys {
		if b.Help().Key == keyBlank.Help().Key {
			return append(append(append([]binding(nil), keys[:i]...), keyNote), keys[i:]...)
		}
	}
	return keys
}
