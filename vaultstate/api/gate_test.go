package api_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"conclave/hsm/secret"
	"conclave/hsm/softhsm/need"
	"conclave/vaultstate/api"
)

// TestBrowser: whatever a browser adds by itself shuts a request out, on every
// path and with all else right, and nothing is answered: no body, no CORS.
func TestBrowser(t *testing.T) {
	token := secret.Take([]byte("the-session"))
	for where, host := range map[string]string{"socket": "", "loopback": "127.0.0.1:8200"} {
		b := newBench(t, func(o *api.Options) { o.Host, o.Token = host, token })
		before := b.state()
		for _, header := range []string{"Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-WebSocket-Key", "Referer", "Cookie"} {
			for _, path := range []string{"sys/seal-status", "sys/init", "sys/unknown"} {
				w := b.raw(http.MethodPost, path, `{"recovery_shares":1,"recovery_threshold":1}`, header, "http://127.0.0.1:8200", "X-Conclave-Token", "the-session", "X-Vault-Request", "true")
				if w.Code != http.StatusForbidden || w.Body.Len() > 0 || w.Header().Get("Access-Control-Allow-Origin") != "" {
					t.Errorf("%s, %s, %s: %d %q %v", where, header, path, w.Code, w.Body, w.Header())
				}
			}
		}
		if w := b.raw(http.MethodOptions, "sys/init", "", "X-Conclave-Token", "the-session"); w.Code != http.StatusForbidden || w.Body.Len() > 0 {
			t.Errorf("%s, OPTIONS: %d %q", where, w.Code, w.Body)
		}
		if b.state() != before {
			t.Errorf("%s: something was changed", where)
		}
		if refused := b.record.find("api-refused"); len(refused) != 19 || len(b.record.find("api-call")) > 0 {
			t.Errorf("%s: %d refused in the record, want 19", where, len(refused))
		}
	}
}

