package server

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"conclave/hsm/secret"
)

// errAnswer does not quote the answer: it may hold secrets.
var errAnswer = errors.New("the answer is not what this API says")

// text is a string of an answer that is secret. It is copied straight from the
// body, which lies in locked memory, to locked memory: encoding/json hands the
// part of the body itself.
type text struct{ secret.Bytes }

// UnmarshalJSON takes a string without escapes, which keys and tokens are.
func (t *text) UnmarshalJSON(quoted []byte) error {
	t.Wipe()
	if string(quoted) == "null" {
		return nil
	}
	if len(quoted) < 2 || quoted[0] != '"' {
		return errAnswer
	}
	inner := quoted[1 : len(quoted)-1]
	for _, b := range inner {
		if b == '\\' || b < ' ' || b > '~' {
			return errAnswer
		}
	}
	t.Bytes = secret.New(len(inner))
	secret.Copy(t.Expose(), inner)
	return nil
}

func wipeTexts(list []text) {
	for _, t := range list {
		t.Wipe()
	}
}

// unhex decodes the hex text of a share.
func (t text) unhex() (secret.Bytes, error) {
	b := secret.New(t.Len() / 2)
	if _, err := hex.Decode(b.Expose(), t.Expose()); err != nil || b.Len() == 0 {
		b.Wipe()
		return secret.Bytes{}, errAnswer
	}
	return b, nil
}

// decode reads an answer into a struct. Newer endpoints have all but the
// request's id in "data".
func decode(a Answer, inData bool, to any) error {
	if inData {
		w := struct {
			Data any `json:"data"`
		}{to}
		if json.Unmarshal(a.Body.Expose(), &w) != nil || w.Data == nil {
			return errAnswer
		}
		return nil
	}
	if json.Unmarshal(a.Body.Expose(), to) != nil {
		return errAnswer
	}
	return nil
}

func requestID(a Answer) string {
	var id struct {
		RequestID string `json:"request_id"`
	}
	if a.Body.Len() == 0 || json.Unmarshal(a.Body.Expose(), &id) != nil {
		return ""
	}
	return id.RequestID
}

// sealStatus is sys/seal-status. Under an HSM seal n, t and progress are of the
// recovery shares.
type sealStatus struct {
	Type         string `json:"type"`
	Initialized  bool   `json:"initialized"`
	Sealed       bool   `json:"sealed"`
	T            int    `json:"t"`
	N            int    `json:"n"`
	Progress     int    `json:"progress"`
	Nonce        string `json:"nonce"`
	Version      string `json:"version"`
	ClusterName  string `json:"cluster_name"`
	ClusterID    string `json:"cluster_id"`
	RecoverySeal bool   `json:"recovery_seal"`
}

type initialized struct {
	Initialized *bool `json:"initialized"`
}

type leader struct {
	HAEnabled bool   `json:"ha_enabled"`
	IsSelf    bool   `json:"is_self"`
	Address   string `json:"leader_address"`
}

type initAnswer struct {
	Keys         []text `json:"keys"`
	RecoveryKeys []text `json:"recovery_keys"`
	RootToken    text   `json:"root_token"`
}

func (a *initAnswer) wipe() {
	wipeTexts(a.Keys)
	wipeTexts(a.RecoveryKeys)
	a.RootToken.Wipe()
}

// pending is what rekey, rotate and generate-root say of an operation, at any
// point of it.
type pending struct {
	Nonce                string   `json:"nonce"`
	Started              bool     `json:"started"`
	T                    int      `json:"t"`
	N                    int      `json:"n"`
	Progress             int      `json:"progress"`
	Required             int      `json:"required"`
	PGP                  []string `json:"pgp_fingerprints"`
	Backup               bool     `json:"backup"`
	VerificationRequired bool     `json:"verification_required"`
	VerificationNonce    string   `json:"verification_nonce"`
	Complete             bool     `json:"complete"`
	Keys                 []text   `json:"keys"`

	// Of generate-root.
	TokenPGP     string `json:"pgp_fingerprint"`
	EncodedToken text   `json:"encoded_token"`
	OTPLength    int    `json:"otp_length"`
}

func (p *pending) wipe() {
	wipeTexts(p.Keys)
	p.EncodedToken.Wipe()
}

type keyStatus struct {
	Term      uint32    `json:"term"`
	Installed time.Time `json:"install_time"`
}

// tokenInfo is auth/token/lookup-self. It has the token itself in "id", which is
// not taken from the body.
type tokenInfo struct {
	Accessor     string   `json:"accessor"`
	Policies     []string `json:"policies"`
	CreationTime int64    `json:"creation_time"`
	TTL          int64    `json:"ttl"`
}

// decodeToken undoes the one-time pad of generate-root: base64 without padding,
// then exclusive or.
func decodeToken(encoded, otp secret.Bytes) (secret.Bytes, error) {
	n := base64.RawStdEncoding.DecodedLen(encoded.Len())
	token := secret.New(n)
	m, err := base64.RawStdEncoding.Decode(token.Expose(), encoded.Expose())
	if err != nil || m != n || n != otp.Len() || n == 0 {
		token.Wipe()
		return secret.Bytes{}, errAnswer
	}
	for i, b := range otp.Expose() {
		token.Expose()[i] ^= b
	}
	if checkToken(token) != nil {
		token.Wipe()
		return secret.Bytes{}, errors.New("what the server sent and our one-time pad make no token")
	}
	return token, nil
}
