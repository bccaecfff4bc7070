// Package plan is what a ceremony was agreed to be: who is in the room, which
// vault and HSM key it acts on, how many shares come out and for whom. It is
// resolved from flags, environment and the server's configuration before
// anything is touched, and every value keeps its source.
//
// Resolve finds every problem at once and changes nothing that was asked for:
// what cannot be is refused with the reason. Bytes in, bytes out: files are
// read by the caller, each once, and used from those bytes.
//
// Text is the agreed plan as it is read aloud and recorded; its SHA-256 names
// it.
package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"conclave/assets/clean"
	"conclave/ceremony/custodian"
	"conclave/vaultstate"
	"conclave/vaultstate/pgp"
)

// The ceremonies that are no operation of the vault.
const (
	Unseal     vaultstate.Kind = "unseal"
	Retire     vaultstate.Kind = "retire"      // the HSM key that a rewrap moved away from is destroyed
	RevokeRoot vaultstate.Kind = "revoke-root" // a root token is taken out of the storage
	Drill      vaultstate.Kind = "drill"       // every custodian proves that they still hold their share
)

// LibraryFile is the name of the value with the path and the SHA-256 of an HSM's
// library: "PATH, SHA-256 HEX", if it could be read.
const LibraryFile = "hsm-lib file"

// Value is one effective value and where it comes from: "flag", "environment
// NAME", "configuration FILE", "default" or "people page".
type Value struct {
	Name, Text, Source string
	Day                bool // known only on the day: approvers do not sign it
}

// Override is a rule that was weakened on purpose.
type Override struct {
	ID       string // "plain-shares"
	Sentence string
	Who      string
	Why      string
}

// Key is a PGP key that something is encrypted to, from one file.
type Key struct {
	File   string
	SHA256 string // of the file
	pgp.Key
}

// SignRecord says which key in the HSM signs the record's checkpoint.
type SignRecord struct {
	Label    string // "": none
	Generate bool   // a missing one may be made
}

// Plan is a resolved plan.
type Plan struct {
	Kind     vaultstate.Kind
	ID       string
	Purpose  string
	Practice bool

	SecondMedium string // directory on a medium that is carried away, "" for none
	Attendance   int    // how many people must be here; 0: those that the steps need
	Retention    int    // years that the record is kept; 0: not said
	Drill        int    // months to the next proof of the shares
	BackupDrill  int    // months to the next drill of the HSM's backup
	Suspended    int    // days that a run which was cut off may wait for the one that goes on with it

	Server  *Server // nil: the vault is local
	Storage string  // absolute path of a local vault's storage directory, or the server's address
	Config  string  // the server's configuration, "" if none was given

	Shares, Threshold int // of the new recovery shares
	Keys              []Key
	WitnessKey        *Key
	Challenge         bool // who has a key in the plan decrypts a code with it
	RootToken         bool
	RootTokenKey      *Key
	TokenReceiver     string        // by name; "": the operator
	TokenUntil        string        // a day, by which it is revoked; "": nobody said
	TokenTTL          time.Duration // of a server: one that ends by itself is handed out in its place; 0: itself

	// AcceptUnauthenticated: a new vault may be sealed with RSA-OAEP.
	AcceptUnauthenticated bool

	// Of a rewrap: why, what is made anew besides, and the key that the vault
	// moves to, by the name that blobs will give it.
	Reason             string
	NewRoot, NewShares bool
	NewKeyRef          string
	NewGenerate        bool   // a missing one may be made
	OldKeyRef          string // of a retire: the key that is destroyed
	OtherToken         bool   // the new or old key is in another token than the vault's

	Proof      string // of a drill: what its holders prove
	CompareKey bool   // …and the HSM's recovery key is compared with the record
	Confirmed  string // …and what confirms the records whose shares are proven, "" if nothing does

	Accessor string // of a revoke-root: the token's

	Offline     bool // no network interface may be up
	GenerateKey bool // a missing wrapping key may be made in the HSM
	SignRecord  SignRecord
	SkipProof   bool
	API         bool // not a ceremony: a session of the API may do it
	UnsealKeys  bool // of a recovery rekey at a server with a Shamir seal: the new shares are of its unseal key
	Deep        bool // unseal: read every entry, not only core/

	People    []custodian.Person // in order: operator, witness, PIN holders, auditors, custodians
	Overrides []Override
	Values    []Value
	Warnings  []string // of files and PGP keys: they work, and yet

	Approvers []Approver
	Approvals int     // how many of them the plan demands
	Known     []Known // keys that earlier records have
	Earlier   bool    // there is an earlier record
	SignedBy  string  // the key in the HSM that signed it

	Anchor     bool   // the HSM keeps a note of the vault's state
	AdoptState string // why people answer for a state that the last ceremony did not leave; "": nobody does

	Recovery Recovery // of a recover: what stands in place of a quorum

	accepted []acceptance // by the plan's file
}

