package pgp_test

import (
	"testing"
	"time"

	"conclave/vaultstate/pgp"
)

// FuzzRing: no bytes are a signature by a key that is not there.
func FuzzRing(f *testing.F) {
	f.Add([]byte("\x88\x5e\x04\x00"))
	f.Add([]byte("-----BEGIN PGP SIGNATURE-----\n\niHUEABYKAB0=\n-----END PGP SIGNATURE-----\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := (pgp.Ring{}).Check([]byte("x"), b, time.Now()); err == nil {
			t.Fatalf("by %+v", s)
		}
		_, _ = pgp.SignerOf(b)
		_, _ = pgp.ReadRing(b)
	})
}
