package storage

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestLockGivenBack: a lock is free again although a child of this process, between
// fork and exec, still has the descriptor.
func TestLockGivenBack(t *testing.T) {
	dir := t.TempDir()
	l, err := OS.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	copied, err := unix.Dup(int(l.(flocked).dir.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(copied) }()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l, err = OS.Lock(dir)
	if err != nil {
		t.Fatalf("it was closed, and is not free: %v", err)
	}
	_ = l.Close()
}
