package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// ask is a request that is refused, before or after an init, and how.
type bad struct {
	name, method, path, body string
	status                   int
	message                  string
	ours                     bool // a deliberate difference: a real server answers otherwise
}

const garbled = "mQGNBGsD8mYBDADG34F2cZwoIhOr2EOhqccRHpiQ4B4GTprmmiC+sSY8zZcyN/qp6/bfF9WN8OvfC9H29atNd3O6pJ+TbRmI"

// beforeInit are refused where there is no vault yet.
var beforeInit = []bad{
	{name: "no shares of the root key", method: "PUT", path: "sys/init", body: `{"secret_shares":5,"secret_threshold":3,"recovery_shares":5,"recovery_threshold":3}`, status: 400, message: "parameters secret_shares,secret_threshold not applicable to seal type pkcs11"},
	{name: "threshold alone", method: "PUT", path: "sys/init", body: `{"secret_threshold":2,"recovery_shares":5,"recovery_threshold":3}`, status: 400, message: "parameters secret_threshold not applicable to seal type pkcs11"},
	{name: "stored shares", method: "PUT", path: "sys/init", body: `{"stored_shares":7,"recovery_shares":5,"recovery_threshold":3}`, status: 400, message: "parameters stored_shares not applicable to seal type pkcs11", ours: true},
	{name: "negative", method: "PUT", path: "sys/init", body: `{"stored_shares":-1,"secret_shares":-1,"recovery_shares":5,"recovery_threshold":3}`, status: 400, message: "parameters secret_shares,stored_shares not applicable to seal type pkcs11", ours: true},
	{name: "pgp_keys", method: "PUT", path: "sys/init", body: `{"pgp_keys":["` + garbled + `"],"recovery_shares":1,"recovery_threshold":1}`, status: 400, message: "parameters pgp_keys not applicable to seal type pkcs11"},
	{name: "threshold too large", method: "PUT", path: "sys/init", body: `{"recovery_shares":3,"recovery_threshold":4}`, status: 400, message: "invalid recovery configuration: threshold cannot be larger than shares"},
	{name: "threshold one", method: "PUT", path: "sys/init", body: `{"recovery_shares":3,"recovery_threshold":1}`, status: 400, message: "invalid recovery configuration: threshold must be greater than one for multiple shares"},
	{name: "threshold zero", method: "PUT", path: "sys/init", body: `{"recovery_shares":3}`, status: 400, message: "invalid recovery configuration: threshold must be greater than one for multiple shares"},
	{name: "one share, threshold zero", method: "PUT", path: "sys/init", body: `{"recovery_shares":1}`, status: 400, message: "invalid recovery configuration: threshold must be at least one", ours: true},
	{name: "too many", method: "PUT", path: "sys/init", body: `{"recovery_shares":256,"recovery_threshold":2}`, status: 400, message: "invalid recovery configuration: shares must be less than 256"},
	{name: "count of keys", method: "PUT", path: "sys/init", body: `{"recovery_shares":3,"recovery_threshold":2,"recovery_pgp_keys":["` + garbled + `"]}`, status: 400, message: "invalid recovery configuration: count mismatch between number of provided PGP keys and number of shares"},
	{name: "no base64", method: "PUT", path: "sys/init", body: `{"recovery_shares":1,"recovery_threshold":1,"recovery_pgp_keys":["not base64!"]}`, status: 400, message: "invalid recovery configuration: error decoding given PGP key: illegal base64 data at input byte 3"},
	{name: "no shares", method: "PUT", path: "sys/init", body: `{}`, status: 400, message: "recovery configuration must specify a positive number of shares", ours: true},
	{name: "key of the token", method: "PUT", path: "sys/init", body: `{"recovery_shares":1,"recovery_threshold":1,"root_token_pgp_key":"bm9uZQ=="}`, status: 400, message: `error parsing PGP key: reading the PGP key "of the root token": it is no OpenPGP key, or damaged`, ours: true},
	{name: "empty", method: "PUT", path: "sys/init", body: ``, status: 400, message: "EOF"},
	{name: "no JSON", method: "PUT", path: "sys/init", body: `{"recovery_shares":`, status: 400, message: "failed to parse JSON input: this is not what this endpoint takes", ours: true},
	{name: "an array", method: "PUT", path: "sys/init", body: `[1]`, status: 400, message: "failed to parse JSON input: this is not what this endpoint takes", ours: true},
	{name: "text for a number", method: "PUT", path: "sys/init", body: `{"recovery_shares":"3"}`, status: 400, message: "failed to parse JSON input: this is not what this endpoint takes", ours: true},
	{name: "sealed rekey", method: "GET", path: "sys/rekey/init", status: 503, message: "Vault is sealed"},
	{name: "sealed recovery rekey", method: "GET", path: "sys/rekey-recovery-key/init", status: 503, message: "Vault is sealed"},
	{name: "sealed begin", method: "PUT", path: "sys/rekey-recovery-key/init", body: `{"secret_shares":3,"secret_threshold":2,"require_verification":true}`, status: 503, message: "Vault is sealed"},
	{name: "sealed attempt", method: "GET", path: "sys/generate-root/attempt", status: 503, message: "Vault is sealed"},
	{name: "sealed update", method: "PUT", path: "sys/generate-root/update", body: `{"key":"` + shareText + `","nonce":"x"}`, status: 503, message: "Vault is sealed"},
	{name: "sealed rotate", method: "PUT", path: "sys/rotate", body: `{}`, status: 503, message: "Vault is sealed"},
	{name: "sealed key-status", method: "GET", path: "sys/key-status", status: 503, message: "Vault is sealed"},
	{name: "init, method", method: "DELETE", path: "sys/init", status: 405},
}

