//go:build cgo

package hsm_test

import (
	"testing"

	"conclave/hsm"
	"conclave/hsm/secret"
	"conclave/hsm/softhsm"
	"conclave/hsm/softhsm/need"
)

func benchToken(b *testing.B) (*hsm.Token, hsm.Config) {
	b.Helper()
	need.Tool(b, "softhsm")
	p := pin(testPIN)
	defer p.Wipe()
	s, err := softhsm.Create(b.Context(), b.TempDir(), "ceremony", p)
	if err != nil {
		b.Fatal(err)
	}
	token, err := hsm.Open(b.Context(), s.Config("vault", "01"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = token.Close() })
	if err := token.Login(b.Context(), p); err != nil {
		b.Fatal(err)
	}
	if _, err := token.GenerateKey(b.Context()); err != nil {
		b.Fatal(err)
	}
	return token, s.Config("vault", "01")
}

// BenchmarkOpen is from nothing to the token's own words: process, library,
// token.
func BenchmarkOpen(b *testing.B) {
	_, cfg := benchToken(b)
	for b.Loop() {
		token, err := hsm.Open(b.Context(), cfg)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		_ = token.Close()
		b.StartTimer()
	}
}

func BenchmarkWrap(b *testing.B) {
	token, _ := benchToken(b)
	plain := secret.Random(32)
	defer plain.Wipe()
	for b.Loop() {
		if _, err := token.Wrap(b.Context(), plain); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnwrap(b *testing.B) {
	token, _ := benchToken(b)
	plain := secret.Random(32)
	defer plain.Wipe()
	blob, err := token.Wrap(b.Context(), plain)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		got, err := token.Unwrap(b.Context(), blob)
		if err != nil {
			b.Fatal(err)
		}
		got.Wipe()
	}
}
