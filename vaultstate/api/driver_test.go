package api_test

import (
	"errors"
	"net/http"
	"testing"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/server"
)

// TestDriver: our own driver of servers does every operation over the socket, as
// at a real one.
func TestDriver(t *testing.T) {
	b := newBench(t)
	address := "unix://" + b.serve(short(t))
	open := func(token secret.Bytes) *server.Vault {
		t.Helper()
		v, err := server.Open(t.Context(), server.Config{Address: address, Token: token})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = v.Close() })
		return v
	}
	v := open(secret.Bytes{})
	private, _ := holders(t, 3)
	var keys [][]byte
	for _, p := range private {
		k, err := p.Key()
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k.Binary)
	}
	var held []secret.Bytes
	receive := func(issue *vaultstate.Issue) {
		t.Helper()
		held = nil
		for i, is := range issue.Shares {
			one := is.Plain
			if is.Encrypted != nil {
				text, err := private[i].Decrypt(is.Encrypted)
				if err != nil {
					t.Fatal(err)
				}
				one = unhex(t, text)
			}
			held = append(held, one.Clone())
		}
	}
	play := func(v *server.Vault, op vaultstate.Operation) vaultstate.Outcome {
		t.Helper()
		p, err := v.Begin(t.Context(), op)
		if err != nil {
			t.Fatalf("%s: Begin: %v", op.ID, err)
		}
		if p.Phase == vaultstate.PhaseAuthority {
			wrong := held[1].Clone()
			wrong.Expose()[3] ^= 1
			if op.Kind != vaultstate.Rekey { // whose quorum shows in Commit
				var q *vaultstate.QuorumError
				if _, err := v.Submit(t.Context(), op.ID, []secret.Bytes{held[0], wrong}); !errors.As(err, &q) {
					t.Errorf("%s: a wrong quorum: %v", op.ID, err)
				}
			}
			if p, err = v.Submit(t.Context(), op.ID, held[:2]); err != nil {
				t.Fatalf("%s: Submit: %v", op.ID, err)
			}
		}
		if p.Phase == vaultstate.PhaseIssue {
			issue, err := v.Take(t.Context(), op.ID)
			if err != nil {
				t.Fatalf("%s: Take: %v", op.ID, err)
			}
			if len(issue.Shares) > 0 {
				receive(issue)
				for i, one := range held {
					if _, err := v.Verify(t.Context(), op.ID, i+1, one); err != nil {
						t.Fatalf("%s: Verify: %v", op.ID, err)
					}
				}
			}
		}
		out, err := v.Commit(t.Context(), op.ID)
		if err != nil {
			t.Fatalf("%s: Commit: %v", op.ID, err)
		}
		for _, c := range out.Checks {
			if !c.OK {
				t.Errorf("%s: %s", op.ID, c.Text)
			}
		}
		return out
	}

	play(v, vaultstate.Operation{ID: "init", Kind: vaultstate.Init, Shares: 3, Threshold: 2, PGPKeys: keys, RootToken: true, RootTokenPGPKey: keys[0]})
	play(v, vaultstate.Operation{ID: "rekey", Kind: vaultstate.Rekey})
	play(v, vaultstate.Operation{ID: "shares", Kind: vaultstate.RecoveryRekey, Shares: 3, Threshold: 2, PGPKeys: keys})
	play(v, vaultstate.Operation{ID: "plain", Kind: vaultstate.RecoveryRekey, Shares: 2, Threshold: 2})
	play(v, vaultstate.Operation{ID: "root", Kind: vaultstate.GenerateRoot, RootToken: true})

	if st, err := v.Status(t.Context()); err != nil || st.Shares != 2 || st.Threshold != 2 || st.SealType != "pkcs11" {
		t.Errorf("the status: %+v, %v", st, err)
	}
	a := b.must(http.MethodPut, "sys/generate-root/attempt", map[string]any{"otp": "abcdefghijklmnopqrstuvwxyz"})
	for _, one := range held {
		a = b.must(http.MethodPut, "sys/generate-root/update", map[string]any{"key": base64Of(one), "nonce": a["nonce"]})
	}
	token := secret.Take([]byte(decoded(t, a["encoded_token"].(string), "abcdefghijklmnopqrstuvwxyz")))
	defer token.Wipe()
	out := play(open(token), vaultstate.Operation{ID: "rotate", Kind: vaultstate.Rotate})
	if len(out.After.Terms) != 1 || out.After.Terms[0].Term != 2 {
		t.Errorf("the rotation: %+v", out)
	}
}
