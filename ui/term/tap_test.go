package term

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/term"

	"conclave/hsm/secret"
)

// Bubble Tea and its reader know a terminal by these.
var (
	_ term.File                  = (*Tap)(nil)
	_ term.File                  = (*Writer)(nil)
	_ interface{ Name() string } = (*Tap)(nil)
)

func TestTapTakes(t *testing.T) {
	for _, tc := range []struct {
		name, typed string
		share       bool
		want        string
		note        Note
	}{
		{"typed", "1234\r", false, "1234", Note{Count: 4, Done: true}},
		{"newline ends", "1234\n", false, "1234", Note{Count: 4, Done: true}},
		{"a PIN may hold anything", "a b\u00e9\r", false, "a b\u00e9", Note{Count: 4, Done: true}},
		{"backspace", "12x\x7f3y\b4\r", false, "1234", Note{Count: 4, Done: true}},
		{"backspace over UTF-8", "1\u00e9\x7f2\r", false, "12", Note{Count: 2, Done: true}},
		{"backspace at the start", "\x7f\x7f12\r", false, "12", Note{Count: 2, Done: true}},
		{"ctrl+u", "999\x1512\r", false, "12", Note{Count: 2, Done: true}},
		{"arrows and keys", "1\x1b[D2\x1bOA3\x1b[15~4\x1b[1;5C\x1b[200m\r", false, "1234", Note{Count: 4, Done: true}},
		{"alt and a lone escape", "1\x1bx2\x1b\x1b\r", false, "12", Note{Count: 2, Done: true}},
		{"other controls", "1\x01\x1a2\t\r", false, "12", Note{Count: 2, Done: true}},
		{"window title sent in", "1\x1b]0;x\x072\x1b]0;y\x1b\\3\r", false, "123", Note{Count: 3, Done: true}},
		{"focus reports", "1\x1b[I\x1b[O2\r", false, "12", Note{Count: 2, Done: true}},
		{"paste", "\x1b[200~12\r\n34\x1b[201~\r", false, "1234", Note{Count: 4, Done: true, Pasted: true}},
		{"paste without its end", "\x1b[200~1234", false, "1234", Note{Count: 4, Pasted: true}},
		{"a share without blanks", "798 114  Z\u00a0\u2011\r", true, "798114Z", Note{Count: 7, Done: true}},
		{"typed on after enter", "12\r34\r", false, "12", Note{Count: 2, Done: true}},
		{"too long", strings.Repeat("x", 70), false, strings.Repeat("x", 64), Note{Count: 64, Full: true}},
		{"group again", "12\a", true, "12", Note{Count: 2, Key: KeyRetype}},
		{"blank by ctrl+l", "12\f", true, "12", Note{Count: 2, Key: KeyBlank}},
		{"blank by F1", "12\x1bOP", true, "12", Note{Count: 2, Key: KeyBlank}},
		{"blank by F1 of other terminals", "12\x1b[11~", true, "12", Note{Count: 2, Key: KeyBlank}},
		{"blank by F1 of the console", "12\x1b[[A", true, "12", Note{Count: 2, Key: KeyBlank}},
		{"note", "12\x0e", true, "12", Note{Count: 2, Key: KeyNote}},
		{"no key inside a paste", "\x1b[200~1\f2\x1b[201~", true, "12", Note{Count: 2, Pasted: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x := openTerminal(t)
			if tc.share {
				x.tap.ArmShare(64, x.hear)
			} else {
				x.tap.Arm(64, x.hear)
			}
			x.send(tc.typed)
			until(t, "the last note", func() bool { return x.last() == tc.note })
			x.tap.Peek(func(b []byte) {
				if string(b) != tc.want {
					t.Errorf("took %q, want %q", b, tc.want)
				}
			})
			got := x.tap.Take()
			defer got.Wipe()
			if string(got.Expose()) != tc.want {
				t.Errorf("Take gave another text")
			}
			if s := x.seen(); s != "" {
				t.Errorf("Bubble Tea saw %q", s)
			}
		})
	}
}

// What is typed reaches Bubble Tea before Arm, after Disarm and while paused,
// and never between.
func TestTapPasses(t *testing.T) {
	x := openTerminal(t)
	sees := func(want string) {
		t.Helper()
		until(t, "keys to pass", func() bool { return len(x.seen()) >= len(want) })
		if got := x.seen(); got != want {
			t.Fatalf("Bubble Tea saw %q, want %q", got, want)
		}
	}
	x.send("ab\x1b[A")
	sees("ab\x1b[A")
	x.tap.Arm(64, x.hear)
	x.send("12")
	until(t, "two characters", func() bool { return x.last().Count == 2 })
	x.tap.Pause()
	x.send("c")
	sees("ab\x1b[Ac")
	x.tap.Resume()
	x.send("34")
	until(t, "four characters", func() bool { return x.last().Count == 4 })
	x.send("\x03")
	sees("ab\x1b[Ac\x03")
	if x.tap.Armed() {
		t.Error("ctrl+c does not disarm")
	}
	x.tap.Peek(func(b []byte) {
		if len(b) != 0 {
			t.Error("ctrl+c does not wipe")
		}
	})
	x.send("d")
	sees("ab\x1b[Ac\x03d")
}

