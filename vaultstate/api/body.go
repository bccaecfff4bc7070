package api

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"conclave/hsm/secret"
)

// maxBody bounds a body; maxKeys one that has PGP keys.
const (
	maxBody = 16 << 10
	maxKeys = 4 << 20
)

// readBody reads a body into locked memory. The caller wipes it.
func readBody(r *http.Request, large bool) (secret.Bytes, error) {
	limit := maxBody
	if large {
		limit = maxKeys
	}
	if r.ContentLength > int64(limit) {
		return secret.Bytes{}, errTooLarge
	}
	buf := secret.New(max(512, min(limit, int(r.ContentLength))+1))
	defer func() { buf.Wipe() }() // the newest one
	n := 0
	for {
		if n == buf.Len() {
			grown := secret.New(min(2*n, limit+1))
			secret.Copy(grown.Expose(), buf.Expose())
			buf.Wipe()
			buf = grown
		}
		m, err := r.Body.Read(buf.Expose()[n:])
		n += m
		switch {
		case n > limit:
			return secret.Bytes{}, errTooLarge
		case errors.Is(err, io.EOF):
			return buf.Slice(0, n), nil
		case err != nil:
			return secret.Bytes{}, refuse(http.StatusBadRequest, "the body did not arrive whole")
		}
	}
}

var (
	errTooLarge = refuse(http.StatusRequestEntityTooLarge, "the body is too large")
	errEmpty    = refuse(http.StatusBadRequest, "EOF") // as the servers say it
	errJSON     = refuse(http.StatusBadRequest, "failed to parse JSON input: this is not what this endpoint takes")
)

// decode reads the JSON object of a body. The library's own errors are not
// told: they quote what they found. Of secrets it makes no copy (see text).
func (c *call) decode(to any) error {
	body := bytes.TrimSpace(c.body.Expose())
	if len(body) == 0 {
		return errEmpty
	}
	if body[0] != '{' || json.Unmarshal(body, to) != nil {
		return errJSON
	}
	return nil
}

// text is a secret member of a body: text without anything that JSON writes in
// another way, but "\/". The library hands over the member's own bytes.
type text struct{ secret.Bytes }

var errText = errors.New("this is no text, or has a character that no key has")

// UnmarshalJSON copies the text into locked memory.
func (t *text) UnmarshalJSON(quoted []byte) error {
	t.Wipe() // of a member that is there twice, the last counts
	t.Bytes = secret.Bytes{}
	if string(quoted) == "null" {
		return nil
	}
	if len(quoted) < 2 || quoted[0] != '"' {
		return errText
	}
	inner := quoted[1 : len(quoted)-1]
	buf := secret.New(len(inner))
	defer buf.Wipe()
	n := 0
	for i := 0; i < len(inner); i++ {
		b := inner[i]
		if b == '\\' {
			if i++; i == len(inner) || inner[i] != '/' {
				return errText
			}
			b = '/'
		}
		if b < ' ' || b > '~' {
			return errText
		}
		buf.Expose()[n] = b
		n++
	}
	t.Bytes = buf.Slice(0, n)
	return nil
}

// The bounds of a share: a server's, which do not depend on the vault.
const (
	minShare = 16
	maxShare = 33
)

var (
	errNoKey  = refuse(http.StatusBadRequest, "'key' must be specified in request body as JSON")
	errBadKey = refuse(http.StatusBadRequest, "'key' must be a valid hex or base64 string")
)

// share decodes a share as a server does: hex if that gives a share's length,
// else base64. The caller wipes it.
func (t text) share() (secret.Bytes, error) {
	if t.Len() == 0 {
		return secret.Bytes{}, errNoKey
	}
	room := secret.New(t.Len())
	defer room.Wipe()
	n, err := hex.Decode(room.Expose(), t.Expose())
	if err != nil || n < minShare || n > maxShare {
		clear(room.Expose())
		if n, err = base64.StdEncoding.Decode(room.Expose(), t.Expose()); err != nil {
			return secret.Bytes{}, errBadKey
		}
	}
	return room.Slice(0, n), nil
}

// shareLength refuses what no share of any vault can be.
func shareLength(s secret.Bytes) *refusal {
	switch {
	case s.Len() < minShare:
		return refuse(http.StatusBadRequest, "key is shorter than minimum 16 bytes")
	case s.Len() > maxShare:
		return refuse(http.StatusBadRequest, "key is longer than maximum 33 bytes")
	}
	return nil
}
