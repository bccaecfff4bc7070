//go:build cgo

package command_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"conclave/ceremony/signature"
	"conclave/hsm/secret"
	"conclave/hsm/softhsm"
	"conclave/hsm/softhsm/need"
	"conclave/vaultstate/pgp"
)

// site is a token, an empty storage and a place for records.
type site struct {
	*testing.T
	dir  string
	args []string // that name vault and HSM
	lib  string   // of the HSM
	env  []string
}

func newSite(t *testing.T) *site {
	t.Helper()
	need.Tool(t, "softhsm")
	s := &site{T: t, dir: t.TempDir()}
	pin := secret.Take([]byte("practice-1"))
	defer pin.Wipe()
	store, err := softhsm.Create(t.Context(), filepath.Join(s.dir, "hsm"), "practice", pin)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := store.MakeKey(t.Context(), pin, "key", "01")
	for _, d := range []string{"storage", "records", "sock"} {
		err = errors.Join(err, os.Mkdir(filepath.Join(s.dir, d), 0o700))
	}
	if err = errors.Join(err, os.WriteFile(filepath.Join(s.dir, "pin"), []byte("practice-1"), 0o600)); err != nil {
		t.Fatal(err)
	}
	s.lib = cfg.Lib
	s.args = []string{"serve", "-storage", filepath.Join(s.dir, "storage"), "-dir", filepath.Join(s.dir, "records"), "-hsm-lib", cfg.Lib, "-hsm-token-label", "practice",
		"-hsm-key-label", "key", "-hsm-key-id", "01", "-hsm-pin-file", filepath.Join(s.dir, "pin"), "-allow-software-token"}
	s.env = append([]string{"HOME=" + s.dir, "PATH=" + os.Getenv("PATH"), "XDG_RUNTIME_DIR=" + filepath.Join(s.dir, "sock")}, store.Env()...)
	return s
}

// plan writes the plan of a session: an init or a rotate. It says the vault and the
// HSM, which the command then need not.
func (s *site) plan(kind, id, more string) string {
	s.Helper()
	text := fmt.Sprintf(`ceremony %q {
  id  = %q
  api = true
%s
  vault {
    storage = %q
  }
  hsm {
    lib         = %q
    token_label = "practice"
    key_label   = "key"
    key_id      = "01"
  }
  operator "Olga" {}
  witness "Wim" {
    organisation = "Audit"
  }
  accept "api-session" {
    reason = "the cluster is made by a pipeline"
  }
  accept "given-pin" {
    reason = "nobody is there to type it"
  }
  accept "one-witness" {
    reason = "as ever"
  }
  accept "near-witness" {
    reason = "as ever"
  }
}
`, kind, id, more, filepath.Join(s.dir, "storage"), s.lib)
	switch more { // "-": not for the API; "!": nobody accepts it
	case "!":
		text = strings.NewReplacer("\n!\n", "\n", "  accept \"api-session\" {\n    reason = \"the cluster is made by a pipeline\"\n  }\n", "").Replace(text)
	case "-":
		text = strings.NewReplacer("  api = true\n-\n", "", "  accept \"api-session\" {\n    reason = \"the cluster is made by a pipeline\"\n  }\n", "").Replace(text)
	}
	name := filepath.Join(s.dir, id+".hcl")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
	return name
}

// byPlan starts a session of a plan.
func (s *site) byPlan(name string, more ...string) *running {
	s.Helper()
	return s.begin(append([]string{"serve", "-plan", name, "-dir", filepath.Join(s.dir, "records"), "-hsm-pin-file", filepath.Join(s.dir, "pin"), "-allow-software-token"}, more...))
}

// running is a session that answers.
type running struct {
	*site
	cmd            *exec.Cmd
	address, token string
	said, errs     bytes.Buffer
	ended          chan error
}