// Whoever presses Enter too early goes on typing the secret: it is dropped
// until the next page.
func TestTapAfterTake(t *testing.T) {
	x := openTerminal(t)
	x.tap.Arm(64, x.hear)
	x.send("12\r")
	until(t, "Enter", func() bool { return x.last().Done })
	s := x.tap.Take()
	defer s.Wipe()
	x.send("3456\x7f\x1b[D")
	x.send("\x0c")
	until(t, "ctrl+l", func() bool { return x.last().Key == KeyBlank })
	if got := x.seen(); got != "" {
		t.Errorf("Bubble Tea saw %q", got)
	}
	x.tap.Disarm()
	x.send("q")
	until(t, "a key of the next page", func() bool { return x.seen() == "q" })
}

// A lost end of a sequence does not swallow the rest of what is typed.
func TestTapSettles(t *testing.T) {
	for _, tc := range []struct {
		name, begun string
		quiet       time.Duration
	}{
		{"escape key", "\x1b", escapeWait},
		{"escape and a bracket", "\x1b[", pasteWait},
		{"a string", "\x1b]", pasteWait},
		{"a paste", "\x1b[200~", pasteWait},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tap := &Tap{}
			clock := time.Unix(0, 0)
			tap.now = func() time.Time { return clock }
			var last Note
			tap.arm(16, false, func(n Note) { last = n })
			defer tap.Disarm()
			p := make([]byte, 16)
			feed := func(s string) {
				_, notes, note := tap.sort(p, []byte(s))
				for _, n := range notes {
					note(n)
				}
			}
			feed(tc.begun)
			clock = clock.Add(tc.quiet + time.Millisecond)
			feed("12\r")
			if last.Count != 2 || !last.Done {
				t.Errorf("after the pause: %+v, want 2 characters and the end", last)
			}
		})
	}
}

// What was typed before the entry opened does not become part of it.
func TestTapFlush(t *testing.T) {
	ahead := openQuiet(t)
	if _, err := io.WriteString(ahead.far, "typed ahead\r"); err != nil {
		t.Fatal(err)
	}
	until(t, "the queue to fill", func() bool { return queued(t, ahead.near) > 0 })
	if err := ahead.tap.Flush(); err != nil {
		t.Fatal(err)
	}
	if n := queued(t, ahead.near); n != 0 {
		t.Errorf("%d bytes are left in the queue", n)
	}
}

func TestTapGone(t *testing.T) {
	x := openTerminal(t)
	x.tap.Arm(64, x.hear)
	_ = x.far.Close()
	select {
	case <-x.tap.Gone():
	case <-time.After(5 * time.Second):
		t.Fatal("nobody says that the terminal is gone")
	}
	until(t, "the reading to end", func() bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		return errors.Is(x.ended, io.EOF)
	})
}

// The cut of one group and the caret in it, as the share page uses them.
func TestTapCut(t *testing.T) {
	x := openTerminal(t)
	x.tap.ArmShare(64, x.hear)
	x.send("AAABBBCCC")
	until(t, "nine characters", func() bool { return x.last().Count == 9 })
	x.tap.Cut(3, 6)
	x.send("xyz")
	until(t, "the group again", func() bool { return x.last().Count == 9 && x.tap.Caret() == 6 })
	x.tap.End()
	x.send("!")
	until(t, "ten characters", func() bool { return x.last().Count == 10 })
	x.tap.Peek(func(b []byte) {
		if string(b) != "AAAxyzCCC!" {
			t.Errorf("the text is %q", b)
		}
	})
}

// typeSecret types n random characters from locked memory and returns them
// masked.
func typeSecret(t *testing.T, x *terminal, n int, before, after string) []byte {
	t.Helper()
	raw := make([]byte, n/2)
	if _, err := rand.Read(raw); err != nil {
		t.Fatal(err)
	}
	s := secret.New(len(before) + n + len(after))
	defer s.Wipe()
	b := s.Expose()
	copy(b, before)
	hex.Encode(b[len(before):], raw)
	copy(b[len(before)+n:], after)
	clear(raw)
	masked := make([]byte, n)
	for i := range masked {
		masked[i] = b[len(before)+i] ^ 0x55
	}
	if _, err := x.far.Write(b); err != nil {
		t.Fatal(err)
	}
	return masked
}
