//go:build cgo && !race

package hsm_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"conclave/hsm"
	"conclave/hsm/secret"
	"conclave/hsm/softhsm"
	"conclave/hsm/softhsm/need"
)

// TestNothingStaysInTheWorker looks, as root and from outside, through the
// memory of the living worker for the PIN after the logout and for what it
// unwrapped, in windows of 12 bytes. The scan proves itself: it finds the key's
// label, which is as long as the PIN.
func TestNothingStaysInTheWorker(t *testing.T) {
	need.Tool(t, "softhsm")
	need.Tool(t, "root")
	officer, label := rand.Text()[:24], rand.Text()[:24]
	p := pin(officer)
	defer p.Wipe()
	s, err := softhsm.Create(t.Context(), t.TempDir(), "ceremony", p)
	if err != nil {
		t.Fatal(err)
	}
	token, err := hsm.Open(t.Context(), s.Config(label, ""))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = token.Close() }()
	if err := token.Login(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if _, err := token.GenerateKey(t.Context()); err != nil { // logs in again with the PIN it kept
		t.Fatal(err)
	}
	plain := secret.Random(32)
	defer plain.Wipe()
	for range 5 {
		blob, err := token.Wrap(t.Context(), plain)
		if err != nil {
			t.Fatal(err)
		}
		got, err := token.Unwrap(t.Context(), blob)
		if err != nil {
			t.Fatal(err)
		}
		got.Wipe()
	}
	if n := scan(t, token.Worker(), plain.Expose()); n != 0 {
		t.Errorf("what was unwrapped is found %d times", n)
	}
	if err := token.Logout(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := scan(t, token.Worker(), []byte(officer)); n != 0 {
		t.Errorf("the PIN is found %d times after the logout", n)
	}
	if n := scan(t, token.Worker(), []byte(label)); n == 0 {
		t.Error("the scan does not find what must be there")
	}
}

// scan counts where 12 bytes of the needle lie in the memory of a process.
func scan(t *testing.T, pid int, needle []byte) int {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = mem.Close() }()
	found, read, hidden := 0, 0, 0
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		var mode string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); err != nil || mode[0] != 'r' || strings.Contains(line, "[vvar") || strings.Contains(line, "[vsyscall]") {
			continue
		}
		buf := make([]byte, to-from)
		if _, err := mem.ReadAt(buf, from); err != nil && err != io.EOF {
			hidden += len(buf) // secret memory
			continue
		}
		read += len(buf)
		for i := 0; i+12 <= len(needle); i += 4 {
			found += bytes.Count(buf, needle[i:i+12])
		}
		clear(buf)
	}
	t.Logf("read %d bytes of the worker, %d were not readable", read, hidden)
	return found
}
