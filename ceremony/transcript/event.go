// Package transcript is the record of a ceremony as it is written while the
// ceremony runs: events, one a line, each with the hash of the line before.
//
// # Format
//
// A transcript is a file of lines, each a JSON object and a newline, with these
// members in this order and no others:
//
//	mark      "PRACTICE" on every line of a rehearsal; else absent
//	seq       1 for the first line, then one more each
//	prev      SHA-256 of the previous line's bytes with its newline, hex; 64
//	          zeros in the first line
//	salt      16 random bytes, hex: a disclosed line does not help to guess its
//	          neighbours
//	time      UTC wall time with milliseconds, 2006-01-02T15:04:05.000Z
//	boot      CLOCK_BOOTTIME in milliseconds
//	kind      one of Kinds
//	step      the id of the step in the ceremony's script
//	claimed   the name of who acted, as it was claimed; "" for the program
//	evidence  how that is known, see Evidence
//	facts     the event's public facts, names sorted, see Kinds
//
// The first event is a header, the last is closed or aborted, and nothing
// follows it. A chain of custody, whose header names the ceremony "custody", has
// no end, and between header and clock no other events than custody's. A wall clock that jumps against the boot clock by more than two
// seconds is an event of its own, just before the one that met it.
//
// The bytes of a line are exactly what encoding/json writes for its values,
// without escapes for HTML. A reader decodes a line, encodes it again and
// refuses it unless the bytes are equal: so no line has two readings
// (TestOneReading; parse is a faster way to the same), and duplicate, unknown or differently written members,
// blanks, other escapes and numbers that are no integers of at most 2^53 are
// all refused. Strings hold no control characters, newlines included.
//
// The lines are also the leaves of an RFC 6962 tree. Its root stands in a C2SP
// checkpoint (Checkpoint), which people sign, and to which an event can be proven
// that is shown alone (Disclose). A Receipt is a head cut to eight words.
//
// # Promises
//
// Append has written and synced the line when it returns. A changed, dropped,
// doubled or moved line is found (TestEveryByte, TestLines), but not a change
// of the last line, nor a chain that was computed anew from the changed line
// on: only a head that was kept elsewhere shows these. Report.Anchors says which.
// A second verifier, in Python, gives the same answers (TestSecondVerifier), and
// in a line that is taken here Python's json and jq read the same fields
// (TestSameFields, FuzzSameFields).
//
// The package knows no paths; ceremony/folder keeps the file. It writes no
// secret, as none is in an Entry; it cannot know what people type into public
// fields.
package transcript

import "time"

// Facts are an event's public facts. Values are string, bool, int (of at most
// 2^53) or []string; which names a kind of event may carry is in Kinds.
type Facts map[string]any

// Evidence says how an act is known to be a person's.
type Evidence string

// The kinds of evidence. Keyboard is the weakest: somebody typed, the name is
// what was claimed.
const (
	ByKeyboard  Evidence = "keyboard"
	ByShare     Evidence = "share"     // a share of theirs was typed
	ByDecrypt   Evidence = "decrypt"   // a challenge to their key was answered
	BySignature Evidence = "signature" // they signed
	ByProgram   Evidence = "program"   // nobody acted: the program did
)

// Entry is what a ceremony hands to the journal; the journal adds the rest.
type Entry struct {
	Kind     string
	Step     string
	Claimed  string // a person's name, or "" for the program
	Evidence Evidence
	Facts    Facts
}

// Event is one line of a transcript.
type Event struct {
	Practice bool // the line carries the mark of a rehearsal
	Seq      uint64
	Prev     string // SHA-256 of the previous line's bytes with its newline, hex
	Salt     string // 16 random bytes, hex
	Time     time.Time
	Boot     int64 // CLOCK_BOOTTIME, milliseconds
	Entry
}

// Text is the string fact of that name, "" if there is none.
func (f Facts) Text(name string) string {
	s, _ := f[name].(string)
	return s
}

// Number is the integer fact of that name, 0 if there is none.
func (f Facts) Number(name string) int {
	n, _ := f[name].(int)
	return n
}

// Flag is the boolean fact of that name, false if there is none.
func (f Facts) Flag(name string) bool {
	b, _ := f[name].(bool)
	return b
}

// List is the list fact of that name, nil if there is none.
func (f Facts) List(name string) []string {
	l, _ := f[name].([]string)
	return l
}
