//go:build cgo

package local_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"conclave/hsm"
	"conclave/hsm/secret"
	"conclave/hsm/softhsm"
	"conclave/hsm/softhsm/need"
	"conclave/vaultstate"
	"conclave/vaultstate/local"
	"conclave/vaultstate/vaulttest/reader"
)

// real is a vault that a real OpenBao 2.5.5 made, in a directory of its own,
// with its SoftHSM token.
type real struct {
	*local.Vault
	dir   string
	store *softhsm.Store
	token *hsm.Token
	key   reader.Key
	known known
	held  []secret.Bytes
}

// known is what was written down when the fixture was made.
type known struct {
	Threshold int               `json:"recovery_threshold"`
	Shares    [][]byte          `json:"recovery_keys_base64"`
	PIN       string            `json:"pin"`
	KeyLabel  string            `json:"key_label"`
	KeyID     string            `json:"key_id"`
	Secrets   map[string]string `json:"secrets"`
	Active    uint32            `json:"active_term"`
	RootToken []byte            `json:"root_token_base64"`
}

func fixture(t *testing.T, name string, flavour local.Flavour) *real {
	t.Helper()
	need.Tool(t, "softhsm")
	r := &real{dir: filepath.Join(t.TempDir(), "storage")}
	copyFrom := func(to, from string) {
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	copyFrom(r.dir, filepath.Join("../barrier/testdata", name, "storage"))
	home := t.TempDir()
	copyFrom(filepath.Join(home, "tokens"), filepath.Join("../../hsm/testdata/fixtures", name, "tokens"))
	b, err := fs.ReadFile(os.DirFS("../barrier/testdata"), name+"/known.json")
	if err == nil {
		err = json.Unmarshal(b, &r.known)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range r.known.Shares {
		r.held = append(r.held, secret.Take(bytes.Clone(s)))
	}
	if r.store, err = softhsm.Open(t.Context(), home, "ceremony"); err != nil {
		t.Fatal(err)
	}
	cfg := r.store.Config(r.known.KeyLabel, r.known.KeyID)
	if name == "rsa" {
		cfg.OAEPHash, cfg.Mechanism = "sha1", hsm.RSAOAEP
	}
	r.open(t, cfg, flavour)
	r.key.RSA = name == "rsa"
	return r
}

// open opens the token and the vault.
func (r *real) open(t *testing.T, cfg hsm.Config, flavour local.Flavour) {
	t.Helper()
	pin := secret.Take([]byte(r.known.PIN))
	defer pin.Wipe()
	var err error
	if r.token, err = hsm.Open(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.token.Close() })
	if err := r.token.Login(t.Context(), pin); err != nil {
		t.Fatal(err)
	}
	r.Vault, err = local.Open(local.Options{Storage: r.dir, Seal: r.token, Flavour: flavour, Practice: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	r.key = reader.Key{Lib: cfg.Lib, Conf: r.store.Conf(), TokenLabel: cfg.TokenLabel, PIN: r.known.PIN, Label: cfg.KeyLabel}
}

// run plays an operation to its end and keeps the new shares.
func (r *real) run(t *testing.T, op vaultstate.Operation) (vaultstate.Outcome, *vaultstate.Issue) {
	t.Helper()
	b := &bench{Vault: r.Vault, held: r.held}
	out, issue := b.run(t, op)
	r.held = b.held
	for _, c := range out.Checks {
		if !c.OK {
			t.Errorf("%s: %s", op.ID, c.Text)
		}
	}
	return out, issue
}

// read opens the state with the second reader, which knows nothing of ours, and
// looks at everything in it.
func (r *real) read(t *testing.T) *reader.State {
	t.Helper()
	var s *reader.State
	err := reader.SoftHSM(r.key, func(unwrap reader.Unwrap) (err error) {
		s, err = reader.Open(r.dir, unwrap)
		return err
	})
	if err != nil {
		t.Fatalf("the second reader: %v", err)
	}
	if _, err := s.All(); err != nil {
		t.Errorf("the second reader: %v", err)
	}
	for path, want := range r.known.Secrets {
		if got, err := s.Secret(path); err != nil || got["value"] != want {
			t.Errorf("the second reader: %s is %v, %v", path, got, err)
		}
	}
	if !makes(s, r.held) {
		t.Error("the second reader: the shares do not make the recovery key")
	}
	return s
}

// makes tells whether a threshold of shares makes the recovery key. Each share
// takes part in a combination.
func makes(s *reader.State, shares []secret.Bytes) bool {
	n := len(shares)
	if n != s.Shares || n < s.Threshold {
		return false
	}
	for i := range shares {
		var some [][]byte
		for j := range s.Threshold {
			some = append(some, shares[(i+j)%n].Expose())
		}
		if !bytes.Equal(reader.Combine(some), s.Recovery) {
			return false
		}
	}
	return true
}

// TestFixtures opens what OpenBao wrote and rewrites it, one ceremony after the
// other. After each the second reader opens it, too.
func TestFixtures(t *testing.T) {
	for name, recovery := range map[string]vaultstate.Operation{
		"aes": {ID: "recovery", Kind: vaultstate.RecoveryRekey, Shares: 7, Threshold: 4},
		"rsa": {ID: "recovery", Kind: vaultstate.RecoveryRekey, Shares: 5, Threshold: 3},
	} {
		t.Run(name, func(t *testing.T) {
			r := fixture(t, name, local.OpenBao)
			st, checks, err := r.Open(t.Context(), true, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range checks {
				t.Log(c.Text)
				if !c.OK {
					t.Error(c.Text)
				}
			}
			if st.SealKeyID != r.known.KeyLabel+":"+r.known.KeyID || len(st.Terms) != int(r.known.Active) || !makesKey(t, r.held, st) {
				t.Errorf("opened: %+v", st)
			}
			was := r.read(t)
			if err := was.RootToken(r.known.RootToken, accessorOf(t, was, r.known.RootToken)); err != nil {
				t.Errorf("the second reader: OpenBao's own token: %v", err)
			}
			old := r.held
			for _, op := range []vaultstate.Operation{
				{ID: "rekey", Kind: vaultstate.Rekey},
				recovery,
				{ID: "rotate", Kind: vaultstate.Rotate},
				{ID: "token", Kind: vaultstate.GenerateRoot},
				{ID: "rekey-again", Kind: vaultstate.Rekey},
			} {
				_, issue := r.run(t, op)
				is := r.read(t)
				for what, got := range map[string][2]bool{
					"root key":     {!bytes.Equal(is.Root, was.Root), op.Kind == vaultstate.Rekey},
					"recovery key": {!bytes.Equal(is.Recovery, was.Recovery), op.Kind == vaultstate.RecoveryRekey},
					"active term":  {is.Active != was.Active, op.Kind == vaultstate.Rotate},
				} {
					if got[0] != got[1] {
						t.Errorf("%s: the %s changed: %v", op.ID, what, got[0])
					}
				}
				if op.Kind == vaultstate.RecoveryRekey {
					r.refuses(t, old, is)
				}
				if op.Kind == vaultstate.GenerateRoot {
					if err := is.RootToken(issue.Token.Plain.Expose(), issue.Token.Accessor); err != nil {
						t.Errorf("the root token: %v", err)
					}
				}
				was = is
			}
			if _, _, err := r.Open(t.Context(), true, nil); err != nil {
				t.Error(err)
			}
		})
	}
}

// refuses wants the old shares to be worth nothing.
func (r *real) refuses(t *testing.T, old []secret.Bytes, s *reader.State) {
	t.Helper()
	var some [][]byte
	for _, o := range old {
		some = append(some, o.Expose())
	}
	for n := 2; n <= len(some); n++ {
		if bytes.Equal(reader.Combine(some[:n]), s.Recovery) {
			t.Error("old shares make the new recovery key")
		}
	}
	const id = "with-old-shares"
	if _, err := r.Begin(t.Context(), vaultstate.Operation{ID: id, Kind: vaultstate.Rotate}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Submit(t.Context(), id, old); err == nil {
		t.Error("old shares authorise")
	}
	if err := r.Cancel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
}

// accessorOf reads the accessor from a token's entry.
func accessorOf(t *testing.T, s *reader.State, token []byte) string {
	t.Helper()
	a, err := s.Accessor(token)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestInitReal initialises an empty directory with a new token, and the second
// reader opens it.
func TestInitReal(t *testing.T) {
	need.Tool(t, "softhsm")
	r := &real{dir: t.TempDir(), known: known{PIN: "user-1234"}}
	pin := secret.Take([]byte(r.known.PIN))
	defer pin.Wipe()
	var err error
	if r.store, err = softhsm.Create(t.Context(), t.TempDir(), "practice", pin); err != nil {
		t.Fatal(err)
	}
	r.open(t, r.store.Config("vault", "01"), local.OpenBao)
	if _, err := r.token.GenerateKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	out, issue := r.run(t, vaultstate.Operation{ID: "first", Kind: vaultstate.Init, Shares: 5, Threshold: 3, RootToken: true})
	if out.After.SealKeyID != "vault:01" || out.After.Mechanism != "CKM_AES_GCM" {
		t.Errorf("sealed with %q, %s", out.After.SealKeyID, out.After.Mechanism)
	}
	s := r.read(t)
	if err := s.RootToken(issue.Token.Plain.Expose(), issue.Token.Accessor); err != nil {
		t.Errorf("the root token: %v", err)
	}
	if text := string(issue.Token.Plain.Expose()[:2]); len(issue.Token.Plain.Expose()) != 26 || text != "s." {
		t.Error("the root token has not OpenBao's form")
	}
	n, err := s.All()
	if err != nil || n[1] != 4 || len(n) != 1 { // root-key, and the token's three
		t.Errorf("entries by term: %v, %v", n, err)
	}
	if s.Shares != 5 || s.Threshold != 3 || s.Active != 1 || s.Copy != "core/root-key" {
		t.Errorf("the second reader sees %d shares, %d needed, term %d, %s", s.Shares, s.Threshold, s.Active, s.Copy)
	}
	files := 0
	for _, e := range []string{"keyring", "root-key", "seal-config", "hsm/barrier-unseal-keys", "recovery-config", "recovery-key"} {
		if _, err := reader.Value(r.dir, "core/"+e); err != nil {
			t.Error(err)
		}
		files++
	}
	t.Logf("%d entries below core/, 3 of the token", files)
}

// TestFixtureToken: the root token that OpenBao made counts here, too.
func TestFixtureToken(t *testing.T) {
	r := fixture(t, "aes", local.OpenBao)
	token := secret.Take(bytes.Clone(r.known.RootToken))
	if _, err := r.CheckToken(t.Context(), token); err != nil {
		t.Errorf("OpenBao's own token: %v", err)
	}
	token.Expose()[3] ^= 1
	if _, err := r.CheckToken(t.Context(), token); !errors.Is(err, vaultstate.ErrToken) {
		t.Errorf("another: %v", err)
	}
}
