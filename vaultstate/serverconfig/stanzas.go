package serverconfig

import (
	"strings"

	"github.com/hashicorp/hcl/hcl/ast"

	"conclave/hsm/secret"
)

// stanza is a storage, a listener or a seal as it was written.
type stanza struct {
	name   string // "storage"
	kind   string // its type, lower case
	line   int
	fields []field
}

// seal is a seal stanza; everything in it but the PIN is public.
type seal struct {
	kind   string
	line   int
	params map[string]Value // by the name in the file
	number map[string]bool  // parameters written in another way than the server spells them
	pin    secret.Bytes
	pinAt  int // the PIN's line
	off    bool
}

func parse(file string, text []byte) (*Config, error) {
	c := &Config{File: file}
	items, err := c.items(text)
	if err != nil {
		return nil, err
	}
	if err := c.read(items); err != nil {
		c.Wipe()
		return nil, err
	}
	return c, nil
}

// read takes what is needed. Names of the top level are read in any case, as
// the servers do.
func (c *Config) read(items []*ast.ObjectItem) error {
	var storage, backend []*stanza
	for _, item := range items {
		n, ok := names(item)
		if !ok {
			return c.errorf(line(item), "a name is not text that the server can read")
		}
		switch strings.ToLower(n[0]) {
		case "storage", "backend":
			s, err := c.stanza(item, n)
			if err != nil {
				return err
			}
			if s.name == "storage" {
				storage = append(storage, s)
			} else {
				backend = append(backend, s)
			}
		case "ha_storage", "ha_backend":
			c.haLine = max(line(item), 1)
		case "listener":
			if err := c.listener(item, n); err != nil {
				return err
			}
		case "seal", "hsm", "kms":
			if err := c.seal(item, n); err != nil {
				return err
			}
		case "api_addr", "cluster_addr":
			if err := c.address(item, n); err != nil {
				return err
			}
		}
	}
	return c.pickStorage(storage, backend)
}

// pickStorage prefers storage; backend is its old name and then not read.
func (c *Config) pickStorage(storage, backend []*stanza) error {
	list := storage
	if len(list) == 0 {
		list = backend
	} else if len(backend) > 0 {
		c.notice(backend[0].line, "backend is not read, since there is a storage stanza")
	}
	if len(list) > 1 {
		return c.errorf(list[1].line, "there is a second %s stanza; the server takes one", list[1].name)
	}
	if len(list) == 0 {
		return nil
	}
	c.storage = list[0]
	for _, f := range c.storage.fields {
		switch f.name {
		case "redirect_addr", "advertise_addr", "cluster_addr":
			// The server takes these where the top level says nothing.
			text, _, err := f.text()
			if err != nil {
				return c.errorf(f.line, "%s is not text", f.name)
			}
			to := &c.APIAddr
			if f.name == "cluster_addr" {
				to = &c.ClusterAddr
			}
			if !to.Set() {
				*to = c.value(text, f.line)
			}
		case "path", "disable_clustering":
		default:
			if c.storage.kind == "file" {
				c.notice(f.line, "the file storage has no argument %s: it is not used", printable(f.name))
			}
		}
	}
	return nil
}

// stanza reads NAME "TYPE" { … }, however it is written.
func (c *Config) stanza(item *ast.ObjectItem, n []string) (*stanza, error) {
	s := &stanza{name: strings.ToLower(n[0]), line: line(item)}
	if _, ok := item.Val.(*ast.ObjectType); !ok {
		return nil, c.errorf(s.line, "%s is not a stanza", s.name)
	}
	var err error
	if s.fields, err = c.fields(item.Val); err != nil {
		return nil, err
	}
	if len(n) > 1 {
		s.kind = strings.ToLower(n[1])
		return s, nil
	}
	return nil, c.errorf(s.line, `%s has no type: write %s "TYPE" { … }`, s.name, s.name)
}

func (c *Config) address(item *ast.ObjectItem, n []string) error {
	name := strings.ToLower(n[0])
	lit, _ := item.Val.(*ast.LiteralType)
	f := field{name: name, line: line(item), value: lit}
	text, kind, err := f.text()
	if err != nil || kind != kindString {
		return c.errorf(f.line, "%s is not text in quotes", name)
	}
	to := &c.APIAddr
	if name == "cluster_addr" {
		to = &c.ClusterAddr
	}
	if to.Line > 0 {
		return c.errorf(f.line, "%s is there twice", name)
	}
	*to = c.value(text, max(f.line, 1))
	if strings.Contains(text, "{{") {
		c.notice(f.line, "%s is a template, which Conclave does not work out", name)
	}
	return nil
}

