//go:build cgo

package hsm_test

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	wrapping "github.com/hashicorp/go-kms-wrapping/v2"
	"google.golang.org/protobuf/proto"

	"conclave/hsm"
	"conclave/hsm/secret"
	"conclave/hsm/worker"
)

// TestOpenCryptoki: the soft token has no AES-GCM and is used with AES-CBC and
// an HMAC; it opens what was changed, or was sealed with another key, to
// garbage, and the HMAC refuses it before.
func TestOpenCryptoki(t *testing.T) {
	_, cfg := newOpenCryptoki(t)
	makeKeys(t, &cfg, hsm.AESCBC, hsm.RSAOAEP)
	for _, m := range []string{hsm.AESCBCPad, hsm.AESCBC} {
		t.Run(m, func(t *testing.T) { works(t, with(cfg, m, ""), hsm.Config{}) })
	}
	hashes(t, cfg, hsm.Config{}, "sha1", "sha256", "sha384", "sha512")
	cannot(t, with(cfg, hsm.AESGCM, ""), "C_EncryptInit, CKR_MECHANISM_INVALID")
	chooses(t, cfg, hsm.AESCBCPad, hsm.AESGCM)
	besides(t, with(cfg, hsm.AESCBC, ""), "This token cannot make keys of this kind")
}

// TestOpenCryptokiPair: with no mechanism configured, the two keys of AES-CBC
// are made.
func TestOpenCryptokiPair(t *testing.T) {
	_, cfg := newOpenCryptoki(t)
	cfg.HMACKeyLabel, cfg.HMACKeyID = "mac", "02"
	token := open(t, cfg)
	login(t, token)
	k, err := token.GenerateKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if k.Mechanism != hsm.AESCBCPad || k.HMACRef != "mac:02" {
		t.Errorf("made %+v", k)
	}
}

// TestOpenCryptokiTwoKeys: it makes a second key of the same label and id, and
// none of the two is used.
func TestOpenCryptokiTwoKeys(t *testing.T) {
	_, cfg := newOpenCryptoki(t)
	makeKeys(t, &cfg, hsm.AESCBC)
	cfg = with(cfg, hsm.AESCBC, "")
	token := open(t, cfg)
	login(t, token)
	_, err := token.GenerateKey(t.Context())
	fails(t, err, hsm.ErrKeyExists, "Nothing was created")
	addKind(t, cfg, worker.KeyTypeAES, "vault", 1)
	_, err = token.FindKey(t.Context())
	fails(t, err, hsm.ErrKeyAmbiguous, "2 secret", `"01", "01"`)
	plain := secret.Random(32)
	defer plain.Wipe()
	_, err = token.Wrap(t.Context(), plain)
	fails(t, err, hsm.ErrKeyAmbiguous)
}

// TestOpenCryptokiPIN: the one token here that really locks.
func TestOpenCryptokiPIN(t *testing.T) {
	_, cfg := newOpenCryptoki(t)
	makeKeys(t, &cfg, hsm.AESCBC)
	token := open(t, with(cfg, hsm.AESCBC, ""))
	try := func(s string) error {
		p := pin(s)
		defer p.Wipe()
		return token.Login(t.Context(), p)
	}
	state := func(want hsm.PINState) {
		t.Helper()
		if i, err := token.Info(t.Context()); err != nil || i.PIN != want {
			t.Errorf("the PIN's state is %q, %v; want %q", i.PIN, err, want)
		}
	}
	fails(t, try("no-such"), hsm.ErrPINIncorrect, "A wrong try was already made.")
	state(hsm.PINCountLow)
	if err := try(testPIN); err != nil {
		t.Fatal(err)
	}
	state(hsm.PINOK)
	fails(t, try("no-such"), hsm.ErrPINIncorrect, "A wrong try was already made.")
	// None of these may cost a try.
	fails(t, try(testPIN+"\n"), hsm.ErrPINLength, "4 to 8", "not tried")
	fails(t, try(""), hsm.ErrPINLength)
	fails(t, try("123"), hsm.ErrPINLength, "not tried")
	state(hsm.PINCountLow)
	fails(t, try("no-such"), hsm.ErrPINIncorrect, "ONE try is left, then the token locks.")
	state(hsm.PINFinalTry)
	fails(t, try("no-such"), hsm.ErrPINLocked, "it was the last try", "security officer")
	state(hsm.PINLocked)
	for range 2 {
		err := try(testPIN)
		fails(t, err, hsm.ErrPINLocked, "Do not try more")
		if e, ok := errors.AsType[*hsm.Error](err); ok {
			t.Errorf("the token was asked: %v", e)
		}
		token = open(t, with(cfg, hsm.AESCBC, "")) // the count is the token's, not the process's
	}

	if out, err := exec.Command("pkcsconf", "-u", "-c", "3", "-S", "87654321", "-n", testPIN).CombinedOutput(); err != nil { //nolint:noctx // it ends at once
		t.Fatalf("the security officer's new PIN: %v: %s", err, out)
	}
	token = open(t, with(cfg, hsm.AESCBC, ""))
	state(hsm.PINOK)
	if err := try(testPIN); err != nil {
		t.Fatal(err)
	}
	if _, err := token.SelfTest(t.Context()); err != nil {
		t.Errorf("after the security officer set a new PIN: %v", err)
	}
}

