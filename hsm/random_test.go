//go:build cgo

package hsm_test

import (
	"errors"
	"testing"

	"conclave/hsm"
	"conclave/hsm/entropy"
)

func TestRandom(t *testing.T) {
	token := open(t, newStore(t).Config("vault", "01"))
	if _, err := token.Random(t.Context(), 64); !errors.Is(err, hsm.ErrNotLoggedIn) {
		t.Errorf("without a login: %v", err)
	}
	login(t, token)
	a, err := token.Random(t.Context(), entropy.SeedSize)
	if err != nil {
		t.Fatal(err)
	}
	b, err := token.Random(t.Context(), entropy.SeedSize)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Wipe()
	defer b.Wipe()
	if a.Len() != entropy.SeedSize || a.Equal(b) {
		t.Errorf("%d bytes, the same twice: %t", a.Len(), a.Equal(b))
	}
	if err := entropy.New(nil).Add(a); err != nil {
		t.Error(err)
	}
	for _, n := range []int{0, 257} {
		if _, err := token.Random(t.Context(), n); err == nil {
			t.Errorf("%d bytes were drawn", n)
		}
	}
}
