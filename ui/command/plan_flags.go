package command

import (
	"conclave/ceremony/custodian"
	"conclave/ceremony/plan"
)

// arrangements are what a plan says of the room and of the time afterwards.
type arrangements struct {
	medium                       string
	attendance, retention, drill int
}

func (f *flags) arrangementFlags() {
	s := f.set
	s.StringVar(&f.medium, "second-medium", "", "the `DIR` of a medium that encrypted shares are written to as well")
	s.IntVar(&f.attendance, "attendance", 0, "how many people must be here, `N`")
	s.IntVar(&f.retention, "retention-years", 0, "how long the record is kept, `N` years")
	s.IntVar(&f.drill, "drill-months", 12, "when the shares are proven again, in `N` months")
}

// arrange takes them into a request, with the people that only a plan names.
func (f *flags) arrange(q *plan.Request) {
	q.SecondMedium = f.medium
	q.Attendance = f.number("attendance", f.attendance)
	q.Retention = f.number("retention-years", f.retention)
	q.Drill = f.number("drill-months", f.drill)
	if f.doc != nil {
		q.Auditors = f.doc.With(custodian.Auditor)
	}
}
