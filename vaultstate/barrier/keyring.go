package barrier

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"conclave/hsm/secret"
	"conclave/vaultstate"
)

// defaultRotation is what a server writes at init: rotate by itself after
// 3,865,470,566 operations, at no interval.
const defaultRotation = `{"Disabled":false,"MaxOperations":3865470566,"Interval":0}`

// Keyring is the content of core/keyring: the root key, and the data encryption
// keys by term. It owns its keys; Wipe ends them.
type Keyring struct {
	root     secret.Bytes
	keys     []*termKey   // ascending terms, at least one
	rotation secret.Bytes // raw JSON; empty if there was none
	extras   []extra
}

// termKey is one key object, of the keyring or alone in core/root-key.
type termKey struct {
	term        uint32
	value       secret.Bytes
	installed   time.Time
	installRaw  string // as it was written
	encryptions uint64 // a server's estimate of what was sealed with it
	extras      []extra
}

// NewKeyring makes the keyring of a new vault: one random key of term 1. It
// copies root.
func NewKeyring(root secret.Bytes, now time.Time) *Keyring {
	return &Keyring{
		root:     root.Clone(),
		keys:     []*termKey{newTermKey(1, secret.Random(KeySize), now)},
		rotation: secret.Take([]byte(defaultRotation)),
	}
}

func newTermKey(term uint32, value secret.Bytes, now time.Time) *termKey {
	return &termKey{term: term, value: value, installed: now, installRaw: now.UTC().Format(time.RFC3339Nano)}
}

// ParseKeyring reads the plaintext of core/keyring, which stays the caller's.
func ParseKeyring(plain secret.Bytes) (k *Keyring, err error) {
	secret.Do(func() { k, err = parseKeyring(plain.Expose()) })
	if err != nil {
		return nil, fmt.Errorf("reading the keyring: %w", err)
	}
	return k, nil
}

func parseKeyring(plain []byte) (_ *Keyring, err error) {
	k := &Keyring{}
	defer func() {
		if err != nil {
			k.Wipe()
		}
	}()
	members, err := object(plain, "the keyring", "MasterKey", "Keys", "RotationConfig")
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		switch m.name {
		case "MasterKey":
			if k.root, err = base64Key(m.value, "the root key"); err != nil {
				return nil, err
			}
		case "Keys":
			if err := k.parseKeys(m.value); err != nil {
				return nil, err
			}
		case "RotationConfig":
			if _, err := object(m.value, "the rotation configuration"); err != nil {
				return nil, err
			}
			k.rotation = keep(m).raw
		default:
			k.extras = append(k.extras, keep(m))
		}
	}
	if k.root.Len() == 0 {
		return nil, corrupt("the keyring has no root key")
	}
	if len(k.keys) == 0 {
		return nil, corrupt("the keyring has no keys")
	}
	return k, nil
}

func (k *Keyring) parseKeys(list []byte) error {
	elements, err := array(list, "the list of keys")
	if err != nil {
		return err
	}
	for _, e := range elements {
		t, err := parseTermKey(e)
		if err != nil {
			return err
		}
		k.keys = append(k.keys, t)
	}
	slices.SortStableFunc(k.keys, func(a, b *termKey) int { return cmp.Compare(a.term, b.term) })
	for i := 1; i < len(k.keys); i++ {
		if k.keys[i].term == k.keys[i-1].term {
			return corrupt("term %d is there twice", k.keys[i].term)
		}
	}
	return nil
}

func parseTermKey(obj []byte) (_ *termKey, err error) {
	t := &termKey{}
	defer func() {
		if err != nil {
			t.wipe()
		}
	}()
	members, err := object(obj, "a key", "Term", "Version", "Value", "InstallTime", "encryptions")
	if err != nil {
		return nil, err
	}
	version := 0
	for _, m := range members {
		switch m.name {
		case "Term":
			err = public(m.value, &t.term, "a key's term")
		case "Version":
			err = public(m.value, &version, "a key's version")
		case "Value":
			t.value, err = base64Key(m.value, "a key")
		case "InstallTime":
			if err = public(m.value, &t.installed, "a key's time"); err == nil {
				err = public(m.value, &t.installRaw, "a key's time")
			}
		case "encryptions":
			err = public(m.value, &t.encryptions, "a key's count of encryptions")
		default:
			t.extras = append(t.extras, keep(m))
		}
		if err != nil {
			return nil, err
		}
	}
	switch {
	case t.term == 0:
		return nil, corrupt("a key has no term")
	case version != 1:
		return nil, corrupt("the key of term %d has the version %d, not 1", t.term, version)
	case t.value.Len() == 0:
		return nil, corrupt("the key of term %d is missing", t.term)
	case t.installRaw == "":
		return nil, corrupt("the key of term %d has no time", t.term)
	}
	return t, nil
}

