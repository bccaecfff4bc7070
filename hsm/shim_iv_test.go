//go:build cgo

package hsm_test

import (
	"bytes"
	"testing"
)

// TestShimOwnIV wraps with tokens that use an IV of their own. The blob must open
// on a token that takes the IV it is given: only then it holds the right one.
func TestShimOwnIV(t *testing.T) {
	s := newShimmed(t)
	s.ready()
	plain := len(s.wrap())
	for _, how := range []string{"param", "append"} {
		t.Run(how, func(t *testing.T) {
			s.Set("C_EncryptInit iv " + how)
			first, second := s.wrap(), s.wrap()
			if len(first) != plain {
				t.Errorf("the blob has %d bytes, want %d as with the caller's IV", len(first), plain)
			}
			if bytes.Equal(first, second) {
				t.Error("two wraps gave the same blob")
			}
			s.opens(first)
			s.Set()
			s.opens(first)
			s.opens(second)
		})
	}
	key := rootKey()
	defer key.Wipe()
	for _, how := range []string{"zero", "append-zero"} {
		t.Run(how, func(t *testing.T) {
			s.Set("C_EncryptInit iv " + how)
			blob, err := s.token.Wrap(t.Context(), key)
			if err == nil {
				t.Errorf("an IV of zeros was taken: a blob of %d bytes", len(blob))
			}
			t.Log(err)
			if s.count("C_Encrypt") == 0 {
				t.Error("the token was not asked")
			}
		})
	}
	s.Set()
	s.opens(s.wrap())
}