const shareText = "akq6raufrKDw/LNT4t7mcH4dU8e5MTu5nLd/9ESvfShO"

// afterInit are refused where there is a vault and nothing is pending.
var afterInit = []bad{
	{name: "init again", method: "PUT", path: "sys/init", body: `{"recovery_shares":3,"recovery_threshold":2}`, status: 400, message: "Vault is already initialized"},
	{name: "init again, bad", method: "PUT", path: "sys/init", body: `{"recovery_shares":3,"recovery_threshold":4}`, status: 400, message: "invalid recovery configuration: threshold cannot be larger than shares"},
	{name: "stored shares", method: "PUT", path: "sys/rekey-recovery-key/init", body: `{"secret_shares":3,"secret_threshold":2,"stored_shares":1,"require_verification":true}`, status: 400, message: "stored shares not supported by recovery key"},
	{name: "backup without keys", method: "PUT", path: "sys/rekey-recovery-key/init", body: `{"secret_shares":3,"secret_threshold":2,"backup":true,"require_verification":true}`, status: 400, message: "cannot request a backup of the new keys without providing PGP keys for encryption"},
	{name: "count of keys", method: "PUT", path: "sys/rekey-recovery-key/init", body: `{"secret_shares":3,"secret_threshold":2,"pgp_keys":["x"],"require_verification":true}`, status: 400, message: "incorrect number of PGP keys for rekey"},
	{name: "threshold too large", method: "PUT", path: "sys/rekey-recovery-key/init", body: `{"secret_shares":3,"secret_threshold":4,"require_verification":true}`, status: 500, message: "invalid recovery configuration: threshold cannot be larger than shares"},
	{name: "threshold one", method: "PUT", path: "sys/rekey-recovery-key/init", body: `{"secret_shares":3,"secret_threshold":1,"require_verification":true}`, status: 500, message: "invalid recovery configuration: threshold must be greater than one for multiple shares"},
	{name: "threshold zero", method: "PUT", path: "sys/rekey-recovery-key/init", body: `{"secret_shares":3,"require_verification":true}`, status: 500, message: "invalid recovery configuration: threshold must be at least one"},
	{name: "nothing said", method: "PUT", path: "sys/rekey-recovery-key/init", body: `{"require_verification":true}`, status: 500, message: "invalid recovery configuration: shares must be at least one"},
	{name: "no base64", method: "PUT", path: "sys/rekey-recovery-key/init", body: `{"secret_shares":1,"secret_threshold":1,"pgp_keys":["not base64!"],"require_verification":true}`, status: 500, message: "invalid recovery configuration: error decoding given PGP key: illegal base64 data at input byte 3"},
	{name: "no verification", method: "PUT", path: "sys/rekey-recovery-key/init", body: `{"secret_shares":3,"secret_threshold":2}`, status: 400, message: "require_verification is needed: new recovery keys count here when a threshold of them came back, and a lost answer would leave nobody with a key that does", ours: true},
	{name: "root key, five", method: "PUT", path: "sys/rekey/init", body: `{"secret_shares":5,"secret_threshold":3}`, status: 400, message: "invalid rekey seal configuration: the root key is not split under an HSM seal: its shares, threshold and stored shares are 1, or not said", ours: true},
	{name: "root key, stored", method: "PUT", path: "sys/rekey/init", body: `{"stored_shares":2}`, status: 400, message: "invalid rekey seal configuration: the root key is not split under an HSM seal: its shares, threshold and stored shares are 1, or not said", ours: true},
	{name: "root key, PGP", method: "PUT", path: "sys/rekey/init", body: `{"secret_shares":1,"secret_threshold":1,"pgp_keys":["x"]}`, status: 400, message: "PGP key encryption not supported when using stored keys"},
	{name: "root key, verification", method: "PUT", path: "sys/rekey/init", body: `{"secret_shares":1,"secret_threshold":1,"require_verification":true}`, status: 400, message: "requiring verification not supported when rekeying the barrier key with recovery keys"},
	{name: "no recovery rekey", method: "PUT", path: "sys/rekey-recovery-key/update", body: `{"key":"` + shareText + `","nonce":"x"}`, status: 400, message: "no recovery rekey in progress"},
	{name: "no barrier rekey", method: "PUT", path: "sys/rekey/update", body: `{"key":"` + shareText + `","nonce":"x"}`, status: 400, message: "no barrier rekey in progress"},
	{name: "no root generation", method: "PUT", path: "sys/generate-root/update", body: `{"key":"` + shareText + `","nonce":"x"}`, status: 400, message: "no root generation in progress"},
	{name: "no verification yet", method: "GET", path: "sys/rekey-recovery-key/verify", status: 400, message: "no rekey configuration found"},
	{name: "verify", method: "PUT", path: "sys/rekey-recovery-key/verify", body: `{"key":"` + shareText + `","nonce":"x"}`, status: 400, message: "no rekey in progress"},
	{name: "restart", method: "DELETE", path: "sys/rekey-recovery-key/verify", status: 400, message: "no rekey configuration found"},
	{name: "no key", method: "PUT", path: "sys/rekey/update", body: `{"nonce":"x"}`, status: 400, message: "'key' must be specified in request body as JSON"},
	{name: "no key for the root", method: "PUT", path: "sys/generate-root/update", body: `{"nonce":"x"}`, status: 400, message: "'key' must be specified in request body as JSON"},
	{name: "garbage", method: "PUT", path: "sys/rekey-recovery-key/update", body: `{"key":"????","nonce":"x"}`, status: 400, message: "'key' must be a valid hex or base64 string"},
	{name: "short", method: "PUT", path: "sys/rekey-recovery-key/update", body: `{"key":"zzzz","nonce":"x"}`, status: 400, message: "key is shorter than minimum 16 bytes"},
	{name: "short for the root", method: "PUT", path: "sys/generate-root/update", body: `{"key":"zzzz","nonce":"x"}`, status: 400, message: "invalid key: key is shorter than minimum 16 bytes"},
	{name: "long", method: "PUT", path: "sys/rekey/update", body: `{"key":"` + strings.Repeat("ab", 40) + `","nonce":"x"}`, status: 400, message: "key is longer than maximum 33 bytes"},
	{name: "short password", method: "PUT", path: "sys/generate-root/attempt", body: `{"otp":"abc"}`, status: 400, message: "OTP string is wrong length"},
	{name: "two ways", method: "PUT", path: "sys/generate-root/attempt", body: `{"otp":"abcdefghijklmnopqrstuvwxyz","pgp_key":"x"}`, status: 400, message: "otp and pgp_key: the token goes to one of them", ours: true},
	{name: "empty update", method: "PUT", path: "sys/rekey/update", body: ``, status: 400, message: "EOF"},
	{name: "no token", method: "PUT", path: "sys/rotate", body: `{}`, status: 403, message: "permission denied"},
	{name: "no token for key-status", method: "GET", path: "sys/key-status", status: 403, message: "permission denied"},
	{name: "unknown path", method: "GET", path: "sys/rotate/recovery/init", status: 404, message: "unsupported path", ours: true},
	{name: "update, method", method: "GET", path: "sys/rekey/update", status: 405, ours: true},
	{name: "seal-status, method", method: "PUT", path: "sys/seal-status", body: `{}`, status: 405},
	{name: "too large", method: "PUT", path: "sys/rekey/update", body: `{"key":"` + strings.Repeat("a", 20000) + `"}`, status: 413, message: "the body is too large", ours: true},
}

