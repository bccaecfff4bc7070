package barrier_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/barrier"
)

// TestTokenPaths finds the root token's entries, which a real server wrote,
// from the token and the salt.
func TestTokenPaths(t *testing.T) {
	for _, name := range fixtures {
		f := load(t, name)
		k := f.keyring(t)
		salt := f.open(t, k, barrier.SaltPath)
		path := barrier.TokenPath(salt, take(t, string(f.known.RootToken)))
		if f.entries[path] == nil {
			t.Fatalf("%s: there is no %s", name, path)
		}
		token, err := barrier.ParseToken(f.open(t, k, path))
		if err != nil {
			t.Fatal(err)
		}
		defer token.Wipe()
		if string(token.ID.Expose()) != string(f.known.RootToken) || token.Created.Year() != 2026 || len(token.Cubbyhole) != 24 {
			t.Errorf("%s: the token is %+v", name, token)
		}
		path = barrier.AccessorPath(salt, token.Accessor)
		if f.entries[path] == nil {
			t.Errorf("%s: there is no %s", name, path)
		}
		// Ours has the server's accessor entry byte by byte, and a token entry
		// with the same values.
		for _, e := range token.Entries(salt) {
			theirs := f.open(t, k, e.Path)
			if strings.HasPrefix(e.Path, "sys/token/accessor/") && !e.Plain.Equal(theirs) {
				t.Errorf("%s is %s, want %s", e.Path, e.Plain.Expose(), theirs.Expose())
			}
			var got, want map[string]any
			if err := json.Unmarshal(theirs.Expose(), &want); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(e.Plain.Expose(), &got); err != nil {
				t.Fatal(err)
			}
			for member, v := range got {
				a, _ := json.Marshal(v)
				b, _ := json.Marshal(want[member])
				if !bytes.Equal(a, b) {
					t.Errorf("%s: %s is %s, want %s", e.Path, member, a, b)
				}
			}
			e.Plain.Wipe()
		}
	}
}

func TestNewToken(t *testing.T) {
	salt := barrier.NewSalt()
	defer salt.Wipe()
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).Match(salt.Expose()) {
		t.Errorf("the salt is %q", salt.Expose())
	}
	a, b := barrier.NewToken(barrier.PrefixOpenBao, noon), barrier.NewToken(barrier.PrefixVault, noon)
	defer a.Wipe()
	defer b.Wipe()
	if !regexp.MustCompile(`^s\.[0-9A-Za-z]{24}$`).Match(a.ID.Expose()) || !regexp.MustCompile(`^hvs\.[0-9A-Za-z]{24}$`).Match(b.ID.Expose()) {
		t.Errorf("the tokens are %q and %q", a.ID.Expose(), b.ID.Expose())
	}
	if a.Accessor == b.Accessor || a.Cubbyhole == a.Accessor || len(a.Accessor) != 24 {
		t.Errorf("the accessors are %q and %q", a.Accessor, b.Accessor)
	}
	entries := a.Entries(salt)
	if len(entries) != 2 || !strings.HasPrefix(entries[0].Path, "sys/token/accessor/") || !strings.HasPrefix(entries[1].Path, "sys/token/id/h") {
		t.Fatalf("the entries are %v", entries)
	}
	for _, e := range entries {
		defer e.Plain.Wipe()
	}
	again, err := barrier.ParseToken(entries[1].Plain)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Wipe()
	if !again.ID.Equal(a.ID) || again.Accessor != a.Accessor || again.Cubbyhole != a.Cubbyhole || !again.Created.Equal(noon.Truncate(time.Second)) {
		t.Errorf("read again: %+v", again)
	}
}

