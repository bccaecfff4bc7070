// Package vaultstate is the contract of a vault: what a ceremony acts on,
// whether it is a storage directory with an HSM (vaultstate/local) or a running
// server (vaultstate/server).
//
// One pass serves every operation: Begin, Submit, Take, Verify, Commit, and
// Cancel at any point before Commit. Whoever implements Vault promises:
//
//   - a call that is refused changes nothing;
//   - nothing that people hold counts before Commit: the old shares stay valid
//     until then;
//   - Take a second time, and Cancel after Commit, are errors (ErrTaken,
//     ErrCommitted);
//   - after a lost answer every call says what is so, it does not guess.
//
// Shares, thresholds and digests here are public facts. Only Issue and the
// arguments of Submit and Verify hold secrets.
package vaultstate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"conclave/hsm/secret"
)

// Kind names an operation.
type Kind string

// The operations.
const (
	Init          Kind = "init"
	Rekey         Kind = "rekey"          // a new root key
	RecoveryRekey Kind = "recovery-rekey" // a new recovery key and shares
	Rotate        Kind = "rotate"         // a new data encryption key
	GenerateRoot  Kind = "generate-root"  // a root token
	Rewrap        Kind = "rewrap"         // another wrapping key in the HSM, or another HSM
	ReEncrypt     Kind = "re-encrypt"     // every entry under the newest data encryption key, the older ones dropped
	Recover       Kind = "recover"        // a new recovery key and shares, where the old shares are lost: no quorum
)

// ID names one pending operation: the ceremony's id.
type ID string

// Operation is what is asked of a vault. Zero fields mean "not part of it".
type Operation struct {
	ID   ID
	Kind Kind

	// Of the new recovery shares (init, recovery rekey, recover, a rewrap with new
	// shares).
	Shares, Threshold int
	PGPKeys           [][]byte // binary public keys, one a share in share order; nil: plain shares
	SkipProof         bool     // Commit without every share proven: an override, recorded above

	// Of a root token (init: optional; generate-root: always made).
	RootToken       bool
	RootTokenPGPKey []byte // binary public key; nil: shown
	// Of a generate-root at a server: not the root token is handed out but one with
	// its policy that lives so long, and the root token is revoked. 0: itself.
	RootTokenTTL time.Duration

	// The people agreed already, so the server may do it when the quorum is in: a
	// wrong quorum shows in Submit then. Only a Remote heeds it.
	AtOnce bool

	// Of a rewrap: a new root key, too.
	NewRoot bool

	// Rotate and the others leave the rest of the state as it is.
}

// Phase is where a pending operation stands.
type Phase string

// The phases, in order. An operation that issues nothing goes from Authority
// to Ready.
const (
	PhaseAuthority Phase = "authority" // the quorum is still to be submitted
	PhaseIssue     Phase = "issue"     // staged; the issue waits for Take
	PhaseProof     Phase = "proof"     // shares are out and being proven
	PhaseReady     Phase = "ready"     // Commit may be called
	PhaseCommitted Phase = "committed"
)

// Progress is what is known of a pending operation. It holds no secret and goes
// into the transcript as it is.
type Progress struct {
	ID    ID
	Kind  Kind
	Phase Phase

	Needed int   // shares of authority that are needed
	Wrong  []int // of the last Submit: indexes of shares shown to be wrong

	Shares, Threshold int      // of the new set
	PGP               []string // fingerprints of the keys it goes to, in share order
	Set               string   // the new set's id, hex
	Proven            []int    // share numbers (from 1) that were proven
	SealKeyID         string   // of a rewrap that is staged: what its new state is wrapped with

	// Of a re-encrypt that is staged: the longest time to live that a batch token
	// of an older term can have.
	BatchLife time.Duration

	Counts bool   // a server did it already: Commit only asks
	State  Digest // digest of the state that the operation starts from
	Staged *State // what Commit will make the vault's state; nil before it is staged, and where nothing of it changes
	Nodes  []Node // of a server's unseal: one a node
}

// Node is one server's answer.
type Node struct {
	Address string
	Sealed  bool
	Err     string
}

// Issue is what people receive, once. The caller owns it and wipes it.
type Issue struct {
	Set    string // the set's id, hex
	Shares []IssuedShare
	Token  *IssuedToken
}

// IssuedShare is one new recovery share. Either Plain or Encrypted is set.
type IssuedShare struct {
	Number      int          // from 1
	Plain       secret.Bytes // the raw share: y-values, then the x-coordinate
	Encrypted   []byte       // a binary OpenPGP message with the share's hex text
	PGP         string       // fingerprint of the key that Encrypted is for
	Fingerprint Digest       // of the share in its set; not secret
}

// IssuedToken is a root token. Either Plain or Encrypted is set.
type IssuedToken struct {
	Plain     secret.Bytes
	Encrypted []byte
	PGP       string
	Accessor  string // not secret
}

// Wipe wipes every secret of the issue.
func (i *Issue) Wipe() {
	if i == nil {
		return
	}
	for _, s := range i.Shares {
		s.Plain.Wipe()
	}
	if i.Token != nil {
		i.Token.Plain.Wipe()
	}
}

// Outcome is what Commit did and how it was checked.
type Outcome struct {
	Kind          Kind
	Before, After State
	Checks        []Check
	Rollback      string    // where the old state is kept; "" if there is none
	Committed     time.Time // of the swap
}

// Check is one thing that was verified, in a sentence.
type Check struct {
	Text string
	OK   bool
	Took time.Duration
}

