package command

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"conclave/assets"
	"conclave/ceremony/plan"
	"conclave/vaultstate"
	"conclave/vaultstate/serverconfig"
)

func (p *Process) rewrapCommand() *cobra.Command {
	c := &cobra.Command{Use: "rewrap -new-hsm-key-label=LABEL [flags]", Short: "Move the vault to another HSM key, or to another HSM", Args: cobra.NoArgs,
		Long: "Every -hsm- flag that names a key has its -new-hsm-. If that names no token, it is\nthe old key's. New shares: the -recovery- flags of init."}
	f := ceremonyFlags(c)
	f.rewrapFlags()
	c.RunE = func(c *cobra.Command, _ []string) error { return p.hold(c.Context(), vaultstate.Rewrap, f) }
	return c
}

// moves are the flags of a rewrap.
type moves struct {
	reason         string
	rekey, reissue bool
	newHSM         map[string]*string // by the name without new-
	newSerial      string
	newGenerate    bool
}

// rewrapFlags are those of the key that a rewrap moves to; and of the shares,
// where it makes new ones.
func (f *flags) rewrapFlags() {
	s := f.set
	s.StringVar(&f.reason, "reason", plan.Routine, "`WHY`: routine; or compromise: all keys are made anew")
	s.BoolVar(&f.rekey, "with-rekey", false, "make a new root key as well")
	s.BoolVar(&f.reissue, "with-recovery-rekey", false, "make a new recovery key and shares as well")
	f.newHSM = map[string]*string{}
	for _, h := range hsmFlags {
		f.newHSM[h.name] = s.String("new-"+h.name, "", "new: "+h.text)
	}
	s.StringVar(&f.newSerial, "new-hsm-token-serial", "", "new: the token's `SERIAL`")
	s.BoolVar(&f.newGenerate, "new-hsm-generate-key", false, "make the new key if it is missing")
	f.acceptSealFlag()
	f.recoveryFlags()
	for _, rare := range []string{"new-hsm-slot", "new-hsm-token-serial", "new-hsm-key-id", "new-hsm-mechanism", "recovery-shares", "recovery-threshold", "recovery-pgp-keys", "new-hsm-hmac-key-label", "new-hsm-hmac-key-id", "new-hsm-rsa-oaep-hash",
		"accept-unauthenticated-seal", "challenge", "skip-proof"} {
		s.Lookup(rare).Hidden = true // the page is full; README has them
	}
}

// newTarget is the key that a rewrap moves to: nil for another ceremony. What
// names no token is in the token of the old key.
func (f *flags) newTarget(t *target) (*target, error) {
	if f.newHSM == nil {
		return nil, nil //nolint:nilnil // there is none
	}
	given := map[string]string{}
	for name, value := range f.newHSM {
		if f.given("new-" + name) {
			given[name] = *value
		}
	}
	if f.given("new-hsm-generate-key") {
		given["hsm-generate-key"] = strconv.FormatBool(f.newGenerate)
	}
	h, err := serverconfig.Resolve(nil, nil, given)
	if err != nil {
		return nil, usage("the new key: %s. Nothing was touched.", strings.ReplaceAll(err.Error(), "-hsm-", "-new-hsm-"))
	}
	if f.newSerial != "" {
		h.TokenSerial = serverconfig.Value{Text: f.newSerial, Source: "flag -new-hsm-token-serial"}
	}
	n := &target{storage: t.storage, hsm: h}
	if !h.KeyLabel.Set() {
		return nil, usage("which key does the vault move to? Name it with -new-hsm-key-label. Nothing was touched.")
	}
	n.other = h.TokenLabel.Set() || h.TokenSerial.Set() || h.Slot.Set() || h.Lib.Set() && h.Lib.Text != t.hsm.Lib.Text
	if n.other && !h.Lib.Set() {
		h.Lib = t.hsm.Lib
	}
	if n.other && !h.TokenLabel.Set() && !h.TokenSerial.Set() && !h.Slot.Set() {
		return nil, usage("which token is the new key in? Name it with -new-hsm-token-label. Nothing was touched.")
	}
	if !n.other {
		h.Lib, h.TokenLabel, h.TokenSerial, h.Slot = t.hsm.Lib, t.hsm.TokenLabel, t.hsm.TokenSerial, t.hsm.Slot
	}
	n.setValues("")
	for _, v := range n.values {
		if !strings.HasPrefix(v.Name, plan.HSM) || v.Name == "hsm-pin" && !n.other {
			continue
		}
		if strings.HasPrefix(v.Source, "flag -hsm-") {
			v.Source = "flag -new-" + strings.TrimPrefix(v.Source, "flag -")
		}
		if v.Name == "hsm-pin" {
			v.Source = "typed"
		}
		v.Name = "new-" + v.Name
		t.values = append(t.values, v)
	}
	return n, nil
}

// rewraps takes into a request what is asked of a rewrap.
func (f *flags) rewraps(q *plan.Request, t, n *target) error {
	c, err := n.tokenConfig()
	if err != nil {
		return usage("the new key: %v. Nothing was touched.", err)
	}
	if c.Unauthentic() && !f.acceptSeal {
		return usage("%s: a seal with RSA-OAEP authenticates nothing. %s Nothing was touched; move to an AES key, or accept it with -accept-unauthenticated-seal.",
			n.hsm.Mechanism.Source, strings.TrimSuffix(strings.Join(assets.Text("unauthenticated-seal"), " "), " Rewrap to AES."))
	}
	q.AcceptUnauthenticated = c.Unauthentic()
	q.Rewrap = plan.RewrapRequest{Reason: f.reason, KeyRef: c.KeyLabel + ":" + c.KeyID, OtherToken: n.other, Generate: n.generates()}
	if f.given("with-rekey") {
		q.Rewrap.NewRoot = &f.rekey
	}
	if f.given("with-recovery-rekey") {
		q.Rewrap.NewShares = &f.reissue
	}
	if q.Rewrap.KeyRef == t.sealed && !n.other {
		return usage("the vault is wrapped with the key %s of this token already. Nothing was touched; name another key, or another token.", fmt.Sprintf("%q", t.sealed))
	}
	t.moves = &c
	return nil
}
