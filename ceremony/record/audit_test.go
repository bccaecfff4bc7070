package record_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"conclave/ceremony/record"
	"conclave/ceremony/transcript"
)

func audit(t *testing.T, entries []transcript.Entry) string {
	t.Helper()
	ev, rep := scan(t, write(t, entries))
	var b bytes.Buffer
	if err := record.New(ev, rep).Audit(&b); err != nil {
		t.Fatal(err)
	}
	return flat(b.String())
}

// TestTables: every row of the two tables names kinds, facts and values that
// events can have.
func TestTables(t *testing.T) {
	groups := map[string]bool{}
	for _, s := range append(append([]record.Source{}, record.Sources...), record.Controls...) {
		groups[s.Group] = true
		if s.In(transcript.Event{Entry: transcript.Entry{Kind: "no such kind"}}) != slices.Contains(s.From, "*") {
			t.Errorf("%s, %s: an event of no kind has it", s.Group, s.Field)
		}
		for _, from := range s.From {
			if from == "*" {
				continue
			}
			name, value, valued := strings.Cut(from, "=")
			kind, fact, _ := strings.Cut(name, ".")
			k, ok := transcript.Kinds[kind]
			if !ok {
				t.Errorf("%s, %s: there is no kind %s", s.Group, s.Field, kind)
			}
			found := fact == ""
			for _, f := range k.Facts {
				if f.Name != fact {
					continue
				}
				found = true
				if valued && f.OneOf != nil && !strings.Contains(strings.Join(f.OneOf, "|"), value) {
					t.Errorf("%s, %s: %s is never %s", s.Group, s.Field, name, value)
				}
			}
			if !found {
				t.Errorf("%s, %s: %s has no fact %s", s.Group, s.Field, kind, fact)
			}
		}
	}
	for _, g := range []string{"Header", "People", "Equipment", "Target", "Steps", "Shares", "Hashes", "Operations", "Deviations", "After", "Sign-off", "Integrity", "Retention",
		"WebTrust 1", "WebTrust 2", "WebTrust 3", "WebTrust 4", "WebTrust 5", "WebTrust 6", "WebTrust 7", "WebTrust 8",
		"GEN-6.5.1-12", "GEN-6.5.1-13", "GEN-6.5.1-14", "BR 5.4.1", "BR 6.1.1.1", "PCI 3.7.6", "PCI 3.7.8"} {
		if !groups[g] {
			t.Errorf("the tables have no row of %s", g)
		}
	}
}

// TestAudit: page one is what it must be, in that order; the questions have
// answers; every event is in the script; no rule is said to be kept.
func TestAudit(t *testing.T) {
	s := audit(t, whole(false))
	at := 0
	for _, want := range []string{"CONSISTENT and closed: 30 events.", "Overrides", "Shares are shown on a screen.", "Deviations", "none: nobody noted one", "Refused, failed, skipped, interrupted",
		"a share entered for Alice Example, keyboard only was refused", "Open items", "The head was not compared with one from outside of the record.", "The wrapping key is not shown to have been made in this HSM: the token does not state CKA_LOCAL (event 11).",
		"Share 2 of Dora Example was not proven (event 23).", "Carol Example, custodian, was absent.", "People", "witness Wim Example, Payments, keyboard only",
		"Who could have acted alone?", "they need neither this program nor a quorum", "What was not watched?", "Which shares are alive, and where?",
		"They work again on any older copy of it.", "What would make this record false without being noticed?",
		"the token does not state CKA_LOCAL", "The script, as it went", "STEP 1 People", "event 19 14:00:19 confirmed: a word was typed to confirm entered for Olga Example, keyboard only role: operator word: REKEY what: replace the recovery key",
		"event 30 14:00:30 closed", "Control matrix", "WebTrust 2 approval for the conduct of the ceremony -> not evidenced by this program",
		"BR 5.4.1 date and time, who made the entry, what happened -> every event"} {
		i := strings.Index(s[at:], want)
		if i < 0 {
			t.Fatalf("the audit does not say %q after\n%s", want, s[:at])
		}
		at += i
	}
	if strings.Contains(strings.ToLower(s), "complian") {
		t.Error("the audit says compliant")
	}
}

