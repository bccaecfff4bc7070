package server_test

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"

	"conclave/vaultstate"
	"conclave/vaultstate/server"
)

const (
	v113   = "http-vault-1.13.0.json"
	open25 = "http-openbao-2.5.5-open.json"
	def25  = "http-openbao-2.5.5-default.json"
	def27  = "http-openbao-2.7-dev-default.json"
)

// TestReplayInit: an ordinary init, and on Vault the other one tried before it.
func TestReplayInit(t *testing.T) {
	op := vaultstate.Operation{ID: "i", Kind: vaultstate.Init, Shares: 5, Threshold: 3, RootToken: true}
	for _, file := range []string{def25, open25, def27, v113} {
		all := readRecording(t, file)
		list := all.flow(t, "before init")
		op.SkipProof = true
		if file == v113 {
			op.SkipProof = false
			list = append(list, readRecording(t, "http-vault-1.13.0-zero-shares.json").flow(t, "init without recovery shares")...)
		}
		list = append(list, all.flow(t, "init", "after init")...)
		r := newReplay(t, all, list, func(e exchange) bool { return bytes.Contains(e.Response, []byte("already initialized")) })
		v := r.open(false)
		begin(t, v, op)
		out := takeAll(t, v, "i", keys(t, list, "recovery_keys_base64"))
		if last := out.Checks[len(out.Checks)-1]; !last.OK || out.After.RecoveryKey == (vaultstate.Digest{}) {
			t.Errorf("%s: %+v", file, out)
		}
		r.done()
	}
}

// TestReplayZeroShares: an init without recovery keys, and the rotation that
// makes them. The recorded verification that fails is left out: shares that come
// in plain are compared here before they are sent.
func TestReplayZeroShares(t *testing.T) {
	for file, nonces := range map[string][2]string{
		"http-openbao-2.5.5-zero-shares.json":   {"b26a515f-a27f-d1da-0b63-2181fbcf28a2", "bc95fe12-79ef-12cd-bbb8-f0776dc282a6"},
		"http-openbao-2.7-dev-zero-shares.json": {"c7a45f5b-f540-6ae0-ab1f-a562f880532d", "4923f195-2989-7e72-ab05-2fc0d6ed97c9"},
	} {
		all := readRecording(t, file, nonces[0], nonces[1])
		list := all.flow(t, "init without recovery shares", "then rotate the recovery key with verification")
		verifies := 0
		list = slices.DeleteFunc(list, func(e exchange) bool {
			if e.Method == http.MethodPut && strings.HasSuffix(e.Path, "/verify") {
				verifies++
				return verifies <= 2
			}
			return false
		})
		before := readRecording(t, map[bool]string{true: def25, false: def27}[strings.Contains(file, "2.5.5")]).flow(t, "before init")
		r := newReplay(t, all, append(before, list...), nil)
		v := r.open(false)
		p := begin(t, v, vaultstate.Operation{ID: "i", Kind: vaultstate.Init, Shares: 3, Threshold: 2, RootToken: true})
		if p.Phase != vaultstate.PhaseIssue {
			t.Fatalf("%s: %+v", file, p)
		}
		out := takeAll(t, v, "i", keys(t, list, "keys_base64"))
		if last := out.Checks[len(out.Checks)-1]; !last.OK {
			t.Errorf("%s: %+v", file, out)
		}
		r.done()
	}
}

