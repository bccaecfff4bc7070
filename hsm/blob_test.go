package hsm

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	wrapping "github.com/hashicorp/go-kms-wrapping/v2"
	"google.golang.org/protobuf/proto"

	"conclave/hsm/worker"
)

func TestParseBlob(t *testing.T) {
	ciphertext, nonce := bytes.Repeat([]byte{7}, 48), bytes.Repeat([]byte{9}, 12)
	good := func() *wrapping.BlobInfo {
		return &wrapping.BlobInfo{Ciphertext: ciphertext, Iv: nonce, KeyInfo: &wrapping.KeyInfo{KeyId: "vault:01", Mechanism: 0x1087}}
	}
	for _, c := range []struct {
		name string
		ruin func(*wrapping.BlobInfo)
		want string // "" for none
	}{
		{"as OpenBao writes it", func(b *wrapping.BlobInfo) { b.KeyInfo.Mechanism = 0 }, ""},
		{"as we write it", func(*wrapping.BlobInfo) {}, ""},
		{"no id", func(b *wrapping.BlobInfo) { b.KeyInfo.KeyId = "vault:" }, ""},
		{"a label with a colon", func(b *wrapping.BlobInfo) { b.KeyInfo.KeyId = "a:b:01" }, ""},
		{"no ciphertext", func(b *wrapping.BlobInfo) { b.Ciphertext = nil }, "no ciphertext"},
		{"no key", func(b *wrapping.BlobInfo) { b.KeyInfo = nil }, "not label:id"},
		{"no label", func(b *wrapping.BlobInfo) { b.KeyInfo.KeyId = ":01" }, "not label:id"},
		{"no colon", func(b *wrapping.BlobInfo) { b.KeyInfo.KeyId = "vault" }, "not label:id"},
		{"an id with 0x", func(b *wrapping.BlobInfo) { b.KeyInfo.KeyId = "vault:0x01" }, "not hexadecimal"},
		{"a MAC", func(b *wrapping.BlobInfo) { b.Hmac = []byte{1} }, "HMAC beside it"},
		{"a MAC key", func(b *wrapping.BlobInfo) { b.KeyInfo.HmacKeyId = "mac:" }, "HMAC beside it"},
		{"a MAC and no mechanism", func(b *wrapping.BlobInfo) { b.KeyInfo.Mechanism, b.Hmac = 0, []byte{1} }, "HMAC beside it"},
		{"a nonce of 16", func(b *wrapping.BlobInfo) { b.Iv = ciphertext[:16] }, "nonce of 16"},
		{"a nonce of zeros", func(b *wrapping.BlobInfo) { b.Iv = make([]byte, 12) }, "nonce of zeros"},
		{"a tag and nothing else", func(b *wrapping.BlobInfo) { b.Ciphertext = ciphertext[:16] }, "shorter than a tag"},
		{"RSA, said", func(b *wrapping.BlobInfo) { b.KeyInfo.Mechanism, b.Iv = 9, nil }, ""},
		{"RSA with a nonce", func(b *wrapping.BlobInfo) { b.KeyInfo.Mechanism = 9 }, "which RSA-OAEP has not"},
		{"PKCS#1 v1.5", func(b *wrapping.BlobInfo) { b.KeyInfo.Mechanism = 1 }, "PKCS#1 v1.5"},
		{"ECB", func(b *wrapping.BlobInfo) { b.KeyInfo.Mechanism = 0x1081 }, "0x1081"},
		{"CBC without a MAC", func(b *wrapping.BlobInfo) { b.KeyInfo.Mechanism, b.Iv = 0x1082, ciphertext[:16] }, "format (0)"},
		{"an envelope", func(b *wrapping.BlobInfo) { b.KeyInfo.WrappedKey = []byte{1} }, "envelope"},
		{"a plaintext", func(b *wrapping.BlobInfo) { b.Plaintext = []byte{1} }, "envelope"},
	} {
		m := good()
		c.ruin(m)
		b, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseBlob(b)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want == "" && (got.ref != m.KeyInfo.KeyId || m.KeyInfo.Mechanism == 0 && got.mechanism != 0x1087 ||
			m.KeyInfo.Mechanism != 0 && uint64(got.mechanism) != m.KeyInfo.Mechanism || !bytes.Equal(got.nonce, m.Iv)):
			t.Errorf("%s: %+v", c.name, got)
		case c.want != "" && (!errors.Is(err, ErrBlob) || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v", c.name, err)
		}
	}
	later, err := proto.Marshal(good())
	if err != nil {
		t.Fatal(err)
	}
	later = append(later, 0x9a, 0x06, 1, 'x') // field 99
	if _, err := parseBlob(later); err != nil {
		t.Errorf("a field of a later version: %v", err)
	}
	if _, err := parseBlob([]byte{0xff}); !errors.Is(err, ErrBlob) {
		t.Errorf("no protobuf: %v", err)
	}
}

