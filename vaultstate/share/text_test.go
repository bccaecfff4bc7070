package share_test

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"conclave/hsm/secret"
	"conclave/vaultstate/share"
)

var (
	real     = share.Scheme{}
	practice = share.Scheme{Practice: true}
)

// sheet is the page of the mock-up "One share shown", and the share on it.
var sheet = []string{
	"798114Z", "20CB50F", "02E950G", "91FE71E", "1BA749A", "4190850",
	"903C08K", "3FEFC7Z", "8F600EF", "7F911FW", "357601C",
}

func sheetBytes(t testing.TB) []byte {
	t.Helper()
	var digits string
	for _, g := range sheet {
		digits += g[:6]
	}
	b, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func text(s string) secret.Bytes { return secret.Take([]byte(s)) }

// parse parses s and wipes nothing: test values are no secrets.
func parse(sc share.Scheme, s string, want int) ([]byte, share.Form, error) {
	b, form, err := sc.Parse(text(s), want)
	return b.Expose(), form, err
}

func TestGroups(t *testing.T) {
	b := secret.Take(sheetBytes(t))
	if got := string(real.Groups(b).Expose()); got != strings.Join(sheet, "") {
		t.Errorf("Groups = %s", got)
	}
	if got := string(share.Hex(b).Expose()); got != hex.EncodeToString(sheetBytes(t)) {
		t.Errorf("Hex = %s", got)
	}
	if n := share.GroupCount(33); n != 11 {
		t.Errorf("%d groups", n)
	}
	for i, g := range sheet {
		from, to := share.GroupAt(i, 33)
		if got := string(real.Groups(b).Expose()[from:to]); got != g {
			t.Errorf("group %d lies at %d to %d: %s", i, from, to, got)
		}
	}
	// A key that is not split: ten groups of six, one of four.
	key := secret.Take(sheetBytes(t)[:32])
	got := string(real.Groups(key).Expose())
	if len(got) != 75 || !strings.HasPrefix(got, strings.Join(sheet[:10], "")+"3576") {
		t.Errorf("32 bytes: %s", got)
	}
	if from, to := share.GroupAt(10, 32); to-from != 5 || to != 75 {
		t.Errorf("last group of 32 bytes: %d to %d", from, to)
	}
}

func TestParseForms(t *testing.T) {
	b := sheetBytes(t)
	g := strings.Join(sheet, "")
	h := hex.EncodeToString(b)
	var numbered, spaced string
	for i, s := range sheet {
		n := " " + string(rune('0'+(i+1)%10))
		if i >= 9 {
			n = "1" + string(rune('0'+(i+1)%10))
		}
		numbered += n + "   " + s[:3] + " " + s[3:6] + "   " + s[6:] + "\n"
		spaced += n + ". " + s + " "
	}
	std, raw := base64.StdEncoding.EncodeToString, base64.RawStdEncoding.EncodeToString
	for _, c := range []struct {
		name, text string
		want       int
		form       share.Form
	}{
		{"groups", g, 33, share.InGroups},
		{"groups, lower case", strings.ToLower(g), 33, share.InGroups},
		{"groups with blanks", strings.Join(sheet, " "), 33, share.InGroups},
		{"groups with dashes", strings.Join(sheet, "-"), 33, share.InGroups},
		{"groups on lines", strings.Join(sheet, "\r\n") + "\n", 33, share.InGroups},
		{"as on the sheet", numbered, 33, share.InGroups},
		{"numbered on a line", spaced, 33, share.InGroups},
		{"hex", h, 33, share.InHex},
		{"hex, upper case", strings.ToUpper(h), 33, share.InHex},
		{"hex with a newline", h + "\n", 33, share.InHex},
		{"hex in blocks", h[:20] + " " + h[20:40] + "\t" + h[40:], 33, share.InHex},
		{"base64", std(b), 33, share.InBase64},
		{"base64 on two lines", std(b)[:30] + "\n" + std(b)[30:] + "\n", 33, share.InBase64},
		{"key in hex", h[:64], 32, share.InHex},
		{"key in base64", std(b[:32]), 32, share.InBase64},
		{"key in raw base64", raw(b[:32]), 32, share.InBase64},
		{"key in groups", string(real.Groups(secret.Take(sheetBytes(t)[:32])).Expose()), 32, share.InGroups},
	} {
		got, form, err := parse(real, c.text, c.want)
		if err != nil || form != c.form || !slices.Equal(got, b[:c.want]) {
			t.Errorf("%s: %s, %v", c.name, form, err)
		}
		if e := real.Inspect([]byte(c.text), c.want); !e.Done || e.Form != c.form || e.Err != nil {
			t.Errorf("%s: Inspect: %+v", c.name, e)
		}
	}
}

func TestParseRealShares(t *testing.T) {
	for _, name := range []string{"openbao-2.5.5-aes", "openbao-2.5.5-rsa"} {
		shares, _ := known(t, name)
		for i, s := range shares {
			for _, sc := range []share.Scheme{real, practice} {
				for _, form := range []string{
					string(sc.Groups(s).Expose()), string(share.Hex(s).Expose()),
					base64.StdEncoding.EncodeToString(s.Expose()),
				} {
					got, _, err := parse(sc, form, 33)
					if err != nil || !slices.Equal(got, s.Expose()) {
						t.Errorf("%s share %d: %v", name, i+1, err)
					}
				}
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	b := sheetBytes(t)
	g, h := strings.Join(sheet, ""), hex.EncodeToString(b)
	std := base64.StdEncoding.EncodeToString(b)
	zero := append(slices.Clone(b[:32]), 0)
	sw := func(i int, s string) string { // group i replaced
		l := slices.Clone(sheet)
		l[i-1] = s
		return strings.Join(l, "")
	}
	for _, c := range []struct {
		name, text string
		want       int
		kind       share.Kind
		groups     []int
	}{
		{"nothing", "", 33, share.BadLength, nil},
		{"blanks", " \n-", 33, share.BadLength, nil},
		{"a word", "hello", 33, share.BadLength, nil},
		{"hex, one short", h[1:], 33, share.BadLength, nil},
		{"hex, one more", h + "0", 33, share.BadLength, nil},
		{"hex with O", "O" + h[1:], 33, share.BadAlphabet, nil},
		{"hex of a key", h[:64], 33, share.BadLength, nil},
		{"hex of a share", h, 32, share.BadLength, nil},
		{"hex broken off after 44", h[:44], 33, share.BadLength, nil},
		{"base64, one short", std[1:], 33, share.BadLength, nil},
		{"base64, sign", "*" + std[1:], 33, share.BadAlphabet, nil},
		{"base64 of a key", base64.StdEncoding.EncodeToString(b[:32]), 33, share.BadLength, nil},
		{"base64 of a share", std, 32, share.BadLength, nil},
		{"padding in the middle", std[:20] + "=" + std[21:], 33, share.BadAlphabet, nil},
		{"groups broken off after 44", g[:44], 33, share.BadLength, []int{7}},
		{"groups broken off after 66", g[:66], 33, share.BadLength, []int{10}},
		{"groups, one more", g + "0", 33, share.BadLength, nil},
		{"groups, one character dropped", g[:15] + g[16:], 33, share.BadLength, nil},
		{"group 7 wrong", sw(7, "903C07K"), 33, share.BadCheck, []int{7}},
		{"groups 2 and 9 wrong", sw(2, "20CB51F")[:56] + "8F610EF" + g[63:], 33, share.BadCheck, []int{2, 9}},
		{"groups 3 and 4 swapped", sw(3, sheet[3])[:21] + sheet[2] + g[28:], 33, share.BadCheck, []int{3, 4}},
		{"the letter O in group 2", sw(2, "2OCB50F"), 33, share.BadAlphabet, []int{2}},
		{"no such check character", sw(2, "20CB50U"), 33, share.BadAlphabet, []int{2}},
		{"two unreadable in a group", sw(2, "2??B50F"), 33, share.BadAlphabet, []int{2}},
		{"digit and check unreadable", sw(2, "2?CB50?"), 33, share.BadAlphabet, []int{2}},
		{"x is 0, groups", string(real.Groups(secret.Take(slices.Clone(zero))).Expose()), 33, share.XZero, nil},
		{"x is 0, hex", hex.EncodeToString(zero), 33, share.XZero, nil},
		{"x is 0, base64", base64.StdEncoding.EncodeToString(zero), 33, share.XZero, nil},
		{"practice", string(practice.Groups(secret.Take(sheetBytes(t))).Expose()), 33, share.IsPractice, nil},
		{"practice, a check unreadable", func() string {
			p := string(practice.Groups(secret.Take(sheetBytes(t))).Expose())
			return p[:6] + "?" + p[7:]
		}(), 33, share.IsPractice, nil},
		{"practice, two groups wrong", "FF" + string(practice.Groups(secret.Take(sheetBytes(t))).Expose()[2:20]) + "?" +
			string(practice.Groups(secret.Take(sheetBytes(t))).Expose()[21:]), 33, share.IsPractice, nil},
		{"checks unreadable, two groups wrong", func() string {
			s := []byte(sw(1, "0981140"))
			for i := 20; i < 77; i += 7 {
				s[i] = '?'
			}
			s[7] = '1'
			return string(s)
		}(), 33, share.BadCheck, []int{1, 2}},
		{"practice, one unreadable", "?" + string(practice.Groups(secret.Take(sheetBytes(t))).Expose()[1:]), 33, share.IsPractice, nil},
	} {
		got, _, err := parse(real, c.text, c.want)
		var e *share.EntryError
		if !errors.As(err, &e) {
			t.Errorf("%s: %v, %x", c.name, err, got)
			continue
		}
		if e.Kind != c.kind || c.groups != nil && !slices.Equal(e.Groups, c.groups) {
			t.Errorf("%s: kind %d, groups %v (%v)", c.name, e.Kind, e.Groups, err)
		}
		if len(got) != 0 {
			t.Errorf("%s: bytes came with the error", c.name)
		}
	}
	// 43 characters of base64 with a bit beyond the last byte.
	key := base64.RawStdEncoding.EncodeToString(b[:32])
	var e *share.EntryError
	for _, c := range []struct {
		err  share.EntryError
		want string
	}{
		{share.EntryError{Kind: share.BadLength, Typed: 65, Total: 66}, "the share has 65 characters instead of 66"},
		{share.EntryError{Kind: share.BadAlphabet, Form: share.InHex}, "the share has a character that hex does not have"},
		{share.EntryError{Kind: share.BadAlphabet, Groups: []int{2}}, "there is a character that groups do not have in group 2"},
		{share.EntryError{Kind: share.BadCheck, Groups: []int{7}}, "group 7 does not check"},
		{share.EntryError{Kind: share.BadCheck, Groups: []int{3, 4}}, "groups 3, 4 do not check"},
	} {
		if got := c.err.Error(); got != c.want || c.err.Kind.String() == "" {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	if _, _, err := parse(real, key[:42]+string(key[42]+1), 32); !errors.As(err, &e) || e.Kind != share.BadAlphabet {
		t.Errorf("base64 with a bit too many: %v", err)
	}
	if _, _, err := parse(practice, g, 33); !errors.As(err, &e) || e.Kind != share.IsReal {
		t.Errorf("a real share in a rehearsal: %v", err)
	}
	if _, _, err := parse(real, g, 16); err == nil || errors.As(err, &e) {
		t.Errorf("16 bytes: %v", err)
	}
}

// TestMovedLines: a sheet read with all lines moved, whose checks are all off by
// the same amount, is not taken for a practice share.
func TestMovedLines(t *testing.T) {
	for d := 1; d <= 10; d++ {
		for _, sign := range []int{1, -1} {
			var moved string
			for i, g := range sheet {
				v, err := strconv.ParseUint(g[:6], 16, 32)
				if err != nil {
					t.Fatal(err)
				}
				c := (int(v) + 7*(i+1+sign*d) + 31*7*d) % 31
				moved += g[:6] + "0123456789ABCDEFGHJKMNPQRTVWXYZ"[c:c+1]
			}
			var e *share.EntryError
			if _, _, err := parse(real, moved, 33); !errors.As(err, &e) || e.Kind != share.BadCheck || len(e.Groups) != 11 {
				t.Errorf("moved by %d: %v", sign*d, err)
			}
		}
	}
}

// TestEverySlip tries, at each place of each group, every wrong character, every
// swap of neighbours, and every group on every other line.
func TestEverySlip(t *testing.T) {
	for _, want := range []int{33, 32} {
		for round := range 2 {
			b := secret.Random(want)
			if want == 33 && share.X(b) == 0 {
				b.Expose()[32] = 1
			}
			good := string(real.Groups(b).Expose())
			located := func(what, s string, groups ...int) {
				t.Helper()
				got, _, err := parse(real, s, want)
				var e *share.EntryError
				if !errors.As(err, &e) || !slices.Equal(e.Groups, groups) {
					t.Fatalf("round %d: %s in group %v: %v, equal %v", round, what, groups, err, slices.Equal(got, b.Expose()))
				}
				if in := real.Inspect([]byte(s), want); in.Done || in.Wrong != groups[0] {
					t.Fatalf("round %d: %s in group %v: Inspect %+v", round, what, groups, in)
				}
			}
			for g := range share.GroupCount(want) {
				from, to := share.GroupAt(g, want)
				for at := from; at < to; at++ {
					for _, c := range "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ!" {
						if byte(c) != good[at] {
							located("a wrong character", good[:at]+string(c)+good[at+1:], g+1)
						}
					}
					if at+1 < to && good[at] != good[at+1] {
						located("a swap", good[:at]+good[at+1:at+2]+good[at:at+1]+good[at+2:], g+1)
					}
				}
				for o := range g {
					of, ot := share.GroupAt(o, want)
					if ot-of != to-from || good[of:ot] == good[from:to] {
						continue
					}
					located("exchanged groups", good[:of]+good[from:to]+good[ot:from]+good[of:ot]+good[to:], o+1, g+1)
				}
			}
		}
	}
}

// TestUnreadable gives back every single character that is typed as "?".
func TestUnreadable(t *testing.T) {
	for _, want := range []int{33, 32} {
		b := secret.Random(want)
		b.Expose()[want-1] |= 1
		good := string(real.Groups(b).Expose())
		for at := range good {
			s := good[:at] + "?" + good[at+1:]
			got, _, err := parse(real, s, want)
			if err != nil || !slices.Equal(got, b.Expose()) {
				t.Errorf("place %d: %v", at, err)
			}
			if e := real.Inspect([]byte(s), want); !e.Done || e.Groups[at/7] != share.Completed {
				t.Errorf("place %d: %+v", at, e)
			}
		}
		// One in every group.
		s := []byte(good)
		for g := range share.GroupCount(want) {
			from, _ := share.GroupAt(g, want)
			s[from+g%4] = '?'
		}
		if got, _, err := parse(real, string(s), want); err != nil || !slices.Equal(got, b.Expose()) {
			t.Errorf("one unreadable in each group: %v", err)
		}
		if _, _, err := parse(real, strings.Repeat("0", 2*want-1)+"?", want); err == nil {
			t.Error("an unreadable character in hex was accepted")
		}
	}
}

// TestInspectTyping follows the entry of the sheet character by character.
func TestInspectTyping(t *testing.T) {
	g := strings.Join(sheet, "")
	for n := range len(g) + 1 {
		e := real.Inspect([]byte(g[:n]), 33)
		if e.Typed != n || e.Total != 77 || e.Count != 11 || e.Wrong != 0 || e.Done != (n == 77) {
			t.Fatalf("after %d: %+v", n, e)
		}
		if n > 0 && n < 77 && (e.Current != n/7+1 || e.InGroup != n%7) {
			t.Fatalf("after %d: group %d, %d of it", n, e.Current, e.InGroup)
		}
		for i, s := range e.Groups {
			want := share.Open
			switch {
			case i < n/7:
				want = share.Good
			case i == n/7 && n%7 > 0:
				want = share.Typing
			}
			if s != want {
				t.Fatalf("after %d: group %d is %s", n, i+1, s)
			}
		}
	}
	// The state of the mock-up: group 7 wrong, three characters of group 9.
	e := real.Inspect([]byte(g[:48]+"J"+g[49:59]), 33)
	if e.Wrong != 7 || e.Current != 9 || e.InGroup != 3 || e.Typed != 59 || e.Groups[7] != share.Good || e.Err != nil {
		t.Errorf("%+v", e)
	}
	// A first group that is wrong is known as soon as the form is.
	for _, n := range []int{14, 15, 20, 40} {
		if e := real.Inspect([]byte("8"+g[1:n]), 33); e.Form != share.InGroups || e.Wrong != 1 {
			t.Errorf("after %d: %+v", n, e)
		}
	}
	// Hex and base64 are known early, and never show a wrong group.
	h := hex.EncodeToString(sheetBytes(t))
	for n := range len(h) + 1 {
		if e := real.Inspect([]byte(h[:n]), 33); e.Wrong != 0 || n > 20 && e.Form != share.InHex || e.Done != (n == 66) {
			t.Errorf("hex after %d: %+v", n, e)
		}
	}
	b := "ayxpY2BC+O8IuDRMhV/38HQKQTOtp/w38tuW9Rf+fWkd"
	for n := range len(b) + 1 {
		if e := real.Inspect([]byte(b[:n]), 33); e.Wrong != 0 || n > 4 && e.Form != share.InBase64 || e.Done != (n == 44) {
			t.Errorf("base64 after %d: %+v", n, e)
		}
	}
}

// TestInspectMakesNoCopy: not one allocation, so none of the text's bytes.
func TestInspectMakesNoCopy(t *testing.T) {
	for _, s := range []string{strings.Join(sheet, " "), strings.Join(sheet, "")[:40], hex.EncodeToString(sheetBytes(t))} {
		b := []byte(s)
		if n := testing.AllocsPerRun(100, func() { real.Inspect(b, 33) }); n != 0 {
			t.Errorf("%.0f allocations", n)
		}
	}
}

// FuzzParse: whatever is typed, Parse and Inspect agree, errors hold none of the
// text, and what is read comes back through every form.
func FuzzParse(f *testing.F) {
	g := strings.Join(sheet, "")
	for _, s := range []string{
		"", g, g[:50], strings.Join(sheet, " "), "?" + g[1:], g[:6] + "?" + g[7:], hex.EncodeToString(sheetBytes(f)),
		base64.StdEncoding.EncodeToString(sheetBytes(f)), base64.RawStdEncoding.EncodeToString(sheetBytes(f)[:32]),
		"1798114Z220CB50F", "=?=", strings.Repeat("0", 77), strings.Repeat("0", 90), strings.Repeat("?", 77),
	} {
		f.Add([]byte(s), false, false)
		f.Add([]byte(s), true, true)
	}
	f.Fuzz(func(t *testing.T, in []byte, isPractice, key bool) {
		sc, want := share.Scheme{Practice: isPractice}, 33
		if key {
			want = 32
		}
		typed := secret.Take(slices.Clone(in))
		defer typed.Wipe()
		e := sc.Inspect(in, want)
		got, form, err := sc.Parse(typed, want)
		defer got.Wipe()
		if e.Form != form {
			t.Fatalf("Inspect says %s, Parse %s", e.Form, form)
		}
		if err == nil {
			if !e.Done || got.Len() != want {
				t.Fatalf("Parse took what Inspect did not: %+v", e)
			}
			for _, form := range []secret.Bytes{sc.Groups(got), share.Hex(got)} {
				back, _, err := sc.Parse(form, want)
				if err != nil || !back.Equal(got) {
					t.Fatalf("does not come back: %v", err)
				}
				secret.WipeAll([]secret.Bytes{form, back})
			}
			return
		}
		var fault *share.EntryError
		if !errors.As(err, &fault) || got.Len() != 0 {
			t.Fatalf("%v, %d bytes", err, got.Len())
		}
		cut := form == share.InBase64 && fault.Kind == share.BadAlphabet
		if e.Done && fault.Kind != share.XZero && !cut {
			t.Fatalf("Inspect is done, Parse says %v", err)
		}
		if e.Err != nil && e.Err.Kind != fault.Kind {
			t.Fatalf("Inspect says %v, Parse %v", e.Err, err)
		}
	})
}

func TestGroupsFit(t *testing.T) {
	split := func(s share.Scheme, raw secret.Bytes) (groups []string) {
		text := string(s.Groups(raw).Expose())
		for g := range share.GroupCount(raw.Len()) {
			from, to := share.GroupAt(g, raw.Len())
			groups = append(groups, text[from:to])
		}
		return groups
	}
	for _, scheme := range []share.Scheme{{}, {Practice: true}} {
		g := split(scheme, secret.Random(33))
		for from := range len(g) - 2 {
			if !share.GroupsFit([]string{"A004277", g[from], g[from+1], g[from+2]}) {
				t.Errorf("groups %d to %d of %q do not fit", from+1, from+3, g)
			}
		}
		if share.GroupsFit(g[:2]) {
			t.Error("two groups are enough")
		}
	}
	for _, groups := range [][]string{nil, {"A004277", "A004278", "A004279"}, {"", "A", "A00427"}, {"00000Z0", "00000Z1", "00000Z2"}} {
		if share.GroupsFit(groups) {
			t.Errorf("%q fit", groups)
		}
	}
}
