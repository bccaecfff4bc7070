package ui

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"conclave/ceremony"
	"conclave/hsm/secret"
	"conclave/ui/gpg"
	"conclave/ui/term"
)

var update = flag.Bool("update", false, "write the golden files")

// clockwork is a time that tests move.
type clockwork struct{ t time.Time }

func (c *clockwork) now() time.Time          { return c.t }
func (c *clockwork) advance(d time.Duration) { c.t = c.t.Add(d) }

func at(clock string) *clockwork {
	t, err := time.Parse("15:04:05", clock)
	if err != nil {
		panic(err)
	}
	return &clockwork{time.Date(2026, 11, 23, t.Hour(), t.Minute(), t.Second(), 0, time.UTC)}
}

// scripted is a Run over a list of prompts: each answer leads to the next. It
// stands for the engine, whose own tests have the real one.
type scripted struct {
	prompts    []ceremony.Prompt
	answers    []ceremony.Input
	header     ceremony.Header
	script     []ceremony.ScriptLine
	recent     []ceremony.Recent
	outcome    ceremony.Outcome
	at         int
	busy       bool
	aborted    []string
	noted      []ceremony.Deviation
	refused    *ceremony.Refusal
	interludes []ceremony.Interlude
	jobs       func(context.Context) // runs in each job; may be nil
}

func (r *scripted) job() ceremony.Job {
	r.busy = true
	return func(ctx context.Context) ceremony.Result {
		if r.jobs != nil {
			r.jobs(ctx)
		}
		return ceremony.Result{}
	}
}

func (r *scripted) Start() ceremony.Job { r.at = -1; return r.job() }

func (r *scripted) Prompt() ceremony.Prompt {
	p := r.prompts[min(max(r.at, 0), len(r.prompts)-1)]
	p.Stamp = ceremony.Stamp{Step: 1, Page: r.at}
	return p
}

func (r *scripted) Answer(in ceremony.Input) (ceremony.Job, error) {
	switch {
	case r.busy:
		return nil, ceremony.ErrBusy
	case in.Stamp != r.Prompt().Stamp:
		return nil, ceremony.ErrStale
	}
	r.answers = append(r.answers, in)
	return r.job(), nil
}

func (r *scripted) Finish(ceremony.Result) error {
	r.busy = false
	r.at++
	return nil
}

func (r *scripted) Abort(by, reason string) (ceremony.Job, error) {
	if r.busy {
		return nil, ceremony.ErrBusy
	}
	r.aborted = append(r.aborted, by+": "+reason)
	r.at = len(r.prompts)
	r.outcome = ceremony.Outcome{Code: ceremony.CodeStopped, Sentence: "Stopped in step 8, Shares: " + reason + " Nothing was changed."}
	return r.job(), nil
}

func (r *scripted) Note(d ceremony.Deviation) (ceremony.Job, error) {
	if r.busy {
		return nil, ceremony.ErrBusy
	}
	r.noted = append(r.noted, d)
	r.at-- // Finish goes on by one: the page stands
	return r.job(), nil
}

func (r *scripted) Interrupt(i ceremony.Interlude) (ceremony.Job, error) {
	if r.busy {
		return nil, ceremony.ErrBusy
	}
	r.interludes = append(r.interludes, i)
	return r.job(), nil
}

func (r *scripted) Refused() *ceremony.Refusal { return r.refused }

func (r *scripted) Busy() bool                     { return r.busy }
func (r *scripted) Done() bool                     { return r.at >= len(r.prompts) && !r.busy }
func (r *scripted) Outcome() ceremony.Outcome      { return r.outcome }
func (r *scripted) Header() ceremony.Header        { return r.header }
func (r *scripted) Script() []ceremony.ScriptLine  { return r.script }
func (r *scripted) Recent(n int) []ceremony.Recent { return r.recent[max(0, len(r.recent)-n):] }

// fakeTap is a terminal's tap without a terminal: type feeds it.
type fakeTap struct {
	text          secret.Bytes
	n, at         int
	armed, paused bool
	done          bool
	note          func(term.Note)
	flushed       int
}

func (t *fakeTap) Arm(max int, note func(term.Note)) {
	t.Disarm()
	t.text, t.note, t.armed = secret.New(max), note, true
}
func (t *fakeTap) ArmShare(max int, note func(term.Note)) { t.Arm(max, note) }
func (t *fakeTap) Armed() bool                            { return t.armed }
func (t *fakeTap) Pause()                                 { t.paused = true }
func (t *fakeTap) Resume()                                { t.paused, t.done = false, false }
func (t *fakeTap) Disarm() {
	t.text.Wipe()
	*t = fakeTap{flushed: t.flushed}
}
func (t *fakeTap) Peek(f func([]byte)) { f(t.text.Expose()[:t.n]) }
func (t *fakeTap) Caret() int          { return t.at }
func (t *fakeTap) Cut(i, j int) {
	b := t.text.Expose()
	copy(b[i:], b[j:t.n])
	t.n -= j - i
	t.at = i
}
func (t *fakeTap) End() { t.at = t.n }
func (t *fakeTap) Take() secret.Bytes {
	s := t.text.Slice(0, t.n)
	t.text.Wipe()
	t.text, t.n, t.at, t.done = secret.Bytes{}, 0, 0, false
	return s
}
func (t *fakeTap) Flush() error { t.flushed++; return nil }

// press feeds characters as a person would type them.
func (t *fakeTap) press(s string) {
	for i := range len(s) {
		if !t.armed || t.paused {
			return
		}
		b := t.text.Expose()
		copy(b[t.at+1:t.n+1], b[t.at:t.n])
		b[t.at] = s[i]
		t.at++
		t.n++
	}
	t.tell(0)
}

