package serverconfig_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"conclave/vaultstate/serverconfig"
)

// none is an empty environment.
func none(string) (string, bool) { return "", false }

func env(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

func parse(t *testing.T, text string) *serverconfig.Config {
	t.Helper()
	c, err := serverconfig.Parse("bao.hcl", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	t.Cleanup(c.Wipe)
	return c
}

func resolve(t *testing.T, c *serverconfig.Config, lookup func(string) (string, bool), flags map[string]string) *serverconfig.HSM {
	t.Helper()
	h, err := serverconfig.Resolve(c, lookup, flags)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Wipe)
	return h
}

// TestFixtures reads the configurations with which OpenBao 2.5.5 ran.
func TestFixtures(t *testing.T) {
	for name, want := range map[string]string{
		"aes": "bao-aes 01  user-1234",
		"rsa": "bao-rsa 02 sha1 user-1234",
	} {
		text, err := fs.ReadFile(os.DirFS("testdata"), name+".hcl")
		if err != nil {
			t.Fatal(err)
		}
		c := parse(t, string(text))
		h := resolve(t, c, none, nil)
		got := h.KeyLabel.Text + " " + h.KeyID.Text + " " + h.OAEPHash.Text + " " + string(h.PIN.Expose())
		if got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		if h.Lib.Text != "/usr/lib/softhsm/libsofthsm2.so" || h.TokenLabel.Text != "ceremony" || h.Slot.Set() || h.Mechanism.Set() {
			t.Errorf("%s: %+v", name, h)
		}
		if h.PINSource != "configuration bao.hcl" || h.KeyID.Source != "configuration bao.hcl" || h.KeyID.Line != 3 || h.Slot.Source != "default" {
			t.Errorf("%s: the sources are %+v", name, h)
		}
		path, err := c.StoragePath()
		if err != nil || path.Text != "storage" || path.Line != 1 {
			t.Errorf("%s: storage %+v, %v", name, path, err)
		}
		if len(c.Listeners) != 1 || len(c.Notices)+len(h.Notices) != 0 {
			t.Fatalf("%s: %+v", name, c)
		}
		l := c.Listeners[0]
		if l.Type != "tcp" || l.Address.Text != "127.0.0.1:18210" || l.TLS || l.Line != 2 ||
			l.DisableUnauthedRekey == nil || *l.DisableUnauthedRekey || l.DisableUnauthedGenerateRoot == nil || *l.DisableUnauthedGenerateRoot {
			t.Errorf("%s: the listener is %+v", name, l)
		}
		if c.APIAddr.Text != "http://127.0.0.1:18210" || c.APIAddr.Line != 4 {
			t.Errorf("%s: api_addr %+v", name, c.APIAddr)
		}
	}
}

// shapes all say the same: file storage at /srv/bao, the key bao-key (id 0a1b)
// in slot 7 of /lib/p11.so, the PIN 1234-x, AES-GCM, a listener at
// 10.0.0.1:8200 with TLS, api_addr https://bao.example:8200.
var shapes = map[string]string{
	"as documented": `
# comment
storage "file" {
  path = "/srv/bao"
}

listener "tcp" {
  address       = "10.0.0.1:8200"
  tls_cert_file = "/etc/cert"   // another comment
  tls_key_file  = "/etc/key"
}

/* a comment
   over lines */
seal "pkcs11" {
  lib       = "/lib/p11.so"
  slot      = "7"
  pin       = "1234-x"
  key_label = "bao-key"
  key_id    = "0a1b"
  mechanism = "0x1087"
}

api_addr = "https://bao.example:8200"
telemetry { statsd_address = "x" disable_hostname = true }
`,
	"old names, quoted names, arguments on a line, CRLF": "\"backend\" \"file\" { \"path\" = \"/srv/bao\" }\r\n" +
		"listener tcp { \"address\" = \"10.0.0.1:8200\" tls_disable = \"false\" }\r\n" +
		"hsm \"PKCS11\" { module = \"/lib/p11.so\" slot = 7 pin = \"1234-x\" label = \"bao-key\" key_id = \"0a1b\" mechanism = 4231 }\r\n" +
		"\"api_addr\" = \"https://bao.example:8200\"",
	"hex numbers, commas, other case at the top, kms": `
Storage "File" { path = "/srv/bao", }
Listener { Type = "TCP", Address = "10.0.0.1:8200", TLS_Disable = 0 }
kms "pkcs11" {
  lib = "/lib/p11.so",
  slot = 0x7,
  pin = "1234-x",
  key_label = "bao-key",
  key_id = "0a1b",
  mechanism = 0x1087,
  purpose = ["a", "b"]
  disabled = "false"
}
API_ADDR = "https://bao.example:8200"
`,
	"json objects": `{
  "storage": {"file": {"path": "/srv/bao"}},
  "listener": {"tcp": {"address": "10.0.0.1:8200", "tls_disable": false}},
  "seal": {"pkcs11": {"lib": "/lib/p11.so", "slot": 7, "pin": "1234-x", "key_label": "bao-key", "key_id": "0a1b", "mechanism": "0x1087"}},
  "api_addr": "https://bao.example:8200",
  "ui": true, "cluster_name": null
}`,
	"json arrays": `
{
  "storage": [{"file": {"path": "/srv/bao"}}],
  "listener": [{"tcp": {"address": "10.0.0.1:8200"}}],
  "seal": [{"pkcs11": {"lib": "/lib/p11.so", "slot": "0x7", "pin": "1234-\u0078", "key_label": "bao-key", "key_id": "0a1b", "mechanism": "0x1087", "purpose": "x,y"}}],
  "api_addr": "https://bao.example:8200"
}`,
	"json with a trailing comma and backend": `{
  "backend": {"file": {"path": "/srv/bao"}},
  "listener": [{"tcp": {"address": "10.0.0.1:8200"}}],
  "kms": [{"pkcs11": {"module": "/lib/p11.so", "slot": "7", "pin": "1234-x", "label": "bao-key", "key_id": "0a1b", "mechanism": 4231,}}],
  "api_addr": "https://bao.example:8200",
}`,
	"address in the storage stanza, backend beside storage": `
storage "file" { path = "/srv/bao" redirect_addr = "https://bao.example:8200" }
backend "consul" { path = "vault/" }
listener "tcp" { address = "10.0.0.1:8200" telemetry { unauthenticated_metrics_access = true } custom_response_headers { "default" = { "X" = ["y"] } } }
seal "pkcs11" { lib = "/lib/p11.so" slot = "7" pin = "1234-x" key_label = "bao-key" key_id = "0a1b" mechanism = "0x1087" }
`,
}

func TestShapes(t *testing.T) {
	for name, text := range shapes {
		t.Run(name, func(t *testing.T) {
			c := parse(t, text)
			h := resolve(t, c, none, nil)
			path, err := c.StoragePath()
			if err != nil || path.Text != "/srv/bao" || path.Line == 0 {
				t.Errorf("storage: %+v, %v", path, err)
			}
			slot, err := serverconfig.ParseSlot(h.Slot.Text, 32)
			if err != nil || slot != 7 || h.Slot.Line == 0 {
				t.Errorf("slot: %+v, %v", h.Slot, err)
			}
			if h.Lib.Text != "/lib/p11.so" || h.KeyLabel.Text != "bao-key" || h.KeyID.Text != "0a1b" || string(h.PIN.Expose()) != "1234-x" {
				t.Errorf("hsm: %+v", h)
			}
			if m := h.Mechanism.Text; m != "0x1087" && m != "4231" {
				t.Errorf("mechanism: %q", m)
			}
			if len(c.Listeners) != 1 || c.Listeners[0].Type != "tcp" || c.Listeners[0].Address.Text != "10.0.0.1:8200" || !c.Listeners[0].TLS {
				t.Errorf("listeners: %+v", c.Listeners)
			}
			if c.Listeners[0].DisableUnauthedRekey != nil {
				t.Error("a flag that is not there has a value")
			}
			if c.APIAddr.Text != "https://bao.example:8200" {
				t.Errorf("api_addr: %+v", c.APIAddr)
			}
		})
	}
}

// TestRefused has what a server would read otherwise than it looks, or not at
// all. Every text holds the PIN canary-7; no message may.
func TestRefused(t *testing.T) {
	seal := func(args string) string {
		return "storage \"file\" { path = \"/s\" }\nseal \"pkcs11\" {\n pin = \"canary-7\"\n" + args + "\n}\n"
	}
	for _, tt := range []struct {
		name, text string
		line       int
		reason     string
	}{
		{"no value", "pin = \nseal \"x\" { canary-7 = ", 2, "not HCL"},
		{"no quotes", "seal \"pkcs11\" {\n pin = canary-7\n}", 2, "not HCL"},
		{"open quote", "seal \"pkcs11\" {\n pin = \"canary-7\n}", 2, "not HCL"},
		{"open brace", "seal \"pkcs11\" {\n pin = \"canary-7\"\n", 3, "not HCL"},
		{"json without a quote", "{\n \"seal\": {\"pkcs11\": {\"pin\": canary-7 }}}", 2, "not JSON"},
		{"hex prefix", seal(`key_label = "k" key_id = "0x01"`), 4, "key_id begins with 0x"},
		{"id as a number", seal(`key_label = "k" key_id = 01`), 4, "key_id is a number"},
		{"id of one digit", seal(`key_label = "k" key_id = 1`), 4, "key_id is not hex"},
		{"id that is not hex", seal(`key_label = "k" key_id = "canary"`), 4, "key_id is not hex"},
		{"id without label", seal(`key_id = "01"`), 4, "key_id without key_label"},
		{"long slot", seal(`slot = "2305843009213693953"`), 4, "at most 32 bits"},
		{"long hex slot", seal(`slot = 0x2000000000000001`), 4, "at most 32 bits"},
		{"octal-looking slot", seal(`slot = "7x"`), 4, "slot is not a number"},
		{"slot that is too long to be a number", seal(`slot = 99999999999999999999`), 4, "not a text, a whole number"},
		{"slot as a fraction", seal(`slot = 0.0`), 4, "not a text, a whole number"},
		{"two names of one", seal(`lib = "a"` + "\n" + `module = "b"`), 5, "names of one parameter"},
		{"twice", seal(`lib = "a"` + "\n" + `lib = "b"`), 5, "twice"},
		{"a here-document", seal("key_label = <<E\nlabel\nE"), 4, "control character"},
		{"octal pin", "seal \"pkcs11\" {\n pin = 0123\n}", 2, "put it in quotes"},
		{"pin as a list", "seal \"pkcs11\" {\n pin = [\"canary-7\"]\n}", 2, "the PIN is not text"},
		{"pin twice", seal(`pin = "canary-7"`), 4, "twice"},
		{"pin in a variable", "seal \"pkcs11\" {\n pin = \"env://canary-7\"\n}", 2, "is not set"},
		{"pin almost in a variable", "seal \"pkcs11\" {\n pin = \"env:canary-7\"\n}", 2, "is none"},
		{"two seals", seal(``) + "seal \"transit\" {\n}", 6, "second seal"},
		{"disabled", seal(`disabled = "true"`), 2, "disabled"},
		{"disabled, perhaps", seal(`disabled = "canary-7"`), 4, "neither"},
		{"generate_key, perhaps", seal(`generate_key = "canary-7"`), 4, "neither"},
		{"another seal", "seal \"transit\" { token = \"canary-7\" }", 1, `"transit"; without its server`},
		{"seal without type", "seal {\n pin = \"canary-7\"\n}", 1, "no type"},
		{"seal as a value", "seal = \"canary-7\"", 1, "not a stanza"},
		{"type in a map", "seal = { pkcs11 = { pin = \"canary-7\" } }", 1, "no type"},
		{"listener without type", seal("") + "listener {\n}", 6, "no type"},
		{"listener of another type", seal("") + "listener \"canary-7\" {\n}", 6, "tcp and unix"},
		{"tls, perhaps", seal("") + "listener \"tcp\" {\n tls_disable = \"canary-7\"\n}", 7, "neither"},
		{"two storages", "storage \"file\" {}\nstorage \"file\" {}\n", 2, "second storage"},
		{"api_addr twice", "api_addr = \"a\"\napi_addr = \"b\"", 2, "twice"},
		{"api_addr as a number", "api_addr = 5", 1, "not text"},
		{"no type of storage", "storage {\n path = \"x\"\n}", 1, "no type"},
		{"raft", "storage \"raft\" { path = \"x\" }", 1, `"raft"; without its server`},
		{"no storage", "ui = true", 0, "no storage"},
		{"no path", "storage \"file\" {\n}", 1, "no path"},
		{"path as a number", "storage \"file\" {\n path = 5\n}", 2, "not text in quotes"},
		{"several servers", "storage \"file\" { path = \"x\" }\nha_storage \"consul\" {}", 2, "other servers"},
		{"json line", "{\n\n \"seal\": {\"pkcs11\": {\n \"pin\": \"canary-7\",\n \"key_label\": \"k\", \"key_id\": \"0X01\"}}}", 5, "begins with 0x"},
		{"deep", strings.Repeat("a = [", 2000), 0, "too deeply"},
		{"large", strings.Repeat("# canary-7\n", 100_000), 0, "larger"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := use("bao.hcl", []byte(tt.text))
			var e *serverconfig.Error
			if !errors.As(err, &e) {
				t.Fatalf("%v is no *Error", err)
			}
			if e.File != "bao.hcl" || e.Line != tt.line || !strings.Contains(e.Reason, tt.reason) {
				t.Errorf("%q in line %d, want line %d and %q", e.Reason, e.Line, tt.line, tt.reason)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the message quotes the file: %v", err)
			}
		})
	}
}

