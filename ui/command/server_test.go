package command_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"conclave/vaultstate/server/servertest"
)

// TestOnServer holds every ceremony on a running server, line by line: an init
// with a root token, a recovery rekey, a rekey, one with a wrong share, a rotate
// with the token, and a root token that is revoked at the end. Without
// CONCLAVE_SERVER, the address of one that is not initialised, the servers are in
// memory.
func TestOnServer(t *testing.T) {
	if address := os.Getenv("CONCLAVE_SERVER"); address != "" {
		onServers(t, address, nil)
		return
	}
	for _, d := range servertest.Dialects {
		if d.Shamir {
			continue
		}
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			f := servertest.New(t, d)
			onServers(t, f.URL, f)
		})
	}
}

func onServers(t *testing.T, address string, f *servertest.Server) {
	s := &onServer{T: t, address: address, f: f, player: &player{dir: t.TempDir(), shown: map[string]string{},
		env: []string{"HOME=" + t.TempDir(), "TERM=dumb"}}}
	s.player.keeps = true
	s.hold(0, "he vault is initialised", "init", "-recovery-shares=3", "-recovery-threshold=2")
	first := s.player.token
	if first == "" {
		t.Fatal("no root token was shown")
	}
	s.player.keeps = false
	s.player.shares = s.shares("ALICE", "BOB")
	s.hold(0, "ecovery key and its shares are replaced", "rekey", "-target=recovery", "-key-shares=3", "-key-threshold=2")
	s.player.shares = s.shares("ALICE", "BOB")
	s.hold(0, "oot key is replaced", "rekey")
	// Somebody begins the same for keys of their own: it is cancelled, by two.
	path := "sys/rekey-recovery-key/init"
	if !s.has(path) {
		path = "sys/rotate/recovery/init"
	}
	s.put(path, `{"secret_shares":1,"secret_threshold":1}`)
	s.player.shares = s.shares("ALICE", "BOB")
	said := s.hold(0, "ecovery key and its shares are replaced", "rekey", "-target=recovery", "-key-shares=3", "-key-threshold=2")
	if !strings.Contains(said, "Cancel what is pending at the server") {
		t.Error("nobody was asked about what was pending")
	}
	s.cutRekey("recovery")
	s.player.shares = []string{strings.Repeat("5a", 32) + "01", s.player.shown["BOB"]}
	s.hold(3, "do not make the recovery key", "rekey", "-previous", "none")
	s.hold(0, "data encryption key is rotated", "rotate")
	s.player.shares = s.shares("ALICE", "BOB")
	if f == nil || f.Dialect.Old || f.Dialect.RootToken {
		said = s.hold(0, "The root token was made, and is revoked.", "generate-root", "-root-token-ttl=1h")
		if !strings.Contains(said, "It counts already, and ends after 1h0m0s.") {
			t.Error("it is not said when the token ends")
		}
	} else {
		s.hold(1, "The server does not offer this", "generate-root")
	}
	// A quorum that is only proven, and the third alone.
	s.player.token = first // the last one that was shown is revoked
	s.player.shares = s.shares("ALICE", "BOB", "CAROL")
	if f == nil || f.Dialect.Old || f.Dialect.RootToken {
		before := 0
		if f != nil {
			before = len(f.Tokens)
		}
		said = s.hold(0, "3 of 3 shares are proven. Nothing was changed.", "drill", "-proof=quorum")
		if !strings.Contains(joined([]byte(said)), "It makes a root token of their authority, which is revoked at once") {
			t.Error("it is not said what the server does for it")
		}
		if f != nil && len(f.Tokens) != before {
			t.Error("a token is left")
		}
	} else {
		s.hold(1, "The server does not offer this", "drill", "-proof=quorum")
	}
	dirs, err := filepath.Glob(filepath.Join(s.player.dir, "*-*"))
	if err != nil || len(dirs) != 12 {
		t.Fatal(dirs, err)
	}
	record, err := os.ReadFile(filepath.Join(dirs[1], "transcript.jsonl"))
	for _, fact := range []string{`"kind":"server"`, `"address":"` + address + `"`, `"version":`, `as this machine's clock"`, `"kind":"requests"`, `"nonce":"`} {
		if err != nil || !strings.Contains(string(record), fact) {
			t.Errorf("the record of %s has no %s: %v", dirs[1], fact, err)
		}
	}
	cut := 0 // see cutRekey
	for _, d := range dirs {
		code, text, err := s.player.run("transcript", "verify", d)
		if code == 3 && strings.Contains(string(text), "INTERRUPTED: consistent") {
			cut++
			continue
		}
		if err != nil || code != 0 && !strings.Contains(string(text), "ABORTED") {
			t.Errorf("%s: %d, %v\n%s", d, code, err, text)
		}
	}
	if cut != 2 {
		t.Errorf("%d records were cut off, and two runs were killed", cut)
	}
}

