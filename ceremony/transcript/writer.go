package transcript

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// ErrOver is what Append returns after closed or aborted.
var ErrOver = errors.New("the transcript is closed")

// Clock reads the wall clock and CLOCK_BOOTTIME together.
type Clock func() (wall time.Time, boot time.Duration)

// File is what a Writer writes to. Sync returns when what was written is
// durable.
type File interface {
	io.Writer
	Sync() error
}

// jump is how far the wall clock may move against the boot clock between two
// events.
const jump = 2000 // milliseconds

var firstPrev = strings.Repeat("0", 64)

// Writer appends events. It may be used by several goroutines.
type Writer struct {
	mu       sync.Mutex
	w        File
	clock    Clock
	last     Event  // the zero Event before the first
	prev     string // hash of the last line
	practice bool
	custody  bool  // it is a chain of custody
	failed   error // of an earlier Append: the file's end is not known any more
}

// NewWriter starts a transcript. The first event must be a header.
func NewWriter(w File, clock Clock) *Writer {
	return &Writer{w: w, clock: clock, prev: firstPrev}
}

// Continue goes on with the unfinished transcript that r reads and w appends
// to. One with a torn last line, or one that is closed or broken, is refused.
func Continue(r io.Reader, w File, clock Clock) (*Writer, error) {
	rep, err := Verify(r)
	switch {
	case err != nil:
		return nil, err
	case rep.State != Interrupted && rep.State != Open:
		return nil, fmt.Errorf("going on with the transcript: it is %s", rep.State)
	case rep.Torn > 0:
		return nil, errors.New("going on with the transcript: its last line is torn")
	case rep.Head.Count == 0:
		return NewWriter(w, clock), nil
	}
	return &Writer{w: w, clock: clock, last: rep.Last, prev: rep.Head.String(), practice: rep.Header.Practice, custody: isCustody(rep.Header.Entry)}, nil
}

// Append writes one event and syncs it. What does not fit Kinds is refused and
// nothing is written. After a failure to write nothing more can be appended.
func (w *Writer) Append(e Entry) (Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.failed != nil:
		return Event{}, fmt.Errorf("appending after a failure: %w", w.failed)
	case last(w.last.Kind):
		return Event{}, ErrOver
	case e.Kind == kindClockJump:
		return Event{}, errors.New("appending an event: the journal writes clock-jump by itself")
	}
	wall, boot := w.clock()
	ms := wall.UTC().Truncate(time.Millisecond)
	e = tidy(e)
	if w.last.Seq > 0 {
		step, up := ms.Sub(w.last.Time).Milliseconds(), boot.Milliseconds()-w.last.Boot
		if jumped(step, up) {
			// The entry is looked at first: a refused one leaves no trace.
			if err := check(e); err != nil {
				return Event{}, fmt.Errorf("appending an event: %w", err)
			}
			if !inChain(e.Kind, w.custody) {
				return Event{}, fmt.Errorf("appending an event: the kind %s does not stand in such a transcript", short(e.Kind))
			}
			j := Entry{Kind: kindClockJump, Step: e.Step, Evidence: ByProgram, Facts: Facts{"wall_ms": int(step), "boot_ms": int(up)}}
			if _, err := w.write(j, ms, boot); err != nil {
				return Event{}, err
			}
		}
	}
	return w.write(e, ms, boot)
}

// Head is the number of events so far and the hash of the last line.
func (w *Writer) Head() Head {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := Head{Count: w.last.Seq}
	if h.Count > 0 {
		_, _ = hex.Decode(h.SHA256[:], []byte(w.prev)) // our own hex
	}
	return h
}

// Over tells whether the last event was written.
func (w *Writer) Over() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return last(w.last.Kind)
}

func jumped(wall, boot int64) bool {
	d := wall - boot
	return d > jump || d < -jump
}

func (w *Writer) write(e Entry, wall time.Time, boot time.Duration) (Event, error) {
	var salt [16]byte
	_, _ = rand.Read(salt[:]) // never fails: it ends the program
	practice, custody := w.practice, w.custody
	if w.last.Seq == 0 {
		practice, custody = e.Facts.Flag("practice"), isCustody(e)
	}
	if !inChain(e.Kind, custody) {
		return Event{}, fmt.Errorf("appending an event: the kind %s does not stand in such a transcript", short(e.Kind))
	}
	ev := Event{
		Practice: practice, Seq: w.last.Seq + 1, Prev: w.prev, Salt: hex.EncodeToString(salt[:]),
		Time: wall, Boot: boot.Milliseconds(), Entry: e,
	}
	if err := ev.check(); err != nil {
		return Event{}, fmt.Errorf("appending an event: %w", err)
	}
	b, err := encode(ev)
	if err != nil {
		return Event{}, fmt.Errorf("appending an event: %w", err)
	}
	if _, err := w.w.Write(b); err != nil {
		w.failed = fmt.Errorf("writing an event: %w", err)
		return Event{}, w.failed
	}
	if err := w.w.Sync(); err != nil {
		w.failed = fmt.Errorf("syncing an event: %w", err)
		return Event{}, w.failed
	}
	sum := sha256.Sum256(b)
	w.last, w.prev, w.practice, w.custody = ev, hex.EncodeToString(sum[:]), practice, custody
	return ev, nil
}
