package plan_test

import (
	"strings"
	"testing"

	"conclave/ceremony/plan"
)

func TestArrangements(t *testing.T) {
	for _, c := range []struct {
		name, want string
		set        func(*plan.Request)
	}{
		{"all", "", func(q *plan.Request) {
			q.SecondMedium, q.Attendance, q.Retention, q.Drill, q.Suspended, q.BackupDrill = "/media/stick/", n(7), n(7), n(6), n(3), n(18)
			q.PINHolders, q.Auditors = []string{"Paul Pin", "Quinn Pin"}, []string{"Ada Audit"}
		}},
		{"nobody", "attendance: 0", func(q *plan.Request) { q.Attendance = n(0) }},
		{"more than are named", "are named", func(q *plan.Request) { q.Attendance = n(99) }},
		{"for ever", "retention-years", func(q *plan.Request) { q.Retention = n(101) }},
		{"no day", "suspended-days", func(q *plan.Request) { q.Suspended = n(0) }},
		{"a year", "suspended-days", func(q *plan.Request) { q.Suspended = n(91) }},
		{"a rekey of the root key", "suspended-days", func(q *plan.Request) { *q = plan.Request{Kind: "rekey", Storage: "/vault", Suspended: n(3)} }},
		{"eleven years", "backup-drill-months", func(q *plan.Request) { q.BackupDrill = n(121) }},
		{"never", "drill-months", func(q *plan.Request) { q.Drill = n(0) }},
		{"a holder twice", "one person, one role", func(q *plan.Request) { q.PINHolders = []string{"Paul Pin", "Wim Waters"} }},
		{"somewhere", "the whole path", func(q *plan.Request) { q.SecondMedium = "stick" }},
		{"the vault", "the vault's own storage", func(q *plan.Request) { q.Storage, q.SecondMedium = "/srv/vault", "/srv/vault/" }},
	} {
		q := good()
		c.set(&q)
		p, err := q.Resolve(day)
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", c.name, err, c.want)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if p.SecondMedium != "/media/stick" || p.Attendance != 7 || p.Retention != 7 || p.Drill != 6 || p.Suspended != 3 || p.BackupDrill != 18 || len(p.PINHolders()) != 2 {
			t.Errorf("%s: %+v", c.name, p)
		}
		text := strings.Join(p.Text(), "\n")
		for _, want := range []string{"second-medium = /media/stick (flag)", "attendance = 7 people", "retention-years = 7 years", "drill-months = 6 months", "suspended-days = 3 days", "backup-drill-months = 18 months", "pin holder = Paul Pin", "auditor = Ada Audit"} {
			if !strings.Contains(text, want) {
				t.Errorf("the agreed plan has no %q:\n%s", want, text)
			}
		}
	}
}
