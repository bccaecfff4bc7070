package custodian_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"conclave/ceremony/custodian"
	"conclave/ceremony/transcript"
)

var update = flag.Bool("update", false, "write the golden files anew")

// file is a transcript in memory.
type file struct{ bytes.Buffer }

func (*file) Sync() error { return nil }

// day makes a clock for the n-th ceremony.
func day(n int) transcript.Clock {
	tick := 0
	return func() (time.Time, time.Duration) {
		tick++
		return time.Date(2026, 11, n, 14, 0, tick, 0, time.UTC), time.Duration(tick) * time.Second
	}
}

// pad makes 32 bytes of hex from a short name, as digests and fingerprints are.
func pad(s string) string { return hex.EncodeToString([]byte(fmt.Sprintf("%-32s", s))) }

func digest(s string) string {
	if s == "" {
		return ""
	}
	return pad(s)
}

func fp(s string) (b [32]byte) {
	copy(b[:], fmt.Sprintf("%-32s", s))
	return b
}

type facts = transcript.Facts

func event(kind string, f facts) transcript.Entry {
	return transcript.Entry{Kind: kind, Step: "s", Evidence: transcript.ByProgram, Facts: f}
}

func header(id, kind string, sequence int, previous string) transcript.Entry {
	return event("header", facts{"format": 1, "ceremony": kind, "id": id, "practice": false, "program": "conclave",
		"vault": "/srv/openbao", "sequence": sequence, "previous_head": previous})
}

// issue is a set of two shares, for Alice and Bob, of which both are proven.
func issue(set string) []transcript.Entry {
	list := []transcript.Entry{event("issued", facts{"set": set, "shares": 2, "threshold": 2})}
	for i, name := range []string{"Alice Example", "Bob Example"} {
		list = append(list, event("share", facts{"number": i + 1, "custodian": name, "set": set,
			"fingerprint": pad(set + name), "delivery": "pgp", "pgp": "9F3C", "file": fmt.Sprintf("shares/%d.asc", i+1), "sha256": pad("file")}))
	}
	for i, name := range []string{"Alice Example", "Bob Example"} {
		list = append(list, event("proven", facts{"number": i + 1, "custodian": name, "set": set, "fingerprint": pad(set + name)}))
	}
	return list
}

func commit(recovery, root string) []transcript.Entry {
	return []transcript.Entry{
		event("swapped", facts{"before": pad("before"), "after": pad("after " + recovery + root)}),
		event("outcome", facts{"digest": pad("after " + recovery + root), "recovery_key": pad(recovery), "root_key": pad(root),
			"terms": []string{"1 " + pad("term")}, "seal_key": "bao:01"}),
	}
}

func closed() transcript.Entry {
	return event("closed", facts{"verdict": "done", "overrides": []string{}})
}

func write(t *testing.T, clock transcript.Clock, lists ...[]transcript.Entry) []byte {
	t.Helper()
	var f file
	w := transcript.NewWriter(&f, clock)
	for _, list := range lists {
		for _, e := range list {
			if _, err := w.Append(e); err != nil {
				t.Fatal(err)
			}
		}
	}
	return f.Bytes()
}

func one(e ...transcript.Entry) []transcript.Entry { return e }

