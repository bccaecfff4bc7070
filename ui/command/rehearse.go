package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"conclave/assets/clean"
	"conclave/ceremony"
	"conclave/ceremony/plan"
	"conclave/ui/plain"
	"conclave/ui/rehearse"
	"conclave/vaultstate"
)

// rehearsal is how a rehearsal is held.
type rehearsal struct {
	dir               string
	auto, lines       bool
	answers           string // the file of -answers
	shares, threshold int    // 0: as the practice world has them
	onScreen          bool   // shares are shown instead of encrypted
	medium            bool   // encrypted shares are written to a second medium as well
	inParts           bool   // two people type the PIN
	reason            string // of a rewrap
	proof             string // of a drill
}

func (p *Process) rehearseCommand() *cobra.Command {
	var names []string
	for _, c := range ceremony.All {
		names = append(names, c.ID)
	}
	r := &rehearsal{}
	c := &cobra.Command{
		Use: "rehearse [CEREMONY] [flags]", Short: "Practise a ceremony on a throw-away vault", Args: cobra.MaximumNArgs(1), ValidArgs: names,
		Long: "CEREMONY is " + strings.Join(names[:len(names)-6], ", ") + ",\n" + strings.Join(names[len(names)-6:], ", ") + ". Without it, init.\n" +
			"A private SoftHSM token, practice people and keys, PRACTICE on everything. It\ntakes nothing from a configuration or the environment.",
		RunE: func(c *cobra.Command, args []string) error {
			id := string(vaultstate.Init)
			if len(args) > 0 {
				id = args[0]
			}
			if _, ok := ceremony.ByID(id); !ok {
				return usage("%s is no ceremony: say one of %s. Nothing was touched.", clean.Clean(id), strings.Join(names, ", "))
			}
			if r.proof != "" && (id != string(plan.Drill) || !slices.Contains([]string{plan.ProofKey, plan.ProofShare, plan.ProofQuorum}, r.proof)) {
				return usage("-proof %s: it is of a drill, and key, share or quorum. Nothing was touched.", clean.Clean(r.proof))
			}
			return p.rehearse(c.Context(), vaultstate.Kind(id), r)
		},
	}
	s := c.Flags()
	s.SortFlags = false
	s.StringVar(&r.dir, "dir", "", "the practice vault's `DIR`: made, or gone on from")
	s.BoolVar(&r.auto, "auto", false, "the program plays every person")
	s.StringVar(&r.answers, "answers", "", "with -plain: the people answer as `FILE` says")
	s.BoolVar(&r.lines, "plain", false, "line by line; with -auto at full speed")
	s.IntVar(&r.shares, "recovery-shares", 0, "how many recovery shares are made, `N`")
	s.IntVar(&r.threshold, "recovery-threshold", 0, "how many of them are needed, `N`")
	s.BoolVar(&r.medium, "with-medium", false, "encrypted shares lie on a second medium, too")
	s.BoolVar(&r.inParts, "pin-in-parts", false, "two PIN holders type a part of the PIN each")
	s.BoolVar(&r.onScreen, "shares-on-screen", false, "shares are shown instead of encrypted to PGP keys")
	s.StringVar(&r.reason, "reason", plan.Routine, "of a rewrap, `WHY`: routine or compromise")
	s.StringVar(&r.proof, "proof", "", "of a drill, `WHAT`: key, share or quorum")
	c.AddCommand(p.practiceCommand("share", "Print a practice custodian's share, as they would decrypt it", rehearse.ShareOf),
		p.practiceCommand("challenge", "Print the challenge to a practice custodian, decrypted", rehearse.ChallengeTo))
	return c
}

// practiceCommand does what somebody's own device would.
func (p *Process) practiceCommand(name, short string, do func(dir, name string, out io.Writer) error) *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use: name + " NAME -dir DIR", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if dir == "" {
				return usage("-dir is missing: which practice vault? Nothing was touched.")
			}
			return do(dir, args[0], p.Stdout)
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "the practice vault's `DIR`")
	return c
}