// TestNoToken: over loopback, nothing is answered without the session's token,
// under another host, or without the header that no page can send.
func TestNoToken(t *testing.T) {
	token := secret.Take([]byte("the-session"))
	b := newBench(t, func(o *api.Options) { o.Host, o.Token = "example.com", token }) // httptest's host
	ok := []string{"X-Conclave-Token", "the-session", "X-Vault-Request", "true"}
	if w := b.raw(http.MethodGet, "sys/seal-status", "", ok...); w.Code != http.StatusOK {
		t.Fatalf("with all: %d %s", w.Code, w.Body)
	}
	if w := b.raw(http.MethodGet, "sys/seal-status", "", "X-Vault-Token", "the-session", "X-Vault-Request", "true"); w.Code != http.StatusOK {
		t.Errorf("with the token as the command line sends it: %d %s", w.Code, w.Body)
	}
	for name, header := range map[string][]string{
		"none":       {"X-Vault-Request", "true"},
		"empty":      {"X-Vault-Token", "", "X-Vault-Request", "true"},
		"another":    {"X-Conclave-Token", "the-sessioN", "X-Vault-Request", "true"},
		"a part":     {"X-Conclave-Token", "the-sessio", "X-Vault-Request", "true"},
		"no request": {"X-Conclave-Token", "the-session"},
	} {
		for path := range map[string]bool{"sys/seal-status": true, "sys/init": true, "sys/unknown": true} {
			w := b.raw(http.MethodGet, path, "", header...)
			if w.Code != http.StatusForbidden || strings.Contains(w.Body.String(), "initialized") {
				t.Errorf("%s, %s: %d %s", name, path, w.Code, w.Body)
			}
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://evil.example/v1/sys/seal-status", nil)
	r.Header.Set("X-Conclave-Token", "the-session")
	r.Header.Set("X-Vault-Request", "true")
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	if w.Code != http.StatusForbidden || w.Body.Len() > 0 {
		t.Errorf("another host: %d %s", w.Code, w.Body)
	}

	// A session that has a host and, by a mistake, no token lets nobody in.
	none := newBench(t, func(o *api.Options) { o.Host = "example.com" })
	if w := none.raw(http.MethodGet, "sys/seal-status", "", "X-Conclave-Token", "", "X-Vault-Request", "true"); w.Code != http.StatusForbidden {
		t.Errorf("a session without a token: %d", w.Code)
	}
}

// serve answers at a unix socket.
func (b *bench) serve(dir string) (socket string) {
	b.Helper()
	return b.serveThrough(dir, func(h http.Handler) http.Handler { return h })
}

// serveThrough is serve with something between the socket and the session.
func (b *bench) serveThrough(dir string, through func(http.Handler) http.Handler) (socket string) {
	b.Helper()
	socket = filepath.Join(dir, "api.sock")
	l, err := api.Listen(socket, b.Refused)
	if err != nil {
		b.Fatal(err)
	}
	h := b.HTTP()
	h.Handler = through(h.Handler)
	ended := make(chan struct{})
	go func() {
		_ = h.Serve(l) // closed below
		close(ended)
	}()
	b.Cleanup(func() {
		_ = h.Close()
		<-ended
	})
	return socket
}

// short is a directory whose name leaves room for a socket's.
func short(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "c") //nolint:usetesting // its path would be too long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func client(socket string) *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
}

// TestSocket: its directory must be this user's alone; who calls is in the record.
func TestSocket(t *testing.T) {
	dir := short(t)
	if err := os.Chmod(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	if _, err := api.Listen(filepath.Join(dir, "api.sock"), nil); err == nil || !strings.Contains(err.Error(), "chmod 700") {
		t.Errorf("a directory that others can look into: %v", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	socket := b.serve(dir)
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v, %v", info.Mode(), err)
	}
	resp, err := client(socket).Get("http://localhost/v1/sys/seal-status") //nolint:noctx // it is there
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("over the socket: %v, %v", resp, err)
	}
	_ = resp.Body.Close()
	calls := b.record.find("api-call")
	if who := calls[0].facts["caller"].(string); !strings.HasPrefix(who, "user id ") || calls[0].facts["person"] != "nobody was identified" {
		t.Errorf("the caller in the record: %v", calls[0].facts)
	}
}

// TestOtherUser: a process of another user that reaches the socket all the same is
// hung up on without a byte. It is this test, run anew as the user 65534.
func TestOtherUser(t *testing.T) {
	if socket := os.Getenv("CONCLAVE_TEST_SOCKET"); socket != "" {
		c, err := new(net.Dialer).DialContext(t.Context(), "unix", socket)
		if err != nil {
			t.Fatalf("NOT REACHED: %v", err)
		}
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.WriteString(c, "GET /v1/sys/seal-status HTTP/1.1\r\nHost: localhost\r\n\r\n") // it may be closed already
		got, _ := io.ReadAll(c)
		if len(got) > 0 {
			t.Fatalf("ANSWERED: %s", got)
		}
		return
	}
	need.Tool(t, "root")
	b := newBench(t)
	dir := short(t)
	socket := b.serve(dir)
	// As if somebody had opened both to everybody afterwards.
	for _, p := range []string{dir, socket} {
		if err := os.Chmod(p, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	exe := filepath.Join(dir, "test")
	own, err := os.ReadFile(os.Args[0])
	if err == nil {
		err = os.WriteFile(exe, own, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestOtherUser$")
	cmd.Dir = dir
	cmd.Env = []string{"CONCLAVE_TEST_SOCKET=" + socket}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("PASS")) {
		t.Errorf("as another user: %v\n%s", err, out)
	}
	refused := b.record.find("api-refused")
	if len(refused) != 1 || !strings.Contains(refused[0].facts["caller"].(string), "user id 65534") || len(b.record.find("api-call")) > 0 {
		t.Errorf("in the record: %+v", b.record.events)
	}
}

// TestLoopbackOnly: no other address is listened on.
func TestLoopbackOnly(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":8200", "localhost:8200", "192.0.2.1:80", "127.0.0.1", "[::]:0", ""} {
		if l, err := api.ListenLoopback(t.Context(), address); err == nil {
			_ = l.Close()
			t.Errorf("%q is listened on", address)
		}
	}
	l, err := api.ListenLoopback(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
}

// TestManyRefused: whoever cannot get in cannot fill the disk either.
func TestManyRefused(t *testing.T) {
	b := newBench(t)
	for range 300 {
		b.raw(http.MethodGet, "sys/init", "", "Origin", "null")
	}
	if n := len(b.record.find("api-refused")); n != 100 {
		t.Errorf("%d in the record", n)
	}
	if _, _, refused := b.Counts(); refused != 300 {
		t.Errorf("%d counted", refused)
	}
}
