package barrier_test

import (
	"encoding/base64"
	"errors"
	"reflect"
	"strings"
	"testing"

	"conclave/vaultstate"
	"conclave/vaultstate/barrier"
)

func TestSealConfigs(t *testing.T) {
	b, err := barrier.NewBarrierConfig().Encode()
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"type":"pkcs11","secret_shares":1,"secret_threshold":1,"pgp_keys":null,"nonce":"","backup":false,"stored_shares":1}`; string(b) != want {
		t.Errorf("the barrier's is %s, want %s", b, want)
	}
	c := barrier.NewRecoveryConfig(7, 4)
	c.Nonce, c.Backup = "n", true
	if b, err = c.Encode(); err != nil {
		t.Fatal(err)
	}
	if want := `{"type":"shamir","secret_shares":7,"secret_threshold":4,"pgp_keys":null,"nonce":"n","backup":true,"stored_shares":0}`; string(b) != want {
		t.Errorf("the recovery key's is %s, want %s", b, want)
	}
}

func TestSealConfigUnknownMembers(t *testing.T) {
	const text = ` {"name":"x", "type":"shamir","later":{"a":[1,2]},"secret_shares":2,"secret_threshold":2,"pgp_keys":["AQ==","Ag=="]} `
	c, err := barrier.ParseSealConfig([]byte(text), barrier.RecoveryConfig)
	if err != nil {
		t.Fatal(err)
	}
	c.Shares, c.Threshold, c.PGPKeys = 5, 3, nil
	b, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"type":"shamir","secret_shares":5,"secret_threshold":3,"pgp_keys":null,"nonce":"","backup":false,"stored_shares":0,"name":"x","later":{"a":[1,2]}}`
	if string(b) != want {
		t.Errorf("%s, want %s", b, want)
	}
	again, err := barrier.ParseSealConfig(b, barrier.RecoveryConfig)
	if err != nil || !reflect.DeepEqual(again, c) {
		t.Errorf("read again: %+v, %v", again, err)
	}
}

func TestSealConfigAsOpenBao27WritesIt(t *testing.T) {
	c, err := barrier.ParseSealConfig([]byte(`{"type":"pkcs11","secret_shares":1,"secret_threshold":1,"nonce":""}`), barrier.BarrierConfig)
	if err != nil || c.StoredShares != 1 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestParseSealConfigRefuses(t *testing.T) {
	for _, tt := range []struct {
		kind barrier.ConfigKind
		text string
		want string
		is   error
	}{
		{barrier.BarrierConfig, `{"type":"transit","secret_shares":1,"secret_threshold":1}`, `barrier seal type of "transit" does not match loaded type of "pkcs11"`, vaultstate.ErrUnsupported},
		{barrier.RecoveryConfig, `{"secret_shares":1,"secret_threshold":1}`, `recovery seal type of "" does not match loaded type of "shamir"`, vaultstate.ErrUnsupported},
		{barrier.BarrierConfig, `{"type":"pkcs11","secret_shares":5,"secret_threshold":3,"stored_shares":1}`, "instead of 1, 1 and 1", vaultstate.ErrSingleValue},
		{barrier.BarrierConfig, `{"type":"pkcs11","secret_shares":1,"secret_threshold":1,"stored_shares":2}`, "instead of 1, 1 and 1", vaultstate.ErrSingleValue},
		{barrier.RecoveryConfig, `{"type":"shamir","secret_shares":3,"secret_threshold":1}`, "threshold must be greater than one", vaultstate.ErrCorrupt},
		{barrier.RecoveryConfig, `{"type":"shamir","secret_shares":-3,"secret_threshold":-3}`, "negative", vaultstate.ErrCorrupt},
		{barrier.RecoveryConfig, `{"type":"shamir","secret_shares":"3"}`, "number of shares", vaultstate.ErrCorrupt},
		{barrier.RecoveryConfig, `{"type":"shamir","Secret_Shares":3}`, "not written", vaultstate.ErrCorrupt},
		{barrier.RecoveryConfig, `{"type":"shamir","type":"shamir"}`, "twice", vaultstate.ErrCorrupt},
		{barrier.RecoveryConfig, `{"type":null}`, "null", vaultstate.ErrCorrupt},
		{barrier.RecoveryConfig, `{"type":"shamir"`, "not JSON", vaultstate.ErrCorrupt},
		{barrier.RecoveryConfig, `"shamir"`, "not a JSON object", vaultstate.ErrCorrupt},
	} {
		_, err := barrier.ParseSealConfig([]byte(tt.text), tt.kind)
		if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.text, err, tt.want)
		}
	}
	// What OpenBao accepts although its recovery key can never be used.
	c, err := barrier.ParseSealConfig([]byte(`{"type":"shamir","secret_shares":1,"secret_threshold":0}`), barrier.RecoveryConfig)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(nil); err == nil {
		t.Error("a threshold of 0 is valid")
	}
}

