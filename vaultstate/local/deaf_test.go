package local_test

import (
	"context"

	"conclave/hsm"
	"conclave/hsm/secret"
)

// deaf is an HSM that must not be asked. What a blob says of itself needs none.
type deaf struct{ calls int }

func (d *deaf) Wrap(context.Context, secret.Bytes) ([]byte, error) {
	d.calls++
	return nil, hsm.ErrTokenGone
}

func (d *deaf) Unwrap(context.Context, []byte) (secret.Bytes, error) {
	d.calls++
	return secret.Bytes{}, hsm.ErrTokenGone
}

func (d *deaf) Describe([]byte) (hsm.KeyRef, error) { return hsm.KeyRef{KeyID: "bao-aes:01"}, nil }
