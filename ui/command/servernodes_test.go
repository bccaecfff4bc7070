package command_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"conclave/vaultstate/server/servertest"
)

// twoNodes are two sealed nodes of one vault, each with a certificate of its own.
type twoNodes struct {
	*onServer
	second *servertest.Server
	shown  [2]atomic.Pointer[tls.Certificate]
	other  *tls.Certificate // of nobody's, and the CA vouches for it
	ca     string
}

func newTwoNodes(t *testing.T) *twoNodes {
	t.Helper()
	n := &twoNodes{other: servertest.Certificate(t), second: servertest.NewTLS(t, servertest.Dialects[5])}
	f := servertest.NewTLS(t, servertest.Dialects[5])
	n.onServer = &onServer{T: t, address: f.URL, f: f, player: &player{dir: t.TempDir(), shown: map[string]string{}, env: []string{"HOME=" + t.TempDir(), "TERM=dumb"}}}
	for i, s := range []*servertest.Server{f, n.second} {
		n.shown[i].Store(servertest.Certificate(t))
		servertest.Shows(s.Server, &n.shown[i])
	}
	n.ca = filepath.Join(n.player.dir, "ca.pem")
	if err := os.WriteFile(n.ca, servertest.PEM(n.shown[0].Load(), n.shown[1].Load(), n.other), 0o600); err != nil {
		t.Fatal(err)
	}
	n.player.keeps = true
	n.hold(0, "he vault is initialised", "init", "-id", "first", "-recovery-shares=3", "-recovery-threshold=2", "-ca-cert", n.ca)
	n.seal()
	return n
}

// seal seals both nodes, and has everybody bring their share once more.
func (n *twoNodes) seal() {
	n.f.Sealed = true
	n.joins(n.second)
	n.player.shares = n.shares("ALICE", "BOB")
}

// joins makes a server a sealed node of this vault.
func (n *twoNodes) joins(s *servertest.Server) {
	s.Sealed, s.Initialized, s.N, s.Threshold, s.Key, s.Shares = true, true, 3, 2, n.f.Key, 0
}

func (n *twoNodes) unseal(want int, has, id string, args ...string) string {
	n.Helper()
	return n.hold(want, has, append([]string{"unseal", "-id", id, "-ca-cert", n.ca}, args...)...)
}

func (n *twoNodes) pin(i int) string {
	sum := servertest.Pin(n.shown[i].Load())
	return hex.EncodeToString(sum[:])
}

// record is the transcript of an id; "" if there is none.
func (s *onServer) record(id string) string {
	s.Helper()
	found, err := filepath.Glob(filepath.Join(s.player.dir, "*-"+id+"-*", "transcript.jsonl"))
	if err != nil || len(found) > 1 {
		s.Fatal(found, err)
	}
	if len(found) == 0 {
		return ""
	}
	b, err := os.ReadFile(found[0])
	if err != nil {
		s.Fatal(err)
	}
	return string(b)
}

// TestServerNodes: the witness compares the certificate of every node, and the
// record has each; the plan can name them all.
func TestServerNodes(t *testing.T) {
	t.Parallel()
	n := newTwoNodes(t)
	gone := "https://127.0.0.1:1"
	said := n.unseal(4, "1 of 3 checks did not pass", "compared", "-node", n.second.URL+","+gone)
	for i := range n.shown {
		if !strings.Contains(said, "A: "+strings.ToUpper(n.pin(i)[:4]+" "+n.pin(i)[4:8])) {
			t.Errorf("the rows of node %d are not shown", i+1)
		}
	}
	for _, want := range []string{
		`"certificates":["` + gone + ` was not reached"`, n.second.URL + " " + n.pin(1), `"role":"witness","what":"the node`,
		"the server is the one that was meant, certificate " + n.pin(0), "the node " + n.second.URL + " is one that was meant, certificate " + n.pin(1),
		"the node " + gone + " was not reached, and nothing is sent to it",
	} {
		if !strings.Contains(n.record("compared"), want) {
			t.Errorf("the record has no %s", want)
		}
	}
	if !strings.Contains(said, "Wim: is this a node that was meant? (2 of 3)") {
		t.Error("the witness was not asked for the second node")
	}
	n.seal()
	said = n.unseal(0, "2 of 2", "named", "-node", n.second.URL, "-certificate", n.pin(0)+","+n.pin(1))
	if got := strings.Count(said, "its certificate is the one that the plan names"); got != 2 {
		t.Errorf("%d certificates are the plan's", got)
	}
	n.seal()
	n.unseal(4, "shows another certificate", "wrong", "-node", n.second.URL, "-certificate", n.pin(0)+","+n.pin(0))
	n.unseal(2, "it names 2 certificates, and there are 1 addresses", "many", "-certificate", n.pin(0)+","+n.pin(0))
	n.unseal(2, "it names two certificates for "+n.address, "twice", "-node", n.address, "-certificate", n.pin(0)+","+n.pin(1))
	if got := n.record("wrong") + n.record("many") + n.record("twice"); got != "" || n.second.Shares > 0 {
		t.Errorf("records, or %d shares:\n%s", n.second.Shares, got)
	}
}

