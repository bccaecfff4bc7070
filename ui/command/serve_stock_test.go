//go:build cgo

package command_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"conclave/hsm/softhsm/need"
	"conclave/vaultstate/pgp"
)

// stocks are the servers' own command lines.
var stocks = []string{"openbao", "vault"}

// bao runs a stock command line, and wants its exit code.
func (r *running) bao(bin string, want int, args ...string) map[string]any {
	r.Helper()
	cmd := exec.CommandContext(r.Context(), bin, args...)
	cmd.Env = []string{"HOME=" + r.dir, "BAO_ADDR=" + r.address, "BAO_TOKEN=" + r.token, "BAO_FORMAT=json",
		"VAULT_ADDR=" + r.address, "VAULT_TOKEN=" + r.token, "VAULT_FORMAT=json"}
	cmd.Dir = r.dir
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if got := cmd.ProcessState.ExitCode(); got != want {
		r.Fatalf("bao %s: code %d, want %d: %v\n%s%s", strings.Join(args, " "), got, want, err, out, errs.String())
	}
	a := map[string]any{}
	if len(bytes.TrimSpace(out)) > 0 && json.Unmarshal(out, &a) != nil {
		a["text"] = string(out)
	}
	a["stderr"] = errs.String()
	return a
}

func list(x any) (out []string) {
	for _, e := range x.([]any) {
		out = append(out, e.(string))
	}
	return out
}

func text(x any) string {
	s, _ := x.(string)
	return s
}

// TestServeStockCommandLine: the stock command line of OpenBao or Vault initialises a local
// vault, rekeys it with verification, makes a root token and rotates, over the
// socket and over loopback; what is wrong it says with a server's words.
func TestServeStockCommandLine(t *testing.T) {
	for _, tool := range stocks {
		for _, where := range []string{"socket", "loopback"} {
			t.Run(tool+"/"+where, func(t *testing.T) { stock(newSite(t), need.Tool(t, tool), where == "loopback") })
		}
	}
}

func stock(s *site, bin string, loopback bool) {
	var at []string
	if loopback {
		at = []string{"-listen=127.0.0.1:0"}
	}
	r := s.byPlan(s.plan("init", "made", threeInPlain), at...)
	over := func() {
		s.Helper()
		if last, code := r.stop(); code != 0 || !strings.Contains(last, "1 change") {
			s.Errorf("the end: %d %s", code, last)
		}
	}
	// A session does one operation; the next has one of its own.
	next := func(what string) {
		over()
		r = s.begin(slices.Concat(s.args, at, []string{"-allow=" + what, "-allow-plain-shares", "-id=after-" + what}))
	}
	if st := r.bao(bin, 2, "status"); st["initialized"] != false {
		s.Errorf("before: %v", st)
	}
	for why, x := range map[string][]string{
		"not applicable to seal type pkcs11":     {"operator", "init", "-key-shares=5", "-key-threshold=3", "-recovery-shares=3", "-recovery-threshold=2"},
		"threshold cannot be larger than shares": {"operator", "init", "-recovery-shares=2", "-recovery-threshold=3"},
		"threshold must be greater than one":     {"operator", "init", "-recovery-shares=2", "-recovery-threshold=1"},
	} {
		if a := r.bao(bin, 2, x...); !strings.Contains(text(a["stderr"]), why) {
			s.Errorf("%v: %v", x, a["stderr"])
		}
	}
	if a := r.bao(bin, 2, "operator", "init", "-recovery-shares=2", "-recovery-threshold=2"); !strings.Contains(text(a["stderr"]), "the plan of this session says 3 recovery shares, 2 needed, and the request 2 and 2") {
		s.Errorf("not as planned: %v", a["stderr"])
	}
	a := r.bao(bin, 0, "operator", "init", "-recovery-shares=3", "-recovery-threshold=2")
	shares, root := list(a["recovery_keys_b64"]), text(a["root_token"])
	if st := r.bao(bin, 0, "status"); st["initialized"] != true || st["sealed"] != false || st["n"] != 3.0 {
		s.Errorf("after the init: %v", st)
	}

	next("recovery-rekey")
	a = r.bao(bin, 0, "operator", "rekey", "-target=recovery", "-init", "-key-shares=2", "-key-threshold=2", "-verify")
	nonce := text(a["nonce"])
	if a := r.bao(bin, 2, "operator", "rekey", "-target=recovery", "-nonce=x", shares[0]); !strings.Contains(text(a["stderr"]), "incorrect nonce") {
		s.Errorf("a wrong nonce: %v", a)
	}
	r.bao(bin, 0, "operator", "rekey", "-target=recovery", "-nonce="+nonce, shares[0])
	a = r.bao(bin, 0, "operator", "rekey", "-target=recovery", "-nonce="+nonce, shares[1])
	fresh, verify := list(a["keys_base64"]), text(a["verification_nonce"])
	for _, one := range fresh {
		a = r.bao(bin, 0, "operator", "rekey", "-target=recovery", "-verify", "-nonce="+verify, one)
	}
	if !strings.Contains(text(a["text"]), "verification successful") {
		s.Errorf("the verification: %v", a)
	}

	next("rekey")
	a = r.bao(bin, 0, "operator", "rekey", "-init", "-key-shares=1", "-key-threshold=1")
	for _, one := range fresh {
		a = r.bao(bin, 0, "operator", "rekey", "-nonce="+text(a["nonce"]), one)
	}

	next("generate-root")
	a = r.bao(bin, 0, "operator", "generate-root", "-init")
	otp, nonce := text(a["otp"]), text(a["nonce"])
	for _, one := range fresh {
		a = r.bao(bin, 0, "operator", "generate-root", "-nonce="+nonce, one)
	}
	made := r.bao(bin, 0, "operator", "generate-root", "-decode="+text(a["encoded_root_token"]), "-otp="+otp)
	token := strings.TrimSpace(text(made["token"]) + text(made["text"]))

	as := func(token string, args ...string) {
		s.Helper()
		if loopback {
			args = append(args, "-header=X-Conclave-Token="+r.token)
		}
		session := r.token
		r.token = token
		r.bao(bin, 0, args...)
		r.token = session
	}
	over()
	r = s.byPlan(s.plan("rotate", "first", ""), at...)
	as(root, "operator", "rotate")
	over()
	r = s.byPlan(s.plan("rotate", "second", ""), at...)
	if a := r.bao(bin, 2, "operator", "rotate"); !strings.Contains(text(a["stderr"]), "permission denied") {
		s.Errorf("a rotation without a token: %v", a)
	}
	as(token, "operator", "rotate")
	over()
	r = s.begin(slices.Concat(s.args, at, []string{"-allow=generate-root", "-id=gone"}))
	as(token, "token", "revoke", "-self")
	over()
	s.recorded(shares[0], fresh[1], root, token, otp)
}