// cutRekey has a rekey of the keys that people hold killed when one of three new
// shares is proven. The next run goes on, with the proofs alone; or cancels it, and its
// shares are void.
func (s *onServer) cutRekey(target string) {
	s.Helper()
	rekey := []string{"rekey", "-target=" + target, "-key-shares=3", "-key-threshold=2"}
	for _, drops := range []bool{false, true} {
		old := s.shares("ALICE", "BOB")
		s.player.shares, s.player.proofs, s.player.killAt = old, 0, 2
		s.hold(-1, "[prove]", rekey...)
		s.player.killAt, s.player.drops = 0, drops
		if !drops {
			s.hold(0, "Go on with it: all 3 new shares are proven again", rekey...)
			continue
		}
		s.player.shares = old
		s.hold(0, "The run ", rekey...)
		if void, err := filepath.Glob(filepath.Join(s.player.dir, "*", "shares", "VOID-*")); err != nil || len(void) != 1 {
			s.Errorf("a set that was cancelled at the server: %v, %v", void, err)
		}
	}
	s.player.drops = false
}

type onServer struct {
	*testing.T
	address string
	f       *servertest.Server // nil: a real one
	player  *player
}

func (s *onServer) shares(names ...string) []string {
	var list []string
	for _, n := range names {
		list = append(list, s.player.shown[n])
	}
	return list
}

// hold wants an exit code and a text in what is printed.
func (s *onServer) hold(want int, has string, args ...string) string {
	s.Helper()
	args = append(args, "-address", s.address, "-dir", ".", "-plain", "-allow-piped-secrets", "-operator", "Olga", "-witness", "Wim",
		"-custodian", "Alice", "-custodian", "Bob", "-custodian", "Carol")
	code, text, err := s.player.run(args...)
	if said := strings.Join(strings.Fields(string(text)), " "); err != nil || code != want || !strings.Contains(said, has) {
		s.Fatalf("conclave %s: code %d, %v; want code %d and %q in\n%s", strings.Join(args, " "), code, err, want, has, text)
	}
	return string(text)
}

// has tells whether a server has an endpoint for callers without a token.
func (s *onServer) has(path string) bool { return s.gets(path) != http.StatusNotFound }

// gets is the status of an answer to a caller without a token.
func (s *onServer) gets(path string) int {
	s.Helper()
	q, err := http.NewRequestWithContext(s.Context(), http.MethodGet, s.address+"/v1/"+path, nil)
	if err != nil {
		s.Fatal(err)
	}
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		s.Fatal(err)
	}
	_ = a.Body.Close()
	return a.StatusCode
}

