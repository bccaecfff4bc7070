package record_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"conclave/ceremony/record"
	"conclave/ceremony/transcript"
)

var update = flag.Bool("update", false, "write the golden files anew")

type file struct{ bytes.Buffer }

func (*file) Sync() error { return nil }

func ticker() transcript.Clock {
	n := 0
	return func() (time.Time, time.Duration) {
		n++
		return time.Date(2026, 11, 24, 14, 0, n, 0, time.UTC), time.Duration(n) * time.Second
	}
}

type facts = transcript.Facts

func program(kind, step string, f facts) transcript.Entry {
	return transcript.Entry{Kind: kind, Step: step, Evidence: transcript.ByProgram, Facts: f}
}

func typed(kind, step, who string, f facts) transcript.Entry {
	return transcript.Entry{Kind: kind, Step: step, Claimed: who, Evidence: transcript.ByKeyboard, Facts: f}
}

func hash(s string) string { return hex.EncodeToString([]byte(fmt.Sprintf("%-32s", s))) }

// opening is how the test's ceremonies begin.
func opening(practice, software bool) []transcript.Entry {
	list := []transcript.Entry{
		program("header", "open", facts{"format": 1, "ceremony": "recovery-rekey", "id": "KC-2026-019", "practice": practice,
			"purpose": "Bob Example leaves; Dora Example takes over his share of the recovery key of the payments vault",
			"program": "conclave 1.0", "program_sha256": hash("program"), "os": "linux amd64", "host": "ceremony-1", "vault": "/var/lib/openbao",
			"sequence": 2, "previous_head": hash("before"), "plan_sha256": hash("plan"), "plan": []string{"recovery-shares = 3 (flag)", "recovery-threshold = 2 (flag)"}}),
		program("step", "people", facts{"state": "begun", "title": "People", "number": 1}),
	}
	for i, who := range []struct{ name, role string }{{"Olga Example", "operator"}, {"Wim Example", "witness"},
		{"Alice Example", "custodian"}, {"Dora Example", "custodian"}, {"Carol Example", "custodian"}} {
		list = append(list, typed("person", "people", "Olga Example",
			facts{"name": who.name, "role": who.role, "number": max(0, i-1), "organisation": "Payments", "present": who.name != "Carol Example"}))
	}
	return append(list,
		program("step", "people", facts{"state": "done", "title": "People", "number": 1}),
		program("machine", "machine", facts{"memory": "memfd_secret", "terminal": "xterm-256color 80x24",
			"shortfalls": []string{}, "recorders": []string{"tmux keeps what this terminal shows."}}),
		program("equipment", "hsm", facts{"library": "/usr/lib/softhsm/libsofthsm2.so", "library_sha256": hash("library"), "library_info": "Implementation of PKCS11 2.6",
			"token": "payments-hsm", "manufacturer": "SoftHSM project", "model": "SoftHSM v2", "serial": "0123456789abcdef", "firmware": "2.6",
			"slot": 1, "software": software, "pin_state": "ok", "login": "typed"}),
		program("key", "hsm", facts{"label": "bao-root", "id": "01", "ref": "bao-root:01", "type": "AES-256", "mechanism": "CKM_AES_GCM",
			"generated": false, "attributes": []string{"CKA_EXTRACTABLE=false", "CKA_SENSITIVE=true", "CKA_NEVER_EXTRACTABLE=true"}}),
		program("self-test", "hsm", facts{"lines": []string{"wrapped and unwrapped 32 bytes", "a flipped bit was refused"}}),
		program("target", "vault", facts{"storage": "/var/lib/openbao", "initialized": true, "digest": hash("core before"), "shares": 3, "threshold": 2,
			"looked_at": []string{"127.0.0.1:8200"}}),
		program("target", "vault", facts{"recovery_key": hash("old key"), "root_key": hash("root key"), "terms": []string{"1 " + hash("term 1")}, "seal_key": "bao-root:01"}),
	)
}

