package command

import (
	"github.com/spf13/cobra"

	"conclave/ceremony/plan"
)

func (p *Process) revokeRootCommand() *cobra.Command {
	c := &cobra.Command{Use: "revoke-root -accessor=ACCESSOR [flags]", Short: "Take a root token out of the storage, with the server stopped", Args: cobra.NoArgs,
		Hidden: true, // the page of all commands is full; status and README name it
		Long:   "Its accessor is in the record of the ceremony that made it, and in conclave status.\nNo share is needed. Tokens that were made with it are revoked on the server."}
	f := ceremonyFlags(c)
	f.accessorFlag()
	c.RunE = func(c *cobra.Command, _ []string) error { return p.hold(c.Context(), plan.RevokeRoot, f) }
	return c
}

func (f *flags) accessorFlag() {
	f.set.StringVar(&f.accessor, "accessor", "", "the root token's `ACCESSOR`, never the token itself")
}
