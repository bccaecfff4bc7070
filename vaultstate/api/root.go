package api

import (
	"bytes"
	"net/http"

	"conclave/hsm/secret"
	"conclave/vaultstate"
)

// otpLength is the length of a root token: "s." and 24 characters.
const otpLength = 26

type rootRequest struct {
	OTP    text   `json:"otp"`
	PGPKey string `json:"pgp_key"`
}

func rootStatus(s *Server, c *call) (*answer, error) {
	if err := s.initialised(c); err != nil {
		return nil, err
	}
	if p := s.current(c); p != nil {
		return p.rootStarted(secret.Bytes{}), nil
	}
	st, err := s.o.Vault.Status(c.ctx)
	if err != nil {
		return nil, err
	}
	return rootAnswer(&pending{needed: st.Threshold}, false, false, secret.Bytes{}, secret.Bytes{}, otpLength), nil
}

// rootStarted is a pending generation; otp is there once, if it was made here.
func (p *pending) rootStarted(otp secret.Bytes) *answer {
	return rootAnswer(p, true, false, secret.Bytes{}, otp, otpLength)
}

// root is the answer to a share.
func (p *pending) root(complete bool, encoded secret.Bytes) *answer {
	return rootAnswer(p, true, complete, encoded, secret.Bytes{}, 0)
}

func rootAnswer(p *pending, started, complete bool, encoded, otp secret.Bytes, length int) *answer {
	key := ""
	if len(p.pgp) > 0 {
		key = p.pgp[0]
	}
	return object(public("nonce", p.nonce), public("started", started), public("progress", len(p.given)), public("required", p.needed),
		public("complete", complete), hidden("encoded_token", encoded), hidden("encoded_root_token", encoded),
		public("pgp_fingerprint", key), hidden("otp", otp), public("otp_length", length))
}

func beginRoot(s *Server, c *call) (*answer, error) {
	var r rootRequest
	defer func() { r.OTP.Wipe() }()
	if len(bytes.TrimSpace(c.body.Expose())) > 0 {
		if err := c.decode(&r); err != nil {
			return nil, err
		}
	}
	op := vaultstate.Operation{Kind: vaultstate.GenerateRoot, RootToken: true}
	var made secret.Bytes
	defer func() { made.Wipe() }()
	switch {
	case r.OTP.Len() > 0 && r.PGPKey != "":
		return nil, refuse(http.StatusBadRequest, "otp and pgp_key: the token goes to one of them")
	case r.OTP.Len() > 0 && r.OTP.Len() != otpLength:
		return nil, refuse(http.StatusBadRequest, "OTP string is wrong length")
	case r.PGPKey != "":
		var err error
		if op.RootTokenPGPKey, err = tokenKey(r.PGPKey, s.o.Now()); err != nil {
			return nil, err
		}
	case r.OTP.Len() == 0:
		made = newOTP()
	}
	if err := s.initialised(c); err != nil {
		return nil, err
	}
	if err := s.idle(op.Kind); err != nil {
		return nil, err
	}
	p, err := s.begin(c, op)
	if err != nil {
		return nil, err
	}
	switch {
	case r.OTP.Len() > 0:
		p.otp = r.OTP.Clone()
	case made.Len() > 0:
		p.otp = made.Clone()
	default:
		p.pgp = []string{fingerprint(op.RootTokenPGPKey)}
	}
	return p.rootStarted(made), nil
}

func cancelRoot(s *Server, c *call) (*answer, error) { return cancelRekey(s, c) }

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// newOTP is a one-time password of characters that need no escape.
func newOTP() secret.Bytes {
	otp := secret.New(otpLength)
	for i := range otp.Expose() {
		one := otp.Expose()[i : i+1]
		for secret.Fill(one); one[0] >= 4*62; {
			secret.Fill(one)
		}
		one[0] = base62[one[0]%62]
	}
	return otp
}