// TestServeHolders: to PGP keys, the shares are in the record before they are in
// the answer; without keys the session refuses, and its end is by itself.
func TestServeHolders(t *testing.T) {
	for _, tool := range stocks {
		t.Run(tool, func(t *testing.T) { stockHolders(newSite(t), need.Tool(t, tool)) })
	}
}

func stockHolders(s *site, bin string) {
	t := s.T
	var names, cards []string
	for _, n := range []string{"a", "b"} {
		_, k, err := pgp.GenerateKey(n, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		armored, err := k.Armor(false)
		if err == nil {
			err = os.WriteFile(filepath.Join(s.dir, n+".asc"), armored, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		names, cards = append(names, filepath.Join(s.dir, n+".asc")), append(cards, k.Fingerprint)
	}
	r := s.byPlan(s.plan("init", "made", fmt.Sprintf(`  root_token_pgp_key     = %q
  root_token_fingerprint = %q
  recovery {
    shares    = 2
    threshold = 2
  }
  custodian "Alice" {
    pgp_key     = %q
    fingerprint = %q
  }
  custodian "Bob" {
    pgp_key     = %q
    fingerprint = %q
  }
  accept "no-spare-share" {
    reason = "a test"
  }
  accept "no-second-medium" {
    reason = "a test"
  }
`, names[0], cards[0], names[0], cards[0], names[1], cards[1])), "-idle=3s")
	for why, x := range map[string][]string{
		"recovery_pgp_keys is needed": nil,
		"in this order":               {"-recovery-pgp-keys=" + names[1] + "," + names[0], "-root-token-pgp-key=" + names[0]},
		"the root_token_pgp_key":      {"-recovery-pgp-keys=" + strings.Join(names, ","), "-root-token-pgp-key=" + names[1]},
	} {
		if a := r.bao(bin, 2, append([]string{"operator", "init", "-recovery-shares=2", "-recovery-threshold=2"}, x...)...); !strings.Contains(text(a["stderr"]), why) {
			t.Errorf("%v: %v", x, a)
		}
	}
	r.bao(bin, 0, "operator", "init", "-recovery-shares=2", "-recovery-threshold=2", "-recovery-pgp-keys="+strings.Join(names, ","), "-root-token-pgp-key="+names[0])
	files, err := filepath.Glob(filepath.Join(s.dir, "records", "*-serve", "shares", "*.asc"))
	if err != nil || len(files) != 3 {
		t.Errorf("in the record: %v, %v", files, err)
	}
	if last, code := r.end(); code != 0 || !strings.Contains(last, "nobody asked for anything for 3s") {
		t.Errorf("the end: %d %s", code, last)
	}
	if left, err := os.ReadDir(filepath.Join(s.dir, "sock")); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
	s.recorded()
}

// TestServeChanged: if core/ becomes another while it serves, it changes nothing
// any more, and ends with code 4.
func TestServeChanged(t *testing.T) {
	for _, tool := range stocks {
		t.Run(tool, func(t *testing.T) { stockChanged(newSite(t), need.Tool(t, tool)) })
	}
}

func stockChanged(s *site, bin string) {
	t := s.T
	r := s.byPlan(s.plan("init", "made", threeInPlain))
	r.bao(bin, 0, "operator", "init", "-recovery-shares=3", "-recovery-threshold=2")
	r.stop()
	r = s.begin(append(s.args, "-allow=rekey", "-id=late"))
	if err := os.WriteFile(filepath.Join(s.dir, "storage", "core", "_stranger"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if a := r.bao(bin, 2, "operator", "rekey", "-init", "-key-shares=1", "-key-threshold=1"); !strings.Contains(text(a["stderr"]), "the state changed") {
		t.Errorf("a rekey: %v", a)
	}
	if last, code := r.stop(); code != 4 || !strings.Contains(last, "the state changed") {
		t.Errorf("the end: %d %s", code, last)
	}
	s.recorded()
}
