//go:build cgo && !race

package hsm_test

import (
	"crypto/rand"
	"testing"

	"conclave/hsm"
	"conclave/hsm/secret"
	"conclave/hsm/secret/memscan"
	"conclave/hsm/softhsm"
	"conclave/hsm/softhsm/need"
)

// TestNothingStaysInTheWorker looks, as root and from outside, through the
// memory of the living worker for the PIN after the logout and for what it
// unwrapped, in windows of 12 bytes. The scan proves itself: it finds the key's
// label, which is as long as the PIN. Signals meanwhile bring to light what is
// left in registers.
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
	end := memscan.Interrupt(token.Worker(), 0)
	defer end()
	if err := token.Login(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if _, err := token.GenerateKey(t.Context()); err != nil { // logs in again with the PIN it kept
		t.Fatal(err)
	}
	plain := secret.Random(32)
	defer plain.Wipe()
	for range 100 {
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
	if n := end(); n < 100 {
		t.Errorf("the worker got %d signals", n)
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

// scan counts the copies of a secret, in any form, in the memory of a process.
func scan(t *testing.T, pid int, raw []byte) int {
	t.Helper()
	r, err := memscan.Scan(pid, memscan.Forms("secret", raw)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(r)
	return len(r.Hits)
}
