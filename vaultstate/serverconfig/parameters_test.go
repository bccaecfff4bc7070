package serverconfig_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"conclave/vaultstate/serverconfig"
)

// parameters are those of Vault Enterprise's pkcs11 seal, with the variables
// that win over them, and OpenBao's; each with what Conclave does with it.
var parameters = []struct {
	name, env, value string
	to               func(*serverconfig.HSM) serverconfig.Value // nil: not used, with a notice or not
	unset            string                                     // the value where nothing gives it
	notice           string                                     // why it is not used
	bad, refused     string                                     // a value that is refused, and why
}{
	{"lib", "LIB", "/lib/p11.so", func(h *serverconfig.HSM) serverconfig.Value { return h.Lib }, "", "", "a\x01b", "control character"},
	{"slot", "SLOT", "7", func(h *serverconfig.HSM) serverconfig.Value { return h.Slot }, "", "", "2305843009213693953", "at most 32 bits"},
	{"token_label", "TOKEN_LABEL", "ceremony", func(h *serverconfig.HSM) serverconfig.Value { return h.TokenLabel }, "", "", "a\x01b", "control character"},
	{"key_label", "KEY_LABEL", "vault-key", func(h *serverconfig.HSM) serverconfig.Value { return h.KeyLabel }, "", "", "a\x01b", "control character"},
	{"key_id", "KEY_ID", "0a1b", func(h *serverconfig.HSM) serverconfig.Value { return h.KeyID }, "", "", "0x0a1b", "begins with 0x"},
	{"default_key_label", "DEFAULT_KEY_LABEL", "old", nil, "", "names its key", "a\x01b", "control character"},
	{"hmac_key_label", "HMAC_KEY_LABEL", "vault-hmac", func(h *serverconfig.HSM) serverconfig.Value { return h.HMACKeyLabel }, "", "", "a\x01b", "control character"},
	{"default_hmac_key_label", "HMAC_DEFAULT_KEY_LABEL", "old", nil, "", "names its keys", "a\x01b", "control character"},
	{"hmac_key_id", "HMAC_KEY_ID", "0c", func(h *serverconfig.HSM) serverconfig.Value { return h.HMACKeyID }, "", "", "c", "not hex"},
	{"mechanism", "MECHANISM", "0x1085", func(h *serverconfig.HSM) serverconfig.Value { return h.Mechanism }, "", "", "a\x01b", "control character"},
	{"hmac_mechanism", "HMAC_MECHANISM", "0x0251", nil, "", "", "0x0250", "no other is used"},
	{"generate_key", "GENERATE_KEY", "true", func(h *serverconfig.HSM) serverconfig.Value { return h.GenerateKey }, "", "", "perhaps", "neither true nor false"},
	{"force_rw_session", "FORCE_RW_SESSION", "true", func(h *serverconfig.HSM) serverconfig.Value { return h.ForceRW }, "", "", "perhaps", "neither true nor false"},
	{"max_parallel", "MAX_PARALLEL", "4", nil, "", "server's requests", "0", "not a number from 1"},
	{"rsa_encrypt_local", "RSA_ENCRYPT_LOCAL", "true", func(h *serverconfig.HSM) serverconfig.Value { return h.RSALocal }, "", "", "perhaps", "neither true nor false"},
	{"rsa_oaep_hash", "RSA_OAEP_HASH", "sha512", func(h *serverconfig.HSM) serverconfig.Value { return h.OAEPHash }, "", "", "a\x01b", "control character"},
	{"disable_software_encryption", "DISABLE_SOFTWARE_ENCRYPTION", "true", func(h *serverconfig.HSM) serverconfig.Value { return h.RSANotLocal }, "", "", "perhaps", "neither true nor false"},
}

// TestParameters: each parameter is taken from the file and from its variables,
// which win, and is said not to be used where it is not.
func TestParameters(t *testing.T) {
	for _, p := range parameters {
		t.Run(p.name, func(t *testing.T) {
			text := func(value string) string {
				return fmt.Sprintf("seal \"pkcs11\" {\n  %s = %q\n  %s\n}\n", p.name, value, map[string]string{
					"key_id": `key_label = "k"`, "hmac_key_id": `hmac_key_label = "h"`}[p.name])
			}
			if h := resolve(t, parse(t, "seal \"pkcs11\" {}"), none, nil); p.to != nil && (p.to(h).Text != p.unset || p.to(h).Source != "default") {
				t.Errorf("without it: %+v", p.to(h))
			}
			h := resolve(t, parse(t, text(p.value)), none, nil)
			if p.to != nil && (p.to(h).Text != p.value || p.to(h).Source != "configuration bao.hcl") {
				t.Errorf("from the file: %+v", p.to(h))
			}
			if (len(h.Notices) == 1) != (p.notice != "") || p.notice != "" && !strings.Contains(h.Notices[0].Text, p.notice) {
				t.Errorf("the notices are %v", h.Notices)
			}
			// What the file has the variable hides, even if it would be refused.
			inFile := p.bad
			if strings.Contains(inFile, "\x01") {
				inFile = "other" // the parser refuses it already
			}
			for _, prefix := range []string{"BAO_HSM_", "VAULT_HSM_"} {
				h := resolve(t, parse(t, text(inFile)), env(prefix+p.env, p.value), nil)
				if p.to != nil && (p.to(h).Text != p.value || p.to(h).Source != "environment "+prefix+p.env) {
					t.Errorf("from the environment: %+v", p.to(h))
				}
				_, err := serverconfig.Resolve(parse(t, text(p.value)), env(prefix+p.env, p.bad), nil)
				if err == nil || !strings.Contains(err.Error(), p.refused) || !strings.HasPrefix(err.Error(), "environment "+prefix+p.env+": ") {
					t.Errorf("%q is refused with %v", p.bad, err)
				}
			}
			if inFile == "other" {
				return
			}
			_, err := serverconfig.Resolve(parse(t, text(p.bad)), none, nil)
			var e *serverconfig.Error
			if !errors.As(err, &e) || e.Line != 2 || !strings.Contains(e.Reason, p.refused) {
				t.Errorf("in the file %q is refused with %v", p.bad, err)
			}
		})
	}
}

// TestTogether: what cannot be together, and what is read in Vault's way.
func TestTogether(t *testing.T) {
	for args, reason := range map[string]string{
		`rsa_encrypt_local = true` + "\n" + `disable_software_encryption = true`: "in one place only",
		`hmac_key_id = "0c"`:                    "without hmac_key_label",
		`accept_unauthenticated_seal = "maybe"`: "neither true nor false",
	} {
		if _, err := serverconfig.Resolve(parse(t, "seal \"pkcs11\" {\n"+args+"\n}"), none, nil); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %v", args, err)
		}
	}
	h := resolve(t, parse(t, `seal "pkcs11" { hmac_key_label = "h" hmac_key_id = "0x0C" hmac_mechanism = 593 force_rw_session = 1 accept_unauthenticated_seal = true }`),
		env("BAO_HSM_ACCEPT_UNAUTHENTICATED_SEAL", "false"), nil)
	if h.HMACKeyID.Text != "0C" || !h.ForceRW.True() || !h.AcceptUnauthenticated.True() || h.RSALocal.True() {
		t.Errorf("%+v", h)
	}
}
