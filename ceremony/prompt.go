package ceremony

import (
	"context"
	"time"

	"conclave/ceremony/custodian"
	"conclave/hsm/secret"
)

// Role and Person are custodian's: front ends need no other import.
type (
	Role   = custodian.Role
	Person = custodian.Person
)

// The roles.
const (
	Operator  = custodian.Operator
	Witness   = custodian.Witness
	Custodian = custodian.Custodian
	PINHolder = custodian.PINHolder
	Auditor   = custodian.Auditor
	Approver  = custodian.Approver
	Room      = custodian.Room
	Program   = custodian.Program
)

// Kind is the kind of a prompt. Front ends know kinds, never ceremonies.
type Kind int

// The kinds.
const (
	Read      Kind = iota // a text is read aloud; enter goes on
	People                // who is here: Prompt.People; the answer marks them in Input.Present
	Ask                   // one line of public text
	AskSecret             // a PIN or a code: Input.Secret is what was typed
	AskShare              // one share: Input.Secret is what was typed, in any form
	HandOver              // "pass the keyboard to NAME": the answer is Prompt.Word
	Confirm               // changes, stays, undo; the answer is Prompt.Word
	Show                  // one secret to one person, Prompt.Reveal
	Choose                // one of Prompt.Choices
	Work                  // the program works; front ends answer it at once
	Attest                // a result to look at; enter goes on
	Form                  // lines of public text, Prompt.Fields; each may stay empty
	Rest                  // a break: the page waits, alone on the screen, for Prompt.Word
)

// Stamp ties an answer to the prompt that it answers.
type Stamp struct{ Step, Page int }

// Fact is a label and a value, shown in a row.
type Fact struct{ Label, Value string }

// Mark is the sign of a line.
type Mark string

// The marks.
const (
	Good    Mark = "good"
	Warn    Mark = "warn"
	Bad     Mark = "bad"
	Skipped Mark = "skipped"
	Now     Mark = "now"
	ToCome  Mark = ""
)

// Line is a sentence with a mark.
type Line struct {
	Mark Mark
	Text string
	Took time.Duration // 0: not shown
}

// Choice is one way on. The first is the likely one.
type Choice struct{ ID, Title, Consequence string }

// Problem is what was wrong with the last answer, or what failed: what
// happened; what state things are in; what to do.
type Problem struct {
	Badge    string // "", "STOPPED": a page of its own; else a note on the page
	Happened string
	State    string
	Do       string
	Code     string // for support: "C_Encrypt, CKR_DEVICE_ERROR"; may be ""
	Field    string // Form: the Field.ID of the line at fault, or ""
}

// Field is one line of a Form.
type Field struct{ ID, Label, Default string }

// Attendance is one row of the People page.
type Attendance struct {
	Person  Person
	Present bool
}

// Entry is what AskShare tells about the share that is asked for.
type Entry struct {
	Given, Needed int  // shares given so far, and needed now
	Bytes         int  // length of the raw share: 33, or 32 for a key that is not split
	Proving       bool // a new share is typed back
}

// Sealed is a file that holds what is asked for, encrypted to whoever is asked.
// A front end may offer to run gpg on it; what gpg yields is Input.Secret, as if
// it had been typed.
type Sealed struct {
	File      string // where it lies; "" if that is not known here
	Challenge bool   // it holds a code: no share is typed here
}

// Reveal is a secret for one person's eyes. The engine owns it and wipes it
// when the page is answered.
type Reveal struct {
	What        string       // "share" or "root token"
	Text        secret.Bytes // ASCII. A share: groups of Group characters without blanks
	Group       int          // characters a group, the last of which is a check; 0: one run
	Words       []string     // share fingerprint in PGP words; not secret
	Seconds     int          // until it hides
	Fingerprint string
	Offers      bool // a QR code of it may be asked for: the answer is the Choice "qr"
	Code        bool // it was: Text is shown as a QR code, by the front end that asked
}

// Prompt is one page, for one person or the room. It holds no secret but in
// Reveal.
type Prompt struct {
	Stamp    Stamp
	Kind     Kind
	StepID   string
	Title    string // of the step, for the script
	By       Person // who acts
	Heading  string // one sentence with a name in it: who does what now
	Text     []string
	Facts    []Fact
	Lines    []Line // checks, results, sub-steps of Work
	Recorded string // "who, when, which share. Never a group."
	Problem  *Problem

	Field   string // Ask, AskSecret: what is typed
	Default string // Ask: taken when the line is empty
	Path    bool   // Ask: a file is named, so the line may be longer
	Groups  []int  // Ask: which groups of a fingerprint, from 1
	Word    string // HandOver, Confirm: what must be typed
	From    string // HandOver: who leaves; "" for nobody
	Other   bool   // HandOver: somebody else may go first; custodians always may
	Badge   string // Confirm: "CHANGES THE VAULT"
	Action  string // Confirm: "Replace the root key"
	Changes string // Confirm
	Stays   string // Confirm
	Undo    string // Confirm

	Fields  []Field // Form
	People  []Attendance
	Choices []Choice
	Entry   Entry
	Sealed  *Sealed // AskSecret, AskShare: the file that holds it; nil for none
	Reveal  *Reveal

	IfPowerFails string  // Work: "the vault is as it was before"
	Stop         string  // what stopping means here: "nothing is changed"
	Again        bool    // a deviation may have this step done again
	Final        bool    // the record is closed: no deviation can be noted
	Asides       []Aside // what may be noted here besides a deviation
}

// TypedOrScanned is the source of a share that came from the keyboard: a reader
// of codes that types as a keyboard does is not told from a person.
const TypedOrScanned = "typed or scanned"

// Input is an answer. Whoever makes it hands Secret over to the engine.
type Input struct {
	Stamp   Stamp
	Text    string
	Choice  string   // a Choice.ID
	Present []bool   // in the order of Prompt.People
	Fields  []string // in the order of Prompt.Fields
	Secret  secret.Bytes
	// How a secret came in: "typed", TypedOrScanned, "pasted", "pipe", "auto" or
	// "gpg".
	Source string
	// With "gpg": the program that decrypted the secret, and its SHA-256.
	Program, ProgramSHA256 string
}

// ScriptLine is one step as the script at the left shows it.
type ScriptLine struct {
	Number int
	ID     string
	Title  string
	By     Role
	Who    string // first name of who acts, for a wide screen; "": the role is shown
	State  Mark   // Good: done; Now; Warn: done with a note; Skipped; ToCome
	Note   string // "3 of 5", "note 1"
	Done   time.Time
}

// Header is the first row.
type Header struct {
	Title    string // "INIT"
	ID       string
	Vault    string
	Step     int
	Steps    int
	Practice bool
	Recorded bool // the transcript is on disk
}

// Recent is one line of the record as the 120x40 screen shows it.
type Recent struct {
	Seq  uint64
	Time time.Time
	Who  string
	Text string
}

// Job is work off the event loop. It runs exactly once.
type Job func(ctx context.Context) Result

// Result is what a Job brings back to Run.Finish.
type Result struct {
	stamp Stamp
	next  snapshot
}
