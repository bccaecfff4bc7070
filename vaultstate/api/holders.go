package api

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"time"

	"conclave/vaultstate"
	"conclave/vaultstate/barrier"
	"conclave/vaultstate/pgp"
)

// errSingle is rule S2, as the reason beside a server's words.
var errSingle = vaultstate.ErrSingleValue.Error() + ": its shares, threshold and stored shares are 1, or not said"

// counts refuses new recovery shares that no vault can have, in a server's words.
// It returns their PGP keys, each of which was encrypted to on trial. None at all
// is refused last at an init, where some servers take that.
func counts(kind vaultstate.Kind, shares, threshold int, texts []string, now time.Time) ([][]byte, error) {
	cfg := barrier.NewRecoveryConfig(shares, threshold)
	cfg.PGPKeys = texts
	var keys [][]byte
	var read []pgp.Key
	trial := func(bin []byte) error {
		k, err := usable(fmt.Sprintf("of share %d", len(keys)+1), bin, now)
		keys, read = append(keys, bin), append(read, k)
		return err
	}
	var err error
	if kind == vaultstate.Init {
		err = cfg.ValidateBase(nil)
	}
	if err == nil {
		err = cfg.Validate(trial)
	}
	if err == nil && len(pgp.Duplicates(read)) > 0 {
		err = errors.New("one PGP key is named for several shares: whoever has it would hold them all")
	}
	return keys, err
}

// usable reads a PGP key and encrypts to it on trial.
func usable(name string, bin []byte, now time.Time) (pgp.Key, error) {
	k, err := pgp.Read(name, bin)
	if err != nil {
		return k, err
	}
	for _, f := range k.Preflight(now, time.Time{}) {
		if f.Level == pgp.LevelError {
			return k, errors.New(f.Text)
		}
	}
	return k, nil
}

// tokenKey reads the PGP key for a root token, base64 as the API has it.
func tokenKey(text string, now time.Time) ([]byte, error) {
	bin, err := base64.StdEncoding.DecodeString(text)
	if err == nil {
		_, err = usable("of the root token", bin, now)
	}
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "error parsing PGP key: "+plain(err))
	}
	return bin, nil
}

// plainShares refuses shares without PGP keys, unless the session allows them.
func (s *Server) plainShares(keys [][]byte, name string) error {
	if len(keys) > 0 || s.o.Plain {
		return nil
	}
	return refuse(http.StatusBadRequest, fmt.Sprintf("%s is needed: one process would receive all shares, and nobody knows whose it is. Conclave allows that with -allow-plain-shares", name))
}

// fingerprint is that of a key which was read before.
func fingerprint(bin []byte) string {
	k, err := pgp.Read("of the root token", bin)
	if err != nil {
		return ""
	}
	return k.Fingerprint
}
