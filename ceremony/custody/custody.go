// Package custody is what happens to a vault's shares between its ceremonies:
// a chain of entries that people make, and what is due by them and by the
// records.
//
// # Format
//
// A chain is a file of lines as ceremony/transcript has them, with the same
// strict reading, hash chain, writer and verifier. Its header names the ceremony
// "custody", the vault, and in previous_head the head of the newest record of the
// vault when the chain began, "" if there was none. Every further event is of the
// kind custody; its fact event names one of Events, and record_head is the head
// of the newest record known then. The evidence is keyboard, or signature where
// the entry holds one, in lines: it is over Statement, which names the chain's
// head before the entry. Days and restarts lie between two entries, so most of
// them follow an event clock-jump, which means nothing here. A torn last line is
// cut off as in a transcript; the event resumed says so.
//
// The chain has no end, so nothing in it shows that its last entries are gone.
// The next ceremony's header has its head and count: that shows it.
//
// # Promises
//
// Read refuses an entry without what its event needs (TestRead). Health is a
// function of what it is given and nothing else (TestHealth); it tells nobody to
// destroy a share, as no roster is sure enough for that.
//
// It does not promise that an entry is true: it says who made it, and how that
// is known.
package custody

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"conclave/ceremony/transcript"
)

// kindEntry is the kind of every event of a chain but header and clock.
const kindEntry = "custody"

// The events. Each has a line in Events.
const (
	Stored         = "stored"
	Opened         = "opened"
	Moved          = "moved"
	HolderLeft     = "holder-left"
	ShareLost      = "share-lost"
	ShareSuspected = "share-suspected"
	PINHolderLeft  = "pin-holder-left"
	PINChanged     = "pin-changed"
	Drill          = "drill"
	CopyKnown      = "copy-known"
	CopyDestroyed  = "copy-destroyed"
	OldShareGone   = "old-share-destroyed"
	BackupTested   = "backup-tested"
	TokenRevoked   = "token-revoked"
	Withdrawn      = "withdrawn"
)

// Field is a fact of an entry as people are asked for it.
type Field struct {
	Name     string // of the fact; of the flag, with a hyphen
	Question string
}

var (
	what     = Field{"what", "What"}
	ceremony = Field{"what", "Id of the ceremony that replaced it"}
	name     = Field{"name", "Who, by full name"}
	number   = Field{"number", "Number of the share"}
	place    = Field{"place", "Where"}
	bag      = Field{"bag", "Number of the bag"}
	shares   = Field{"shares", "Numbers of the shares that were proven, with commas"}
	entry    = Field{"entry", "Number of the entry that is meant"}
	method   = Field{"method", "How"}
	done     = Field{"by", "By whom"}
	witness  = Field{"witness", "Who watched"}
	device   = Field{"device", "Which HSM or backup: its serial number"}
	access   = Field{"accessor", "Accessor of the token"}
	result   = Field{"result", "What came of it"}
	note     = Field{"note", "Anything else"}
	on       = Field{"on", "On which day it was, like 2026-11-26"}
)

// Event is a kind of entry.
type Event struct {
	ID, Text string
	Needs    []Field
	May      []Field // besides on and note, which every entry may have
}

// Events are what an entry can say.
var Events = []Event{
	{Stored, "something was put away", []Field{what, place}, []Field{bag, name, number, witness}},
	{Opened, "a bag, an envelope or a safe was opened", []Field{what}, []Field{place, bag, done, witness}},
	{Moved, "something was brought to another place", []Field{what, place}, []Field{bag, done, witness}},
	{HolderLeft, "somebody who holds a share has left", []Field{name}, []Field{number}},
	{ShareLost, "a share is lost", []Field{number}, []Field{name}},
	{ShareSuspected, "somebody else may have seen a share", []Field{number}, []Field{name}},
	{PINHolderLeft, "somebody who knows the HSM's PIN has left", []Field{name}, nil},
	{PINChanged, "the HSM's PIN was changed", nil, []Field{device, done, witness}},
	{Drill, "shares were proven", []Field{shares}, []Field{result, witness}},
	{CopyKnown, "a copy of the storage is known, a backup say", []Field{what, place}, nil},
	{CopyDestroyed, "a copy was destroyed", []Field{what, done, method, witness}, []Field{entry, place}},
	{OldShareGone, "a replaced share was brought late and destroyed", []Field{number, ceremony, done, method, witness}, []Field{name}},
	{BackupTested, "the state was opened with the HSM's backup", []Field{device, result}, []Field{done, witness}},
	{TokenRevoked, "a root token was revoked", []Field{access}, []Field{done}},
	{Withdrawn, "an entry was a mistake", []Field{entry, note}, nil},
}

