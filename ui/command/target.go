package command

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"conclave/ceremony/plan"
	"conclave/hsm"
	"conclave/hsm/secret"
	"conclave/vaultstate/serverconfig"
)

// target is which vault and which HSM a command acts on, and where each value
// comes from. Wipe ends the PIN in it.
type target struct {
	config     string // as it was named; "" if it was not
	configText string // …with its SHA-256
	storage    serverconfig.Value
	addresses  []string // where its server would answer
	hsm        *serverconfig.HSM
	pin        secret.Bytes // empty: it is typed
	other      bool         // of a second key: it is in another token
	second     *hsm.Config  // what a rewrap moves to or a retire destroys; nil: there is none
	sealed     string       // how a vault that exists names the key that it is wrapped with
	login      string       // where the PIN comes from
	values     []plan.Value
	overrides  []plan.Override
	notices    []serverconfig.Notice
}

func (t *target) Wipe() {
	if t != nil {
		t.pin.Wipe()
		t.hsm.Wipe()
	}
}

// forgetPIN unsets the variables that hold a PIN, once they were read: no child
// shall inherit them.
func forgetPIN() error {
	for _, name := range []string{"BAO_HSM_PIN", "VAULT_HSM_PIN"} {
		if err := os.Unsetenv(name); err != nil {
			return fmt.Errorf("clearing %s: %w", name, err)
		}
	}
	return nil
}

// target brings together flags, environment and configuration. It reads the
// files that they name, once, and touches nothing.
func (f *flags) target() (_ *target, err error) {
	t := &target{config: f.config, login: "typed"}
	defer func() {
		if err != nil {
			t.Wipe()
		}
	}()
	cfg, kept, warned, err := readConfig(f.config)
	if err != nil {
		return nil, err
	}
	defer cfg.Wipe()
	if err := t.setStorage(f, cfg); err != nil {
		return nil, err
	}
	given := map[string]string{}
	for name, value := range f.hsm {
		if f.given(name) {
			given[name] = *value
		}
	}
	if f.given("hsm-generate-key") {
		given["hsm-generate-key"] = strconv.FormatBool(f.generateKey)
	}
	if f.given("accept-unauthenticated-seal") {
		given["accept-unauthenticated-seal"] = strconv.FormatBool(f.acceptSeal)
	}
	t.hsm, err = serverconfig.Resolve(cfg, os.LookupEnv, given)
	if err != nil {
		return nil, usage("%v. Nothing was touched.", err)
	}
	if f.serial != "" {
		t.hsm.TokenSerial = serverconfig.Value{Text: f.serial, Source: "flag -hsm-token-serial"}
	}
	if err := t.setPIN(f); err != nil {
		return nil, err
	}
	if cfg != nil {
		t.notices = append(cfg.Notices, t.hsm.Notices...)
		t.addresses = addresses(cfg)
	}
	if f.config != "" {
		if t.pin.Len() > 0 && bytes.Contains(kept.Data, t.pin.Expose()) {
			kept = unkept(f.config) // from another place, and all the same in the file
		}
		f.add(kept, warned)
		t.configText = configText(kept)
	}
	t.setValues()
	return t, nil
}

// setStorage takes the storage from its flag, else from the configuration.
func (t *target) setStorage(f *flags, cfg *serverconfig.Config) error {
	switch {
	case f.storage != "":
		t.storage = serverconfig.Value{Text: f.storage, Source: "flag -storage"}
	case cfg != nil:
		v, err := cfg.StoragePath()
		if err != nil {
			return usage("%v. Nothing was touched.", err)
		}
		t.storage = v
	default:
		return usage("which vault? Name its server's configuration with -config, or its storage directory with -storage. Nothing was touched.")
	}
	abs, err := filepath.Abs(t.storage.Text)
	if err != nil {
		return fmt.Errorf("finding the storage directory: %w", err)
	}
	t.storage.Text = abs
	return nil
}

// setPIN takes a PIN from a file, the environment or the configuration. All of
// these are single control, and said to be.
func (t *target) setPIN(f *flags) error {
	name, source := t.hsm.PINFile, t.hsm.PINSource
	ours := f.pinFile != ""
	if ours {
		name, source = f.pinFile, "file "+f.pinFile
	}
	switch {
	case name != "":
		pin, info, err := readSecret(name, maxPIN)
		if err != nil {
			return usage("the file with the PIN: %v. Nothing was touched.", err)
		}
		if ours {
			// The server takes the bytes of its file as they are.
			pin = withoutNewline(pin)
		}
		t.pin = pin
		warned, err := whoWrites(name, info, os.Geteuid())
		if warned != "" {
			f.warnings = append(f.warnings, warned)
		}
		switch {
		case ours && info.Mode().Perm()&0o077 != 0:
			return usage("-hsm-pin-file: others can read %s (mode %04o). No PIN was used; chmod 600 it, and think of who has read it.", name, info.Mode().Perm())
		case err != nil:
			return usage("the file with the PIN: %v. Nothing was touched.", err)
		case pin.Len() == 0:
			return usage("the file %s with the PIN is empty. Nothing was touched.", name)
		}
		if !ours {
			source = "file " + name + ", named in " + source
		}
	case t.hsm.PIN.Len() > 0:
		t.pin = t.hsm.PIN.Clone()
	default:
		return nil
	}
	t.login = source
	t.overrides = append(t.overrides, plan.Override{ID: "given-pin",
		Sentence: fmt.Sprintf("Single control: whoever can read the %s and the storage can do all this alone.", source)})
	return nil
}

