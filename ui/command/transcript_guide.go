package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"conclave/ceremony/transcript"
)

// verifierCommand prints what an auditor needs who does not take our word for it;
// conclave guide verify has more of it.
func (p *Process) verifierCommand() *cobra.Command {
	return &cobra.Command{
		Use: "verifier", Short: "Print a second verifier, in Python", Args: cobra.NoArgs,
		Long: "It needs nothing but Python 3.8 and shares nothing with this program but the\ntable of events at its end. Read it, then:\n\n  conclave transcript verifier > verify.py\n  python3 verify.py DIR/transcript.jsonl [HEAD]",
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprint(p.Stdout, transcript.Verifier())
			return err
		},
	}
}
