package barrier_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"slices"
	"strings"
	"testing"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/barrier"
)

// TestFixtures opens everything that a real server wrote, and encodes it again.
func TestFixtures(t *testing.T) {
	for _, name := range fixtures {
		t.Run(name, func(t *testing.T) {
			f := load(t, name)
			k := f.keyring(t)
			if k.Active() != f.known.ActiveTerm {
				t.Errorf("the active term is %d, want %d", k.Active(), f.known.ActiveTerm)
			}
			again, err := k.Encode()
			if err != nil {
				t.Fatal(err)
			}
			defer again.Wipe()
			if string(again.Expose()) != f.opened.Keyring {
				t.Errorf("the keyring is encoded as\n%s, want\n%s", again.Expose(), f.opened.Keyring)
			}

			object := f.open(t, k, barrier.RootKeyPath)
			root, err := barrier.ParseKeyObject(object)
			if err != nil {
				t.Fatal(err)
			}
			defer root.Wipe()
			if !root.Equal(f.root) {
				t.Error("core/root-key holds another key")
			}
			if term := barrier.Term(f.entries[barrier.RootKeyPath]); term != k.Active() {
				t.Errorf("core/root-key is of term %d, want %d", term, k.Active())
			}
			objectAgain, err := barrier.EncodeKeyObject(root)
			if err != nil {
				t.Fatal(err)
			}
			defer objectAgain.Wipe()
			if !objectAgain.Equal(object) {
				t.Errorf("the key object is encoded as %s", objectAgain.Expose())
			}

			stored, err := barrier.ParseStoredKeys(take(t, f.opened.StoredKeys))
			if err != nil {
				t.Fatal(err)
			}
			defer stored.Wipe()
			if !stored.Equal(f.root) {
				t.Error("the stored key is another key")
			}
			storedAgain, err := barrier.EncodeStoredKeys(stored)
			if err != nil {
				t.Fatal(err)
			}
			defer storedAgain.Wipe()
			if string(storedAgain.Expose()) != f.opened.StoredKeys {
				t.Errorf("the stored keys are encoded as %s", storedAgain.Expose())
			}

			for kind, path := range map[barrier.ConfigKind]string{
				barrier.BarrierConfig: barrier.SealConfigPath, barrier.RecoveryConfig: barrier.RecoveryConfigPath,
			} {
				c, err := barrier.ParseSealConfig(f.entries[path], kind)
				if err != nil {
					t.Fatal(err)
				}
				b, err := c.Encode()
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(b, f.entries[path]) {
					t.Errorf("%s is encoded as %s, want %s", path, b, f.entries[path])
				}
				if kind == barrier.RecoveryConfig && (c.Shares != f.known.Shares || c.Threshold != f.known.Threshold) {
					t.Errorf("recovery is %d of %d", c.Threshold, c.Shares)
				}
			}

			mounts, err := barrier.ParseMounts(f.open(t, k, barrier.MountsPath))
			if err != nil {
				t.Fatal(err)
			}
			for path, want := range f.known.Secrets {
				plain := f.open(t, k, barrier.SecretPath(mounts, path))
				if got := string(plain.Expose()); got != `{"value":"`+want+`"}` {
					t.Errorf("%s is %s, want %q", path, got, want)
				}
			}
		})
	}
}

// TestEveryEntryOpens opens each entry that is a barrier record.
func TestEveryEntryOpens(t *testing.T) {
	for _, name := range fixtures {
		f := load(t, name)
		k := f.keyring(t)
		n := 0
		for path := range f.entries {
			switch path {
			case barrier.KeyringPath, barrier.SealConfigPath, barrier.RecoveryConfigPath, barrier.StoredKeysPath, barrier.RecoveryKeyPath:
				continue
			}
			f.open(t, k, path)
			n++
		}
		if n < 15 {
			t.Errorf("%s: only %d entries", name, n)
		}
	}
}