// ByID finds an event.
func ByID(id string) (Event, bool) {
	i := slices.IndexFunc(Events, func(e Event) bool { return e.ID == id })
	if i < 0 {
		return Event{}, false
	}
	return Events[i], true
}

// Fields are all that an entry of the event can have, those that it needs first.
func (e Event) Fields() []Field { return slices.Concat(e.Needs, e.May, always(e)) }

// always are the fields that every entry may have.
func always(e Event) []Field {
	return slices.DeleteFunc([]Field{on, note}, func(f Field) bool { return slices.Contains(e.Needs, f) })
}

// Entry is one line of the chain that people made.
type Entry struct {
	transcript.Event
	After string // the chain's head before it; a clock that jumped does not count
}

// What is the entry's event.
func (e Entry) What() string { return e.Facts.Text("event") }

// Day is when what the entry says was so: the day that it names, or when it was
// made.
func (e Entry) Day() time.Time {
	if t, err := time.Parse(time.DateOnly, e.Facts.Text("on")); err == nil {
		return t
	}
	return e.Time
}

// Chain is a chain as it was read.
type Chain struct {
	Vault    string
	Practice bool
	Began    string // head of the newest record when it began, ""
	Head     transcript.Head
	Entries  []Entry
}

// Read makes a chain of events that transcript.Scan has verified. An entry that
// has not what its event needs is an error.
func Read(events []transcript.Event, rep transcript.Report) (*Chain, error) {
	h := rep.Header.Facts
	if h.Text("ceremony") != transcript.Custody {
		return nil, errors.New("this is no chain of custody")
	}
	c := &Chain{Vault: h.Text("vault"), Practice: rep.Header.Practice, Began: h.Text("previous_head"), Head: rep.Head}
	after := ""
	for i, ev := range events {
		if i == 0 || events[i-1].Kind != "clock-jump" {
			after = ev.Prev
		}
		if ev.Kind != kindEntry {
			continue
		}
		if err := Check(ev.Entry); err != nil {
			return nil, fmt.Errorf("entry %d: %w", ev.Seq, err)
		}
		if n := ev.Facts.Number("entry"); n != 0 && !slices.ContainsFunc(c.Entries, func(e Entry) bool { return e.Seq == uint64(n) }) { //nolint:gosec // Check has bounded it
			return nil, fmt.Errorf("entry %d: there is no entry %d before it", ev.Seq, n)
		}
		c.Entries = append(c.Entries, Entry{ev, after})
	}
	return c, nil
}

// Check tells what is wrong with an entry: what is missing, or has no place in
// it.
func Check(e transcript.Entry) error {
	event, ok := ByID(e.Facts.Text("event"))
	if !ok {
		return fmt.Errorf("%q is no event of custody", e.Facts.Text("event"))
	}
	if e.Claimed == "" {
		return errors.New("it does not say who made it")
	}
	for _, f := range event.Needs {
		if v := e.Facts[f.Name]; v == nil || v == "" || v == 0 {
			return fmt.Errorf("%s needs the field %s", event.ID, f.Name)
		}
	}
	for name, v := range e.Facts {
		if slices.Contains([]string{"event", "record_head", "signature", "signer"}, name) {
			continue
		}
		if !slices.ContainsFunc(event.Fields(), func(f Field) bool { return f.Name == name }) {
			return fmt.Errorf("%s has no field %s", event.ID, name)
		}
		if n, is := v.(int); is && (n < 1 || n > 1<<20) {
			return fmt.Errorf("the field %s is no number that it can have", name)
		}
	}
	if day := e.Facts.Text("on"); day != "" {
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			return errors.New("the field on is a day like 2026-11-26")
		}
	}
	signed := e.Evidence == transcript.BySignature
	if signed != (len(e.Facts.List("signature")) > 0) || !signed && e.Evidence != transcript.ByKeyboard {
		return errors.New("its evidence and its signature disagree")
	}
	return nil
}

