package entropy_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"conclave/hsm/entropy"
	"conclave/hsm/secret"
)

// constant is a broken generator: it gives one byte for ever.
type constant byte

func (c constant) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(c)
	}
	return len(p), nil
}

// seed is what a token gave; another n, another seed.
func seed(n byte) secret.Bytes {
	b := make([]byte, entropy.SeedSize)
	for i := range b {
		b[i] = byte(i)*7 + n
	}
	return secret.Take(b)
}

func reader(t *testing.T, system io.Reader, seeds ...secret.Bytes) *entropy.Reader {
	t.Helper()
	r := entropy.New(system)
	for _, s := range seeds {
		if err := r.Add(s); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func draw(t *testing.T, r io.Reader, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReader(t *testing.T) {
	const n = 10000 // more than two blocks of stream
	if got := draw(t, reader(t, constant(0)), n); !bytes.Equal(got, make([]byte, n)) {
		t.Error("without a token the bytes are not the system's")
	}
	a, b := draw(t, reader(t, constant(0), seed(1)), n), draw(t, reader(t, constant(0), seed(2)), n)
	if bytes.Equal(a, b) || bytes.Equal(a, make([]byte, n)) {
		t.Error("with a broken system generator the bytes do not hang on the token")
	}
	if bytes.Equal(a[:4064], a[4064:8128]) {
		t.Error("the stream repeats with each block")
	}
	other := draw(t, reader(t, constant(0xA5), seed(1)), n)
	for i := range other {
		if other[i] != a[i]^0xA5 {
			t.Fatal("with a known token the bytes do not hang on the system")
		}
	}
	if c := draw(t, reader(t, constant(0), seed(1), seed(2)), n); bytes.Equal(c, b) {
		t.Error("a second seed took the place of the first")
	}
	r := reader(t, constant(0), seed(1))
	pieces := draw(t, r, 1)
	for len(pieces) < n {
		pieces = append(pieces, draw(t, r, min(33, n-len(pieces)))...)
	}
	if !bytes.Equal(pieces, a) {
		t.Error("what is drawn in pieces is another stream: bytes are skipped or given twice")
	}
}

func TestPoorSeeds(t *testing.T) {
	half := bytes.Repeat([]byte("0123456789abcdefghijklmnopqrstuv"), 2)
	r := reader(t, constant(0), seed(1))
	for name, b := range map[string][]byte{"short": seed(3).Expose()[:32], "zero": make([]byte, 64), "one byte": bytes.Repeat([]byte{0xFF}, 64), "the same twice": half} {
		if err := r.Add(secret.Take(b)); !errors.Is(err, entropy.ErrPoor) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := draw(t, r, 64); !bytes.Equal(got, draw(t, reader(t, constant(0), seed(1)), 64)) {
		t.Error("a refused seed changed the stream")
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestBrokenSystem: the token is never alone.
func TestBrokenSystem(t *testing.T) {
	if _, err := reader(t, broken{}, seed(1)).Read(make([]byte, 8)); err == nil {
		t.Error("bytes came although the operating system gave none")
	}
}