// TestOpenItems: what is left to do is on page one, and only that.
func TestOpenItems(t *testing.T) {
	base := whole(false)
	end := len(base) - 1
	with := func(e ...transcript.Entry) string {
		list := append(append(append([]transcript.Entry{}, base[:end]...), e...), base[end])
		s := audit(t, list)
		_, s, _ = strings.Cut(s, "Open items ")
		s, _, _ = strings.Cut(s, " People ")
		return s
	}
	said := func(name, text string) facts {
		f := facts{"place": "x", "bags": "x", "equipment": "x", "value": "x", "program_hash": "ab12"}
		f[name] = text
		return f
	}
	old := facts{"choice": "keep", "path": "/old/state"}
	gone := facts{"choice": "remove", "path": "/old/state"}
	for _, tt := range []struct {
		name string
		add  []transcript.Entry
		want string
		not  string
	}{
		{"nothing more", nil, "", "root token"},
		{"a token", []transcript.Entry{typed("token", "token", "Olga Example", facts{"accessor": "abc"})}, "accessor abc is valid until it is revoked (event 30)", ""},
		{"old state", []transcript.Entry{typed("rollback", "rollback", "Olga Example", old)}, "The old state was kept, in /old/state (event 30)", ""},
		{"old state removed later", []transcript.Entry{typed("rollback", "rollback", "Olga Example", old), typed("rollback", "rollback", "Olga Example", gone)}, "", "/old/state"},
		{"a void set", []transcript.Entry{program("void", "x", facts{"set": "8c1f22ab8c1f22ab8c1f22ab8c1f22ab", "reason": "cut off"})}, "never counted", "not proven"},
		{"no backup", []transcript.Entry{typed("room", "room", "Olga Example", said("backup", "NO BACKUP."))}, "The HSM's key has no backup", ""},
		{"a backup not stated", []transcript.Entry{typed("room", "room", "Olga Example", said("backup", "not stated"))}, "Whether the HSM's key has a backup was not stated", ""},
		{"no backup of a new key", []transcript.Entry{typed("answer", "newkey", "Olga Example", facts{"field": transcript.NewKeyBackup, "value": "NO BACKUP"})}, "The HSM's new key has no backup", ""},
		{"a backup of a new key", []transcript.Entry{typed("answer", "newkey", "Olga Example", facts{"field": transcript.NewKeyBackup, "value": "in Bern"})}, "", "backup"},
		{"a backup", []transcript.Entry{typed("room", "room", "Olga Example", said("backup", "in Bern"))}, "", "backup"},
		{"another program", []transcript.Entry{typed("room", "room", "Olga Example", said("program_hash", "not the same"))}, "was NOT THE SAME as what it reports of itself (event 30)", ""},
		{"a skipped step", []transcript.Entry{program("step", "x", facts{"state": "skipped", "title": "Proof", "number": 3})}, "Step 3, Proof, was skipped (event 30).", ""},
		{"nobody signed", nil, "Nobody signed off.", "witness and no auditor"},
		{"one signed", []transcript.Entry{typed("signoff", "x", "Olga Example", facts{"agrees": true, "role": "operator"})}, "Fewer than two people signed off. 6 No witness and no auditor signed off.", "Nobody"},
		{"two signed, none of them a witness", []transcript.Entry{typed("signoff", "x", "Olga Example", facts{"agrees": true, "role": "operator"}),
			typed("signoff", "x", "Dora Example", facts{"agrees": true, "role": "custodian"})}, "No witness and no auditor signed off.", "Fewer"},
		{"operator and witness signed", []transcript.Entry{typed("signoff", "x", "Olga Example", facts{"agrees": true, "role": "operator"}),
			typed("signoff", "x", "Wim Example", facts{"agrees": true, "role": "witness"})}, "", "signed off"},
		{"work without an end", []transcript.Entry{program("begun", "x", facts{"work": "look again"})}, "The program began to look again, and no end is recorded (event 30).", ""},
	} {
		got := with(tt.add...)
		if !strings.Contains(got, tt.want) || tt.not != "" && strings.Contains(got, tt.not) {
			t.Errorf("%s: the open items are %s", tt.name, got)
		}
	}
}

