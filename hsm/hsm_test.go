//go:build cgo

package hsm_test

import (
	"os"
	"testing"
	"time"

	"conclave/hsm"
	"conclave/hsm/secret"
	"conclave/hsm/softhsm"
	"conclave/hsm/softhsm/need"
	"conclave/hsm/softhsm/shim"
	"conclave/hsm/worker"
)

func TestMain(m *testing.M) {
	worker.Child()
	stepAside()
	code := m.Run()
	shim.Remove()
	os.Exit(code)
}

const testPIN = "usr-1234" // openCryptoki takes 8 characters at most

func pin(s string) secret.Bytes { return secret.Take([]byte(s)) }

// newStore makes a SoftHSM token called "ceremony".
func newStore(t *testing.T) *softhsm.Store {
	t.Helper()
	need.Tool(t, "softhsm")
	p := pin(testPIN)
	defer p.Wipe()
	s, err := softhsm.Create(t.Context(), t.TempDir(), "ceremony", p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// open opens a token that is closed with the test.
func open(t *testing.T, cfg hsm.Config) *hsm.Token {
	t.Helper()
	token, err := hsm.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = token.Close() })
	return token
}

func login(t *testing.T, token *hsm.Token) {
	t.Helper()
	p := pin(testPIN)
	defer p.Wipe()
	if err := token.Login(t.Context(), p); err != nil {
		t.Fatal(err)
	}
}

// ready is a token with its key made.
func ready(t *testing.T) (*hsm.Token, hsm.Config) {
	t.Helper()
	cfg := newStore(t).Config("vault", "01")
	token := open(t, cfg)
	login(t, token)
	if _, err := token.GenerateKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	return token, cfg
}

const limit = 10 * time.Second

// load starts a worker with a library, for what hsm does not do.
func load(t *testing.T, cfg hsm.Config) *worker.Client {
	t.Helper()
	w, err := worker.Start(cfg.Env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	if _, err := w.Load(t.Context(), limit, cfg.Lib); err != nil {
		t.Fatal(err)
	}
	return w
}

// eventually waits for something that another process does.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for stop := time.Now().Add(limit); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(stop) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func TestGenerateWrapUnwrap(t *testing.T) {
	token, _ := ready(t)
	k, err := token.FindKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if k.Ref != "vault:01" || k.Type != "AES-256" || k.Mechanism != "CKM_AES_GCM" || k.Attributes["CKA_EXTRACTABLE"] != "false" {
		t.Errorf("found %+v", k)
	}
	want := secret.Random(48)
	defer want.Wipe()
	blob, err := token.Wrap(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := token.Unwrap(t.Context(), blob)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Wipe()
	if !got.Equal(want) {
		t.Error("unwrapped other bytes")
	}
	lines, err := token.SelfTest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		t.Log(l.Text, l.Took)
	}
	if len(lines) != 5 {
		t.Errorf("%d lines", len(lines))
	}
}
