package api_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"conclave/hsm"
	"conclave/vaultstate"
	"conclave/vaultstate/local"
)

// TestNothingLeaks: no share, token or one-time password is in an event, in an
// error, or in a file, in whatever form, also where something goes wrong.
func TestNothingLeaks(t *testing.T) {
	b := newBench(t)
	a := b.must(http.MethodPut, "sys/init", map[string]any{"recovery_shares": 3, "recovery_threshold": 2})
	b.shares, b.token = texts(a["recovery_keys_base64"]), a["root_token"].(string)
	secrets := append([]string{b.token}, b.shares...)
	var said []string
	refused := func(method, path string, body any, header ...string) {
		_, _, says := b.ask(method, path, body, header...)
		said = append(said, says...)
	}
	for _, x := range b.shares {
		refused(http.MethodPut, "sys/rekey/update", map[string]any{"key": x, "nonce": "x"})
		refused(http.MethodPut, "sys/rekey/update", map[string]any{"key": x + "?", "nonce": "x"})
		refused(http.MethodPut, "sys/rekey/update", map[string]any{"key": []string{x}})
		refused(http.MethodPut, "sys/init", map[string]any{"recovery_shares": x})
		refused(http.MethodPut, "sys/init", map[string]any{"recovery_shares": 1, "recovery_threshold": 1, "root_token_pgp_key": x})
		refused(http.MethodPut, "sys/unknown", map[string]any{"key": x})
	}
	refused(http.MethodPost, "sys/rotate", nil, "X-Vault-Token", b.token+"x")
	b.must(http.MethodPost, "sys/rotate", nil, "X-Vault-Token", b.token)

	nonce := b.must(http.MethodPut, "sys/generate-root/attempt", map[string]any{"otp": "abcdefghijklmnopqrstuvwxyz"})["nonce"]
	b.must(http.MethodPut, "sys/generate-root/update", map[string]any{"key": b.shares[0], "nonce": nonce})
	refused(http.MethodPut, "sys/generate-root/update", map[string]any{"key": changed(t, b.shares[1]), "nonce": nonce})
	b.must(http.MethodPut, "sys/generate-root/update", map[string]any{"key": b.shares[0], "nonce": nonce})
	a = b.must(http.MethodPut, "sys/generate-root/update", map[string]any{"key": b.shares[1], "nonce": nonce})
	secrets = append(secrets, "abcdefghijklmnopqrstuvwxyz", a["encoded_token"].(string), decoded(t, a["encoded_token"].(string), "abcdefghijklmnopqrstuvwxyz"))
	otp := b.must(http.MethodPut, "sys/generate-root/attempt", nil)["otp"].(string)
	secrets = append(secrets, otp)
	b.must(http.MethodDelete, "sys/generate-root/attempt", nil)

	nonce = b.must(http.MethodPut, "sys/rekey-recovery-key/init", map[string]any{"secret_shares": 2, "secret_threshold": 2, "require_verification": true})["nonce"]
	b.must(http.MethodPut, "sys/rekey-recovery-key/update", map[string]any{"key": b.shares[0], "nonce": nonce})
	a = b.must(http.MethodPut, "sys/rekey-recovery-key/update", map[string]any{"key": b.shares[1], "nonce": nonce})
	secrets = append(secrets, texts(a["keys_base64"])...)
	b.seal.Err = hsm.ErrTokenGone // in the middle of the proof
	for _, x := range texts(a["keys_base64"]) {
		refused(http.MethodPut, "sys/rekey-recovery-key/verify", map[string]any{"key": x, "nonce": a["verification_nonce"]})
	}
	b.seal.Err = nil

	var all bytes.Buffer
	for _, e := range b.record.events {
		fmt.Fprintf(&all, "%s %v\n", e.kind, e.facts)
	}
	fmt.Fprintf(&all, "%q\n", said)
	for _, f := range b.record.files {
		all.Write(f)
	}
	if len(said) < 20 {
		t.Errorf("only %d errors were looked at", len(said))
	}
	for _, s := range secrets {
		forms := []string{s, hex.EncodeToString([]byte(s)), base64.StdEncoding.EncodeToString([]byte(s))}
		if bin, err := base64.StdEncoding.DecodeString(s); err == nil {
			forms = append(forms, hex.EncodeToString(bin), string(bin))
		}
		for _, form := range forms {
			if strings.Contains(all.String(), form[:min(16, len(form))]) {
				t.Errorf("a secret is in the record or an error")
			}
		}
	}
}

// TestStateChanged: once core/ is another than the session left, nothing is
// changed any more; the status is still told.
func TestStateChanged(t *testing.T) {
	b := initialised(t)
	nonce := b.must(http.MethodPut, "sys/rekey/init", map[string]any{})["nonce"]
	b.must(http.MethodPut, "sys/rekey/update", map[string]any{"key": b.shares[0], "nonce": nonce})
	f, err := b.disk.Create(root+"/core/_stranger", 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("{}")); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	before := b.state()
	for path, body := range map[string]map[string]any{
		"sys/rekey/update": {"key": b.shares[1], "nonce": nonce}, "sys/rekey-recovery-key/init": {"secret_shares": 1, "secret_threshold": 1, "require_verification": true},
		"sys/generate-root/attempt": {}, "sys/rotate": {},
	} {
		code, _, says := b.ask(http.MethodPut, path, body, "X-Vault-Token", b.token)
		if code != http.StatusInternalServerError || !strings.Contains(says[0], vaultstate.ErrChanged.Error()) {
			t.Errorf("%s: %d %q", path, code, says)
		}
	}
	if b.state() != before {
		t.Error("something was changed")
	}
	b.must(http.MethodGet, "sys/seal-status", nil)
}

