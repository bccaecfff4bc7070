package ui

import (
	"fmt"

	tea "github.com/charmbracelet/bubbletea"

	"conclave/ceremony"
	"conclave/hsm/secret"
	"conclave/ui/term"
	"conclave/vaultstate/share"
)

// longestShare leaves room for the grouped form with its group numbers and what
// people write between.
const longestShare = 200

// shareScreen takes one share. The page learns which groups check, never what
// they are.
type shareScreen struct {
	entry
	decryption
	p      ceremony.Prompt
	scheme share.Scheme
	is     share.Entry
	again  int    // the group that is typed again, from 1; 0 for none
	from   int    // where in the text it begins
	short  string // why enter did not end the entry
}

func newShare(p ceremony.Prompt, practice bool, d decryption, tap Tap, send func(tea.Msg)) *shareScreen {
	d.sealed = p.Sealed
	s := &shareScreen{p: p, decryption: d, scheme: share.Scheme{Practice: practice}, entry: newEntry(tap, send, true, longestShare)}
	s.inspect()
	return s
}

func (s *shareScreen) show() {
	if s.naming {
		return
	}
	s.entry.show()
	if s.note.Count == 0 {
		s.again, s.short = 0, ""
	}
	s.inspect()
}

func (s *shareScreen) wipe() {
	s.entry.wipe()
	s.drop()
}

func (s *shareScreen) update(msg tea.Msg) (*ceremony.Input, tea.Cmd) {
	if in, cmd, taken := s.decrypts(msg, &s.entry); taken {
		s.inspect()
		return in, cmd
	}
	if !s.heard(msg) {
		return nil, nil
	}
	s.short = ""
	if s.note.Count == 0 {
		s.again = 0
	}
	s.inspect()
	switch {
	case s.note.Key == term.KeyRetype:
		s.retype()
	case s.note.Done:
		if s.is.Done && s.again == 0 {
			return &ceremony.Input{Secret: s.tap.Take(), Source: s.source()}, nil
		}
		s.short = s.unfinished()
		s.tap.Resume()
	}
	return nil, nil
}

// inspect looks at what was typed, in place. While a group is typed again, the
// groups behind it are judged where they will stand.
func (s *shareScreen) inspect() {
	if s.again == 0 {
		s.tap.Peek(func(b []byte) { s.is = s.scheme.Inspect(b, s.p.Entry.Bytes) })
		return
	}
	from, to := share.GroupAt(s.again-1, s.p.Entry.Bytes)
	in := s.tap.Caret() - s.from
	if in >= to-from {
		s.again = 0
		s.tap.End()
		s.inspect()
		return
	}
	in = max(0, in)
	s.tap.Peek(func(b []byte) {
		gap := to - from - in
		whole := secret.New(len(b) + gap)
		defer whole.Wipe()
		at := min(s.from+in, len(b))
		text := whole.Expose()
		secret.Copy(text, b[:at])
		for i := range gap {
			text[at+i] = '?'
		}
		secret.Copy(text[at+gap:], b[at:])
		s.is = s.scheme.Inspect(text, s.p.Entry.Bytes)
		s.is.Typed -= gap
	})
	s.is.Groups[s.again-1] = share.Typing
	s.is.Current, s.is.InGroup = s.again, in
	s.is.Wrong, s.is.Err, s.is.Done = 0, nil, false
	for i, g := range s.is.Groups[:s.is.Count] {
		if g == share.Wrong && s.is.Wrong == 0 {
			s.is.Wrong = i + 1
		}
	}
}

// retype opens the first wrong group.
func (s *shareScreen) retype() {
	if !s.canRetype() {
		return
	}
	g := s.is.Wrong
	from, to := share.GroupAt(g-1, s.p.Entry.Bytes)
	var i, j int
	s.tap.Peek(func(b []byte) { i, j = place(b, from), place(b, to) })
	s.tap.Cut(i, j)
	s.again, s.from = g, i
	s.inspect()
}

func (s *shareScreen) canRetype() bool {
	return s.again == 0 && s.is.Form == share.InGroups && s.is.Wrong > 0 && s.is.Typed <= s.length()
}

// length is the number of characters of the grouped form.
func (s *shareScreen) length() int {
	_, n := share.GroupAt(share.GroupCount(s.p.Entry.Bytes)-1, s.p.Entry.Bytes)
	return n
}

// place is where the n-th character of a share stands in a text that may hold
// dashes and points between groups.
func place(b []byte, n int) int {
	for i, c := range b {
		if c == '?' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' {
			if n == 0 {
				return i
			}
			n--
		}
	}
	return len(b)
}

// unfinished says why enter does not end the entry.
func (s *shareScreen) unfinished() string {
	switch {
	case s.again > 0:
		return fmt.Sprintf("Group %d is not finished.", s.again)
	case s.is.Wrong > 0 && s.is.Form == share.InGroups || s.is.Err != nil:
		return ""
	case s.is.Total > 0:
		return fmt.Sprintf("The share is not complete: %d of %d characters are in.", s.is.Typed, s.is.Total)
	}
	return "This is not a share yet."
}

func (s *shareScreen) keys() []binding {
	if s.naming {
		return s.decryption.keys()
	}
	ks := s.with([]binding{keyEnter.as("done", "done"), keyAgain, keyBlank, keyStop})
	if s.canRetype() {
		label := fmt.Sprintf("group %d again", s.is.Wrong)
		ks = []binding{keyGroup.as(label, label), keyAgain, keyBlank, keyStop}
	}
	return ks
}

func (s *shareScreen) fields() bool { return true }

func (s *shareScreen) play(done, total int) { s.played = s.length() * done / max(total, 1) }
