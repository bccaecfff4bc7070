package barrier

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"conclave/hsm/secret"
	"conclave/vaultstate"
)

// encoding/json makes strings and copies of what it decodes. The scanner here
// finds members and elements in place: what it returns are parts of the text it
// was given. It relies on json.Valid, which copies nothing, for the grammar.

// member is one member of an object, in the text's own bytes.
type member struct {
	name  string
	value []byte
}

// corrupt is an error without a word of the text: it may hold keys.
func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", vaultstate.ErrCorrupt, fmt.Sprintf(format, args...))
}

// object splits a JSON object into its members. Names must be distinct, and one
// that is a name of known but for its case is refused: servers would read it as
// that member.
func object(text []byte, what string, known ...string) ([]member, error) {
	if !json.Valid(text) {
		return nil, corrupt("%s is not JSON", what)
	}
	parts, ok := split(text, '{')
	if !ok {
		return nil, corrupt("%s is not a JSON object", what)
	}
	var list []member
	seen := map[string]bool{}
	for _, p := range parts {
		n := value(p)
		name, err := name(p[:n])
		if err != nil {
			return nil, corrupt("%s has a member whose name is not text", what)
		}
		for _, k := range known {
			if name != k && strings.EqualFold(name, k) {
				return nil, corrupt("%s has a member %q that is not written %q", what, name, k)
			}
		}
		if seen[name] {
			return nil, corrupt("%s has the member %q twice", what, name)
		}
		seen[name] = true
		rest := p[n+space(p[n:]):]
		list = append(list, member{name, trim(rest[1:])}) // rest[0] is the colon
	}
	return list, nil
}

// name decodes a member's name. Names are no secrets.
func name(quoted []byte) (string, error) {
	var s string
	err := json.Unmarshal(quoted, &s)
	return s, err
}

// array splits a JSON array into its elements.
func array(text []byte, what string) ([][]byte, error) {
	if !json.Valid(text) {
		return nil, corrupt("%s is not JSON", what)
	}
	parts, ok := split(text, '[')
	if !ok {
		return nil, corrupt("%s is not a JSON array", what)
	}
	return parts, nil
}

// split cuts a valid object or array at the commas of its own level.
func split(text []byte, open byte) (parts [][]byte, ok bool) {
	text = trim(text)
	if len(text) < 2 || text[0] != open {
		return nil, false
	}
	text = trim(text[1 : len(text)-1])
	for len(text) > 0 {
		n := 0
		for n < len(text) && text[n] != ',' {
			n += max(1, value(text[n:]))
		}
		parts = append(parts, trim(text[:n]))
		text = text[min(n+1, len(text)):]
		text = trim(text)
	}
	return parts, true
}

// value is the length of the string, object or array at the start of text, and
// 0 if something else stands there.
func value(text []byte) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if depth <= 0 {
			if i == 0 && text[0] != '"' {
				return 0
			}
			return min(i+1, len(text))
		}
	}
	return len(text)
}

func space(text []byte) int {
	n := 0
	for n < len(text) && (text[n] == ' ' || text[n] == '\t' || text[n] == '\n' || text[n] == '\r') {
		n++
	}
	return n
}

func trim(text []byte) []byte {
	text = text[space(text):]
	for len(text) > 0 && space(text[len(text)-1:]) == 1 {
		text = text[:len(text)-1]
	}
	return text
}

// base64Key decodes a JSON string of base64 into a key of KeySize.
func base64Key(text []byte, what string) (secret.Bytes, error) {
	enc := base64.StdEncoding.Strict()
	if len(text) != enc.EncodedLen(KeySize)+2 || text[0] != '"' || text[len(text)-1] != '"' {
		return secret.Bytes{}, corrupt("%s is not the base64 of %d bytes", what, KeySize)
	}
	// The decoder wants room for the padding as well.
	room := secret.New(enc.DecodedLen(len(text) - 2))
	defer room.Wipe()
	n, err := enc.Decode(room.Expose(), text[1:len(text)-1])
	if err != nil || n != KeySize {
		// The decoder's own words name a position in the key's text.
		return secret.Bytes{}, corrupt("%s is not the base64 of %d bytes", what, KeySize)
	}
	return room.Slice(0, n), nil
}

// public decodes a value that is no secret: a number, a time, a flag.
func public(text []byte, to any, what string) error {
	if string(text) == "null" {
		return corrupt("%s is null", what)
	}
	if err := json.Unmarshal(text, to); err != nil {
		return corrupt("%s is not what it should be", what)
	}
	return nil
}

// extra is a member that we do not know. Its value may be a secret for all we
// know.
type extra struct {
	name string
	raw  secret.Bytes
}

func keep(m member) extra {
	raw := secret.New(len(m.value))
	secret.Copy(raw.Expose(), m.value)
	return extra{m.name, raw}
}

func cloneExtras(list []extra) []extra {
	var out []extra
	for _, e := range list {
		out = append(out, extra{e.name, e.raw.Clone()})
	}
	return out
}

func wipeExtras(list []extra) {
	for _, e := range list {
		e.raw.Wipe()
	}
}

// text builds JSON in locked memory.
type text struct {
	buf secret.Bytes
	n   int
}

func (t *text) raw(p []byte) {
	if t.n+len(p) > t.buf.Len() {
		grown := secret.New(2*t.buf.Len() + len(p) + 256)
		secret.Copy(grown.Expose(), t.buf.Expose()[:t.n])
		t.buf.Wipe()
		t.buf = grown
	}
	t.n += secret.Copy(t.buf.Expose()[t.n:], p)
}

func (t *text) str(s string) { t.raw([]byte(s)) }

// public writes a value that is no secret.
func (t *text) public(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic("barrier: a plain value has no JSON")
	}
	t.raw(b)
}

// member starts a member: a comma where one is due, the name and a colon.
func (t *text) member(name string) {
	if t.n > 0 && t.buf.Expose()[t.n-1] != '{' {
		t.str(",")
	}
	t.public(name)
	t.str(":")
}

func (t *text) key(k secret.Bytes) {
	b := secret.New(base64.StdEncoding.EncodedLen(k.Len()))
	defer b.Wipe()
	base64.StdEncoding.Encode(b.Expose(), k.Expose())
	t.str(`"`)
	t.raw(b.Expose())
	t.str(`"`)
}

func (t *text) extras(list []extra) {
	for _, e := range list {
		t.member(e.name)
		t.raw(e.raw.Expose())
	}
}

// done returns what was written and gives the buffer back.
func (t *text) done() secret.Bytes {
	s := t.buf.Slice(0, t.n)
	t.buf.Wipe()
	return s
}