// State is a vault's state in public facts, before or after an operation.
type State struct {
	Storage           Digest     // of core/, see local.CoreDigest
	Shares, Threshold int        // of the recovery key
	RecoveryKey       Digest     // KeyDigest("recovery-key", …)
	RootKey           Digest     // KeyDigest("root-key", …)
	Terms             []TermInfo // ascending; the last is active
	SealKeyID         string     // "label:id" as the blobs say
	SealHMACKeyID     string     // likewise; "" where there is none
	Mechanism         string     // CKM name
}

// TermInfo is one data encryption key.
type TermInfo struct {
	Term      uint32
	Installed time.Time
	Digest    Digest // KeyDigest("term-key", …)
}

// Status is what a vault says of itself to anybody: no PIN, no change.
type Status struct {
	Kind        string // "local" or "server"
	Name        string // storage directory or address
	Initialized bool
	SealType    string // "pkcs11", "shamir"
	Sealed      string // "yes", "no", or "opened by the HSM" for a local vault
	Shares      int    // recovery
	Threshold   int
	SealKeyID   string // "label:id"
	// How the stored keys are wrapped, as their blob says: CKM name, and the HMAC
	// key's "label:id" where there is one.
	SealMechanism, SealHMACKeyID string

	Storage  Digest // of core/
	Pending  []Leftover
	Warnings []string // sentences
	Can      Capabilities
}

// Leftover is a staged set, a rollback copy or rubble of an earlier ceremony.
type Leftover struct {
	ID      ID
	Kind    Kind
	State   string // "staged", "rollback", "broken"; at a server "pending", and ID is its nonce
	Set     string // of staged shares: void once removed
	Path    string
	Made    time.Time
	Text    string // a sentence: what it is and what can be done
	CanUndo bool   // a rollback copy that may still be swapped back
}

// Capabilities lets step tables ask for what a vault can do, never for a brand.
type Capabilities struct {
	ProveAll  bool // every share can be proven before Commit
	Rollback  bool // the old state is kept after Commit
	InitToken bool // init can make a root token
	Offline   bool // it is changed with the server stopped
}

// Vault is what a ceremony acts on.
type Vault interface {
	Status(ctx context.Context) (Status, error)
	// Begin registers the operation. Nothing is required of an init or a recover:
	// its issue is ready (PhaseIssue) when Begin returns. Whose authority a recover
	// rests on is for the ceremony to ask.
	Begin(ctx context.Context, op Operation) (Progress, error)
	// Progress says what is pending, and is asked before every use of a share.
	Progress(ctx context.Context, id ID) (Progress, error)
	// Submit hands over the whole quorum. The shares stay the caller's. On a
	// wrong quorum the error is a *QuorumError and the operation stands.
	Submit(ctx context.Context, id ID, quorum []secret.Bytes) (Progress, error)
	// Take returns the new shares or the token, once.
	Take(ctx context.Context, id ID) (*Issue, error)
	// Verify proves one of the new shares: it keeps a copy until all are in.
	// The share that completes the set proves them together; if they do not
	// combine, the error is a *QuorumError over the share numbers.
	Verify(ctx context.Context, id ID, number int, share secret.Bytes) (Progress, error)
	Commit(ctx context.Context, id ID) (Outcome, error)
	Cancel(ctx context.Context, id ID) error
}

// Opener opens a vault without changing it: the unseal ceremony of a local
// vault. progress may be nil; total is 0 while it is not known.
type Opener interface {
	Open(ctx context.Context, deep bool, progress func(done, total int)) (State, []Check, error)
}

// Tester tells whether shares make the recovery key: nil if they do, a
// *QuorumError if not. It names the wrong ones if the others are enough, where that
// can be known. A local vault does it without a change; a server has to make a root
// token for it, and revokes it.
type Tester interface {
	Test(ctx context.Context, shares []secret.Bytes) error
}

// Rollbacker puts the state from before a commit back, or removes it.
type Rollbacker interface {
	// Rollback swaps the old state back. It is refused (ErrChanged) unless the
	// live state is still the committed one.
	Rollback(ctx context.Context, id ID) (State, error)
	// Retire removes what a ceremony left: a rollback copy or a staged set.
	Retire(ctx context.Context, id ID) (Leftover, error)
}

// Revoker takes a root token out of a vault whose server is stopped.
type Revoker interface {
	// RootToken is when the root token of an accessor was made. ErrNoToken: the
	// vault has none.
	RootToken(ctx context.Context, accessor string) (time.Time, error)
	// RevokeRoot removes the token's entries and looks for them again; a second
	// call after one that failed goes on. Tokens that were made with it are not
	// revoked: the checks say how many there are.
	RevokeRoot(ctx context.Context, accessor string) ([]Check, error)
}

// Sealed is an entry that the HSM wrapped, or a place that could hide one.
type Sealed struct {
	Where                string // entry or directory
	SealKeyID, HMACKeyID string // "label:id", as the blob says; "" if nobody can say
	Mechanism            string
	Live                 bool // not of a staged or kept state
}

// Sealer lists all that a wrapping key is needed for, before one is destroyed.
type Sealer interface {
	Sealed(ctx context.Context) ([]Sealed, error)
}

// Digest is a SHA-256.
type Digest [sha256.Size]byte

// String is lower-case hex, "" for the zero digest.
func (d Digest) String() string {
	if d == (Digest{}) {
		return ""
	}
	return hex.EncodeToString(d[:])
}

// KeyDigest is SHA-256("conclave/" ‖ what ‖ "/v1" ‖ 0 ‖ key), the public name of
// a key of 256 unknown bits. what is "recovery-key", "root-key" or "term-key".
func KeyDigest(what string, key secret.Bytes) Digest {
	var d Digest
	secret.Do(func() {
		h := sha256.New()
		h.Write([]byte("conclave/" + what + "/v1\x00"))
		h.Write(key.Expose())
		h.Sum(d[:0])
	})
	return d
}