func (t *fakeTap) enter() {
	t.done = true
	t.tell(0)
}

func (t *fakeTap) tell(k term.Key) {
	if t.armed && !t.paused {
		t.note(term.Note{Count: t.n, Done: t.done, Key: k})
	}
}

// fakeWriter knows what is bound.
type fakeWriter struct {
	bound secret.Bytes
	cells secret.Bytes
	binds int
}

func (w *fakeWriter) Bind(s secret.Bytes)      { w.bound, w.cells = s, secret.Bytes{}; w.binds++ }
func (w *fakeWriter) BindCells(s secret.Bytes) { w.cells = s }
func (w *fakeWriter) Unbind()                  { w.bound, w.cells = secret.Bytes{}, secret.Bytes{} }

// stage is a model with everything around it that a test needs.
type stage struct {
	*Model
	t      *testing.T
	run    *scripted
	clock  *clockwork
	tap    *fakeTap
	writer *fakeWriter
	sent   []tea.Msg
	quit   bool

	asked []string // files that gpg was to decrypt
	err   error    // …and why it did not
}

// ask presses the key for gpg, which the tap hears.
func (s *stage) ask() {
	s.tap.tell(term.KeyDecrypt)
	s.drive()
}

// gpg stands in for the program; the end-to-end test has the real one.
func (s *stage) gpg(file string) (secret.Bytes, gpg.Tool, error) {
	if s.asked = append(s.asked, file); s.err != nil {
		return secret.Bytes{}, gpg.Tool{}, s.err
	}
	return secret.Take([]byte("what gpg yields")), gpg.Tool{Path: "/usr/bin/gpg", SHA256: "ab"}, nil
}

// blankStage has everything but the first page.
func blankStage(t *testing.T, run *scripted, clock *clockwork) *stage {
	t.Helper()
	s := &stage{t: t, run: run, clock: clock, tap: &fakeTap{}, writer: &fakeWriter{}}
	s.Model = New(Options{Run: run, Tap: s.tap, Writer: s.writer, Look: term.PlainLook(true), Now: clock.now,
		Decrypt: s.gpg, Send: func(m tea.Msg) { s.sent = append(s.sent, m) }})
	s.exec = func(c tea.ExecCommand, done tea.ExecCallback) tea.Cmd {
		return func() tea.Msg { return done(c.Run()) }
	}
	s.tick = func() tea.Cmd { return nil }
	s.after = func(_ time.Duration, msg tea.Msg) tea.Cmd { return func() tea.Msg { return msg } }
	return s
}

// newStage starts a run and draws its first page.
func newStage(t *testing.T, run *scripted, clock *clockwork, look term.Look, w, h int) *stage {
	t.Helper()
	s := blankStage(t, run, clock)
	s.opt.Look = look
	s.drive(tea.WindowSizeMsg{Width: w, Height: h})
	s.do(s.Init())
	clock.advance(time.Second)
	return s
}

// drive feeds messages to the model and runs its commands in place: no program,
// no goroutine, no clock.
func (s *stage) drive(msgs ...tea.Msg) {
	for _, msg := range msgs {
		_, cmd := s.Update(msg)
		s.do(cmd)
	}
	for len(s.sent) > 0 {
		msg := s.sent[0]
		s.sent = s.sent[1:]
		s.drive(msg)
	}
}

func (s *stage) do(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case nil:
	case tea.QuitMsg:
		s.quit = true
	case tea.BatchMsg:
		for _, c := range msg {
			s.do(c)
		}
	default:
		s.drive(msg)
	}
}

// keys types: each string is a key's name or text.
func (s *stage) keys(names ...string) {
	for _, n := range names {
		s.drive(press(n))
	}
}

var named = map[string]tea.KeyType{"enter": tea.KeyEnter, "up": tea.KeyUp, "down": tea.KeyDown, "esc": tea.KeyEsc,
	"f1": tea.KeyF1, "ctrl+c": tea.KeyCtrlC, "ctrl+l": tea.KeyCtrlL, "ctrl+g": tea.KeyCtrlG, "ctrl+u": tea.KeyCtrlU,
	"ctrl+x": tea.KeyCtrlX, "ctrl+n": tea.KeyCtrlN, "ctrl+r": tea.KeyCtrlR, "tab": tea.KeyTab, "left": tea.KeyLeft, "right": tea.KeyRight, "backspace": tea.KeyBackspace, "pgdown": tea.KeyPgDown, "pgup": tea.KeyPgUp}

func press(name string) tea.KeyMsg {
	if name == " " {
		return tea.KeyMsg{Type: tea.KeySpace, Runes: []rune{' '}}
	}
	if t, ok := named[name]; ok {
		return tea.KeyMsg{Type: t}
	}
	return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(name)}
}

// golden compares a view with its file, and holds it to the window's size.
func golden(t *testing.T, name, view string, w, h int) {
	t.Helper()
	rows := strings.Split(view, "\n")
	if len(rows) != h {
		t.Errorf("%s: %d rows, want %d", name, len(rows), h)
	}
	for i, r := range rows {
		if got := width(r); got > w {
			t.Errorf("%s: row %d is %d columns wide, want at most %d: %q", name, i+1, got, w, r)
		}
	}
	for i := range rows {
		rows[i] = strings.Map(func(r rune) rune {
			if r >= term.CellPlace(0) && r <= term.CellPlace(term.MaxCells-1) {
				return '▒' // a cell of a picture: not every editor draws its place-holder
			}
			return r
		}, strings.TrimRight(rows[i], " "))
	}
	got := strings.Join(rows, "\n") + "\n"
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, string(want)) {
		t.Errorf("%s differs from its golden file:\n%s\nwant\n%s", name, got, want)
	}
}
