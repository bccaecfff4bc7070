//go:build linux && !race

package pgp_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"conclave/hsm/secret"
	"conclave/vaultstate/pgp"
)

const mask = 0x5a

// needle is a text to be looked for, kept masked so that it is not found itself.
type needle []byte

func maskOf(b []byte) needle {
	n := make(needle, len(b))
	for i := range b {
		n[i] = b[i] ^ mask
	}
	return n
}

// count looks for four windows of twelve bytes, wherever they begin.
func (n needle) count(mem []byte) int {
	var begins [256]bool // quick: nearly every byte begins no window
	for w := 0; w+12 <= len(n); w += 16 {
		begins[n[w]^mask] = true
	}
	found := 0
	for i := 0; i+12 <= len(mem); i++ {
		if !begins[mem[i]] {
			continue
		}
		for w := 0; w+12 <= len(n); w += 16 {
			k := 0
			for k < 12 && mem[i+k]^mask == n[w+k] {
				k++
			}
			if k == 12 {
				found++
			}
		}
	}
	return found
}

// scan counts the needle in the writable memory of this process.
func scan(t *testing.T, n needle) (found, bytes int) {
	t.Helper()
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	defer maps.Close()
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	// The window lies in locked memory, which reads as nothing: otherwise the
	// scan would find what it has just read.
	window := secret.New(1 << 20)
	defer window.Wipe()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		var from, to int64
		var mode string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &mode); err != nil || !strings.HasPrefix(mode, "rw") ||
			strings.Contains(lines.Text(), "secretmem") {
			continue
		}
		for at := from; at < to; at += 1<<20 - 11 {
			b := window.Expose()[:min(1<<20, to-at)]
			k, err := mem.ReadAt(b, at)
			if err != nil && err != io.EOF {
				continue // not readable: reserved, or secret memory
			}
			found += n.count(b[:k])
			bytes += k
			clear(b)
		}
	}
	return found, bytes
}

// TestWriterKeepsNothing encrypts a text and looks for it in the process. Where
// the build cannot erase what the OpenPGP writer leaves, it says what is left.
func TestWriterKeepsNothing(t *testing.T) {
	_, k, err := pgp.GenerateKey("Alice", now)
	if err != nil {
		t.Fatal(err)
	}
	raw := secret.Random(33)
	const digits = "0123456789abcdef"
	text := secret.New(66)
	for i := range 33 {
		text.Expose()[2*i], text.Expose()[2*i+1] = digits[raw.Expose()[i]>>4], digits[raw.Expose()[i]&15]
	}
	n := maskOf(text.Expose())

	// A planted copy must be found, or the scan shows nothing.
	planted := make([]byte, 66)
	copy(planted, text.Expose())
	before, size := scan(t, n)
	if before == 0 {
		t.Fatalf("a planted copy was not found in %d bytes", size)
	}
	clear(planted)
	runtime.KeepAlive(planted)

	if _, err := k.Encrypt(text); err != nil {
		t.Fatal(err)
	}
	secret.WipeAll([]secret.Bytes{text, raw})
	left, size := scan(t, n)
	t.Logf("%d windows in %d bytes (%d with a planted copy); this build erases: %v", left, size, before, secret.Erases)
	if secret.Erases && left != 0 {
		t.Errorf("%d windows of the plaintext are left", left)
	}
}
