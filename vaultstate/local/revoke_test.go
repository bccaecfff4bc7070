//go:build cgo

package local_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"conclave/vaultstate"
	"conclave/vaultstate/local"
)

// tokenFiles are the files of the tokens and accessors in the storage.
func (r *real) tokenFiles(t *testing.T, which string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(r.dir, "sys", "token", which, "_*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestRevokeRoot removes root tokens from what OpenBao wrote: one of ours, and
// the one that the server itself made. The second reader does not find them any
// more, the others it does, and core/ is what it was.
func TestRevokeRoot(t *testing.T) {
	r := fixture(t, "aes", local.OpenBao)
	_, issue := r.run(t, vaultstate.Operation{ID: "token", Kind: vaultstate.GenerateRoot})
	is := r.read(t)
	servers := accessorOf(t, is, r.known.RootToken)
	st, err := r.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	core := st.Storage
	for _, c := range []struct {
		what, accessor string
		token          []byte
	}{{"ours", issue.Token.Accessor, issue.Token.Plain.Expose()}, {"the server's", servers, r.known.RootToken}} {
		made, err := r.RootToken(t.Context(), c.accessor)
		if err != nil || made.IsZero() || made.After(time.Now()) {
			t.Fatalf("%s: made %v, %v", c.what, made, err)
		}
		ids, accessors := len(r.tokenFiles(t, "id")), len(r.tokenFiles(t, "accessor"))
		checks, err := r.RevokeRoot(t.Context(), c.accessor)
		if err != nil || len(checks) != 1 || !checks[0].OK {
			t.Fatalf("%s: %v, %v", c.what, checks, err)
		}
		if a, b := ids-len(r.tokenFiles(t, "id")), accessors-len(r.tokenFiles(t, "accessor")); a != 1 || b != 1 {
			t.Errorf("%s: %d tokens and %d accessors are gone", c.what, a, b)
		}
		now := r.read(t)
		if err := now.RootToken(c.token, c.accessor); err == nil {
			t.Errorf("%s: the second reader finds it", c.what)
		}
		if c.what == "ours" {
			if a := accessorOf(t, now, r.known.RootToken); a != servers {
				t.Errorf("the other token: %s", a)
			}
		}
		if _, err := r.RevokeRoot(t.Context(), c.accessor); !errors.Is(err, vaultstate.ErrNoToken) {
			t.Errorf("%s, again: %v", c.what, err)
		}
	}
	if st, err = r.Status(t.Context()); err != nil || st.Storage != core {
		t.Errorf("core/ was changed: %v", err)
	}
	if _, _, err := r.Open(t.Context(), true, nil); err != nil {
		t.Error(err)
	}
}

// TestRevokeRootCut: the token's entry goes first. What was cut off there is
// ended by a second try, and nothing works in between.
func TestRevokeRootCut(t *testing.T) {
	r := fixture(t, "aes", local.OpenBao)
	before := strings.Join(r.tokenFiles(t, "id"), " ")
	_, issue := r.run(t, vaultstate.Operation{ID: "token", Kind: vaultstate.GenerateRoot})
	id := ""
	for _, f := range r.tokenFiles(t, "id") {
		if !strings.Contains(before, f) {
			id = f
		}
	}
	if err := os.Remove(id); err != nil {
		t.Fatal(err)
	}
	if made, err := r.RootToken(t.Context(), issue.Token.Accessor); err != nil || !made.IsZero() {
		t.Errorf("made %v, %v", made, err)
	}
	// Tokens that it has made are counted.
	child := filepath.Join(r.dir, "sys", "token", "parent", strings.TrimPrefix(filepath.Base(id), "_"))
	if err := os.MkdirAll(child, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(child, "_hchild"), []byte(`{"Value":"AAAA"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	checks, err := r.RevokeRoot(t.Context(), issue.Token.Accessor)
	if err != nil || len(checks) != 2 || checks[1].OK || !strings.HasPrefix(checks[1].Text, "1 tokens that were made with it") {
		t.Errorf("%v, %v", checks, err)
	}
	if _, err := r.RootToken(t.Context(), issue.Token.Accessor); !errors.Is(err, vaultstate.ErrNoToken) {
		t.Errorf("afterwards: %v", err)
	}
}

// TestRevokeRootRefused: an accessor that the vault does not know, while
// something is pending, and while somebody else has the lock.
func TestRevokeRootRefused(t *testing.T) {
	r := fixture(t, "aes", local.OpenBao)
	accessor := accessorOf(t, r.read(t), r.known.RootToken)
	if _, err := r.RevokeRoot(t.Context(), "nobodys"); !errors.Is(err, vaultstate.ErrNoToken) {
		t.Errorf("an accessor of nothing: %v", err)
	}
	if _, err := r.Begin(t.Context(), vaultstate.Operation{ID: "op", Kind: vaultstate.Rotate}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.RevokeRoot(t.Context(), accessor); !errors.Is(err, vaultstate.ErrPending) {
		t.Errorf("while something is pending: %v", err)
	}
	other, err := local.Open(local.Options{Storage: r.dir, Seal: r.token, Practice: true})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.RevokeRoot(t.Context(), accessor); !errors.Is(err, vaultstate.ErrLocked) {
		t.Errorf("while it is locked: %v", err)
	}
	if err := r.Cancel(t.Context(), "op"); err != nil {
		t.Fatal(err)
	}
	if made, err := r.RootToken(t.Context(), accessor); err != nil || made.IsZero() {
		t.Errorf("it is there: %v, %v", made, err)
	}
}
