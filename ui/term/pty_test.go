package term

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	xterm "golang.org/x/term"
)

// terminal is a real pseudo-terminal: what a test types goes in at far, what a
// program has comes out of near.
type terminal struct {
	t         *testing.T
	far, near *os.File
	tap       *Tap

	mu     sync.Mutex
	passed bytes.Buffer // what Bubble Tea would see
	notes  []Note
	ended  error
}

// openTerminal makes a pseudo-terminal in raw mode with a Tap over it, which a
// goroutine reads as Bubble Tea does.
func openTerminal(t *testing.T) *terminal {
	t.Helper()
	far, near, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := xterm.MakeRaw(int(near.Fd())); err != nil {
		t.Fatal(err)
	}
	x := &terminal{t: t, far: far, near: near, tap: atOnce(NewTap(near))}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p := make([]byte, 256)
		for {
			n, err := x.tap.Read(p)
			x.mu.Lock()
			x.passed.Write(p[:n])
			x.ended = err
			x.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = far.Close()
		<-done
		_ = x.tap.Close()
	})
	return x
}

func (x *terminal) hear(n Note) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.notes = append(x.notes, n)
}

func (x *terminal) send(s string) {
	x.t.Helper()
	if _, err := io.WriteString(x.far, s); err != nil {
		x.t.Fatal(err)
	}
}

// last is the newest note, or the zero Note.
func (x *terminal) last() Note {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.notes) == 0 {
		return Note{}
	}
	return x.notes[len(x.notes)-1]
}

func (x *terminal) seen() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.passed.String()
}

// until waits for what another goroutine brings about.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 500 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("waited in vain for %s", what)
}

// found counts the pieces of 12 bytes of a text that this process holds in
// memory that can be read: as bytes and as runes. The text is given masked, so
// that the search does not find itself.
func found(t *testing.T, masked []byte) int {
	t.Helper()
	const piece, mask = 12, 0x55
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	var first [256][]int // where a piece begins with a byte
	for i := 0; i+piece <= len(masked); i++ {
		first[masked[i]^mask] = append(first[masked[i]^mask], i)
	}
	hits := map[int]bool{}
	scanned := 0
	buf := make([]byte, 1<<20)
	for line := range strings.Lines(string(maps)) {
		var from, to uint64
		var perm string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &perm); err != nil || !strings.HasPrefix(perm, "rw") {
			continue
		}
		for at := from; at < to; at += uint64(len(buf)) - 64 {
			n, _ := mem.ReadAt(buf[:min(uint64(len(buf)), to-at)], int64(at))
			scanned += n
			for j, c := range buf[:n] {
				if first[c] == nil {
					continue
				}
				for _, i := range first[c] {
					if same(buf[j:n], masked[i:i+piece], 1) || same(buf[j:n], masked[i:i+piece], 4) {
						hits[i] = true
					}
				}
			}
			clear(buf[:n])
		}
	}
	if scanned < 1<<20 {
		t.Fatalf("only %d bytes of memory could be read", scanned)
	}
	return len(hits)
}

// same compares text in memory, of one or four bytes a character, with a masked
// piece.
func same(mem, masked []byte, step int) bool {
	if len(mem) < len(masked)*step {
		return false
	}
	for i, c := range masked {
		if mem[i*step] != c^0x55 {
			return false
		}
		for k := 1; k < step; k++ {
			if mem[i*step+k] != 0 {
				return false
			}
		}
	}
	return true
}
