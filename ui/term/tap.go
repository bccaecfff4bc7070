package term

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"conclave/hsm/secret"
)

// Note is all that a screen learns while a secret is typed.
type Note struct {
	Count  int  // characters typed so far
	Done   bool // Enter was pressed: Take, or Resume to go on
	Pasted bool // some of it was pasted
	Full   bool // characters were dropped: there is no room for more
	Early  bool // characters came before the page was ready: dropped, with all that came in one run with them
	Key    Key  // a control key, or 0
}

// A sequence that stops in the middle was no sequence: a lone Escape key, an
// Escape that was typed before a bracket, or a paste whose end was lost.
const (
	escapeWait = 200 * time.Millisecond
	pasteWait  = 2 * time.Second
)

// What comes in the first moments of a page belongs to the page before. It may
// be the middle of a run: a reader of codes that types as a keyboard does sends
// a share in a fraction of a second, with an enter behind it, and a person may
// be at the third digit of a PIN. Half of that must not be taken, so the run is
// dropped to its end: until nothing came for runWait.
const (
	earlyWait = 300 * time.Millisecond
	runWait   = time.Second
)

// Tap reads a terminal for Bubble Tea (tea.WithInput) and takes the keys away
// while it is armed: they go into locked memory, and Bubble Tea sees none.
//
// It has the five methods by which Bubble Tea recognises a terminal and by
// which its reader waits with epoll, so raw mode works, and a Read of no bytes
// sends it back to waiting.
//
// One byte at most gets out of an armed Tap: ctrl+c disarms it and is passed on
// as the key that it is. ctrl+d, ctrl+g, ctrl+l, ctrl+n and F1 come as Note.Key.
//
// A terminal that is gone ends Bubble Tea's reading and closes Gone.
type Tap struct {
	tty     *os.File
	scratch secret.Bytes // what the last read brought; cleared before Read returns
	now     func() time.Time
	gone    chan struct{}
	once    sync.Once

	mu      sync.Mutex
	armed   bool
	paused  bool
	entry   entry
	note    func(Note)
	lastKey time.Time

	grace time.Duration // earlyWait, but in tests
	ready time.Time     // when the page that takes the entry is ready
	early entry         // what came before that: it has no room, and keeps nothing
	tell  bool          // there was something
}

// NewTap returns a Tap over a terminal. It is not armed.
func NewTap(tty *os.File) *Tap {
	return &Tap{tty: tty, scratch: secret.New(256), now: time.Now, grace: earlyWait, gone: make(chan struct{})}
}

// Gone is closed when the terminal cannot be read any more.
func (t *Tap) Gone() <-chan struct{} { return t.gone }

// Fd, Name, Write and Close make a Tap a terminal in Bubble Tea's eyes.
func (t *Tap) Fd() uintptr { return t.tty.Fd() }

// Name is the name of the terminal's file.
func (t *Tap) Name() string { return t.tty.Name() }

// Write writes to the terminal; nothing of ours does.
func (t *Tap) Write(p []byte) (int, error) { return t.tty.Write(p) }

// Close disarms the Tap and closes the terminal.
func (t *Tap) Close() error {
	t.Disarm()
	return t.tty.Close()
}

// Arm begins to take keys: up to max bytes, exactly as they are typed (a PIN
// may hold blanks and non-ASCII characters). Line ends inside a paste are
// dropped. note is called from the reading goroutine after each change, with
// nothing locked; it must not block for long.
//
// Whatever an earlier Arm left is wiped.
func (t *Tap) Arm(max int, note func(Note)) { t.arm(max, false, note) }

// ArmShare is Arm for a share: blanks are dropped, and so is what is no ASCII.
func (t *Tap) ArmShare(max int, note func(Note)) { t.arm(max, true, note) }

func (t *Tap) arm(max int, tight bool, note func(Note)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entry.text.Wipe()
	t.entry = entry{text: secret.New(max), tight: tight}
	t.note = note
	t.armed, t.paused = true, false
	t.begin()
}

// begin is the moment from which a page is seen that takes keys.
func (t *Tap) begin() {
	t.early = entry{tight: t.entry.tight}
	t.ready, t.tell = t.now().Add(t.grace), false
}

