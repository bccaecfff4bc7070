package command

import (
	"github.com/spf13/cobra"

	"conclave/ceremony/plan"
)

func (p *Process) retireCommand() *cobra.Command {
	c := &cobra.Command{Use: "retire -old-hsm-key-label=LABEL -old-hsm-key-id=HEX [flags]", Short: "Destroy the HSM key that a rewrap moved away from", Args: cobra.NoArgs,
		Long: "Every -hsm- flag that names a key has its -old-hsm-. If that names no token, it is\nthe vault's. Every copy of the storage from before then opens no more."}
	f := ceremonyFlags(c)
	f.otherKeyFlags("old-")
	c.RunE = func(c *cobra.Command, _ []string) error { return p.hold(c.Context(), plan.Retire, f) }
	return c
}

// retires takes into a request what is asked of a retire.
func (f *flags) retires(q *plan.Request, t, n *target) error {
	if !n.hsm.KeyID.Set() {
		return usage("the old key's id is needed as well: -old-hsm-key-id. A label alone is too easily that of another key. Nothing was touched.")
	}
	c, err := n.tokenConfig()
	if err != nil {
		return usage("the old key: %v. Nothing was touched.", err)
	}
	q.Retire = plan.RetireRequest{KeyRef: c.KeyLabel + ":" + c.KeyID, OtherToken: n.other}
	if q.Retire.KeyRef == t.sealed && !n.other {
		return usage("the vault is wrapped with the key %q of this token. Nothing was touched; the key in use is never destroyed here.", t.sealed)
	}
	t.second = &c
	return nil
}
