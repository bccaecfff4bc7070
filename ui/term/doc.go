// Package term is what stands between the screens and the terminal: how
// secrets come in and go out, what the terminal can show, who records it, and
// how it is given back.
//
// It promises:
//   - what is typed while a Tap is armed goes from the terminal into locked
//     memory and never into Bubble Tea (TestTapLeavesNothing);
//   - a secret that is shown through a Writer is in no string of the program:
//     a View draws place-holders, and the Writer swaps them in locked memory on
//     the way to the terminal (TestWriterLeavesNothing);
//   - a Guard gives the terminal back as it was, with what was shown in secret
//     overwritten first (TestGuard); package ui sees that it is called.
//
// It does not promise anything about the copies that the kernel's terminal
// queue, the terminal emulator, tmux or sshd keep, nor about a process that
// is killed: nobody can restore a terminal after SIGKILL.
package term
