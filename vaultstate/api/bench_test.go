package api_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"conclave/hsm/secret"
	"conclave/hsm/worker"
	"conclave/vaultstate"
	"conclave/vaultstate/api"
	"conclave/vaultstate/local"
	"conclave/vaultstate/pgp"
	"conclave/vaultstate/vaulttest"
)

func TestMain(m *testing.M) {
	worker.Child()
	os.Exit(m.Run())
}

const root = "/vault"

var everything = []vaultstate.Kind{vaultstate.Init, vaultstate.Rekey, vaultstate.RecoveryRekey, vaultstate.Rotate, vaultstate.GenerateRoot}

// bench is a session in front of a vault in memory.
type bench struct {
	*testing.T
	*api.Server
	vault  *local.Vault
	disk   *vaulttest.Disk
	seal   *vaulttest.Seal
	record *record
	shares []string // those that count, base64
	token  string
}

// record is a record in memory.
type record struct {
	mu     sync.Mutex
	events []event
	files  map[string][]byte
	err    error
}

type event struct {
	kind  string
	facts map[string]any
}

func (r *record) Note(kind string, facts map[string]any) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return r.err
	}
	r.events = append(r.events, event{kind, facts})
	return nil
}

func (r *record) Keep(name string, data []byte) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return "", r.err
	}
	if r.files == nil {
		r.files = map[string][]byte{}
	}
	if _, there := r.files[name]; there {
		return "", errors.New("there is such a file")
	}
	r.files[name] = bytes.Clone(data)
	r.events = append(r.events, event{"file", map[string]any{"name": name}})
	return "sum of " + name, nil
}

func (r *record) find(kind string) (found []event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e.kind == kind {
			found = append(found, e)
		}
	}
	return found
}

func newBench(t *testing.T, change ...func(*api.Options)) *bench {
	t.Helper()
	b := &bench{T: t, disk: vaulttest.NewDisk(), seal: vaulttest.NewSeal(), record: &record{}}
	b.disk.MkdirAll(root)
	var err error
	b.vault, err = local.Open(local.Options{Storage: root, Seal: b.seal, Practice: true, FS: b.disk})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.vault.Close() })
	o := api.Options{Vault: b.vault, Record: b.record, ID: "serve", Allow: everything, Plain: true, Version: "conclave"}
	for _, c := range change {
		c(&o)
	}
	if b.Server, err = api.New(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	return b
}

// initialised has a vault with three shares, two of which are needed.
func initialised(t *testing.T, change ...func(*api.Options)) *bench {
	t.Helper()
	b := newBench(t, change...)
	a := b.must(http.MethodPut, "sys/init", map[string]any{"recovery_shares": 3, "recovery_threshold": 2})
	b.shares, b.token = texts(a["recovery_keys_base64"]), a["root_token"].(string)
	return b
}

func texts(list any) (out []string) {
	for _, x := range list.([]any) {
		out = append(out, x.(string))
	}
	return out
}

// raw sends a request to the handler.
func (b *bench) raw(method, path, body string, header ...string) *httptest.ResponseRecorder {
	b.Helper()
	r := httptest.NewRequestWithContext(b.Context(), method, "/v1/"+path, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	return w
}

// ask sends JSON; the answer is its status, its object and its errors.
func (b *bench) ask(method, path string, body any, header ...string) (int, map[string]any, []string) {
	b.Helper()
	text := ""
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			b.Fatal(err)
		}
		text = string(raw)
	}
	return read(b, b.raw(method, path, text, header...).Result())
}

func read(t testing.TB, resp *http.Response) (int, map[string]any, []string) {
	t.Helper()
	defer func() { _ = resp.Body.Close() }()
	a := map[string]any{}
	if resp.StatusCode != http.StatusNoContent && resp.ContentLength != 0 {
		if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
			t.Fatalf("an answer that is no JSON (%d): %v", resp.StatusCode, err)
		}
	}
	var says []string
	if list, ok := a["errors"].([]any); ok {
		says = []string{}
		for _, e := range list {
			says = append(says, fmt.Sprint(e))
		}
	}
	return resp.StatusCode, a, says
}

func (b *bench) must(method, path string, body any, header ...string) map[string]any {
	b.Helper()
	code, a, says := b.ask(method, path, body, header...)
	if code != http.StatusOK && code != http.StatusNoContent {
		b.Fatalf("%s %s: %d %q", method, path, code, says)
	}
	return a
}

// refuses fails unless the answer is a refusal with this status and first message.
func (b *bench) refuses(status int, message, method, path string, body any, header ...string) {
	b.Helper()
	code, _, says := b.ask(method, path, body, header...)
	if code != status || says == nil || message != "" && !slices.Contains(says, message) {
		b.Errorf("%s %s %v: %d %q, want %d %q", method, path, body, code, says, status, message)
	}
}

// state is everything that the storage holds.
func (b *bench) state() string { return vaulttest.Digest(b, b.disk, root) }

// holders are n PGP keys, private and as the API takes them.
func holders(t *testing.T, n int) (private []*pgp.Private, texts []string) {
	t.Helper()
	for i := range n {
		p, k, err := pgp.GenerateKey(fmt.Sprintf("Holder %d", i+1), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		private, texts = append(private, p), append(texts, base64.StdEncoding.EncodeToString(k.Binary))
	}
	return private, texts
}

// share is a share of the vault, as bytes.
func raw(t *testing.T, text string) secret.Bytes {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return secret.Take(b)
}

// shutSession is another session on the same vault that allows nothing.
func shutSession(t *testing.T, b *bench) (*api.Server, error) {
	t.Helper()
	return api.New(t.Context(), api.Options{Vault: b.vault, Record: b.record, ID: "shut"})
}

func session(t *testing.T, v api.Vault, r api.Record) *api.Server {
	t.Helper()
	s, err := api.New(t.Context(), api.Options{Vault: v, Record: r, ID: "again", Allow: everything, Plain: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