// begin starts a session and waits until it says where its record is.
func (s *site) begin(args []string) *running {
	s.Helper()
	self, err := os.Executable()
	if err != nil {
		s.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(s.Context(), 3*time.Minute)
	r := &running{site: s, ended: make(chan error, 1)}
	r.cmd = exec.CommandContext(ctx, self)
	r.cmd.Args = append([]string{"conclave"}, args...)
	r.cmd.Env, r.cmd.Stderr = s.env, &r.errs
	out, err := r.cmd.StdoutPipe()
	if err == nil {
		err = r.cmd.Start()
	}
	if err != nil {
		s.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		r.said.WriteString(lines.Text() + "\n")
		if a, ok := strings.CutPrefix(lines.Text(), "BAO_ADDR="); ok {
			r.address = a
		}
		if name, ok := strings.CutPrefix(lines.Text(), "BAO_TOKEN is in "); ok {
			b, err := os.ReadFile(name)
			if err != nil {
				s.Fatal(err)
			}
			if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
				s.Errorf("the file with the token: %v, %v", info.Mode(), err)
			}
			r.token = string(b)
		}
		if strings.HasPrefix(lines.Text(), "The record is in ") {
			break
		}
	}
	go func() { r.ended <- r.cmd.Wait() }()
	s.Cleanup(func() {
		cancel()
		r.ended <- <-r.ended
	})
	if r.address == "" {
		s.Fatalf("it does not serve:\n%s%s", r.said.String(), <-r.wait())
	}
	return r
}

// wait is what stood on stderr once it ended.
func (r *running) wait() chan string {
	c := make(chan string, 1)
	err := <-r.ended
	r.ended <- err
	c <- r.errs.String()
	return c
}

// stop ends the session and returns its last line and code.
func (r *running) stop() (string, int) {
	r.Helper()
	if err := r.cmd.Process.Signal(os.Interrupt); err != nil {
		r.Fatal(err)
	}
	return r.end()
}

func (r *running) end() (string, int) {
	r.Helper()
	last := <-r.wait()
	return last, r.cmd.ProcessState.ExitCode()
}

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

// threeInPlain is what a plan of an init says of the shares.
const threeInPlain = `  recovery {
    shares    = 3
    threshold = 2
  }
  accept "plain-shares" {
    reason = "a test"
  }
  custodian "Alice" {}
  custodian "Bob" {}
  custodian "Carol" {}
`

