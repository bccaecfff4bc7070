//go:build cgo

package local_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"conclave/hsm"
	"conclave/hsm/secret"
	"conclave/hsm/softhsm"
	"conclave/vaultstate"
	"conclave/vaultstate/local"
	"conclave/vaultstate/vaulttest/reader"
)

// rewrapTo opens the fixture's vault anew, with the seal that it has and the one
// that it is to have, whose key is made.
func (r *real) rewrapTo(t *testing.T, to *hsm.Token) {
	t.Helper()
	if _, err := to.GenerateKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	v, err := local.Open(local.Options{Storage: r.dir, Seal: r.token, NewSeal: to, Practice: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	r.Vault = v
}

// second is another token, with its own PIN state and process.
func second(t testing.TB, cfg func(*softhsm.Store) hsm.Config) (*softhsm.Store, *hsm.Token) {
	t.Helper()
	pin := secret.Take([]byte("other-5678"))
	defer pin.Wipe()
	store, err := softhsm.Create(t.Context(), t.TempDir(), "second", pin)
	if err != nil {
		t.Fatal(err)
	}
	token, err := hsm.Open(t.Context(), cfg(store))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = token.Close() })
	if err := token.Login(t.Context(), pin); err != nil {
		t.Fatal(err)
	}
	return store, token
}

// TestRewrap moves what OpenBao wrote to another key: of the same token, and of
// a second one under the very same name. The second reader, who is given the new
// key alone, reads every entry, and the old shares make the recovery key.
func TestRewrap(t *testing.T) {
	for _, c := range []struct {
		name, fixture string
		op            vaultstate.Operation
		other         bool // the token
		mechanism     string
	}{
		{"AES", "aes", vaultstate.Operation{}, false, hsm.AESGCM},
		{"RSA to AES", "rsa", vaultstate.Operation{NewRoot: true}, false, hsm.AESGCM},
		{"AES to AES-CBC with HMAC on a second token", "aes", vaultstate.Operation{}, true, hsm.AESCBCPad},
		{"all new, on a second token", "rsa", vaultstate.Operation{NewRoot: true, Shares: 4, Threshold: 2}, true, hsm.AESGCM},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := fixture(t, c.fixture, local.OpenBao)
			was, old := r.read(t), slices.Clone(r.held)
			cfg := hsm.Config{KeyLabel: "fresh", KeyID: "f1"}
			if c.mechanism == hsm.AESCBCPad {
				cfg.Mechanism, cfg.HMACKeyLabel, cfg.HMACKeyID = c.mechanism, "fresh-mac", "f2"
			}
			to, key := r.token.Other(cfg), r.key
			if c.other {
				var store *softhsm.Store
				store, to = second(t, func(s *softhsm.Store) hsm.Config {
					there := s.Config(r.known.KeyLabel, r.known.KeyID)
					there.Mechanism, there.HMACKeyLabel, there.HMACKeyID = cfg.Mechanism, cfg.HMACKeyLabel, cfg.HMACKeyID
					cfg = there
					return there
				})
				key = reader.Key{Lib: cfg.Lib, Conf: store.Conf(), TokenLabel: cfg.TokenLabel, PIN: "other-5678"}
			}
			key.Label, key.RSA = cfg.KeyLabel, false
			if c.mechanism == hsm.AESCBCPad {
				key.CBC, key.MACLabel = 0x1085, cfg.HMACKeyLabel
			}
			r.rewrapTo(t, to)
			c.op.ID, c.op.Kind = "rewrap", vaultstate.Rewrap
			out, _ := r.run(t, c.op)
			a := out.After
			if a.SealKeyID != cfg.KeyLabel+":"+cfg.KeyID || a.Mechanism != c.mechanism || (a.SealHMACKeyID != "") != (c.mechanism == hsm.AESCBCPad) {
				t.Errorf("wrapped with %q, %s, HMAC %q", a.SealKeyID, a.Mechanism, a.SealHMACKeyID)
			}
			r.key = key
			is := r.read(t)
			for what, got := range map[string][2]bool{
				"root key":     {!bytes.Equal(is.Root, was.Root), c.op.NewRoot},
				"recovery key": {!bytes.Equal(is.Recovery, was.Recovery), c.op.Shares > 0},
				"active term":  {is.Active != was.Active, false},
			} {
				if got[0] != got[1] {
					t.Errorf("the %s changed: %v", what, got[0])
				}
			}
			if _, _, err := r.Open(t.Context(), true, nil); err != nil {
				t.Error("opened after it: ", err)
			}
			r.onlyOld(t, cfg)
			// From here on the new key is the one that is named, and the quorum acts.
			v, err := local.Open(local.Options{Storage: r.dir, Seal: to, Practice: true})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = v.Close() }()
			r.Vault = v
			if c.op.Shares > 0 {
				r.refuses(t, old, is)
			}
			r.run(t, vaultstate.Operation{ID: "rotate", Kind: vaultstate.Rotate})
			r.read(t)
		})
	}
}

// onlyOld wants both entries of the live state under the new key's name, and
// both of the kept one under the old key's.
func (r *real) onlyOld(t *testing.T, cfg hsm.Config) {
	t.Helper()
	list, err := r.Sealed(t.Context())
	if err != nil || len(list) != 4 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, s := range list {
		want := r.known.KeyLabel + ":" + r.known.KeyID
		if s.Live {
			want = cfg.KeyLabel + ":" + cfg.KeyID
		}
		if s.SealKeyID != want || s.Live == strings.Contains(s.Where, ".conclave") {
			t.Errorf("%+v, want the key %s", s, want)
		}
	}
}

// TestRewrapUndone: the old state comes back with the old key, and a rewrap that
// has no key to wrap with begins nothing.
func TestRewrapUndone(t *testing.T) {
	r := fixture(t, "aes", local.OpenBao)
	op := vaultstate.Operation{ID: "rewrap", Kind: vaultstate.Rewrap}
	if _, err := r.Begin(t.Context(), op); err == nil || !strings.Contains(err.Error(), "key to wrap with") {
		t.Errorf("without a second key: %v", err)
	}
	if _, err := r.Begin(t.Context(), vaultstate.Operation{ID: "x", Kind: vaultstate.Rotate, NewRoot: true}); err == nil {
		t.Error("a rotation took a new root key")
	}
	r.rewrapTo(t, r.token.Other(hsm.Config{KeyLabel: "fresh", KeyID: "f1"}))
	out, _ := r.run(t, op)
	st, err := r.Rollback(t.Context(), "rewrap")
	if err != nil || st.SealKeyID != out.Before.SealKeyID || st.Storage != out.Before.Storage {
		t.Errorf("put back: %+v, %v", st, err)
	}
	if _, _, err := r.Open(t.Context(), true, nil); err != nil {
		t.Error(err)
	}
	r.read(t)
}
