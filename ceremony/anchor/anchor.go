// Package anchor is the note that a vault's HSM keeps of it, where putting back
// an older copy of the storage does not reach: which keys the last ceremony
// left, its number, and the head of its record.
//
// The note is a private data object in the token (CKA_APPLICATION "conclave",
// CKA_LABEL from Label), one for each wrapping key: a key stands for one vault.
// Its value is one JSON object of at most MaxSize bytes without line breaks,
// with the members of Anchor; there is no secret in it.
//
// It is written when a run has compared it, with the state as it was found: so
// one that is stopped or cut off afterwards is known to the next. And it is
// written twice around a change: before it with the state that is to come as
// Next, after it with that state as Now. So a ceremony that was cut off between
// the two is told from an older state that was put back.
//
// It promises no more than the token does: whoever can log in can change the
// note, as they can use the key.
package anchor

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// MaxSize is how long an encoded Anchor may be.
const MaxSize = 1536

const (
	format  = 1
	mostOld = 12 // keys of states that were replaced
	shortly = 16 // of their digests, in hex digits
	maxText = 130
)

// ErrForm says that a value is no anchor.
var ErrForm = errors.New("it is not an anchor")

// Label is the CKA_LABEL of the object for a wrapping key, "label:id".
func Label(key string) string { return "conclave anchor of " + key }

// Anchor is what the token keeps.
type Anchor struct {
	Format   int    `json:"format"`
	Revision int    `json:"revision"` // counts its writings; of two, the higher is the later
	Now      State  `json:"now"`
	Next     *State `json:"next,omitempty"` // what a commit that began was to leave

	// The first digits of the digests of recovery and root keys that were
	// replaced, oldest first.
	Old []string `json:"old,omitempty"`
}

// State is what a ceremony left, or found, if it got no further.
type State struct {
	Sequence    int    `json:"sequence"` // of the vault's ceremonies
	Ceremony    string `json:"ceremony"` // its id
	Key         string `json:"key"`      // the wrapping key, "label:id": another one after a rewrap
	RecoveryKey string `json:"recovery_key"`
	RootKey     string `json:"root_key"`
	Term        uint32 `json:"term"` // the active one
	// Of the record, when this was written: how many events, and the SHA-256 of
	// the last line. An event "anchor" follows in the record that says the same.
	Events uint64 `json:"events"`
	Head   string `json:"head"`
}

// sameKeys tells whether two states have the same keys.
func (s State) sameKeys(o State) bool {
	return s.RecoveryKey == o.RecoveryKey && s.RootKey == o.RootKey
}

// Encode forgets the oldest keys where they do not fit.
func (a Anchor) Encode() ([]byte, error) {
	a.Format = format
	a.Old = slices.Clone(a.Old[max(0, len(a.Old)-mostOld):])
	for {
		if err := a.check(); err != nil {
			return nil, fmt.Errorf("encoding the anchor: %w", err)
		}
		b, err := json.Marshal(a)
		if err != nil {
			return nil, fmt.Errorf("encoding the anchor: %w", err)
		}
		switch {
		case len(b) <= MaxSize:
			return b, nil
		case len(a.Old) == 0:
			return nil, fmt.Errorf("encoding the anchor: it takes %d bytes, and has %d", len(b), MaxSize)
		}
		a.Old = a.Old[1:]
	}
}

// Decode takes nothing that Encode would not have written.
func Decode(b []byte) (Anchor, error) {
	var a Anchor
	if len(b) > MaxSize {
		return a, fmt.Errorf("%w: %d bytes", ErrForm, len(b))
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&a); err != nil {
		return Anchor{}, fmt.Errorf("%w: %w", ErrForm, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Anchor{}, fmt.Errorf("%w: something follows the object", ErrForm)
	}
	if err := a.check(); err != nil {
		return Anchor{}, err
	}
	if again, err := a.Encode(); err != nil || !bytes.Equal(again, b) {
		return Anchor{}, fmt.Errorf("%w: it is written in another way", ErrForm)
	}
	return a, nil
}

func (a Anchor) check() error {
	states := []State{a.Now}
	if a.Next != nil {
		states = append(states, *a.Next)
	}
	for _, s := range states {
		switch {
		case s.Sequence < 0 || s.Ceremony == "" || len(s.Ceremony) > maxText || s.Key == "" || len(s.Key) > maxText:
			return fmt.Errorf("%w: a state without number, ceremony or key", ErrForm)
		case !isDigest(s.RecoveryKey) || !isDigest(s.RootKey) || !isDigest(s.Head):
			return fmt.Errorf("%w: a digest is none", ErrForm)
		}
	}
	for _, o := range a.Old {
		if _, err := hex.DecodeString(o); err != nil || len(o) != shortly {
			return fmt.Errorf("%w: an old key is none", ErrForm)
		}
	}
	if a.Format != format || a.Revision < 1 || len(a.Old) > mostOld {
		return fmt.Errorf("%w: format %d, revision %d, %d old keys", ErrForm, a.Format, a.Revision, len(a.Old))
	}
	return nil
}

// isDigest takes "" for a key that a vault does not have.
func isDigest(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && (len(b) == 32 || s == "")
}

// Latest is the later one of the values that a token keeps under one label:
// there are two where a writing was cut off. ok is false if there is none.
func Latest(values [][]byte) (a Anchor, ok bool, err error) {
	for _, v := range values {
		one, err := Decode(v)
		if err != nil {
			return Anchor{}, false, err
		}
		if !ok || one.Revision > a.Revision {
			a, ok = one, true
		}
	}
	return a, ok, nil
}
