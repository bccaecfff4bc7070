package server

import (
	"encoding/base64"
	"encoding/json"

	"conclave/hsm/secret"
)

// field is one member of a request. secret is text that JSON need not escape;
// without it, public is encoded.
type field struct {
	name   string
	public any
	secret secret.Bytes
}

// object makes a JSON object in locked memory. The caller wipes it.
func object(fields ...field) secret.Bytes {
	var parts [][]byte
	size := 0
	add := func(p []byte) {
		parts = append(parts, p)
		size += len(p)
	}
	for i, f := range fields {
		sep := ","
		if i == 0 {
			sep = "{"
		}
		add([]byte(sep + `"` + f.name + `":`))
		if f.secret.Len() > 0 {
			add([]byte(`"`))
			add(f.secret.Expose())
			add([]byte(`"`))
			continue
		}
		text, err := json.Marshal(f.public)
		if err != nil {
			panic("server: a request that is no JSON") // numbers, strings and lists of them
		}
		add(text)
	}
	if len(fields) == 0 {
		add([]byte("{"))
	}
	add([]byte("}"))
	out := secret.New(size)
	at := 0
	for _, p := range parts {
		at += secret.Copy(out.Expose()[at:], p)
	}
	return out
}

// base64Text is a share as the servers take it. They try hex first: 44
// characters of base64 that are all hex digits are not to be expected.
func base64Text(share secret.Bytes) secret.Bytes {
	text := secret.New(base64.StdEncoding.EncodedLen(share.Len()))
	base64.StdEncoding.Encode(text.Expose(), share.Expose())
	return text
}

func nonceBody(nonce string) secret.Bytes { return object(field{name: "nonce", public: nonce}) }
