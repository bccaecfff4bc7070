package custodian_test

import (
	"testing"

	"conclave/ceremony/custodian"
	"conclave/ceremony/transcript"
)

// overAPI is a set that a session hands out: to whom the plan names, or to nobody.
func overAPI(set string, names ...string) []transcript.Entry {
	list := one(event("issued", facts{"set": set, "shares": 2, "threshold": 2}))
	for i := range 2 {
		f := facts{"number": i + 1, "set": set, "fingerprint": pad(set + "share"), "delivery": "pgp", "pgp": "9F3C", "file": "shares/1.asc", "sha256": pad("file")}
		if names != nil {
			f["custodian"] = names[i]
		}
		list = append(list, event("api-share", f))
	}
	return list
}

// changed is the outcome of a session's operation.
func changed(before, recovery string) transcript.Entry {
	return event("outcome", facts{"digest": pad("after " + recovery), "recovery_key_before": pad(before), "recovery_key": pad(recovery), "root_key": pad("root1")})
}

// TestSession: a set counts with the outcome of a session that says another recovery
// key, and no other: neither one that was cancelled nor what an earlier run left
// pending. A set that no plan names holders of has none.
func TestSession(t *testing.T) {
	r := derive(t, nil, write(t, day(1), one(header("S-1", "serve", 1, "")), overAPI("set1", "Alice", "Bob"), one(changed("", "rk1"), closed())))
	set, ok := r.ValidSet()
	if !ok || set.ID != "set1" || len(set.Holdings) != 2 || set.Holdings[1].Custodian != "Bob" || set.Holdings[1].Proven != "" || set.Holdings[1].Acknowledged != "" {
		t.Fatalf("after an init: %+v", r.Sets)
	}
	cut := derive(t, r, write(t, day(2), one(header("KC-2", "recovery-rekey", 2, r.Head)), issue("set2")))
	r = derive(t, cut, write(t, day(3), one(header("S-3", "serve", 3, cut.Head)), overAPI("set3"), one(event("void", facts{"set": "set3", "reason": "cancelled"}), changed("rk1", "rk1"), closed())))
	if set, _ := r.ValidSet(); set.ID != "set1" || r.Sets[1].State != custodian.Pending {
		t.Errorf("after an outcome with the same recovery key: %+v", r.Sets)
	}
	r = derive(t, r, write(t, day(4), one(header("S-4", "serve", 4, r.Head)), overAPI("set4"), one(changed("rk1", "rk4"), closed())))
	for id, want := range map[string]string{"set1": custodian.Replaced, "set2": custodian.Void, "set3": custodian.Void, "set4": custodian.Valid} {
		for _, s := range r.Sets {
			if s.ID == id && s.State != want {
				t.Errorf("%s is %s, want %s", id, s.State, want)
			}
		}
	}
	if set, _ := r.ValidSet(); len(set.Holdings) != 0 || set.Shares != 2 || r.RecoveryKey != pad("rk4") {
		t.Errorf("after a recovery rekey: %+v, %s", set, r.RecoveryKey)
	}
}
