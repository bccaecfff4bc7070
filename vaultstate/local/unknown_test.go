//go:build cgo

package local_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"conclave/vaultstate"
	"conclave/vaultstate/local"
	"conclave/vaultstate/vaulttest/reader"
)

// members are a JSON object's, as they are written.
type members map[string]json.RawMessage

func parse(t *testing.T, b []byte) members {
	t.Helper()
	var m members
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m members) bytes(t *testing.T) []byte {
	t.Helper()
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestUnknownMembersSurvive puts members that a later server may know into the
// keyring and the configurations of a real state, and a rotation configuration.
// Every ceremony that rewrites them keeps them.
func TestUnknownMembersSurvive(t *testing.T) {
	const (
		later    = `{"b":[1,2.50,"x y"],"a":null}`
		rotation = `{"Disabled":true,"MaxOperations":2000000,"Interval":86400000000000,"Later":7}`
	)
	r := fixture(t, "aes", local.OpenBao)
	s := r.read(t)
	ring := parse(t, s.Ring)
	ring["Later"], ring["RotationConfig"] = json.RawMessage(later), json.RawMessage(rotation)
	var keys []members
	if err := json.Unmarshal(ring["Keys"], &keys); err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		k["Later"] = json.RawMessage(later)
	}
	var err error
	if ring["Keys"], err = json.Marshal(keys); err != nil {
		t.Fatal(err)
	}
	record, err := reader.Seal(s.Root, 1, "core/keyring", ring.bytes(t))
	if err == nil {
		err = reader.Put(r.dir, "core/keyring", record)
	}
	for _, key := range []string{"core/recovery-config", "core/seal-config"} {
		if err != nil {
			break
		}
		var b []byte
		if b, err = reader.Value(r.dir, key); err == nil {
			cfg := parse(t, b)
			cfg["later"] = json.RawMessage(later)
			err = reader.Put(r.dir, key, cfg.bytes(t))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range []vaultstate.Operation{
		{ID: "rotate", Kind: vaultstate.Rotate},
		{ID: "recovery", Kind: vaultstate.RecoveryRekey, Shares: 7, Threshold: 4},
		{ID: "rekey", Kind: vaultstate.Rekey},
	} {
		r.run(t, op)
		s := r.read(t)
		ring := parse(t, s.Ring)
		same(t, op, "the keyring's unknown member", ring["Later"], later)
		same(t, op, "the rotation configuration", ring["RotationConfig"], rotation)
		var keys []members
		if err := json.Unmarshal(ring["Keys"], &keys); err != nil {
			t.Fatal(err)
		}
		kept := 0
		for _, k := range keys {
			if k["Later"] != nil {
				same(t, op, "a key's unknown member", k["Later"], later)
				kept++
			}
		}
		if kept != 2 || len(keys) != 3 {
			t.Errorf("%s: %d of %d keys have theirs", op.ID, kept, len(keys))
		}
		for _, key := range []string{"core/recovery-config", "core/seal-config"} {
			b, err := reader.Value(r.dir, key)
			if err != nil {
				t.Fatal(err)
			}
			same(t, op, "the unknown member of "+key, parse(t, b)["later"], later)
		}
	}
}

func same(t *testing.T, op vaultstate.Operation, what string, got []byte, want string) {
	t.Helper()
	if string(got) != want {
		t.Errorf("%s: %s is %s, want %s", op.ID, what, got, want)
	}
}

// TestRootKeyOrMaster: the copy of the root key goes where the target's servers
// have it, and there is one.
func TestRootKeyOrMaster(t *testing.T) {
	for _, c := range []struct {
		name    string
		found   string // which copy the state has
		flavour local.Flavour
		want    string
	}{
		{"OpenBao's stays", "core/root-key", local.OpenBao, "core/root-key"},
		{"OpenBao's stays, whatever is said", "core/root-key", local.HashiCorpVault, "core/root-key"},
		{"Vault's stays Vault's", "core/master", local.HashiCorpVault, "core/master"},
		{"Vault's becomes OpenBao's", "core/master", local.OpenBao, "core/root-key"},
		{"none, for OpenBao", "", local.OpenBao, "core/root-key"},
		{"none, for Vault", "", local.HashiCorpVault, "core/master"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := fixture(t, "aes", c.flavour)
			s := r.read(t)
			if c.found != "core/root-key" {
				if err := os.Remove(filepath.Join(r.dir, "core/_root-key")); err != nil {
					t.Fatal(err)
				}
			}
			if c.found == "core/master" {
				plain, err := json.Marshal(map[string]any{"Term": 1, "Version": 1, "Value": s.Root, "InstallTime": "0001-01-01T00:00:00Z"})
				if err != nil {
					t.Fatal(err)
				}
				record, err := reader.Seal(s.Keys[s.Active], s.Active, "core/master", plain)
				if err == nil {
					err = reader.Put(r.dir, "core/master", record)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			for _, op := range []vaultstate.Operation{{ID: "rekey", Kind: vaultstate.Rekey}, {ID: "rotate", Kind: vaultstate.Rotate}} {
				r.run(t, op)
				if s := r.read(t); s.Copy != c.want {
					t.Errorf("after the %s it is in %q, want %q", op.ID, s.Copy, c.want)
				}
			}
		})
	}
}

// TestRefusedStates: states that cannot be worked on are refused with words,
// before anybody is asked for anything, and stay as they are.
func TestRefusedStates(t *testing.T) {
	initAgain := vaultstate.Operation{ID: "first", Kind: vaultstate.Init, Shares: 3, Threshold: 2}
	rekey := vaultstate.Operation{ID: "first", Kind: vaultstate.Rekey}
	put := func(key, value string) func(string) error {
		return func(dir string) error {
			file := filepath.Join(dir, filepath.FromSlash(key))
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				return err
			}
			return reader.Put(dir, key, []byte(value))
		}
	}
	remove := func(names ...string) func(string) error {
		return func(dir string) error {
			for _, n := range names {
				if err := os.RemoveAll(filepath.Join(dir, n)); err != nil {
					return err
				}
			}
			return nil
		}
	}
	for _, c := range []struct {
		name  string
		spoil func(dir string) error
		op    vaultstate.Operation
		want  error
		words string
	}{
		{"initialised", remove(), initAgain, vaultstate.ErrInitialized, "already initialised"},
		{"an init that failed at the HSM, again", remove("core/hsm"), initAgain, vaultstate.ErrInitialized, "already initialised"},
		{"an init that failed at the HSM", remove("core/hsm"), rekey, vaultstate.ErrCorrupt, "an init that failed at the HSM leaves it so"},
		{"no keyring, but a vault's entries", remove("core/_keyring"), initAgain, vaultstate.ErrCorrupt, "is not empty (core, logical, sys): move that away"},
		{"no keyring", remove("core/_keyring"), rekey, vaultstate.ErrNotInitialized, "not initialised"},
		{"only entries of a token", remove("core", "logical"), initAgain, vaultstate.ErrCorrupt, "is not empty (sys)"},
		{"no recovery keys", remove("core/_recovery-config", "core/_recovery-key"), rekey, vaultstate.ErrUnsupported, "no recovery keys"},
		{"no recovery key", remove("core/_recovery-key"), rekey, vaultstate.ErrCorrupt, `"core/recovery-key" is not there`},
		{"no seal configuration", remove("core/_seal-config"), rekey, vaultstate.ErrCorrupt, "core/seal-config"},
		{"a threshold of 0", put("core/recovery-config", `{"type":"shamir","secret_shares":1,"secret_threshold":0}`), rekey, vaultstate.ErrUnsupported, "can never be used"},
		{"no recovery shares", put("core/recovery-config", `{"type":"shamir","secret_shares":0,"secret_threshold":0}`), rekey, vaultstate.ErrUnsupported, "no recovery keys"},
		{"another seal", put("core/seal-config", `{"type":"transit","secret_shares":1,"secret_threshold":1,"stored_shares":1}`), rekey, nil, "transit"},
		{"a self-initialisation", put("core/status/self-init", "x"), rekey, vaultstate.ErrUnsupported, "self-initialisation"},
		{"before the first Vault", put("barrier/init", "x"), rekey, vaultstate.ErrUnsupported, "before the first Vault"},
		{"wrapped by the seal as well", put("logical/x", "\x0a\x05abcdefs"), rekey, vaultstate.ErrUnsupported, "second time"},
		{"a link in core", func(dir string) error { return os.Symlink("/etc/hostname", filepath.Join(dir, "core/_x")) }, rekey, vaultstate.ErrUnsupported, "neither a file nor a directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "storage")
			if err := os.CopyFS(dir, os.DirFS("../barrier/testdata/aes/storage")); err != nil {
				t.Fatal(err)
			}
			if err := c.spoil(dir); err != nil {
				t.Fatal(err)
			}
			before := tree(t, dir)
			seal := &deaf{}
			v, err := local.Open(local.Options{Storage: dir, Seal: seal, Practice: true})
			if err != nil {
				t.Fatal(err)
			}
			_, err = v.Begin(t.Context(), c.op)
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.words) {
				t.Errorf("%v; want %v with %q", err, c.want, c.words)
			}
			if seal.calls > 0 {
				t.Error("the HSM was asked before")
			}
			if tree(t, dir) != before {
				t.Error("it was refused and changed something")
			}
		})
	}
}

// tree lists a directory with what is in the files.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var list strings.Builder
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		list.WriteString(name + "\n")
		if err == nil && d.Type().IsRegular() {
			var b []byte
			b, err = fs.ReadFile(os.DirFS(dir), name)
			list.Write(b)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list.String()
}
