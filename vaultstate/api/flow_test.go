package api_test

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"conclave/hsm"
	"conclave/vaultstate"
	"conclave/vaultstate/api"
)

const zeroNonce = "00000000-0000-0000-0000-000000000000"

// TestInit: the vault is made as asked, its shares and its token count, and a
// second time it is refused.
func TestInit(t *testing.T) {
	b := newBench(t)
	if a := b.must(http.MethodGet, "sys/init", nil); a["initialized"] != false {
		t.Errorf("before: %v", a)
	}
	if code, a, _ := b.ask(http.MethodGet, "sys/health", nil); code != 501 || a["sealed"] != true {
		t.Errorf("health before: %d %v", code, a)
	}
	a := b.must(http.MethodPut, "sys/init", map[string]any{"recovery_shares": 3, "recovery_threshold": 2, "secret_shares": 1, "secret_threshold": 1, "stored_shares": 1})
	if len(texts(a["keys"])) != 0 || len(texts(a["recovery_keys"])) != 3 {
		t.Fatalf("the answer: %v", a)
	}
	for i, h := range texts(a["recovery_keys"]) {
		one := raw(t, texts(a["recovery_keys_base64"])[i])
		if h != hex.EncodeToString(one.Expose()) {
			t.Errorf("share %d differs in hex and base64", i+1)
		}
	}
	b.refuses(400, "Vault is already initialized", http.MethodPost, "sys/init", map[string]any{"recovery_shares": 3, "recovery_threshold": 2})
	st := b.must(http.MethodGet, "sys/seal-status", nil)
	if st["type"] != "pkcs11" || st["sealed"] != false || st["n"] != 3.0 || st["t"] != 2.0 || st["recovery_seal"] != true {
		t.Errorf("after: %v", st)
	}
	token := a["root_token"].(string)
	if k := b.must(http.MethodGet, "sys/key-status", nil, "X-Vault-Token", token); k["term"] != 1.0 || k["data"].(map[string]any)["term"] != 1.0 {
		t.Errorf("key-status: %v", k)
	}
	if calls, changed, refused := b.Counts(); calls != 6 || changed != 1 || refused != 0 {
		t.Errorf("%d calls, %d changes, %d refused", calls, changed, refused)
	}
}

// TestInitToHolders: what goes to PGP keys is in the record before the vault is
// made, and the answer has the same.
func TestInitToHolders(t *testing.T) {
	b := newBench(t, func(o *api.Options) { o.Plain = false })
	private, keys := holders(t, 3)
	b.refuses(400, "", http.MethodPut, "sys/init", map[string]any{"recovery_shares": 3, "recovery_threshold": 2})
	a := b.must(http.MethodPut, "sys/init", map[string]any{"recovery_shares": 3, "recovery_threshold": 2, "recovery_pgp_keys": keys, "root_token_pgp_key": keys[0]})
	var files, outcome int
	for i, e := range b.record.events {
		switch e.kind {
		case "file":
			files++
		case "outcome":
			outcome = i
			if files != 4 {
				t.Errorf("%d files when the vault counted", files)
			}
		}
	}
	if outcome == 0 {
		t.Fatal("no outcome in the record")
	}
	for i, text := range texts(a["recovery_keys_base64"]) {
		message := raw(t, text)
		plain, err := private[i].Decrypt(message.Expose())
		if err != nil || plain.Len() != 66 {
			t.Errorf("share %d: %v", i+1, err)
		}
		file := string(b.record.files["shares/serve-1-"+string(rune('1'+i))+".asc"])
		if !strings.HasPrefix(file, "-----BEGIN PGP MESSAGE-----") {
			t.Errorf("share %d in the record: %q", i+1, file)
		}
	}
	token := raw(t, a["root_token"].(string))
	if plain, err := private[0].Decrypt(token.Expose()); err != nil || plain.Len() != 26 {
		t.Errorf("the token: %v", err)
	} else if _, err := b.vault.CheckToken(t.Context(), plain); err != nil {
		t.Errorf("the token: %v", err)
	}
}

