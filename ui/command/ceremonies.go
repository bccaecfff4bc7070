package command

import (
	"github.com/spf13/cobra"

	"conclave/ceremony/plan"
	"conclave/vaultstate"
)

func (p *Process) initCommand() *cobra.Command {
	c := &cobra.Command{Use: "init [flags]", Short: "Make a new vault and hand out its recovery shares", Args: cobra.NoArgs}
	f := ceremonyFlags(c)
	f.recoveryFlags()
	c.Flags().StringVar(&f.rootToken, "root-token", "", "`WHICH`: initial (made and handed out) or none")
	f.rootTokenKeyFlag()
	for _, rare := range []string{"root-token-receiver", "root-token-until"} {
		f.set.Lookup(rare).Hidden = true // the page is full; README has them
	}
	f.acceptSealFlag()
	f.singleFlags()
	c.RunE = func(c *cobra.Command, _ []string) error { return p.hold(c.Context(), vaultstate.Init, f) }
	return c
}

func (p *Process) unsealCommand() *cobra.Command {
	c := &cobra.Command{Use: "unseal [flags]", Short: "Open and check the vault through its HSM; changes nothing", Args: cobra.NoArgs}
	f := ceremonyFlags(c)
	c.Flags().BoolVar(&f.deep, "deep", false, "read every entry, not only those of the core")
	c.RunE = func(c *cobra.Command, _ []string) error { return p.hold(c.Context(), plan.Unseal, f) }
	return c
}

func (p *Process) rekeyCommand() *cobra.Command {
	c := &cobra.Command{Use: "rekey [-target=barrier|recovery|unseal] [flags]", Short: "Replace the root key, or the recovery key and its shares", Args: cobra.NoArgs}
	f := ceremonyFlags(c)
	s := c.Flags()
	s.StringVar(&f.which, "target", "barrier", "`WHICH`: barrier (the root key), recovery or unseal (shares)")
	s.IntVar(&f.keyShares, "key-shares", 0, "how many shares, `N`; with -target=barrier: 1")
	s.IntVar(&f.keyThreshold, "key-threshold", 0, "how many are needed, `N`; with -target=barrier: 1")
	s.IntVar(&f.storedShares, "stored-shares", 0, "`1`: the root key is stored, wrapped by the HSM")
	s.StringVar(&f.pgpKeys, "pgp-keys", "", "of new shares: `FILES` with a key each, and commas")
	f.recoveryFlags()
	for _, same := range []string{"recovery-shares", "recovery-threshold", "recovery-pgp-keys"} {
		s.Lookup(same).Hidden = true // other names of the three above
	}
	c.RunE = func(c *cobra.Command, _ []string) error {
		switch f.which {
		case "barrier":
			if f.given("pgp-keys") {
				return usage("-pgp-keys: a rekey of the root key returns nothing to anybody; the HSM wraps the new key. Nothing was touched; for new shares say -target=recovery.")
			}
			if f.skipProof {
				return usage("-skip-proof: a rekey of the root key hands out no shares, so nobody proves one. Nothing was touched; leave it out.")
			}
			return p.hold(c.Context(), vaultstate.Rekey, f)
		case "recovery", "unseal":
			f.unsealKeys = f.which == "unseal"
			if err := f.sameNames(); err != nil {
				return err
			}
			return p.hold(c.Context(), vaultstate.RecoveryRekey, f)
		}
		return usage("-target=%s is not known: say barrier, recovery or unseal. Nothing was touched.", f.which)
	}
	return c
}

// sameNames makes of -key-shares and its like what they mean with
// -target=recovery, as in the servers' own command.
func (f *flags) sameNames() error {
	for _, n := range []struct{ ours, theirs string }{
		{"recovery-shares", "key-shares"}, {"recovery-threshold", "key-threshold"}, {"recovery-pgp-keys", "pgp-keys"},
	} {
		theirs := f.set.Lookup(n.theirs)
		if !theirs.Changed {
			continue
		}
		ours := f.set.Lookup(n.ours)
		if ours.Changed && ours.Value.String() != theirs.Value.String() {
			return usage("-%s and -%s are names of one value with -target=recovery, and differ. Nothing was touched.", n.theirs, n.ours)
		}
		if err := f.set.Set(n.ours, theirs.Value.String()); err != nil {
			return usage("-%s: %v. Nothing was touched.", n.theirs, err)
		}
		theirs.Changed = false // said under its other name
	}
	return nil
}

func (p *Process) rotateCommand() *cobra.Command {
	c := &cobra.Command{Use: "rotate [flags]", Short: "Add a data encryption key: new entries are encrypted with it", Args: cobra.NoArgs}
	f := ceremonyFlags(c)
	c.RunE = func(c *cobra.Command, _ []string) error { return p.hold(c.Context(), vaultstate.Rotate, f) }
	return c
}

func (p *Process) reEncryptCommand() *cobra.Command {
	c := &cobra.Command{Use: "re-encrypt [flags]", Short: "Encrypt every entry under the newest key; drop the older keys", Args: cobra.NoArgs}
	f := ceremonyFlags(c)
	c.RunE = func(c *cobra.Command, _ []string) error { return p.hold(c.Context(), vaultstate.ReEncrypt, f) }
	return c
}

func (p *Process) generateRootCommand() *cobra.Command {
	c := &cobra.Command{Use: "generate-root [flags]", Short: "Make a root token without the server", Args: cobra.NoArgs}
	f := ceremonyFlags(c)
	f.rootTokenKeyFlag()
	f.set.StringVar(&f.tokenTTL, "root-token-ttl", "", "at a server: one that ends after `TIME`, in its place")
	c.RunE = func(c *cobra.Command, _ []string) error { return p.hold(c.Context(), vaultstate.GenerateRoot, f) }
	return c
}
