package plan

import (
	"fmt"
	"path/filepath"
)

// usualDrill is how many months lie between two proofs of the shares, where a
// plan does not say it: custody is a year old before anybody notices a loss.
const usualDrill = 12

// usualBackup is how many months lie between two drills of the HSM's backup.
const usualBackup = 24

// usualSuspended is how many days a run that was cut off may wait for the one
// that goes on with it, where a plan does not say it: what is staged is no use
// to a thief without the HSM, but the shares of it are with people.
const usualSuspended = 30

func (q Request) drill() int {
	if q.Drill.Given && q.Drill.Value > 0 {
		return q.Drill.Value
	}
	return usualDrill
}

// arrangements are what the plan says of the room, and of the time after the
// day. They are in the agreed plan only where somebody said them.
func (q Request) arrangements(p *Plan, refuse func(string, string, ...any)) {
	p.Drill, p.BackupDrill, p.Suspended = q.drill(), usualBackup, usualSuspended
	for _, a := range []struct {
		name, unit string
		Number
		most int
		to   *int
	}{
		{"attendance", "people", q.Attendance, 300, &p.Attendance},
		{"retention-years", "years", q.Retention, 100, &p.Retention},
		{"drill-months", "months", q.Drill, 60, &p.Drill},
		{"backup-drill-months", "months", q.BackupDrill, 120, &p.BackupDrill},
		{"suspended-days", "days", q.Suspended, 90, &p.Suspended},
	} {
		switch {
		case !a.Given:
		case a.Value < 1 || a.Value > a.most:
			refuse(a.name, "%d: say 1 to %d %s", a.Value, a.most, a.unit)
		default:
			*a.to = a.Value
			p.Values = append(p.Values, Value{Name: a.name, Text: fmt.Sprintf("%d %s", a.Value, a.unit), Source: "flag"})
		}
	}
	if q.Offline {
		p.Values = append(p.Values, Value{Name: "offline", Text: "true", Source: "flag"})
	}
	if q.Suspended.Given && !p.mayIssue() {
		refuse("suspended-days", "nothing of a %s waits for another day", p.Kind)
	}
	if q.Attendance.Given && len(p.People) > 0 && q.Attendance.Value > len(p.People) && p.named() {
		refuse("attendance", "%d people must be here, and %d are named", q.Attendance.Value, len(p.People))
	}
	if q.SecondMedium == "" {
		return
	}
	p.SecondMedium = filepath.Clean(q.SecondMedium)
	p.Values = append(p.Values, Value{Name: "second-medium", Text: p.SecondMedium, Source: "flag"})
	if !filepath.IsAbs(p.SecondMedium) {
		refuse("second-medium", "%s: say the whole path, from /", p.SecondMedium)
	} else if p.SecondMedium == filepath.Clean(q.Storage) {
		refuse("second-medium", "this is the vault's own storage")
	}
}

// named tells whether everybody has a name already: without a plan's file some
// are asked for on the day.
func (p *Plan) named() bool {
	_, operator := p.First("operator")
	return operator && (!p.Issues() || len(p.Custodians()) >= p.Shares) && (!p.NeedsQuorum() || len(p.Custodians()) > 0)
}