// Encode is the plaintext of core/keyring, as the servers write it. The caller
// wipes it.
func (k *Keyring) Encode() (plain secret.Bytes, err error) {
	if len(k.keys) == 0 || k.root.Len() != KeySize {
		return secret.Bytes{}, fmt.Errorf("writing the keyring: %w: it has no keys", vaultstate.ErrCorrupt)
	}
	secret.Do(func() {
		var t text
		t.str("{")
		t.member("MasterKey")
		t.key(k.root)
		t.member("Keys")
		t.str("[")
		for i, key := range k.keys {
			if i > 0 {
				t.str(",")
			}
			key.write(&t)
		}
		t.str("]")
		if k.rotation.Len() > 0 {
			t.member("RotationConfig")
			t.raw(k.rotation.Expose())
		}
		t.extras(k.extras)
		t.str("}")
		plain = t.done()
	})
	return plain, nil
}

func (k *termKey) write(t *text) {
	t.str("{")
	t.member("Term")
	t.public(k.term)
	t.member("Version")
	t.public(1)
	t.member("Value")
	t.key(k.value)
	t.member("InstallTime")
	t.public(k.installRaw)
	if k.encryptions > 0 {
		t.member("encryptions")
		t.public(k.encryptions)
	}
	t.extras(k.extras)
	t.str("}")
}

// Root is the root key, which stays the keyring's.
func (k *Keyring) Root() secret.Bytes { return k.root }

// SetRoot replaces the root key by a copy of root.
func (k *Keyring) SetRoot(root secret.Bytes) {
	next := root.Clone()
	k.root.Wipe()
	k.root = next
}

// Active is the newest term: new entries are sealed under it.
func (k *Keyring) Active() uint32 { return k.keys[len(k.keys)-1].term }

// Key is the key of a term, which stays the keyring's.
func (k *Keyring) Key(term uint32) (secret.Bytes, error) {
	for _, t := range k.keys {
		if t.term == term {
			return t.value, nil
		}
	}
	return secret.Bytes{}, corrupt("no decryption key available for term %d", term)
}

// Rotate adds a random key, which becomes the active one, and returns its term.
// The counts of the others start again, as a server does it.
func (k *Keyring) Rotate(now time.Time) (uint32, error) {
	next := k.Active() + 1
	if next == 0 {
		return 0, fmt.Errorf("rotating the keyring: %w: the terms are used up", vaultstate.ErrUnsupported)
	}
	for _, t := range k.keys {
		t.encryptions = 0
	}
	k.keys = append(k.keys, newTermKey(next, secret.Random(KeySize), now))
	return next, nil
}

// KeepNewest drops every key but the active one. n entries were sealed with it at
// once: they count to its limit.
func (k *Keyring) KeepNewest(n uint64) {
	last := len(k.keys) - 1
	for _, t := range k.keys[:last] {
		t.wipe()
	}
	k.keys = k.keys[last:]
	k.keys[0].encryptions += n
}

// Terms are the public facts of the keys, ascending; the last is active.
func (k *Keyring) Terms() []vaultstate.TermInfo {
	list := make([]vaultstate.TermInfo, 0, len(k.keys))
	for _, t := range k.keys {
		list = append(list, vaultstate.TermInfo{
			Term:      t.term,
			Installed: t.installed,
			Digest:    vaultstate.KeyDigest("term-key", t.value),
		})
	}
	return list
}

// Clone is a copy with keys of its own.
func (k *Keyring) Clone() *Keyring {
	c := &Keyring{root: k.root.Clone(), rotation: k.rotation.Clone(), extras: cloneExtras(k.extras)}
	for _, t := range k.keys {
		u := *t
		u.value, u.extras = t.value.Clone(), cloneExtras(t.extras)
		c.keys = append(c.keys, &u)
	}
	return c
}

// Wipe wipes every key.
func (k *Keyring) Wipe() {
	k.root.Wipe()
	k.rotation.Wipe()
	wipeExtras(k.extras)
	for _, t := range k.keys {
		t.wipe()
	}
	k.keys = nil
}

func (k *termKey) wipe() {
	k.value.Wipe()
	wipeExtras(k.extras)
}
