package command

import (
	"slices"
	"strings"

	"conclave/ceremony/custodian"
	"conclave/ceremony/plan"
)

// arrangements are what a plan says of the room and of the time afterwards.
type arrangements struct {
	medium                       string
	anchor, adopts               string
	offline                      bool
	attendance, retention, drill int
	suspended, backupDrill       int
}

func (f *flags) arrangementFlags() {
	s := f.set
	s.StringVar(&f.medium, "second-medium", "", "the `DIR` of a medium that encrypted shares are written to as well")
	s.StringVar(&f.anchor, "anchor", "", "`hsm`: the HSM keeps a note of the vault's state, which an older copy of the storage does not reach")
	s.StringVar(&f.adopts, "adopt-state", "", "a state that the last ceremony did not leave is adopted by operator and witness, for this `REASON`")
	s.Lookup("adopt-state").Hidden = true // what refuses a state names it
	s.BoolVar(&f.offline, "offline", false, "no network interface but the loopback may be up")
	s.Lookup("offline").Hidden = true // a plan says it; the page is full
	s.IntVar(&f.attendance, "attendance", 0, "how many people must be here, `N`")
	s.IntVar(&f.retention, "retention-years", 0, "how long the record is kept, `N` years")
	s.IntVar(&f.suspended, "suspended-days", 30, "how long a run that was cut off may wait to be gone on with, `N` days")
	s.IntVar(&f.backupDrill, "backup-drill-months", 24, "when the HSM's backup is proven again, in `N` months")
	for _, name := range []string{"suspended-days", "backup-drill-months"} {
		s.Lookup(name).Hidden = true // a plan says them; the page has no room
	}
	s.IntVar(&f.drill, "drill-months", 12, "when the shares are proven again, in `N` months")
}

// arrange takes them into a request, with the people that only a plan names and
// what is said of people.
func (f *flags) arrange(q *plan.Request) error {
	q.SecondMedium, q.Anchor, q.AdoptState, q.Offline = f.medium, f.anchor, f.adopts, f.offline
	q.Attendance = f.number("attendance", f.attendance)
	q.Retention = f.number("retention-years", f.retention)
	q.Drill = f.number("drill-months", f.drill)
	q.BackupDrill = f.number("backup-drill-months", f.backupDrill)
	q.Suspended = f.number("suspended-days", f.suspended)
	if d := f.doc; d != nil {
		q.PINHolders, q.Auditors = d.PINHolders(), d.With(custodian.Auditor)
		q.Organisations, q.ReportsTo, q.Sites, q.Mail = d.Organisations(), d.ReportsTo(), d.Sites(), d.Mail()
		return f.approvers(q)
	}
	q.Organisations = f.ofWhom()
	return nil
}

// ofWhom are the organisations that flags say, by the names that other flags
// say. What is of nobody is refused by Resolve, once all was looked at for
// secrets.
func (f *flags) ofWhom() map[string]string {
	m := map[string]string{}
	names := append(append([]string{f.operator}, f.witnesses...), f.custodians...)
	for _, pair := range f.organisations {
		who, of, ok := strings.Cut(pair, "=")
		i := slices.IndexFunc(names, func(name string) bool { return name != "" && plan.Same(name, who) })
		if !ok || i < 0 {
			m[pair] = pair
			continue
		}
		m[strings.Join(strings.Fields(names[i]), " ")] = strings.TrimSpace(of)
	}
	return m
}