// use does all that a program does with a configuration.
func use(file string, text []byte) error {
	c, err := serverconfig.Parse(file, text)
	if err != nil {
		return err
	}
	defer c.Wipe()
	h, err := serverconfig.Resolve(c, none, nil)
	if err != nil {
		return err
	}
	defer h.Wipe()
	_, err = c.StoragePath()
	return err
}

func TestPrecedence(t *testing.T) {
	c := parse(t, `seal "pkcs11" { lib = "/file" token_label = "file" pin = "file" key_label = "file" key_id = "aa" generate_key = "true" }`)
	h := resolve(t, c, env(
		"BAO_HSM_LIB", "/bao", "VAULT_HSM_LIB", "/vault",
		"VAULT_HSM_TOKEN_LABEL", "vault",
		"BAO_HSM_KEY_LABEL", "", "VAULT_HSM_KEY_LABEL", "hidden by the empty one",
		"BAO_HSM_PIN", "bao",
		"BAO_HSM_SLOT", "0x10",
		"BAO_SEAL_TYPE", "pkcs11",
	), map[string]string{"hsm-lib": "/flag", "hsm-mechanism": "AES_GCM"})
	for _, tt := range []struct {
		name         string
		v            serverconfig.Value
		text, source string
	}{
		{"lib", h.Lib, "/flag", "flag -hsm-lib"},
		{"token_label", h.TokenLabel, "vault", "environment VAULT_HSM_TOKEN_LABEL"},
		{"key_label", h.KeyLabel, "file", "configuration bao.hcl"},
		{"slot", h.Slot, "0x10", "environment BAO_HSM_SLOT"},
		{"mechanism", h.Mechanism, "AES_GCM", "flag -hsm-mechanism"},
		{"rsa_oaep_hash", h.OAEPHash, "", "default"},
		{"generate_key", h.GenerateKey, "true", "configuration bao.hcl"},
	} {
		if tt.v.Text != tt.text || tt.v.Source != tt.source {
			t.Errorf("%s is %q of %q, want %q of %q", tt.name, tt.v.Text, tt.v.Source, tt.text, tt.source)
		}
	}
	if string(h.PIN.Expose()) != "bao" || h.PINSource != "environment BAO_HSM_PIN" {
		t.Errorf("the PIN comes from %q", h.PINSource)
	}
}