// whole is a recovery rekey that came to its end.
func whole(practice bool) []transcript.Entry {
	list := opening(practice, practice)
	list = append(list,
		typed("override", "plan", "Olga Example", facts{"id": "plain-shares", "sentence": "Shares are shown on a screen.", "who": "Olga Example", "why": "Dora has no key yet"}),
		typed("share-entered", "authorise", "Alice Example", facts{"result": "refused", "reason": "line 3: the check character does not fit", "form": "groups"}),
		transcript.Entry{Kind: "authorised", Step: "authorise", Claimed: "Alice Example", Evidence: transcript.ByShare, Facts: facts{"what": "recovery-rekey"}},
		program("quorum", "authorise", facts{"given": 2, "needed": 2, "result": "accepted"}),
		typed("confirmed", "go", "Olga Example", facts{"role": "operator", "word": "REKEY", "what": "replace the recovery key"}),
		typed("confirmed", "go", "Wim Example", facts{"role": "witness", "word": "REKEY", "what": "replace the recovery key"}),
		program("issued", "deliver", facts{"set": "8c1f22ab8c1f22ab8c1f22ab8c1f22ab", "shares": 3, "threshold": 2}),
		program("share", "deliver", facts{"number": 1, "custodian": "Alice Example", "set": "8c1f22ab8c1f22ab8c1f22ab8c1f22ab", "fingerprint": hash("share 1"),
			"delivery": "pgp", "pgp": "9F3C2A71E8B04D569F3C2A71E8B04D569F3C2A71", "file": "shares/1-alice-example.asc", "sha256": hash("file 1")}),
		program("share", "deliver", facts{"number": 2, "custodian": "Dora Example", "set": "8c1f22ab8c1f22ab8c1f22ab8c1f22ab", "fingerprint": hash("share 2"), "delivery": "screen"}),
		transcript.Entry{Kind: "proven", Step: "prove", Claimed: "Alice Example", Evidence: transcript.ByShare,
			Facts: facts{"number": 1, "custodian": "Alice Example", "set": "8c1f22ab8c1f22ab8c1f22ab8c1f22ab", "fingerprint": hash("share 1")}},
		program("begun", "commit", facts{"work": "commit"}),
		program("swapped", "commit", facts{"before": hash("core before"), "after": hash("core after")}),
		program("outcome", "commit", facts{"digest": hash("core after"), "recovery_key": hash("new key"), "root_key": hash("root key"), "shares": 3, "threshold": 2,
			"terms": []string{"1 " + hash("term 1")}, "seal_key": "bao-root:01", "rollback": "/var/lib/openbao/.conclave/KC-2026-019/old"}),
		program("done", "commit", facts{"work": "commit", "took_ms": 41, "checks": []string{"both entries open through the HSM", "the new shares make the key"}}),
		typed("rollback", "rollback", "Olga Example", facts{"choice": "remove", "path": "/var/lib/openbao/.conclave/KC-2026-019/old"}),
		program("closed", "close", facts{"verdict": "the recovery key and its shares are replaced.", "overrides": []string{"plain-shares"}}),
	)
	return list
}

// listed is whole with what the login saw in the token, and the calls that used
// its key.
func listed() []transcript.Entry {
	const key = `secret key "bao-root" id 01, AES-256: EXTRACTABLE=false LOCAL=true NEVER_EXTRACTABLE=true SENSITIVE=true`
	const other = `private key "tls" id 02, RSA-2048: EXTRACTABLE=false LOCAL=false`
	var list []transcript.Entry
	for _, e := range whole(false) {
		switch e.Kind {
		case "key":
			list = append(list, program("inventory", "hsm", facts{"moment": "before", "count": 2, "objects": []string{other, key}}))
			e.Facts["attributes"] = append(e.Facts.List("attributes"), "CKA_LOCAL=true")
		case "done":
			list = append(list, program("calls", "commit", facts{"calls": []string{`C_Encrypt ×2 on "bao-root" with id 01`, `C_Decrypt ×3 on "bao-root" with id 01, 1 of them refused`}}))
		case "rollback":
			list = append(list, program("inventory", "commit", facts{"moment": "after", "count": 2, "objects": []string{key, `data "left here": TOKEN=true`},
				"added": []string{`data "left here": TOKEN=true`}, "removed": []string{other}}))
		}
		list = append(list, e)
	}
	return list
}

var agreedTo = []string{"I was present.", "The script was followed, but for what is listed here.", "The record is true as far as I saw."}

