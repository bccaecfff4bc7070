package command_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOnServer holds every ceremony on a running server, line by line: an init
// with a root token, a recovery rekey with a wrong share on the way, a rekey, a
// rotate with the token, and a root token that is revoked at the end.
func TestOnServer(t *testing.T) {
	address := os.Getenv("CONCLAVE_SERVER")
	if address == "" {
		t.Skip("no server")
	}
	s := &onServer{T: t, address: address, player: &player{dir: t.TempDir(), shown: map[string]string{},
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
	s.put("sys/rekey-recovery-key/init", `{"secret_shares":1,"secret_threshold":1}`)
	s.player.shares = s.shares("ALICE", "BOB")
	said := s.hold(0, "ecovery key and its shares are replaced", "rekey", "-target=recovery", "-key-shares=3", "-key-threshold=2")
	if !strings.Contains(said, "Cancel what is pending at the server") {
		t.Error("nobody was asked about what was pending")
	}
	s.player.shares = []string{strings.Repeat("5a", 32) + "01", s.player.shown["BOB"]}
	s.hold(3, "do not make the recovery key", "rekey", "-previous", "none")
	s.hold(0, "data encryption key is rotated", "rotate")
	s.player.shares = s.shares("ALICE", "BOB")
	s.hold(0, "root token", "generate-root")
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
	a, err := http.DefaultClient.Do(q)
	if err != nil || a.StatusCode != http.StatusOK {
		s.Fatalf("%s: %v, %v", path, a, err)
	}
	_ = a.Body.Close()
}