func stock(s *site, bin string, loopback bool) {
	var at []string
	if loopback {
		at = []string{"-listen=127.0.0.1:0"}
	}
	r := s.byPlan(s.plan("init", "made", threeInPlain), append(at, "-allow=rekey,recovery-rekey,generate-root")...)
	if st := r.bao(bin, 2, "status"); st["initialized"] != false {
		s.Errorf("before: %v", st)
	}
	for why, x := range map[string][]string{
		"not applicable to seal type pkcs11":     {"operator", "init", "-key-shares=5", "-key-threshold=3", "-recovery-shares=3", "-recovery-threshold=2"},
		"threshold cannot be larger than shares": {"operator", "init", "-recovery-shares=2", "-recovery-threshold=3"},
		"threshold must be greater than one":     {"operator", "init", "-recovery-shares=2", "-recovery-threshold=1"},
		"Vault is sealed":                        {"operator", "rekey", "-target=recovery", "-init", "-key-shares=2", "-key-threshold=2", "-verify"},
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

	a = r.bao(bin, 0, "operator", "rekey", "-init", "-key-shares=1", "-key-threshold=1")
	for _, one := range fresh {
		a = r.bao(bin, 0, "operator", "rekey", "-nonce="+text(a["nonce"]), one)
	}

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
	over := func(changes string) {
		s.Helper()
		if last, code := r.stop(); code != 0 || !strings.Contains(last, changes) {
			s.Errorf("the end: %d %s", code, last)
		}
	}
	over("4 changes")
	r = s.byPlan(s.plan("rotate", "first", ""), at...)
	as(root, "operator", "rotate")
	over("1 change")
	r = s.byPlan(s.plan("rotate", "second", ""), append(at, "-allow=generate-root")...)
	if a := r.bao(bin, 2, "operator", "rotate"); !strings.Contains(text(a["stderr"]), "permission denied") {
		s.Errorf("a rotation without a token: %v", a)
	}
	as(token, "operator", "rotate")
	as(token, "token", "revoke", "-self")
	over("2 changes")
	s.recorded(shares[0], fresh[1], root, token, otp)
}

// recorded checks the record with our own command, and that none of the secrets is
// in any file of it.
func (s *site) recorded(secrets ...string) {
	s.Helper()
	dirs, err := filepath.Glob(filepath.Join(s.dir, "records", "*-serve"))
	if err != nil || len(dirs) == 0 {
		s.Fatalf("the record: %v, %v", dirs, err)
	}
	p := &player{dir: s.dir, env: s.env}
	for _, d := range dirs {
		if code, out, err := p.run("transcript", "verify", d); err != nil || code != 0 || !strings.Contains(string(out), "No ceremony was held.") {
			s.Errorf("verify: %d, %v\n%s", code, err, out)
		}
		report, err := os.ReadFile(filepath.Join(d, "report.txt"))
		if err != nil || !strings.Contains(strings.Join(strings.Fields(string(report)), " "), "no person was identified, no share was proven") ||
			!strings.HasPrefix(string(report), "Record of an API session: no ceremony\n") || !strings.Contains(string(report), "/v1/sys/") {
			s.Errorf("the report does not say what it is: %v\n%s", err, report)
		}
		if err := filepath.WalkDir(d, func(name string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			b, err := os.ReadFile(name)
			for _, x := range secrets {
				if len(x) < 10 || bytes.Contains(b, []byte(x)) {
					s.Errorf("%s holds a secret, or there is none to look for", name)
				}
			}
			return err
		}); err != nil {
			s.Error(err)
		}
	}
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

// TestServeApproved: a session begins only with every approval that its plan
// demands, as nobody is there to decide otherwise; the record keeps them.
func TestServeApproved(t *testing.T) {
	s := newSite(t)
	keygen := need.Tool(t, "ssh-keygen")
	sh := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), keygen, args...)
		cmd.Dir = s.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen %v: %v\n%s", args, err, out)
		}
	}
	sh("-q", "-t", "ed25519", "-N", "", "-C", "", "-f", "anna")
	name := s.plan("init", "approved", threeInPlain+`  approver "Anna Board" {
    key = "anna.pub"
  }
`)
	p := &player{dir: s.dir, env: s.env}
	serve := []string{"serve", "-plan", name, "-dir", filepath.Join(s.dir, "records"), "-hsm-pin-file", filepath.Join(s.dir, "pin"), "-allow-software-token"}
	p.says(t, 2, []string{"1 of the 1 approvals that it demands are not there"}, serve...)
	text := filepath.Join(s.dir, "text")
	p.says(t, 0, nil, "plan", "sign", name, "-text", text)
	sh("-q", "-Y", "sign", "-f", "anna", "-n", signature.PlanNamespace, text)
	p.says(t, 0, []string{"approvals: 1 of 1"}, "plan", "sign", name, "-signature", text+".sig")
	r := s.byPlan(name)
	if last, code := r.stop(); code != 0 || !strings.Contains(last, "0 changes") {
		t.Errorf("the end: %d %s", code, last)
	}
	kept, err := filepath.Glob(filepath.Join(s.dir, "records", "*-approved-serve", "approvals", "*"))
	if err != nil || len(kept) != 2 {
		t.Errorf("in the record: %v, %v", kept, err)
	}
	record := filepath.Dir(filepath.Dir(kept[0]))
	p.says(t, 0, []string{"CONSISTENT"}, "transcript", "verify", record)
	p.says(t, 0, []string{"approved by Anna Board"}, "transcript", "report", record)
}

