package serverconfig

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"conclave/hsm/secret"
)

// HSM is what the seal is configured to: which library, token and key. It is
// free of hsm, so that it builds without cgo. Wipe ends the PIN.
type HSM struct {
	Lib         Value
	TokenLabel  Value
	TokenSerial Value // "serial": the external plugin's, not the built-in seal's
	Slot        Value // decimal, or hexadecimal with 0x; fits 32 bits unless a flag gave it
	KeyLabel    Value
	KeyID       Value // CKA_ID in hex, without 0x; may be empty
	Mechanism   Value
	OAEPHash    Value
	// GenerateKey is Vault Enterprise's generate_key or our flag.
	GenerateKey Value
	// Of the HMAC beside AES-CBC, as Vault Enterprise calls them.
	HMACKeyLabel Value
	HMACKeyID    Value // CKA_ID in hex, without 0x; may be empty
	// Where RSA encrypts: RSALocal is Vault Enterprise's, RSANotLocal OpenBao's.
	RSALocal    Value
	RSANotLocal Value
	ForceRW     Value // every session is a read-write one
	// AcceptUnauthenticated is ours: a new seal may be RSA-OAEP.
	AcceptUnauthenticated Value

	// Checked, and of no use here.
	hmacMechanism, maxParallel, defaultKeyLabel, defaultHMACKeyLabel Value

	PIN       secret.Bytes // empty: it must be typed, or read from PINFile
	PINFile   string       // the stanza says pin = "file://PATH": the file's bytes, as they are
	PINSource string       // where PIN or PINFile came from

	Notices []Notice // parameters that are not used
}

// Wipe wipes the PIN.
func (h *HSM) Wipe() {
	if h != nil {
		h.PIN.Wipe()
	}
}

// param is one value of the HSM with all its names.
type param struct {
	to      func(*HSM) *Value
	config  []string // in the stanza
	env     string   // after BAO_HSM_ and VAULT_HSM_
	flag    string   // ours, without the dash
	literal bool     // any way to write a number will do
}

var params = []param{
	{func(h *HSM) *Value { return &h.Lib }, []string{"lib", "module"}, "LIB", "hsm-lib", false},
	{func(h *HSM) *Value { return &h.TokenLabel }, []string{"token_label", "token"}, "TOKEN_LABEL", "hsm-token-label", false},
	{func(h *HSM) *Value { return &h.TokenSerial }, []string{"serial"}, "", "", false},
	{func(h *HSM) *Value { return &h.Slot }, []string{"slot"}, "SLOT", "hsm-slot", true},
	{func(h *HSM) *Value { return &h.KeyLabel }, []string{"key_label", "label"}, "KEY_LABEL", "hsm-key-label", false},
	{func(h *HSM) *Value { return &h.KeyID }, []string{"key_id"}, "KEY_ID", "hsm-key-id", false},
	{func(h *HSM) *Value { return &h.Mechanism }, []string{"mechanism"}, "MECHANISM", "hsm-mechanism", true},
	{func(h *HSM) *Value { return &h.OAEPHash }, []string{"rsa_oaep_hash"}, "RSA_OAEP_HASH", "hsm-rsa-oaep-hash", false},
	{func(h *HSM) *Value { return &h.GenerateKey }, []string{"generate_key"}, "GENERATE_KEY", "hsm-generate-key", true},
	{func(h *HSM) *Value { return &h.HMACKeyLabel }, []string{"hmac_key_label"}, "HMAC_KEY_LABEL", "hsm-hmac-key-label", false},
	{func(h *HSM) *Value { return &h.HMACKeyID }, []string{"hmac_key_id"}, "HMAC_KEY_ID", "hsm-hmac-key-id", false},
	{func(h *HSM) *Value { return &h.hmacMechanism }, []string{"hmac_mechanism"}, "HMAC_MECHANISM", "", true},
	{func(h *HSM) *Value { return &h.defaultKeyLabel }, []string{"default_key_label"}, "DEFAULT_KEY_LABEL", "", false},
	{func(h *HSM) *Value { return &h.defaultHMACKeyLabel }, []string{"default_hmac_key_label"}, "HMAC_DEFAULT_KEY_LABEL", "", false},
	{func(h *HSM) *Value { return &h.ForceRW }, []string{"force_rw_session"}, "FORCE_RW_SESSION", "", true},
	{func(h *HSM) *Value { return &h.maxParallel }, []string{"max_parallel"}, "MAX_PARALLEL", "", true},
	{func(h *HSM) *Value { return &h.RSALocal }, []string{"rsa_encrypt_local"}, "RSA_ENCRYPT_LOCAL", "", true},
	{func(h *HSM) *Value { return &h.RSANotLocal }, []string{"disable_software_encryption"}, "DISABLE_SOFTWARE_ENCRYPTION", "", true},
	// Not from the environment: whoever accepts it says so where others read it.
	{func(h *HSM) *Value { return &h.AcceptUnauthenticated }, []string{"accept_unauthenticated_seal"}, "", "accept-unauthenticated-seal", true},
}

// unused are parameters that a server knows and Conclave has no use for.
var unused = map[string]string{
	"default_key_label":      "every blob that Conclave opens names its key",
	"default_hmac_key_label": "every blob that Conclave opens names its keys",
	"max_parallel":           "it concerns the server's requests only",
}

