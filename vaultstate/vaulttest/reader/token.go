package reader

import (
	"crypto/hmac"
	"crypto/sha1" // #nosec G505 -- the servers' own name for an accessor
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Accessor reads the accessor from a token's entry.
func (s *State) Accessor(token []byte) (string, error) {
	entry, err := s.tokenEntry(token)
	if err != nil {
		return "", err
	}
	var e struct{ Accessor string }
	err = json.Unmarshal(entry, &e)
	return e.Accessor, err
}

func (s *State) tokenEntry(token []byte) ([]byte, error) {
	salt, err := s.Entry("sys/token/salt")
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, salt)
	mac.Write(token)
	return s.Entry("sys/token/id/h" + hex.EncodeToString(mac.Sum(nil)))
}

// RootToken looks a root token up as a server does, and the accessor back.
func (s *State) RootToken(token []byte, accessor string) error {
	salt, err := s.Entry("sys/token/salt")
	if err != nil {
		return err
	}
	entry, err := s.tokenEntry(token)
	if err != nil {
		return err
	}
	var e struct {
		ID, Accessor, Path string
		Type               int
		Policies           []string
		TTL                int    `json:"ttl"`
		CreationTime       int64  `json:"creation_time"`
		NamespaceID        string `json:"namespace_id"`
		CubbyholeID        string `json:"cubbyhole_id"`
		DisplayName        string `json:"display_name"`
	}
	if err := json.Unmarshal(entry, &e); err != nil {
		return fmt.Errorf("the token's entry: %w", err)
	}
	if e.ID != string(token) || e.Accessor != accessor || e.Path != "auth/token/root" || e.Type != 1 ||
		len(e.Policies) != 1 || e.Policies[0] != "root" || e.TTL != 0 || e.NamespaceID != "root" ||
		e.DisplayName != "root" || len(e.CubbyholeID) != 24 || time.Unix(e.CreationTime, 0).Before(time.Unix(1_700_000_000, 0)) {
		return errors.New("the token's entry says something else")
	}
	sum := sha1.Sum(append(salt, accessor...)) // #nosec G401 -- see above
	entry, err = s.Entry("sys/token/accessor/" + hex.EncodeToString(sum[:]))
	if err != nil {
		return err
	}
	var a struct {
		TokenID     string `json:"token_id"`
		AccessorID  string `json:"accessor_id"`
		NamespaceID string `json:"namespace_id"`
	}
	if err := json.Unmarshal(entry, &a); err != nil {
		return fmt.Errorf("the accessor's entry: %w", err)
	}
	if a.TokenID != string(token) || a.AccessorID != accessor || a.NamespaceID != "root" {
		return errors.New("the accessor's entry says something else")
	}
	return nil
}