func TestWithoutConfiguration(t *testing.T) {
	h := resolve(t, nil, env("VAULT_HSM_LIB", "/l"), map[string]string{"hsm-slot": "2305843009213693953", "hsm-key-label": "k"})
	if h.Lib.Text != "/l" || h.Slot.Text != "2305843009213693953" || h.KeyLabel.Source != "flag -hsm-key-label" || h.PIN.Len() != 0 || h.PINSource != "" {
		t.Errorf("%+v", h)
	}
	for name, lookup := range map[string]func(string) (string, bool){
		"environment BAO_HSM_SLOT: slot":             env("BAO_HSM_SLOT", "2305843009213693953"),
		"environment VAULT_HSM_KEY_ID: key_id":       env("VAULT_HSM_KEY_ID", "0x01"),
		"environment BAO_SEAL_TYPE: the seal is":     env("BAO_SEAL_TYPE", "transit"),
		"environment BAO_HSM_LIB: there is a contro": env("BAO_HSM_LIB", "/a\n"),
	} {
		if _, err := serverconfig.Resolve(nil, lookup, nil); err == nil || !strings.HasPrefix(err.Error(), name) {
			t.Errorf("%v, want %s", err, name)
		}
	}
}

func TestPINReferences(t *testing.T) {
	for text, want := range map[string][3]string{
		`"1234"`:                {"1234", "", "configuration bao.hcl"},
		`1234`:                  {"1234", "", "configuration bao.hcl"},
		`"env://MY_PIN"`:        {"of my own", "", "environment MY_PIN"},
		`"file:///etc/pin"`:     {"", "/etc/pin", "configuration bao.hcl"},
		`"string://env://x"`:    {"env://x", "", "configuration bao.hcl"},
		`" with spaces "`:       {" with spaces ", "", "configuration bao.hcl"},
		`"quote \" and ${odd}"`: {`quote " and ${odd}`, "", "configuration bao.hcl"},
		`""`:                    {"", "", ""},
	} {
		c := parse(t, `seal "pkcs11" { pin = `+text+` }`)
		h := resolve(t, c, env("MY_PIN", "of my own"), nil)
		if got := [3]string{string(h.PIN.Expose()), h.PINFile, h.PINSource}; got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestNotices(t *testing.T) {
	c := parse(t, `storage "file" {
  path = "/s"
  node_id = "x"
}
backend "raft" {}
cluster_addr = "https://{{ GetPrivateIP }}:8201"
listener "unix" { address = "/run/x.sock" }
listener "tcp" { address = "{{ GetPrivateIP }}:8200" disable_unauthed_rekey_endpoints = 1 }
seal "pkcs11" {
  default_key_label = "h"
  Lib = "/upper/case"
  max_parallel = 3
}`)
	h := resolve(t, c, none, nil)
	var lines []int
	var texts []string
	for _, n := range append(c.Notices, h.Notices...) {
		if n.File != "bao.hcl" {
			t.Errorf("a notice of the file %q", n.File)
		}
		lines, texts = append(lines, n.Line), append(texts, n.Text)
	}
	want := []string{"cluster_addr is a template", "listener's address is a template", "backend is not read", `no argument "node_id"`,
		"default_key_label is not used: every", `no parameter "Lib"`, "max_parallel is not used"}
	if len(texts) != len(want) {
		t.Fatalf("%d notices: %q", len(texts), texts)
	}
	for i := range want {
		if !strings.Contains(texts[i], want[i]) {
			t.Errorf("notice %d is %q, want %q", i, texts[i], want[i])
		}
	}
	if got := lines; got[0] != 6 || got[1] != 8 || got[2] != 5 || got[3] != 3 || got[4] != 10 || got[5] != 11 || got[6] != 12 {
		t.Errorf("the lines are %v", got)
	}
	if h.Lib.Set() {
		t.Error("Lib is taken for lib: the server does not")
	}
	if l := c.Listeners; len(l) != 2 || l[0].Type != "unix" || l[0].Address.Text != "/run/x.sock" || l[0].TLS || l[1].DisableUnauthedRekey == nil || !*l[1].DisableUnauthedRekey {
		t.Errorf("listeners: %+v", l)
	}
}

func TestAPIAddress(t *testing.T) {
	c := parse(t, `api_addr = "https://file"`)
	if v := c.APIAddress(none); v.Text != "https://file" || v.Line != 1 {
		t.Errorf("%+v", v)
	}
	if v := c.APIAddress(env("VAULT_REDIRECT_ADDR", "https://env")); v.Text != "https://env" || v.Source != "environment VAULT_REDIRECT_ADDR" {
		t.Errorf("%+v", v)
	}
}

// FuzzParse looks for panics and for messages that quote the file.
func FuzzParse(f *testing.F) {
	for _, text := range shapes {
		f.Add(text)
	}
	f.Add("seal \"pkcs11\" {\n pin = canary-7\n}")
	f.Add("seal \"pkcs11\" {\n pin = <<-X\ncanary-7\n X\n}")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := serverconfig.Parse("bao.hcl", []byte(text))
		if err != nil {
			var e *serverconfig.Error
			if !errors.As(err, &e) || strings.Contains(err.Error(), "canary") {
				t.Errorf("the error is %v", err)
			}
			return
		}
		defer c.Wipe()
		_, _ = c.StoragePath()
		h, err := serverconfig.Resolve(c, none, nil)
		if err != nil {
			return
		}
		defer h.Wipe()
		for _, v := range []serverconfig.Value{h.Lib, h.TokenLabel, h.Slot, h.KeyLabel, h.KeyID, h.Mechanism, h.OAEPHash} {
			if v.Set() && v.Source != "configuration bao.hcl" {
				t.Errorf("%+v comes from nowhere", v)
			}
		}
	})
}