// TestEveryCall: each call is an event that names nobody, one that changes
// something before and after.
func TestEveryCall(t *testing.T) {
	b := initialised(t)
	b.must(http.MethodGet, "sys/leader", nil)
	b.refuses(404, "unsupported path", http.MethodGet, "sys/mounts", nil)
	b.refuses(400, "EOF", http.MethodPut, "sys/rekey/init", nil)
	var kinds []string
	for _, e := range b.record.events[:10] {
		kinds = append(kinds, e.kind)
	}
	if order := strings.Join(kinds, " "); order != "api-call begun issued api-share api-share api-share token outcome done api-call" {
		t.Errorf("the events of an init: %s", order)
	}
	var got []string
	for _, e := range b.record.find("api-call") {
		if e.facts["person"] != "nobody was identified" {
			t.Errorf("an event names somebody: %v", e.facts)
		}
		got = append(got, fmt.Sprintf("%v %v %v %v", e.facts["state"], e.facts["method"], e.facts["path"], e.facts["status"]))
	}
	want := []string{"received PUT /v1/sys/init <nil>", "answered PUT /v1/sys/init 200", "answered GET /v1/sys/leader 200", "answered GET /v1/sys/mounts 404",
		"received PUT /v1/sys/rekey/init <nil>", "answered PUT /v1/sys/rekey/init 400"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("events:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestChunked: a body that does not say its length is bounded as well, and read
// whole.
func TestChunked(t *testing.T) {
	b := initialised(t)
	for n, want := range map[int]int{100: 400, 5000: 400, 16 << 10: 413, 1 << 20: 413} {
		body := `{"key":"` + strings.Repeat("?", n) + `"}`
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/v1/sys/rekey/update", struct{ io.Reader }{iotest.OneByteReader(strings.NewReader(body))})
		r.ContentLength = -1
		w := httptest.NewRecorder()
		b.ServeHTTP(w, r)
		if w.Code != want || want == 400 && !strings.Contains(w.Body.String(), "valid hex or base64") {
			t.Errorf("%d bytes: %d %s", n, w.Code, w.Body)
		}
	}
}

// TestStillThere: where the HSM fails after the swap, the new shares count and the
// caller has them.
func TestStillThere(t *testing.T) {
	b := newBench(t)
	w := &losing{Vault: b.vault, lose: func() { b.seal.Err = hsm.ErrTokenGone }}
	b.Server = session(t, w, b.record)
	a := b.must(http.MethodPut, "sys/init", map[string]any{"recovery_shares": 2, "recovery_threshold": 2})
	b.seal.Err = nil
	b.shares = texts(a["recovery_keys_base64"])
	if !b.rekeys(b.shares...) {
		t.Error("the shares do not count")
	}
	out := b.record.find("outcome")
	if raw, err := json.Marshal(out[0].facts["checks"]); err != nil || !bytes.Contains(raw, []byte("After the swap")) {
		t.Errorf("the record does not say it: %s, %v", raw, err)
	}
}

// TestTwoOfOnePlace: two shares with one x-coordinate, and shares of two lengths,
// are refused in a server's words, and forgotten.
func TestTwoOfOnePlace(t *testing.T) {
	b := initialised(t)
	short := raw(t, b.shares[1])
	for says, second := range map[string]string{
		"duplicate part detected":           changed(t, b.shares[0]),
		"all parts must be the same length": base64.StdEncoding.EncodeToString(short.Expose()[:20]),
	} {
		for what, begin := range map[string]string{"recovery": "rekey-recovery-key/init", "root": "rekey/init"} {
			body := map[string]any{}
			if what == "recovery" {
				body = map[string]any{"secret_shares": 1, "secret_threshold": 1, "require_verification": true}
			}
			nonce := b.must(http.MethodPut, "sys/"+begin, body)["nonce"]
			update := "sys/" + strings.Replace(begin, "init", "update", 1)
			b.must(http.MethodPut, update, map[string]any{"key": b.shares[0], "nonce": nonce})
			b.refuses(500, "failed to compute "+what+" key: "+says, http.MethodPut, update, map[string]any{"key": second, "nonce": nonce})
			if a := b.must(http.MethodGet, "sys/"+begin, nil); a["progress"] != 0.0 {
				t.Errorf("%s: %v", says, a)
			}
			b.must(http.MethodDelete, "sys/"+begin, nil)
		}
	}
}

// losing is a vault whose HSM fails just before the swap.
type losing struct {
	*local.Vault
	lose func()
}

func (l *losing) Commit(ctx context.Context, id vaultstate.ID) (vaultstate.Outcome, error) {
	l.lose()
	return l.Vault.Commit(ctx, id)
}