// TestMessages: each mistake has its status and its message, and changes nothing.
func TestMessages(t *testing.T) {
	for when, list := range map[string][]bad{"before": beforeInit, "after": afterInit} {
		b := newBench(t)
		if when == "after" {
			b = initialised(t)
		}
		before := b.state()
		for _, x := range list {
			code, _, says := read(t, b.raw(x.method, x.path, x.body).Result())
			if code != x.status || says == nil || x.message != "" && !slices.Contains(says, x.message) {
				t.Errorf("%s, %s: %d %q, want %d %q", when, x.name, code, says, x.status, x.message)
			}
		}
		if b.state() != before {
			t.Errorf("%s: something was changed", when)
		}
	}
}

// TestUnusable: a PGP key that nothing can be encrypted to, or that is there
// twice, is refused before anything begins.
func TestUnusable(t *testing.T) {
	b := newBench(t)
	_, keys := holders(t, 2)
	before := b.state()
	for name, list := range map[string][]string{"no key": {keys[0], garbled + "=="}, "twice": {keys[0], keys[0]}} {
		code, _, says := b.ask(http.MethodPut, "sys/init", map[string]any{"recovery_shares": 2, "recovery_threshold": 2, "recovery_pgp_keys": list})
		if code != http.StatusBadRequest || !strings.HasPrefix(says[0], "invalid recovery configuration: ") {
			t.Errorf("%s: %d %q", name, code, says)
		}
	}
	if b.state() != before || len(b.record.find("begun")) > 0 {
		t.Error("something was begun")
	}
}

