package ui

import (
	"fmt"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"conclave/ceremony"
)

// cover is what lies over a page. A covered page shows and takes no secret.
type cover int

const (
	uncovered cover = iota
	blanked         // F1 or ctrl+l: any key brings the page back
	locked          // nobody typed for a while
	stopping        // ctrl+c: stop safely?
	helping
	noting // ctrl+n: a deviation
	asking // ctrl+n: what is to be noted?
)

func (m *Model) coverWith(c cover) {
	if m.cover == uncovered && !m.run.Busy() {
		m.hide()
	}
	if c == blanked && m.cover != blanked {
		m.under = m.cover
	}
	m.cover = c
}

// bare takes the blank page away: what lay under it is as it was, a lock
// included.
func (m *Model) bare() {
	if m.under == uncovered {
		m.uncover()
		return
	}
	m.cover, m.under = m.under, uncovered
}

func (m *Model) uncover() {
	m.cover = uncovered
	m.shown = m.opt.Now()
	if !m.run.Busy() && !m.run.Done() && !m.playing() {
		m.show()
	}
}

// idle locks a page at which nobody types, and ends what nobody comes back to:
// the shares that were given lie in memory meanwhile, and a terminal that was
// closed inside script(1) says nothing.
func (m *Model) idle() tea.Cmd {
	if m.run.Busy() || m.playing() || m.isLent() || m.resting() {
		return nil
	}
	if m.opt.Now().Sub(m.lastly) >= idleLeave {
		m.leaving = true
		return m.stopNow("the program", "nobody typed for an hour.")
	}
	if m.run.Done() || m.screen == nil || m.cover == locked {
		return nil
	}
	limit := idleElse
	if m.secretStep() {
		limit = idleSecret
	}
	if m.opt.Now().Sub(m.lastly) < limit {
		return nil
	}
	m.wipe()
	m.lock = field{max: 40}
	m.cover = locked
	return nil
}

// keeper is whose name unlocks the page.
func (m *Model) keeper() string {
	if n := first(m.prompt.By.Name); n != "" {
		return strings.ToUpper(n)
	}
	return "CONTINUE"
}

func (m *Model) unlock(k keyPress) {
	if !keyEnter.is(k) {
		m.lock.press(k)
		return
	}
	if strings.EqualFold(strings.TrimSpace(m.lock.String()), m.keeper()) {
		m.uncover()
		return
	}
	m.lock = field{max: 40}
}

func (m *Model) viewLock(a area) page {
	st := a.look.Styles
	after := idleElse
	text := "Nothing is lost: the step waits."
	if m.secretStep() {
		after = idleSecret
		text = "What was half typed is wiped. Nothing secret is on the screen. The step waits."
	}
	body := append([]string{"", "", ""}, a.heading("Locked: "+m.keeper()+" to continue")...)
	body = append(body, "")
	body = append(body, a.para(fmt.Sprintf("Nobody pressed a key for %d seconds.", int(after.Seconds())))...)
	body = append(body, a.para(text)...)
	body = append(body, "", "", strings.Repeat(" ", a.text)+"Type "+st.Value.Render(m.keeper())+" to continue.", "", a.field(m.lock.String()))
	return page{focus: true, body: body}
}

// stopWhyMsg is a page that knows why the ceremony may have to stop.
type stopWhyMsg string

// stopWhy opens the page that asks whether the ceremony shall end, with what is
// known of the reason.
func (m *Model) stopWhy(reason string) {
	m.why, m.quiet = field{max: longest}, false
	for _, r := range say(reason) {
		m.why.add(r)
	}
	m.coverWith(stopping)
}

