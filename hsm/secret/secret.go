// Package secret holds key material, PINs, shares, tokens and one-time
// passwords in memory that is locked, kept out of core dumps and wiped by its
// owner.
//
// It promises:
//   - the bytes of a Bytes live outside the Go heap, in pages from
//     memfd_secret(2) (which not even root reads through /proc/PID/mem), or,
//     where the kernel has none, in anonymous pages that are mlock'ed and
//     marked MADV_DONTDUMP and MADV_WIPEONFORK;
//   - a Bytes prints as "[secret]" under every verb of fmt and in every
//     encoder of the standard library;
//   - Equal takes the same time wherever the bytes differ;
//   - after Wipe the bytes are zero and the handle has length 0;
//   - none of its copies leaves the bytes in vector registers, from where an
//     interruption would save them (TestRegisters).
//
// It does not promise that nobody else copied the bytes: whatever Expose is
// handed to may keep what it was given. Do shortens the life of such copies
// where the build supports it (see Erases); copies on the heap live until the
// collection that Do, or Gather around it, ends with.
//
// A Bytes is a handle: copies of it share one buffer and one owner wipes it.
// The zero Bytes is empty and may be wiped.
package secret

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

const masked = "[secret]"

// Bytes is a handle to secret bytes in locked memory.
type Bytes struct{ b *block }

// block is one allocation of the arena. mem is nil once wiped.
type block struct {
	mem []byte // exactly the requested length; lies in locked pages
	at  span
}

// New returns n zero bytes.
func New(n int) Bytes {
	if n == 0 {
		return Bytes{}
	}
	mem, at := pool.take(n)
	return Bytes{&block{mem: mem, at: at}}
}

// Take moves b into locked memory: it copies b and then clears it.
func Take(b []byte) Bytes {
	s := New(len(b))
	Copy(s.Expose(), b)
	clear(b)
	return s
}

// Copy is copy, for secrets, byte by byte: copy moves whole vector registers,
// and these stay as they are until somebody else needs them. A goroutine that
// is interrupted meanwhile has them saved to memory that nobody wipes. In one
// buffer, dst may begin before src, not after it.
func Copy(dst, src []byte) int {
	n := min(len(dst), len(src))
	for i := range n {
		dst[i] = src[i]
	}
	return n
}

// Random returns n bytes from crypto/rand.Reader.
func Random(n int) Bytes {
	s := New(n)
	Fill(s.Expose())
	return s
}

// Fill is crypto/rand.Read for secrets: that function reads into a buffer on the
// heap where crypto/rand.Reader is not Go's own (hsm/entropy), and copies it.
// Like it, Fill never fails: it ends the program instead.
func Fill(b []byte) {
	if _, err := io.ReadFull(rand.Reader, b); err != nil {
		panic("no random bytes: " + err.Error())
	}
}

// Expose returns the bytes themselves, not a copy. They are valid until Wipe;
// the caller must not keep them.
func (s Bytes) Expose() []byte {
	if s.b == nil {
		return nil
	}
	return s.b.mem
}

// Len is the number of bytes.
func (s Bytes) Len() int { return len(s.Expose()) }

// Clone returns a copy with an owner of its own.
func (s Bytes) Clone() Bytes {
	c := New(s.Len())
	Copy(c.Expose(), s.Expose())
	return c
}

// Slice returns a copy of the bytes from i up to j, with an owner of its own.
func (s Bytes) Slice(i, j int) Bytes {
	c := New(j - i)
	Copy(c.Expose(), s.Expose()[i:j])
	return c
}

// Equal compares in constant time (for equal lengths).
func (s Bytes) Equal(o Bytes) bool {
	return subtle.ConstantTimeCompare(s.Expose(), o.Expose()) == 1
}

// Wipe zeroes the bytes and gives the memory back. It may be called again.
func (s Bytes) Wipe() {
	if s.b == nil || s.b.mem == nil {
		return
	}
	clear(s.b.mem)
	s.b.mem = nil
	pool.give(s.b.at)
}

// WipeAll wipes every one of list.
func WipeAll(list []Bytes) {
	for _, s := range list {
		s.Wipe()
	}
}

// Format hides the bytes under every verb, %x and %q included.
func (s Bytes) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(masked)) }

// String, GoString, the marshallers and LogValue hide the bytes as Format does.
func (s Bytes) String() string                 { return masked }
func (s Bytes) GoString() string               { return masked }
func (s Bytes) MarshalText() ([]byte, error)   { return []byte(masked), nil }
func (s Bytes) MarshalJSON() ([]byte, error)   { return []byte(`"` + masked + `"`), nil }
func (s Bytes) MarshalBinary() ([]byte, error) { return []byte(masked), nil }
func (s Bytes) LogValue() slog.Value           { return slog.StringValue(masked) }
