package barrier_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/barrier"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.FixedZone("", 3600))

func encode(t testing.TB, k *barrier.Keyring) string {
	t.Helper()
	plain, err := k.Encode()
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Wipe()
	return string(plain.Expose())
}

func TestNewKeyring(t *testing.T) {
	root := secret.Random(barrier.KeySize)
	k := barrier.NewKeyring(root, noon)
	defer k.Wipe()
	if !k.Root().Equal(root) {
		t.Error("the keyring has another root key")
	}
	root.Wipe()
	if k.Root().Len() != barrier.KeySize {
		t.Error("the keyring shares its root key with the caller")
	}
	var got struct {
		Keys []struct {
			Term, Version int
			Value         []byte
			InstallTime   string
		}
		RotationConfig map[string]any
	}
	if err := json.Unmarshal([]byte(encode(t, k)), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Keys) != 1 || got.Keys[0].Term != 1 || got.Keys[0].Version != 1 || len(got.Keys[0].Value) != 32 || got.Keys[0].InstallTime != "2026-03-01T11:00:00.123456789Z" {
		t.Errorf("the keys are %+v", got.Keys)
	}
	want := map[string]any{"Disabled": false, "MaxOperations": 3865470566.0, "Interval": 0.0}
	if !reflect.DeepEqual(got.RotationConfig, want) {
		t.Errorf("the rotation configuration is %v", got.RotationConfig)
	}
}

func TestRotate(t *testing.T) {
	f := load(t, "aes")
	text := strings.ReplaceAll(f.opened.Keyring, `Z"}`, `Z","encryptions":77}`)
	k, err := barrier.ParseKeyring(take(t, text))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Wipe()
	if encode(t, k) != text {
		t.Fatalf("encoded as %s, want %s", encode(t, k), text)
	}
	term, err := k.Rotate(noon)
	if err != nil || term != 3 || k.Active() != 3 {
		t.Fatalf("Rotate() = %d, %v; active %d", term, err, k.Active())
	}
	again := encode(t, k)
	old := strings.TrimSuffix(f.opened.Keyring, `],"RotationConfig":{"Disabled":false,"MaxOperations":3865470566,"Interval":0}}`)
	if !strings.HasPrefix(again, old+`,{"Term":3,"Version":1,"Value":"`) {
		t.Errorf("after the rotation it is %s", again)
	}
	terms := k.Terms()
	if len(terms) != 3 || terms[2].Term != 3 || !terms[2].Installed.Equal(noon) || terms[0].Digest == terms[1].Digest {
		t.Errorf("terms: %+v", terms)
	}
	key, err := k.Key(2)
	if err != nil || terms[1].Digest != vaultstate.KeyDigest("term-key", key) {
		t.Errorf("term 2: %v", err)
	}
}

