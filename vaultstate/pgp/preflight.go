package pgp

import (
	"errors"
	"fmt"
	"time"

	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"conclave/hsm/secret"
)

// Level is how grave a finding is.
type Level string

// The levels. With an error nothing may be encrypted to the key.
const (
	LevelError   Level = "error"
	LevelWarning Level = "warning"
	LevelInfo    Level = "info"
)

// Finding is one sentence about a key.
type Finding struct {
	Level Level
	Text  string
}

const (
	weakRSA = 3072 // below it a warning; below 2048 refused
	day     = "2006-01-02"
)

// Preflight says what speaks against encrypting to the key now and being able to
// do so again until then (zero: no date). It encrypts once on trial.
func (k Key) Preflight(now, until time.Time) []Finding {
	var found []Finding
	add := func(level Level, format string, a ...any) {
		found = append(found, Finding{level, fmt.Sprintf(format, a...)})
	}
	e, err := parse(k.Binary)
	if err != nil {
		add(LevelError, "The key cannot be read: %v.", err)
		return found
	}
	used, err := e.EncryptionKeyWithError(now, config(now))
	if err != nil {
		add(LevelError, "Nothing can be encrypted to this key: %s.", k.why(e, err, now))
		return found
	}
	if err := k.trial(now); err != nil {
		add(LevelError, "A trial encryption to this key failed: %v.", err)
		return found
	}
	if bits, err := used.PublicKey.BitLength(); err == nil && isRSA(used.PublicKey) && bits < weakRSA {
		add(LevelWarning, "RSA with %d bits is weak for a share that lives for years; %d or more are better.", bits, weakRSA)
	}
	if end := expires(e, used); !end.IsZero() && !until.IsZero() && end.Before(until) {
		add(LevelWarning, "The key expires on %s, before %s: nothing can be encrypted to it then, but what is encrypted now can still be read.",
			end.Format(day), until.UTC().Format(day))
	}
	if len(k.UserIDs) == 0 {
		add(LevelWarning, "The key names nobody.")
	}
	add(LevelInfo, "A revocation counts only if it is in the file.")
	return found
}

func (k Key) trial(now time.Time) error {
	probe := secret.New(66)
	defer probe.Wipe()
	_, err := k.encrypt(probe, now)
	return err
}

// why puts the library's reason into words. Its own texts hold key ids and raw
// algorithm numbers.
func (k Key) why(e *openpgp.Entity, err error, now time.Time) string {
	reason := err
	var selection pgperrors.ErrEncryptionKeySelection
	var byPointer *pgperrors.ErrEncryptionKeySelection
	if errors.As(err, &byPointer) {
		selection = *byPointer
	}
	if byPointer != nil || errors.As(err, &selection) {
		reason = selection.EncSelectionErr
		if selection.PrimaryKeyErr != nil {
			reason = selection.PrimaryKeyErr
		}
	}
	var weak pgperrors.WeakAlgorithmError
	switch {
	case e.PrimaryKey.CreationTime.After(now):
		return "it is made in the future, on " + e.PrimaryKey.CreationTime.UTC().Format(day) + "; is the clock right?"
	case errors.Is(reason, pgperrors.ErrKeyExpired):
		if !k.Expires.IsZero() {
			return "it expired on " + k.Expires.Format(day)
		}
		return "it has expired"
	case errors.Is(reason, pgperrors.ErrKeyRevoked):
		return "it is revoked"
	case errors.As(reason, &weak):
		return weakness(e)
	case len(e.Identities) == 0 || selection.PrimaryKeyErr != nil:
		return "it does not sign any user ID"
	}
	return "it has no subkey for encryption"
}

// weakness names what is too weak: the primary key, or the subkeys.
func weakness(e *openpgp.Entity) string {
	list := []*packet.PublicKey{e.PrimaryKey}
	for _, s := range e.Subkeys {
		list = append(list, s.PublicKey)
	}
	for _, p := range list {
		bits, err := p.BitLength()
		switch {
		case p.PubKeyAlgo == packet.PubKeyAlgoDSA || p.PubKeyAlgo == packet.PubKeyAlgoElGamal:
			return algorithm(p) + " is refused: DSA and ElGamal are no longer safe to use"
		case isRSA(p) && (err != nil || bits < 2048):
			return algorithm(p) + " is too weak; 2048 bits are the least, 3072 or more are better"
		}
	}
	return "its algorithm is refused as weak"
}

func isRSA(k *packet.PublicKey) bool {
	switch k.PubKeyAlgo { //nolint:exhaustive // all others are not RSA
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSAEncryptOnly, packet.PubKeyAlgoRSASignOnly:
		return true
	}
	return false
}
