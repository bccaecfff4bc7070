package ui

import (
	"context"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"conclave/ceremony"
	"conclave/ui/term"
)

// Run is the ceremony that the pages belong to; *ceremony.Run is it.
type Run interface {
	Start() ceremony.Job
	Prompt() ceremony.Prompt
	Answer(ceremony.Input) (ceremony.Job, error)
	Finish(ceremony.Result) error
	Abort(by, reason string) (ceremony.Job, error)
	Busy() bool
	Done() bool
	Outcome() ceremony.Outcome
	Header() ceremony.Header
	Script() []ceremony.ScriptLine
	Recent(n int) []ceremony.Recent
}

// Options is what a Model needs.
type Options struct {
	Run     Run
	Tap     Tap
	Writer  Writer
	Look    term.Look
	Now     func() time.Time
	Send    func(tea.Msg)   // to the program, from the tap; never called from Update
	Context context.Context // of the jobs; nil: the background

	// Auto plays every person: it gives the answer to a prompt, or false for a
	// prompt that it leaves to the people. Pace is how long each page stays.
	Auto func(ceremony.Prompt) (ceremony.Input, bool)
	Pace time.Duration
}

// The times of the pages.
const (
	grace       = 300 * time.Millisecond // keys this early belong to the page before
	idleSecret  = 90 * time.Second
	idleElse    = 300 * time.Second
	slowAnswer  = time.Second // an answer that takes longer is said to
	playedParts = 12          // how finely a played answer is seen to be typed
)

// Model is the program of one ceremony, from its first page to its last.
type Model struct {
	opt    Options
	run    Run
	w, h   int
	screen screen
	prompt ceremony.Prompt
	shown  time.Time // since when the page is drawn
	lastly time.Time // of the last key
	scroll int
	cover  cover
	lock   field    // the name that unlocks
	why    field    // the reason to stop
	quiet  bool     // the stop page was left with an empty reason
	asked  *stopAsk // stop as soon as the job is back
	cancel context.CancelFunc
	began  time.Time // of the present job
	start  bool      // the first job is back
	tick   func() tea.Cmd
	after  func(time.Duration, tea.Msg) tea.Cmd
}

// stopAsk is a stop that waits for the job that runs.
type stopAsk struct{ by, reason string }

// Messages.
type (
	tickMsg time.Time
	doneMsg struct{ res ceremony.Result }
	playMsg struct {
		stamp ceremony.Stamp
		done  int
	}
	// StopMsg asks the program to stop safely without a question: a signal came
	// or the terminal is gone.
	StopMsg struct{ Reason string }
)

// New makes the program. Nothing happens before Init.
func New(opt Options) *Model {
	if opt.Context == nil {
		opt.Context = context.Background()
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Send == nil {
		opt.Send = func(tea.Msg) {}
	}
	m := &Model{opt: opt, run: opt.Run, w: fullWide, h: fullHigh,
		lock: field{max: 40}, why: field{max: longest}}
	m.tick = func() tea.Cmd {
		return tea.Tick(time.Second, func(t time.Time) tea.Msg { return tickMsg(t) })
	}
	m.after = func(d time.Duration, msg tea.Msg) tea.Cmd {
		return tea.Tick(d, func(time.Time) tea.Msg { return msg })
	}
	return m
}

// Init starts the ceremony and the clock.
func (m *Model) Init() tea.Cmd {
	m.lastly = m.opt.Now()
	return tea.Batch(m.begin(m.run.Start()), m.tick())
}

// begin runs a job in a command.
func (m *Model) begin(job ceremony.Job) tea.Cmd {
	m.began = m.opt.Now()
	ctx, cancel := context.WithCancel(m.opt.Context)
	m.cancel = cancel
	return func() tea.Msg { return doneMsg{job(ctx)} }
}

// Update takes a message. It never waits.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.resize(msg.Width, msg.Height)
		return m, nil
	case tickMsg:
		m.idle()
		if m.screen != nil && m.cover == uncovered {
			m.screen.update(msg)
		}
		return m, m.tick()
	case doneMsg:
		return m, m.finished(msg.res)
	case ProgressMsg:
		if w, ok := m.screen.(*workScreen); ok {
			w.progress(ceremony.Line(msg), m.opt.Now())
		}
		return m, nil
	case playMsg:
		return m, m.play(msg)
	case StopMsg:
		return m, m.stopNow("the program", msg.Reason)
	case tapMsg:
		m.lastly = m.opt.Now()
		if msg.note.Key == term.KeyBlank {
			m.coverWith(blanked)
			return m, nil
		}
	case keyPress:
		m.lastly = m.opt.Now()
		return m, m.key(msg)
	}
	return m, m.toScreen(msg)
}

