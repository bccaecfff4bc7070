package serverconfig

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// refuse names the place of a value: its line, or the flag or variable.
func (c *Config) refuse(v Value, format string, args ...any) error {
	reason := fmt.Sprintf(format, args...)
	if v.Line > 0 {
		return &Error{c.File, v.Line, reason}
	}
	return &Error{Reason: v.Source + ": " + reason}
}

// check refuses what the server reads otherwise than it looks, or not at all.
func (c *Config) check(h *HSM) error {
	for _, p := range params {
		if v := *p.to(h); hasControl(v.Text) {
			return c.refuse(v, "there is a control character in it")
		}
	}
	if v := h.KeyID; v.Set() {
		if strings.HasPrefix(strings.ToLower(v.Text), "0x") {
			return c.refuse(v, "key_id begins with 0x: the server then ignores it and looks for the label alone; write the hex digits only")
		}
		if _, err := hex.DecodeString(v.Text); err != nil {
			return c.refuse(v, "key_id is not hex, two digits a byte: the server then ignores it and looks for the label alone")
		}
	}
	if v := h.Slot; v.Set() {
		bits := 32
		if strings.HasPrefix(v.Source, "flag ") {
			bits = 64 // of this run, not of a server
		}
		if _, err := ParseSlot(v.Text, bits); err != nil {
			return c.refuse(v, "slot is not a number of at most %d bits, decimal or hexadecimal with 0x: name the token by token_label instead", bits)
		}
	}
	if err := c.checkWords(h); err != nil {
		return err
	}
	if h.KeyID.Set() && !h.KeyLabel.Set() {
		return c.refuse(h.KeyID, "key_id without key_label: the server could encrypt but not decrypt again; give the key a label")
	}
	return nil
}

// checkWords refuses what is neither true nor false, and what only one value is
// known of.
func (c *Config) checkWords(h *HSM) error {
	for _, b := range []struct {
		name string
		Value
	}{
		{"generate_key", h.GenerateKey}, {"force_rw_session", h.ForceRW}, {"rsa_encrypt_local", h.RSALocal},
		{"disable_software_encryption", h.RSANotLocal}, {"accept_unauthenticated_seal", h.AcceptUnauthenticated},
	} {
		if _, err := strconv.ParseBool(b.Text); b.Set() && err != nil {
			return c.refuse(b.Value, "%s is neither true nor false", b.name)
		}
	}
	if h.RSALocal.True() && h.RSANotLocal.True() {
		return c.refuse(h.RSANotLocal, "rsa_encrypt_local and disable_software_encryption are both true: RSA can encrypt in one place only")
	}
	if v := h.hmacMechanism; v.Set() && !slices.Contains([]string{"0x0251", "0x251", "593", "ckm_sha256_hmac", "sha256_hmac"}, strings.ToLower(v.Text)) {
		return c.refuse(v, "hmac_mechanism is not CKM_SHA256_HMAC (0x0251): no other is used, by Vault neither")
	}
	if n, err := strconv.ParseUint(h.maxParallel.Text, 10, 31); h.maxParallel.Set() && (err != nil || n == 0) {
		return c.refuse(h.maxParallel, "max_parallel is not a number from 1")
	}
	if v := &h.HMACKeyID; v.Set() {
		// No server of ours reads it, so Vault's way to write it does no harm.
		v.Text = strings.TrimPrefix(strings.TrimPrefix(v.Text, "0x"), "0X")
		if _, err := hex.DecodeString(v.Text); err != nil || v.Text == "" {
			return c.refuse(*v, "hmac_key_id is not hex, two digits a byte")
		}
		if !h.HMACKeyLabel.Set() {
			return c.refuse(*v, "hmac_key_id without hmac_key_label: give the HMAC key a label")
		}
	}
	return nil
}

// ParseSlot reads a slot number as the server does: decimal, or hexadecimal
// after 0x.
func ParseSlot(text string, bits int) (uint64, error) {
	digits, base := strings.ToLower(text), 10
	if hexa, ok := strings.CutPrefix(digits, "0x"); ok {
		digits, base = hexa, 16
	}
	n, err := strconv.ParseUint(digits, base, bits)
	if err != nil {
		return 0, fmt.Errorf("reading a slot number: %w", err)
	}
	return n, nil
}
