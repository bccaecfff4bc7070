package serverconfig_test

import (
	"strings"
	"testing"

	"conclave/vaultstate/serverconfig"
)

// TestPublic: what a record keeps of a configuration is its bytes without what
// is secret in them; where that cannot be told apart, nothing.
func TestPublic(t *testing.T) {
	const none = "(none)"
	for text, want := range map[string]string{
		"storage \"file\" { path = \"/s\" }\n":                           "storage \"file\" { path = \"/s\" }\n",
		"seal \"pkcs11\" {\n  pin = \"47\\\"11\"\n  slot = \"0\"\n}\n":   "seal \"pkcs11\" {\n  pin = \"(blanked)\"\n  slot = \"0\"\n}\n",
		"seal \"pkcs11\" { pin = 4711 }\n":                               "seal \"pkcs11\" { pin = \"(blanked)\" }\n",
		"seal \"pkcs11\" { pin = \"file:///run/pin\" }\n":                "seal \"pkcs11\" { pin = \"(blanked)\" }\n",
		"hsm \"x\" { PIN = \"4711\" }\n":                                 "hsm \"x\" { PIN = \"(blanked)\" }\n",
		"{\"seal\":{\"pkcs11\":{\"lib\":\"é\",\"pin\":\"4\\u003711\"}}}": "{\"seal\":{\"pkcs11\":{\"lib\":\"é\",\"pin\":\"(blanked)\"}}}",
		"telemetry { circonus_api_token = \"t0k3n\" }\n":                 "telemetry { circonus_api_token = \"(blanked)\" }\n",
		"seal \"pkcs11\" { token_label = \"kms\" token = \"kms2\" }\n":   "seal \"pkcs11\" { token_label = \"kms\" token = \"(blanked)\" }\n",
		"seal \"pkcs11\" { pin = \"\" }\n":                               "seal \"pkcs11\" { pin = \"\" }\n",
		"x \"y\" { password = true }\n":                                  "x \"y\" { password = true }\n",
		// The PIN stands in the file once more.
		"# 4711\nseal \"pkcs11\" { pin = \"4711\" }\n":                none,
		"seal \"pkcs11\" { pin = \"4711\" }\nx = \"4711\"\n":          none,
		"seal \"pkcs11\" { pin = \"string://4711\" }\n# 4711\n":       none,
		"seal \"pkcs11\" { pin = 1 }\napi_addr = \"http://10.1.1.1\"": none,
		"seal \"pkcs11\" { pin = \"4711\"":                            none,
	} {
		got, ok := serverconfig.Public([]byte(text))
		if !ok {
			got = []byte(none)
		}
		if string(got) != want {
			t.Errorf("%s\ngives %s", text, got)
		}
		if ok && strings.Contains(string(got), "4711") {
			t.Errorf("the PIN is in %s", got)
		}
	}
}
