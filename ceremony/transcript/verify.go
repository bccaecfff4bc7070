package transcript

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// State is what Verify finds.
type State string

// The states.
const (
	Closed      State = "consistent and closed"
	Open        State = "consistent, a chain that has no end" // of custody
	Interrupted State = "consistent but interrupted"
	Broken      State = "broken"
	Changed     State = "not what it claims"
)

// Report is what a transcript shows of itself.
type Report struct {
	State  State
	Head   Head
	Header Event // the zero Event of an empty file
	Last   Event

	Overrides []string // their sentences
	Steps     []string // interrupted: ids of steps that were begun and not done
	Works     []string // interrupted: pieces of work that were begun, neither done nor failed
	Torn      int      // interrupted: bytes of a torn last line

	Line    uint64 // broken: which line
	Problem string // broken or changed: what is wrong

	Compared []string  // what the head was compared with and agrees
	Anchored bool      // one of them lay outside of the record
	Anchors  []string  // those that did, as a sentence goes on after "anchored by"
	Receipts []uint64  // numbers of the events up to which receipts agree
	Root     tlog.Hash // of the tree over the lines
	Notes    []Note    // what else was looked at
}

// Note is something that was found beside the transcript and decides nothing.
type Note struct{ About, Text string }

// maxKept bounds what a Report keeps of a hostile file.
const maxKept = 1000

// Verify reads a transcript to its end. The error is only of reading.
func Verify(r io.Reader) (Report, error) { return Scan(r, nil) }

// Scan is Verify and hands each event to see, which may be nil. Events are
// checked one by one: only the Report tells whether the whole holds.
func Scan(r io.Reader, see func(Event) error) (Report, error) {
	var rep Report
	rd := NewReader(r)
	for {
		ev, err := rd.Next()
		var broken *BrokenError
		var torn *TornError
		switch {
		case err == nil:
			rep.note(ev)
			rep.Head = rd.Head()
			if see != nil {
				if err := see(ev); err != nil {
					return rep, err
				}
			}
			continue
		case errors.Is(err, io.EOF) && last(rep.Last.Kind):
			rep.State = Closed
			rep.Steps, rep.Works = nil, nil
		case errors.Is(err, io.EOF) && isCustody(rep.Header.Entry):
			rep.State = Open
		case errors.Is(err, io.EOF):
			rep.State = Interrupted
		case errors.As(err, &torn):
			rep.State, rep.Torn = Interrupted, torn.Bytes
		case errors.As(err, &broken):
			rep.State, rep.Line, rep.Problem = Broken, broken.Line, broken.What
		default:
			return rep, err
		}
		rep.Root = rd.Root()
		return rep, nil
	}
}

// note keeps what the Report says of the events so far.
func (r *Report) note(ev Event) {
	if ev.Seq == 1 {
		r.Header = ev
	}
	r.Last = ev
	switch ev.Kind {
	case kindOverride:
		if len(r.Overrides) < maxKept {
			r.Overrides = append(r.Overrides, ev.Facts.Text("sentence"))
		}
	case kindStep:
		r.Steps = open(r.Steps, ev.Step, ev.Facts.Text("state") == "begun")
	case kindBegun:
		r.Works = open(r.Works, ev.Facts.Text("work"), true)
	case kindDone:
		r.Works = open(r.Works, ev.Facts.Text("work"), false)
	case kindFailed:
		r.Works = nil // one at a time
	}
}

// open adds to the list of what is under way, or takes off it.
func open(list []string, s string, begun bool) []string {
	list = slices.DeleteFunc(list, func(x string) bool { return x == s })
	if begun && len(list) < maxKept {
		list = append(list, strings.Clone(s)) // a part of the whole line
	}
	return list
}

// Compare holds the transcript against a head from elsewhere. outside says that
// the head was kept out of the record's reach: on paper, in a witness's pocket.
// A head without a count fits any number of events.
func (r *Report) Compare(h Head, where string, outside bool) {
	switch {
	case r.State == Broken || r.State == Changed:
	case h.SHA256 == r.Head.SHA256 && (h.Count == 0 || h.Count == r.Head.Count) && r.Torn == 0:
		r.Compared = append(r.Compared, where)
		if outside {
			r.Anchor("the head that you gave")
		}
	case h.Count > 0 && h.Count != r.Head.Count:
		r.Refuse(fmt.Sprintf("%s names %d events, the transcript has %d", where, h.Count, r.Head.Count))
	default:
		r.Refuse(where + " names another last line")
	}
}

// Anchor notes that something outside of the record names its last line.
func (r *Report) Anchor(by string) {
	if r.State != Broken && r.State != Changed {
		r.Anchored, r.Anchors = true, append(r.Anchors, by)
	}
}

// CompareReceipt holds the line of the event that a receipt names against it. A
// receipt says nothing of what follows that event.
func (r *Report) CompareReceipt(want Receipt, got Head) {
	switch {
	case r.State == Broken || r.State == Changed:
	case want.Event > r.Head.Count:
		r.Refuse(fmt.Sprintf("a receipt names event %d, the transcript has %d", want.Event, r.Head.Count))
	case want != got.Receipt():
		r.Refuse(fmt.Sprintf("a receipt names another line of event %d", want.Event))
	default:
		r.Receipts = append(r.Receipts, want.Event)
	}
}

// Refuse notes that something beside the transcript shows that it is not what
// it claims.
func (r *Report) Refuse(why string) {
	if r.State != Broken && r.State != Changed {
		r.State, r.Problem = Changed, why
	}
}

// Code is the exit code: 0 closed or open, 3 interrupted, 4 broken or changed.
func (r Report) Code() int {
	switch r.State {
	case Closed, Open:
		return 0
	case Interrupted:
		return 3
	case Broken, Changed:
	}
	return 4
}