func FuzzBlob(f *testing.F) {
	for _, b := range []blob{
		{ref: "vault:01", nonce: bytes.Repeat([]byte{1}, 12), ciphertext: make([]byte, 48), mechanism: 0x1087},
		{ref: "vault:01", ciphertext: make([]byte, 256), mechanism: 9},
		{ref: "vault:01", nonce: bytes.Repeat([]byte{1}, 16), ciphertext: make([]byte, 48), mechanism: 0x1082, macRef: "mac:", mac: make([]byte, 32)},
	} {
		b, err := b.marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("\x0a\x01a\x2a\x03\x1a\x01:"))
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := parseBlob(in)
		if err != nil {
			return
		}
		if got.label == "" || len(got.ciphertext) == 0 || !strings.HasPrefix(got.ref, got.label+":") {
			t.Fatalf("%x became %+v", in, got)
		}
		out, err := got.marshal()
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseBlob(out)
		if err != nil || again.ref != got.ref || again.mechanism != got.mechanism || !bytes.Equal(again.ciphertext, got.ciphertext) {
			t.Fatalf("%x read back as %+v, %v", in, again, err)
		}
	})
}

func TestGCMParts(t *testing.T) {
	ours, theirs := bytes.Repeat([]byte{1}, 12), bytes.Repeat([]byte{2}, 12)
	body := bytes.Repeat([]byte{3}, 32+16)
	for _, c := range []struct {
		name       string
		out, nonce []byte
		used       []byte // nil: an error
	}{
		{"our nonce", body, ours, ours},
		{"appended", append(bytes.Clone(body), theirs...), ours, theirs},
		{"no tag", body[:32], ours, nil},
		{"a short tag", body[:44], ours, nil},
		{"zeros", body, make([]byte, 12), nil},
		{"zeros appended", append(bytes.Clone(body), make([]byte, 12)...), ours, nil},
		{"no nonce", body, nil, nil},
		{"a nonce of 16", body, make([]byte, 16), nil},
	} {
		ciphertext, used, err := gcmParts(c.out, c.nonce, 32)
		if (err != nil) != (c.used == nil) || !bytes.Equal(used, c.used) || err == nil && !bytes.Equal(ciphertext, body) {
			t.Errorf("%s: %x %x %v", c.name, ciphertext, used, err)
		}
	}
}

func TestMechanisms(t *testing.T) {
	for name, want := range map[string]uint{"": 0, "CKM_AES_GCM": 0x1087, "aes_gcm": 0x1087, "0x1087": 0x1087, "0x0009": 9, "RSA_PKCS_OAEP": 9, "CKM_RSA_PKCS_OAEP": 9,
		"CKM_AES_CBC_PAD": 0x1085, "0x1085": 0x1085, "AES_CBC": 0x1082, "0x1082": 0x1082, "4231": 0x1087, "0x9": 9} {
		if m, err := mechanismNumber(name); err != nil || m != want {
			t.Errorf("%q is 0x%x, %v", name, m, err)
		}
	}
	for name, want := range map[string]string{"CKM_RSA_PKCS": "PKCS#1 v1.5", "0x0001": "PKCS#1 v1.5", "rsa_pkcs": "PKCS#1 v1.5", "1": "PKCS#1 v1.5", "4232": "none of", "0": "none of", "CKM_AES_ECB": "none of"} {
		if _, err := mechanismNumber(name); !errors.Is(err, ErrMechanism) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, c := range []struct {
		mechanism, kind uint
		want            string // "" for none
	}{
		{0x1087, worker.KeyTypeAES, ""}, {0x1085, worker.KeyTypeAES, ""}, {0x1082, worker.KeyTypeAES, ""}, {9, worker.KeyTypeRSA, ""},
		{9, worker.KeyTypeAES, "wrong type for CKM_RSA_PKCS_OAEP"}, {0x1087, worker.KeyTypeRSA, "wrong type for CKM_AES_GCM"},
		{0x1085, worker.KeyTypeRSA, "wrong type for CKM_AES_CBC_PAD"}, {0x1087, 0x10, "neither"},
	} {
		if err := fits(c.mechanism, c.kind); (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("0x%x with the key type 0x%x: %v", c.mechanism, c.kind, err)
		}
	}
	for name, want := range map[string]string{"": "sha256", "sha256": "sha256", "SHA-1": "sha1", "sha512": "sha512", "sha384": "sha384", "sha224": "sha224", "md5": ""} {
		if h, err := oaep(name); h.name != want || (err != nil) != (want == "") {
			t.Errorf("%q is %q, %v", name, h.name, err)
		}
	}
}

func TestMayTry(t *testing.T) {
	ok := Info{PIN: PINOK, MinPIN: 4, MaxPIN: 8}
	with := func(f func(*Info)) Info { i := ok; f(&i); return i }
	for _, c := range []struct {
		name   string
		info   Info
		length int
		want   error
	}{
		{"right", ok, 4, nil},
		{"empty", ok, 0, ErrPINLength},
		{"short", ok, 3, ErrPINLength},
		{"long", ok, 9, ErrPINLength},
		{"no maximum", with(func(i *Info) { i.MaxPIN = 0 }), 99, nil},
		{"last try", with(func(i *Info) { i.PIN = PINFinalTry }), 4, nil},
		{"locked", with(func(i *Info) { i.PIN = PINLocked }), 4, ErrPINLocked},
		{"not set", with(func(i *Info) { i.PIN = PINNotSet }), 4, ErrPINNotSet},
		{"at the pad", with(func(i *Info) { i.ProtectedPath = true }), 0, nil},
		{"at the pad, locked", with(func(i *Info) { i.ProtectedPath, i.PIN = true, PINLocked }), 0, ErrPINLocked},
	} {
		if err := mayTry(c.info, c.length); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
