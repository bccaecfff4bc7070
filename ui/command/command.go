// Package command is the command line: flags, environment and a server's
// configuration become a plan; the plan, a vault, a token and a record become a
// ceremony, which one of the front ends runs.
//
// It promises:
//   - a mistake in the command touches nothing: it is found before the HSM is
//     asked and before a file is written, and ends with code 2 (TestScripts);
//   - no secret is taken from the command line: there is no flag for one. A PIN
//     comes from the terminal, or, recorded as single control, from a file, the
//     environment or the server's configuration;
//   - a file that a flag names is opened once, read once and used from those
//     bytes;
//   - one line on stderr at the end: what happened, what state things are in,
//     what to do;
//   - the exit codes of design 3.1, see Code.
//
// Flags have one dash, as the servers' own have, and no flag has one letter;
// two dashes are taken, too.
//
// It does not promise that nobody else has read a PIN in the environment: what
// the kernel shows of a process' first environment stays as it was.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"conclave/hsm/entropy"
	"conclave/ui/term"
)

// The exit codes. `status` has its own, Vault's: 0, 1, and 2 for a vault that is
// sealed or not initialised.
const (
	CodeDone    = 0
	CodeFailed  = 1
	CodeUsage   = 2
	CodeStopped = 3 // by the people, or an interrupted record
	CodeChanged = 4 // something is not what it claims
)

// Process is what the program is given by whoever starts it.
type Process struct {
	Args           []string // without the program's name
	Stdin          *os.File
	Stdout, Stderr io.Writer
	Shortfalls     []string // of secret.Harden, at the start
	Now            func() time.Time
	Network        func() ([]net.Interface, error) // nil: those of the system
	Settle         time.Duration                   // how long a commit is watched; 0: as the vault does

	recorders func() []term.Recorder // what the terminal is reached by; nil: it is looked for

	theme term.Theme // of the screen
}

// ending is how a command ended, where it was not simply done. It is the one
// error that Run tells from others.
type ending struct {
	code int
	text string // the line on stderr; "" if the command has said it already
}

func (e *ending) Error() string { return e.text }

// usage is a mistake in the command: nothing was touched.
func usage(format string, args ...any) error {
	return &ending{CodeUsage, fmt.Sprintf(format, args...)}
}

func failed(format string, args ...any) error {
	return &ending{CodeFailed, fmt.Sprintf(format, args...)}
}

// Run runs the program and returns its exit code.
func Run(args []string, stdin *os.File, stdout, stderr io.Writer, shortfalls []string) int {
	p := &Process{Args: args, Stdin: stdin, Stdout: stdout, Stderr: stderr, Shortfalls: shortfalls, Now: time.Now}
	return p.run(context.Background())
}

func (p *Process) run(ctx context.Context) int {
	entropy.Install() // before the first secret
	root, began := p.root()
	args := rewrite(root, p.Args)
	root.SetArgs(args)
	root.SetIn(p.Stdin)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	var dashes *singleDash
	if completing(args) {
		dashes = &singleDash{w: p.Stdout}
		root.SetOut(dashes)
	}
	err := root.ExecuteContext(ctx)
	dashes.flush()
	var end *ending
	switch {
	case err == nil:
		return CodeDone
	case errors.As(err, &end):
	case !*began: // cobra's own: an unknown command or flag
		end = &ending{CodeUsage, oneDash(err.Error()) + ". Nothing was touched; see conclave -h."}
	default:
		end = &ending{CodeFailed, sentence(err.Error())}
	}
	if end.text != "" {
		fmt.Fprintln(p.Stderr, "conclave: "+strings.ReplaceAll(oneLine(end.text), ".. ", ". "))
	}
	return end.code
}

// root is the tree of commands. began turns true when one of them runs: what
// cobra finds wrong before is a mistake in the command.
func (p *Process) root() (root *cobra.Command, began *bool) {
	began = new(bool)
	var theme string
	root = &cobra.Command{
		Use:   "conclave [COMMAND] [flags]",
		Short: "Key ceremonies for a vault that an HSM seals",
		Args:  cobra.NoArgs,
		PersistentPreRunE: func(*cobra.Command, []string) (err error) {
			*began = true
			if p.theme, err = term.ParseTheme(theme); err != nil {
				return usage("-theme: %v. Nothing was touched.", err)
			}
			return nil
		},
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.PersistentFlags().StringVar(&theme, "theme", "auto", "how the screen looks: auto, or mono, ascii, strong with commas")
	root.PersistentFlags().Lookup("theme").Hidden = true // every help page is full: conclave guide has it
	cobra.EnableCommandSorting = false
	p.menu(root)
	for _, make := range []func() *cobra.Command{
		p.initCommand, p.unsealCommand, p.rekeyCommand, p.rotateCommand, p.reEncryptCommand, p.generateRootCommand, p.recoverCommand, p.rewrapCommand, p.retireCommand, p.drillCommand, p.revokeRootCommand,
		p.rehearseCommand, p.planCommand, p.statusCommand, p.doctorCommand, p.serveCommand, p.custodyCommand, p.transcriptCommand, p.watchCommand, p.guideCommand, p.versionCommand,
	} {
		root.AddCommand(make())
	}
	root.SetHelpCommand(&cobra.Command{Use: "help [COMMAND]", Short: "Help for a command", Hidden: true, Run: func(c *cobra.Command, args []string) {
		if at, _, err := root.Find(args); err == nil {
			help(at, nil)
		}
	}})
	dress(root)
	return root, began
}