// signed is whole with what people say at the end, and in between.
func signed() []transcript.Entry {
	list := whole(false)
	end := list[len(list)-1]
	end.Facts["signoff"] = "not complete: 2 of 4 agree. Alice Example does not agree: I did not see the safe."
	end.Facts["deviations"] = []string{"1: the safe was open"}
	return append(list[:len(list)-1],
		typed("deviation", "go", "Olga Example", facts{"number": 1, "expected": "the safe is locked", "happened": "the safe was open", "decided": "it was emptied and searched",
			"decided_by": "Wim Example", "effect": "go on"}),
		typed("signoff", "sign-off", "Olga Example", facts{"agrees": true, "role": "operator", "statements": agreedTo}),
		typed("signoff", "sign-off", "Wim Example", facts{"agrees": true, "role": "witness", "statements": agreedTo}),
		typed("receipt", "sign-off", "Wim Example", facts{"event": 32, "to": "Wim Example", "words": "hockey gravity fallout holiness fracture butterfat chatter butterfat"}),
		transcript.Entry{Kind: "challenge", Step: "keys", Claimed: "Wim Example", Evidence: transcript.ByDecrypt, Facts: facts{"name": "Wim Example",
			"fingerprint": "9F3C2A71E8B04D569F3C2A71E8B04D569F3C2A71", "file": "challenges/1-wim-example.asc", "sha256": hash("challenge"), "result": "answered",
			"source": "gpg", "gpg": "/usr/bin/gpg", "gpg_sha256": hash("gpg")}},
		typed("challenge", "keys", "Alice Example", facts{"name": "Alice Example", "fingerprint": "9F3C2A71E8B04D569F3C2A71E8B04D569F3C2A71", "file": "challenges/2-alice-example.asc",
			"sha256": hash("challenge 2"), "result": "share", "form": "hex"}),
		typed("signoff", "sign-off", "Alice Example", facts{"agrees": false, "role": "custodian", "reason": "I did not see the safe", "statements": agreedTo}),
		typed("signoff", "sign-off", "Dora Example", facts{"agrees": false, "role": "custodian", "reason": "has left before the sign-off"}),
		typed("old-shares", "old-shares", "Olga Example", facts{"choice": "destroyed", "set": "", "of": 3, "collected": []string{"1 (Alice Example)", "3 (Carol Example)"},
			"missing": []string{"2 (Bob Example)"}, "method": "shredded"}),
		typed("kept", "keep", "Olga Example", facts{"what": "share envelopes", "place": "safe 2, bag B-17"}),
		typed("kept", "keep", "Olga Example", facts{"what": "HSM and PIN", "place": "not stated"}),
		typed("copies", "keep", "Olga Example", facts{"number": 2, "taken_by": []string{"Olga Example", "Wim Example"}}),
		typed("retention", "keep", "Olga Example", facts{"class": "7 years, by the plan", "until": "2033-11-24", "years": 7}),
		typed("next-drill", "keep", "Olga Example", facts{"date": "2027-05-24", "months": 6}),
		end)
}

// sealed is whole with a key in the HSM that signs the record, another than
// before.
func sealed() []transcript.Entry {
	list := whole(false)
	return append(list[:len(list)-1],
		program("signing-key", "hsm", facts{"label": "record", "id": "02", "type": "Ed25519", "key": "conclave/hsm/record+3789bbbb+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs",
			"sha256": hash("signing key"), "generated": true, "result": "other", "before": "conclave/hsm/old+3e49d94f+AROY9ixtGkV8UbpqS189vS9p/KkyFiGNyJl+QWvRfZPK",
			"attributes": []string{"CKA_EXTRACTABLE=false", "CKA_SIGN=true"}}),
		list[len(list)-1])
}