// TestBundle: the directory for an auditor can be checked with sha256sum, and
// its transcript is the one that was read.
func TestBundle(t *testing.T) {
	for _, tt := range cases {
		if tt.name != "practice" && tt.name != "broken" && tt.name != "empty" {
			continue // a PDF takes its time
		}
		ev, rep := tt.make(t)
		files, err := record.New(ev, rep).Bundle()
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		names := ""
		for _, f := range files {
			if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o600); err != nil {
				t.Fatal(err)
			}
			names += f.Name + " "
		}
		mark := ""
		if rep.Header.Practice {
			mark = "PRACTICE-"
		}
		want := strings.ReplaceAll("@audit.txt @audit.html @audit.pdf @report.json @transcript.jsonl @sha256sums ", "@", mark)
		if rep.Code() == 4 || len(ev) == 0 {
			want = strings.Replace(want, "transcript.jsonl ", "", 1)
		}
		if names != want {
			t.Errorf("%s: the files are %s, want %s", tt.name, names, want)
		}
		cmd := exec.CommandContext(t.Context(), "sha256sum", "-c", mark+"sha256sums") // #nosec G204 -- one of two names
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: sha256sum says %s", tt.name, out)
		}
		if tt.name != "practice" {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, "PRACTICE-transcript.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		if _, again := scan(t, b); again.State != transcript.Closed || again.Head != rep.Head {
			t.Errorf("the transcript in the bundle is %s with the head %s", again.State, again.Head)
		}
	}
}

// TestLookAlike: a name that is not what it looks like is marked where the
// people are listed.
func TestLookAlike(t *testing.T) {
	const mark = "LETTERS OF MORE THAN ONE ALPHABET"
	for name, want := range map[string]string{
		"Olga Example": "", "Ольга": "", "Όλγα": "", "Łódź Ğ": "", "日本 Olga": "",
		"\u0410lice Example": mark + ": Latin and Cyrillic", "Alice \u039fExample": mark + ": Latin and Greek",
	} {
		entries := whole(false)
		entries[2].Facts["name"] = name
		_, s, _ := strings.Cut(flat(text(t, entries)), "operator ")
		s, _, _ = strings.Cut(s, ", Payments")
		if got := strings.TrimPrefix(strings.TrimPrefix(s, name), ", "); got != want {
			t.Errorf("%q is marked %q, want %q", name, got, want)
		}
	}
}

// TestSignOff: who does not agree is on page one, with the reason, and so are
// deviations.
func TestSignOff(t *testing.T) {
	s := audit(t, signed())
	page, _, _ := strings.Cut(s, "Who could have acted alone?")
	for _, want := range []string{"event 30 14:00:30, entered for Olga Example, keyboard only in step: go expected: the safe is locked happened: the safe was open decided: it was emptied and searched decided by: Wim Example effect: go on",
		"Alice Example (custodian) does not agree: I did not see the safe (event 36).", "Dora Example (custodian) did not sign: has left before the sign-off (event 37).",
		"event 32 agrees: entered for Wim Example (witness), keyboard only, 14:00:32", "event 36 DOES NOT AGREE: entered for Alice Example (custodian)", "event 37 DID NOT SIGN: entered for Dora Example",
		"not complete: 2 of 4 agree.", "custodian 2 Dora Example, Payments, no act of theirs is recorded", "known by an answer to their key", "a challenge to the PGP key of Alice Example got something with the form of a SHARE (hex)", "receipts Wim Example, up to event 32: hockey gravity"} {
		if !strings.Contains(page, want) {
			t.Errorf("page one does not say %q:\n%s", want, page)
		}
	}
	if strings.Contains(page, "none: nobody noted one") {
		t.Error("page one says that there is no deviation")
	}
}