// put is a stranger at the server.
func (s *onServer) put(path, body string) {
	s.Helper()
	q, err := http.NewRequestWithContext(s.Context(), http.MethodPut, s.address+"/v1/"+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	q.Header.Set("X-Vault-Token", s.player.token)
	a, err := http.DefaultClient.Do(q)
	if err != nil || a.StatusCode != http.StatusOK {
		s.Fatalf("%s: %v, %v", path, a, err)
	}
	_ = a.Body.Close()
}

// TestServerCertificate: the certificate's key is compared by people, or with
// the plan; another one is refused before the record begins.
func TestServerCertificate(t *testing.T) {
	t.Parallel()
	f := servertest.NewTLS(t, servertest.Dialects[0])
	s := &onServer{T: t, address: f.URL, f: f, player: &player{dir: t.TempDir(), shown: map[string]string{}, env: []string{"HOME=" + t.TempDir(), "TERM=dumb"}}}
	ca := filepath.Join(s.player.dir, "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(f.Certificate().RawSubjectPublicKeyInfo)
	pin := hex.EncodeToString(sum[:])
	args := []string{"init", "-recovery-shares=3", "-recovery-threshold=2", "-ca-cert", ca}
	s.hold(4, "shows another certificate", append(args, "-certificate", strings.Repeat("1", 64))...)
	s.hold(2, "no key has this SHA-256", append(args, "-certificate", strings.Repeat("0", 64))...)
	s.hold(1, "certificate", "init", "-recovery-shares=3", "-recovery-threshold=2") // signed by nobody who is known
	if dirs, _ := filepath.Glob(filepath.Join(s.player.dir, "*-init")); len(dirs) > 0 {
		t.Errorf("records: %v", dirs)
	}
	said := s.hold(0, "he vault is initialised", append(args, "-certificate", pin)...)
	if !strings.Contains(said, "its certificate is the one that the plan names") {
		t.Error("it is not said that the certificate is the plan's")
	}
	s.player.shares = s.shares("ALICE", "BOB")
	code, text, err := s.player.run("status", "-address", f.URL, "-ca-cert", ca)
	if err != nil || code != 0 || !strings.Contains(strings.Join(strings.Fields(string(text)), " "), pin) || !strings.Contains(string(text), "rekey is done at sys/rekey, with shares alone.") {
		t.Errorf("status: %d, %v\n%s", code, err, text)
	}
	said = s.hold(0, "oot key is replaced", "rekey", "-ca-cert", ca)
	if !strings.Contains(said, "A: "+strings.ToUpper(pin[:4]+" "+pin[4:8])) {
		t.Error("the rows of the certificate are not shown")
	}
}

// TestServerUnseal: each share is typed once, and goes to every node that is
// sealed.
func TestServerUnseal(t *testing.T) {
	t.Parallel()
	f := servertest.New(t, servertest.Dialects[5]) // Shamir
	s := &onServer{T: t, address: f.URL, f: f, player: &player{dir: t.TempDir(), shown: map[string]string{}, env: []string{"HOME=" + t.TempDir(), "TERM=dumb"}}}
	s.player.keeps = true
	s.hold(0, "he vault is initialised", "init", "-recovery-shares=3", "-recovery-threshold=2")
	other := servertest.New(t, servertest.Dialects[5])
	other.Initialized, other.N, other.Threshold, other.Key = true, f.N, f.Threshold, f.Key
	f.Sealed = true
	if code, text, err := s.player.run("status", "-address", f.URL); err != nil || code != 2 || !strings.Contains(string(text), "The server is sealed") {
		t.Errorf("status: %d, %v\n%s", code, err, text)
	}
	s.player.shares = s.shares("ALICE", "BOB")
	said := s.hold(0, "2 of 2", "unseal", "-node", other.URL)
	if f.Sealed || other.Sealed || !strings.Contains(said, other.URL+" says that it is unsealed") {
		t.Errorf("sealed: %v, %v\n%s", f.Sealed, other.Sealed, said)
	}
}

// TestOnShamirServer holds the ceremonies of a server whose people unseal it: an
// init, an unseal, a rekey, a root token that is revoked, a rotation with the
// first one, and, sealed again, an unseal with the new shares, of which one is old
// at first. Without CONCLAVE_SHAMIR_SERVER, the address of one that is not
// initialised, the server is in memory.
func TestOnShamirServer(t *testing.T) {
	if address := os.Getenv("CONCLAVE_SHAMIR_SERVER"); address != "" {
		onShamir(t, address, nil)
		return
	}
	for _, d := range servertest.Dialects {
		if d.Shamir {
			t.Run(d.Name, func(t *testing.T) {
				t.Parallel()
				f := servertest.New(t, d)
				onShamir(t, f.URL, f)
			})
		}
	}
}

func onShamir(t *testing.T, address string, f *servertest.Server) {
	s := &onServer{T: t, address: address, f: f, player: &player{dir: t.TempDir(), shown: map[string]string{}, env: []string{"HOME=" + t.TempDir(), "TERM=dumb"}}}
	s.player.keeps = true
	s.hold(0, "he vault is initialised", "init", "-recovery-shares=3", "-recovery-threshold=2")
	first, old := s.player.token, s.shares("ALICE", "BOB")
	s.player.shares = old
	s.hold(0, "2 of 2", "unseal")
	s.player.keeps, s.player.shares = false, old
	s.hold(1, "makes a new root key with new unseal keys only: -target=unseal", "rekey")
	s.hold(1, "Its unseal keys are made anew with -target=unseal. Stop; it is another ceremony.", "rekey", "-target=recovery", "-key-shares=3", "-key-threshold=2")
	said := s.hold(0, "he unseal key and its shares are replaced", "rekey", "-target=unseal", "-key-shares=3", "-key-threshold=2")
	if strings.Contains(said, "ecovery key") {
		t.Errorf("it speaks of a recovery key, which there is none:\n%s", said)
	}
	s.cutRekey("unseal")
	s.player.shares = []string{strings.Repeat("5a", 32) + "01", s.player.shown["BOB"]}
	s.hold(3, "do not make the unseal key", "rekey", "-target=unseal", "-key-shares=3", "-key-threshold=2")
	s.player.shares = s.shares("ALICE", "BOB")
	if s.gets("sys/generate-root/attempt") == http.StatusOK {
		s.hold(0, "The root token was made, and is revoked.", "generate-root")
	} else { // closed by default since OpenBao 2.5.3
		s.hold(1, "The server does not offer this", "generate-root")
	}
	s.player.token = first
	s.hold(0, "data encryption key is rotated", "rotate")
	s.seal(first)
	if code, text, err := s.player.run("status", "-address", s.address); err != nil || code != 2 || !strings.Contains(string(text), "The server is sealed") {
		t.Errorf("status: %d, %v\n%s", code, err, text)
	}
	s.player.shares = append([]string{old[0]}, s.shares("ALICE", "BOB")...)
	said = s.hold(0, "2 of 2", "unseal")
	if !strings.Contains(said, "This is an old share.") {
		t.Error("nobody was told of the old share")
	}
}

// seal seals a server, as somebody with a root token does.
func (s *onServer) seal(token string) {
	s.Helper()
	if s.f != nil {
		s.f.Sealed = true
		return
	}
	q, err := http.NewRequestWithContext(s.Context(), http.MethodPut, s.address+"/v1/sys/seal", nil)
	if err != nil {
		s.Fatal(err)
	}
	q.Header.Set("X-Vault-Token", token)
	a, err := http.DefaultClient.Do(q)
	if err != nil || a.StatusCode != http.StatusNoContent {
		s.Fatalf("sealing: %v, %v", a, err)
	}
	_ = a.Body.Close()
}

// TestServerToken: a token of the environment is used where it is needed, and is
// an override; no child and no line has it.
func TestServerToken(t *testing.T) {
	t.Parallel()
	f := servertest.New(t, servertest.Dialects[1])
	s := &onServer{T: t, address: f.URL, f: f, player: &player{dir: t.TempDir(), shown: map[string]string{}, env: []string{"HOME=" + t.TempDir(), "TERM=dumb"}}}
	s.player.keeps = true
	s.hold(0, "he vault is initialised", "init", "-recovery-shares=3", "-recovery-threshold=2")
	env := s.player.env
	s.player.env = append(env, "VAULT_TOKEN="+s.player.token)
	said := s.hold(0, "encryption key is rotated", "rotate", "-id", "given")
	if strings.Contains(said, "type the server's token") || !strings.Contains(said, "override: Single control: whoever can read the environment has the server's token.") || strings.Contains(said, s.player.token) {
		t.Error("the token of the environment was not used, or shown, or no override was noted")
	}
	record := s.record("given")
	if meant, token := strings.Index(record, "the server is the one that was meant"), strings.Index(record, ", with the token"); meant < 0 || token < meant {
		t.Errorf("the token was sent before anybody said that the server is the one that was meant (%d, %d)", meant, token)
	}
	s.player.env = append(env, "VAULT_TOKEN=hvs.of-nobody")
	said = s.hold(0, "encryption key is rotated", "rotate", "-id", "refused")
	if !strings.Contains(said, "the token from the environment is not good for this") {
		t.Error("nobody was told that the token is not good")
	}
}

// TestServerOpenSet: the answer that would say whether the new shares count is
// lost, and the ceremony stops. Where the numbers of the two sets differ, the next
// one knows; where they do not, it says that it does not know.
func TestServerOpenSet(t *testing.T) {
	for threshold, says := range map[string]string{"2": "Whether this share counts is not known.", "3": "ecovery key and its shares are replaced"} {
		t.Run(threshold, func(t *testing.T) {
			t.Parallel()
			f := servertest.New(t, servertest.Dialects[0])
			s := &onServer{T: t, address: f.URL, f: f, player: &player{dir: t.TempDir(), shown: map[string]string{}, env: []string{"HOME=" + t.TempDir(), "TERM=dumb"}}}
			s.player.keeps = true
			s.hold(0, "he vault is initialised", "init", "-recovery-shares=3", "-recovery-threshold=2")
			s.player.shares = s.shares("ALICE", "BOB")
			lost := false
			f.Drop = func(_, path string) bool {
				lost = lost || strings.HasSuffix(path, "/verify") && f.Ops["recovery"] == nil
				return lost
			}
			rekey := []string{"rekey", "-target=recovery", "-key-shares=3"}
			s.hold(1, "Try a share of each", append(rekey, "-key-threshold="+threshold)...)
			f.Drop = nil
			void, err := filepath.Glob(filepath.Join(s.player.dir, "*", "shares", "VOID-*"))
			if err != nil || len(void) > 0 {
				t.Errorf("shares that may count are called void: %v, %v", void, err)
			}
			s.player.shares, s.player.use = s.shares("ALICE", "BOB", "CAROL"), true
			s.hold(0, says, append(rekey, "-key-threshold=2")...)
		})
	}
}

// TestServerInitCut: a program that is killed between an init without recovery
// keys and their proof leaves the root token as the only authority. With it the
// next ceremony goes on with the shares that were handed out.
func TestServerInitCut(t *testing.T) {
	t.Parallel()
	f := servertest.New(t, servertest.Dialects[2])
	s := &onServer{T: t, address: f.URL, f: f, player: &player{dir: t.TempDir(), shown: map[string]string{}, env: []string{"HOME=" + t.TempDir(), "TERM=dumb"}}}
	s.player.keeps, s.player.killAt = true, 2
	s.hold(-1, "[prove]", "init", "-recovery-shares=3", "-recovery-threshold=2")
	if s.player.token == "" || f.N != 0 || !f.Initialized {
		t.Fatalf("the token was not handed out before the proof, or %d shares count", f.N)
	}
	out := maps.Clone(s.player.shown)
	s.player.killAt, s.player.proofs = 0, 0
	g := servertest.New(t, servertest.Dialects[2])
	s.address, s.player.stopAt = g.URL, "[prove]"
	s.hold(3, "[prove]", "init", "-id", "stopped", "-recovery-shares=3", "-recovery-threshold=2", "-previous", "none")
	found, err := filepath.Glob(filepath.Join(s.player.dir, "*-stopped-*", "transcript.jsonl"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	record, err := os.ReadFile(found[0])
	if err != nil || !strings.Contains(string(record), "The server is initialised, and has no recovery keys yet: its root token is the only authority.") {
		t.Errorf("the record of a ceremony that was stopped in between does not say what is so: %v", err)
	}
	s.address, s.player.stopAt = f.URL, ""
	s.player.token, s.player.shown = f.Root, out
	said := s.hold(0, "Go on with it: all 3 new shares are proven again", "rekey", "-target=recovery", "-key-shares=3", "-key-threshold=2")
	if f.N != 3 || f.Threshold != 2 {
		t.Errorf("%d shares, %d needed\n%s", f.N, f.Threshold, said)
	}
	s.player.shares = s.shares("ALICE", "BOB")
	s.hold(0, "oot key is replaced", "rekey")
}