// TestBase62 looks for a digit that never comes or comes too often.
func TestBase62(t *testing.T) {
	count := map[byte]int{}
	const tokens = 2000
	for range tokens {
		x := barrier.NewToken("", noon)
		for _, c := range x.ID.Expose() {
			count[c]++
		}
		x.Wipe()
	}
	for c, n := range count {
		if mean := tokens * 24 / 62; n < mean*3/4 || n > mean*5/4 {
			t.Errorf("%q comes %d times, about %d would be even", c, n, mean)
		}
	}
	if len(count) != 62 {
		t.Errorf("there are %d digits", len(count))
	}
}

func TestParseTokenRefuses(t *testing.T) {
	const good = `{"type":1,"id":"s.x","accessor":"a","policies":["root"],"path":"auth/token/root","creation_time":5,"ttl":0,"namespace_id":"root"}`
	if x, err := barrier.ParseToken(take(t, good)); err != nil {
		t.Fatal(err)
	} else {
		x.Wipe()
	}
	for name, text := range map[string]string{
		"batch":         strings.Replace(good, `"type":1`, `"type":2`, 1),
		"being revoked": strings.Replace(good, `"ttl":0`, `"ttl":0,"num_uses":-3`, 1),
		"few uses":      strings.Replace(good, `"ttl":0`, `"ttl":0,"num_uses":2`, 1),
		"ttl":           strings.Replace(good, `"ttl":0`, `"ttl":60`, 1),
		"policy":        strings.Replace(good, `["root"]`, `["root","x"]`, 1),
		"namespace":     strings.Replace(good, `:"root"}`, `:"other"}`, 1),
		"path":          strings.Replace(good, `token/root`, `token/create`, 1),
		"id twice":      strings.Replace(good, `{`, `{"id":"s.y",`, 1),
		"ID":            strings.Replace(good, `"id"`, `"ID"`, 1),
		"id a number":   strings.Replace(good, `"s.x"`, `1`, 1),
		"id is escaped": strings.Replace(good, `"s.x"`, `"s.\u0078"`, 1),
		"no accessor":   strings.Replace(good, `"accessor":"a",`, ``, 1),
		"cut":           good[:40],
	} {
		if _, err := barrier.ParseToken(take(t, text)); !errors.Is(err, vaultstate.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMounts(t *testing.T) {
	const table = `{"type":"mounts","entries":[
		{"path":"kv/","type":"kv","uuid":"u1","options":null},
		{"path":"kv/deep/","type":"kv","uuid":"u2","options":{"version":"1"}},
		{"path":"two/","type":"kv","uuid":"u3","options":{"version":"2"}},
		{"path":"tenant/","type":"kv","uuid":"u4","namespace_id":"abc"}]}`
	var packed bytes.Buffer
	packed.WriteByte('G')
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(table)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{table, packed.String()} {
		mounts, err := barrier.ParseMounts(take(t, text))
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]string{
			"kv/a/b":    "logical/u1/a/b",
			"kv/deep/a": "logical/u2/a",
			"kv/":       "",
			"kvx":       "",
			"two/a":     "",
			"tenant/a":  "",
			"other/a":   "",
		} {
			if got := barrier.SecretPath(mounts, path); got != want {
				t.Errorf("%s is at %q, want %q", path, got, want)
			}
		}
	}
	for name, text := range map[string]string{
		"empty": "", "another packing": "Sxxx", "cut": packed.String()[:packed.Len()-9], "no gzip": "Gxx", "no JSON": "{", "no uuid": `{"entries":[{"path":"x/"}]}`,
	} {
		if _, err := barrier.ParseMounts(take(t, text)); !errors.Is(err, vaultstate.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBombIsRefused(t *testing.T) {
	var packed bytes.Buffer
	packed.WriteByte('G')
	z := gzip.NewWriter(&packed)
	block := bytes.Repeat([]byte(" "), 1<<20)
	for range 65 {
		if _, err := z.Write(block); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	s := secret.Take(packed.Bytes())
	defer s.Wipe()
	if _, err := barrier.ParseMounts(s); !errors.Is(err, vaultstate.ErrCorrupt) || !strings.Contains(err.Error(), "more than") {
		t.Errorf("%v", err)
	}
}
