package ceremony

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"conclave/assets/clean"
	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
	"conclave/vaultstate"
)

// maxName is the longest name of a person, in bytes.
const maxName = 120

// people asks for names that the plan does not give, then who is here.
func people(r *Run) *page {
	if r.hello.marked {
		if !r.hello.identified && r.plan.Kind != plan.Unseal {
			return r.askIdentity(r.present, func() { r.hello.identified = true })
		}
		return nil
	}
	if who, field, ok := r.missingPerson(); ok {
		return r.askName(who, field)
	}
	var rows []Attendance
	for i, who := range r.everybody() {
		// Nobody is marked before the operator has looked.
		rows = append(rows, Attendance{Person: who, Present: i < len(r.hello.marks) && r.hello.marks[i]})
	}
	return &page{
		Prompt: Prompt{Kind: People, By: r.person(Operator), Heading: r.person(Operator).Name + ": mark who is here",
			People: rows, Text: []string{r.attendance()}, Recorded: "names, roles, times. No ID numbers."},
		do: r.markPresent,
	}
}

// attendance says who must be here.
func (r *Run) attendance() string {
	switch {
	case r.plan.Kind == vaultstate.Recover:
		return "Every custodian who receives a share proves it, so all of them are needed. Who held a share before comes as well, if they can."
	case r.plan.Issues() && !r.plan.SkipProof:
		return "Every custodian who receives a share proves it before the vault is changed, so all of them are needed."
	case r.provesBackup():
		return "Nobody gives a share in this drill: it is about the HSM's backup."
	case r.plan.Kind == plan.Drill:
		return "Every holder proves their share. Who is not here is recorded as not proven."
	case r.plan.NeedsQuorum():
		return "Custodians who give their share must be here: as many as the vault's threshold says."
	}
	return "Nobody gives a share in this ceremony."
}

func (r *Run) markPresent(_ context.Context, in Input) error {
	all := r.everybody()
	if len(in.Present) != len(all) {
		return askAgain("The marks do not fit the list.", "Nothing was recorded.", "Mark each person, then press enter.")
	}
	r.hello.marks = slices.Clone(in.Present)
	var here []Person
	for i, who := range all {
		if in.Present[i] {
			here = append(here, who)
		}
	}
	if why := r.lacking(here); why != "" {
		return askAgain(why, "The ceremony has not begun; nothing is changed.", "Mark them once they are here, or stop and plan it anew.")
	}
	for i, who := range all {
		facts := transcript.Facts{"name": who.Name, "role": string(who.Role), "organisation": who.Organisation, "present": in.Present[i]}
		if who.Number > 0 {
			facts["number"] = who.Number
		}
		if err := r.record("person", who.Role, who.Name, facts); err != nil {
			return err
		}
	}
	if err := r.weighPresent(here); err != nil {
		return err
	}
	r.present, r.hello.marked, r.hello.marks = here, true, nil
	return nil
}

func count(people []Person, role Role) int {
	n := 0
	for _, who := range people {
		if who.Role == role {
			n++
		}
	}
	return n
}

// missingPerson finds the next person that must be asked for by name.
func (r *Run) missingPerson() (who Person, field string, missing bool) {
	if _, ok := r.plan.First(Operator); !ok {
		return Person{Role: Operator}, "operator", true
	}
	if _, ok := r.plan.First(Witness); !ok && !r.waived("no-witness") && r.c.ID != string(plan.Unseal) {
		return Person{Role: Witness}, "witness", true
	}
	if r.hello.second == askedFor {
		return Person{Role: Witness}, "second witness", true
	}
	all, receive := len(r.plan.Custodians()), len(r.receivers())
	if r.plan.Issues() && receive < r.plan.Shares {
		return Person{Role: Custodian, Number: receive + 1}, fmt.Sprintf("custodian who receives share %d of %d", receive+1, r.plan.Shares), true
	}
	if need := r.status.Threshold; r.plan.NeedsQuorum() && all < need {
		return Person{Role: Custodian}, fmt.Sprintf("custodian who gives share %d of %d", all+1, need), true
	}
	return Person{}, "", false
}

// suggested is a name that the earlier record has for a custodian.
func (r *Run) suggested(who Person) string {
	if who.Role != Custodian || r.env.Roster == nil {
		return ""
	}
	set, ok := r.env.Roster.ValidSet()
	if !ok {
		return ""
	}
	for _, h := range set.Holdings {
		if !slices.ContainsFunc(r.plan.People, func(p Person) bool { return strings.EqualFold(p.Name, h.Custodian) }) {
			return h.Custodian
		}
	}
	return ""
}

func (r *Run) askName(who Person, field string) *page {
	suggested, another := r.suggested(who), r.hello.second == askedFor && who.Role == Witness
	if another {
		suggested = nobody
	}
	return &page{
		Prompt: Prompt{Kind: Ask, By: r.person(Operator), Heading: "Who is the " + field + "?", Field: field, Default: suggested,
			Text: []string{"Type the name as it shall stand in the record; the organisation may follow: Wim Example, of Audit."}, Recorded: "name, role, organisation."},
		do: func(_ context.Context, in Input) error {
			bad, err := r.refusesName(field, in.Text)
			if err != nil {
				return err
			}
			if bad {
				return askAgain("This looks like a share, a token or a key, not like a name.", "It was not recorded.", "Type the name.")
			}
			name := strings.Join(strings.Fields(clean.Clean(in.Text)), " ")
			if name == "" {
				name = suggested
			}
			if another && name == nobody {
				r.hello.second = answered
				return nil
			}
			name, who.Organisation, _ = strings.Cut(name, ", of ")
			if name == "" || len(name) > maxName {
				return askAgain(fmt.Sprintf("A name has 1 to %d characters.", maxName), "Nothing was recorded.", "Type the name.")
			}
			for _, other := range r.plan.People {
				if plan.Same(other.Name, name) {
					return askAgain(name+" is already here as "+string(other.Role)+".", "One person has one role.", "Type somebody else's name.")
				}
			}
			who.Name = name
			r.plan.People = append(r.plan.People, who)
			if who.Role == Witness {
				// Whoever names the first here is asked for a second.
				r.hello.second++
			}
			return nil
		},
	}
}

// roleText is "custodian 3" or "witness".
func roleText(who Person) string {
	if who.Number > 0 {
		return fmt.Sprintf("%s %d", who.Role, who.Number)
	}
	return string(who.Role)
}

// person returns the first person of a role; for a role that nobody has, the
// operator acts.
func (r *Run) person(role Role) Person {
	for _, list := range [][]Person{r.present, r.plan.People} {
		for _, who := range list {
			if who.Role == role {
				return who
			}
		}
	}
	if role != Operator {
		return r.person(Operator)
	}
	return Person{Name: "operator", Role: Operator}
}

// custodians returns those present, in the order of the plan.
func (r *Run) custodians() []Person {
	var list []Person
	for _, who := range r.present {
		if who.Role == Custodian {
			list = append(list, who)
		}
	}
	return list
}

// receivers returns who gets which new share, in share order.
func (r *Run) receivers() []Person {
	var list []Person
	for _, who := range r.plan.Custodians() {
		if who.Number > 0 {
			list = append(list, who)
		}
	}
	return list
}
