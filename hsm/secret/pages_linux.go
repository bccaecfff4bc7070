//go:build linux

package secret

import (
	"fmt"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Memory kinds, as Memory reports them.
const (
	MemorySecret   = "memfd_secret"
	MemoryLocked   = "mmap and mlock"
	MemoryUnlocked = "mmap, not locked"
)

var memory atomic.Value // string: the weakest kind handed out so far

// Memory says in what kind of pages secrets lie: MemorySecret, MemoryLocked or
// MemoryUnlocked. It allocates a page to find out.
func Memory() string {
	New(1).Wipe()
	s, _ := memory.Load().(string)
	return s
}

// pages returns size bytes (rounded up to pages) of the best memory there is.
func pages(size int) []byte {
	page := os.Getpagesize()
	size = (size + page - 1) / page * page
	if !forceFallback {
		if mem, err := secretPages(size); err == nil {
			note(MemorySecret)
			return mem
		}
	}
	mem, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		panic("secret: the kernel has no memory left")
	}
	// DONTDUMP and WIPEONFORK are extras: an old kernel may refuse them.
	_ = unix.Madvise(mem, unix.MADV_DONTDUMP)
	_ = unix.Madvise(mem, unix.MADV_WIPEONFORK)
	if err := unix.Mlock(mem); err != nil {
		note(MemoryUnlocked)
		return mem
	}
	note(MemoryLocked)
	return mem
}

func secretPages(size int) ([]byte, error) {
	fd, err := unix.MemfdSecret(unix.O_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd_secret: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		return nil, fmt.Errorf("sizing secret memory: %w", err)
	}
	mem, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping secret memory: %w", err)
	}
	// A child must not share the pages: fork without exec would otherwise see
	// every later secret.
	_ = unix.Madvise(mem, unix.MADV_DONTFORK)
	return mem, nil
}

// note keeps the weakest kind.
func note(kind string) {
	rank := map[string]int{"": 0, MemorySecret: 1, MemoryLocked: 2, MemoryUnlocked: 3}
	for {
		old, _ := memory.Load().(string)
		if rank[kind] <= rank[old] {
			return
		}
		if old == "" && memory.CompareAndSwap(nil, kind) || old != "" && memory.CompareAndSwap(old, kind) {
			return
		}
	}
}
