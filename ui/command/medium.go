package command

import (
	"path/filepath"

	"conclave/ceremony"
	"conclave/ceremony/folder"
	"conclave/ceremony/plan"
)

// openMedium opens the plan's second medium, if it names one: a directory there
// of the same name as the record's.
func (a *Assembled) openMedium(p *plan.Plan, env *ceremony.Env) error {
	dir := secondMedium(p)
	if dir == "" || !p.Issues() {
		return nil
	}
	m, err := folder.OpenMedium(dir, filepath.Base(a.Folder.Dir()), p.Practice)
	if err != nil {
		return err
	}
	a.medium, env.Medium = m, m
	return nil
}

func secondMedium(p *plan.Plan) string {
	for _, v := range p.Values {
		if v.Name == "second-medium" {
			return v.Text
		}
	}
	return ""
}