func (p *Process) rehearse(ctx context.Context, kind vaultstate.Kind, r *rehearsal) error {
	answers, err := r.readAnswers()
	if err != nil {
		return err
	}
	dir := r.dir
	if dir == "" {
		made, err := os.MkdirTemp("", "conclave-rehearsal-")
		if err != nil {
			return fmt.Errorf("making a directory for the rehearsal: %w", err)
		}
		dir = made
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("finding the rehearsal's directory: %w", err)
	}
	front, err := p.front(r.lines)
	if err != nil {
		return err
	}
	front.piped = true // practice: this is how it is scripted
	w, err := rehearse.Prepare(ctx, dir)
	if err != nil {
		return errors.Join(front.close(), fmt.Errorf("preparing the rehearsal: %w", err))
	}
	if r.shares != 0 || r.threshold != 0 {
		w.Shares, w.Threshold = r.shares, r.threshold
	}
	w.PlainShares, w.PINInParts, w.Medium, w.Reason, w.Proof = r.onScreen, r.inParts, r.medium, r.reason, r.proof
	out, record, err := p.practise(ctx, w, kind, r.auto, answers, front)
	if e := front.close(); err == nil {
		err = e
	}
	if e := w.Close(); err == nil && e != nil {
		err = fmt.Errorf("ending the rehearsal: %w", e)
	}
	if err != nil {
		return err
	}
	if record != "" && out.Code == CodeDone {
		if err := p.checked(w, record); err != nil {
			return err
		}
	}
	fmt.Fprintf(p.Stdout, "\nPRACTICE vault    %s\nPRACTICE record   %s\n", dir, record)
	return p.end(out, record, nil)
}

// practise holds the ceremony, and before it what it comes after: an init if there
// is no vault yet, and before a re-encrypt a rotate.
func (p *Process) practise(ctx context.Context, w *rehearse.World, kind vaultstate.Kind, auto bool, answers *rehearse.Answers, f *front) (ceremony.Outcome, string, error) {
	there, err := w.Initialized()
	if err != nil {
		return ceremony.Outcome{}, "", fmt.Errorf("looking at the practice vault: %w", err)
	}
	var first []vaultstate.Kind
	if kind != vaultstate.Init && !there {
		first = append(first, vaultstate.Init)
	}
	if kind == vaultstate.ReEncrypt && w.OneTerm() {
		first = append(first, vaultstate.Rotate)
	}
	for _, k := range first {
		quiet := &front{p: &Process{Stdin: p.Stdin, Stdout: nil, Stderr: p.Stderr, Shortfalls: p.Shortfalls, Now: p.Now}, piped: true, terminal: f.terminal}
		out, _, err := quiet.practice(ctx, w, k, true, nil)
		if err == nil && out.Code != CodeDone {
			err = &ending{out.Code, fmt.Sprintf("The %s before the rehearsal failed: %s", k, out.Sentence)}
		}
		if err != nil {
			return ceremony.Outcome{}, "", err
		}
		if f.screen == nil {
			fmt.Fprintf(p.Stdout, "PRACTICE: the program held the ceremony %s first.\n", k)
		}
	}
	return f.practice(ctx, w, kind, auto || answers != nil, answers)
}

// readAnswers reads the file of -answers; nil if there is none.
func (r *rehearsal) readAnswers() (*rehearse.Answers, error) {
	switch {
	case r.answers == "":
		return nil, nil //nolint:nilnil // nobody's answers are in a file
	case !r.lines:
		return nil, usage("-answers needs -plain: on the screen people would go on where the file ends. Nothing was touched.")
	case r.auto:
		return nil, usage("-answers and -auto: the people answer as the file says, or right. Nothing was touched; leave one out.")
	}
	f, err := os.Open(r.answers)
	if err != nil {
		return nil, usage("-answers: %v. Nothing was touched.", err)
	}
	defer func() { _ = f.Close() }() // only read
	a, err := rehearse.ReadAnswers(clean.Clean(r.answers), f)
	if err != nil {
		return nil, usage("-answers: %v. Nothing was touched.", err)
	}
	return a, nil
}

