package command

import (
	"conclave/ceremony/folder"
	"conclave/ceremony/plan"
)

// openMedium opens the plan's second medium, if it names one: a directory there
// of the same name as the record's. That is done before the record begins, so
// that a medium that is not in stops nothing but the command.
func (a *Assembled) openMedium(p *plan.Plan, name string) (err error) {
	if p.SecondMedium != "" && p.Issues() {
		a.medium, err = folder.OpenMedium(p.SecondMedium, name, p.Practice)
	}
	return err
}
