//go:build cgo

package hsm_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"conclave/hsm"
	"conclave/hsm/worker"
)

// TestInventory: all that the login sees is listed in the token's words, also
// what is more than one answer holds.
func TestInventory(t *testing.T) {
	s := newStore(t)
	w, err := worker.Start(s.Env())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	const limit = 10 * time.Second
	if _, err := w.Load(t.Context(), limit, s.Config("", "").Lib); err != nil {
		t.Fatal(err)
	}
	slots, err := w.Slots(t.Context(), limit)
	if err != nil || len(slots) == 0 {
		t.Fatal(slots, err)
	}
	p := pin(testPIN)
	defer p.Wipe()
	if err := w.Login(t.Context(), limit, slots[0], p); err != nil {
		t.Fatal(err)
	}
	const many = 70 // one answer and a part of one
	for i := range many {
		if err := w.Generate(t.Context(), limit, worker.KeyTypeAES, 256, "vault", []byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Generate(t.Context(), limit, worker.KeyTypeRSA, 2048, "pair", []byte{9}); err != nil {
		t.Fatal(err)
	}
	token := open(t, s.Config("vault", "01"))
	if _, err := token.Inventory(t.Context()); err == nil {
		t.Error("it lists without a login")
	}
	login(t, token)
	inv, err := token.Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if inv.Count != many+2 || len(inv.Objects) != many+2 {
		t.Fatalf("%d objects, %d described", inv.Count, len(inv.Objects))
	}
	for i, o := range inv.Objects[2:] {
		if want := fmt.Sprintf("%02x", i); o.Class != "secret key" || o.Label != "vault" || o.ID != want || o.Type != "AES-256" {
			t.Errorf("object %d is %+v", i, o)
		}
	}
	private := inv.Objects[0]
	want := map[string]string{"CKA_TOKEN": "true", "CKA_PRIVATE": "true", "CKA_SENSITIVE": "true", "CKA_ALWAYS_SENSITIVE": "true", "CKA_EXTRACTABLE": "false",
		"CKA_NEVER_EXTRACTABLE": "true", "CKA_LOCAL": "true", "CKA_MODIFIABLE": "true", "CKA_DECRYPT": "true", "CKA_UNWRAP": "true", "CKA_SIGN": "true", "CKA_DERIVE": "false"}
	if private.Class != "private key" || private.Type != "RSA-2048" || private.ID != "09" || !reflect.DeepEqual(private.Attributes, want) {
		t.Errorf("the private key is %+v", private)
	}
	if public := inv.Objects[1]; public.Class != "public key" || public.Type != "RSA-2048" || public.Attributes["CKA_ENCRYPT"] != "true" || public.Attributes["CKA_SENSITIVE"] != "" {
		t.Errorf("the public key is %+v", public)
	}
}

// TestCalls: what used or made a key is counted, what the token refused, too;
// and each is told once.
func TestCalls(t *testing.T) {
	token, _ := ready(t)
	const key = `"vault" with id 01`
	if got, want := token.Calls(), []hsm.Call{{"C_GenerateKey", key, 1, 0}, {"C_Encrypt", key, 4, 0}, {"C_Decrypt", key, 8, 4}}; !reflect.DeepEqual(got, want) {
		t.Errorf("making the key: %+v, want %+v", got, want)
	}
	if _, err := token.SelfTest(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := token.Calls(), []hsm.Call{{"C_Encrypt", key, 5, 0}, {"C_Decrypt", key, 9, 4}}; !reflect.DeepEqual(got, want) {
		t.Errorf("the self-test: %+v, want %+v", got, want)
	}
	if got := token.Calls(); got != nil {
		t.Errorf("told again: %+v", got)
	}
}

// TestShimInventory: an object that the token does not describe is listed all
// the same; a token that is gone is an error.
func TestShimInventory(t *testing.T) {
	s := newShimmed(t)
	token := s.ready()
	s.Set("C_GetAttributeValue return 0x13 times 1")
	inv, err := token.Inventory(t.Context())
	if err != nil || len(inv.Objects) != 1 || inv.Objects[0].Unread != "C_GetAttributeValue returned 0x13" {
		t.Errorf("a refused object: %+v, %v", inv, err)
	}
	s.Set("C_GetAttributeValue return 0x32")
	if inv, err := token.Inventory(t.Context()); !errors.Is(err, hsm.ErrTokenGone) {
		t.Errorf("a token that is gone: %+v, %v", inv, err)
	}
}