// tooEarly tells whether what comes now belongs to the page before, or is in one
// run with what did. quiet is how long nothing came.
func (t *Tap) tooEarly(now time.Time, quiet time.Duration) bool {
	if now.Before(t.ready) {
		return true
	}
	going := t.early.full && quiet <= runWait || t.early.inPaste && quiet <= pasteWait
	if !going {
		t.early = entry{}
	}
	return going
}

// Armed tells whether there is an entry, paused or not.
func (t *Tap) Armed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.armed
}

// Pause keeps what was typed and lets keys through: for a page that covers the
// entry (blank, deviation, stop).
func (t *Tap) Pause() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.paused = true
}

// Resume goes on taking keys, after Pause or after Enter.
func (t *Tap) Resume() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.paused {
		t.begin()
	}
	t.paused, t.entry.done = false, false
}

// Disarm wipes what was typed and lets keys through.
func (t *Tap) Disarm() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.disarm()
}

func (t *Tap) disarm() {
	t.entry.text.Wipe()
	t.entry = entry{}
	t.armed, t.paused, t.note = false, false, nil
}

// Peek shows f what was typed, in place. f must not keep it, and must not call
// the Tap.
func (t *Tap) Peek(f func([]byte)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f(t.entry.text.Expose()[:t.entry.n])
}

// Caret is the place of the next byte.
func (t *Tap) Caret() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.entry.at
}

// Cut removes the bytes from i up to j and puts the caret there, so that one
// group can be typed again.
func (t *Tap) Cut(i, j int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entry.cut(i, j)
}

// End puts the caret behind what was typed.
func (t *Tap) End() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entry.at = t.entry.n
}

// Take hands over what was typed, which the caller wipes. Keys are still taken
// away, and dropped, until Disarm or the next Arm: who pressed Enter too early
// goes on typing the secret.
func (t *Tap) Take() secret.Bytes {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.armed {
		return secret.Bytes{}
	}
	s := t.entry.text.Slice(0, t.entry.n)
	t.entry.text.Wipe()
	t.entry = entry{tight: t.entry.tight, inPaste: t.entry.inPaste}
	return s
}

// Flush drops what was typed ahead and not yet read.
func (t *Tap) Flush() error {
	if err := unix.IoctlSetInt(int(t.tty.Fd()), unix.TCFLSH, unix.TCIFLUSH); err != nil {
		return fmt.Errorf("dropping what was typed ahead: %w", err)
	}
	return nil
}

// Read is called by one goroutine, Bubble Tea's. It reads into locked memory
// first, whether or not the Tap is armed: it may be armed while Read waits.
func (t *Tap) Read(p []byte) (int, error) {
	buf := t.scratch.Expose()
	if len(p) < len(buf) {
		buf = buf[:len(p)]
	}
	n, err := t.tty.Read(buf)
	if errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN) {
		return 0, nil
	}
	if n <= 0 {
		// Any other error would end the program before it has put the ceremony
		// away; after io.EOF it goes on without keys.
		t.once.Do(func() { close(t.gone) })
		return 0, io.EOF
	}
	passed, notes, note := t.sort(p, buf[:n])
	clear(buf[:n])
	for _, x := range notes {
		note(x)
	}
	return passed, nil
}

// sort gives each byte of b to the entry or to p.
func (t *Tap) sort(p, b []byte) (passed int, notes []Note, note func(Note)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	quiet := now.Sub(t.lastKey)
	t.lastKey = now
	if !t.armed || t.paused {
		return copy(p, b), nil, nil
	}
	e := &t.entry
	if t.tooEarly(now, quiet) {
		e = &t.early
	}
	e.settle(quiet)
	note = t.note
	heard := false
	for _, c := range b {
		if t.entry.done && c != ctrlC {
			continue // typed ahead of the next page
		}
		switch ev, key := e.feed(c); ev {
		case stopped:
			t.disarm()
			p[0] = ctrlC
			return 1, nil, nil
		case keyed:
			notes = append(notes, t.report(key))
			heard = false
			continue
		case nothing:
		}
		heard = true
	}
	switch {
	case e == &t.early:
		t.tell = t.tell || e.full
	case t.entry.n > 0:
		t.tell = false
	}
	if heard {
		notes = append(notes, t.report(0))
	}
	if note == nil {
		notes = nil
	}
	return 0, notes, note
}

func (t *Tap) report(key Key) Note {
	e := &t.entry
	return Note{Count: e.count(), Done: e.done, Pasted: e.pasted, Full: e.full, Early: t.tell, Key: key}
}
