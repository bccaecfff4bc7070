package command

import (
	"strconv"
	"strings"

	"conclave/ceremony/plan"
	"conclave/vaultstate/serverconfig"
)

// otherKey are the flags of a second key: the one that a rewrap moves to, or
// the one that a retire destroys.
type otherKey struct {
	prefix      string             // "new-", "old-"; "" for another ceremony
	otherHSM    map[string]*string // by the name without that
	otherSerial string
}

// otherKeyFlags gives every flag that names a key a second one.
func (f *flags) otherKeyFlags(which string) {
	f.prefix, f.otherHSM = which, map[string]*string{}
	word := strings.TrimSuffix(which, "-") + ": "
	for _, h := range hsmFlags {
		f.otherHSM[h.name] = f.set.String(which+h.name, "", word+h.text)
	}
	f.set.StringVar(&f.otherSerial, which+"hsm-token-serial", "", word+"the token's `SERIAL`")
	for _, rare := range []string{"hsm-slot", "hsm-token-serial", "hsm-hmac-key-label", "hsm-hmac-key-id", "hsm-rsa-oaep-hash"} {
		f.set.Lookup(which + rare).Hidden = true // the page is full; README has them
	}
}

// otherTarget is the second key: nil for a ceremony without one. What names no
// token is in the token of the vault's key.
func (f *flags) otherTarget(t *target) (*target, error) {
	if f.prefix == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	word := strings.TrimSuffix(f.prefix, "-")
	given := map[string]string{}
	for name, value := range f.otherHSM {
		if f.given(f.prefix + name) {
			given[name] = *value
		}
	}
	if f.prefix == "new-" && f.given("new-hsm-generate-key") {
		given["hsm-generate-key"] = strconv.FormatBool(f.newGenerate)
	}
	h, err := serverconfig.Resolve(nil, nil, given)
	if err != nil {
		return nil, usage("the %s key: %s. Nothing was touched.", word, strings.ReplaceAll(err.Error(), "-hsm-", "-"+f.prefix+"hsm-"))
	}
	if f.otherSerial != "" {
		h.TokenSerial = serverconfig.Value{Text: f.otherSerial, Source: "flag -" + f.prefix + "hsm-token-serial"}
	}
	n := &target{storage: t.storage, hsm: h}
	if !h.KeyLabel.Set() {
		asks := map[string]string{"new-": "which key does the vault move to?", "old-": "which key is destroyed?"}
		return nil, usage("%s Name it with -%shsm-key-label. Nothing was touched.", asks[f.prefix], f.prefix)
	}
	n.other = h.TokenLabel.Set() || h.TokenSerial.Set() || h.Slot.Set() || h.Lib.Set() && h.Lib.Text != t.hsm.Lib.Text
	if n.other && !h.Lib.Set() {
		h.Lib = t.hsm.Lib
	}
	if n.other && !h.TokenLabel.Set() && !h.TokenSerial.Set() && !h.Slot.Set() {
		return nil, usage("which token is the %s key in? Name it with -%shsm-token-label. Nothing was touched.", word, f.prefix)
	}
	if !n.other {
		h.Lib, h.TokenLabel, h.TokenSerial, h.Slot = t.hsm.Lib, t.hsm.TokenLabel, t.hsm.TokenSerial, t.hsm.Slot
	}
	n.setValues()
	for _, v := range n.values {
		if !strings.HasPrefix(v.Name, plan.HSM) || v.Name == "hsm-pin" && !n.other {
			continue
		}
		if strings.HasPrefix(v.Source, "flag -hsm-") {
			v.Source = "flag -" + f.prefix + strings.TrimPrefix(v.Source, "flag -")
		}
		if v.Name == "hsm-pin" {
			v.Source = "typed"
		}
		v.Name = f.prefix + v.Name
		t.values = append(t.values, v)
	}
	return n, nil
}
