package courier

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestReady: a child that lacks any part of its hardening gets nothing, and neither
// does one that says something else, or that says nothing.
func TestReady(t *testing.T) {
	for bits, want := range map[uint64]string{0: "", undumpable: "others could read it", noCore: "dump core", noNewPrivs: "gain rights", 1 << 40: "protect itself"} {
		got, err := offered(t, func(f *os.File) error { return writeReady(f, bits) })
		if bits == 0 {
			if got != frameSize {
				t.Errorf("one that lacks nothing got %d bytes", got)
			}
			continue
		}
		if got != 0 || err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "nothing was sent") {
			t.Errorf("without %b: %d bytes, %v", bits, got, err)
		}
	}
	for name, say := range map[string]func(f *os.File) error{
		"zeros":   func(f *os.File) error { _, err := f.Write(make([]byte, frameSize)); return err },
		"nothing": func(*os.File) error { return nil },
	} {
		if got, err := offered(t, say); got != 0 || !errors.Is(err, errFrame) {
			t.Errorf("%s: %d bytes, %v", name, got, err)
		}
	}
}

// offered plays a child that says something and goes away, and counts what it is
// given.
func offered(t *testing.T, say func(*os.File) error) (got int, err error) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
	defer func() { _ = theirs.Close() }()
	if err := say(theirs); err != nil {
		t.Fatal(err)
	}
	if err := unix.Shutdown(fds[1], unix.SHUT_WR); err != nil {
		t.Fatal(err)
	}
	_, err = (&child{conn: ours}).exchange(aRequest())
	_ = ours.Close()
	b, readErr := io.ReadAll(theirs)
	if readErr != nil {
		t.Fatal(readErr)
	}
	return len(b), err
}

// TestLacks: what the kernel says, of a process that is hardened and of one that is
// not. Both are this binary, started with an argument. The second may have from
// whoever started the tests that it cannot dump core, and from another test's
// child on this thread that it gets no new rights.
func TestLacks(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	plain := undumpable
	if on, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); err != nil || on == 0 {
		plain |= noNewPrivs
	}
	var core unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &core); err != nil {
		t.Fatal(err)
	}
	if core.Max > 0 {
		plain |= noCore
	}
	for how, want := range map[string]uint64{"hardened": 0, "plain": plain} {
		out, err := exec.CommandContext(t.Context(), "/proc/self/exe", lacksOf, how).Output()
		if got := strings.TrimSpace(string(out)); err != nil || got != strconv.FormatUint(want, 10) {
			t.Errorf("%s: it lacks %s, want %d; %v", how, got, want, err)
		}
	}
}

// TestNotCalled: a program whose main does not call Child sends nothing, instead
// of starting itself again and again.
func TestNotCalled(t *testing.T) {
	called = false
	defer func() { called = true }()
	if _, err := Send(t.Context(), aRequest()); err == nil || !strings.Contains(err.Error(), "does not call Child") {
		t.Errorf("%v", err)
	}
}