// key gives a key to whatever is in front.
func (m *Model) key(k keyPress) tea.Cmd {
	switch {
	case m.cover == blanked:
		// Whatever brings the page back does nothing else.
		m.uncover()
		return nil
	case keyBlank.is(k):
		m.coverWith(blanked)
		return nil
	case m.cover == locked:
		m.unlock(k)
		return nil
	case m.cover == helping:
		m.uncover()
		return nil
	case m.cover == stopping:
		return m.stopKey(k)
	case m.run.Done():
		if keyEnter.is(k) {
			return tea.Quit
		}
		return nil
	case keyStop.is(k):
		m.why, m.quiet = field{max: longest}, false
		m.coverWith(stopping)
		return nil
	case m.run.Busy() || m.screen == nil || m.opt.Now().Sub(m.shown) < grace:
		return nil
	case keyHelp.is(k) && !m.inField():
		m.coverWith(helping)
		return nil
	case m.playing():
		return nil
	case m.scrolled(k):
		return nil
	}
	return m.toScreen(k)
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
		m.next()
		return nil
	}
	m.wipe()
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
	if m.cover == uncovered {
		m.show()
	}
	return nil
}

// show and hide tell a page that holds a secret that it is seen or not.
func (m *Model) show() {
	if s, ok := m.screen.(secretive); ok && m.fits() {
		s.show()
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

func (m *Model) inField() bool {
	t, ok := m.screen.(typing)
	return ok && t.fields()
}

// secretStep tells whether the page takes or shows a secret.
func (m *Model) secretStep() bool {
	_, ok := m.screen.(secretive)
	return ok
}

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

// scrolled moves a text that is longer than the window. Enter shows the rest
// before it goes on.
func (m *Model) scrolled(k keyPress) bool {
	view, keys := m.front()
	p, a, _ := m.frame().place(view)
	rows, over := lay(p, a, m.scroll)
	_ = keys
	if !over {
		return false
	}
	step := max(1, len(rows)-4)
	last := len(single(p.body)) // lay never goes beyond the end
	move := 0
	switch k.String() {
	case "down":
		move = 1
	case "up":
		move = -1
	case "pgdown", " ":
		move = step
	case "pgup":
		move = -step
	case "enter":
		if _, reads := m.screen.(*readScreen); !reads || m.atEnd(p, a) {
			return false
		}
		move = step
	default:
		return false
	}
	if _, cursor := m.screen.(*readScreen); !cursor && (k.String() == "down" || k.String() == "up" || k.String() == " ") {
		return false
	}
	m.scroll = max(0, min(m.scroll+move, last))
	if m.atEnd(p, a) {
		m.scroll = m.end(p, a)
	}
	return true
}

// end is how far a text can be scrolled.
func (m *Model) end(p page, a area) int {
	prev := -1
	n := 0
	for s := m.scroll; ; s++ {
		rows, _ := lay(p, a, s)
		next, _ := lay(p, a, s+1)
		if strings.Join(rows, "\n") == strings.Join(next, "\n") {
			return s
		}
		if n++; n > 10000 || prev == s {
			return s
		}
	}
}

func (m *Model) atEnd(p page, a area) bool {
	rows, _ := lay(p, a, m.scroll)
	next, _ := lay(p, a, m.scroll+1)
	return strings.Join(rows, "\n") == strings.Join(next, "\n")
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
	case m.cover == helping:
		return m.viewHelp, []binding{keyEsc.as("any key: back", "any key: back")}
	case m.run.Done():
		return m.viewEnd, []binding{keyEnter.as("leave", "leave"), keyBlank}
	case m.screen == nil:
		return m.viewOpening, []binding{keyBlank, keyStop}
	case m.run.Busy():
		return m.viewBusy, m.busyKeys()
	}
	return m.screen.view, m.screen.keys()
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
	if _, ok := m.screen.(*workScreen); ok || a.now.Sub(m.began) < slowAnswer {
		return p
	}
	p.foot = append(p.foot, a.marked(ceremony.Line{Mark: markNow, Text: "The program works.", Took: a.now.Sub(m.began)})...)
	return p
}

func (m *Model) viewOpening(a area) page {
	return page{focus: true, body: append([]string{"", ""}, a.heading("The ceremony begins.")...), recorded: "the program, the machine, the plan."}
}