// viewStop asks whether the ceremony shall end, and why.
func (m *Model) viewStop(a area) page {
	state := m.prompt.Stop
	if state == "" {
		state = "Nothing is changed: the vault is as it was."
	}
	happens := []string{
		"What is pending is cancelled. What was typed is wiped.",
		"The record gets its last event and stays readable.",
	}
	if m.run.Busy() {
		happens = append([]string{"The program goes on working while you decide. It stops at the next point where stopping is safe."}, happens...)
	}
	body := append([]string{"", ""}, a.heading("Stop the ceremony safely?")...)
	body = append(body, "")
	body = append(body, a.bold(a.text, say(state))...)
	body = append(body, "")
	for _, h := range happens {
		body = append(body, a.para(h)...)
	}
	foot := []string{strings.Repeat(" ", a.text) + "Why? A few words for the record:", "", a.field(m.why.String())}
	switch {
	case m.why.pasted:
		foot = append(foot, a.para(notPasted)...)
	case m.quiet:
		foot = append(foot, a.para("A stop has a reason: type it, or esc to go back.")...)
	}
	return page{focus: true, body: body, foot: foot, recorded: "who stopped, why, in which step, and how the vault was left."}
}

func (m *Model) stopKey(k keyPress) tea.Cmd {
	switch {
	case keyEsc.is(k):
		m.uncover()
	case keyEnter.is(k):
		reason := strings.TrimSpace(m.why.String())
		if reason == "" {
			m.quiet = true
			return nil
		}
		m.cover = uncovered
		return m.stopNow(m.prompt.By.Name, reason)
	default:
		m.why.press(k)
	}
	return nil
}

// stopNow ends the ceremony: at once, or as soon as the job that runs is back.
func (m *Model) stopNow(by, reason string) tea.Cmd {
	m.wipe()
	if m.run.Done() {
		return tea.Quit
	}
	if m.run.Busy() {
		m.asked = &stopAsk{by, reason}
		if m.cancel != nil {
			m.cancel()
		}
		return nil
	}
	job, err := m.run.Abort(by, reason)
	if err != nil {
		return nil
	}
	return m.begin(job)
}

// viewHelp lists the keys of the page behind it, from its own bindings.
func (m *Model) viewHelp(a area) page {
	st := a.look.Styles
	keys := []binding{keyBlank, keyHelp, keyStop}
	if m.screen != nil {
		keys = m.screen.keys()
	}
	body := append([]string{"", ""}, a.heading("The keys of this page")...)
	body = append(body, "")
	for _, b := range keys {
		body = append(body, strings.Repeat(" ", a.text)+st.Key.Render(fill(a.arrows(b.Help().Key), 12, ""))+b.Help().Desc)
	}
	more := []string{
		"ctrl+n: a deviation, a break, who leaves or arrives. The ceremony waits.",
		"F1 and ctrl+l blank the screen on every page; any key brings it back.",
		"ctrl+c asks before it stops. Nothing happens by itself.",
		"Where a page is longer than the window: pgup and pgdown.",
	}
	body = append(body, "", "")
	for _, t := range more {
		body = append(body, a.para(t)...)
	}
	return page{focus: true, body: body}
}

// viewEnd is the last page: it stays until enter.
func (m *Model) viewEnd(a area) page {
	o := m.run.Outcome()
	body := []string{"", ""}
	switch o.Code {
	case ceremony.CodeDone:
		for i, l := range wrap(o.Sentence, a.right()-a.text-2) {
			lead := "  "
			if i == 0 {
				lead = sign(a.look, markGood) + " "
			}
			body = append(body, strings.Repeat(" ", a.text)+lead+a.look.Styles.Heading.Render(l))
		}
	default:
		badge := map[int]string{ceremony.CodeStopped: "STOPPED", ceremony.CodeChanged: "NOT AS CLAIMED"}[o.Code]
		if badge == "" {
			badge = "FAILED"
		}
		body = append(body, a.problem(&ceremony.Problem{Badge: badge, Happened: o.Sentence})...)
	}
	body = append(body, "", "")
	body = append(body, a.para("The ceremony is over. Nothing secret is left on the screen.")...)
	return page{focus: true, body: body}
}

// blank is an empty page.
func (f frame) blank() []string {
	rows := make([]string, f.h)
	for i := range rows {
		rows[i] = strings.Repeat(" ", f.w)
	}
	rows[f.h-1] = fill(" "+f.aside("Any key brings the page back."), f.w, "")
	return rows
}
