package command

import (
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"conclave/assets/clean"
	"conclave/assets/words"
	"conclave/ceremony"
	"conclave/ceremony/plan"
	"conclave/ceremony/record"
)

// scriptFormats are the forms of a script for paper.
var scriptFormats = map[string]func(*record.Script, io.Writer) error{
	"text": (*record.Script).Text, "html": (*record.Script).HTML, "pdf": (*record.Script).PDF,
}

func (p *Process) planPrintCommand() *cobra.Command {
	var dir, format, out string
	c := &cobra.Command{Use: "print FILE", Short: "Print the script of the day: steps, boxes, exception sheets, cards", Args: cobra.ExactArgs(1),
		Long: "The steps are those that the screens go through. The hash at the foot of every\nsheet is the one that is read aloud: a script of another plan is seen by it.",
		RunE: func(c *cobra.Command, args []string) error {
			write, ok := scriptFormats[format]
			if !ok {
				return usage("-format=%s is not known: say text, html or pdf. Nothing was printed.", clean.Clean(format))
			}
			agreed, err := p.planned(c.Context(), args[0], dir)
			if err != nil {
				return err
			}
			s, err := p.paper(agreed)
			if err != nil {
				return err
			}
			if err := p.toFile(out, func(w io.Writer) error { return write(s, w) }); err != nil {
				return fmt.Errorf("printing the script: %w", err)
			}
			return nil
		},
	}
	c.Flags().StringVar(&dir, "dir", ".", "the `DIR` with the records of the vault")
	c.Flags().StringVar(&format, "format", "text", "`FORMAT`: text, html or pdf")
	c.Flags().StringVar(&out, "out", "", "write to a new `FILE`")
	return c
}

// paper is the script of an agreed plan, from the table of its ceremony.
func (p *Process) paper(agreed *plan.Plan) (*record.Script, error) {
	c, ok := ceremony.ByID(string(agreed.Kind))
	if !ok {
		return nil, fmt.Errorf("printing the script: there is no ceremony %q", agreed.Kind)
	}
	hash := agreed.Hash()
	s := &record.Script{Ceremony: c.Title, ID: agreed.ID, Purpose: agreed.Purpose, Practice: agreed.Practice, Hash: agreed.HashHex(),
		Words: words.Words(hash[:]), Reviewed: p.Now(), Worksheet: agreed.Issues() && len(agreed.Keys) == 0}
	for _, who := range agreed.People {
		one := record.ScriptPerson{Name: who.Name, Role: string(who.Role), Organisation: who.Organisation, Share: who.Number}
		if i := who.Number - 1; i >= 0 && i < len(agreed.Keys) {
			one.Key = agreed.Keys[i].File
		}
		s.People = append(s.People, one)
	}
	for _, a := range agreed.Approvers {
		s.Approvers = append(s.Approvers, record.ScriptApprover{Name: a.Name, Organisation: a.Organisation,
			Key: string(a.Key.Kind) + " key " + a.Key.ID, Signed: a.Approval != nil})
	}
	for _, f := range agreed.Judge() {
		s.Notes = append(s.Notes, f.Sentence)
	}
	for _, o := range agreed.Overrides {
		s.Notes = append(s.Notes, "Override "+o.ID+": "+o.Sentence+" Accepted: "+o.Why)
	}
	for _, st := range ceremony.Paper(c, agreed) {
		step := record.ScriptStep{Number: st.Number, Title: st.Title, Reader: st.Reader, Aloud: slices.Clone(st.Aloud), Maybe: st.Maybe}
		for _, who := range st.By {
			step.By = append(step.By, who.Name)
		}
		s.Steps = append(s.Steps, step)
	}
	return s, nil
}
