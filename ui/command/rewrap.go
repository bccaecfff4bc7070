package command

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"conclave/assets"
	"conclave/ceremony/plan"
	"conclave/vaultstate"
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
	newGenerate    bool
}

// rewrapFlags are those of the key that a rewrap moves to; and of the shares,
// where it makes new ones.
func (f *flags) rewrapFlags() {
	s := f.set
	s.StringVar(&f.reason, "reason", plan.Routine, "`WHY`: routine; or compromise: all keys are made anew")
	s.BoolVar(&f.rekey, "with-rekey", false, "make a new root key as well")
	s.BoolVar(&f.reissue, "with-recovery-rekey", false, "make a new recovery key and shares as well")
	f.otherKeyFlags("new-")
	s.BoolVar(&f.newGenerate, "new-hsm-generate-key", false, "make the new key if it is missing")
	f.acceptSealFlag()
	f.recoveryFlags()
	for _, rare := range []string{"new-hsm-key-id", "new-hsm-mechanism", "recovery-shares", "recovery-threshold", "recovery-pgp-keys",
		"accept-unauthenticated-seal", "challenge", "skip-proof"} {
		s.Lookup(rare).Hidden = true // the page is full; README has them
	}
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
	t.second = &c
	return nil
}