func write(t *testing.T, entries []transcript.Entry) []byte {
	t.Helper()
	var f file
	w := transcript.NewWriter(&f, ticker())
	for _, e := range entries {
		if _, err := w.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	return f.Bytes()
}

func scan(t *testing.T, b []byte) ([]transcript.Event, transcript.Report) {
	t.Helper()
	var list []transcript.Event
	rep, err := transcript.Scan(bytes.NewReader(b), func(ev transcript.Event) error {
		list = append(list, ev)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list, rep
}

var cases = []struct {
	name string
	make func(*testing.T) ([]transcript.Event, transcript.Report)
}{
	{"closed", func(t *testing.T) ([]transcript.Event, transcript.Report) {
		ev, rep := scan(t, write(t, whole(false)))
		rep.Compare(rep.Head, "head.txt", false)
		return ev, rep
	}},
	{"signed", func(t *testing.T) ([]transcript.Event, transcript.Report) {
		ev, rep := scan(t, write(t, signed()))
		rep.Compare(rep.Head, "-head", true)
		return ev, rep
	}},
	{"listed", func(t *testing.T) ([]transcript.Event, transcript.Report) { return scan(t, write(t, listed())) }},
	{"sealed", func(t *testing.T) ([]transcript.Event, transcript.Report) {
		ev, rep := scan(t, write(t, sealed()))
		rep.Compare(rep.Head, "head.txt", false)
		return ev, rep
	}},
	{"practice", func(t *testing.T) ([]transcript.Event, transcript.Report) {
		ev, rep := scan(t, write(t, whole(true)))
		rep.Compare(rep.Head, "-head", true)
		return ev, rep
	}},
	{"interrupted", func(t *testing.T) ([]transcript.Event, transcript.Report) {
		list := append(opening(false, true), program("step", "commit", facts{"state": "begun", "title": "Commit", "number": 2}), program("begun", "commit", facts{"work": "commit"}))
		return scan(t, append(write(t, list), `{"seq":`...))
	}},
	{"aborted", func(t *testing.T) ([]transcript.Event, transcript.Report) {
		list := append(opening(false, true), program("begun", "stage", facts{"work": "stage"}),
			program("failed", "stage", facts{"work": "stage", "reason": "The HSM did not answer.", "code": "CKR_DEVICE_ERROR"}),
			typed("aborted", "stage", "Olga Example", facts{"reason": "The HSM did not answer.", "step": "stage", "state": "Nothing was changed."}))
		return scan(t, write(t, list))
	}},
	{"broken", func(t *testing.T) ([]transcript.Event, transcript.Report) {
		return scan(t, bytes.Replace(write(t, whole(false)), []byte("Dora has no key yet"), []byte("Dora had no key yet"), 1))
	}},
	{"changed", func(t *testing.T) ([]transcript.Event, transcript.Report) {
		ev, rep := scan(t, write(t, whole(false)))
		rep.Compare(transcript.Head{}, "-head", true)
		return ev, rep
	}},
	{"empty", func(t *testing.T) ([]transcript.Event, transcript.Report) { return scan(t, nil) }},
}

// TestGolden compares reports with files. Heads are not the same twice, since
// salts are random: they are written as dots.
func TestGolden(t *testing.T) {
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			ev, rep := tt.make(t)
			for ext, write := range map[string]func(*bytes.Buffer) error{
				"txt":    func(b *bytes.Buffer) error { return record.New(ev, rep).Text(b) },
				"md":     func(b *bytes.Buffer) error { return record.New(ev, rep).Markdown(b) },
				"audit":  func(b *bytes.Buffer) error { return record.New(ev, rep).Audit(b) },
				"json":   func(b *bytes.Buffer) error { return record.New(ev, rep).JSON(b) },
				"verify": func(b *bytes.Buffer) error { return record.Verification(b, rep) },
			} {
				var b bytes.Buffer
				if err := write(&b); err != nil {
					t.Fatal(err)
				}
				golden(t, tt.name+"."+ext, dots(b.String(), rep))
			}
		})
	}
}

var rowOfHead = regexp.MustCompile(`(?m)^( +(?:- )?[A-H] +)[0-9A-F]{4} [0-9A-F]{4} .*$`)

func dots(s string, rep transcript.Report) string {
	s = strings.ReplaceAll(s, rep.Head.String(), strings.Repeat(".", 64))
	return rowOfHead.ReplaceAllString(s, "$1....")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is\n%s", name, got)
	}
}

// TestWidth: what is printed fits 80 columns.
func TestWidth(t *testing.T) {
	for _, tt := range cases {
		ev, rep := tt.make(t)
		var b bytes.Buffer
		if err := record.New(ev, rep).Text(&b); err != nil {
			t.Fatal(err)
		}
		if err := record.New(ev, rep).Audit(&b); err != nil {
			t.Fatal(err)
		}
		if err := record.Verification(&b, rep); err != nil {
			t.Fatal(err)
		}
		for l := range strings.Lines(b.String()) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(l, "\n")); n > 80 {
				t.Errorf("%s: %d columns: %s", tt.name, n, l)
			}
		}
	}
}

