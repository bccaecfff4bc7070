package plan

import "conclave/vaultstate"

// File is a file that the caller read once.
type File struct {
	Name string
	Data []byte
	// FromRecord: nobody gave it, an earlier record has it. One that cannot be
	// used is left out with a warning.
	FromRecord bool
}

// Number is a flag that may be absent. Absent is not zero: rule S2 refuses a
// zero that was typed and takes 1 for one that was not.
type Number struct {
	Value int
	Given bool
}

// Request is what was asked for, before any check.
type Request struct {
	Kind     vaultstate.Kind
	ID       string
	Purpose  string
	Practice bool
	Storage  string // of a server: its address
	Config   string
	Server   *Server // nil: the vault is local

	// Of the root key: 1 or absent (S2).
	KeyShares, KeyThreshold, StoredShares Number
	// Of the recovery shares.
	RecoveryShares, RecoveryThreshold Number
	RecoveryKeys                      []File
	RootTokenKey                      *File
	WitnessKey                        *File
	RootToken                         string // "", "initial", "none"
	RootTokenReceiver, RootTokenUntil string // a name, a day
	RootTokenPrint                    string // fingerprint of RootTokenKey, from its holder; "": nobody said
	RootTokenTTL                      string // a duration, of a server's
	Challenge                         string // "", "keys", "none": whether keys are challenged

	AcceptUnauthenticated bool // of an init or a rewrap with RSA-OAEP
	Rewrap                RewrapRequest
	Retire                RetireRequest
	Drilling              DrillRequest
	Accessor              string // of a revoke-root

	GenerateKey bool
	API         bool // a session of the API may do it
	UnsealKeys  bool // the new shares are of a server's unseal key
	SignRecord  SignRecord
	SkipProof   bool
	Deep        bool

	Operator, Witness string
	Custodians        []string
	PINHolders        []string // none, or two who type a part of the PIN each
	NoWitness         bool
	Auditors          []string
	Organisations     map[string]string // by people's names
	Witnesses         []string          // more than the first
	ReportsTo, Sites  map[string]string // of custodians, by their names
	Mail              map[string]string // addresses, by people's names: one person is known by theirs

	Approvers []ApproverKey
	Approvals Number  // how many of them must have signed; absent: all
	Known     []Known // keys of earlier records
	Earlier   bool    // there is one
	SignedBy  string  // the key in the HSM that signed the record before, as a signed note names it; "": none did

	Recovery Recovery // of a recover

	Offline    bool   // no network interface may be up
	Anchor     string // "" or "hsm"
	AdoptState string // why a state is adopted that is not what was left

	SecondMedium                 string
	Attendance, Retention, Drill Number
	Suspended                    Number // days
	BackupDrill                  Number // months

	Values    []Value // what the caller resolved: HSM, storage, …
	Overrides []Override
	Warnings  []string // of the files that were read
}

// Problem is one thing wrong with a request: usage, exit code 2.
type Problem struct{ Field, Text string }

func (p *Problem) Error() string { return p.Field + ": " + p.Text }