func TestRotateAtTheEnd(t *testing.T) {
	f := load(t, "rsa")
	k, err := barrier.ParseKeyring(take(t, strings.Replace(f.opened.Keyring, `"Term":1`, `"Term":4294967295`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Wipe()
	if _, err := k.Rotate(noon); err == nil {
		t.Error("the terms begin again at 0")
	}
}

func TestSetRoot(t *testing.T) {
	f := load(t, "aes")
	k := f.keyring(t)
	root := secret.Random(barrier.KeySize)
	defer root.Wipe()
	k.SetRoot(root)
	record, err := barrier.SealKeyring(k)
	if err != nil {
		t.Fatal(err)
	}
	if barrier.Term(record) != 1 {
		t.Errorf("the keyring's record has the term %d", barrier.Term(record))
	}
	again, err := barrier.OpenKeyring(record, root)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Wipe()
	if encode(t, again) != encode(t, k) {
		t.Error("the keyring changed on its way")
	}
	if _, err := barrier.OpenKeyring(record, f.root); !errors.Is(err, barrier.ErrOpen) {
		t.Errorf("the old root key: %v", err)
	}
	// What was sealed before still opens.
	f.open(t, k, barrier.SaltPath)

	object, err := barrier.SealRootKey(k, barrier.MasterPath)
	if err != nil {
		t.Fatal(err)
	}
	if barrier.Term(object) != 2 {
		t.Errorf("the copy of the root key has the term %d", barrier.Term(object))
	}
	plain, err := barrier.Open(object, barrier.MasterPath, k.Key)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Wipe()
	copied, err := barrier.ParseKeyObject(plain)
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Wipe()
	if !copied.Equal(root) {
		t.Error("the copy is another key")
	}
}

// TestForeignRootKey: a keyring that names another root key than its own.
func TestForeignRootKey(t *testing.T) {
	f, g := load(t, "aes"), load(t, "rsa")
	record, err := barrier.Seal(f.root, 1, barrier.KeyringPath, take(t, g.opened.Keyring))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := barrier.OpenKeyring(record, f.root); !errors.Is(err, vaultstate.ErrCorrupt) {
		t.Errorf("%v, want ErrCorrupt", err)
	}
}

func TestClone(t *testing.T) {
	k := load(t, "aes").keyring(t)
	want := encode(t, k)
	c := k.Clone()
	if _, err := c.Rotate(noon); err != nil {
		t.Fatal(err)
	}
	c.Wipe()
	if encode(t, k) != want {
		t.Error("a copy changed the original")
	}
}

// TestUnknownMembersSurvive has members that no server writes, on every level,
// in an order and with spaces of their own.
func TestUnknownMembersSurvive(t *testing.T) {
	f := load(t, "rsa")
	var g struct {
		MasterKey string
		Keys      []struct{ Value, InstallTime string }
	}
	if err := json.Unmarshal([]byte(f.opened.Keyring), &g); err != nil {
		t.Fatal(err)
	}
	text := `{ "Later" : {"a": [1, {"]": "}\\\""}, null], "b":1e400}, "MasterKey":"` + g.MasterKey + `",
	"RotationConfig": {"Interval":9007199254740993, "Disabled":true,"MaxOperations":1000000,"More":"\u003c"},
	"Keys" : [ {"Mark":"x,y]","Version":1,"Term":5,"InstallTime":"2020-01-01T00:00:00.10+02:00","Value":"` + g.Keys[0].Value + `" , "Deep":[[[]]],"encryptions":18446744073709551615} ] ,"é":"ü" }`
	k, err := barrier.ParseKeyring(take(t, text))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Wipe()
	if got, want := values(t, encode(t, k)), values(t, text); !reflect.DeepEqual(got, want) {
		t.Errorf("encoded as\n%v, want\n%v", got, want)
	}
	if _, err := k.Rotate(noon); err != nil {
		t.Fatal(err)
	}
	again := encode(t, k)
	for _, want := range []string{`"Mark":"x,y]"`, `"Deep":[[[]]]`, `"MaxOperations":1000000`, `"b":1e400`, `9007199254740993`} {
		if !strings.Contains(again, want) {
			t.Errorf("%s is lost: %s", want, again)
		}
	}
}

// values decodes JSON with its numbers as they are written.
func values(t *testing.T, text string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return v
}

func TestKeyringRefused(t *testing.T) {
	f := load(t, "aes")
	good := f.opened.Keyring
	const second = `{"Term":2,`
	for name, text := range map[string]string{
		"empty":             "",
		"null":              "null",
		"array":             "[]",
		"more after it":     good + "{}",
		"no root key":       strings.Replace(good, "MasterKey", "OtherKey", 1),
		"root key in lower": strings.Replace(good, "MasterKey", "masterkey", 1),
		"root key is null":  strings.Replace(good, `"uRQaUvz5VUlsRRQ654jqvV3QDr07PqnLLEItyhhSXXQ="`, "null", 1),
		"short root key":    strings.Replace(good, "uRQaUvz5", "uRQa", 1),
		"long root key":     strings.Replace(good, "uRQaUvz5", "uRQaUvz5AAAA", 1),
		"loose base64":      strings.Replace(good, "yhhSXXQ=", "yhhSXXR=", 1),
		"root key twice":    strings.Replace(good, `{"MasterKey"`, `{"MasterKey":"uRQaUvz5VUlsRRQ654jqvV3QDr07PqnLLEItyhhSXXQ=","MasterKey"`, 1),
		"escaped name":      strings.Replace(good, `{"MasterKey"`, `{"\u004dasterKey":"uRQaUvz5VUlsRRQ654jqvV3QDr07PqnLLEItyhhSXXQ=","MasterKey"`, 1),
		"no keys":           `{"MasterKey":"uRQaUvz5VUlsRRQ654jqvV3QDr07PqnLLEItyhhSXXQ=","Keys":[]}`,
		"keys missing":      `{"MasterKey":"uRQaUvz5VUlsRRQ654jqvV3QDr07PqnLLEItyhhSXXQ="}`,
		"keys null":         `{"MasterKey":"uRQaUvz5VUlsRRQ654jqvV3QDr07PqnLLEItyhhSXXQ=","Keys":null}`,
		"keys an object":    `{"MasterKey":"uRQaUvz5VUlsRRQ654jqvV3QDr07PqnLLEItyhhSXXQ=","Keys":{}}`,
		"term twice":        strings.Replace(good, second, `{"Term":1,`, 1),
		"term 0":            strings.Replace(good, second, `{"Term":0,`, 1),
		"term too large":    strings.Replace(good, second, `{"Term":4294967296,`, 1),
		"term a fraction":   strings.Replace(good, second, `{"Term":2.5,`, 1),
		"term null":         strings.Replace(good, second, `{"Term":null,`, 1),
		"no term":           strings.Replace(good, second, `{`, 1),
		"TERM":              strings.Replace(good, second, `{"TERM":2,`, 1),
		"version 2":         strings.Replace(good, second+`"Version":1`, second+`"Version":2`, 1),
		"no version":        strings.Replace(good, second+`"Version":1,`, second, 1),
		"short key":         strings.Replace(good, "ZSd6SAbs", "ZSd6", 1),
		"no time":           strings.Replace(good, `,"InstallTime":"2026-11-23T07:51:36.901477022Z"`, "", 1),
		"bad time":          strings.Replace(good, "2026-11-23T07:51:36.901477022Z", "2026-11-23 07:51:36", 1),
		"bad encryptions":   strings.Replace(good, second, second+`"encryptions":-1,`, 1),
		"Encryptions":       strings.Replace(good, second, second+`"Encryptions":1,`, 1),
		"rotation a number": strings.Replace(good, `{"Disabled":false,"MaxOperations":3865470566,"Interval":0}`, "1", 1),
	} {
		if text == good {
			t.Fatalf("%s: the example is the good one", name)
		}
		k, err := barrier.ParseKeyring(take(t, text))
		if !errors.Is(err, vaultstate.ErrCorrupt) || k != nil {
			t.Errorf("%s: %v, want ErrCorrupt", name, err)
			continue
		}
		for _, key := range []string{"uRQa", "ZSd6", "usFI"} {
			if strings.Contains(err.Error(), key) {
				t.Errorf("%s: the error holds a key: %v", name, err)
			}
		}
	}
	for n := range len(good) {
		if _, err := barrier.ParseKeyring(take(t, good[:n])); err == nil {
			t.Errorf("a keyring cut at %d is read", n)
		}
	}
}

func TestKeyObjectRefused(t *testing.T) {
	const good = `{"Term":1,"Version":1,"Value":"uRQaUvz5VUlsRRQ654jqvV3QDr07PqnLLEItyhhSXXQ=","InstallTime":"0001-01-01T00:00:00Z"}`
	for name, text := range map[string]string{
		"another term": strings.Replace(good, `"Term":1`, `"Term":2`, 1),
		"version":      strings.Replace(good, `"Version":1`, `"Version":0`, 1),
		"an array":     "[" + good + "]",
		"nothing":      "",
	} {
		if _, err := barrier.ParseKeyObject(take(t, text)); !errors.Is(err, vaultstate.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	short := secret.Random(31)
	defer short.Wipe()
	if _, err := barrier.EncodeKeyObject(short); err == nil {
		t.Error("a key of 31 bytes is written")
	}
	if _, err := barrier.EncodeStoredKeys(short); err == nil {
		t.Error("a key of 31 bytes is stored")
	}
}

func TestStoredKeysRefused(t *testing.T) {
	const key = `"uRQaUvz5VUlsRRQ654jqvV3QDr07PqnLLEItyhhSXXQ="`
	for text, want := range map[string]string{
		"[]":                        "expected exactly one stored key",
		"[" + key + "," + key + "]": "expected exactly one stored key",
		key:                         "not a JSON array",
		"[" + key:                   "not JSON",
		"[1]":                       "base64",
		"[null]":                    "base64",
		`["` + "short" + `"]`:       "base64",
		`[` + key[:45] + `\n"]`:     "base64",
		`[` + strings.Replace(key, "u", `\u0075`, 1) + `]`:      "base64",
		strings.Repeat("x", 32):                                 "not JSON", // a raw key: the recovery key's form
		`[` + strings.Replace(key, "uRQaUv", "uR-aUv", 1) + `]`: "base64",
	} {
		if _, err := barrier.ParseStoredKeys(take(t, text)); !errors.Is(err, vaultstate.ErrCorrupt) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
