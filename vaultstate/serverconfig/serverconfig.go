// Package serverconfig reads the configuration of an OpenBao or Vault server,
// in HCL version 1 or JSON, as far as a ceremony needs it: storage, seal,
// listeners and addresses. Bytes in, facts out: it reads no file, no
// environment and knows no HSM.
//
// It promises:
//   - one reading, the server's: it uses the servers' own parser and their rules
//     for names, numbers and aliases (TestShapes);
//   - what the server would read otherwise than it looks is refused with file,
//     line and reason: a key_id with 0x, a slot beyond 32 bits, a PIN written as
//     an octal number, a parameter that is there twice (TestRefused);
//   - each value comes with its source, see Resolve;
//   - a PIN in the seal stanza comes back as secret.Bytes and in nothing else:
//     no error and no notice quotes what stands in the file (FuzzParse looks),
//     and what Public gives of it for a record has it blanked (TestPublic).
//
// It does not promise to find every mistake: stanzas that it does not need are
// not looked at. The parser makes strings of everything, the PIN included. They
// are made inside secret.Do and let go there; a build without runtime/secret
// leaves them in the heap until it is used again.
//
// # Precedence
//
// A value of the HSM is taken from, in this order: a flag of ours, the
// environment (BAO_HSM_NAME; if that is not set at all, VAULT_HSM_NAME; an
// empty one counts as absent, and an empty BAO_ hides its VAULT_, as in the
// server), the seal stanza, the default. BAO_SEAL_TYPE and VAULT_SEAL_TYPE
// replace the stanza's type in the same way (TestPrecedence).
package serverconfig

import (
	"fmt"
	"strconv"
	"strings"

	"conclave/hsm/secret"
)

// maxSize bounds what is parsed: configurations have a few kilobytes.
const maxSize = 1 << 20

// Error says what cannot be used, and where it stands. It never quotes the
// file: a PIN may stand anywhere in it.
type Error struct {
	File   string
	Line   int // 0: not in a line
	Reason string
}

func (e *Error) Error() string {
	switch {
	case e.File == "":
		return e.Reason
	case e.Line == 0:
		return fmt.Sprintf("%s: %s", e.File, e.Reason)
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Reason)
}

// Value is a text and where it came from: "configuration FILE", "environment
// NAME", "flag -NAME" or "default".
type Value struct {
	Text   string
	Source string
	Line   int // of the configuration; 0 elsewhere
}

// Set tells whether anything gave the value.
func (v Value) Set() bool { return v.Text != "" }

// True tells whether the value is a word for true.
func (v Value) True() bool {
	yes, err := strconv.ParseBool(v.Text)
	return err == nil && yes
}

// Notice is something in the file that is not used, in a sentence.
type Notice struct {
	File string
	Line int
	Text string
}

// Config is what was read. Wipe ends the PIN in it.
type Config struct {
	File        string
	APIAddr     Value
	ClusterAddr Value
	Listeners   []Listener
	Notices     []Notice

	storage *stanza
	haLine  int // of ha_storage, 0 if there is none
	seals   []*seal
}

// Listener is one listener stanza.
type Listener struct {
	Type           string // "tcp" or "unix"
	Address        Value  // of a unix listener: the socket's path
	ClusterAddress Value
	TLS            bool
	Line           int

	// Whether the endpoints without a token are closed: nil if the file does
	// not say, and then the server's version decides (OpenBao from 2.5.3: closed).
	DisableUnauthedRekey        *bool
	DisableUnauthedGenerateRoot *bool
}

// Parse reads text as the server reads the file of that name, which is only
// used in messages. text may hold a PIN: the caller keeps it in secret memory
// and wipes it.
func Parse(file string, text []byte) (c *Config, err error) {
	secret.Do(func() { c, err = parse(file, text) })
	return c, err
}

// Wipe wipes the PINs that were read.
func (c *Config) Wipe() {
	if c == nil {
		return
	}
	for _, s := range c.seals {
		s.pin.Wipe()
	}
}

func (c *Config) errorf(line int, format string, args ...any) error {
	return &Error{c.File, line, fmt.Sprintf(format, args...)}
}

func (c *Config) notice(line int, format string, args ...any) {
	c.Notices = append(c.Notices, Notice{c.File, line, fmt.Sprintf(format, args...)})
}

func (c *Config) value(text string, line int) Value {
	return Value{text, "configuration " + c.File, line}
}

// StoragePath is the directory of the file storage, as the file gives it: a
// relative path means relative to the current directory, as for the server.
// Another storage than "file" is refused: Conclave changes no other offline.
func (c *Config) StoragePath() (Value, error) {
	s := c.storage
	if s == nil {
		return Value{}, c.errorf(0, "there is no storage stanza")
	}
	if s.kind != "file" {
		return Value{}, c.errorf(s.line, "the storage is %s; without its server Conclave works on file only", printable(s.kind))
	}
	if c.haLine > 0 {
		return Value{}, c.errorf(c.haLine, "ha_storage is set: other servers may use this state, so it cannot be changed offline")
	}
	for _, f := range s.fields {
		if f.name != "path" {
			continue
		}
		text, kind, err := f.text()
		if err != nil || kind != kindString {
			return Value{}, c.errorf(f.line, "path is not text in quotes")
		}
		if text == "" {
			break
		}
		if hasControl(text) {
			return Value{}, c.errorf(f.line, "path has a control character in it")
		}
		return c.value(text, f.line), nil
	}
	return Value{}, c.errorf(s.line, "the storage stanza has no path")
}

// StorageType is the storage's type, "" if there is no storage stanza.
func (c *Config) StorageType() string {
	if c.storage == nil {
		return ""
	}
	return c.storage.kind
}

// APIAddress is api_addr with what overrides it: BAO_API_ADDR,
// BAO_REDIRECT_ADDR, BAO_ADVERTISE_ADDR and their VAULT_ twins.
func (c *Config) APIAddress(lookup func(string) (string, bool)) Value {
	for _, name := range []string{"API_ADDR", "REDIRECT_ADDR", "ADVERTISE_ADDR"} {
		if v := environment(lookup, name); v.Set() {
			return v
		}
	}
	return c.APIAddr
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}
