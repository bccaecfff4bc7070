package barrier

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the servers name an accessor's entry by it; nothing rests on its strength
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"conclave/hsm/secret"
)

// The prefixes of a service token.
const (
	PrefixOpenBao = "s."   // OpenBao by default
	PrefixVault   = "hvs." // Vault from 1.10, OpenBao with server-side consistent tokens
)

const tokenRandom = 24 // base62 characters in a token, an accessor, a cubbyhole id

// Token is a root token that is made without a server: its text and the two
// entries by which a server knows it. The owner wipes it.
type Token struct {
	ID        secret.Bytes // the token itself
	Accessor  string       // not secret
	Cubbyhole string       // id of its cubbyhole, not secret
	Created   time.Time    // to the second
}

// Entry is one barrier entry in plain. Whoever has it wipes Plain.
type Entry struct {
	Path  string
	Plain secret.Bytes
}

// NewToken makes a root token: prefix and 24 random base62 characters.
func NewToken(prefix string, now time.Time) *Token {
	id := secret.New(len(prefix) + tokenRandom)
	secret.Copy(id.Expose(), []byte(prefix))
	randomBase62(id.Expose()[len(prefix):])
	return &Token{ID: id, Accessor: base62(tokenRandom), Cubbyhole: base62(tokenRandom), Created: now.Truncate(time.Second)}
}

// Wipe wipes the token's text.
func (t *Token) Wipe() {
	if t != nil {
		t.ID.Wipe()
	}
}

// Entries are the two barrier entries that make a server know the token, the
// accessor's first: a token must not work before it can be found and revoked.
func (t *Token) Entries(salt secret.Bytes) []Entry {
	accessor := Entry{Path: AccessorPath(salt, t.Accessor)}
	id := Entry{Path: TokenPath(salt, t.ID)}
	secret.Do(func() {
		var a text
		a.str("{")
		a.member("token_id")
		a.quote(t.ID)
		a.member("accessor_id")
		a.public(t.Accessor)
		a.member("namespace_id")
		a.public("root")
		a.str("}\n")
		accessor.Plain = a.done()

		var e text
		e.str("{")
		e.member("type")
		e.public(tokenService)
		e.member("id")
		e.quote(t.ID)
		for _, m := range []struct {
			name  string
			value any
		}{
			{"accessor", t.Accessor},
			{"policies", []string{"root"}},
			{"path", tokenRootPath},
			{"display_name", "root"},
			{"creation_time", t.Created.Unix()},
			{"ttl", 0}, // root without a lease
			{"namespace_id", "root"},
			{"cubbyhole_id", t.Cubbyhole},
		} {
			e.member(m.name)
			e.public(m.value)
		}
		e.str("}\n")
		id.Plain = e.done()
	})
	return []Entry{accessor, id}
}

const (
	tokenService  = 1
	tokenRootPath = "auth/token/root" //nolint:gosec // a path, no token
)

// quote writes a secret of base62 and dots as a JSON string.
func (t *text) quote(s secret.Bytes) {
	t.str(`"`)
	t.raw(s.Expose())
	t.str(`"`)
}

// ParseToken reads a token's entry and refuses one that is not a root token as
// we or a server's generate-root make it. The caller wipes it.
func ParseToken(plain secret.Bytes) (t *Token, err error) {
	secret.Do(func() { t, err = parseToken(plain.Expose()) })
	if err != nil {
		return nil, fmt.Errorf("reading a token's entry: %w", err)
	}
	return t, nil
}

