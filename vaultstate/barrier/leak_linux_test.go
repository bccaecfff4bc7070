//go:build goexperiment.runtimesecret && !race

package barrier_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"conclave/hsm/secret"
	"conclave/vaultstate/barrier"
)

const mask = 0x5a // the needle lies in the heap, too: not as it is

// TestNoKeyInTheHeap reads and writes a keyring, a key object and stored keys,
// then looks through the memory of this process for the root key: its bytes and
// its base64. It does not seal or open a record: AES keeps a schedule, which
// secret.Do erases. Another build makes no promise (secret.Erases), so the test is
// not in it. The scan proves itself with a canary.
func TestNoKeyInTheHeap(t *testing.T) {
	root := secret.Random(barrier.KeySize)
	raw := masked(root.Expose())
	stored, err := barrier.EncodeStoredKeys(root)
	if err != nil {
		t.Fatal(err)
	}
	text := masked(stored.Expose()[2 : stored.Len()-2])

	for range 20 {
		k := barrier.NewKeyring(root, noon)
		plain, err := k.Encode()
		if err != nil {
			t.Fatal(err)
		}
		k.Wipe()
		if k, err = barrier.ParseKeyring(plain); err != nil {
			t.Fatal(err)
		}
		object, err := barrier.EncodeKeyObject(k.Root())
		if err != nil {
			t.Fatal(err)
		}
		fromObject, err := barrier.ParseKeyObject(object)
		if err != nil {
			t.Fatal(err)
		}
		fromStored, err := barrier.ParseStoredKeys(stored)
		if err != nil {
			t.Fatal(err)
		}
		k.Terms()
		k.Wipe()
		secret.WipeAll([]secret.Bytes{plain, object, fromObject, fromStored})
	}

	canary := make([]byte, barrier.KeySize)
	copy(canary, root.Expose())
	root.Wipe()
	stored.Wipe()
	if n := scan(t, raw); n == 0 {
		t.Fatal("the scan does not find the canary in the heap")
	}
	clear(canary)
	runtime.KeepAlive(canary)
	if n := scan(t, raw); n != 0 {
		t.Errorf("the key's bytes are found %d times", n)
	}
	if n := scan(t, text); n != 0 {
		t.Errorf("the key's base64 is found %d times", n)
	}
}

func masked(b []byte) []byte {
	m := make([]byte, len(b))
	for i := range b {
		m[i] = b[i] ^ mask
	}
	return m
}

// scan counts where the first or the last 12 bytes of the needle lie in
// writable memory. What it reads it masks at once.
func scan(t *testing.T, needle []byte) int {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = mem.Close() }()
	const window, step = 12, 1 << 20
	buf := make([]byte, step+window)
	found, bytesRead := 0, 0
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		var mode string
		if n, _ := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); n != 3 || !strings.HasPrefix(mode, "rw") {
			continue
		}
		for at := from; at < to; at += step {
			n, err := mem.ReadAt(buf[:min(int64(len(buf)), to-at)], at)
			if err != nil && err != io.EOF {
				break // memory that nobody may read, as memfd_secret's
			}
			bytesRead += n
			for i := range buf[:n] {
				buf[i] ^= mask
			}
			found += bytes.Count(buf[:n], needle[:window]) + bytes.Count(buf[:n], needle[len(needle)-window:])
			// The masked needle lies in the heap as well, and unmasked here.
			clear(buf)
		}
	}
	if bytesRead < 1<<20 {
		t.Fatalf("only %d bytes could be read", bytesRead)
	}
	return found
}
