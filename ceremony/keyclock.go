package ceremony

import (
	"fmt"
	"time"

	"conclave/ceremony/plan"
	"conclave/vaultstate/pgp"
)

// Whether a PGP key can be used hangs on the time. When the plan was resolved
// there was only this machine's clock; here people's watches are known.

// watchOff is a watch that is off this machine's clock by more than it may be.
type watchOff struct {
	who Person
	by  time.Duration // how far it is ahead
}

// pgpKeys are all keys that something is encrypted to.
func (r *Run) pgpKeys() []plan.Key {
	keys := append([]plan.Key{}, r.plan.Keys...)
	for _, k := range []*plan.Key{r.plan.WitnessKey, r.plan.RootTokenKey} {
		if k != nil {
			keys = append(keys, *k)
		}
	}
	return keys
}

// unusable says which key cannot be used at a time, and why; "" if all can.
func (r *Run) unusable(at time.Time) string {
	for _, k := range r.pgpKeys() {
		for _, f := range k.Preflight(at, time.Time{}) {
			if f.Level != pgp.LevelError {
				continue
			}
			of := "that names nobody"
			if len(k.UserIDs) > 0 {
				of = "of " + k.UserIDs[0]
			}
			return fmt.Sprintf("the PGP key %s (%s) cannot be used: %s", of, k.File, f.Text)
		}
	}
	return ""
}

// judgeKeys looks at the keys by this machine's clock as it is now, and by every
// watch that is off it. In a drill nothing new is encrypted to them.
func (r *Run) judgeKeys(now time.Time, names []string, watches map[string]Person) error {
	e := &r.evidence
	if r.plan.Kind == plan.Drill {
		return nil
	}
	for _, name := range names {
		d, err := offset(e.typed[name], now)
		switch {
		case err != nil && e.unfit == name:
			return askAgainAt(name, "What the watch of "+watches[name].Name+" shows is needed now: by what it showed, a PGP key cannot be used.",
				"Nothing was recorded.", "Type what it shows.")
		case err != nil || d.Abs() <= mostOff:
			continue
		}
		if why := r.unusable(now.Add(d)); why != "" {
			e.unfit = name
			return askAgainAt(name, "By the watch of "+watches[name].Name+" "+why, "Nothing was recorded, and nothing is changed.",
				"Look at the watch again. If it is right, stop: set the clock, and plan with keys that can be used.")
		}
	}
	if why := r.unusable(now); why != "" {
		return askAgain("By this machine's clock, which the watches were held against, "+why, "Nothing was recorded, and nothing is changed.",
			"Stop: set the clock if it is wrong, or plan with keys that can be used.")
	}
	return nil
}

// byWatches says that keys were judged by watches that are off, too.
func (r *Run) byWatches() []Line {
	var lines []Line
	for _, w := range r.evidence.off {
		way := "ahead of"
		if w.by < 0 {
			way = "behind"
		}
		lines = append(lines, Line{Mark: Warn, Text: fmt.Sprintf("The watch of %s is %d s %s this machine's clock; the key can be used by it, too.", w.who.Name, int(w.by.Abs().Seconds()), way)})
	}
	return lines
}