// addresses is where a server of this configuration would answer.
func addresses(cfg *serverconfig.Config) []string {
	var list []string
	for _, l := range cfg.Listeners {
		if l.Type != "tcp" && l.Type != "" {
			continue
		}
		at := l.Address.Text
		if at == "" {
			at = "127.0.0.1:8200" // the servers' own default
		}
		host, port, err := net.SplitHostPort(at)
		if err != nil {
			host, port = at, "8200"
		}
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			host = "127.0.0.1"
		}
		scheme := "https://"
		if !l.TLS {
			scheme = "http://"
		}
		list = append(list, scheme+net.JoinHostPort(host, port))
	}
	if api := cfg.APIAddress(os.LookupEnv); api.Set() {
		list = append(list, strings.TrimSuffix(api.Text, "/"))
	}
	return list
}

// setValues lists what was resolved, for the plan that is read aloud.
func (t *target) setValues() {
	add := func(name string, v serverconfig.Value) {
		if v.Set() {
			t.values = append(t.values, plan.Value{Name: name, Text: v.Text, Source: v.Source})
		}
	}
	add("storage", t.storage)
	if t.config != "" {
		t.values = append(t.values, plan.Value{Name: "config", Text: t.configText, Source: "flag -config"})
	}
	h := t.hsm
	add("hsm-lib", h.Lib)
	add("hsm-token-label", h.TokenLabel)
	add("hsm-token-serial", h.TokenSerial)
	add("hsm-slot", h.Slot)
	add("hsm-key-label", h.KeyLabel)
	add("hsm-key-id", h.KeyID)
	add("hsm-mechanism", h.Mechanism)
	add("hsm-rsa-oaep-hash", h.OAEPHash)
	add("hsm-generate-key", h.GenerateKey)
	add("hsm-hmac-key-label", h.HMACKeyLabel)
	add("hsm-hmac-key-id", h.HMACKeyID)
	add("hsm-rsa-encrypt-local", h.RSALocal)
	add("hsm-disable-software-encryption", h.RSANotLocal)
	add("hsm-force-rw-session", h.ForceRW)
	add("accept-unauthenticated-seal", h.AcceptUnauthenticated)
	t.values = append(t.values, plan.Value{Name: "hsm-pin", Text: "[secret]", Source: t.login, Day: true})
}

// generates tells whether a missing key may be made (S4).
func (t *target) generates() bool {
	yes, _ := strconv.ParseBool(t.hsm.GenerateKey.Text) // Resolve refused what is neither
	return yes
}

// named tells whether anything says which HSM it is.
func (t *target) named() bool { return t.hsm.Lib.Set() }

// hsmConfig is the HSM that a ceremony needs, or what is missing.
func (t *target) hsmConfig() (hsm.Config, error) {
	h := t.hsm
	var missing []string
	for _, need := range []struct {
		v         serverconfig.Value
		flag, env string
	}{{h.Lib, "-hsm-lib", "LIB"}, {h.TokenLabel, "-hsm-token-label", "TOKEN_LABEL"}, {h.KeyLabel, "-hsm-key-label", "KEY_LABEL"}} {
		if need.v.Set() || need.env == "TOKEN_LABEL" && (h.TokenSerial.Set() || h.Slot.Set()) {
			continue
		}
		missing = append(missing, fmt.Sprintf("%s (or BAO_HSM_%s, or the seal stanza of -config)", need.flag, need.env))
	}
	if len(missing) > 0 {
		return hsm.Config{}, usage("the HSM is not named whole: missing is %s. Nothing was touched.", strings.Join(missing, " and "))
	}
	c, err := t.tokenConfig()
	if err != nil {
		return hsm.Config{}, usage("%v. Nothing was touched.", err)
	}
	return c, nil
}

// tokenConfig is as much of the HSM as is named.
func (t *target) tokenConfig() (hsm.Config, error) {
	h := t.hsm
	c := hsm.Config{
		Lib: h.Lib.Text, TokenLabel: h.TokenLabel.Text, TokenSerial: h.TokenSerial.Text,
		KeyLabel: h.KeyLabel.Text, KeyID: h.KeyID.Text, Mechanism: h.Mechanism.Text, OAEPHash: h.OAEPHash.Text,
		HMACKeyLabel: h.HMACKeyLabel.Text, HMACKeyID: h.HMACKeyID.Text, ReadWrite: h.ForceRW.True(),
	}
	switch {
	case h.RSALocal.True():
		c.RSAEncrypt = hsm.EncryptLocally
	case h.RSANotLocal.True():
		c.RSAEncrypt = hsm.EncryptInToken
	}
	if err := hsm.CheckMechanism(c); err != nil {
		return c, err
	}
	if h.Slot.Set() {
		n, err := serverconfig.ParseSlot(h.Slot.Text, 64)
		if err != nil {
			return c, errors.New("the slot is not a number")
		}
		slot := uint(n)
		c.Slot = &slot
	}
	return c, nil
}
