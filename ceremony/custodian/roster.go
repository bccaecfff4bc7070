// Package custodian knows the people of a ceremony and, from the records of
// earlier ones, who holds which share.
//
// A Roster is derived: Derive reads the transcripts of a vault, oldest first,
// and roster.json is what it made of them, so that people can read it. A later
// ceremony derives it anew and compares. It holds no secret: shares are known
// by their fingerprints, keys by their digests.
//
// A Roster is as good as the transcripts: whoever can change those can change
// it. Unless their head was compared with one that was kept elsewhere it gives
// hints only; nobody is to destroy a share on its word.
package custodian

import (
	"encoding/hex"
	"slices"
	"time"
)

// The states of a set of shares.
const (
	Pending  = "pending"  // issued; the ceremony has not committed
	Valid    = "valid"    // the shares of the recovery key
	Replaced = "replaced" // a later set took its place
	Void     = "void"     // never counted, or was undone
)

// Holding is one share in one person's hands.
type Holding struct {
	Number      int    `json:"number"`
	Custodian   string `json:"custodian"`
	Fingerprint string `json:"fingerprint"` // of the share in its set, hex
	PGP         string `json:"pgp"`         // fingerprint of the key that it was encrypted to; "" if it was shown
	File        string `json:"file"`        // the encrypted share in the ceremony's directory
	SHA256      string `json:"sha256"`      // of that file
	Proven      string `json:"proven"`      // when its holder last proved it, UTC; "" if never
	// What records say since they have it; "" before.
	Organisation string `json:"organisation,omitempty"` // of its holder
	Subkey       string `json:"subkey,omitempty"`       // fingerprint of the key within PGP that decrypts it
	Challenged   string `json:"challenged,omitempty"`   // when a challenge to that key was answered by decrypting it, UTC
	Delivered    string `json:"delivered,omitempty"`    // when it was shown, or its file handed over, UTC
	// When its holder took it and its duties, UTC; "" if never, or before records said so.
	Acknowledged string `json:"acknowledged,omitempty"`

	Set      string `json:"-"`
	Replaced bool   `json:"-"` // its set is not the valid one
}

// Set is one issue of shares.
type Set struct {
	ID        string    `json:"id"`
	Ceremony  string    `json:"ceremony"` // that issued it
	Issued    string    `json:"issued"`   // UTC
	State     string    `json:"state"`
	Ended     string    `json:"ended"` // the ceremony that replaced or voided it, or ""
	Shares    int       `json:"shares"`
	Threshold int       `json:"threshold"`
	Holdings  []Holding `json:"holdings"` // by number
}

// Roster is what the records of a vault say of it after the last one.
type Roster struct {
	Format   int    `json:"format"`
	Practice bool   `json:"practice"`
	Vault    string `json:"vault"`
	Ceremony string `json:"ceremony"` // id of the last
	Kind     string `json:"kind"`     // of the last: "init", "rekey", …
	Outcome  string `json:"outcome"`  // of the last: "closed", "aborted" or "interrupted"
	Ended    string `json:"ended"`    // time of its last event, UTC
	Sequence int    `json:"sequence"` // of the last, counted from the vault's first
	Head     string `json:"head"`     // of the last transcript

	// A running server's name of what an interrupted ceremony left pending there;
	// left out where there is nothing of the kind.
	Nonce string `json:"nonce,omitempty"`

	Storage         string   `json:"storage"` // digests of the state that the last one left or found
	RecoveryKey     string   `json:"recovery_key"`
	RootKey         string   `json:"root_key"`
	Terms           []string `json:"terms"`
	SealKey         string   `json:"seal_key"`
	HSM             string   `json:"hsm,omitempty"`     // serial of the token that the last ceremony used, drills of a backup aside
	OldRecoveryKeys []string `json:"old_recovery_keys"` // replaced, oldest first
	OldRootKeys     []string `json:"old_root_keys"`
	OldSealKeys     []string `json:"old_seal_keys,omitempty"` // HSM keys that the vault was wrapped with, not known to be destroyed

	// The key in the HSM that signs the records, as its line for signed notes, and
	// those before it; left out where no record names one.
	SigningKey     string   `json:"signing_key,omitempty"`
	OldSigningKeys []string `json:"old_signing_keys,omitempty"`

	// What the HSM keeps of the vault: for which wrapping key, and the ceremony
	// and the head of its record that it names. Records have it where there is one.
	Anchor         string `json:"anchor,omitempty"`
	AnchorCeremony string `json:"anchor_ceremony,omitempty"`
	AnchorHead     string `json:"anchor_head,omitempty"`
	// A ceremony that it named and whose record was not given; "" once people have
	// answered for that.
	AnchorMissing string `json:"anchor_missing,omitempty"`

	Sets   []Set   `json:"sets"`   // oldest first
	Tokens []Token `json:"tokens"` // root tokens, oldest first

	// Who approved plans, by which key, oldest first. Records have it since there
	// are approvals.
	Approvers []Approval `json:"approvers,omitempty"`

	// Sets that were put in place without a quorum, oldest first.
	Recreated []Recreation `json:"recreated,omitempty"`
}

// Approval is a key by which somebody approved a plan.
type Approval struct {
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	Key      string `json:"key"`
	Ceremony string `json:"ceremony"` // the last that was approved by it
}

// Revoked is the fate of a token that is gone.
const Revoked = "revoked"

// Token is a root token that a ceremony made.
type Token struct {
	Accessor string `json:"accessor"`
	Ceremony string `json:"ceremony"`
	Receiver string `json:"receiver"`
	Fate     string `json:"fate"`
	// As the plan has it; "" where nobody said, or in older records.
	Purpose string `json:"purpose,omitempty"`
	Until   string `json:"until,omitempty"` // a day, by which it is revoked
}

// ValidSet is the set whose shares are of the vault's recovery key.
func (r *Roster) ValidSet() (Set, bool) {
	for _, s := range r.Sets {
		if s.State == Valid {
			return s, true
		}
	}
	return Set{}, false
}

// Match tells whose share it is. fp gives the share's fingerprint in a set; it
// is asked for every set, the newest first.
func (r *Roster) Match(fp func(set string) [32]byte) (Holding, bool) {
	for _, s := range slices.Backward(r.Sets) {
		got := fp(s.ID)
		want := hex.EncodeToString(got[:])
		for _, h := range s.Holdings {
			if h.Fingerprint == want {
				h.Set, h.Replaced = s.ID, s.State != Valid
				return h, true
			}
		}
	}
	return Holding{}, false
}

// stamp is how a Roster writes times.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
