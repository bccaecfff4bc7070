package clean_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"conclave/assets/clean"
)

func TestClean(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"Alice Example <alice@example.org>", "Alice Example <alice@example.org>"},
		{"Zoë Müller, 李雷, Ивáн, محمد, नमस्ते", "Zoë Müller, 李雷, Ивáн, محمد, नमस्ते"},
		{"a\x1b]0;title\x07b", `a\x1b]0;title\x07b`},
		{"\x1b[2J\x1b[H", `\x1b[2J\x1b[H`},
		{"one\ntwo\r\ttab", `one\x0atwo\x0d\x09tab`},
		{"\x00\x7f", `\x00\x7f`},
		{"\u009b31m", `\x9b31m`},
		{"bad \xff\xc3 utf8", `bad \xff\xc3 utf8`},
		{"\ufffd", "\ufffd"},
		{"abc\u202edef", `abc\u202edef`},
		{"\u2066x\u2069\u200e\u200f\u061c", `\u2066x\u2069\u200e\u200f\u061c`},
		{"A\u200blice\u200d\ufeff\u00ad\u2060", `A\u200blice\u200d\ufeff\u00ad\u2060`},
		{"line\u2028par\u2029", `line\u2028par\u2029`},
		{"\u00a0no-break\u3000wide", " no-break wide"},
		{"\u2801\u28ff", `\u2801\u28ff`},
		{"\ufe0f\U000e0041\U000e0101", `\ufe0f\U000e0041\U000e0101`},
		{"\u3164\u115f\uffa0", `\u3164\u115f\uffa0`},
		{"\ue000", `\ue000`},
		{"e\u0301\u0301\u0301\u0301\u0301", "e\u0301\u0301\u0301\u0301" + `\u0301`},
		{`already \x1b`, `already \x1b`},
	} {
		if got := clean.Clean(c.in); got != c.want {
			t.Errorf("Clean(%+q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		in    string
		limit int
		want  string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"ab\x1b", 5, `ab…`}, {"ab\x1b", 6, `ab\x1b`},
		{"äöü", 3, "äöü"}, {"äöüß", 3, "äö…"}, {"a", 0, ""}, {"", 0, ""}, {"ab", 1, "…"}, {"\x1b", 3, "…"},
	} {
		if got := clean.Cut(c.in, c.limit); got != c.want {
			t.Errorf("Cut(%q, %d) = %q, want %q", c.in, c.limit, got, c.want)
		}
	}
	if n := utf8.RuneCountInString(clean.Clean(strings.Repeat("x", 10*clean.Max))); n != clean.Max {
		t.Errorf("%d characters", n)
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "Alice", "\x1b]0;x\a", "\u202e", "\xff\xfe", "\u2801", strings.Repeat("e\u0301", 200)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := clean.Clean(s)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > clean.Max {
			t.Fatalf("%q is not valid or too long", got)
		}
		for _, r := range got {
			if !unicode.IsPrint(r) || 0x2800 <= r && r <= 0x28ff {
				t.Fatalf("%q lets %U through", got, r)
			}
		}
		if again := clean.Clean(got); again != got {
			t.Fatalf("cleaning twice: %q, then %q", got, again)
		}
	})
}
