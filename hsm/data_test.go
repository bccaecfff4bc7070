//go:build cgo

package hsm_test

import (
	"bytes"
	"errors"
	"testing"

	"conclave/hsm"
)

// TestData: a value takes the place of the one before, is there after a new
// login, and other labels and the keys are left alone.
func TestData(t *testing.T) {
	tok, _ := ready(t)
	ctx := t.Context()
	want := func(label string, values ...string) {
		t.Helper()
		got, err := tok.Data(ctx, label)
		if err != nil || len(got) != len(values) {
			t.Fatalf("%q holds %q, %v; want %q", label, got, err, values)
		}
		for i, v := range values {
			if string(got[i]) != v {
				t.Errorf("%q holds %q, want %q", label, got[i], v)
			}
		}
	}
	want("one")
	for _, v := range []string{"first", "second", "second", string(bytes.Repeat([]byte("x"), hsm.MaxData))} {
		if err := tok.PutData(ctx, "one", []byte(v)); err != nil {
			t.Fatal(err)
		}
		want("one", v)
	}
	if err := tok.PutData(ctx, "two", []byte("another")); err != nil {
		t.Fatal(err)
	}
	want("one", string(bytes.Repeat([]byte("x"), hsm.MaxData)))
	want("two", "another")
	for range 2 { // what is not there is removed, too
		if err := tok.PutData(ctx, "one", nil); err != nil {
			t.Fatal(err)
		}
		want("one")
	}
	if err := tok.Logout(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := tok.Data(ctx, "one"); err == nil {
		t.Error("a private object was read without a login")
	}
	login(t, tok)
	want("two", "another")
	if _, err := tok.FindKey(ctx); err != nil {
		t.Error(err)
	}
	for _, bad := range [][2]string{{"", "value"}, {"one", string(make([]byte, hsm.MaxData+1))}} {
		if err := tok.PutData(ctx, bad[0], []byte(bad[1])); err == nil {
			t.Errorf("label %q with %d bytes was taken", bad[0], len(bad[1]))
		}
	}
}

// TestDataFaults: a token that refuses, or that lies, is told apart from one
// that is gone; cut off between the new object and the old, both are there, and
// the next write leaves one.
func TestDataFaults(t *testing.T) {
	s := newShimmed(t)
	token := s.ready()
	ctx := t.Context()
	if err := token.PutData(ctx, "one", []byte("first")); err != nil {
		t.Fatal(err)
	}
	for _, f := range []struct {
		fault string
		none  bool // ErrNoData
		after int  // objects
	}{
		{"C_CreateObject return 0x54 times 1", true, 1},
		{"C_CreateObject return 0x13 times 1", true, 1},
		{"C_CreateObject return 0x0 times 1", true, 1},
		{"C_CreateObject return 0x32 times 1", false, 1},
		{"C_DestroyObject return 0x06 times 1", false, 2},
	} {
		s.Set(f.fault)
		err := token.PutData(ctx, "one", []byte("second"))
		if err == nil || errors.Is(err, hsm.ErrNoData) != f.none {
			t.Errorf("%s: %v", f.fault, err)
		}
		s.Set("")
		login(t, token)
		got, err := token.Data(ctx, "one")
		if err != nil || len(got) != f.after {
			t.Errorf("%s: %q, %v; want %d objects", f.fault, got, err, f.after)
		}
		if err := token.PutData(ctx, "one", []byte("first")); err != nil {
			t.Fatal(err)
		}
		if got, err := token.Data(ctx, "one"); err != nil || len(got) != 1 || string(got[0]) != "first" {
			t.Errorf("%s: then %q, %v", f.fault, got, err)
		}
	}
}