// Custodians returns the custodians: those who receive a share first, in the
// order of their numbers.
func (p *Plan) Custodians() []custodian.Person { return p.with(custodian.Custodian) }

// PINHolders returns who types a part of the PIN, in the order of the parts.
func (p *Plan) PINHolders() []custodian.Person { return p.with(custodian.PINHolder) }

func (p *Plan) with(role custodian.Role) []custodian.Person {
	var list []custodian.Person
	for _, who := range p.People {
		if who.Role == role {
			list = append(list, who)
		}
	}
	return list
}

// First returns the first person of a role.
func (p *Plan) First(role custodian.Role) (custodian.Person, bool) {
	if list := p.with(role); len(list) > 0 {
		return list[0], true
	}
	return custodian.Person{}, false
}

// Issues tells whether the ceremony hands out new recovery shares.
func (p *Plan) Issues() bool {
	return issues(p.Kind, p.NewShares)
}

// issuing are the ceremonies that always hand out new recovery shares.
var issuing = []vaultstate.Kind{vaultstate.Init, vaultstate.RecoveryRekey, vaultstate.Recover}

// issues tells whether a ceremony of a kind hands out new recovery shares: a
// rewrap may.
func issues(kind vaultstate.Kind, rewrapToo bool) bool {
	return slices.Contains(issuing, kind) || kind == vaultstate.Rewrap && rewrapToo
}

// mayIssue tells whether such a ceremony can hand out new recovery shares.
func (p *Plan) mayIssue() bool { return issues(p.Kind, true) }

// Replaces tells whether new recovery shares take the place of old ones.
func (p *Plan) Replaces() bool {
	return p.Issues() && p.Kind != vaultstate.Init
}

// NeedsQuorum tells whether recovery shares authorise the ceremony.
func (p *Plan) NeedsQuorum() bool {
	switch p.Kind {
	case vaultstate.Rekey, vaultstate.RecoveryRekey, vaultstate.ReEncrypt, vaultstate.GenerateRoot, vaultstate.Rewrap:
		return true
	case vaultstate.Rotate:
		return p.Server == nil // a server wants a token for it
	case Unseal:
		return p.Server != nil
	case Drill:
		return p.Proof == ProofQuorum
	case vaultstate.Init, vaultstate.Recover, Retire, RevokeRoot:
	}
	return false
}

// VaultName is short enough for the first row of a screen.
func (p *Plan) VaultName() string {
	if p.Practice {
		return "throw-away vault"
	}
	if p.Server != nil {
		return p.Server.Name()
	}
	return clean.Clean(filepath.Base(p.Storage))
}