// TestServerNodeSwapped: a node that shows another certificate after the witness
// compared it gets no share, and that is a stop: the node after it gets none either.
func TestServerNodeSwapped(t *testing.T) {
	t.Parallel()
	n := newTwoNodes(t)
	third := servertest.New(t, servertest.Dialects[5])
	n.joins(third)
	n.f.After = func(shares int) { n.shown[1].Store(n.other) }
	said := n.unseal(4, "The server shows another certificate than before.", "swapped", "-node", n.second.URL+","+third.URL)
	if n.second.Shares > 0 || !n.second.Sealed {
		t.Errorf("%d shares went to it\n%s", n.second.Shares, said)
	}
	if third.Shares > 0 || !third.Sealed {
		t.Errorf("%d shares went to the node after it\n%s", third.Shares, said)
	}
}

// TestServerClientCertificate holds ceremonies at a server that wants a client's
// certificate, which the environment names, as it does the CA. Record and screen
// say that they are in effect, and have nothing of the key; and every variable is
// in the record.
func TestServerClientCertificate(t *testing.T) {
	t.Parallel()
	f := servertest.NewTLS(t, servertest.Dialects[1])
	s := &onServer{T: t, address: f.URL, f: f, player: &player{dir: t.TempDir(), shown: map[string]string{}, env: []string{"HOME=" + t.TempDir(), "TERM=dumb"}}}
	theirs, mine := servertest.Certificate(t), servertest.Certificate(t)
	var now atomic.Pointer[tls.Certificate]
	now.Store(theirs)
	servertest.Shows(f.Server, &now)
	f.TLS.ClientAuth, f.TLS.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	f.TLS.ClientCAs.AddCert(mine.Leaf)
	raw, err := x509.MarshalPKCS8PrivateKey(mine.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
	for name, text := range map[string][]byte{"ca.pem": servertest.PEM(theirs), "cert.pem": servertest.PEM(mine), "key.pem": key} {
		if err := os.WriteFile(filepath.Join(s.player.dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.player.env = append(s.player.env, "VAULT_CACERT=ca.pem", "HTTPS_PROXY=http://127.0.0.1:1", "BAO_FORMAT=json")
	init := []string{"init", "-id", "mutual", "-recovery-shares=3", "-recovery-threshold=2"}
	s.hold(1, "certificate required", init...)
	s.player.env = append(s.player.env, "VAULT_CLIENT_CERT=cert.pem", "BAO_CLIENT_KEY=key.pem")
	s.player.keeps = true
	said := s.hold(0, "he vault is initialised", init...)
	s.player.env = append(s.player.env, "VAULT_TOKEN="+s.player.token)
	said += s.hold(0, "encryption key is rotated", "rotate", "-id", "turned")
	record := s.record("mutual")
	sum := sha256.Sum256(mine.Certificate[0])
	for _, want := range []string{"client-cert = cert.pem (environment *_CLIENT_CERT)", "client-cert = SHA-256 " + hex.EncodeToString(sum[:]) + " (of the certificate)",
		"client-key = key.pem (environment *_CLIENT_KEY)", `"BAO_CLIENT_KEY=set"`, `"BAO_FORMAT=json"`, `"HTTPS_PROXY=http://127.0.0.1:1"`, `"VAULT_CACERT=ca.pem"`, `"VAULT_CLIENT_CERT=cert.pem"`} {
		if !strings.Contains(record, want) {
			t.Errorf("the record has no %s", want)
		}
	}
	if !strings.Contains(s.record("turned"), `"VAULT_TOKEN=set"`) {
		t.Error("the record does not say that a token was set")
	}
	for line := range strings.Lines(string(key)) {
		if line = strings.TrimSpace(line); strings.Contains(said+record+s.record("turned"), line) {
			t.Errorf("the key's line %q was shown or recorded", line)
		}
	}
}