// practice holds one ceremony on the practice vault. Its people are played: right,
// or as answers has it.
func (f *front) practice(ctx context.Context, w *rehearse.World, kind vaultstate.Kind, play bool, answers *rehearse.Answers) (ceremony.Outcome, string, error) {
	p := f.p
	j, err := p.practiceJob(w, kind, f.terminal)
	if err != nil {
		return ceremony.Outcome{}, "", err
	}
	if p.Stdout != nil {
		j.Progress = f.progress()
	}
	a, err := Assemble(ctx, j)
	if err != nil {
		return ceremony.Outcome{}, "", explained(err)
	}
	defer func() { _ = a.Close() }() // closed below; here after a panic
	dir := a.Folder.Dir()
	player := w.Player()
	view := w.Hints(a.Run)
	var out ceremony.Outcome
	switch {
	case p.Stdout == nil:
		out = plain.Run(ctx, view, plain.Options{In: p.Stdin, Out: io.Discard, Piped: true, Auto: player.Answer})
	case play:
		out, err = f.hold(ctx, view, a.Waiting, player.From(answers))
	default:
		out, err = f.hold(ctx, view, a.Waiting, nil)
	}
	if err == nil && player.Err != nil {
		err = fmt.Errorf("playing the people: %w", player.Err)
	}
	if err == nil && answers != nil {
		err = answers.Left()
	}
	if e := a.Close(); err == nil && e != nil {
		err = fmt.Errorf("closing the rehearsal: %w", e)
	}
	if err == nil {
		err = w.Refresh()
	}
	if err == nil && kind == vaultstate.Rewrap {
		err = w.Configure()
	}
	return out, dir, err
}

// practiceJob is the plan of a rehearsal: nothing of it comes from flags,
// environment or configuration.
func (p *Process) practiceJob(w *rehearse.World, kind vaultstate.Kind, terminal string) (Job, error) {
	j := Job{Parent: w.Dir, HSM: w.HSM, OtherHSM: w.OtherHSM(kind), Roster: w.Roster, Addresses: []string{"http://" + rehearse.Address}, Now: p.Now}
	if kind == plan.Retire && j.OtherHSM == nil {
		return j, usage("the practice vault was not moved to another key yet, so there is none to destroy. Nothing was touched; hold a rewrap first: conclave rehearse rewrap -dir %s", clean.Clean(w.Dir))
	}
	q, err := w.Request(kind)
	if err != nil {
		return j, fmt.Errorf("planning the rehearsal: %w", err)
	}
	if kind == plan.RevokeRoot && q.Accessor == "" {
		return j, usage("the records of the practice vault name no root token that is outstanding. Nothing was touched; make one first: conclave rehearse generate-root -dir %s", clean.Clean(w.Dir))
	}
	if q.ID == "" {
		if q.ID, err = freshID(w.Dir, true, p.Now()); err != nil {
			return j, err
		}
	}
	if j.Plan, err = q.Resolve(p.Now()); err != nil {
		return j, fmt.Errorf("resolving the rehearsal's plan: %w", err)
	}
	j.Machine, err = p.machine(terminal)
	return j, err
}

// checked prints what was verified of a rehearsal's record.
func (p *Process) checked(w *rehearse.World, record string) error {
	lines, err := w.Check(record)
	for _, l := range lines {
		fmt.Fprintln(p.Stdout, "PRACTICE: "+l)
	}
	if err != nil {
		return &ending{CodeChanged, fmt.Sprintf("The rehearsal's result does not verify: %v. It is practice: no vault of yours was touched. The record is in %s.", err, record)}
	}
	return nil
}
