package ui

import (
	"context"
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
	Note(ceremony.Deviation) (ceremony.Job, error)
	Refused() *ceremony.Refusal
	Interrupt(ceremony.Interlude) (ceremony.Job, error)
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
	Send    func(tea.Msg)    // to the program, from the tap; never called from Update
	Decrypt Decrypt          // gpg on a file; nil: it is not offered
	Context context.Context  // of the jobs; nil: the background
	Waiting func() time.Time // since when the HSM has not answered, zero: it has; nil: nobody knows

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
	idleLeave   = time.Hour   // nobody is there any more: stop
	slowAnswer  = time.Second // an answer that takes longer is said to
	playedParts = 12          // how finely a played answer is seen to be typed
)

// Model is the program of one ceremony, from its first page to its last.
type Model struct {
	opt       Options
	run       Run
	w, h      int
	screen    screen
	prompt    ceremony.Prompt
	shown     time.Time // since when the page is drawn
	lastly    time.Time // of the last key
	scroll    int
	reading   bool // there is more of the text below
	cover     cover
	under     cover // what the blank page lies over
	away      bool  // the terminal said that it lost the focus
	leaving   bool  // nobody is asked any more: quit when the run is over
	lock      field // the name that unlocks
	why       field // the reason to stop
	deviation deviation
	asides    *chooseScreen // what may be noted at this page
	quiet     bool          // the stop page was left with an empty reason
	asked     *stopAsk      // stop as soon as the job is back
	cancel    context.CancelFunc
	began     time.Time // of the present job
	waits     time.Time // since when the HSM has not answered it; zero: it has
	start     bool      // the first job is back
	tick      func() tea.Cmd
	after     func(time.Duration, tea.Msg) tea.Cmd
	exec      func(tea.ExecCommand, tea.ExecCallback) tea.Cmd
}

// decryption is gpg, for the entries that it can fill.
func (m *Model) decryption() decryption {
	if m.playing() {
		return decryption{}
	}
	return decryption{decrypt: m.opt.Decrypt, exec: m.exec}
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
	m.tick, m.exec = second, tea.Exec
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

// Update takes a message. It never waits.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.resize(msg.Width, msg.Height)
		return m, nil
	case tickMsg:
		cmd := m.idle()
		if m.screen != nil && m.cover == uncovered {
			m.screen.update(msg)
		}
		if m.opt.Waiting != nil {
			m.waits = m.opt.Waiting()
		}
		return m, tea.Batch(cmd, m.tick())
	case tea.BlurMsg:
		m.away = true
		m.hide()
		return m, nil
	case tea.FocusMsg:
		m.back()
		return m, nil
	case doneMsg:
		return m, m.finished(msg.res)
	case ProgressMsg:
		if w, ok := m.screen.(*workScreen); ok {
			w.progress(ceremony.Line(msg), m.opt.Now())
		}
		return m, nil
	case playMsg:
		return m, m.play(msg)
	case stopWhyMsg:
		m.stopWhy(string(msg))
		return m, nil
	case StopMsg:
		m.leaving = true
		return m, m.stopNow("the program", msg.Reason)
	case decryptedMsg:
		m.lastly = m.opt.Now()
	case tapMsg:
		m.lastly = m.opt.Now()
		if msg.note.Key == term.KeyBlank {
			m.coverWith(blanked)
			return m, nil
		}
		if msg.note.Key == term.KeyNote {
			m.openNote()
			return m, nil
		}
	case keyPress:
		m.lastly = m.opt.Now()
		m.back()
		return m, m.keys(msg)
	}
	return m, m.toScreen(msg)
}

// keys gives letters that came in one read one by one, where no line is typed:
// held down, or on a slow line, "jjj" is three keys.
func (m *Model) keys(k keyPress) tea.Cmd {
	if k.Type != tea.KeyRunes || k.Paste || k.Alt || len(k.Runes) < 2 || m.cover != uncovered || m.inField() {
		return m.key(k)
	}
	var all []tea.Cmd
	for _, r := range k.Runes {
		if m.cover != uncovered {
			break
		}
		k.Runes = []rune{r}
		all = append(all, m.key(k))
	}
	return tea.Batch(all...)
}

// key gives a key to whatever is in front.
func (m *Model) key(k keyPress) tea.Cmd {
	switch {
	case m.cover == blanked:
		// Whatever brings the page back does nothing else.
		m.bare()
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
		m.stopWhy("")
		return nil
	case m.run.Busy() || m.screen == nil || m.opt.Now().Sub(m.shown) < grace:
		return nil
	case m.cover == noting:
		return m.noteKey(k)
	case m.cover == asking:
		return m.askingKey(k)
	case keyNote.is(k):
		m.openNote()
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
