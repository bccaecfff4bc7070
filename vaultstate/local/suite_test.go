package local_test

import (
	"os"
	"path/filepath"
	"testing"

	"conclave/hsm"
	"conclave/vaultstate"
	"conclave/vaultstate/local"
	"conclave/vaultstate/storage"
	"conclave/vaultstate/vaulttest"
)

// TestSuite holds the local vault to the contract of every vault, on a disk in
// memory and on the real file system.
func TestSuite(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		vaulttest.Run(t, func(t *testing.T) vaulttest.Subject {
			disk := vaulttest.NewDisk()
			disk.MkdirAll(root)
			return subject(t, disk, root)
		})
	})
	t.Run("real", func(t *testing.T) {
		vaulttest.Run(t, func(t *testing.T) vaulttest.Subject {
			dir := filepath.Join(t.TempDir(), "storage")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			return subject(t, storage.OS, dir)
		})
	})
}

func subject(t *testing.T, fsys storage.FS, dir string) vaulttest.Subject {
	seal := vaulttest.NewSeal()
	var v *local.Vault
	again := func() vaultstate.Vault {
		if v != nil {
			if err := v.Close(); err != nil {
				t.Fatal(err)
			}
		}
		var err error
		if v, err = local.Open(local.Options{Storage: dir, Seal: seal, Practice: true, FS: fsys}); err != nil {
			t.Fatal(err)
		}
		return v
	}
	t.Cleanup(func() { _ = v.Close() })
	return vaulttest.Subject{
		Vault: again(), Again: again,
		State: func() string { return vaulttest.Digest(t, fsys, dir) },
		// The HSM is gone: the swap needs none, what is checked after it does.
		LoseAnswer: func() { seal.Err = hsm.ErrTokenGone },
		Found:      func() { seal.Err = nil },
	}
}
