package barrier_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"conclave/hsm/secret"
	"conclave/vaultstate/barrier"
)

func FuzzOpen(f *testing.F) {
	g := load(f, "aes")
	k := g.keyring(f)
	for _, record := range g.entries {
		f.Add(record)
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		plain, err := barrier.Open(record, barrier.RootKeyPath, k.Key)
		plain.Wipe()
		if (err == nil) != bytes.Equal(record, g.entries[barrier.RootKeyPath]) {
			t.Errorf("Open = %v", err)
		}
	})
}

// FuzzKeyring: what is read is JSON that encoding/json reads in the same way,
// and what is written again is read as the same.
func FuzzKeyring(f *testing.F) {
	for _, name := range fixtures {
		f.Add([]byte(load(f, name).opened.Keyring))
	}
	f.Add([]byte(`{"Later":{"a":[1,{"]":"}\\\""},null]},"MasterKey":"uRQaUvz5VUlsRRQ654jqvV3QDr07PqnLLEItyhhSXXQ=","Keys":[{"x":1,"Term":1,"Version":1,"Value":"usFIC1ZbBqdV9u/1Y4lkT+Hw469dVFtHpOuVQtcziwY=","InstallTime":"2026-11-23T07:51:36.868935647Z"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := barrier.ParseKeyring(secretOf(t, text))
		if err != nil {
			return
		}
		defer k.Wipe()
		var theirs struct {
			MasterKey []byte
			Keys      []struct {
				Term  uint32
				Value []byte
			}
		}
		if err := json.Unmarshal(text, &theirs); err != nil {
			t.Fatalf("a server does not read this: %v", err)
		}
		if !bytes.Equal(theirs.MasterKey, k.Root().Expose()) || len(theirs.Keys) != len(k.Terms()) {
			t.Fatal("a server reads another keyring")
		}
		for _, want := range theirs.Keys {
			got, err := k.Key(want.Term)
			if err != nil || !bytes.Equal(got.Expose(), want.Value) {
				t.Fatalf("a server reads another key of term %d", want.Term)
			}
		}
		plain, err := k.Encode()
		if err != nil {
			t.Fatal(err)
		}
		defer plain.Wipe()
		again, err := barrier.ParseKeyring(plain)
		if err != nil {
			t.Fatalf("what we write we do not read: %v", err)
		}
		defer again.Wipe()
		twice, err := again.Encode()
		if err != nil {
			t.Fatal(err)
		}
		defer twice.Wipe()
		if !plain.Equal(twice) {
			t.Error("written twice, it differs")
		}
	})
}

func FuzzKeyObject(f *testing.F) {
	f.Add([]byte(`{"Term":1,"Version":1,"Value":"uRQaUvz5VUlsRRQ654jqvV3QDr07PqnLLEItyhhSXXQ=","InstallTime":"0001-01-01T00:00:00Z"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		root, err := barrier.ParseKeyObject(secretOf(t, text))
		if err != nil {
			return
		}
		defer root.Wipe()
		var theirs struct{ Value []byte }
		if err := json.Unmarshal(text, &theirs); err != nil || !bytes.Equal(theirs.Value, root.Expose()) {
			t.Errorf("a server reads another key (%v)", err)
		}
	})
}

func FuzzStoredKeys(f *testing.F) {
	f.Add([]byte(`["uRQaUvz5VUlsRRQ654jqvV3QDr07PqnLLEItyhhSXXQ="]`))
	f.Add([]byte(` [ "uRQaUvz5VUlsRRQ654jqvV3QDr07PqnLLEItyhhSXXQ=" , [{"a":"]"}] ] `))
	f.Fuzz(func(t *testing.T, text []byte) {
		root, err := barrier.ParseStoredKeys(secretOf(t, text))
		if err != nil {
			return
		}
		defer root.Wipe()
		var theirs [][]byte
		if err := json.Unmarshal(text, &theirs); err != nil || len(theirs) != 1 || !bytes.Equal(theirs[0], root.Expose()) {
			t.Errorf("a server reads another key (%v)", err)
		}
	})
}

func FuzzSealConfig(f *testing.F) {
	for _, name := range fixtures {
		g := load(f, name)
		f.Add(g.entries[barrier.SealConfigPath], true)
		f.Add(g.entries[barrier.RecoveryConfigPath], false)
	}
	f.Fuzz(func(t *testing.T, text []byte, sealed bool) {
		kind := barrier.RecoveryConfig
		if sealed {
			kind = barrier.BarrierConfig
		}
		c, err := barrier.ParseSealConfig(text, kind)
		if err != nil {
			return
		}
		b, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := barrier.ParseSealConfig(b, kind)
		if err != nil {
			t.Fatalf("what we write we do not read: %v\n%s", err, b)
		}
		if again.Shares != c.Shares || again.Threshold != c.Threshold || len(again.PGPKeys) != len(c.PGPKeys) {
			t.Errorf("written again it says %+v, not %+v", again, c)
		}
	})
}

func FuzzToken(f *testing.F) {
	f.Add([]byte(`{"type":1,"id":"s.x","accessor":"a","policies":["root"],"path":"auth/token/root","creation_time":5,"ttl":0,"namespace_id":"root"}`))
	salt := barrier.NewSalt()
	f.Cleanup(salt.Wipe)
	f.Fuzz(func(t *testing.T, text []byte) {
		x, err := barrier.ParseToken(secretOf(t, text))
		if err != nil {
			return
		}
		defer x.Wipe()
		entries := x.Entries(salt)
		for _, e := range entries {
			defer e.Plain.Wipe()
		}
		again, err := barrier.ParseToken(entries[1].Plain)
		if err != nil {
			t.Fatalf("what we write we do not read: %v", err)
		}
		defer again.Wipe()
		if !again.ID.Equal(x.ID) || again.Accessor != x.Accessor {
			t.Error("written again it is another token")
		}
	})
}

func FuzzMounts(f *testing.F) {
	for _, name := range fixtures {
		g := load(f, name)
		f.Add(bytes.Clone(g.open(f, g.keyring(f), barrier.MountsPath).Expose()))
	}
	f.Add([]byte(`{"entries":[{"path":"secret/","uuid":"u"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		mounts, err := barrier.ParseMounts(secretOf(t, text))
		if err == nil {
			barrier.SecretPath(mounts, "secret/x")
		}
	})
}

func secretOf(t *testing.T, text []byte) secret.Bytes {
	s := secret.New(len(text))
	copy(s.Expose(), text)
	t.Cleanup(s.Wipe)
	return s
}
