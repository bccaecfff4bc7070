package server_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/pgp"
	"conclave/vaultstate/server"
	"conclave/vaultstate/share"
)

// dialect is which endpoints a server has, and what they want.
type dialect struct {
	name      string
	shamir    bool // unseal keys instead of recovery keys
	old       bool // rekey, rekey-recovery-key, generate-root
	oldToken  bool // they want a token
	rotate    bool // rotate/root, rotate/recovery, with a token
	rootToken bool // generate-root-token, with a token
	zero      bool // an init without recovery keys
	sticky    bool // a wrong quorum is not forgotten (OpenBao 2.5, rotate)
}

var dialects = []dialect{
	{name: "old, open", old: true},
	{name: "old, token", old: true, oldToken: true},
	{name: "rotate", rotate: true, zero: true, sticky: true},
	{name: "rotate, new root", rotate: true, rootToken: true, zero: true},
	{name: "all", old: true, rotate: true, rootToken: true, zero: true},
	{name: "shamir", shamir: true, old: true},
}

// fake is a server's state machine, as far as the recordings show it.
type fake struct {
	t *testing.T
	d dialect
	*httptest.Server

	mu           sync.Mutex
	initialized  bool
	sealed       bool
	standby      bool
	n, threshold int
	key          []byte
	ops          map[string]*fakeOp // "rekey", "recovery", "root"
	tokens       map[string]string  // accessor by token
	root         string
	term         int
	unseal       [][]byte
	unsealNonce  string
	newer        bool // the request is to rotate
	swap         bool // the shares are made for the holders in another order
	keep         bool // tokens survive their revocation
	otps         []string
	echo         bool                           // a refusal repeats the key that it was given
	shares       int                            // requests with a share, so far
	after        func(shares int)               // called with mu held after a share's request was handled
	before       func(path string)              // called with mu held before any request
	drop         func(method, path string) bool // the request is handled and its answer lost
	refuseInit   bool                           // answers 500 although it initialised
}

type fakeOp struct {
	nonce, verifyNonce string
	n, t               int
	pgp                []string // binary
	verification       bool
	backup             bool
	given, verified    [][]byte
	key                []byte
	otp                string
}

func newFake(t *testing.T, d dialect) *fake {
	f := &fake{t: t, d: d, ops: map[string]*fakeOp{}, tokens: map[string]string{}, sealed: true, term: 1}
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(f.serve))
	f.Config.ErrorLog = discard
	f.Start()
	t.Cleanup(f.Close)
	return f
}

func (f *fake) open(token string) *server.Vault {
	f.t.Helper()
	v, err := server.Open(f.t.Context(), server.Config{Address: f.URL, Token: secret.Take([]byte(token)), Timeout: 10 * time.Second})
	if err != nil {
		f.t.Fatal(err)
	}
	return v
}

func id() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

type m = map[string]any

type reply struct {
	code int
	body any
}

