package plain_test

import (
	"context"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/hsm/secret"
	"conclave/ui/gpg"
	"conclave/ui/plain"
)

// TestGPG: a line that begins with gpg is no secret but has gpg decrypt a file,
// the page's or another; what it yields is the answer, and why it did not is said.
func TestGPG(t *testing.T) {
	sealed := &ceremony.Sealed{File: "/record/challenges/1-alice.asc", Challenge: true}
	f := &fake{t: t, practice: true, prompts: []ceremony.Prompt{
		{Kind: ceremony.AskSecret, StepID: "keys", By: alice, Field: "code", Sealed: sealed},
		{Kind: ceremony.AskShare, StepID: "shares", By: alice, Sealed: &ceremony.Sealed{}, Entry: ceremony.Entry{Needed: 1, Bytes: 33}},
		{Kind: ceremony.AskSecret, StepID: "hsm", By: olga, Field: "PIN"},
	}}
	var asked []string
	decrypt := func(_ context.Context, file string) (secret.Bytes, gpg.Tool, error) {
		if asked = append(asked, file); len(asked) == 1 {
			return secret.Bytes{}, gpg.Tool{}, &gpg.Failure{Said: "no secret key"}
		}
		return secret.Take([]byte("plaintext of " + file)), gpg.Tool{Path: "/usr/bin/gpg", SHA256: "ab"}, nil
	}
	var out screen
	o := plain.Run(t.Context(), f, plain.Options{In: feed(t, "gpg", "gpg", "gpg "+aShare, "gpg my share.asc", "gpg"), Out: &out, Piped: true, Decrypt: decrypt})
	if o.Sentence != "" || !f.done {
		t.Fatalf("%+v\n%s", o, out.String())
	}
	if got := strings.Join(asked, "|"); got != sealed.File+"|"+sealed.File+"|my share.asc" {
		t.Errorf("gpg was run on %s", got)
	}
	if got := strings.Join(f.secrets, "|"); got != "plaintext of "+sealed.File+"|plaintext of my share.asc|gpg" {
		t.Errorf("the answers were %s", got)
	}
	if in := f.got[0]; in.Source != "gpg" || in.Program != "/usr/bin/gpg" || in.ProgramSHA256 != "ab" || f.got[2].Source == "gpg" {
		t.Errorf("%+v, %+v", in, f.got[2])
	}
	for _, want := range []string{"gpg did not decrypt the file. It said: no secret key.", "A line that is only gpg has", "This looks like a share or a key, not like a file."} {
		if !out.has(want) {
			t.Errorf("nobody is told %q:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "plaintext of") || strings.Contains(out.String(), aShare) {
		t.Error("a secret was printed")
	}
}