// Header begins a chain.
func Header(vault string, practice bool, recordHead, program string) transcript.Entry {
	return transcript.Entry{Kind: "header", Evidence: transcript.ByProgram, Facts: transcript.Facts{"format": 1,
		"ceremony": transcript.Custody, "id": transcript.Custody, "practice": practice, "program": program, "vault": vault, "previous_head": recordHead}}
}

// New is an entry that was typed. Sign adds a signature.
func New(event, by, recordHead string, facts transcript.Facts) transcript.Entry {
	f := transcript.Facts{"event": event, "record_head": recordHead}
	for name, v := range facts {
		f[name] = v
	}
	return transcript.Entry{Kind: kindEntry, Claimed: by, Evidence: transcript.ByKeyboard, Facts: f}
}

// Statement is what somebody signs of an entry: its facts, for which vault, and
// the chain's head before it, so that it fits no other place.
func Statement(vault string, practice bool, after string, e transcript.Entry) []byte {
	var b strings.Builder
	if practice {
		b.WriteString("PRACTICE\n")
	}
	fmt.Fprintf(&b, "conclave custody\nvault %s\nafter %s\nentered by %s\n", vault, after, e.Claimed)
	var names []string
	for name := range e.Facts {
		if name != "signature" && name != "signer" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if list, is := e.Facts[name].([]string); is {
			fmt.Fprintf(&b, "%s %s\n", name, strings.Join(list, ", "))
		} else {
			fmt.Fprintf(&b, "%s %v\n", name, e.Facts[name])
		}
	}
	return []byte(b.String())
}

// Sign puts a signature into an entry, as the lines of its file, and by which
// key it is. What is no text of lines is refused.
func Sign(e transcript.Entry, sig []byte, key string) (transcript.Entry, error) {
	text := strings.ReplaceAll(strings.TrimRight(string(sig), "\r\n"), "\r\n", "\n")
	if strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && (r < ' ' || r > '~') }) {
		return e, errors.New("the signature is not in armor: make one with --armor")
	}
	f := transcript.Facts{"signature": strings.Split(text, "\n"), "signer": key}
	for name, v := range e.Facts {
		f[name] = v
	}
	e.Facts, e.Evidence = f, transcript.BySignature
	return e, nil
}

// Signature is what was signed of an entry, and with what.
func (c *Chain) Signature(e Entry) (statement, sig []byte, ok bool) {
	if e.Evidence != transcript.BySignature {
		return nil, nil, false
	}
	return Statement(c.Vault, c.Practice, e.After, e.Entry), []byte(strings.Join(e.Facts.List("signature"), "\n") + "\n"), true
}

// Standing are the entries that no later one withdrew.
func (c *Chain) Standing() []Entry {
	if c == nil {
		return nil
	}
	gone := map[uint64]bool{}
	for _, e := range slices.Backward(c.Entries) {
		if e.What() == Withdrawn && !gone[e.Seq] {
			gone[e.Seq] = true
			gone[uint64(e.Facts.Number("entry"))] = true //nolint:gosec // Check has bounded it
		}
	}
	return slices.DeleteFunc(slices.Clone(c.Entries), func(e Entry) bool { return gone[e.Seq] })
}

// Text says an entry in one line, with all its facts.
func (e Entry) Text() string {
	event, _ := ByID(e.What())
	var parts []string
	for _, f := range event.Fields() {
		switch v := e.Facts[f.Name].(type) {
		case nil:
		case []string:
			parts = append(parts, f.Name+" "+strings.Join(v, ", "))
		default:
			if v != "" {
				parts = append(parts, fmt.Sprintf("%s %v", f.Name, v))
			}
		}
	}
	return strings.Join(append([]string{e.What()}, parts...), "; ")
}