func text(t *testing.T, entries []transcript.Entry) string {
	t.Helper()
	ev, rep := scan(t, write(t, entries))
	var b bytes.Buffer
	if err := record.New(ev, rep).Text(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestKeyboard: nothing that was only typed is said to be confirmed by anybody.
func TestKeyboard(t *testing.T) {
	s := strings.Join(strings.Fields(text(t, whole(false))), " ")
	if strings.Contains(strings.ToLower(s), "confirmed by") {
		t.Error("the report says confirmed by")
	}
	for _, want := range []string{"REKEY entered for Wim Example (witness), keyboard only", "Alice Example, Payments, known by a share of theirs",
		"5 claimed, 1 by share, 0 by decryption, 0 by signature, 2 by keyboard only, 1"} {
		if !strings.Contains(s, want) {
			t.Errorf("the report does not say %q", want)
		}
	}
}

// TestPractice: every part of a rehearsal's report carries the mark.
func TestPractice(t *testing.T) {
	s, real := text(t, whole(true)), text(t, whole(false))
	n := 0
	for part := range strings.SplitSeq("\n"+s, "\n\n") {
		title, _, _ := strings.Cut(strings.TrimPrefix(part, "\n"), "\n")
		if strings.HasPrefix(title, " ") || strings.HasPrefix(title, "CONSISTENT") {
			continue
		}
		n++
		if !strings.HasSuffix(title, "  PRACTICE") {
			t.Errorf("the part %q has no mark", title)
		}
	}
	if n < 12 {
		t.Errorf("the report has %d parts", n)
	}
	if strings.Contains(real, "PRACTICE") {
		t.Error("a production report carries the mark")
	}
	if !strings.Contains(s, "Software token, in its own words") || strings.Contains(s, "HSM, in its own words") {
		t.Error("a software token is called HSM")
	}
}

func TestVerdicts(t *testing.T) {
	for _, tt := range cases {
		_, rep := tt.make(t)
		v := record.Verdict(rep)
		want := map[string][2]string{
			"closed": {"CONSISTENT", "NOT ANCHORED: head.txt agrees"}, "practice": {"CONSISTENT", "ANCHORED"}, "listed": {"CONSISTENT", "NOT ANCHORED"}, "signed": {"CONSISTENT", "ANCHORED"},
			"interrupted": {"INTERRUPTED", "The last line is torn: the write of event 17 was cut off after 7 bytes."},
			"aborted":     {"CONSISTENT", "NOT ANCHORED: without a head a change in the last line cannot be seen"},
			"broken":      {"BROKEN in line 16.", ""}, "changed": {"CHANGED", ""}, "empty": {"INTERRUPTED", "NOT ANCHORED"},
		}[tt.name]
		if !strings.HasPrefix(v[0], want[0]) || len(v) > 1 && !strings.HasPrefix(v[1], want[1]) {
			t.Errorf("%s: the verdict is %q", tt.name, v)
		}
	}
}

// TestChainScript runs the shell script that the report prints.
func TestChainScript(t *testing.T) {
	dir := t.TempDir()
	good := write(t, whole(true))
	_, rep := scan(t, good)
	run := func(b []byte) (string, error) {
		if err := os.WriteFile(filepath.Join(dir, "transcript.jsonl"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-c", record.ChainScript)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := run(good)
	if want := fmt.Sprintf("%d lines, head %s\n", rep.Head.Count, rep.Head); err != nil || out != want {
		t.Errorf("the script says %q, %v; want %q", out, err, want)
	}
	if out, err := run(bytes.Replace(good, []byte("Wim"), []byte("Tim"), 1)); err == nil {
		t.Errorf("a changed line: the script says %q", out)
	}
}

func TestJSON(t *testing.T) {
	ev, rep := scan(t, write(t, whole(false)))
	var b bytes.Buffer
	if err := record.New(ev, rep).JSON(&b); err != nil {
		t.Fatal(err)
	}
	var p record.Page
	if err := json.Unmarshal(b.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if p.Code != 0 || len(p.Shares) != 2 || p.Shares[0].Of != 3 || len(p.Overrides) != 1 || p.Works[0].State != "done" {
		t.Errorf("the JSON gives %+v", p)
	}
}

// TestTornIsNamed: a cut-off last line is named also where a head says that the
// lines are not all there.
func TestTornIsNamed(t *testing.T) {
	for _, s := range []transcript.State{transcript.Interrupted, transcript.Changed} {
		got := strings.Join(record.Verdict(transcript.Report{State: s, Torn: 7, Head: transcript.Head{Count: 4}}), "\n")
		if !strings.Contains(got, "The last line is torn: the write of event 5 was cut off after 7 bytes.") {
			t.Errorf("%s: %s", s, got)
		}
	}
}