// listener reads a listener. Its arguments' names are read in any case, and
// its type may stand inside.
func (c *Config) listener(item *ast.ObjectItem, n []string) error {
	l := Listener{Line: line(item), TLS: true}
	if _, ok := item.Val.(*ast.ObjectType); !ok {
		return c.errorf(l.Line, "listener is not a stanza")
	}
	if len(n) == 2 {
		l.Type = n[1]
	}
	fields, err := c.fields(item.Val)
	if err != nil {
		return err
	}
	for _, f := range fields {
		if err := c.listenerField(&l, f); err != nil {
			return err
		}
	}
	l.Type = strings.ToLower(l.Type)
	switch l.Type {
	case "tcp":
		if !l.Address.Set() {
			l.Address = Value{Text: "127.0.0.1:8200", Source: "default"}
		}
	case "unix":
		l.TLS = false
		if !l.Address.Set() {
			l.Address = Value{Text: "/run/vault.sock", Source: "default"}
		}
	case "":
		return c.errorf(l.Line, `listener has no type: write listener "tcp" { … }`)
	default:
		return c.errorf(l.Line, "listener is of a type that no server has (there are tcp and unix)")
	}
	if strings.Contains(l.Address.Text, "{{") {
		c.notice(l.Address.Line, "the listener's address is a template, which Conclave does not work out")
	}
	c.Listeners = append(c.Listeners, l)
	return nil
}

func (c *Config) listenerField(l *Listener, f field) error {
	name := strings.ToLower(f.name)
	switch name {
	case "type", "address", "cluster_address":
		text, kind, err := f.text()
		if err != nil || kind != kindString {
			return c.errorf(f.line, "%s is not text in quotes", name)
		}
		switch name {
		case "type":
			l.Type = text
		case "address":
			l.Address = c.value(text, f.line)
		default:
			l.ClusterAddress = c.value(text, f.line)
		}
	case "tls_disable", "disable_unauthed_rekey_endpoints", "disable_unauthed_generate_root_endpoints":
		on, err := f.flag()
		if err != nil {
			return c.errorf(f.line, "%s is neither true nor false", name)
		}
		switch name {
		case "tls_disable":
			l.TLS = !on
		case "disable_unauthed_rekey_endpoints":
			l.DisableUnauthedRekey = &on
		default:
			l.DisableUnauthedGenerateRoot = &on
		}
	}
	return nil
}

// seal reads a seal stanza (kms and hsm are other names of it).
func (c *Config) seal(item *ast.ObjectItem, n []string) error {
	st, err := c.stanza(item, n)
	if err != nil {
		return err
	}
	s := &seal{kind: st.kind, line: st.line, params: map[string]Value{}, number: map[string]bool{}}
	c.seals = append(c.seals, s)
	for _, f := range st.fields {
		switch f.name {
		case "purpose": // may be a list; names the seal where there are several
		case "disabled":
			if s.off, err = f.flag(); err != nil {
				return c.errorf(f.line, "disabled is neither true nor false")
			}
		case "pin":
			if err := c.pin(s, f); err != nil {
				return err
			}
		default:
			text, _, err := f.text()
			if err != nil {
				return c.errorf(f.line, "%s is not a text, a whole number or a flag", printable(f.name))
			}
			if hasControl(text) {
				return c.errorf(f.line, "%s has a control character in it (a here-document ends with one)", printable(f.name))
			}
			s.params[f.name] = c.value(text, f.line)
			s.number[f.name] = !f.canonical()
		}
	}
	return nil
}

// pin moves the PIN to locked memory.
func (c *Config) pin(s *seal, f field) error {
	text, _, err := f.text()
	switch {
	case err != nil:
		return c.errorf(f.line, "the PIN is not text in quotes")
	case !f.canonical():
		return c.errorf(f.line, "the PIN is a number that the server spells in another way: put it in quotes")
	case hasControl(text):
		return c.errorf(f.line, "the PIN has a control character in it (a here-document ends with one)")
	}
	s.pin = secret.Take([]byte(text))
	s.pinAt = f.line
	return nil
}
