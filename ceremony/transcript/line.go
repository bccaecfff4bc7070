package transcript

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxLine is the longest line, with its newline.
const MaxLine = 1 << 20

// practiceMark is on every line of a rehearsal.
const practiceMark = "PRACTICE"

const timeLayout = "2006-01-02T15:04:05.000Z"

// line is an event as it is written. The order of the members is the format.
type line struct {
	Mark     string         `json:"mark,omitempty"`
	Seq      uint64         `json:"seq"`
	Prev     string         `json:"prev"`
	Salt     string         `json:"salt"`
	Time     string         `json:"time"`
	Boot     int64          `json:"boot"`
	Kind     string         `json:"kind"`
	Step     string         `json:"step"`
	Claimed  string         `json:"claimed"`
	Evidence Evidence       `json:"evidence"`
	Facts    map[string]any `json:"facts"`
}

// encode is the one way to write an event.
func encode(ev Event) ([]byte, error) {
	l := line{
		Seq: ev.Seq, Prev: ev.Prev, Salt: ev.Salt, Time: ev.Time.UTC().Format(timeLayout), Boot: ev.Boot,
		Kind: ev.Kind, Step: ev.Step, Claimed: ev.Claimed, Evidence: ev.Evidence, Facts: ev.Facts,
	}
	if ev.Practice {
		l.Mark = practiceMark
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(l); err != nil {
		return nil, err
	}
	if b.Len() > MaxLine {
		return nil, fmt.Errorf("the line has %d bytes, %d are allowed", b.Len(), MaxLine)
	}
	return b.Bytes(), nil
}

// decode reads one line with its newline. The bytes must be what encode writes
// for the event that they give.
func decode(b []byte) (Event, error) {
	if ev, ok := parse(string(b)); ok && ev.check() == nil {
		return ev, nil
	}
	return decodeSlowly(b)
}

func decodeSlowly(b []byte) (Event, error) {
	var l line
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&l); err != nil {
		return Event{}, errors.New("it is not a JSON object with the members of an event")
	}
	ev := Event{
		Practice: l.Mark == practiceMark, Seq: l.Seq, Prev: l.Prev, Salt: l.Salt, Boot: l.Boot,
		Entry: Entry{Kind: l.Kind, Step: l.Step, Claimed: l.Claimed, Evidence: l.Evidence},
	}
	var err error
	if ev.Time, err = time.Parse(timeLayout, l.Time); err != nil {
		return Event{}, errors.New("the time is not written as in 2006-01-02T15:04:05.000Z")
	}
	if ev.Facts, err = typed(l.Facts); err != nil {
		return Event{}, err
	}
	if err := ev.check(); err != nil {
		return Event{}, err
	}
	again, err := encode(ev)
	if err != nil {
		return Event{}, err
	}
	if !bytes.Equal(again, b) {
		return Event{}, errors.New("it is not written as Conclave writes it, so it may be read in two ways")
	}
	return ev, nil
}

// check refuses what the entry's kind does not allow, and envelope fields out
// of their bounds.
func (ev Event) check() error {
	switch {
	case ev.Seq == 0 || ev.Seq > maxNumber:
		return errors.New("the number of the event is out of bounds")
	case !isHash(ev.Prev):
		return errors.New("prev is no SHA-256 in hex")
	case len(ev.Salt) != 32 || !isHex(ev.Salt):
		return errors.New("the salt is not 16 bytes in hex")
	case ev.Time.UTC().Year() < 1970 || ev.Time.UTC().Year() >= 2260:
		return errors.New("the time is out of bounds") // two times are compared in nanoseconds
	case ev.Boot < 0 || ev.Boot > maxNumber:
		return errors.New("the boot time is out of bounds")
	case (ev.Kind == kindHeader) != (ev.Seq == 1):
		return errors.New("the header is the first event and no other")
	case ev.Kind == kindHeader && ev.Facts.Flag("practice") != ev.Practice:
		return errors.New("the mark PRACTICE and the header's practice disagree")
	}
	return check(ev.Entry)
}

// typed turns decoded JSON into facts.
func typed(m map[string]any) (Facts, error) {
	f := make(Facts, len(m))
	for name, v := range m {
		switch v := v.(type) {
		case string, bool:
			f[name] = v
		case json.Number:
			n, err := strconv.Atoi(v.String())
			if err != nil {
				return nil, errors.New("a number is not a whole one or too large")
			}
			f[name] = n
		case []any:
			list := make([]string, len(v))
			for i, e := range v {
				s, ok := e.(string)
				if !ok {
					return nil, errors.New("a list holds something else than texts")
				}
				list[i] = s
			}
			f[name] = list
		default:
			return nil, errors.New("a fact is neither text, number, flag nor list")
		}
	}
	return f, nil
}

// visible writes control characters, and bytes that are no UTF-8, as a Go
// string literal does: a token's odd label shows as what it is and does not
// stop a ceremony.
func visible(s string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 || control(r) {
			q := strconv.Quote(s[:n])
			b.WriteString(q[1 : len(q)-1])
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

// tidy copies an entry with all its texts made visible.
func tidy(e Entry) Entry {
	e.Step, e.Claimed = visible(e.Step), visible(e.Claimed)
	f := make(Facts, len(e.Facts))
	for name, v := range e.Facts {
		switch v := v.(type) {
		case string:
			f[name] = visible(v)
		case []string:
			list := make([]string, len(v))
			for i, s := range v {
				list[i] = visible(s)
			}
			f[name] = list
		default:
			f[name] = v
		}
	}
	e.Facts = f
	return e
}

// Line is the event as it stands in the transcript, with its newline.
func (ev Event) Line() ([]byte, error) { return encode(ev) }
