package command

import (
	"context"
	"strings"

	"conclave/assets"
	"conclave/ceremony/plan"
	"conclave/hsm"
	"conclave/vaultstate"
	"conclave/vaultstate/local"
	"conclave/vaultstate/serverconfig"
)

// adopt takes from a vault that exists how it is sealed, where nothing else says
// it: the mechanism is chosen when a vault is made, and never again. What cannot
// be read is told where it is needed.
func (t *target) adopt(ctx context.Context) {
	v, err := local.Open(local.Options{Storage: t.storage.Text, Seal: describer{}})
	if err != nil {
		return
	}
	defer func() { _ = v.Close() }() // nothing was begun
	st, err := v.Status(ctx)
	if err != nil || !st.Initialized {
		return
	}
	t.sealed = st.SealKeyID
	take := func(to *serverconfig.Value, name, text string) {
		if to.Set() || text == "" {
			return
		}
		*to = serverconfig.Value{Text: text, Source: "the vault, as it is sealed"}
		t.values = append(t.values, plan.Value{Name: name, Text: text, Source: to.Source})
	}
	take(&t.hsm.Mechanism, "hsm-mechanism", st.SealMechanism)
	if at := strings.LastIndexByte(st.SealHMACKeyID, ':'); at > 0 && !t.hsm.HMACKeyLabel.Set() {
		take(&t.hsm.HMACKeyLabel, "hsm-hmac-key-label", st.SealHMACKeyID[:at])
		take(&t.hsm.HMACKeyID, "hsm-hmac-key-id", st.SealHMACKeyID[at+1:])
	}
}

// acceptsSeal tells whether an init is to seal with RSA-OAEP, and refuses one
// that nobody accepted.
func (t *target) acceptsSeal(kind vaultstate.Kind, c hsm.Config) (bool, error) {
	if kind != vaultstate.Init || !c.Unauthentic() {
		return false, nil
	}
	if !t.hsm.AcceptUnauthenticated.True() {
		return false, usage("%s: a seal with RSA-OAEP authenticates nothing. %s Nothing was touched; leave the mechanism out and use an AES key, or accept it with -accept-unauthenticated-seal.",
			t.hsm.Mechanism.Source, strings.TrimSuffix(strings.Join(assets.Text("unauthenticated-seal"), " "), " Rewrap to AES."))
	}
	return true, nil
}