// TestClosed: what the session does not allow is closed, as a server closes it.
func TestClosed(t *testing.T) {
	b := newBench(t)
	b.must(http.MethodPut, "sys/init", map[string]any{"recovery_shares": 1, "recovery_threshold": 1})
	shut, err := shutSession(t, b)
	if err != nil {
		t.Fatal(err)
	}
	b.Server = shut
	before := b.state()
	for path, want := range map[string]struct {
		status  int
		message string
	}{
		"sys/rekey/init": {405, "unsupported operation"}, "sys/rekey/update": {405, "unsupported operation"},
		"sys/rekey-recovery-key/init": {404, "unsupported path"}, "sys/rekey-recovery-key/verify": {404, "unsupported path"},
		"sys/generate-root/attempt": {405, "unsupported operation"}, "sys/rotate": {403, "permission denied"}, "sys/init": {403, "permission denied"},
	} {
		b.refuses(want.status, want.message, http.MethodPut, path, map[string]any{"secret_shares": 1, "secret_threshold": 1})
	}
	b.refuses(403, "permission denied", http.MethodGet, "sys/key-status", nil)
	b.must(http.MethodGet, "sys/seal-status", nil)
	b.must(http.MethodGet, "sys/init", nil)
	if b.state() != before {
		t.Error("something was changed")
	}
}