// Resolve brings together what the flags, the environment and the
// configuration say of the HSM, and refuses what a server would not find or
// would read otherwise. c may be nil: no configuration. lookup is os.LookupEnv;
// flags holds the flags that were given, without their dashes. The caller wipes
// the result; a PIN in it is a copy.
func Resolve(c *Config, lookup func(string) (string, bool), flags map[string]string) (*HSM, error) {
	if c == nil {
		c = &Config{}
	}
	s, err := c.pkcs11(lookup)
	if err != nil {
		return nil, err
	}
	h := &HSM{}
	known := map[string]bool{}
	for _, p := range params {
		v, err := c.pick(p, s, lookup, flags)
		if err != nil {
			return nil, err
		}
		*p.to(h) = v
		for _, name := range p.config {
			known[name] = true
		}
	}
	h.Notices = c.leftovers(s, known)
	if err := c.check(h); err != nil {
		return nil, err
	}
	if err := c.resolvePIN(h, s, lookup); err != nil {
		return nil, err
	}
	return h, nil
}

// pkcs11 is the seal stanza to use: an empty one if there is none.
func (c *Config) pkcs11(lookup func(string) (string, bool)) (*seal, error) {
	s := &seal{}
	switch {
	case len(c.seals) > 1:
		return nil, c.errorf(c.seals[1].line, "there is a second seal: a migration between seals, or several at once, is not for Conclave")
	case len(c.seals) == 1:
		s = c.seals[0]
	}
	if s.off {
		return nil, c.errorf(s.line, "the seal is disabled: this server migrates to another one")
	}
	kind, at := c.value(s.kind, s.line), s.line
	if v := environment(lookup, "SEAL_TYPE"); v.Set() {
		kind, at = v, 0
	}
	if kind.Text != "" && kind.Text != "pkcs11" {
		if at == 0 {
			return nil, &Error{Reason: fmt.Sprintf("%s: the seal is %s; without its server Conclave works with pkcs11 only", kind.Source, printable(kind.Text))}
		}
		return nil, c.errorf(at, "the seal is %s; without its server Conclave works with pkcs11 only", printable(kind.Text))
	}
	return s, nil
}

// pick takes a value from the first that gives it: flag, environment, file.
func (c *Config) pick(p param, s *seal, lookup func(string) (string, bool), flags map[string]string) (Value, error) {
	var file Value
	written := ""
	for _, name := range p.config {
		v, ok := s.params[name]
		if !ok {
			continue
		}
		if written != "" {
			// A server takes either, by chance.
			return Value{}, c.errorf(v.Line, "%s and %s are names of one parameter: write one of them", written, name)
		}
		file, written = v, name
	}
	if v, ok := flags[p.flag]; ok && p.flag != "" && v != "" {
		return Value{Text: v, Source: "flag -" + p.flag}, nil
	}
	if p.env != "" {
		if v := environment(lookup, "HSM_"+p.env); v.Set() {
			return v, nil
		}
	}
	if file.Set() && !p.literal && s.number[written] {
		return Value{}, c.errorf(file.Line, "%s is a number that the server spells in another way: put it in quotes", written)
	}
	if file.Set() {
		return file, nil
	}
	return Value{Source: "default"}, nil
}

// environment looks up BAO_name, and VAULT_name if that is not set at all.
func environment(lookup func(string) (string, bool), name string) Value {
	if lookup == nil {
		return Value{}
	}
	for _, prefix := range []string{"BAO_", "VAULT_"} {
		if text, ok := lookup(prefix + name); ok {
			if text == "" {
				return Value{}
			}
			return Value{Text: text, Source: "environment " + prefix + name}
		}
	}
	return Value{}
}

func (c *Config) leftovers(s *seal, known map[string]bool) []Notice {
	var list []Notice
	for name, v := range s.params {
		if known[name] && unused[name] == "" {
			continue
		}
		text := fmt.Sprintf("the pkcs11 seal has no parameter %s: it is not used", printable(name))
		if why, ok := unused[name]; ok {
			text = fmt.Sprintf("%s is not used: %s", name, why)
		}
		list = append(list, Notice{c.File, v.Line, text})
	}
	slices.SortFunc(list, func(a, b Notice) int { return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Text, b.Text)) })
	return list
}

// resolvePIN takes the PIN from the environment or the stanza. In the stanza
// it may be a reference.
func (c *Config) resolvePIN(h *HSM, s *seal, lookup func(string) (string, bool)) error {
	if v := environment(lookup, "HSM_PIN"); v.Set() {
		h.PIN, h.PINSource = secret.Take([]byte(v.Text)), v.Source
		return nil
	}
	if s.pin.Len() == 0 {
		return nil
	}
	h.PINSource = c.value("", s.pinAt).Source
	text := bytes.TrimSpace(s.pin.Expose())
	switch {
	case bytes.HasPrefix(text, []byte("file://")):
		h.PINFile = string(text[len("file://"):])
	case bytes.HasPrefix(text, []byte("env://")):
		name := string(text[len("env://"):])
		pin, ok := "", false
		if lookup != nil {
			pin, ok = lookup(name)
		}
		if !ok || pin == "" {
			return c.errorf(s.pinAt, "the PIN is to be taken from an environment variable that is not set")
		}
		h.PIN, h.PINSource = secret.Take([]byte(pin)), "environment "+name
	case bytes.HasPrefix(text, []byte("string://")):
		h.PIN = clone(text[len("string://"):])
	case bytes.HasPrefix(text, []byte("file:")), bytes.HasPrefix(text, []byte("env:")), bytes.HasPrefix(text, []byte("string:")):
		return c.errorf(s.pinAt, "the PIN begins like a reference (file://, env://, string://) but is none")
	default:
		h.PIN = s.pin.Clone()
	}
	return nil
}

func clone(b []byte) secret.Bytes {
	s := secret.New(len(b))
	secret.Copy(s.Expose(), b)
	return s
}
