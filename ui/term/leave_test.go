//go:build !race

package term

import (
	"crypto/rand"
	"encoding/hex"
	"io"
	"runtime"
	"runtime/debug"
	"testing"

	"conclave/hsm/secret"
)

func TestTapLeavesNothing(t *testing.T) {
	for _, tc := range []struct{ name, before, after string }{
		{"typed", "", "\r"},
		{"pasted", "\x1b[200~", "\r\n\x1b[201~\r"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x := openTerminal(t)
			x.tap.ArmShare(200, x.hear)
			masked := typeSecret(t, x, 66, tc.before, tc.after)
			until(t, "the entry to end", func() bool { return x.last().Done && x.last().Count == 66 })
			s := x.tap.Take()
			plain := s.Clone()
			canary := string(plain.Expose())
			if found(t, masked) == 0 {
				t.Fatal("the search does not find what is there")
			}
			runtime.KeepAlive(canary)
			wipeString(&canary)
			plain.Wipe()
			s.Wipe()
			x.tap.Disarm()
			runtime.GC()
			debug.FreeOSMemory()
			if n := found(t, masked); n != 0 {
				t.Errorf("%d of 55 pieces of the secret are left in memory", n)
			}
		})
	}
}

func TestWriterLeavesNothing(t *testing.T) {
	x := openQuiet(t)
	w := NewWriter(x.near, "*")
	drained := make(chan struct{})
	go func() { // what the terminal gets is no part of the program
		defer close(drained)
		b := make([]byte, 4096)
		for {
			n, err := x.far.Read(b)
			clear(b[:n])
			if err != nil {
				return
			}
		}
	}()
	raw := make([]byte, 33)
	if _, err := rand.Read(raw); err != nil {
		t.Fatal(err)
	}
	s := secret.New(66)
	hex.Encode(s.Expose(), raw)
	clear(raw)
	masked := make([]byte, 66)
	for i, c := range s.Expose() {
		masked[i] = c ^ 0x55
	}
	w.Bind(s)
	for range 20 {
		if _, err := io.WriteString(w, "\x1b[H"+places(66)); err != nil {
			t.Fatal(err)
		}
	}
	canary := string(s.Expose())
	if found(t, masked) == 0 {
		t.Fatal("the search does not find what is there")
	}
	wipeString(&canary)
	w.Unbind()
	s.Wipe()
	_ = x.near.Close()
	<-drained
	runtime.GC()
	debug.FreeOSMemory()
	if n := found(t, masked); n != 0 {
		t.Errorf("%d of 55 pieces of the secret are left in memory", n)
	}
}
