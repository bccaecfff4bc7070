package transcript

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/tlog"
)

// BrokenError says which line of a transcript does not hold, and why.
type BrokenError struct {
	Line uint64
	What string
}

func (e *BrokenError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.What) }

// TornError says that the file ends within a line: the last write was cut off.
type TornError struct{ Bytes int }

func (e *TornError) Error() string {
	return fmt.Sprintf("the last line is torn: %d bytes without an end of line", e.Bytes)
}

// Reader reads a transcript line by line and checks each: its one reading, its
// kind, its place in the chain and the clocks. It keeps one line in memory.
type Reader struct {
	r        *bufio.Reader
	buf      []byte // a line that is longer than r's buffer
	last     Event
	prev     string
	head     Head
	tree     Tree
	raw      []byte // the last line that Next returned
	practice bool
	custody  bool
	err      error
}

// NewReader reads from r.
func NewReader(r io.Reader) *Reader {
	return &Reader{r: bufio.NewReader(r), prev: firstPrev}
}

// Next returns the next event. At the end it returns io.EOF; *TornError if the
// file ends within a line; *BrokenError for a line that does not hold. It
// returns the same error from then on.
func (r *Reader) Next() (Event, error) {
	if r.err != nil {
		return Event{}, r.err
	}
	ev, err := r.next()
	r.err = err
	return ev, err
}

// Head is the head as of the last event that Next returned.
func (r *Reader) Head() Head { return r.head }

// Root is the root of the tree as of the last event that Next returned.
func (r *Reader) Root() tlog.Hash { return r.tree.Root() }

// Line is the line of the last event that Next returned, until the next call.
func (r *Reader) Line() []byte { return r.raw }

func (r *Reader) next() (Event, error) {
	b, err := r.line()
	switch {
	case errors.Is(err, io.EOF) && len(b) == 0:
		return Event{}, io.EOF
	case last(r.last.Kind) && (err == nil || errors.Is(err, io.EOF)):
		return Event{}, r.broken("something follows the last event, which is " + r.last.Kind)
	case errors.Is(err, io.EOF):
		return Event{}, &TornError{Bytes: len(b)}
	case errors.Is(err, errLong):
		return Event{}, r.broken(err.Error())
	case err != nil:
		return Event{}, fmt.Errorf("reading the transcript: %w", err)
	}
	ev, err := decode(b)
	if err != nil {
		return Event{}, r.broken(err.Error())
	}
	if err := r.follows(ev); err != nil {
		return Event{}, r.broken(err.Error())
	}
	r.head = Head{Count: ev.Seq, SHA256: sha256.Sum256(b)}
	r.tree.Add(b)
	r.raw = b
	if ev.Seq == 1 {
		r.custody = isCustody(ev.Entry)
	}
	r.last, r.prev, r.practice = ev, hex.EncodeToString(r.head.SHA256[:]), ev.Practice
	return ev, nil
}

var errLong = fmt.Errorf("it is longer than %d bytes", MaxLine)

// line reads up to the end of a line, or to the end of the file.
func (r *Reader) line() ([]byte, error) {
	r.buf = r.buf[:0]
	for {
		b, err := r.r.ReadSlice('\n')
		if len(r.buf)+len(b) > MaxLine {
			return nil, errLong
		}
		if len(r.buf) == 0 && !errors.Is(err, bufio.ErrBufferFull) {
			return b, err
		}
		r.buf = append(r.buf, b...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return r.buf, err
		}
	}
}

// follows checks an event against the one before.
func (r *Reader) follows(ev Event) error {
	switch {
	case ev.Seq == 1 && r.last.Seq == 0 && ev.Prev != r.prev:
		return errors.New("the prev of the first line is not 64 zeros")
	case ev.Seq != r.last.Seq+1:
		return fmt.Errorf("it is event %d where %d is due", ev.Seq, r.last.Seq+1)
	case ev.Prev != r.prev:
		return fmt.Errorf("its prev is not the hash of line %d: one of these two was changed", r.last.Seq)
	case r.last.Seq == 0:
		return nil
	case !inChain(ev.Kind, r.custody):
		return fmt.Errorf("an event of the kind %s does not stand in such a transcript", ev.Kind)
	case ev.Practice != r.practice:
		return errors.New("its mark PRACTICE disagrees with the lines before")
	}
	wall, boot := ev.Time.Sub(r.last.Time).Milliseconds(), ev.Boot-r.last.Boot
	is := ev.Kind == kindClockJump
	if is != jumped(wall, boot) {
		return errors.New("its times and the events about the clock disagree")
	}
	if is && (int64(ev.Facts.Number("wall_ms")) != wall || int64(ev.Facts.Number("boot_ms")) != boot) {
		return errors.New("the jump of the clock is not the one that its times show")
	}
	return nil
}

func (r *Reader) broken(what string) error {
	return &BrokenError{Line: r.last.Seq + 1, What: what}
}
