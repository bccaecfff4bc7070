package api_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"conclave/vaultstate"
	"conclave/vaultstate/api"
	"conclave/vaultstate/local"
	"conclave/vaultstate/vaulttest"
)

// FuzzBodies: no body makes an endpoint panic, answer something else than JSON,
// or change a vault without a quorum.
func FuzzBodies(f *testing.F) {
	paths := []string{"sys/init", "sys/rekey/init", "sys/rekey/update", "sys/rekey-recovery-key/init", "sys/rekey-recovery-key/update",
		"sys/rekey-recovery-key/verify", "sys/generate-root/attempt", "sys/generate-root/update", "sys/rotate"}
	for i, list := range [][]bad{beforeInit, afterInit} {
		for _, x := range list {
			f.Add(x.body, uint8(i))
		}
	}
	f.Add(`{"key":"akq6raufrKDw\/LNT4t7mcH4dU8e5MTu5nLd\/9ESvfShO","nonce":"x"}`, uint8(2))
	f.Add(`{"KEY":"00","key":null,"key":"\u0061"}`, uint8(2))
	disk := vaulttest.NewDisk()
	disk.MkdirAll(root)
	v, err := local.Open(local.Options{Storage: root, Seal: vaulttest.NewSeal(), Practice: true, FS: disk})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = v.Close() })
	first := &bench{T: &testing.T{}, vault: v, disk: disk, record: &record{}}
	make := func() {
		s, err := api.New(f.Context(), api.Options{Vault: v, Record: first.record, ID: "fuzz", Allow: everything, Plain: true})
		if err != nil {
			f.Fatal(err)
		}
		first.Server = s
	}
	make()
	if _, err := v.Begin(f.Context(), vaultstate.Operation{ID: "first", Kind: vaultstate.Init, Shares: 3, Threshold: 2, SkipProof: true}); err != nil {
		f.Fatal(err)
	}
	issue, err := v.Take(f.Context(), "first")
	if err != nil {
		f.Fatal(err)
	}
	issue.Wipe()
	if _, err := v.Commit(f.Context(), "first"); err != nil {
		f.Fatal(err)
	}
	make()
	before := core(f, v)
	f.Fuzz(func(t *testing.T, body string, which uint8) {
		b := *first
		b.T = t
		b.record.events = nil
		w := b.raw(http.MethodPut, paths[int(which)%len(paths)], body)
		if w.Body.Len() > 0 && !json.Valid(w.Body.Bytes()) {
			t.Errorf("an answer that is no JSON: %q", w.Body)
		}
		if err := b.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if core(t, v) != before {
			t.Error("the vault was changed")
		}
	})
}

func core(t testing.TB, v *local.Vault) vaultstate.Digest {
	t.Helper()
	st, err := v.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return st.Storage
}
