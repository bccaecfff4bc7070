package secret

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestPrintsMasked(t *testing.T) {
	s := Take([]byte("canary-0123456789"))
	defer s.Wipe()
	type holder struct{ S Bytes }
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p", "%T"} {
		fmt.Fprintf(&out, verb+" "+verb+" "+verb+"\n", s, &s, holder{s})
	}
	j, err := json.Marshal(holder{s})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(j)
	if err := xml.NewEncoder(&out).Encode(holder{s}); err != nil {
		t.Fatal(err)
	}
	if err := gob.NewEncoder(&out).Encode(holder{s}); err != nil {
		t.Fatal(err)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("m", "s", s, "h", holder{s})
	slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "s", s, "h", holder{s})
	for _, form := range []string{"canary", fmt.Sprintf("%x", "canary"), fmt.Sprintf("%v", []byte("canary"))} {
		if strings.Contains(out.String(), strings.Trim(form, "[]")) {
			t.Errorf("the output holds the secret as %q", form)
		}
	}
}

func TestWipe(t *testing.T) {
	s := Take([]byte("abcdef"))
	mem := s.Expose()
	other := s
	s.Wipe()
	if !bytes.Equal(mem[:6], make([]byte, 6)) {
		t.Error("the memory still holds the bytes")
	}
	if other.Len() != 0 {
		t.Errorf("a copy of the handle has length %d after Wipe, want 0", other.Len())
	}
	s.Wipe() // again: nothing happens
	Bytes{}.Wipe()
}

func TestTakeClearsSource(t *testing.T) {
	src := []byte("abcdef")
	defer Take(src).Wipe()
	if !bytes.Equal(src, make([]byte, 6)) {
		t.Error("Take left the source as it was")
	}
}

func TestEqualAndCopies(t *testing.T) {
	a, b := Take([]byte("abc")), Take([]byte("abd"))
	c := a.Clone()
	d := a.Slice(0, 2)
	defer WipeAll([]Bytes{a, b, c, d})
	if a.Equal(b) || !a.Equal(c) || a.Equal(d) {
		t.Error("Equal is wrong")
	}
	c.Expose()[0] = 'x'
	if a.Expose()[0] != 'a' {
		t.Error("Clone shares its bytes")
	}
}

func TestArenaReuse(t *testing.T) {
	var held []Bytes
	for i := range 200 {
		held = append(held, Random(1+i*7%900))
	}
	seen := map[*byte]bool{}
	for _, s := range held {
		if p := &s.Expose()[0]; seen[p] {
			t.Fatal("two secrets share memory")
		} else {
			seen[p] = true
		}
	}
	WipeAll(held)
	before := len(pool.regions)
	for range 5000 {
		New(33).Wipe()
	}
	if len(pool.regions) != before {
		t.Errorf("the arena grew from %d to %d regions", before, len(pool.regions))
	}
	big := New(3 * regionSize)
	if big.Len() != 3*regionSize {
		t.Error("a large secret has the wrong length")
	}
	big.Wipe()
}

func TestHardenSaysWhatIsMissing(t *testing.T) {
	short := strings.Join(Harden(), "\n")
	if Erases == strings.Contains(short, "runtime/secret") {
		t.Errorf("Erases is %v, but Harden said %q", Erases, short)
	}
	if m := Memory(); (m == MemorySecret) == strings.Contains(short, "memfd_secret") && m != MemoryUnlocked {
		t.Errorf("memory is %s, but Harden said %q", m, short)
	}
}

func TestDoRuns(t *testing.T) {
	n := 0
	Do(func() { n++ })
	if n != 1 {
		t.Errorf("f ran %d times", n)
	}
}

func TestHeld(t *testing.T) {
	before := Held()
	a, b := New(33), New(65)
	if got := Held() - before; got != 3 {
		t.Errorf("%d cells for 33 and 65 bytes", got)
	}
	a.Wipe()
	b.Wipe()
	if got := Held() - before; got != 0 {
		t.Errorf("%d cells after the wipe", got)
	}
}
