//go:build cgo

package command_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"conclave/hsm/secret"
	"conclave/vaultstate/pgp"
	"conclave/vaultstate/share"
)

// put asks the session for something, as the stock command lines do.
func (r *running) put(path, body string) (int, string) {
	r.Helper()
	socket := strings.TrimPrefix(r.address, "unix://")
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	q, err := http.NewRequestWithContext(r.Context(), http.MethodPut, "http://localhost/v1/"+path, strings.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	q.Header.Set("X-Vault-Request", "true")
	a, err := client.Do(q)
	if err != nil {
		r.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		r.Fatal(err)
	}
	return a.StatusCode, string(b)
}

// ask is put of what must be done, and its answer.
func (r *running) ask(path string, body map[string]any) map[string]any {
	r.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		r.Fatal(err)
	}
	code, said := r.put(path, string(b))
	a := map[string]any{}
	if len(said) > 0 {
		err = json.Unmarshal([]byte(said), &a)
	}
	if err != nil || code >= 300 {
		r.Fatalf("%s: %d, %v: %s", path, code, err, said)
	}
	return a
}

// TestServeHistory: a session that changes the vault stands in its history. The
// holders of an init are the plan's: a drill and a recovery rekey run on its record.
// Shares that a session hands out without a plan have no holders, which is said.
func TestServeHistory(t *testing.T) {
	s := newSite(t)
	p := &player{dir: s.dir, env: s.env, shown: map[string]string{}, pin: "practice-1", devices: map[string]*pgp.Private{}, cards: map[string]string{}, brings: map[string]string{}}
	var keys []string
	var custodians strings.Builder
	for _, name := range []string{"Alice", "Bob", "Carol"} {
		private, k, err := pgp.GenerateKey(name, time.Now().Add(-time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		armored, err := k.Armor(false)
		if err == nil {
			err = os.WriteFile(filepath.Join(s.dir, name+".asc"), armored, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		p.devices[strings.ToUpper(name)], p.cards[strings.ToUpper(name)] = private, k.Fingerprint
		keys = append(keys, base64.StdEncoding.EncodeToString(k.Binary))
		fmt.Fprintf(&custodians, "  custodian %q {\n    pgp_key     = %q\n    fingerprint = %q\n  }\n", name, name+".asc", k.Fingerprint)
	}
	r := s.byPlan(s.plan("init", "made", "  recovery {\n    shares    = 3\n    threshold = 2\n  }\n  accept \"no-second-medium\" {\n    reason = \"a test\"\n  }\n"+custodians.String()))
	r.ask("sys/init", map[string]any{"recovery_shares": 3, "recovery_threshold": 2, "recovery_pgp_keys": keys})
	r.stop()
	records, storage := filepath.Join(s.dir, "records"), filepath.Join(s.dir, "storage")
	checkHolders(t, filepath.Join(records, "*-made-serve"), "Alice", "Bob", "Carol")
	status := []string{"status", "-storage", storage, "-dir", records}
	p.says(t, 2, []string{"Fewer than 3 shares were ever proven; not those of Alice, Bob, Carol."}, status...)

	var shares []string
	for i, name := range []string{"ALICE", "BOB", "CAROL"} {
		p.brings[name] = only(t, filepath.Join(records, "*-made-serve", "shares", fmt.Sprintf("made-1-%d.asc", i+1)))
		shares = append(shares, p.share(t, name, p.brings[name]))
	}
	people := []string{"-storage", storage, "-dir", "records", "-plain", "-allow-piped-secrets", "-operator", "Olga", "-witness", "Wim"}
	hsm := []string{"-hsm-lib", s.lib, "-hsm-token-label", "practice", "-hsm-key-label", "key", "-hsm-key-id", "01"}
	p.says(t, 0, []string{"3 of 3 shares are proven by key and file"}, append([]string{"drill", "-id", "drilled"}, people...)...)
	p.shares, p.devices = shares[:2], nil
	p.says(t, 0, []string{"recovery key and its shares are replaced"}, slices.Concat([]string{"rekey", "-target=recovery", "-id", "rekeyed", "-key-shares=2", "-key-threshold=2",
		"-custodian", "Alice", "-custodian", "Bob"}, people, hsm)...)
	checkHolders(t, filepath.Join(records, "*-rekeyed-*"), "Alice", "Bob")

	r = s.begin(append(s.args, "-allow=recovery-rekey", "-allow-plain-shares", "-id=unplanned"))
	a := r.ask("sys/rekey-recovery-key/init", map[string]any{"secret_shares": 2, "secret_threshold": 2, "require_verification": true})
	for _, name := range []string{"ALICE", "BOB"} {
		a = r.ask("sys/rekey-recovery-key/update", map[string]any{"nonce": a["nonce"], "key": typed(t, p.shown[name])})
	}
	fresh := list(a["keys"])
	for _, one := range fresh {
		r.ask("sys/rekey-recovery-key/verify", map[string]any{"nonce": a["verification_nonce"], "key": one})
	}
	for what, path := range map[string]string{"rekey": "sys/rekey/init", "generate-root": "sys/generate-root/attempt"} {
		r.stop()
		r = s.begin(append(s.args, "-allow="+what, "-id=unplanned-"+what))
		a = r.ask(path, map[string]any{})
		for _, one := range fresh {
			a = r.ask("sys/"+what+"/update", map[string]any{"nonce": a["nonce"], "key": one})
		}
	}
	if last, _ := r.stop(); !strings.Contains(last, "1 change") {
		t.Error(last)
	}
	p.says(t, 2, []string{"unplanned handed the shares of this vault out over the API, and nobody wrote down to whom."}, status...)
	p.says(t, 2, []string{"unplanned handed the shares", "there is nobody to ask"}, append([]string{"drill", "-id", "asked"}, people...)...)
	p.shares = fresh
	p.says(t, 0, []string{"data encryption key is rotated"}, slices.Concat([]string{"rotate", "-id", "rotated", "-custodian", "Alice", "-custodian", "Bob"}, people, hsm)...)
	p.says(t, 0, []string{"CONSISTENT", "unplanned"}, "transcript", "verify", "-chain", records)

	// The last record is gone, and with it the state that it left is known to nobody.
	if err := os.RemoveAll(only(t, filepath.Join(records, "*-rotated-*"))); err != nil {
		t.Fatal(err)
	}
	later, err := filepath.Glob(filepath.Join(records, "*-unplanned-*"))
	if err != nil || len(later) != 3 {
		t.Fatal(later, err)
	}
	for _, dir := range later {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	p.says(t, 4, []string{"The recovery key of this vault is not the one that rekeyed left."}, append(s.args, "-allow=rekey", "-id=late", "-for=10s")...)
}

// typed is a share as it was shown, in hex as the API takes it.
func typed(t *testing.T, shown string) string {
	t.Helper()
	raw, _, err := share.Scheme{}.Parse(secret.Take([]byte(shown)), 33)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Wipe()
	return hex.EncodeToString(raw.Expose())
}
