package custody_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"conclave/ceremony/custodian"
	"conclave/ceremony/custody"
	"conclave/ceremony/transcript"
)

var holders = []string{"Alice", "Bob", "Carol", "Dora", "Erik"}

// issued is a vault with a set of 3 of 5 from 2026-01-10, all of it proven.
func issued(entries ...transcript.Entry) custody.State {
	set := custodian.Set{ID: "b", Ceremony: "KC-2", Issued: "2026-01-10T10:00:00Z", State: custodian.Valid, Shares: 5, Threshold: 3}
	for i, name := range holders {
		set.Holdings = append(set.Holdings, custodian.Holding{Number: i + 1, Custodian: name, PGP: "key of " + name, Proven: "2026-01-10T10:30:00Z"})
	}
	s := custody.State{Now: at("2026-06-01"), Initialized: true, Shares: 5, Threshold: 3,
		Roster:  &custodian.Roster{Sets: []custodian.Set{{ID: "a", Ceremony: "KC-1", State: custodian.Replaced}, set}},
		History: custody.History{Began: at("2025-12-01"), Key: custody.Key{Backup: "a clone in the bank"}}}
	if entries != nil {
		c, err := read(mustWrite(entries))
		if err != nil {
			panic(err)
		}
		s.Chain = c
	}
	return s
}

func mustWrite(entries []transcript.Entry) []byte { return write(&testing.T{}, entries...) }

func lost(on string, n int) transcript.Entry {
	return made(on, custody.ShareLost, facts{"number": n})
}

func suspected(on string, n int) transcript.Entry {
	return made(on, custody.ShareSuspected, facts{"number": n})
}

func drill(on string, shares ...string) transcript.Entry {
	return made(on, custody.Drill, facts{"shares": shares})
}

func gone(on, name string) transcript.Entry {
	return made(on, custody.HolderLeft, facts{"name": name})
}

// absent is a history in which holders of the present set were not at a drill.
func absent(on time.Time, numbers ...int) func(*custody.State) {
	return func(s *custody.State) {
		for _, n := range numbers {
			s.History.Absent = append(s.History.Absent, custody.Absent{Set: "b", Number: n, At: on})
		}
	}
}