// TestReplayRekey: a recovery rekey with a wrong quorum on the way, without and
// with verification, and a rekey of the root key.
func TestReplayRekey(t *testing.T) {
	for file, nonces := range map[string][2]string{
		open25: {"84c7d507-979c-ab00-8a22-f8bdbe0a43f7", "496a1429-a721-60a3-5bca-ec4db3ad9657"},
		v113:   {"e15e6a37-dde0-5cc1-89ee-85834bff50be", "b3245958-d99d-eb1e-fdf5-8af49da5b341"},
	} {
		all := readRecording(t, file, nonces[0], nonces[1])
		for _, c := range []struct {
			flow string
			op   vaultstate.Operation
		}{
			{"recovery rekey, no token", vaultstate.Operation{Shares: 5, Threshold: 3, SkipProof: true}},
			{"recovery rekey with verification, no token", vaultstate.Operation{Shares: 4, Threshold: 2}},
		} {
			list := all.flow(t, c.flow)
			verifies := 0
			list = slices.DeleteFunc(list, func(e exchange) bool {
				if e.Method == http.MethodPut && strings.HasSuffix(e.Path, "/verify") && !never(e) {
					verifies++
					return verifies <= 2 // it fails: see above
				}
				return strings.HasSuffix(e.Path, "/verify") && never(e)
			})
			r := newReplay(t, all, list, never)
			v := r.open(false)
			c.op.ID, c.op.Kind = "r", vaultstate.RecoveryRekey
			if p := begin(t, v, c.op); p.Needed != 3 {
				t.Fatalf("%s: %+v", file, p)
			}
			sent := sentShares(t, slices.DeleteFunc(slices.Clone(list), never))
			mustWrong(t, v, "r", sent[0], sent[1], sent[2])
			submit(t, v, "r", sent[3], sent[4], sent[5])
			takeAll(t, v, "r", keys(t, list, "keys_base64"))
			r.done()
		}
		list := all.flow(t, "root-key rekey, no token")
		r := newReplay(t, all, list, never)
		v := r.open(false)
		begin(t, v, vaultstate.Operation{ID: "k", Kind: vaultstate.Rekey})
		sent := sentShares(t, slices.DeleteFunc(slices.Clone(list), never))
		mustWrong(t, v, "k", sent[0], sent[1], sent[2])
		if p := submit(t, v, "k", sent[3], sent[4], sent[2]); p.Phase != vaultstate.PhaseReady {
			t.Errorf("%s: %+v", file, p)
		}
		r.done()
	}
}

// TestReplayRotate: the newer endpoints, from where the recorded quorum is clean.
func TestReplayRotate(t *testing.T) {
	all := readRecording(t, def27)
	for flow, op := range map[string]vaultstate.Operation{
		"rotate recovery with verification, token": {Kind: vaultstate.RecoveryRekey, Shares: 5, Threshold: 3},
		"rotate root, token":                       {Kind: vaultstate.Rekey},
	} {
		list := all.flow(t, flow)
		clean := slices.IndexFunc(list, func(e exchange) bool { return bytes.Contains(e.Response, []byte("same length")) })
		list = slices.DeleteFunc(slices.Clone(list), func(e exchange) bool { return never(e) })
		begins := slices.IndexFunc(list, changes)
		rest := slices.DeleteFunc(slices.Clone(all.flow(t, flow)[clean+1:]), func(e exchange) bool {
			return bytes.Contains(e.Response, []byte("already finished")) || bytes.Contains(e.Response, []byte("no rotation in progress"))
		})
		list = append(slices.Clone(list[:begins+1]), rest...)
		r := newReplay(t, all, list, nil)
		v := r.open(true)
		op.ID = "r"
		begin(t, v, op)
		sent := sentShares(t, list)
		p := submit(t, v, "r", sent[0], sent[1], sent[2])
		if op.Kind == vaultstate.Rekey {
			if out, err := v.Commit(t.Context(), "r"); err != nil || p.Phase != vaultstate.PhaseReady {
				t.Errorf("%s: %+v, %v", flow, out, err)
			}
		} else if issue, err := v.Take(t.Context(), "r"); err != nil || len(issue.Shares) != 5 || !issue.Shares[2].Plain.Equal(keys(t, list, "keys_base64")[2]) {
			t.Errorf("%s: %+v, %v", flow, issue, err)
		}
		r.done()
	}
}

