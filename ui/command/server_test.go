package command_test

import (
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
	if f != nil && !f.Dialect.Old {
		path = "sys/rotate/recovery/init"
	}
	s.put(path, `{"secret_shares":1,"secret_threshold":1}`)
	s.player.shares = s.shares("ALICE", "BOB")
	said := s.hold(0, "ecovery key and its shares are replaced", "rekey", "-target=recovery", "-key-shares=3", "-key-threshold=2")
	if !strings.Contains(said, "Cancel what is pending at the server") {
		t.Error("nobody was asked about what was pending")
	}
	s.player.shares = []string{strings.Repeat("5a", 32) + "01", s.player.shown["BOB"]}
	s.hold(3, "do not make the recovery key", "rekey", "-previous", "none")
	s.hold(0, "data encryption key is rotated", "rotate")
	s.player.shares = s.shares("ALICE", "BOB")
	if f == nil || f.Dialect.Old || f.Dialect.RootToken {
		s.hold(0, "root token", "generate-root")
	} else {
		s.hold(1, "The server does not offer this", "generate-root")
	}
	dirs, err := filepath.Glob(filepath.Join(s.player.dir, "*-*"))
	if err != nil || len(dirs) != 7 {
		t.Fatal(dirs, err)
	}
	for _, d := range dirs {
		if code, text, err := s.player.run("transcript", "verify", d); err != nil || code != 0 && !strings.Contains(string(text), "ABORTED") {
			t.Errorf("%s: %d, %v\n%s", d, code, err, text)
		}
	}
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