func TestHealth(t *testing.T) {
	on := func(day string, s custody.State) custody.State {
		s.Now = at(day)
		return s
	}
	with := func(s custody.State, change func(*custody.State)) custody.State {
		change(&s)
		return s
	}
	for _, tt := range []struct {
		name  string
		state custody.State
		want  string // urgency, id, day of each item
		says  string
	}{
		{"nothing", issued(), "", ""},
		{"no vault yet", custody.State{}, "", ""},
		{"no record", custody.State{Now: at("2026-06-01"), Initialized: true, Shares: 5, Threshold: 3}, "due records", "-dir"},
		{"changed without a record", with(issued(), func(s *custody.State) { s.Threshold = 2 }), "now records", "5 shares, 2 needed; the last record says 5 and 3"},
		{"handed out over the API", with(issued(), func(s *custody.State) { s.Roster.Sets[1].Holdings = nil }), "due records", "KC-2 handed the shares of this vault out over the API"},

		{"a share is lost", issued(lost("2026-05-01", 2)), "due recovery-rekey", "Share 2 (Bob) lost; 4 of 5 are left"},
		{"as many as can be lost", issued(lost("2026-05-01", 2), lost("2026-05-01", 5)), "due recovery-rekey", "Shares 2 (Bob), 5 (Erik) lost"},
		{"fewer than the threshold left", issued(lost("2026-05-01", 1), lost("2026-05-01", 2), lost("2026-05-01", 5)), "now recover", "2 of 5 are left, and 3 are needed"},
		{"lost before the set was made", issued(lost("2026-01-09", 2)), "", ""},
		{"lost on the day it was made", issued(lost("2026-01-10", 2)), "due recovery-rekey", ""},
		{"a share is suspected", issued(suspected("2026-05-01", 2)), "now recovery-rekey", "Share 2 (Bob) may have been seen"},
		{"one less than the threshold suspected", issued(suspected("2026-05-01", 2), suspected("2026-05-02", 3)), "now rewrap", "Shares 2 (Bob), 3 (Carol)"},
		{"the same twice", issued(suspected("2026-05-01", 2), suspected("2026-05-02", 2)), "now recovery-rekey", ""},
		{"a slip", issued(suspected("2026-05-01", 2), made("2026-05-01", custody.Withdrawn, facts{"entry": 3, "note": "a slip"})), "", ""},

		{"an old HSM key", with(issued(), func(s *custody.State) { s.Roster.OldSealKeys = []string{"bao:01"} }), "known retire", "The HSM key bao:01, from before a rewrap"},

		{"a holder leaves", issued(gone("2026-05-20", "bob")), "due recovery-rekey 2026-06-19; soon drill 2026-06-19", "has left since 2026-05-20"},
		{"long ago", issued(gone("2026-03-20", "Bob")), "now recovery-rekey 2026-04-19; due drill 2026-04-19", ""},
		{"the others proved since", issued(gone("2026-05-20", "Bob"), drill("2026-05-25", "1", "3", "4", "5")), "due recovery-rekey 2026-06-19", ""},
		{"two leave", issued(gone("2026-05-20", "Bob"), gone("2026-05-20", "Dora"), drill("2026-05-25", "1", "3", "5")),
			"due recovery-rekey 2026-06-19; due recovery-rekey 2026-06-19; due recovery-rekey", "Holders of 2 (Bob), 4 (Dora) have left or were absent: of 5 shares 3 can be counted on, and 3 are needed."},
		{"one leaves, one was lost", issued(gone("2026-05-20", "Bob"), drill("2026-05-25", "1", "3", "4", "5"), lost("2026-05-20", 5)),
			"due recovery-rekey 2026-06-19; due recovery-rekey; due recovery-rekey", "of 5 shares 3 can be counted on"},
		{"too few are left of those who hold one", issued(gone("2026-05-20", "Bob"), gone("2026-05-20", "Dora"), gone("2026-05-20", "Erik"), drill("2026-05-25", "1", "3")),
			"now recovery-rekey; due recovery-rekey 2026-06-19; due recovery-rekey 2026-06-19; due recovery-rekey 2026-06-19", "conclave recover"},
		{"somebody was absent at the drill", with(issued(drill("2026-05-25", "1", "2", "3", "4")), absent(at("2026-05-25"), 5)), "", ""},
		{"two were", with(issued(drill("2026-05-25", "1", "2", "3")), absent(at("2026-05-25"), 4, 5)), "due recovery-rekey", "Holders of 4 (Dora), 5 (Erik) have left or were absent"},
		{"and proved theirs since", with(issued(drill("2026-05-25", "1", "2", "3"), drill("2026-05-27", "4", "5")), absent(at("2026-05-25"), 4, 5)), "", ""},
		{"absent with shares of another set", with(issued(), func(s *custody.State) {
			s.History.Absent = []custody.Absent{{Set: "a", Number: 1, At: at("2026-05-25")}, {Set: "a", Number: 2, At: at("2026-05-25")}}
		}), "", ""},
		{"somebody else leaves", issued(gone("2026-05-20", "Zoe")), "", ""},

		{"the drill is near", on("2026-12-01", issued()), "soon drill 2027-01-10", "on 2026-01-10"},
		{"the drill is late", on("2027-02-01", issued()), "due drill 2027-01-10", ""},
		{"enough proved at a drill", on("2027-02-01", issued(drill("2026-11-01", "1", "2", "3", "4"))), "", ""},
		{"too few proved", on("2027-02-01", issued(drill("2026-11-01", "1", "2", "3"))), "due drill 2027-01-10", ""},
		{"a drill before the set", on("2027-02-01", issued(drill("2026-01-01", "1", "2", "3", "4"))), "due drill 2027-01-10", ""},
		{"the plan says six months", on("2026-07-11", with(issued(), func(s *custody.State) { s.History.Months = 6 })), "due drill 2026-07-10", "every 6 months"},
		{"an earlier day was agreed", with(issued(), func(s *custody.State) { s.History.NextDrill = at("2026-05-01") }), "due drill 2026-05-01", ""},
		{"it was held", with(issued(drill("2026-05-02", "1", "2", "3", "4", "5")), func(s *custody.State) { s.History.NextDrill = at("2026-05-01") }), "", ""},
		{"shares were never proven", with(issued(), func(s *custody.State) {
			for i := range 2 {
				s.Roster.Sets[1].Holdings[i].Proven = ""
			}
		}), "due drill 2026-06-01", "not those of Alice, Bob"},

		{"a key expires", with(issued(), func(s *custody.State) {
			s.History.Expires = map[string]time.Time{"key of Carol": at("2026-08-01"), "key of Dora": at("2029-01-01"), "another": at("2026-02-01")}
		}), "soon pgp-key 2026-08-01", "Carol"},
		{"a key has expired", with(issued(), func(s *custody.State) {
			s.History.Expires = map[string]time.Time{"key of Carol": at("2026-02-01")}
		}), "due pgp-key 2026-02-01", "keeps the key as long as the share"},

		{"a root token", with(issued(), func(s *custody.State) {
			s.Roster.Tokens = []custodian.Token{{Accessor: "ACC", Ceremony: "KC-1", Receiver: "Olga"}}
		}), "due root-token", "accessor ACC, of KC-1, went to Olga"},
		{"revoked", with(issued(made("2026-02-01", custody.TokenRevoked, facts{"accessor": "ACC"})), func(s *custody.State) {
			s.Roster.Tokens = []custodian.Token{{Accessor: "ACC"}}
		}), "", ""},
		{"with a day to come", with(issued(), func(s *custody.State) {
			s.Roster.Tokens = []custodian.Token{{Accessor: "ACC", Receiver: "Olga", Purpose: "move a mount", Until: "2026-06-10"}}
		}), "due root-token 2026-06-10", "It was made for this: move a mount."},
		{"and the day is past", with(issued(), func(s *custody.State) {
			s.Roster.Tokens = []custodian.Token{{Accessor: "ACC", Receiver: "Olga", Until: "2026-05-30"}}
		}), "now root-token 2026-05-30", ""},
		{"revoked in a ceremony", with(issued(), func(s *custody.State) {
			s.Roster.Tokens = []custodian.Token{{Accessor: "ACC", Fate: custodian.Revoked}}
		}), "", ""},
		{"a leftover", with(issued(), func(s *custody.State) {
			s.Leftovers = []custody.Leftover{{State: "rollback", Text: "The old state.", Path: "/v/.conclave/KC-2"}}
		}), "due leftover", "/v/.conclave/KC-2"},

		{"a PIN holder leaves", issued(made("2026-05-01", custody.PINHolderLeft, facts{"name": "Pat"})), "now pin", "Pat, who knows"},
		{"and the PIN was changed", issued(made("2026-05-01", custody.PINHolderLeft, facts{"name": "Pat"}), made("2026-05-01", custody.PINChanged, nil)), "", ""},
		{"it was changed before", issued(made("2026-04-01", custody.PINChanged, nil), made("2026-05-01", custody.PINHolderLeft, facts{"name": "Pat"})), "now pin", ""},

		{"the backup's test is due", on("2027-12-02", issued(drill("2027-11-01", "1", "2", "3", "4"))), "due hsm-backup 2027-12-01", "Nothing says"},
		{"and near", on("2027-11-02", issued(drill("2027-11-01", "1", "2", "3", "4"))), "soon hsm-backup 2027-12-01", ""},
		{"the plan says every six months", on("2026-06-02", with(issued(), func(s *custody.State) { s.History.BackupMonths = 6 })), "due hsm-backup 2026-06-01", ""},
		{"it was tested", on("2027-12-02", issued(drill("2027-11-01", "1", "2", "3", "4"), made("2027-11-01", custody.BackupTested, facts{"device": "HSM-2", "result": "opened"}))), "", ""},
		{"there is none", with(issued(), func(s *custody.State) { s.History.Backup = "NO BACKUP." }), "due hsm-backup", "has no backup"},
		{"there was none", with(issued(made("2026-05-01", custody.BackupTested, facts{"device": "HSM-2", "result": "opened"})), func(s *custody.State) { s.History.Backup = "NO BACKUP." }), "", ""},
		{"the one of a key that the vault has left was tested", with(on("2028-06-01", issued(drill("2028-01-01", "1", "2", "3", "4"), made("2026-02-01", custody.BackupTested, facts{"device": "HSM-2", "result": "opened"}))),
			func(s *custody.State) { s.History.Since = at("2026-03-01") }), "due hsm-backup 2028-03-01", "Nothing says"},

		{"an old copy", issued(made("2026-01-05", custody.CopyKnown, facts{"what": "backup", "place": "the vault in Bern"})), "known copy", "the vault in Bern (entry 3)"},
		{"a newer copy", issued(made("2026-02-05", custody.CopyKnown, facts{"what": "backup", "place": "Bern"})), "", ""},
		{"destroyed", issued(made("2026-01-05", custody.CopyKnown, facts{"what": "backup", "place": "Bern"}),
			made("2026-01-05", custody.CopyDestroyed, facts{"what": "backup", "by": "Olga", "method": "shredded", "witness": "Wim", "entry": 3})), "", ""},
		{"an old share is missing", with(issued(), func(s *custody.State) {
			s.History.Missing = []custody.OldShare{{Ceremony: "KC-2", Set: "a", Share: "3 (Carol)"}}
		}), "known old-share", "share 3 (Carol) was not brought back in KC-2"},
		{"it was brought late", with(issued(made("2026-03-01", custody.OldShareGone, facts{"number": 3, "what": "KC-2", "by": "Carol", "method": "burnt", "witness": "Wim"})), func(s *custody.State) {
			s.History.Missing = []custody.OldShare{{Ceremony: "KC-2", Set: "a", Share: "3 (Carol)"}}
		}), "", ""},
		{"the end of retention", with(issued(), func(s *custody.State) {
			s.History.Retention = []custody.Retained{{"KC-1", "7 years", at("2026-05-31")}, {"KC-2", "7 years", at("2033-01-01")}}
		}), "known retention 2026-05-31", "KC-1"},
		{"the most urgent first", with(issued(suspected("2026-05-01", 2), gone("2026-05-20", "Carol"), lost("2026-05-20", 4)), func(s *custody.State) {
			s.History.Missing = []custody.OldShare{{Ceremony: "KC-2", Share: "3"}}
		}), "now recovery-rekey; due recovery-rekey 2026-06-19; due recovery-rekey; due recovery-rekey; soon drill 2026-06-19; known old-share", ""},
	} {
		var got, text []string
		for _, i := range custody.Health(tt.state) {
			s := string(i.Urgency) + " " + i.ID
			if !i.By.IsZero() {
				s += " " + i.By.Format(time.DateOnly)
			}
			got, text = append(got, s), append(text, i.What+" "+i.Do)
			if i.Title == "" || i.Short == "" || i.Do == "" || len(i.Title) > 17 || len(i.Short) > 38 {
				t.Errorf("%s: %+v", tt.name, i)
			}
			// Nobody is told to destroy a share: no roster is sure enough.
			if say := strings.ToLower(i.Do); strings.Contains(say, "destroy") && strings.Contains(say, "share") {
				t.Errorf("%s: %s", tt.name, i.Do)
			}
		}
		if s := strings.Join(got, "; "); s != tt.want || !strings.Contains(strings.Join(text, "\n"), tt.says) {
			t.Errorf("%s:\n got %s\nwant %s\n%s", tt.name, s, tt.want, strings.Join(text, "\n"))
		}
	}
}