func parseToken(plain []byte) (_ *Token, err error) {
	t := &Token{}
	defer func() {
		if err != nil {
			t.Wipe()
		}
	}()
	var (
		kind, ttl, created int64
		uses               int64 // left; below zero: it is being revoked
		path, namespace    string
		policies           []string
	)
	known := map[string]any{
		"type": &kind, "ttl": &ttl, "num_uses": &uses, "creation_time": &created, "path": &path, "namespace_id": &namespace,
		"policies": &policies, "accessor": &t.Accessor, "cubbyhole_id": &t.Cubbyhole,
	}
	members, err := object(plain, "the entry", "type", "id", "ttl", "num_uses", "creation_time", "path", "namespace_id",
		"policies", "accessor", "cubbyhole_id")
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		if m.name == "id" {
			if t.ID, err = tokenText(m.value); err != nil {
				return nil, err
			}
		} else if to, ok := known[m.name]; ok {
			if err := public(m.value, to, m.name); err != nil {
				return nil, err
			}
		}
	}
	switch {
	case t.ID.Len() == 0 || t.Accessor == "":
		return nil, corrupt("the entry has no token or no accessor")
	case kind != tokenService || ttl != 0 || uses != 0 || path != tokenRootPath || namespace != "root" || len(policies) != 1 || policies[0] != "root":
		return nil, corrupt("the entry is not a root token's")
	}
	t.Created = time.Unix(created, 0).UTC()
	return t, nil
}

// tokenText takes a token out of its quotes.
func tokenText(quoted []byte) (secret.Bytes, error) {
	n := len(quoted)
	if n < 2 || quoted[0] != '"' || quoted[n-1] != '"' {
		return secret.Bytes{}, corrupt("the token is not text")
	}
	for _, c := range quoted[1 : n-1] {
		if c == '\\' || c < ' ' || c > '~' {
			return secret.Bytes{}, corrupt("the token has a character that no token has")
		}
	}
	s := secret.New(n - 2)
	secret.Copy(s.Expose(), quoted[1:n-1])
	return s, nil
}

// NewSalt is the content of sys/token/salt where it does not exist yet: the
// text of a random UUID.
func NewSalt() secret.Bytes {
	raw := secret.Random(16)
	defer raw.Wipe()
	u := raw.Expose()
	u[6] = u[6]&0x0f | 0x40 // version 4
	u[8] = u[8]&0x3f | 0x80
	s := secret.New(36)
	out := s.Expose()
	for _, g := range []struct{ at, from, to int }{{0, 0, 4}, {9, 4, 6}, {14, 6, 8}, {19, 8, 10}, {24, 10, 16}} {
		hex.Encode(out[g.at:], u[g.from:g.to])
	}
	for _, dash := range []int{8, 13, 18, 23} {
		out[dash] = '-'
	}
	return s
}

// TokenPath is the path of a token's entry: HMAC-SHA256 of the token, keyed
// with the salt's text.
func TokenPath(salt, id secret.Bytes) string {
	var sum [sha256.Size]byte
	secret.Do(func() {
		h := hmac.New(sha256.New, salt.Expose())
		h.Write(id.Expose())
		h.Sum(sum[:0])
	})
	return "sys/token/id/h" + hex.EncodeToString(sum[:])
}

// AccessorPath is the path of an accessor's entry: SHA-1 of the salt's text and
// the accessor. (It is SHA-1 where the name has no dot, that is in the root
// namespace.)
func AccessorPath(salt secret.Bytes, accessor string) string {
	var sum [sha1.Size]byte
	secret.Do(func() {
		h := sha1.New() //nolint:gosec // see the import
		h.Write(salt.Expose())
		h.Write([]byte(accessor))
		h.Sum(sum[:0])
	})
	return "sys/token/accessor/" + hex.EncodeToString(sum[:])
}

const base62Digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// randomBase62 fills dst. Bytes from 248 on are drawn again: 248 is 4·62.
func randomBase62(dst []byte) {
	for i := range dst {
		for {
			secret.Fill(dst[i : i+1])
			if dst[i] < 4*62 {
				break
			}
		}
		dst[i] = base62Digits[dst[i]%62]
	}
}

func base62(n int) string {
	b := make([]byte, n)
	randomBase62(b)
	return string(b)
}