// Text is the agreed plan, one value a line with its source.
func (p *Plan) Text() []string {
	lines := p.head(true)
	for _, w := range p.Warnings {
		lines = append(lines, "warning: "+clean.Clean(w))
	}
	lines = append(lines, p.people()...)
	for _, a := range p.Approved() {
		lines = append(lines, fmt.Sprintf("approved by %s: %s signature, SHA-256 %s, of the text with SHA-256 %s",
			clean.Clean(a.Name), a.Key.Kind, a.Approval.SHA256, a.Approval.Text))
	}
	for _, o := range p.Overrides {
		line := fmt.Sprintf("override %s: %s", clean.Clean(o.ID), clean.Clean(o.Sentence))
		if o.Why != "" {
			line += " Accepted: " + clean.Clean(o.Why)
		}
		lines = append(lines, line)
	}
	return lines
}

// head is what is done, where, and to whose keys.
func (p *Plan) head(day bool) []string {
	lines := []string{
		fmt.Sprintf("ceremony = %s (command)", p.Kind),
		fmt.Sprintf("id = %s", p.ID),
	}
	if p.Purpose != "" {
		lines = append(lines, fmt.Sprintf("purpose = %s", clean.Clean(p.Purpose)))
	}
	if p.Practice {
		lines = append(lines, "PRACTICE")
	}
	for _, v := range p.Values {
		if day || !v.Day {
			lines = append(lines, fmt.Sprintf("%s = %s (%s)", v.Name, clean.Clean(v.Text), clean.Clean(v.Source)))
		}
	}
	for i, k := range p.Keys {
		lines = append(lines, fmt.Sprintf("recovery-pgp-keys[%d] = %s", i+1, k.text()))
	}
	if p.WitnessKey != nil {
		lines = append(lines, "witness-pgp-key = "+p.WitnessKey.text())
	}
	if p.RootTokenKey != nil {
		lines = append(lines, "root-token-pgp-key = "+p.RootTokenKey.text())
	}
	return lines
}

// people are those of the room, and who approves by which key.
func (p *Plan) people() []string {
	var lines []string
	for _, who := range p.People {
		line := fmt.Sprintf("%s = %s", roleAndNumber(who), clean.Clean(who.Name))
		for _, more := range []struct{ word, text string }{{"of", who.Organisation}, {"reports to", who.ReportsTo}, {"keeps it at", who.Site}} {
			if more.text != "" {
				line += ", " + more.word + " " + clean.Clean(more.text)
			}
		}
		lines = append(lines, line)
	}
	for _, a := range p.Approvers {
		line := "approver = " + clean.Clean(a.Name)
		if a.Organisation != "" {
			line += ", of " + clean.Clean(a.Organisation)
		}
		lines = append(lines, fmt.Sprintf("%s, %s key %s, from %s, SHA-256 %s", line, a.Key.Kind, a.Key.ID, clean.Clean(a.File), a.SHA256))
	}
	return lines
}

// text names a key by its file, by whom it says that it is of, and by its
// fingerprint.
func (k *Key) text() string {
	of := "of nobody"
	if len(k.UserIDs) > 0 {
		of = "of " + k.UserIDs[0]
	}
	return fmt.Sprintf("%s, %s, fingerprint %s, file SHA-256 %s", clean.Clean(k.File), of, k.Fingerprint, k.SHA256)
}

func roleAndNumber(who custodian.Person) string {
	if who.Number > 0 {
		return fmt.Sprintf("%s %d", who.Role, who.Number)
	}
	return string(who.Role)
}

// Hash is the SHA-256 of Text, lines ended by a newline.
func (p *Plan) Hash() [sha256.Size]byte {
	return sha256.Sum256([]byte(strings.Join(p.Text(), "\n") + "\n"))
}

// HashHex is Hash in lower-case hex.
func (p *Plan) HashHex() string {
	h := p.Hash()
	return hex.EncodeToString(h[:])
}

// DefaultID is KC-2026-11-24-1602 (PR-… in practice): unique enough for a
// directory name, readable aloud.
func DefaultID(practice bool, now time.Time) string {
	prefix := "KC-"
	if practice {
		prefix = "PR-"
	}
	return prefix + now.UTC().Format("2006-01-02-150405")
}