func TestWhen(t *testing.T) {
	now := at("2026-06-01").Add(15 * time.Hour)
	for by, want := range map[string]string{"2026-06-01": "due today", "2026-05-31": "1 day late", "2026-05-01": "31 days late", "2026-06-03": "due in 1 day", "2026-07-01": "due in 29 days"} {
		if got := (custody.Item{By: at(by)}).When(now); got != want {
			t.Errorf("%s: %s, want %s", by, got, want)
		}
	}
	if got := (custody.Item{}).When(now); got != "" {
		t.Errorf("without a day: %s", got)
	}
}

// TestHistory: what Health needs of the records is taken from their events.
func TestHistory(t *testing.T) {
	var h custody.History
	add := func(kind string, f facts) {
		h.Add(transcript.Event{Time: at("2026-01-10"), Entry: transcript.Entry{Kind: kind, Facts: f}})
	}
	add("header", facts{"id": "KC-1"})
	add("pgp-key", facts{"fingerprint": "f", "expires": "2027-01-01T10:00:00Z"})
	add("room", facts{"backup": "NO BACKUP"})
	add("next-drill", facts{"date": "2027-01-10", "months": 12, "backup_months": 6})
	add("not-proven", facts{"number": 2, "set": "a", "why": "absent"})
	add("not-proven", facts{"number": 3, "set": "a", "why": "old"})
	add("next-drill", facts{"date": "2027-01-10", "months": 12})
	add("retention", facts{"class": "CA", "until": "2033-01-10"})
	add("header", facts{"id": "KC-2"})
	add("room", facts{})
	add("old-shares", facts{"set": "a", "missing": []string{"3 (Carol)"}})
	got := fmt.Sprintln(h.Began.Year(), h.Expires["f"].Year(), h.Backup, h.NextDrill.Year(), h.Months, h.BackupMonths, len(h.Absent), h.Absent[0].Number, h.Retention, h.Missing)
	if want := "2026 2027 NO BACKUP 2027 12 6 1 2 [{KC-1 CA 2033-01-10 00:00:00 +0000 UTC}] [{KC-2 a 3 (Carol)}]\n"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	add("rollback", facts{"choice": "undo"})
	if len(h.Missing) != 0 {
		t.Errorf("undone, and still missing: %v", h.Missing)
	}
	// The backup is the one of the key that the vault is wrapped with.
	add("header", facts{"id": "KC-3"})
	add("answer", facts{"field": transcript.NewKeyBackup, "value": "a clone in Bern"})
	add("aborted", nil)
	for i, want := range []string{"NO BACKUP", "NO BACKUP", "a clone in Bern", "NO BACKUP"} {
		switch i {
		case 1:
			add("header", facts{"id": "KC-4"})
			add("answer", facts{"field": transcript.NewKeyBackup, "value": "a clone in Bern"})
		case 2, 3: // the second is an undo's
			add("swapped", nil)
		}
		if h.Backup != want || (h.Since.IsZero()) != (i != 2) {
			t.Errorf("%d: %+v", i, h.Key)
		}
	}
}
