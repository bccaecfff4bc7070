//go:build cgo

package command_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" // SoftHSM can do no other
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"conclave/hsm/softhsm/need"
	"conclave/vaultstate/vaulttest/reader"

	wrapping "github.com/hashicorp/go-kms-wrapping/v2"
	"google.golang.org/protobuf/proto"
)

// rsaVault is a copy of the vault that a real OpenBao sealed with RSA-OAEP.
type rsaVault struct {
	*testing.T
	lib, work string
	player    *player
}

func newRSAVault(t *testing.T) *rsaVault {
	t.Helper()
	v := &rsaVault{T: t, lib: need.Tool(t, "softhsm"), work: t.TempDir()}
	for to, from := range map[string]string{"storage": "../../vaultstate/barrier/testdata/rsa/storage", "tokens": "../../hsm/testdata/fixtures/rsa/tokens"} {
		if err := os.CopyFS(filepath.Join(v.work, to), os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	// As OpenBao was configured: it takes the mechanism from the key.
	v.write("bao.hcl", `storage "file" { path = "storage" }
listener "tcp" { address = "127.0.0.1:18210" tls_disable = true }
seal "pkcs11" { lib = "`+v.lib+`" token_label = "ceremony" pin = "user-1234" key_label = "bao-rsa" key_id = "02" rsa_oaep_hash = "sha1" }
`)
	v.write("softhsm2.conf", "directories.tokendir = "+filepath.Join(v.work, "tokens")+"\nlog.level = ERROR\n")
	v.player = newPlayer(v.work, v.work)
	return v
}

func (v *rsaVault) write(name, text string) {
	v.Helper()
	if err := os.WriteFile(filepath.Join(v.work, name), []byte(text), 0o600); err != nil {
		v.Fatal(err)
	}
}

// run is what the program says; see player.says.
func (v *rsaVault) run(want int, has []string, args ...string) string {
	v.Helper()
	return v.player.says(v.T, want, has, args...)
}

func (v *rsaVault) ceremony(kind, id string, more ...string) []string {
	return append([]string{kind, "-config", "bao.hcl", "-dir", ".", "-plain", "-allow-piped-secrets", "-operator", "Olga", "-witness", "Wim", "-id", id}, more...)
}

// forge puts a recovery key of one's own into the vault: with the public key, and
// with the right to write the storage. No PIN, no share.
func (v *rsaVault) forge() (share string) {
	v.Helper()
	pub, err := reader.PublicKey(v.lib, filepath.Join(v.work, "softhsm2.conf"), "ceremony", "bao-rsa")
	if err != nil {
		v.Fatal(err)
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	out, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, pub, key, nil) // SoftHSM can do no other
	if err != nil {
		v.Fatal(err)
	}
	blob, err := proto.Marshal(&wrapping.BlobInfo{Ciphertext: out, KeyInfo: &wrapping.KeyInfo{KeyId: "bao-rsa:02"}})
	if err != nil {
		v.Fatal(err)
	}
	v.put("core/_recovery-key", blob)
	v.put("core/_recovery-config", []byte(`{"type":"shamir","secret_shares":1,"secret_threshold":1,"pgp_keys":null,"nonce":"","backup":false,"stored_shares":0}`))
	return hex.EncodeToString(key)
}

func (v *rsaVault) put(entry string, value []byte) {
	v.Helper()
	b, err := json.Marshal(struct{ Value []byte }{value})
	if err != nil {
		v.Fatal(err)
	}
	v.write(filepath.Join("storage", entry), string(b))
}

const standing = "With this seal, whoever can write the storage can replace the recovery key without the HSM's PIN. Rewrap to AES."

// TestForgedRecoveryKey: Conclave, given the record, stops with code 4 before
// anybody is asked for a share; given none, it says that it cannot know.
func TestForgedRecoveryKey(t *testing.T) {
	t.Parallel()
	v := newRSAVault(t)
	const cannot = "Conclave cannot know"
	v.run(0, []string{standing, cannot}, v.ceremony("unseal", "KC-1")...)

	mine := v.forge()
	v.player.shares = []string{mine}
	said := v.run(4, []string{"this recovery key is not the one that KC-1 left", standing}, v.ceremony("rotate", "KC-2", "-custodian", "Mallory")...)
	if strings.Contains(said, cannot) || len(v.player.shares) != 1 {
		t.Errorf("a share was asked for, or it is said that nobody can know:\n%s", said)
	}
	// A record that was not given does not help: this quorum is Mallory's own.
	v.run(0, []string{cannot, "data encryption key is rotated"}, v.ceremony("rotate", "KC-3", "-custodian", "Mallory", "-previous", "none")...)
	if len(v.player.shares) != 0 {
		t.Error("no share was asked for")
	}
}

// TestStandingWarning: status, doctor, the first page, record and verdict say
// what this seal does not do, and every ceremony runs on it.
func TestStandingWarning(t *testing.T) {
	t.Parallel()
	v := newRSAVault(t)
	v.run(0, []string{standing, "CKM_RSA_PKCS_OAEP"}, "status", "-config", "bao.hcl")
	v.run(0, []string{standing}, "doctor", "-config", "bao.hcl")
	held, err := known("../../vaultstate/barrier/testdata/rsa/known.json")
	if err != nil {
		t.Fatal(err)
	}
	people := []string{"-custodian", "Alice", "-custodian", "Bob", "-custodian", "Carol"}
	v.player.shares = held[:2]
	said := v.run(0, []string{"[brief]", "The root key is replaced. " + standing}, v.ceremony("rekey", "KC-1", people...)...)
	if i, j := strings.Index(said, standing), strings.Index(said, "[people]"); i > j {
		t.Error("the first page does not say it")
	}
	v.player.shares = held[:2]
	v.run(0, []string{standing}, v.ceremony("rekey", "KC-2", append(people, "-target=recovery", "-key-shares=3", "-key-threshold=2")...)...)
	v.player.shares = []string{v.player.shown["ALICE"], v.player.shown["BOB"]}
	v.run(0, []string{standing}, v.ceremony("generate-root", "KC-3", people...)...)
	v.run(0, []string{standing}, v.ceremony("unseal", "KC-4", "-deep")...)
	dirs, err := filepath.Glob(filepath.Join(v.work, "*-KC-3-*"))
	if err != nil || len(dirs) != 1 {
		t.Fatal(dirs, err)
	}
	v.run(0, []string{standing, "CONSISTENT"}, "transcript", "verify", dirs[0])
	v.run(0, []string{standing, "CKM_RSA_PKCS_OAEP"}, "transcript", "report", dirs[0])
}

// TestNewUnauthenticatedSeal: a new vault is sealed with RSA-OAEP only by name,
// and where it is accepted.
func TestNewUnauthenticatedSeal(t *testing.T) {
	t.Parallel()
	v := newRSAVault(t)
	init := func(id string, more ...string) []string {
		if err := os.MkdirAll(filepath.Join(v.work, id), 0o700); err != nil {
			t.Fatal(err)
		}
		return v.ceremony("init", id, append([]string{"-storage", id, "-custodian", "Alice", "-custodian", "Bob", "-recovery-shares", "2",
			"-recovery-threshold", "2", "-root-token", "none", "-skip-proof"}, more...)...)
	}
	const name = "-hsm-mechanism=CKM_RSA_PKCS_OAEP"
	v.run(2, []string{"a seal with RSA-OAEP authenticates nothing", "accept it with -accept-unauthenticated-seal"}, init("one", name)...)
	v.run(1, []string{"is an RSA key, and the plan does not accept a seal that authenticates nothing"}, init("two")...)
	v.run(2, []string{"PKCS#1 v1.5"}, init("three", "-hsm-mechanism=CKM_RSA_PKCS", "-accept-unauthenticated-seal")...)
	said := v.run(0, []string{"The vault is initialised; 1 of 5 checks did not pass. " + standing, "override"}, init("four", name, "-accept-unauthenticated-seal")...)
	if i, j := strings.Index(said, standing), strings.Index(said, "[people]"); i > j {
		t.Error("the first page does not say it")
	}
	v.run(0, []string{standing}, "status", "-config", "bao.hcl", "-storage", "four")
}
