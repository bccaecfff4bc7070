package share

import "fmt"

// Form is the kind of text that a share is written in.
type Form int

// The forms.
const (
	Unknown Form = iota // not yet to be told
	InHex
	InBase64
	InGroups
)

func (f Form) String() string {
	return [...]string{"", "hex", "base64", "groups"}[f]
}

// GroupState is what is known of one group while it is typed.
type GroupState int

// The states of a group. Completed groups had one character that could not be
// read, and the others gave it.
const (
	Open GroupState = iota
	Typing
	Good
	Completed
	Wrong
)

func (s GroupState) String() string {
	return [...]string{"open", "typing", "good", "completed", "wrong"}[s]
}

// maxGroups is the number of groups of a share of 33 bytes.
const maxGroups = 11

// Entry is what may be shown of a share while it is typed: nothing of the
// share. It holds no pointer into the text.
type Entry struct {
	Form         Form
	Typed, Total int // characters, separators not counted
	Count        int // groups; 0 if the form is hex or base64
	Groups       [maxGroups]GroupState
	Current      int         // the group being typed, from 1; 0 when all are in
	InGroup      int         // characters of it
	Wrong        int         // the first wrong group, from 1; 0 if none
	Done         bool        // all is there and checks
	Err          *EntryError // what is wrong with a full text
}

// Kind is what is wrong with a typed share.
type Kind int

// The kinds of EntryError.
const (
	BadLength   Kind = iota + 1 // too few or too many characters
	BadAlphabet                 // a character that the form does not have
	BadCheck                    // groups whose check character does not fit
	XZero                       // the x-coordinate is 0: no share has it
	IsPractice                  // a practice share, typed in production
	IsReal                      // a share of a real vault, typed in a rehearsal
)

// String names the kind for the record.
func (k Kind) String() string {
	return [...]string{"", "length", "alphabet", "check", "x-zero", "practice", "real"}[k]
}

// EntryError says what is wrong with a typed share, without a character of it.
type EntryError struct {
	Kind         Kind
	Form         Form
	Typed, Total int
	Groups       []int // wrong groups, from 1, if the form is InGroups
}

func (e *EntryError) Error() string {
	switch e.Kind {
	case BadLength:
		return fmt.Sprintf("the share has %d characters instead of %d", e.Typed, e.Total)
	case BadAlphabet:
		if len(e.Groups) > 0 {
			return fmt.Sprintf("there is a character that groups do not have in %s", groupList(e.Groups))
		}
		return fmt.Sprintf("the share has a character that %s does not have", e.Form)
	case BadCheck:
		if len(e.Groups) == 1 {
			return groupList(e.Groups) + " does not check"
		}
		return groupList(e.Groups) + " do not check"
	case XZero:
		return "this is no share: its x-coordinate is 0"
	case IsPractice:
		return "this is a practice share"
	case IsReal:
		return "this is a share of a real vault, not a practice share"
	}
	return "the share cannot be read"
}

func groupList(groups []int) string {
	s := "group"
	if len(groups) > 1 {
		s += "s"
	}
	for i, g := range groups {
		if i > 0 {
			s += ","
		}
		s += fmt.Sprintf(" %d", g)
	}
	return s
}