// TestServeRefuses: what the command line shows to be wrong is a mistake, and
// nothing begins.
func TestServeRefuses(t *testing.T) {
	s := newSite(t)
	for why, x := range map[string]struct {
		code int
		args []string
	}{
		"-allow=seal is not known":            {2, []string{"-allow=init,seal"}},
		"-allow=init: only a plan":            {2, []string{"-allow=init"}},
		"-allow=rotate: only a plan":          {2, []string{"-allow=rekey,rotate"}},
		"does not say api = true":             {2, []string{"-plan=" + s.plan("rotate", "people", "-")}},
		"Not accepted: api-session":           {2, []string{"-plan=" + s.plan("rotate", "unread", "!")}},
		"one each session":                    {2, []string{"-allow=rotate", "-plan=" + s.plan("init", "both", threeInPlain)}},
		"a session's is of an init":           {2, []string{"-plan=" + s.plan("rekey", "other", "-")}},
		"it waits up to 15m0s":                {2, []string{"-idle=16m"}},
		"no loopback address":                 {2, []string{"-listen=0.0.0.0:8200"}},
		"-listen and -socket":                 {2, []string{"-listen=127.0.0.1:0", "-socket=/x"}},
		"-token-file: only":                   {2, []string{"-token-file=/x"}},
		"a session lasts up to":               {2, []string{"-for=240h"}},
		"others can look into it":             {1, []string{"-socket=" + filepath.Join(s.dir, "open", "api.sock")}},
		"allow it with -allow-software-token": {1, []string{"-allow-software-token=false"}},
		"where the server of this":            {2, []string{"-config=" + filepath.Join(s.dir, "bao.hcl"), "-listen=127.0.0.1:8211"}},
		"nobody is asked for a PIN":           {2, []string{"-hsm-pin-file="}},
	} {
		p := &player{dir: s.dir, env: s.env}
		_ = os.Mkdir(filepath.Join(s.dir, "open"), 0o755)
		if err := os.WriteFile(filepath.Join(s.dir, "bao.hcl"), []byte("listener \"tcp\" {\n  address = \"127.0.0.1:8211\"\n  tls_disable = true\n}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		code, out, err := p.run(append(s.args, x.args...)...)
		if err != nil || code != x.code || !strings.Contains(string(out), why) {
			t.Errorf("%v: %d, %v, want %d %q in\n%s", x.args, code, err, x.code, why, out)
		}
	}
	if left, err := os.ReadDir(filepath.Join(s.dir, "records")); err != nil || len(left) > 0 {
		t.Errorf("a record began: %v, %v", left, err)
	}
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
	r := s.byPlan(s.plan("init", "made", threeInPlain), "-allow=rekey")
	r.bao(bin, 0, "operator", "init", "-recovery-shares=3", "-recovery-threshold=2")
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

// TestServeByPlan: an init over the API is that of the plan, or none; the next
// session's id must be another.
func TestServeByPlan(t *testing.T) {
	s := newSite(t)
	name := s.plan("init", "made", threeInPlain)
	r := s.byPlan(name, "-for=1m")
	socket := strings.TrimPrefix(r.address, "unix://")
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	put := func(path, body string) (int, string) {
		t.Helper()
		q, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://localhost/v1/"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("X-Vault-Request", "true")
		a, err := client.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		b, err := io.ReadAll(a.Body)
		if err != nil {
			t.Fatal(err)
		}
		return a.StatusCode, string(b)
	}
	if code, said := put("sys/init", `{"recovery_shares":5,"recovery_threshold":3}`); code != 400 || !strings.Contains(said, "the plan of this session says 3 recovery shares, 2 needed, and the request 5 and 3") {
		t.Errorf("another init: %d %s", code, said)
	}
	if code, said := put("sys/rotate", ""); code != 403 {
		t.Errorf("a rotation that nobody planned: %d %s", code, said)
	}
	code, said := put("sys/init", `{"recovery_shares":3,"recovery_threshold":2}`)
	var made struct {
		Keys []string `json:"recovery_keys"`
		Root string   `json:"root_token"`
	}
	if err := json.Unmarshal([]byte(said), &made); err != nil || code != 200 || len(made.Keys) != 3 || made.Root == "" {
		t.Fatalf("the init: %d, %v", code, err)
	}
	if last, code := r.stop(); code != 0 || !strings.Contains(last, "1 change") {
		t.Errorf("the end: %d %s", code, last)
	}
	s.recorded(made.Keys[0], made.Root)
	p := &player{dir: s.dir, env: s.env}
	p.says(t, 2, []string{"there is a record with this id"}, "serve", "-plan", name, "-dir", filepath.Join(s.dir, "records"), "-hsm-pin-file", filepath.Join(s.dir, "pin"), "-allow-software-token")
	p.says(t, 2, []string{"this ceremony has no such value"}, "init", "-plan", name, "-dir", filepath.Join(s.dir, "records"), "-plain", "-allow-piped-secrets")
	report, err := filepath.Glob(filepath.Join(s.dir, "records", "*-made-serve", "report.txt"))
	if err != nil || len(report) != 1 {
		t.Fatal(report, err)
	}
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	keptNamed(t, filepath.Dir(report[0]), filepath.Base(name), string(src))
	b, err := os.ReadFile(report[0])
	if err != nil || !strings.Contains(strings.Join(strings.Fields(string(b)), " "), "recovery-shares = 3 (plan line 5)") {
		t.Errorf("the plan is not in the record: %v\n%s", err, b)
	}
}
