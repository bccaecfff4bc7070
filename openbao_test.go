//go:build linux && cgo

package main_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"conclave/hsm/softhsm/need"
	"conclave/ui/rehearse"
	"conclave/vaultstate/vaulttest/openbao"
)

// TestOpenBao lets a real OpenBao boot what the ceremonies wrote: init, then
// rekey, then recovery rekey and rotate, then re-encrypt, on the same practice vault. Secrets that
// the server wrote between them stay readable, under every term.
// Then the vault moves to another HSM key, and its shares are made anew.
//
// It takes the OpenBao that OPENBAO_BIN names, or bao in the path: 2.5.3 or
// later, in a build with the pkcs11 seal.
func TestOpenBao(t *testing.T) {
	need.Tool(t, "softhsm")
	need.Tool(t, "gpg")
	p := practice{t: t, dir: filepath.Join(t.TempDir(), "D"), bao: need.Tool(t, "openbao"), conclave: build(t, "")}

	p.rehearse("init")
	first := p.rootToken()
	p.served("", func(b bao) {
		b.isRoot(first)
		b.write(first, "init", "written after init")
		// As the result page of init says.
		b.must("GET", "sys/generate-root/attempt", "", nil, http.StatusMethodNotAllowed)
	})
	old := p.shares(3)

	p.rehearse("rekey")
	p.served("", func(b bao) {
		b.isRoot(first)
		b.read(first, "init", "written after init")
		b.write(first, "rekey", "written after rekey")
	})

	p.rehearse("recovery-rekey")
	p.rehearse("rotate")
	p.served("", func(b bao) {
		b.isRoot(first)
		b.read(first, "init", "written after init")
		b.read(first, "rekey", "written after rekey")
		b.write(first, "rotate", "written after rotate")
		if term := b.must("GET", "sys/key-status", first, nil, http.StatusOK)["term"]; term != float64(2) {
			t.Errorf("the active term is %v, not 2", term)
		}
	})

	p.rehearse("re-encrypt")
	p.served("", func(b bao) {
		b.isRoot(first)
		for _, name := range []string{"init", "rekey", "rotate"} {
			b.read(first, name, "written after "+name)
		}
		if term := b.must("GET", "sys/key-status", first, nil, http.StatusOK)["term"]; term != float64(2) {
			t.Errorf("the active term is %v, not 2", term)
		}
		b.must("PUT", "sys/rotate", first, nil, http.StatusNoContent)
		b.write(first, "re-encrypt", "written after re-encrypt")
	})

	p.rehearse("generate-root")
	second := p.rootToken()
	p.served(opened, func(b bao) {
		b.isRoot(second)
		for _, name := range []string{"init", "rekey", "rotate"} {
			b.read(second, name, "written after "+name)
		}
		third := b.generateRoot(p.shares(3))
		b.isRoot(third)
		if first == second || second == third || first == third {
			t.Error("a root token came twice")
		}
		b.refusesShares(old)
	})
	p.rehearse("unseal")

	// Under another HSM key, with the old one destroyed: the same shares count.
	p.rehearse("rewrap")
	p.rehearse("retire")
	p.served(opened, func(b bao) {
		b.isRoot(second)
		for _, name := range []string{"init", "rekey", "rotate"} {
			b.read(second, name, "written after "+name)
		}
		b.isRoot(b.generateRoot(p.shares(3)))
	})
	replaced := p.shares(3)

	p.rehearse("recover")
	p.served(opened, func(b bao) {
		b.read(second, "rotate", "written after rotate")
		b.isRoot(b.generateRoot(p.shares(3)))
		b.refusesShares(replaced)
	})
}

// practice is a practice vault that a server and rehearsals take turns on.
type practice struct {
	t                  *testing.T
	dir, bao, conclave string
}

func (p practice) rehearse(ceremony string) {
	p.t.Helper()
	cmd := exec.CommandContext(p.t.Context(), p.conclave, "rehearse", ceremony, "-auto", "-plain", "-dir", p.dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		p.t.Fatalf("rehearsing %s: %v\n%s", ceremony, err, out)
	}
}

// shares are what n custodians decrypt.
func (p practice) shares(n int) []string {
	p.t.Helper()
	var list []string
	for i, name := range []string{"alice-adams", "bob-baker", "carol-chen", "dora-dean", "erik-esser"}[:n] {
		list = append(list, p.decrypt(name, fmt.Sprintf("shares/PRACTICE-%d-%s.asc", i+1, name)))
	}
	return list
}

func (p practice) rootToken() string {
	p.t.Helper()
	return p.decrypt("olga-example", "PRACTICE-root-token.asc")
}

// decrypt decrypts the newest of somebody's files, with gpg.
func (p practice) decrypt(name, file string) string {
	p.t.Helper()
	files, err := filepath.Glob(filepath.Join(p.dir, "PRACTICE-*", file))
	if err != nil || len(files) == 0 {
		p.t.Fatalf("%s: %d files, %v", file, len(files), err)
	}
	newest := slices.MaxFunc(files, func(a, b string) int { return modified(p.t, a).Compare(modified(p.t, b)) })
	home, err := os.MkdirTemp("", "g") // not t.TempDir: its sockets' paths would be too long
	if err != nil {
		p.t.Fatal(err)
	}
	run := func(tool string, args ...string) string {
		out, err := exec.CommandContext(p.t.Context(), tool, append([]string{"--homedir", home}, args...)...).Output()
		if err != nil {
			p.t.Fatalf("%s %v: %v", tool, args, err)
		}
		return strings.TrimSpace(string(out))
	}
	defer func() {
		run("gpgconf", "--kill", "all")
		_ = os.RemoveAll(home)
	}()
	run("gpg", "--batch", "--quiet", "--no-tty", "--import", filepath.Join(p.dir, "custodians", "PRACTICE-"+name+".asc"))
	return run("gpg", "--batch", "--quiet", "--no-tty", "--decrypt", newest)
}

