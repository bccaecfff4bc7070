//go:build linux

package secret

import (
	"fmt"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// Start starts a child that cannot gain rights by a setuid file, and neither can
// what it starts. The kernel keeps that promise for a thread and its children,
// and Go may start a child from any thread: so the one that starts it makes the
// promise first. Every thread of the child has it then, from before its exec.
func Start(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("giving up new rights before a child is started: %w", err)
	}
	return cmd.Start()
}
