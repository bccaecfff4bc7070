package hsm

import (
	"context"
	"encoding/hex"
	"fmt"

	"conclave/hsm/worker"
)

// The second key of AES-CBC: it makes the HMAC and nothing else.

// macRef is how blobs name the configured HMAC key.
func (t *Token) macRef() string { return t.cfg.HMACKeyLabel + ":" + t.cfg.HMACKeyID }

// checkMAC refuses an HMAC key that cannot be one of its own.
func (c Config) checkMAC() error {
	m, err := mechanismNumber(c.Mechanism)
	if err != nil {
		return err
	}
	if _, err := hex.DecodeString(c.HMACKeyID); err != nil {
		return fmt.Errorf("the id %q of the HMAC key is not hexadecimal", c.HMACKeyID)
	}
	switch {
	case c.HMACKeyLabel == "" && c.HMACKeyID != "":
		return fmt.Errorf("the HMAC key has an id and no label: give it one (hmac_key_label)")
	case c.HMACKeyLabel == "" && needsMAC(m):
		return fmt.Errorf("%s needs an HMAC key: name it (hmac_key_label), or take AES-GCM", mechanismName(m))
	case c.HMACKeyLabel != "" && c.HMACKeyLabel == c.KeyLabel && (c.HMACKeyID == c.KeyID || c.HMACKeyID == "" || c.KeyID == ""):
		return fmt.Errorf("the HMAC key has the label %q of the AES key: give it another, or both an id", c.HMACKeyLabel)
	}
	return nil
}

// macKey finds the HMAC key. Its type is looked at here: NSS takes an AES key
// for it.
func (t *Token) macKey(ctx context.Context, w *worker.Client, label, hexID string) (key, error) {
	if label == "" {
		return key{}, fmt.Errorf("%w: no label of an HMAC key was given", ErrKeyNotFound)
	}
	id, err := hex.DecodeString(hexID)
	if err != nil {
		return key{}, fmt.Errorf("the id %q of the HMAC key is not hexadecimal", hexID)
	}
	k, err := t.key(ctx, w, label, id)
	if err != nil {
		return key{}, fmt.Errorf("the HMAC key: %w", err)
	}
	if k.kind != worker.KeyTypeGeneric && k.kind != worker.KeyTypeSHA256HMAC {
		return key{}, fmt.Errorf("%w: the key %q is no generic secret (CKA_KEY_TYPE 0x%X) and cannot make the HMAC", ErrKeyAmbiguous, label, k.kind)
	}
	return k, nil
}

// describeMAC adds the HMAC key to what is known of the AES key. What it states
// worse than the AES key stands for both.
func (t *Token) describeMAC(ctx context.Context, w *worker.Client, r *Key) error {
	if err := t.cfg.checkMAC(); err != nil {
		return err
	}
	k, err := t.macKey(ctx, w, t.cfg.HMACKeyLabel, t.cfg.HMACKeyID)
	if err != nil {
		return err
	}
	r.HMACRef = t.macRef()
	r.HMACAttributes, err = t.attributes(ctx, w, k.use)
	return err
}
