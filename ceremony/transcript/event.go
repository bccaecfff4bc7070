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
	Seq  uint64
	Prev string // SHA-256 of the previous line's bytes with its newline, hex
	Salt string // 16 random bytes, hex
	Time time.Time
	Boot int64 // CLOCK_BOOTTIME, milliseconds
	Entry
}
