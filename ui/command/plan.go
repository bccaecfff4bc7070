package command

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"conclave/assets/clean"
	"conclave/ceremony/folder"
	"conclave/ceremony/plan"
	"conclave/hsm/secret"
	"conclave/vaultstate"
)

func (p *Process) planCommand() *cobra.Command {
	c := &cobra.Command{Use: "plan COMMAND", Short: "Write, check, sign and print a ceremony's plan before the day", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usage("which command of plan? See conclave plan -h. Nothing was touched.")
		}}
	c.AddCommand(p.planNewCommand(), p.planCheckCommand(), p.planSignCommand(), p.planPrintCommand())
	return c
}

func (p *Process) planCheckCommand() *cobra.Command {
	c := &cobra.Command{Use: "check FILE", Short: "Say everything that is wrong with a plan, and its arithmetic", Args: cobra.ExactArgs(1)}
	dir := c.Flags().String("dir", ".", "the `DIR` with the records of the vault")
	c.RunE = func(c *cobra.Command, args []string) error {
		agreed, err := p.planned(c.Context(), args[0], *dir)
		if err != nil {
			return err
		}
		for _, line := range agreed.Text() {
			fmt.Fprintln(p.Stdout, line)
		}
		fmt.Fprintln(p.Stdout)
		for _, f := range agreed.Judge() {
			fmt.Fprintf(p.Stdout, "%s  %s\n", f.Level, f.Sentence)
		}
		for _, o := range agreed.Overrides {
			fmt.Fprintf(p.Stdout, "   accepted: %s, because: %s\n", o.ID, clean.Clean(o.Why))
		}
		p.lacking(agreed)
		if agreed.Approvals > 0 {
			fmt.Fprintln(p.Stdout, approvalsText(agreed))
		}
		fmt.Fprintf(p.Stdout, "plan hash %s\n", agreed.HashHex())
		return nil
	}
	return c
}

// planned is the agreed plan that a file makes, as the ceremony would take it.
// What is wrong in the file is written to stdout whole, with the lines.
func (p *Process) planned(ctx context.Context, name, dir string) (*plan.Plan, error) {
	src, warned, err := readNamed(name, plan.MaxDocument)
	if err != nil {
		return nil, usage("%v. Nothing was touched.", err)
	}
	doc, err := plan.Parse(name, src)
	if err != nil {
		return nil, p.wrong(name, err)
	}
	f := p.flagsOf(doc.Kind)
	f.plan, f.dir = name, dir
	f.keep("plan", name, warned, src)
	digest, err := f.usePlan(doc.Kind, src)
	if err != nil {
		return nil, err
	}
	q, lacks, err := p.asked(ctx, doc.Kind, f, digest)
	if err != nil {
		return nil, err
	}
	number, err := folder.NextRun(f.dir, false)
	if err != nil {
		return nil, usage("-dir: %v. Nothing was touched.", err)
	}
	q.Values = append(q.Values, runValue(f.dir, number))
	q.Warnings = f.warnings
	agreed, err := q.Resolve(p.Now())
	if err != nil {
		return nil, p.wrong(name, err)
	}
	if lacks != nil && agreed.UsesHSM() {
		return nil, lacks
	}
	f.said(agreed)
	if err := f.doc.Bind(agreed); err != nil {
		return nil, p.wrong(name, err)
	}
	if err := f.approve(agreed, p.Now()); err != nil {
		return nil, err
	}
	return agreed, screened(reasons(agreed.Overrides), secret.Bytes{})
}

// asked is what a plan asks for, of a server or of a local vault. Neither is
// touched. lacks is what is not said of the HSM: a drill may do without one.
func (p *Process) asked(ctx context.Context, kind vaultstate.Kind, f *flags, digest []plan.Value) (q plan.Request, lacks, err error) {
	remote, err := f.onServer()
	if err != nil {
		return q, nil, err
	}
	if remote {
		t, err := f.serverTarget()
		if e := errors.Join(forgetToken(), forgetPIN()); err == nil {
			err = e
		}
		if err != nil {
			return q, nil, err
		}
		defer t.Wipe()
		t.values = append(t.values, digest...)
		q, _, err = p.serverRequest(kind, f, t)
		return q, nil, err
	}
	t, err := f.target()
	if e := forgetPIN(); err == nil {
		err = e
	}
	if err != nil {
		return q, nil, err
	}
	defer t.Wipe()
	t.values = append(t.values, digest...)
	t.adopt(ctx)
	if _, lacks = t.hsmConfig(); lacks != nil && kind != plan.Drill {
		return q, nil, lacks
	}
	q, _, err = p.request(kind, f, t)
	return q, lacks, err
}

// wrong writes everything that is wrong, and ends with code 2.
func (p *Process) wrong(name string, err error) error {
	fmt.Fprintln(p.Stdout, err)
	return usage("%s is no plan that a ceremony can be held by. Nothing was touched.", clean.Clean(name))
}

// flagsOf are the flags of a ceremony's command.
func (p *Process) flagsOf(kind vaultstate.Kind) *flags {
	c := &cobra.Command{Use: strings.TrimSpace(string(kind))}
	f := ceremonyFlags(c)
	c.Flags().BoolVar(&f.api, "api", false, "")
	switch kind {
	case vaultstate.Init:
		f.recoveryFlags()
		c.Flags().StringVar(&f.rootToken, "root-token", "", "")
		f.rootTokenKeyFlag()
		f.acceptSealFlag()
		f.singleFlags()
	case vaultstate.RecoveryRekey:
		f.recoveryFlags()
		c.Flags().BoolVar(&f.unsealKeys, "unseal-keys", false, "")
	case vaultstate.Recover:
		f.recoverFlags()
	case vaultstate.Rekey:
		f.singleFlags()
	case vaultstate.GenerateRoot:
		f.rootTokenKeyFlag()
	case plan.Unseal:
		c.Flags().BoolVar(&f.deep, "deep", false, "")
	case vaultstate.Rewrap:
		f.rewrapFlags()
	case plan.Retire:
		f.otherKeyFlags("old-")
	case plan.RevokeRoot:
		f.accessorFlag()
	case plan.Drill:
		f.drillFlags()
	case vaultstate.Rotate, vaultstate.ReEncrypt:
	}
	return f
}
