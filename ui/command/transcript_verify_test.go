package command_test

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"conclave/ceremony/custodian"
	"conclave/ceremony/folder"
	"conclave/ceremony/transcript"
	"conclave/hsm/softhsm/need"
)

func init() {
	commands["run"] = run
	commands["after"] = after
	commands["receipt"] = receipt
}

// TestScriptsSignatures runs those that need ssh-keygen.
func TestScriptsSignatures(t *testing.T) {
	need.Tool(t, "ssh-keygen")
	testscript.Run(t, testscript.Params{Dir: "testdata/signatures", Cmds: commands, Setup: fixtures(""), RequireExplicitExec: true})
}

// after DIR PREVIOUS…: the record of the ceremony that follows others, with a
// roster of all.
func after(ts *testscript.TestScript, _ bool, args []string) {
	var previous []string
	for _, a := range args[1:] {
		previous = append(previous, ts.MkAbs(a))
	}
	ts.Check(makeNext(ts.MkAbs(args[0]), previous))
}

func makeNext(dir string, previous []string) error {
	var before *custodian.Roster
	for _, p := range previous {
		rec, err := folder.OpenRecord(p)
		if err != nil {
			return err
		}
		defer func() { _ = rec.Close() }()
		events, rep, err := rec.Events()
		if err != nil {
			return err
		}
		if before, err = custodian.DeriveFrom(before, events, rep); err != nil {
			return err
		}
	}
	set := fmt.Sprintf("SET-%d", before.Sequence+1)
	header := transcript.Facts{"format": 1, "ceremony": "rotate", "id": "KC-2",
		"practice": false, "program": "conclave", "vault": "/v", "previous_head": before.Head, "sequence": before.Sequence + 1}
	if _, rep, err := folder.ReadCustody(folder.CustodyPath(filepath.Dir(dir), "/v", false)); err == nil {
		header["custody_head"], header["custody_events"] = rep.Head.String(), int(rep.Head.Count)
	}
	f, err := folder.Create(filepath.Dir(dir), filepath.Base(dir), false)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	for _, e := range []transcript.Entry{
		{Kind: "header", Step: "brief", Evidence: transcript.ByProgram, Facts: header},
		{Kind: "issued", Step: "issue", Evidence: transcript.ByProgram, Facts: transcript.Facts{"set": set, "shares": 1, "threshold": 1}},
		{Kind: "share", Step: "issue", Evidence: transcript.ByProgram, Facts: transcript.Facts{"number": 1, "custodian": "Alice", "set": set,
			"fingerprint": strings.Repeat("ab", 32), "delivery": "screen"}},
		{Kind: "proven", Step: "prove", Claimed: "Alice", Evidence: transcript.ByShare, Facts: transcript.Facts{"number": 1, "custodian": "Alice", "set": set,
			"fingerprint": strings.Repeat("ab", 32)}},
		{Kind: "closed", Step: "close", Claimed: "Olga", Evidence: transcript.ByKeyboard, Facts: transcript.Facts{"verdict": "done", "overrides": []string{}}},
	} {
		if _, err := f.Append(e); err != nil {
			return err
		}
	}
	_, err = f.Seal(func(events []transcript.Event, rep transcript.Report) (string, []byte, error) {
		ro, err := custodian.DeriveFrom(before, events, rep)
		if err != nil {
			return "", nil, err
		}
		b, err := ro.Encode()
		return "roster.json", b, err
	})
	return err
}

// receipt DIR N FILE: what somebody wrote on their card after event N.
func receipt(ts *testscript.TestScript, _ bool, args []string) {
	rec, err := folder.OpenRecord(ts.MkAbs(args[0]))
	ts.Check(err)
	defer func() { _ = rec.Close() }()
	t, err := rec.Transcript()
	ts.Check(err)
	defer func() { _ = t.Close() }()
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	r := transcript.NewReader(t)
	for range n {
		_, err := r.Next()
		ts.Check(err)
	}
	_, err = fmt.Fprint(ts.Stdout(), r.Head().Receipt())
	ts.Check(err)
}

// run DIR closed|aborted|open: a record with its number among all runs.
func run(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	f, err := folder.Create(filepath.Dir(dir), filepath.Base(dir), false)
	ts.Check(err)
	defer func() { _ = f.Close() }()
	n, err := folder.Enter(filepath.Dir(dir), filepath.Base(dir), false)
	ts.Check(err)
	entries := []transcript.Entry{{Kind: "header", Step: "brief", Evidence: transcript.ByProgram, Facts: transcript.Facts{"format": 1, "ceremony": "rotate",
		"id": "ID-" + filepath.Base(dir), "practice": false, "program": "conclave", "vault": dir, "run": n.Number, "run_before": n.Head, "run_before_outcome": n.Outcome}}}
	switch args[1] {
	case "closed":
		entries = append(entries, transcript.Entry{Kind: "closed", Step: "close", Claimed: "Olga", Evidence: transcript.ByKeyboard,
			Facts: transcript.Facts{"verdict": "done", "overrides": []string{}}})
	case "aborted":
		entries = append(entries, transcript.Entry{Kind: "aborted", Step: "plan", Claimed: "Olga", Evidence: transcript.ByKeyboard,
			Facts: transcript.Facts{"reason": "the safe is jammed", "step": "plan"}})
	}
	for _, e := range entries {
		_, err := f.Append(e)
		ts.Check(err)
	}
	if args[1] != "open" {
		_, err = f.Seal()
		ts.Check(err)
	}
}