func refuse(code int, format string, a ...any) reply {
	return reply{code, m{"errors": []string{fmt.Sprintf(format, a...)}}}
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/v1/")
	if f.before != nil {
		f.before(path)
	}
	in := m{}
	if r.Method != http.MethodGet {
		_ = json.NewDecoder(r.Body).Decode(&in)
	}
	_, isShare := in["key"]
	out := f.handle(r, path, in)
	if isShare {
		f.shares++
		if f.after != nil {
			f.after(f.shares)
		}
	}
	if f.drop != nil && f.drop(r.Method, path) {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(out.code)
	if out.body != nil {
		_ = json.NewEncoder(w).Encode(out.body)
	}
}

func (f *fake) handle(r *http.Request, path string, in m) reply {
	_, known := f.tokens[r.Header.Get("X-Vault-Token")]
	sys, isSys := strings.CutPrefix(path, "sys/")
	switch {
	case path == "sys/init" && r.Method == http.MethodGet:
		return reply{200, m{"initialized": f.initialized}}
	case path == "sys/init":
		return f.init(in)
	case path == "sys/seal-status":
		return reply{200, f.status()}
	case path == "sys/unseal":
		return f.unsealWith(in)
	case path == "sys/leader":
		return reply{200, m{"ha_enabled": true, "is_self": !f.standby, "leader_address": "https://active.example:8200"}}
	case path == "sys/health":
		code := 200
		switch {
		case !f.initialized:
			code = 501
		case f.sealed:
			code = 503
		case f.standby:
			code = 429
		}
		return reply{code, m{}}
	case f.sealed:
		return refuse(503, "Vault is sealed")
	case path == "auth/token/lookup-self" && known:
		return reply{200, m{"data": m{"accessor": f.tokens[r.Header.Get("X-Vault-Token")], "policies": []string{"root"}}}}
	case path == "auth/token/revoke-self" && known:
		if !f.keep {
			delete(f.tokens, r.Header.Get("X-Vault-Token"))
		}
		return reply{204, nil}
	case !isSys:
		return refuse(403, "permission denied")
	case sys == "key-status" && known:
		return reply{200, m{"data": m{"term": f.term, "install_time": "2026-11-23T07:59:35.741067081Z"}}}
	case sys == "rotate" && known:
		f.term++
		return reply{204, nil}
	}
	for prefix, kind := range map[string]string{"rekey/": "rekey", "rekey-recovery-key/": "recovery", "generate-root/": "root"} {
		if at, ok := strings.CutPrefix(sys, prefix); ok {
			switch {
			case !f.d.old && kind == "recovery":
				return refuse(404, "unsupported path")
			case !f.d.old:
				return refuse(405, "unsupported operation")
			case f.d.oldToken && !known:
				return refuse(403, "permission denied")
			}
			return f.operate(kind, r.Method, at, in)
		}
	}
	if !known {
		return refuse(403, "permission denied")
	}
	for prefix, kind := range map[string]string{"rotate/root/": "rekey", "rotate/recovery/": "recovery", "generate-root-token/": "root"} {
		if at, ok := strings.CutPrefix(sys, prefix); ok && (kind == "root" && f.d.rootToken || kind != "root" && f.d.rotate) {
			f.newer = true
			out := f.operate(kind, r.Method, at, in)
			f.newer = false
			if body, ok := out.body.(m); ok && body["errors"] == nil {
				out.body = m{"request_id": id(), "data": body}
			}
			return out
		}
	}
	return refuse(404, "1 error occurred:\n\t* unsupported path\n\n")
}

func (f *fake) status() m {
	return m{"type": "fake", "initialized": f.initialized, "sealed": f.sealed, "t": f.threshold, "n": f.n, "progress": len(f.unseal),
		"nonce": f.unsealNonce, "recovery_seal": !f.d.shamir, "cluster_id": "fake"}
}

func number(in m, name string) int {
	v, _ := in[name].(float64)
	return int(v)
}

func texts(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, x := range list {
		b, err := base64.StdEncoding.DecodeString(fmt.Sprint(x))
		if err != nil {
			return nil
		}
		out = append(out, string(b))
	}
	return out
}

func (f *fake) init(in m) reply {
	prefix, pgpName := "recovery_", "recovery_pgp_keys"
	if f.d.shamir {
		prefix, pgpName = "secret_", "pgp_keys"
	}
	n, threshold, keys := number(in, prefix+"shares"), number(in, prefix+"threshold"), texts(in[pgpName])
	for name := range in {
		if !strings.HasPrefix(name, prefix) && name != pgpName && name != "root_token_pgp_key" {
			return refuse(400, "parameters %s not applicable to seal type fake", name)
		}
	}
	switch {
	case f.initialized:
		return refuse(400, "Vault is already initialized")
	case n == 0 && !f.d.zero:
		return refuse(400, "recovery configuration must specify a positive number of shares")
	}
	f.initialized, f.sealed, f.n, f.threshold = true, f.d.shamir, n, threshold
	f.root = "s." + id() + id()[:8]
	f.tokens[f.root] = id()
	out := m{"keys": []string{}, "root_token": f.root}
	if k, ok := in["root_token_pgp_key"].(string); ok {
		bin, _ := base64.StdEncoding.DecodeString(k)
		out["root_token"] = base64.StdEncoding.EncodeToString(f.encrypt(string(bin), []byte(f.root)))
	}
	if n > 0 {
		var made []string
		f.key, made = f.makeShares(n, threshold, keys)
		name := "recovery_keys"
		if f.d.shamir {
			name = "keys"
		}
		out[name] = made
	}
	if f.refuseInit {
		return refuse(500, "failed to unseal")
	}
	return reply{200, out}
}

func (f *fake) encrypt(key string, text []byte) []byte {
	k, err := pgp.Read("test", []byte(key))
	if err != nil {
		f.t.Error(err)
		return nil
	}
	message, err := k.Encrypt(secret.Take(append([]byte(nil), text...)))
	if err != nil {
		f.t.Error(err)
	}
	return message
}

func (f *fake) makeShares(n, threshold int, keys []string) (key []byte, made []string) {
	k := secret.Random(32)
	parts, err := share.Split(k, n, threshold)
	if err != nil {
		f.t.Error(err)
	}
	for i, p := range parts {
		text := hex.EncodeToString(p.Expose())
		if keys != nil {
			text = hex.EncodeToString(f.encrypt(keys[i], []byte(text)))
		}
		made = append(made, text)
	}
	return append([]byte(nil), k.Expose()...), made
}

// fits tells whether shares make a key.
func fits(shares [][]byte, key []byte) bool {
	if len(shares) == 1 {
		return string(shares[0]) == string(key)
	}
	var list []secret.Bytes
	for _, s := range shares {
		list = append(list, secret.Take(append([]byte(nil), s...)))
	}
	got, err := share.Combine(list)
	return err == nil && string(got.Expose()) == string(key)
}

func (f *fake) pending(kind string) m {
	op := f.ops[kind]
	required := f.threshold
	if op == nil {
		return m{"nonce": "", "started": false, "t": 0, "n": 0, "progress": 0, "required": required, "pgp_fingerprints": nil, "backup": false,
			"verification_required": false, "complete": false, "encoded_token": "", "pgp_fingerprint": "", "otp": "", "otp_length": 26}
	}
	var prints []string
	for _, k := range op.pgp {
		if k, err := pgp.Read("test", []byte(k)); err == nil {
			prints = append(prints, k.Fingerprint)
		}
	}
	out := m{"nonce": op.nonce, "started": true, "t": op.t, "n": op.n, "progress": len(op.given), "required": required, "pgp_fingerprints": prints,
		"backup": op.backup, "verification_required": op.verification, "verification_nonce": op.verifyNonce, "complete": false, "otp_length": 26, "pgp_fingerprint": ""}
	if kind == "root" && len(prints) == 1 {
		out["pgp_fingerprint"] = prints[0]
	}
	return out
}

func (f *fake) operate(kind, method, at string, in m) reply {
	if kind == "recovery" && f.d.shamir {
		return refuse(400, "recovery rekeying not supported")
	}
	op := f.ops[kind]
	switch {
	case f.standby:
		return refuse(503, "node is not active")
	case method == http.MethodGet && (at == "init" || at == "attempt"):
		return reply{200, f.pending(kind)}
	case method == http.MethodDelete && (at == "init" || at == "attempt"):
		if op != nil && f.d.oldToken && in["nonce"] != op.nonce {
			return refuse(400, "invalid request")
		}
		delete(f.ops, kind)
		return reply{204, nil}
	case at == "init" || at == "attempt":
		return f.begin(kind, in)
	case op == nil && at == "verify":
		return refuse(400, "no rekey configuration found")
	case op == nil:
		return refuse(400, "no recovery rekey in progress")
	case at == "update":
		return f.update(kind, op, in)
	case at == "verify" && op.verifyNonce == "":
		return refuse(400, "no rekey verification in progress")
	case at == "verify" && method == http.MethodGet:
		return reply{200, m{"nonce": op.verifyNonce, "started": true, "t": op.t, "n": op.n, "progress": len(op.verified)}}
	case at == "verify" && method == http.MethodDelete:
		op.verified, op.verifyNonce = nil, id()
		return reply{204, nil}
	case at == "verify":
		return f.verify(kind, op, in)
	}
	return refuse(404, "unsupported path")
}

func (f *fake) begin(kind string, in m) reply {
	if f.ops[kind] != nil {
		return refuse(400, "rekey already in progress")
	}
	op := &fakeOp{nonce: id(), n: number(in, "secret_shares"), t: number(in, "secret_threshold"), pgp: texts(in["pgp_keys"])}
	op.verification, _ = in["require_verification"].(bool)
	op.otp, _ = in["otp"].(string)
	f.otps = append(f.otps, op.otp)
	if k, ok := in["pgp_key"].(string); ok {
		op.pgp = texts([]any{k})
	}
	if kind == "root" && op.pgp == nil && len(op.otp) != 26 {
		return refuse(400, "OTP string is wrong length")
	}
	f.ops[kind] = op
	if f.threshold == 0 && kind == "recovery" && f.newer {
		out := f.finish(kind, op).body.(m)
		delete(out, "nonce")
		return reply{200, out}
	}
	return reply{200, f.pending(kind)}
}

func (f *fake) update(kind string, op *fakeOp, in m) reply {
	key, err := base64.StdEncoding.DecodeString(fmt.Sprint(in["key"]))
	switch {
	case err != nil:
		return refuse(400, "'key' must be a valid hex or base64 string")
	case in["nonce"] != op.nonce:
		return refuse(400, "incorrect nonce supplied; nonce for this rekey operation is %q", op.nonce)
	case op.verifyNonce != "":
		return refuse(400, "rekey operation already finished; verification must be performed; nonce for the verification operation is %q", op.verifyNonce)
	}
	for _, g := range op.given {
		if string(g) == string(key) {
			return refuse(400, "given key has already been provided during this rekey operation")
		}
	}
	if op.given = append(op.given, key); len(op.given) < f.threshold {
		return reply{200, f.pending(kind)}
	}
	if !fits(op.given, f.key) {
		if !f.d.sticky {
			op.given = nil
		}
		if f.echo {
			return refuse(400, "the key %v does not match submitted values", in["key"])
		}
		return refuse(400, "recovery key verification failed: recovery key does not match submitted values")
	}
	return f.finish(kind, op)
}

func (f *fake) finish(kind string, op *fakeOp) reply {
	out := m{"nonce": op.nonce, "complete": true, "backup": false, "verification_required": op.verification}
	if kind == "root" {
		delete(f.ops, kind)
		token := "s." + id() + id()[:8]
		f.tokens[token] = id()
		if op.pgp != nil {
			out["encoded_token"] = base64.StdEncoding.EncodeToString(f.encrypt(op.pgp[0], []byte(token)))
			return reply{200, out}
		}
		b := []byte(token)
		for i := range b {
			b[i] ^= op.otp[i]
		}
		out["encoded_token"] = base64.RawStdEncoding.EncodeToString(b)
		return reply{200, out}
	}
	if kind == "rekey" && !f.d.shamir {
		delete(f.ops, kind)
		out["keys"] = []string{hex.EncodeToString([]byte("junk"))}
		return reply{200, out}
	}
	if prints, ok := f.pending(kind)["pgp_fingerprints"].([]string); ok {
		out["pgp_fingerprints"] = prints
		if f.swap {
			slices.Reverse(prints)
		}
	}
	var made []string
	op.key, made = f.makeShares(op.n, op.t, op.pgp)
	out["keys"] = made
	if op.verification {
		op.verifyNonce, op.given = id(), nil
		out["verification_nonce"] = op.verifyNonce
		return reply{200, out}
	}
	f.count(kind, op)
	return reply{200, out}
}

// count has new shares count.
func (f *fake) count(kind string, op *fakeOp) {
	f.key, f.n, f.threshold = op.key, op.n, op.t
	delete(f.ops, kind)
}

func (f *fake) verify(kind string, op *fakeOp, in m) reply {
	key, _ := base64.StdEncoding.DecodeString(fmt.Sprint(in["key"]))
	if in["nonce"] != op.verifyNonce {
		return refuse(400, "incorrect nonce supplied; nonce for this verify operation is %q", op.verifyNonce)
	}
	if op.verified = append(op.verified, key); len(op.verified) < op.t {
		return reply{200, m{"nonce": op.verifyNonce, "started": true, "t": op.t, "n": op.n, "progress": len(op.verified)}}
	}
	if !fits(op.verified, op.key) {
		op.verified, op.verifyNonce = nil, id()
		return refuse(400, "rekey verification failed; incorrect key shares supplied")
	}
	f.count(kind, op)
	return reply{200, m{"nonce": op.verifyNonce, "complete": true}}
}

func (f *fake) unsealWith(in m) reply {
	if in["reset"] == true {
		f.unseal, f.unsealNonce = nil, ""
		return reply{200, f.status()}
	}
	key, _ := base64.StdEncoding.DecodeString(fmt.Sprint(in["key"]))
	if f.unsealNonce == "" {
		f.unsealNonce = id()
	}
	if f.unseal = append(f.unseal, key); len(f.unseal) < f.threshold {
		return reply{200, f.status()}
	}
	good := fits(f.unseal, f.key)
	f.unseal, f.unsealNonce = nil, ""
	if !good {
		return refuse(400, "invalid key: failed to verify recovery key: recovery key does not match submitted values")
	}
	f.sealed = false
	return reply{200, f.status()}
}

// stranger cancels a pending operation and begins it anew for other PGP keys,
// with the same numbers.
func (f *fake) stranger(kind string, key pgp.Key) {
	old := f.ops[kind]
	if old == nil {
		f.t.Errorf("the stranger finds no %s", kind)
		return
	}
	n := *old
	n.nonce, n.given, n.pgp = id(), make([][]byte, len(old.given)), nil
	for i := range n.given { // as many shares as before, to look alike
		n.given[i] = []byte(id())
	}
	for range max(n.n, 1) {
		n.pgp = append(n.pgp, string(key.Binary))
	}
	if n.verifyNonce != "" {
		n.verifyNonce = id()
	}
	f.ops[kind] = &n
}

var kinds = map[vaultstate.Kind]string{vaultstate.Rekey: "rekey", vaultstate.RecoveryRekey: "recovery", vaultstate.GenerateRoot: "root"}