// TestOpenCryptokiUnsavedKey: with its store gone it answers CKR_OK to a key that
// works until the library ends.
func TestOpenCryptokiUnsavedKey(t *testing.T) {
	const all, gone = "/var/lib/opencryptoki/swtok", "/var/lib/opencryptoki/gone"
	const store, away = all + "/TOK_OBJ", all + "/away"
	_, cfg := newOpenCryptoki(t)
	cfg = with(cfg, hsm.AESCBC, "")
	cfg.HMACKeyLabel, cfg.HMACKeyID = "mac", "02"
	token := open(t, cfg)
	login(t, token)
	if err := os.Rename(store, away); err != nil {
		t.Fatal(err)
	}
	_, err := token.GenerateKey(t.Context())
	fails(t, err, hsm.ErrKeyNotFound, "reported success but did not keep the key", "missing or read-only")
	if err := os.Rename(away, store); err != nil {
		t.Fatal(err)
	}
	if _, err := token.GenerateKey(t.Context()); err != nil {
		t.Errorf("with its store again: %v", err)
	}

	// With all of its store gone the token is, too, once the library starts anew.
	cfg.KeyLabel, cfg.KeyID, cfg.HMACKeyLabel, cfg.HMACKeyID = "second", "03", "second-mac", "04"
	token = open(t, cfg)
	login(t, token)
	if err := os.Rename(all, gone); err != nil {
		t.Fatal(err)
	}
	_, err = token.GenerateKey(t.Context())
	fails(t, err, hsm.ErrTokenGone, "looking for the new key after a restart of the library", "CKR_TOKEN_NOT_PRESENT")
}

// TestOpenCryptokiShortMAC: C_Verify of this token takes the first byte of a MAC
// for all of it.
func TestOpenCryptokiShortMAC(t *testing.T) {
	_, cfg := newOpenCryptoki(t)
	makeKeys(t, &cfg, hsm.AESCBC)
	token := open(t, with(cfg, hsm.AESCBC, ""))
	login(t, token)
	plain := secret.Random(32)
	defer plain.Wipe()
	blob, err := token.Wrap(t.Context(), plain)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, 16, 31, 33} {
		var b wrapping.BlobInfo
		if err := proto.Unmarshal(blob, &b); err != nil {
			t.Fatal(err)
		}
		b.Hmac = append(b.Hmac, 0)[:n]
		short, err := proto.Marshal(&b)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := token.Unwrap(t.Context(), short); err == nil {
			got.Wipe()
			t.Errorf("it opens with a MAC of %d bytes", n)
		}
	}
	if !unwraps(t, token, blob, plain) {
		t.Error("as it was, it opens to other bytes")
	}
}

// TestOpenCryptokiDaemon: without its daemon a login that there is goes on, and
// none can begin.
func TestOpenCryptokiDaemon(t *testing.T) {
	d, cfg := newOpenCryptoki(t)
	makeKeys(t, &cfg, hsm.AESCBC)
	cfg = with(cfg, hsm.AESCBC, "")
	token := open(t, cfg)
	login(t, token)
	d.kill()
	if _, err := token.SelfTest(t.Context()); err != nil {
		t.Errorf("logged in before the daemon ended: %v", err)
	}
	_, err := hsm.Open(t.Context(), cfg)
	fails(t, err, hsm.ErrTokenGone, "The HSM service is not running", "pkcsslotd", "C_Initialize")
	d.start()
	again := open(t, cfg)
	login(t, again)
	if _, err := again.SelfTest(t.Context()); err != nil {
		t.Errorf("with the daemon again: %v", err)
	}
}

// TestOpenCryptokiDestroyed: a key that another process destroys is gone here,
// too, and one of the same name is found anew.
func TestOpenCryptokiDestroyed(t *testing.T) {
	_, cfg := newOpenCryptoki(t)
	makeKeys(t, &cfg, hsm.AESCBC)
	cfg = with(cfg, hsm.AESCBC, "")
	token, other := open(t, cfg), open(t, cfg)
	login(t, token)
	login(t, other)
	plain := secret.Random(32)
	defer plain.Wipe()
	blob, err := token.Wrap(t.Context(), plain)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.DestroyKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = token.Unwrap(t.Context(), blob)
	fails(t, err, hsm.ErrKeyNotFound, `"vault"`)
	if _, err := other.GenerateKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = token.Unwrap(t.Context(), blob)
	fails(t, err, hsm.ErrWrongKey)
	if _, err := token.SelfTest(t.Context()); err != nil {
		t.Error(err)
	}
}