// TestRecordFirst: where the record cannot be written, nothing is changed.
func TestRecordFirst(t *testing.T) {
	_, keys := holders(t, 2)
	for name, body := range map[string]map[string]any{
		"plain": {"recovery_shares": 2, "recovery_threshold": 2}, "holders": {"recovery_shares": 2, "recovery_threshold": 2, "recovery_pgp_keys": keys},
	} {
		for after := range 6 {
			b := newBench(t)
			failing := &failing{record: b.record, left: after}
			o := api.Options{Vault: b.vault, Record: failing, ID: "serve", Allow: everything, Plain: true}
			s, err := api.New(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			b.Server = s
			before := b.state()
			code, _, _ := b.ask(http.MethodPut, "sys/init", body)
			is, err := b.vault.Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if is.Initialized != (code == http.StatusOK) || !is.Initialized && len(is.Pending) > 0 {
				t.Errorf("%s, %d writes: status %d, and the vault is %+v", name, after, code, is)
			}
			if after < 4 && (code != http.StatusInternalServerError || b.state() != before) {
				t.Errorf("%s, %d writes: %d, and something was changed", name, after, code)
			}
		}
	}
}

// failing fails after some writes.
type failing struct {
	*record
	left int
}

func (f *failing) Note(kind string, facts map[string]any) error {
	if f.left--; f.left < 0 {
		return http.ErrHandlerTimeout
	}
	return f.record.Note(kind, facts)
}

// TestRecoveryRekey: wrong nonce, a share twice, a wrong quorum, a verification
// with wrong shares; then the new shares count and the old ones do not.
func TestRecoveryRekey(t *testing.T) {
	b := initialised(t)
	const base = "sys/rekey-recovery-key/"
	idle := b.must(http.MethodGet, base+"init", nil)
	if idle["started"] != false || idle["required"] != 2.0 {
		t.Errorf("idle: %v", idle)
	}
	b.refuses(400, "no rekey configuration found", http.MethodGet, base+"verify", nil)
	begun := b.must(http.MethodPut, base+"init", map[string]any{"secret_shares": 4, "secret_threshold": 3, "require_verification": true})
	nonce := begun["nonce"].(string)
	if begun["n"] != 4.0 || begun["t"] != 3.0 || begun["verification_required"] != true {
		t.Errorf("begun: %v", begun)
	}
	b.refuses(400, "rekey already in progress", http.MethodPut, base+"init", map[string]any{"secret_shares": 4, "secret_threshold": 3, "require_verification": true})
	give := func(key, nonce string) map[string]any {
		return map[string]any{"key": key, "nonce": nonce}
	}
	b.refuses(400, `incorrect nonce supplied; nonce for this rekey operation is "`+nonce+`"`, http.MethodPut, base+"update", give(b.shares[0], zeroNonce))
	b.must(http.MethodPut, base+"update", give(b.shares[0], nonce))
	b.refuses(400, "given key has already been provided during this rekey operation", http.MethodPut, base+"update", give(b.shares[0], nonce))
	b.refuses(400, "no rekey verification in progress", http.MethodPut, base+"verify", give(b.shares[0], nonce))
	before := b.state()
	b.refuses(400, "recovery key verification failed: recovery key does not match submitted values", http.MethodPut, base+"update", give(changed(t, b.shares[1]), nonce))
	if b.state() != before {
		t.Error("a wrong quorum changed something")
	}
	if a := b.must(http.MethodGet, base+"init", nil); a["progress"] != 0.0 || a["nonce"] != nonce {
		t.Errorf("after a wrong quorum: %v", a)
	}
	b.must(http.MethodPut, base+"update", give(b.shares[0], nonce))
	made := b.must(http.MethodPut, base+"update", give(b.shares[2], nonce))
	fresh, verify := texts(made["keys_base64"]), made["verification_nonce"].(string)
	if made["complete"] != true || len(fresh) != 4 {
		t.Fatalf("the quorum: %v", made)
	}
	b.refuses(400, `rekey operation already finished; verification must be performed; nonce for the verification operation is "`+verify+`"`, http.MethodPut, base+"update", give(b.shares[0], nonce))
	if st := b.must(http.MethodGet, "sys/seal-status", nil); st["n"] != 3.0 {
		t.Errorf("the new shares count before their verification: %v", st)
	}

	b.refuses(400, `incorrect nonce supplied; nonce for this verify operation is "`+verify+`"`, http.MethodPut, base+"verify", give(fresh[0], nonce))
	b.must(http.MethodPut, base+"verify", give(fresh[0], verify))
	b.refuses(400, "given key has already been provided during this verify operation", http.MethodPut, base+"verify", give(fresh[0], verify))
	b.must(http.MethodPut, base+"verify", give(changed(t, fresh[1]), verify))
	b.refuses(400, "rekey verification failed; incorrect key shares supplied", http.MethodPut, base+"verify", give(fresh[2], verify))
	a := b.must(http.MethodGet, base+"verify", nil)
	if a["nonce"] == verify || a["progress"] != 0.0 {
		t.Errorf("after a wrong verification: %v", a)
	}
	b.must(http.MethodDelete, base+"verify", nil)
	verify = b.must(http.MethodGet, base+"verify", nil)["nonce"].(string)
	b.must(http.MethodPut, base+"verify", give(fresh[3], verify))
	b.must(http.MethodPut, base+"verify", give(fresh[1], verify))
	if a := b.must(http.MethodPut, base+"verify", give(fresh[0], verify)); a["complete"] != true {
		t.Errorf("verified: %v", a)
	}
	if st := b.must(http.MethodGet, "sys/seal-status", nil); st["n"] != 4.0 || st["t"] != 3.0 {
		t.Errorf("after the verification: %v", st)
	}
	old := b.shares
	b.shares = fresh
	if b.rekeys(old[0], old[1], fresh[0]) {
		t.Error("old shares count")
	}
	if !b.rekeys(fresh[1], fresh[2], fresh[3]) {
		t.Error("new shares do not count")
	}
}

// rekeys rekeys the root key.
func (b *bench) rekeys(shares ...string) bool {
	b.Helper()
	nonce := b.must(http.MethodPut, "sys/rekey/init", map[string]any{})["nonce"]
	for _, s := range shares {
		code, a, says := b.ask(http.MethodPut, "sys/rekey/update", map[string]any{"key": s, "nonce": nonce})
		if code == http.StatusOK && a["complete"] == true {
			return true
		} else if code != http.StatusOK && !strings.HasPrefix(says[0], "recovery key verification failed") {
			b.Fatalf("%d %q", code, says)
		}
	}
	b.must(http.MethodDelete, "sys/rekey/init", nil)
	return false
}

// changed is another share with the same x-coordinate.
func changed(t *testing.T, text string) string {
	t.Helper()
	one := raw(t, text)
	one.Expose()[4] ^= 1
	return base64.StdEncoding.EncodeToString(one.Expose())
}

// TestGenerateRoot: with a password from here, with one from there, to a PGP key;
// each token counts, none of a wrong quorum.
func TestGenerateRoot(t *testing.T) {
	b := initialised(t)
	private, keys := holders(t, 1)
	for name, begin := range map[string]map[string]any{
		"theirs": {"otp": "abcdefghijklmnopqrstuvwxyz"}, "ours": {}, "holder": {"pgp_key": keys[0]},
	} {
		a := b.must(http.MethodPut, "sys/generate-root/attempt", begin)
		otp, _ := a["otp"].(string)
		if (name == "ours") != (len(otp) == 26) {
			t.Errorf("%s: %v", name, a)
		}
		if name == "theirs" {
			otp = begin["otp"].(string)
		}
		nonce := a["nonce"]
		if again := b.must(http.MethodGet, "sys/generate-root/attempt", nil); again["otp"] != "" || again["nonce"] != nonce || again["otp_length"] != 26.0 {
			t.Errorf("%s, once more: %v", name, again)
		}
		b.must(http.MethodPut, "sys/generate-root/update", map[string]any{"key": b.shares[0], "nonce": nonce})
		b.refuses(400, "root generation aborted: unable to authenticate: recovery key verification failed: recovery key does not match submitted values",
			http.MethodPut, "sys/generate-root/update", map[string]any{"key": changed(t, b.shares[1]), "nonce": nonce})
		b.must(http.MethodPut, "sys/generate-root/update", map[string]any{"key": b.shares[2], "nonce": nonce})
		a = b.must(http.MethodPut, "sys/generate-root/update", map[string]any{"key": b.shares[1], "nonce": nonce})
		if a["complete"] != true || a["encoded_token"] != a["encoded_root_token"] {
			t.Errorf("%s: %v", name, a)
		}
		token := decoded(t, a["encoded_token"].(string), otp)
		if name == "holder" {
			message := raw(t, a["encoded_token"].(string))
			plain, err := private[0].Decrypt(message.Expose())
			if err != nil {
				t.Fatal(err)
			}
			token = string(plain.Expose())
		}
		info := b.must(http.MethodGet, "auth/token/lookup-self", nil, "X-Vault-Token", token)["data"].(map[string]any)
		if info["accessor"] == "" || strings.Contains(info["accessor"].(string), token) {
			t.Errorf("%s: %v", name, info)
		}
	}
	if n := len(b.record.find("token")); n != 4 {
		t.Errorf("%d tokens in the record", n)
	}
}

func decoded(t *testing.T, encoded, otp string) string {
	t.Helper()
	x, err := base64.RawStdEncoding.DecodeString(encoded)
	if err != nil || len(x) != len(otp) {
		return ""
	}
	for i := range x {
		x[i] ^= otp[i]
	}
	return string(x)
}

// TestRotate: the root token is the authority, and nothing else is.
func TestRotate(t *testing.T) {
	b := initialised(t)
	before := b.state()
	for _, token := range []string{"", "s.abcdefghijklmnopqrstuvwx", b.token + "x", strings.ToUpper(b.token)} {
		b.refuses(403, "permission denied", http.MethodPost, "sys/rotate", nil, "X-Vault-Token", token)
		b.refuses(403, "permission denied", http.MethodGet, "sys/key-status", nil, "X-Vault-Token", token)
	}
	if b.state() != before {
		t.Error("a refused rotation changed something")
	}
	b.seal.Err = hsm.ErrTokenGone // nobody can say whether the token counts
	b.refuses(500, "", http.MethodPost, "sys/rotate", nil, "X-Vault-Token", b.token)
	b.refuses(500, "", http.MethodGet, "sys/key-status", nil, "X-Vault-Token", b.token)
	b.refuses(500, "", http.MethodGet, "auth/token/lookup-self", nil, "X-Vault-Token", b.token)
	b.seal.Err = nil
	if b.state() != before {
		t.Error("a rotation without the HSM changed something")
	}
	b.must(http.MethodPut, "sys/rotate", nil, "X-Vault-Token", b.token)
	b.must(http.MethodPost, "sys/rotate/keyring", map[string]any{}, "X-Vault-Token", b.token)
	if k := b.must(http.MethodGet, "sys/key-status", nil, "X-Vault-Token", b.token); k["term"] != 3.0 {
		t.Errorf("key-status: %v", k)
	}
}

// TestOneAtATime: while something is pending nothing else begins; cancelled, it
// leaves the vault as it was.
// TestRevokeSelf: a root token takes itself out of the storage, and nothing else
// does.
func TestRevokeSelf(t *testing.T) {
	b := initialised(t)
	const path = "auth/token/revoke-self"
	before := b.state()
	b.refuses(403, "permission denied", http.MethodPut, path, nil)
	b.refuses(403, "permission denied", http.MethodPut, path, nil, "X-Vault-Token", "s.000000000000000000000000")
	shut, err := shutSession(t, b)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/v1/"+path, nil)
	r.Header.Set("X-Vault-Token", b.token)
	shut.ServeHTTP(w, r)
	if w.Code != http.StatusForbidden {
		t.Errorf("a session that allows nothing: %d", w.Code)
	}
	b.must(http.MethodPut, "sys/rekey/init", map[string]any{"secret_shares": 1, "secret_threshold": 1})
	b.refuses(400, "", http.MethodPut, path, nil, "X-Vault-Token", b.token)
	b.must(http.MethodDelete, "sys/rekey/init", nil)
	if b.state() != before {
		t.Error("a refusal changed something")
	}
	accessor := b.must(http.MethodGet, "auth/token/lookup-self", nil, "X-Vault-Token", b.token)["data"].(map[string]any)["accessor"]
	b.must(http.MethodPut, path, nil, "X-Vault-Token", b.token)
	b.refuses(403, "permission denied", http.MethodGet, "auth/token/lookup-self", nil, "X-Vault-Token", b.token)
	b.refuses(403, "permission denied", http.MethodPut, "sys/rotate", nil, "X-Vault-Token", b.token)
	if e := b.record.find("token"); len(e) == 0 || e[len(e)-1].facts["accessor"] != accessor || e[len(e)-1].facts["fate"] != "revoked" {
		t.Errorf("the record: %+v", e)
	}
	if b.Over() != nil {
		t.Errorf("the session is over: %v", b.Over())
	}
}

// TestOnce: a name in Allow is one operation. What is pending goes on, what was
// cancelled does not count, and the status is told as before.
func TestOnce(t *testing.T) {
	b := initialised(t, func(o *api.Options) {
		o.Once, o.Allow = true, []vaultstate.Kind{vaultstate.Init, vaultstate.Rotate, vaultstate.Rotate, vaultstate.Rekey}
	})
	rotate := func() (int, []string) {
		code, _, says := b.ask(http.MethodPut, "sys/rotate", nil, "X-Vault-Token", b.token)
		return code, says
	}
	for range 2 {
		if code, says := rotate(); code != http.StatusNoContent {
			t.Fatal(code, says)
		}
	}
	before := b.state()
	if code, says := rotate(); code != http.StatusForbidden || !slices.Contains(says, "this session of conclave serve allowed rotate, and that was done") || b.state() != before {
		t.Errorf("a third: %d %q", code, says)
	}
	b.must(http.MethodGet, "sys/key-status", nil, "X-Vault-Token", b.token)
	b.must(http.MethodPut, "sys/rekey/init", map[string]any{"secret_shares": 1, "secret_threshold": 1})
	b.must(http.MethodDelete, "sys/rekey/init", nil)
	if b.Spent() {
		t.Error("all is done, and a rekey is still allowed")
	}
	a := b.must(http.MethodPut, "sys/rekey/init", map[string]any{"secret_shares": 1, "secret_threshold": 1})
	for _, one := range b.shares[:2] {
		b.must(http.MethodPut, "sys/rekey/update", map[string]any{"key": one, "nonce": a["nonce"]})
	}
	if !b.Spent() {
		t.Error("all is done, and it is not said")
	}
	b.refuses(405, "unsupported operation", http.MethodPut, "sys/rekey/init", map[string]any{"secret_shares": 1, "secret_threshold": 1})
}

func TestOneAtATime(t *testing.T) {
	b := initialised(t)
	a := b.must(http.MethodPut, "sys/rekey-recovery-key/init", map[string]any{"secret_shares": 2, "secret_threshold": 2, "require_verification": true})
	b.refuses(400, "", http.MethodPut, "sys/rekey/init", map[string]any{})
	b.refuses(400, "", http.MethodPut, "sys/generate-root/attempt", map[string]any{})
	b.refuses(400, "", http.MethodPost, "sys/rotate", nil, "X-Vault-Token", b.token)
	b.refuses(400, "no barrier rekey in progress", http.MethodPut, "sys/rekey/update", map[string]any{"key": b.shares[0], "nonce": a["nonce"]})
	for _, s := range b.shares[:2] {
		b.must(http.MethodPut, "sys/rekey-recovery-key/update", map[string]any{"key": s, "nonce": a["nonce"]})
	}
	b.must(http.MethodDelete, "sys/rekey-recovery-key/init", nil)
	b.must(http.MethodDelete, "sys/rekey-recovery-key/init", map[string]any{"nonce": "x"})
	if void := b.record.find("void"); len(void) != 1 || void[0].facts["set"] == "" {
		t.Errorf("the set of a cancelled rekey: %+v", void)
	}
	if !b.rekeys(b.shares[0], b.shares[1]) {
		t.Error("the old shares do not count any more")
	}
	b.must(http.MethodPut, "sys/generate-root/attempt", nil)
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if st, err := b.vault.Status(t.Context()); err != nil || !st.Initialized {
		t.Errorf("after the end: %+v, %v", st, err)
	}
	if _, err := b.vault.Begin(t.Context(), vaultstate.Operation{ID: "next", Kind: vaultstate.Rotate}); err != nil {
		t.Errorf("the end left something pending: %v", err)
	}
}