func TestSealOpen(t *testing.T) {
	key := secret.Random(barrier.KeySize)
	defer key.Wipe()
	for _, text := range []string{"", "x", strings.Repeat("secret text ", 1000)} {
		record, err := barrier.Seal(key, 7, "core/x", take(t, text))
		if err != nil {
			t.Fatal(err)
		}
		if record[4] != 2 || barrier.Term(record) != 7 {
			t.Errorf("the record's head is %x", record[:5])
		}
		var asked uint32
		plain, err := barrier.Open(record, "core/x", func(term uint32) (secret.Bytes, error) {
			asked = term
			return key, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if string(plain.Expose()) != text || asked != 7 {
			t.Errorf("opened %d bytes of term %d", plain.Len(), asked)
		}
		plain.Wipe()
		if _, err := barrier.Open(record, "core/y", keyOf(key)); !errors.Is(err, barrier.ErrOpen) {
			t.Errorf("a record opens at another path: %v", err)
		}
	}
}

// TestVersion1 opens a record made here without additional data, as the first
// servers wrote them.
func TestVersion1(t *testing.T) {
	key := secret.Random(barrier.KeySize)
	defer key.Wipe()
	block, err := aes.NewCipher(key.Expose())
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	head := append([]byte{0, 0, 0, 3, 1}, make([]byte, 12)...)
	record := gcm.Seal(slices.Clone(head), head[5:], []byte("old"), nil)
	plain, err := barrier.Open(record, "any/path", keyOf(key))
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Wipe()
	if string(plain.Expose()) != "old" {
		t.Errorf("opened %q", plain.Expose())
	}
}

func TestOpenRefuses(t *testing.T) {
	f := load(t, "aes")
	k := f.keyring(t)
	record := f.entries[barrier.RootKeyPath]
	change := func(i int, b byte) []byte {
		c := slices.Clone(record)
		c[i] = b
		return c
	}
	for _, tt := range []struct {
		name   string
		record []byte
		want   string
		is     error
	}{
		{"unknown term", change(3, 9), "no decryption key available for term 9", vaultstate.ErrCorrupt},
		{"version 0", change(4, 0), "version bytes mis-match", vaultstate.ErrCorrupt},
		{"version 3", change(4, 3), "version bytes mis-match", vaultstate.ErrCorrupt},
		{"version 1 of a record of 2", change(4, 1), "does not open", barrier.ErrOpen},
		{"nothing", nil, "too short", vaultstate.ErrCorrupt},
	} {
		_, err := barrier.Open(tt.record, barrier.RootKeyPath, k.Key)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !errors.Is(err, tt.is) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	for _, size := range []int{0, 16, 31, 33} {
		short := secret.Random(size)
		if _, err := barrier.Seal(short, 1, "p", short); err == nil {
			t.Errorf("a key of %d bytes seals", size)
		}
		if _, err := barrier.Open(record, barrier.RootKeyPath, keyOf(short)); err == nil {
			t.Errorf("a key of %d bytes opens", size)
		}
		short.Wipe()
	}
	moved := slices.Clone(f.entries[barrier.KeyringPath])
	moved[3] = 2
	if _, err := barrier.OpenKeyring(moved, f.root); err == nil || !strings.Contains(err.Error(), "term mis-match") {
		t.Errorf("a keyring of term 2: %v", err)
	}
	other := secret.Random(barrier.KeySize)
	defer other.Wipe()
	if _, err := barrier.OpenKeyring(f.entries[barrier.KeyringPath], other); !errors.Is(err, barrier.ErrOpen) {
		t.Errorf("another root key: %v, want ErrOpen", err)
	}
}

func TestEveryChangeIsRefused(t *testing.T) {
	for _, name := range fixtures {
		f := load(t, name)
		k := f.keyring(t)
		checker := barrier.NewChecker(k)
		defer checker.Wipe()
		for path, record := range map[string][]byte{
			barrier.KeyringPath: f.entries[barrier.KeyringPath],
			barrier.RootKeyPath: f.entries[barrier.RootKeyPath],
			barrier.SaltPath:    f.entries[barrier.SaltPath],
			barrier.MountsPath:  f.entries[barrier.MountsPath],
		} {
			opens := func(r []byte) bool {
				if path == barrier.KeyringPath {
					got, err := barrier.OpenKeyring(r, f.root)
					if err == nil {
						got.Wipe()
					}
					return err == nil
				}
				plain, err := barrier.Open(r, path, k.Key)
				plain.Wipe()
				if checked := checker.Check(r, path); (checked == nil) != (err == nil) || err != nil && checked.Error() != err.Error() {
					t.Errorf("%s: Open says %v, the Checker %v", path, err, checked)
				}
				return err == nil
			}
			if !opens(record) {
				t.Fatalf("%s does not open as it is", path)
			}
			// One collection after thousands of trials.
			secret.Do(func() {
				for n := range record {
					if opens(record[:n]) {
						t.Errorf("%s opens when cut at %d", path, n)
					}
				}
				for i := range record {
					for _, flip := range []byte{1, 0x80, 0xff} {
						changed := slices.Clone(record)
						changed[i] ^= flip
						if opens(changed) {
							t.Errorf("%s opens with byte %d changed by %#x", path, i, flip)
						}
					}
				}
			})
			if opens(append(slices.Clone(record), 0)) {
				t.Errorf("%s opens with a byte more", path)
			}
		}
	}
}

func keyOf(key secret.Bytes) func(uint32) (secret.Bytes, error) {
	return func(uint32) (secret.Bytes, error) { return key, nil }
}
