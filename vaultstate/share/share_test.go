package share_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/share"
)

// known are the recovery shares that real servers issued.
func known(t testing.TB, name string) (shares []secret.Bytes, threshold int) {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var k struct {
		Threshold int      `json:"recovery_threshold"`
		Shares    []string `json:"recovery_keys_base64"`
	}
	if err := json.Unmarshal(raw, &k); err != nil {
		t.Fatal(err)
	}
	for _, s := range k.Shares {
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		shares = append(shares, secret.Take(b))
	}
	t.Cleanup(func() { secret.WipeAll(shares) })
	return shares, k.Threshold
}

// choices lists every way to choose k of n.
func choices(n, k int) [][]int {
	var out [][]int
	for bits := range 1 << n {
		var c []int
		for i := range n {
			if bits>>i&1 == 1 {
				c = append(c, i)
			}
		}
		if len(c) == k {
			out = append(out, c)
		}
	}
	return out
}

func chosen(shares []secret.Bytes, which []int) []secret.Bytes {
	var out []secret.Bytes
	for _, w := range which {
		out = append(out, shares[w])
	}
	return out
}

// TestRealShares combines the shares of real servers: every quorum gives the
// same key, all shares together too, and all lie on one polynomial.
func TestRealShares(t *testing.T) {
	for _, name := range []string{"openbao-2.5.5-aes", "openbao-2.5.5-rsa"} {
		shares, threshold := known(t, name)
		want, err := share.Combine(shares)
		if err != nil {
			t.Fatal(err)
		}
		defer want.Wipe()
		if want.Len() != 32 {
			t.Errorf("%s: the key has %d bytes", name, want.Len())
		}
		for _, c := range choices(len(shares), threshold) {
			got, err := share.Combine(chosen(shares, c))
			if err != nil || !got.Equal(want) {
				t.Errorf("%s: shares %v make another key (%v)", name, c, err)
			}
			got.Wipe()
		}
		if few, err := share.Combine(shares[:threshold-1]); err == nil && few.Equal(want) {
			t.Errorf("%s: fewer than the threshold made the key", name)
		}
		if bad, err := share.SamePolynomial(shares, threshold); err != nil || bad != nil {
			t.Errorf("%s: SamePolynomial = %v, %v", name, bad, err)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	for n := 2; n <= 7; n++ {
		for k := 2; k <= n; k++ {
			key := secret.Random(32)
			shares, err := share.Split(key, n, k)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range choices(n, k) {
				got, err := share.Combine(chosen(shares, c))
				if err != nil || !got.Equal(key) {
					t.Errorf("%d of %d: shares %v do not give the key back (%v)", k, n, c, err)
				}
				got.Wipe()
			}
			if bad, err := share.SamePolynomial(shares, k); err != nil || bad != nil {
				t.Errorf("%d of %d: SamePolynomial = %v, %v", k, n, bad, err)
			}
			secret.WipeAll(shares)
			key.Wipe()
		}
	}
}

func TestSplitBounds(t *testing.T) {
	key := secret.Random(32)
	defer key.Wipe()
	for _, c := range []struct {
		n, t int
		ok   bool
	}{
		{1, 1, true}, {2, 2, true}, {255, 128, true}, {255, 255, true}, {255, 2, true},
		{0, 0, false}, {-1, 1, false}, {1, 0, false}, {1, 2, false}, {2, 1, false}, {3, 0, false},
		{3, 4, false}, {256, 3, false}, {256, 256, false}, {3, -1, false},
	} {
		shares, err := share.Split(key, c.n, c.t)
		if (err == nil) != c.ok {
			t.Errorf("Split(%d, %d): %v", c.n, c.t, err)
		}
		if err != nil {
			continue
		}
		if len(shares) != c.n {
			t.Errorf("Split(%d, %d) made %d shares", c.n, c.t, len(shares))
		}
		if c.n == 1 {
			if !shares[0].Equal(key) {
				t.Error("one of one is not the key itself")
			}
			continue
		}
		got, err := share.Combine(shares[c.n-c.t:])
		if err != nil || !got.Equal(key) {
			t.Errorf("%d of %d does not come back (%v)", c.t, c.n, err)
		}
		secret.WipeAll(append(shares, got))
	}
	if _, err := share.Split(secret.Bytes{}, 3, 2); err == nil {
		t.Error("an empty key was split")
	}
}

func TestCheckCounts(t *testing.T) {
	for _, c := range []struct {
		n, t   int
		reason string
	}{
		{1, 1, ""}, {5, 3, ""}, {255, 255, ""},
		{0, 0, "at least one share"}, {256, 3, "more than 255"}, {3, 0, "must be at least one"},
		{2, 1, "must be at least two"}, {3, 4, "larger than the number of shares"},
	} {
		err := share.CheckCounts(c.n, c.t)
		if (err == nil) != (c.reason == "") || err != nil && !strings.Contains(err.Error(), c.reason) {
			t.Errorf("CheckCounts(%d, %d) = %v, want %q", c.n, c.t, err, c.reason)
		}
	}
}

// TestSplitLeavesKey: what Split takes stays the caller's.
func TestSplitLeavesKey(t *testing.T) {
	key := secret.Random(32)
	defer key.Wipe()
	before := key.Clone()
	defer before.Wipe()
	one, err := share.Split(key, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	secret.WipeAll(one)
	if !key.Equal(before) {
		t.Error("wiping the share wiped the key")
	}
}

func TestCombineRefuses(t *testing.T) {
	mk := func(s string) secret.Bytes {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return secret.Take(b)
	}
	for name, list := range map[string][]secret.Bytes{
		"none":           nil,
		"one":            {mk("0a01")},
		"x is 0":         {mk("0a01"), mk("0b00")},
		"equal x":        {mk("0a01"), mk("0b02"), mk("0c01")},
		"twice the same": {mk("0a01"), mk("0a01")},
		"lengths differ": {mk("0a01"), mk("0b0c02")},
		"too short":      {mk("01"), mk("02")},
		"empty":          {mk("0a01"), {}},
	} {
		if key, err := share.Combine(list); err == nil || key.Len() != 0 {
			t.Errorf("%s: combined", name)
		}
	}
}

func TestFind(t *testing.T) {
	key := secret.Random(32)
	defer key.Wipe()
	calls := 0
	good := func(k secret.Bytes) bool { calls++; return k.Equal(key) }
	for _, c := range []struct {
		n, t  int
		wrong []int
		most  int // combinations
	}{
		{3, 3, nil, 1},
		{5, 3, nil, 1},
		{5, 3, []int{0}, 5},
		{5, 3, []int{2}, 5},
		{5, 3, []int{4}, 1},
		{5, 3, []int{1, 3}, 10},
		{5, 2, []int{0, 2, 4}, 10},
		{7, 4, []int{0, 3, 5}, 35},
		{12, 5, []int{1, 4, 7}, 792},
		{20, 6, []int{2, 6, 10, 14, 18}, 10000},
	} {
		shares, err := share.Split(key, c.n, c.t)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range c.wrong {
			shares[w].Expose()[w] ^= 0x40
		}
		calls = 0
		got, bad, tried, err := share.Find(shares, c.t, 10000, good)
		if err != nil || !got.Equal(key) || !slices.Equal(bad, c.wrong) {
			t.Errorf("%d of %d, wrong %v: found bad %v, %v", c.t, c.n, c.wrong, bad, err)
		}
		if tried > c.most || tried != calls {
			t.Errorf("%d of %d, wrong %v: %d combinations, %d asked, at most %d expected", c.t, c.n, c.wrong, tried, calls, c.most)
		}
		secret.WipeAll(append(shares, got))
	}
}

func TestFindGivesUp(t *testing.T) {
	key := secret.Random(32)
	defer key.Wipe()
	shares, err := share.Split(key, 6, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer secret.WipeAll(shares)
	var seen []secret.Bytes
	never := func(k secret.Bytes) bool { seen = append(seen, k); return false }
	for _, c := range []struct {
		given, limit, tried int
		err                 error
	}{
		{3, 10000, 1, share.ErrNoKey},
		{6, 10000, 20, share.ErrNoKey},
		{6, 20, 20, share.ErrNoKey},
		{6, 19, 19, vaultstate.ErrTooManySubsets},
		{6, 1, 1, vaultstate.ErrTooManySubsets},
	} {
		key, bad, tried, err := share.Find(shares[:c.given], 3, c.limit, never)
		if !errors.Is(err, c.err) || key.Len() != 0 || bad != nil || tried != c.tried {
			t.Errorf("%+v: %d bytes, bad %v, tried %d, %v", c, key.Len(), bad, tried, err)
		}
	}
	for _, k := range seen {
		if k.Len() != 0 {
			t.Fatal("a wrong key was not wiped")
		}
	}
	if _, _, _, err := share.Find(shares[:2], 3, 10, never); err == nil {
		t.Error("fewer shares than the threshold")
	}
	if _, _, _, err := share.Find(append(shares[:2:2], shares[0]), 3, 10, never); err == nil {
		t.Error("a share given twice")
	}
}

// TestFindUnsplit: one of one, where each share typed is a whole key.
func TestFindUnsplit(t *testing.T) {
	key, other := secret.Random(32), secret.Random(32)
	defer secret.WipeAll([]secret.Bytes{key, other})
	got, bad, _, err := share.Find([]secret.Bytes{other, key}, 1, 10, key.Equal)
	if err != nil || !got.Equal(key) || !slices.Equal(bad, []int{0}) {
		t.Errorf("bad %v, %v", bad, err)
	}
	got.Wipe()
}

func TestSamePolynomialNamesEach(t *testing.T) {
	key := secret.Random(32)
	defer key.Wipe()
	shares, err := share.Split(key, 7, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer secret.WipeAll(shares)
	for i := 3; i < 7; i++ {
		for at := range 33 {
			shares[i].Expose()[at] ^= 1
			bad, err := share.SamePolynomial(shares, 3)
			if at == 32 && err != nil { // the x is another share's now
				bad = []int{i}
			}
			if !slices.Equal(bad, []int{i}) {
				t.Errorf("byte %d of share %d changed: %v, %v", at, i, bad, err)
			}
			shares[i].Expose()[at] ^= 1
		}
	}
}

func TestX(t *testing.T) {
	shares, _ := known(t, "openbao-2.5.5-aes")
	for i, s := range shares {
		if share.X(s) == 0 || share.DuplicateX(shares[:i], s) != -1 || share.DuplicateX(shares, s) != i {
			t.Errorf("share %d: x is %d", i, share.X(s))
		}
	}
}

func TestSet(t *testing.T) {
	a, b := share.NewSet(), share.NewSet()
	if a == b || len(a.String()) != 32 {
		t.Errorf("sets %s and %s", a, b)
	}
	back, err := share.ParseSet(a.String())
	if err != nil || back != a {
		t.Errorf("ParseSet(%s) = %s, %v", a, back, err)
	}
	for _, bad := range []string{"", "00", a.String() + "0", a.String()[1:] + "G", "ABCDEF" + a.String()[6:], " " + a.String()[1:]} {
		if _, err := share.ParseSet(bad); err == nil {
			t.Errorf("ParseSet(%q) was read", bad)
		}
	}
	// Computed with sha256sum: the format is not ours alone.
	set, err := share.ParseSet("000102030405060708090a0b0c0d0e0f")
	if err != nil {
		t.Fatal(err)
	}
	shares, _ := known(t, "openbao-2.5.5-aes")
	fp := set.Fingerprint(shares[0])
	if got := hex.EncodeToString(fp[:]); got != fingerprint {
		t.Errorf("fingerprint %s", got)
	}
	if w := share.Words(fp); fmt.Sprint(w) != fingerprintWords {
		t.Errorf("words %s", w)
	}
}

// sizes are sets of shares: how many, and how many are needed.
var sizes = [][2]int{{5, 3}, {10, 6}, {255, 128}}

func BenchmarkSplit(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprintf("%d-%d", size[0], size[1]), func(b *testing.B) {
			key := secret.Random(32)
			defer key.Wipe()
			for b.Loop() {
				s, err := share.Split(key, size[0], size[1])
				if err != nil {
					b.Fatal(err)
				}
				secret.WipeAll(s)
			}
		})
	}
}

func BenchmarkCombine(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprintf("%d-%d", size[0], size[1]), func(b *testing.B) {
			key := secret.Random(32)
			defer key.Wipe()
			shares, err := share.Split(key, size[0], size[1])
			if err != nil {
				b.Fatal(err)
			}
			defer secret.WipeAll(shares)
			for b.Loop() {
				k, err := share.Combine(shares[:size[1]])
				if err != nil {
					b.Fatal(err)
				}
				k.Wipe()
			}
		})
	}
}

const (
	fingerprint      = "4de37a9fdebe17a071c44f5cbf7f68a561cf41e4cdaa8db2f0b0607c10aa0681"
	fingerprintWords = "[dreadful torpedo keyboard opulent tactics racketeer banjo Orlando]"
)
