package command_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"conclave/ceremony/folder"
	"conclave/ceremony/transcript"
	"conclave/hsm/softhsm/need"
)

func init() { commands["sealed"] = sealed }

// TestScriptsSealed runs those that need openssl.
func TestScriptsSealed(t *testing.T) {
	need.Tool(t, "openssl")
	testscript.Run(t, testscript.Params{Dir: "testdata/sealed", Cmds: commands, Setup: fixtures(""), RequireExplicitExec: true})
}

// sealed DIR signed|unsigned|wrong: a record that names a key in the HSM, and is
// signed by it, by nothing, or by it over another text. The key is written to
// DIR.pub, and in PEM to DIR.pem.
func sealed(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	public, private, err := ed25519.GenerateKey(rand.Reader)
	ts.Check(err)
	spki, err := x509.MarshalPKIXPublicKey(public)
	ts.Check(err)
	key, err := transcript.NewNoteKey(transcript.HSMKeyName("record", false), spki)
	ts.Check(err)
	sum := key.SHA256()
	ts.Check(os.WriteFile(dir+".pub", []byte(key.Line()+"\n"), 0o600))
	ts.Check(os.WriteFile(dir+".pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}), 0o600))

	f, err := folder.Create(filepath.Dir(dir), filepath.Base(dir), false)
	ts.Check(err)
	defer func() { _ = f.Close() }()
	for _, e := range []transcript.Entry{
		{Kind: "header", Step: "brief", Evidence: transcript.ByProgram, Facts: transcript.Facts{"format": 1, "ceremony": "rotate",
			"id": "KC-1", "practice": false, "program": "conclave", "vault": "/v"}},
		{Kind: "signing-key", Step: "hsm", Evidence: transcript.ByProgram, Facts: transcript.Facts{"label": "record", "type": key.Type(), "key": key.Line(),
			"sha256": hex.EncodeToString(sum[:]), "generated": true, "result": "first"}},
		{Kind: "closed", Step: "close", Claimed: "Olga", Evidence: transcript.ByKeyboard, Facts: transcript.Facts{"verdict": "done", "overrides": []string{}}},
	} {
		_, err := f.Append(e)
		ts.Check(err)
	}
	var signers []transcript.Signer
	if how := args[1]; how != "unsigned" {
		signers = append(signers, key.Signer(func(text []byte) ([]byte, error) {
			if how == "wrong" {
				text = fmt.Appendf(nil, "%sx", text)
			}
			return ed25519.Sign(private, text), nil
		}))
	}
	_, err = f.SealSigned(signers)
	ts.Check(err)
}