// TestValidate has the servers' messages word by word, and their order.
func TestValidate(t *testing.T) {
	keys := func(list ...string) []string { return list }
	good := base64.StdEncoding.EncodeToString([]byte("good"))
	bad := base64.StdEncoding.EncodeToString([]byte("bad"))
	for _, tt := range []struct {
		shares, threshold, stored int
		pgp                       []string
		want, base                string
	}{
		{5, 3, 0, nil, "", ""},
		{1, 1, 0, nil, "", ""},
		{255, 255, 0, nil, "", ""},
		{0, 0, 0, nil, "shares must be at least one", ""},
		{0, 1, 0, nil, "shares must be at least one", "threshold cannot be larger than shares"},
		{1, 0, 0, nil, "threshold must be at least one", ""},
		{2, 1, 0, nil, "threshold must be greater than one for multiple shares", "threshold must be greater than one for multiple shares"},
		{256, 1, 0, nil, "threshold must be greater than one for multiple shares", "threshold must be greater than one for multiple shares"},
		{256, 256, 0, nil, "shares must be less than 256", "shares must be less than 256"},
		{255, 256, 0, nil, "threshold must be less than 256", "threshold must be less than 256"},
		{2, 3, 0, nil, "threshold cannot be larger than shares", "threshold cannot be larger than shares"},
		{2, 2, 2, nil, "stored keys cannot be larger than 1", "stored keys cannot be larger than 1"},
		{2, 2, 0, keys(good), "count mismatch between number of provided PGP keys and number of shares", "count mismatch between number of provided PGP keys and number of shares"},
		{2, 2, 0, keys(good, good), "", ""},
		{2, 2, 0, keys(good, "!"), "error decoding given PGP key: illegal base64 data at input byte 0", "error decoding given PGP key: illegal base64 data at input byte 0"},
		{2, 2, 0, keys(bad, good), "error parsing given PGP key: unreadable", "error parsing given PGP key: unreadable"},
	} {
		c := barrier.NewRecoveryConfig(tt.shares, tt.threshold)
		c.StoredShares, c.PGPKeys = tt.stored, tt.pgp
		check := func(key []byte) error {
			if string(key) != "good" {
				return errors.New("unreadable")
			}
			return nil
		}
		if got := message(c.Validate(check)); got != tt.want {
			t.Errorf("Validate of %+v: %q, want %q", tt, got, tt.want)
		}
		if got := message(c.ValidateBase(check)); got != tt.base {
			t.Errorf("ValidateBase of %+v: %q, want %q", tt, got, tt.base)
		}
	}
	c := barrier.NewBarrierConfig()
	if err := c.Validate(nil); err != nil {
		t.Error(err)
	}
	c.Shares = 5
	if err := c.Validate(nil); !errors.Is(err, vaultstate.ErrSingleValue) {
		t.Errorf("a split root key: %v", err)
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
