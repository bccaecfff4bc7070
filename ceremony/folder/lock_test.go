package folder

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestLockGivenBack: a lock is free again although a child of this process, between
// fork and exec, still has the descriptor.
func TestLockGivenBack(t *testing.T) {
	dir := t.TempDir()
	take := func() *os.File {
		f, err := os.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			t.Fatalf("it is not free: %v", err)
		}
		return f
	}
	f := take()
	copied, err := unix.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(copied) }()
	if err := unlock(f); err != nil {
		t.Fatal(err)
	}
	if err := unlock(take()); err != nil {
		t.Error(err)
	}
}