func derive(t *testing.T, previous *custodian.Roster, b []byte) *custodian.Roster {
	t.Helper()
	r, err := custodian.Derive(previous, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func afterInit(t *testing.T) *custodian.Roster {
	t.Helper()
	return derive(t, nil, write(t, day(1), one(header("KC-1", "init", 1, "")), issue("set1"), commit("rk1", "root1"),
		one(event("token", facts{"accessor": "acc1", "receiver": "Olga Example", "fate": "kept"}), closed())))
}

func afterRekey(t *testing.T) *custodian.Roster {
	t.Helper()
	r := afterInit(t)
	return derive(t, r, write(t, day(2), one(header("KC-2", "recovery-rekey", 2, r.Head),
		event("target", facts{"recovery_key": pad("rk1")})), issue("set2"), commit("rk2", "root1"), one(closed())))
}

func states(r *custodian.Roster) string {
	var list []string
	for _, s := range r.Sets {
		list = append(list, s.ID+" "+s.State)
	}
	return strings.Join(list, ", ")
}

func TestGolden(t *testing.T) {
	b, err := afterRekey(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	// Salts are random, so the head is not the same twice.
	b = bytes.Replace(b, []byte(afterHead(t, b)), []byte(strings.Repeat("f", 64)), 1)
	path := filepath.Join("testdata", "roster.json")
	if *update {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, want) {
		t.Errorf("roster.json is\n%s", b)
	}
}

func afterHead(t *testing.T, b []byte) string {
	t.Helper()
	r, err := custodian.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	return r.Head
}

func TestRecoveryRekey(t *testing.T) {
	r := afterRekey(t)
	if got := states(r); got != "set1 replaced, set2 valid" {
		t.Errorf("sets: %s", got)
	}
	if r.RecoveryKey != pad("rk2") || fmt.Sprint(r.OldRecoveryKeys) != fmt.Sprint([]string{pad("rk1")}) {
		t.Errorf("recovery keys: %s, %s", r.RecoveryKey, r.OldRecoveryKeys)
	}
	if len(r.OldRootKeys) != 0 || r.RootKey != pad("root1") {
		t.Errorf("root keys: %s, %s", r.RootKey, r.OldRootKeys)
	}
	if r.Sequence != 2 || r.Ceremony != "KC-2" || r.Outcome != "closed" {
		t.Errorf("last: %d, %s, %s", r.Sequence, r.Ceremony, r.Outcome)
	}
	if fmt.Sprint(r.People()) != "[Alice Example Bob Example]" {
		t.Errorf("people: %q", r.People())
	}
}

func TestMatch(t *testing.T) {
	r := afterRekey(t)
	tests := []struct {
		share    string // what the fingerprint is of, after the set's id
		in       string
		found    bool
		who      string
		replaced bool
	}{
		{"Bob Example", "set2", true, "Bob Example", false},
		{"Alice Example", "set1", true, "Alice Example", true},
		{"Carol Example", "set2", false, "", false},
		{"Bob Example", "set3", false, "", false},
	}
	for _, tt := range tests {
		h, ok := r.Match(func(set string) [32]byte {
			if set != tt.in {
				return fp("another")
			}
			return fp(set + tt.share)
		})
		if ok != tt.found || h.Custodian != tt.who || h.Replaced != tt.replaced {
			t.Errorf("Match(%s of %s) = %+v, %v", tt.share, tt.in, h, ok)
		}
		if ok && h.Set != tt.in {
			t.Errorf("Match(%s of %s): set %s", tt.share, tt.in, h.Set)
		}
	}
	if _, ok := (&custodian.Roster{}).Match(fp); ok {
		t.Error("an empty roster knows a share")
	}
}

func TestSetsOnlyCountAfterTheSwap(t *testing.T) {
	r := afterInit(t)
	void := event("void", facts{"set": "set2", "reason": "stopped"})
	undo := event("rollback", facts{"choice": "undo"})
	back := event("swapped", facts{"before": pad("after"), "after": pad("before")})
	tests := []struct {
		name  string
		lists [][]transcript.Entry
		want  string
		key   string
	}{
		{"interrupted", [][]transcript.Entry{issue("set2")}, "set1 valid, set2 pending", "rk1"},
		{"stopped", [][]transcript.Entry{issue("set2"), one(void, event("aborted", facts{"reason": "enough"}))}, "set1 valid, set2 void", "rk1"},
		{"interrupted after the swap", [][]transcript.Entry{issue("set2"), commit("rk2", "root1")[:1]}, "set1 replaced, set2 valid", ""},
		{"undone", [][]transcript.Entry{issue("set2"), commit("rk2", "root1"), one(undo, back, closed())}, "set1 valid, set2 void", "rk1"},
		{"kept", [][]transcript.Entry{issue("set2"), commit("rk2", "root1"), one(event("rollback", facts{"choice": "keep"}), closed())}, "set1 replaced, set2 valid", "rk2"},
		{"another set is put in place", [][]transcript.Entry{issue("set2"), issue("set3"), commitOf("set3")}, "set1 replaced, set2 void, set3 valid", ""},
		{"a swap without shares after an interruption", [][]transcript.Entry{issue("set2"), commitOf("")}, "set1 valid, set2 void", "rk1"},
		{"without shares", [][]transcript.Entry{commit("rk1", "root2"), one(closed())}, "set1 valid", "rk1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lists := append([][]transcript.Entry{one(header("KC-2", "recovery-rekey", 2, r.Head))}, tt.lists...)
			got := derive(t, r, write(t, day(2), lists...))
			if states(got) != tt.want || got.RecoveryKey != digest(tt.key) {
				t.Errorf("sets %s, recovery key %s; want %s, %s", states(got), got.RecoveryKey, tt.want, pad(tt.key))
			}
			if tt.name == "undone" && len(got.OldRecoveryKeys) != 0 {
				t.Errorf("undone, but old keys are %q", got.OldRecoveryKeys)
			}
		})
	}
	if states(r) != "set1 valid" {
		t.Error("Derive changed the previous roster")
	}
}

// commitOf is a swap whose record names the set.
func commitOf(set string) []transcript.Entry {
	return one(event("swapped", facts{"before": pad("before"), "after": pad("after"), "set": set}))
}

// TestFoundStateDoesNotOverrule: a state that was changed outside must not
// become the known one because a ceremony looked at it and stopped.
func TestFoundStateDoesNotOverrule(t *testing.T) {
	r := afterInit(t)
	got := derive(t, r, write(t, day(2), one(header("KC-2", "rekey", 2, r.Head),
		event("target", facts{"recovery_key": pad("forged"), "root_key": pad("forged")}), event("aborted", facts{"reason": "changed"}))))
	if got.RecoveryKey != pad("rk1") || got.RootKey != pad("root1") {
		t.Errorf("the roster took over %s, %s", got.RecoveryKey, got.RootKey)
	}
	first := derive(t, nil, write(t, day(2), one(header("KC-2", "unseal", 1, ""), event("target", facts{"recovery_key": pad("rk7")}), closed())))
	if first.RecoveryKey != pad("rk7") {
		t.Errorf("the first record of a vault says %s", first.RecoveryKey)
	}
}

func TestDeriveRefuses(t *testing.T) {
	r := afterInit(t)
	good := write(t, day(2), one(header("KC-2", "rekey", 2, r.Head), closed()))
	practice := header("KC-2", "rekey", 2, r.Head)
	practice.Facts["practice"] = true
	wrongShare := event("proven", facts{"number": 1, "custodian": "Alice Example", "set": "set1", "fingerprint": pad("other")})
	tests := []struct {
		name  string
		b     []byte
		chain bool
	}{
		{"another head before it", write(t, day(2), one(header("KC-2", "rekey", 2, pad("x")))), true},
		{"a gap in the numbers", write(t, day(2), one(header("KC-2", "rekey", 3, r.Head))), true},
		{"practice after production", write(t, day(2), one(practice)), true},
		{"a broken transcript", bytes.Replace(good, []byte("KC-2"), []byte("KC-3"), 1), false},
		{"an empty transcript", nil, false},
		{"a set issued twice", write(t, day(2), one(header("KC-2", "recovery-rekey", 2, r.Head)), issue("set1")[:1]), false},
		{"a share of an old set", write(t, day(2), one(header("KC-2", "recovery-rekey", 2, r.Head)), issue("set1")[1:2]), false},
		{"a proof of something else", write(t, day(2), one(header("KC-2", "drill", 2, r.Head), wrongShare)), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := custodian.Derive(r, bytes.NewReader(tt.b))
			if err == nil {
				t.Fatalf("accepted: %+v", got)
			}
			if errors.Is(err, custodian.ErrChain) != tt.chain {
				t.Errorf("Derive = %v", err)
			}
		})
	}
	if _, err := custodian.Derive(r, bytes.NewReader(good)); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

func TestEncode(t *testing.T) {
	for _, r := range []*custodian.Roster{afterInit(t), afterRekey(t), {Format: 1}} {
		b, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := custodian.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if !got.Same(b) || !r.Same(b) {
			t.Error("decoded and encoded, it is another")
		}
		for i := range b {
			bad := bytes.Clone(b)
			bad[i] ^= 1
			if r.Same(bad) {
				t.Fatalf("byte %d changed, and it is still the same", i)
			}
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	b, err := afterInit(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, from, to string }{
		{"a duplicate member", `"vault": "/srv/openbao",`, `"vault": "/srv/openbao", "vault": "/srv/openbao",`},
		{"another case", `"vault":`, `"Vault":`},
		{"an unknown member", `"vault":`, `"more": 1, "vault":`},
		{"a missing member", `  "vault": "/srv/openbao",` + "\n", ``},
		{"a newer format", `"format": 1`, `"format": 2`},
		{"null for a list", `"old_root_keys": []`, `"old_root_keys": null`},
		{"other blanks", `"format": 1`, `"format":  1`},
		{"more after it", "}\n", "}\n{}\n"},
	}
	for _, tt := range tests {
		at := strings.LastIndex(string(b), tt.from)
		if at < 0 {
			t.Fatalf("%s: roster.json has no %s", tt.name, tt.from)
		}
		bad := string(b[:at]) + tt.to + string(b[at+len(tt.from):])
		if _, err := custodian.Decode([]byte(bad)); err == nil {
			t.Errorf("%s was accepted", tt.name)
		}
	}
}

func FuzzDecode(f *testing.F) {
	b, err := os.ReadFile(filepath.Join("testdata", "roster.json"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"format":1}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := custodian.Decode(b)
		if err == nil && !r.Same(b) {
			t.Error("accepted, and it is written in another way")
		}
	})
}