// TestReplayRoot: a token with a wrong quorum on the way. The recorded server then
// took a PGP key that encrypts nothing, and broke the connection at the last
// share: that key is refused here.
func TestReplayRoot(t *testing.T) {
	all := readRecording(t, def27)
	list := all.flow(t, "generate-root-token, token")
	list = slices.DeleteFunc(list, func(e exchange) bool {
		return never(e) || bytes.Contains(e.Response, []byte("no root generation in progress"))
	})
	forKey := slices.IndexFunc(list, func(e exchange) bool { return e.Request["pgp_key"] != nil })
	key := fromBase64(t, list[forKey].Request["pgp_key"]).Expose()
	list = list[:forKey]
	const token = "s.TESTtokenTESTtokenTESTto"
	r := newReplay(t, all, list, nil)
	r.encoded = func(otp string) string { // what the server would have made with our pad
		b := []byte(token)
		for i := range b {
			b[i] ^= otp[i]
		}
		return base64.RawStdEncoding.EncodeToString(b)
	}
	v := r.open(true)
	begin(t, v, vaultstate.Operation{ID: "g", Kind: vaultstate.GenerateRoot})
	sent := sentShares(t, list)
	mustWrong(t, v, "g", sent[0], sent[1], sent[2])
	submit(t, v, "g", sent[3], sent[4], sent[5])
	issue, err := v.Take(t.Context(), "g")
	if err != nil || string(issue.Token.Plain.Expose()) != token || issue.Token.Accessor == "" {
		t.Fatalf("%+v, %v", issue, err)
	}
	if out, err := v.Commit(t.Context(), "g"); err != nil || !out.Checks[0].OK {
		t.Errorf("%+v, %v", out, err)
	}
	r.done()
	op := vaultstate.Operation{ID: "p", Kind: vaultstate.GenerateRoot, RootToken: true, RootTokenPGPKey: key}
	if _, err := v.Begin(t.Context(), op); err == nil || !strings.Contains(err.Error(), "encrypted to this key") {
		t.Errorf("a key that encrypts nothing: %v", err)
	}
}

// TestReplayRest: rotate and unseal as they were recorded, and what is closed.
func TestReplayRest(t *testing.T) {
	for _, file := range []string{def25, open25, def27, v113} {
		all := readRecording(t, file)
		r := newReplay(t, all, all.flow(t, "rotate the encryption key"), func(e exchange) bool { return e.Status == http.StatusForbidden })
		v := r.open(true)
		begin(t, v, vaultstate.Operation{ID: "r", Kind: vaultstate.Rotate})
		out, err := v.Commit(t.Context(), "r")
		if err != nil || !out.Checks[0].OK || out.Before.Terms[0].Term != 1 || out.After.Terms[0].Term != 2 || out.After.Terms[0].Installed.IsZero() {
			t.Errorf("%s: %+v, %v", file, out, err)
		}
		r.done()

		list := all.flow(t, "seal, then unseal with recovery shares")
		sent := sentShares(t, list)
		if len(sent) == 3 { // one recording ends before
			r = newReplay(t, all, list, func(e exchange) bool { return !strings.HasSuffix(e.Path, "/unseal") })
			v = r.open(false)
			if p := begin(t, v, vaultstate.Operation{ID: "u", Kind: server.Unseal}); !p.Nodes[0].Sealed || p.Needed != 3 {
				t.Errorf("%s: %+v", file, p)
			}
			submit(t, v, "u", sent...)
			if out, err := v.Commit(t.Context(), "u"); err != nil || !out.Checks[0].OK {
				t.Errorf("%s: %+v, %v", file, out, err)
			}
			r.done()
		}
		for token, want := range map[bool]string{
			false: map[string]string{def25: "no token no token no token no token", open25: "open open no token open", def27: "no token no token no token no token", v113: "open open no token open"}[file],
			true:  map[string]string{def25: "token token token closed", open25: "open open token open", def27: "token token token token", v113: "open open token open"}[file],
		} {
			ways, err := newReplay(t, all, nil, nil).open(token).Ways(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, w := range ways {
				got = append(got, string(w.Access))
				if w.Text == "" || w.Access == server.AccessClosed && !strings.Contains(w.Text, "disable_unauthed") {
					t.Errorf("%s: %+v", file, w)
				}
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%s, token %t: %v, want %s", file, token, got, want)
			}
		}
	}
}
