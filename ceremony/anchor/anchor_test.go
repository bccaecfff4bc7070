package anchor_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"conclave/ceremony/anchor"
)

func digest(c string) string { return strings.Repeat(c, 64) }

// state is number n of the vault, with the recovery and the root key named by a
// hex digit each.
func state(n int, recovery, root string, term uint32) anchor.State {
	return anchor.State{Sequence: n, Ceremony: fmt.Sprintf("KC-%d", n), Key: "bao:01", RecoveryKey: digest(recovery), RootKey: digest(root), Term: term,
		Events: 12, Head: digest("f")}
}

func moved(s anchor.State, key string) anchor.State {
	s.Key = key
	return s
}

func TestJudge(t *testing.T) {
	first := anchor.Anchor{}.Settle(state(1, "a", "b", 1))
	rekeyed := first.Settle(state(2, "a", "c", 1))
	both := rekeyed.Settle(state(3, "d", "c", 2))
	away := both.Settle(moved(state(4, "d", "c", 2), "new:02"))
	for _, c := range []struct {
		name string
		a    anchor.Anchor
		now  anchor.State
		want anchor.Verdict
		says string
	}{
		{"as it was left", both, state(0, "d", "c", 2), anchor.Same, ""},
		{"a server rotated", both, state(0, "d", "c", 5), anchor.Same, ""},
		{"before the rotation", both, state(0, "d", "c", 1), anchor.Older, "term 1, and KC-3 left term 2"},
		{"before the recovery rekey", both, state(0, "a", "c", 2), anchor.Older, "its recovery key is one that was replaced before KC-3"},
		{"before the rekey", rekeyed, state(0, "a", "b", 1), anchor.Older, "its root key is one that was replaced before KC-2"},
		{"another recovery key", both, state(0, "e", "c", 2), anchor.Unknown, "not those that KC-3 left"},
		{"another root key", both, state(0, "d", "e", 2), anchor.Unknown, "not those that KC-3 left"},
		{"from before a rewrap", away, state(0, "d", "c", 2), anchor.Older, "moved to the HSM key new:02 in KC-4"},
		{"put back by a rollback", both.Settle(state(4, "a", "c", 1)), state(0, "a", "c", 1), anchor.Same, ""},
		{"a commit that was not made", both.Begin(state(4, "e", "c", 2)), state(0, "d", "c", 2), anchor.Same, ""},
		{"a commit without its end", both.Begin(state(4, "e", "c", 2)), state(0, "e", "c", 2), anchor.Next, ""},
		{"a rotation without its end", both.Begin(state(4, "d", "c", 3)), state(0, "d", "c", 3), anchor.Next, ""},
		{"a rotation that was not made", both.Begin(state(4, "d", "c", 3)), state(0, "d", "c", 2), anchor.Same, ""},
		{"a rewrap without its end", both.Begin(moved(state(4, "d", "c", 2), "new:02")), moved(state(0, "d", "c", 2), "new:02"), anchor.Next, ""},
		{"a rewrap that was not made", both.Begin(moved(state(4, "d", "c", 2), "new:02")), state(0, "d", "c", 2), anchor.Same, ""},
		{"older, though a rewrap began", both.Begin(moved(state(4, "d", "c", 2), "new:02")), moved(state(0, "a", "c", 1), "new:02"), anchor.Older, "moved to the HSM key"},
		{"older, though a commit began", both.Begin(state(4, "e", "c", 2)), state(0, "a", "c", 1), anchor.Older, "its recovery key"},
	} {
		got, says := c.a.Judge(c.now)
		if got != c.want || !strings.Contains(says, c.says) || (says == "") != (got == anchor.Same || got == anchor.Next) {
			t.Errorf("%s: %s, %q", c.name, got, says)
		}
	}
}

func TestEncode(t *testing.T) {
	long := strings.Repeat("x", 64)
	a := anchor.Anchor{}.Settle(state(1, "a", "b", 1))
	for i := range 40 {
		s := state(i, fmt.Sprintf("%x", i%16), fmt.Sprintf("%x", (i+5)%16), 1)
		s.RecoveryKey = fmt.Sprintf("%064x", i)
		s.Ceremony, s.Key = long, long+":"+long
		a = a.Settle(s)
		whole := a.Begin(s)
		b, err := whole.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := anchor.Decode(b)
		if err != nil || got.Now != whole.Now || *got.Next != *whole.Next || got.Revision != whole.Revision || len(got.Old) == 0 {
			t.Fatalf("%s: %+v, %v", b, got, err)
		}
	}
	a.Now.Ceremony = strings.Repeat("x", 131)
	if _, err := a.Encode(); !errors.Is(err, anchor.ErrForm) {
		t.Errorf("a long name: %v", err)
	}
}

// TestDecode refuses every cut, and takes no changed byte for the same.
func TestDecode(t *testing.T) {
	whole, err := anchor.Anchor{}.Settle(state(1, "a", "b", 1)).Begin(state(2, "a", "c", 1)).Encode()
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		if _, err := anchor.Decode(whole[:i]); !errors.Is(err, anchor.ErrForm) {
			t.Fatalf("cut at %d: %v", i, err)
		}
		b := bytes.Clone(whole)
		b[i] ^= 0x20
		if got, err := anchor.Decode(b); err == nil {
			if again, _ := got.Encode(); !bytes.Equal(again, b) {
				t.Fatalf("byte %d changed: taken for something else", i)
			}
		}
	}
	if _, err := anchor.Decode(append(bytes.Clone(whole), '\n')); !errors.Is(err, anchor.ErrForm) {
		t.Errorf("a line break: %v", err)
	}
}

func TestLatest(t *testing.T) {
	one := anchor.Anchor{}.Settle(state(1, "a", "b", 1))
	two := one.Begin(state(2, "a", "c", 1))
	first, _ := one.Encode()
	second, _ := two.Encode()
	for _, list := range [][][]byte{{first, second}, {second, first}} {
		if a, ok, err := anchor.Latest(list); err != nil || !ok || a.Revision != two.Revision {
			t.Errorf("%+v, %v, %v", a, ok, err)
		}
	}
	if _, ok, err := anchor.Latest(nil); ok || err != nil {
		t.Errorf("of none: %v, %v", ok, err)
	}
	if _, _, err := anchor.Latest([][]byte{first, []byte("{}")}); !errors.Is(err, anchor.ErrForm) {
		t.Errorf("one that is none: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	b, err := anchor.Anchor{}.Settle(state(1, "a", "b", 1)).Begin(state(2, "a", "c", 1)).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := anchor.Decode(b)
		if err != nil {
			return
		}
		if again, err := a.Encode(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%q became %q, %v", b, again, err)
		}
	})
}
