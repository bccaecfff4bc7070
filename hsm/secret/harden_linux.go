//go:build linux

package secret

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// SwapOn is the shortfall that is an override of a real ceremony.
const SwapOn = "Swap is on: copies outside locked memory may reach the disk."

// Harden turns core dumps off and makes the process unreadable for other
// processes of the same user. It is the first call of main and of every child:
// exec resets what it sets. What could not be had is returned, one sentence a
// shortfall, to be said on the first screen and in the transcript.
//
// It does not call mlockall: an ordinary user's limit refuses it, and root's
// process would lock a gigabyte of address space.
func Harden() []string {
	var short []string
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		short = append(short, fmt.Sprintf("Core dumps could not be turned off (%v).", err))
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		short = append(short, fmt.Sprintf("Other processes of this user can read this one (%v).", err))
	}
	// For this thread and what it starts; Start does it for a child of any. Not fatal.
	_ = unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	if !Erases {
		short = append(short, "This build does not erase the working copies of keys (no runtime/secret).")
	}
	switch Memory() {
	case MemoryLocked:
		short = append(short, "Secrets lie in locked memory that root can read (no memfd_secret).")
	case MemoryUnlocked:
		short = append(short, "Secrets lie in memory that may be swapped out (locking was refused).")
	}
	if on, err := swapOn(); err != nil {
		short = append(short, "Whether swap is on could not be read.")
	} else if on {
		short = append(short, SwapOn)
	}
	return short
}

// swapOn reads /proc/swaps: a heading, then one line a swap device.
func swapOn() (bool, error) {
	f, err := os.Open("/proc/swaps")
	if err != nil {
		return false, fmt.Errorf("reading the list of swap devices: %w", err)
	}
	defer func() { _ = f.Close() }()
	lines := 0
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if strings.TrimSpace(sc.Text()) != "" {
			lines++
		}
	}
	return lines > 1, nil
}
