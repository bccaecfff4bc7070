package custodian_test

import (
	"testing"

	"conclave/ceremony/custodian"
	"conclave/ceremony/transcript"
)

// TestDrill: a drill renews when a share was proven. An answered challenge shows
// the key alone, and is noted as that; who did not prove stays as they were.
func TestDrill(t *testing.T) {
	r := afterInit(t)
	set := func(r *custodian.Roster) []custodian.Holding { s, _ := r.ValidSet(); return s.Holdings }
	before := set(r)
	proven := func(n int, name, proof string) transcript.Entry {
		return event("proven", facts{"number": n, "custodian": name, "set": "set1", "fingerprint": pad("set1" + name), "proof": proof})
	}
	for name, c := range map[string]struct {
		event             transcript.Entry
		proven, challenge bool
	}{
		"by the share":  {proven(1, "Alice Example", "share"), true, false},
		"in a quorum":   {proven(1, "Alice Example", "quorum"), true, false},
		"by the key":    {proven(1, "Alice Example", custodian.ProofKey), false, true},
		"by its file":   {proven(1, "Alice Example", custodian.ProofFile), true, true},
		"was not there": {event("not-proven", facts{"number": 1, "custodian": "Alice Example", "set": "set1", "why": "absent"}), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			after := set(derive(t, r, write(t, day(9), one(header("KC-2", "drill", 2, r.Head), c.event, closed()))))
			if got := after[0].Proven != before[0].Proven; got != c.proven {
				t.Errorf("proven: %v, %s", got, after[0].Proven)
			}
			if got := after[0].Challenged != before[0].Challenged; got != c.challenge {
				t.Errorf("challenged: %v, %s", got, after[0].Challenged)
			}
			if after[1] != before[1] {
				t.Errorf("the other: %+v", after[1])
			}
		})
	}
}

// TestTokenRevoked: a later word about a token is about that token.
func TestTokenRevoked(t *testing.T) {
	r := afterInit(t)
	got := derive(t, r, write(t, day(9), one(header("KC-2", "rotate", 2, r.Head),
		event("token", facts{"accessor": "acc1", "fate": custodian.Revoked}), closed()))).Tokens
	if len(got) != 1 || got[0].Fate != custodian.Revoked || got[0].Receiver != "Olga Example" || got[0].Ceremony != "KC-1" {
		t.Errorf("%+v", got)
	}
}

// TestWhichHSM: the HSM is the token that the vault is wrapped in: the new one of a
// rewrap after the swap and not before, and never the one of a retired key. A drill
// with a backup compares with it.
func TestWhichHSM(t *testing.T) {
	token := func(serial, which string) transcript.Entry {
		f := facts{"library": "/lib.so", "token": "t", "software": false, "serial": serial}
		if which != "" {
			f["which"] = which
		}
		return event("equipment", f)
	}
	first, second := token("0001", ""), token("0043", "new")
	swapped := event("swapped", facts{"before": pad("before"), "after": pad("after")})
	undo := one(event("rollback", facts{"choice": "undo"}), event("swapped", facts{"before": pad("after"), "after": pad("before")}))
	aborted := event("aborted", facts{"reason": "r", "step": "s", "state": "s"})
	for name, c := range map[string]struct {
		kind string
		list []transcript.Entry
		want string
	}{
		"rewrap":         {"rewrap", one(first, second, swapped, closed()), "0043"},
		"rewrap, one":    {"rewrap", one(first, swapped, closed()), "0001"},
		"rewrap, stop":   {"rewrap", one(first, second, aborted), "0001"},
		"rewrap, undone": {"rewrap", append(append(one(first, second, swapped), undo...), closed()), "0001"},
		"retire":         {"retire", one(first, token("0040", "old"), closed()), "0001"},
	} {
		r := afterInit(t)
		if got := derive(t, r, write(t, day(9), append(one(header("KC-2", c.kind, 2, r.Head)), c.list...))).HSM; got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