func modified(t *testing.T, file string) time.Time {
	t.Helper()
	st, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return st.ModTime()
}

// opened opens what a default listener has closed since 2.5.3.
const opened = "disable_unauthed_generate_root_endpoints = false"

// served starts the server on the practice vault, with one more line in the
// listener, and stops it after use.
func (p practice) served(listener string, use func(bao)) {
	p.t.Helper()
	raw, err := os.ReadFile(filepath.Join(p.dir, "openbao.hcl"))
	if err != nil {
		p.t.Fatal(err)
	}
	config := strings.Replace(string(raw), "tls_disable = true", "tls_disable = true\n  "+listener, 1)
	file := filepath.Join(p.t.TempDir(), "openbao.hcl")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		p.t.Fatal(err)
	}
	b := bao{t: p.t, address: "http://" + rehearse.Address}
	stop := openbao.Start(p.t, p.bao, file, filepath.Join(p.dir, "softhsm2.conf"), func() bool {
		code, status := b.call("GET", "sys/seal-status", "", nil)
		return code == http.StatusOK && status["sealed"] == false
	})
	use(b)
	stop()
}

// bao is a real OpenBao server on a practice vault.
type bao struct {
	t       *testing.T
	address string
}

// call sends a request and returns the status and the answer; 0 if there is none.
func (b bao) call(method, path, token string, body any) (int, map[string]any) {
	b.t.Helper()
	var sent io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			b.t.Fatal(err)
		}
		sent = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.address+"/v1/"+path, sent)
	if err != nil {
		b.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("X-Vault-Token", token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil
	}
	defer func() { _ = resp.Body.Close() }()
	answer := map[string]any{}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil && err != io.EOF {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp.StatusCode, answer
}

// must calls and fails unless the status is one of want.
func (b bao) must(method, path, token string, body any, want ...int) map[string]any {
	b.t.Helper()
	code, answer := b.call(method, path, token, body)
	for _, w := range want {
		if code == w {
			return answer
		}
	}
	b.t.Fatalf("%s %s: status %d, %v", method, path, code, answer)
	return nil
}

// isRoot fails unless the token is a root token.
func (b bao) isRoot(token string) {
	b.t.Helper()
	answer := b.must("GET", "auth/token/lookup-self", token, nil, http.StatusOK)
	data, _ := answer["data"].(map[string]any)
	if got := fmt.Sprint(data["policies"]); got != "[root]" {
		b.t.Errorf("the token's policies are %s", got)
	}
}

// write puts a secret where read finds it; the first one mounts the engine.
func (b bao) write(token, name, value string) {
	b.t.Helper()
	if code, _ := b.call("GET", "sys/mounts/practice", token, nil); code != http.StatusOK {
		b.must("POST", "sys/mounts/practice", token, map[string]any{"type": "kv"}, http.StatusOK, http.StatusNoContent)
	}
	b.must("POST", "practice/"+name, token, map[string]any{"value": value}, http.StatusOK, http.StatusNoContent)
}

func (b bao) read(token, name, want string) {
	b.t.Helper()
	answer := b.must("GET", "practice/"+name, token, nil, http.StatusOK)
	data, _ := answer["data"].(map[string]any)
	if got := data["value"]; got != want {
		b.t.Errorf("practice/%s is %v, want %s", name, got, want)
	}
}

// generateRoot makes a root token with recovery shares, as the stock command does.
func (b bao) generateRoot(shares []string) string {
	b.t.Helper()
	answer := b.must("PUT", "sys/generate-root/attempt", "", map[string]any{}, http.StatusOK)
	otp, nonce := fmt.Sprint(answer["otp"]), answer["nonce"]
	for _, s := range shares {
		answer = b.must("PUT", "sys/generate-root/update", "", map[string]any{"key": s, "nonce": nonce}, http.StatusOK)
	}
	if answer["complete"] != true {
		b.t.Fatalf("generate-root is not complete after %d shares: %v", len(shares), answer)
	}
	return decodeToken(b.t, fmt.Sprint(answer["encoded_token"]), otp)
}

// refusesShares tries shares that were replaced.
func (b bao) refusesShares(shares []string) {
	b.t.Helper()
	nonce := b.must("PUT", "sys/generate-root/attempt", "", map[string]any{}, http.StatusOK)["nonce"]
	code := 0
	for _, s := range shares {
		code, _ = b.call("PUT", "sys/generate-root/update", "", map[string]any{"key": s, "nonce": nonce})
	}
	if code != http.StatusBadRequest {
		b.t.Errorf("replaced shares: status %d, not 400", code)
	}
}

// decodeToken undoes the one-time pad of generate-root.
func decodeToken(t *testing.T, encoded, otp string) string {
	t.Helper()
	b, err := base64.RawStdEncoding.DecodeString(encoded)
	if err != nil || len(b) != len(otp) {
		t.Fatalf("the encoded token has %d bytes, the one-time pad %d: %v", len(b), len(otp), err)
	}
	for i := range b {
		b[i] ^= otp[i]
	}
	return string(b)
}
