package command_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"conclave/ceremony/folder"
	"conclave/ceremony/transcript"
	"conclave/hsm/secret"
	"conclave/hsm/softhsm/need"
	"conclave/hsm/worker"
	"conclave/ui/command"
	"conclave/vaultstate/server/courier"
)

func TestMain(m *testing.M) {
	shortfalls := secret.Harden()
	worker.Child()
	courier.Child()
	testscript.Main(m, map[string]func(){
		"conclave": func() {
			os.Exit(command.RunShort(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, shortfalls))
		},
	})
}

// TestScripts runs the program on command lines that need no HSM.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", Cmds: commands, Setup: fixtures(""), RequireExplicitExec: true})
}

// TestScriptsSoftHSM runs those that need one.
func TestScriptsSoftHSM(t *testing.T) {
	lib := need.Tool(t, "softhsm")
	testscript.Run(t, testscript.Params{Dir: "testdata/softhsm", Cmds: commands, Setup: fixtures(lib), RequireExplicitExec: true})
}

// fixtures puts a copy of a real OpenBao's state, and the token that seals it,
// into the script's directory.
func fixtures(lib string) func(*testscript.Env) error {
	return func(e *testscript.Env) error {
		aes := filepath.Join(e.WorkDir, "aes")
		if err := os.CopyFS(aes, os.DirFS("testdata/aes")); err != nil {
			return err
		}
		// SoftHSM and the storage are particular about modes.
		err := filepath.WalkDir(aes, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return err
			}
			return os.Chmod(path, 0o700) // #nosec G302 -- a directory
		})
		if err != nil {
			return err
		}
		conf := filepath.Join(e.WorkDir, "softhsm2.conf")
		e.Vars = append(e.Vars, "SOFTHSM2_CONF="+conf, "SOFTHSM="+lib, "HOME="+e.WorkDir, "TERM=dumb")
		return os.WriteFile(conf, []byte("directories.tokendir = "+filepath.Join(aes, "tokens")+"\nlog.level = ERROR\n"), 0o600)
	}
}

var commands = map[string]func(*testscript.TestScript, bool, []string){
	"code":    code,
	"record":  record,
	"replace": replace,
	"cutline": cutline,
	"chmod":   chmod,
	"play":    play,
	"shares":  shares,
}

// code N ARGS: the program ends with this exit code. %FILE is what the file
// holds.
func code(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	for i, a := range args {
		if name, ok := strings.CutPrefix(a, "%"); ok {
			args[i] = ts.ReadFile(name)
		}
	}
	err = ts.Exec("conclave", args[1:]...)
	got := 0
	var end *exec.ExitError
	switch {
	case errors.As(err, &end):
		got = end.ExitCode()
	case err != nil:
		ts.Fatalf("running conclave: %v", err)
	}
	if (got == want) == neg {
		ts.Fatalf("conclave %s: exit code %d, want %d", strings.Join(args[1:], " "), got, want)
	}
	if lines := strings.Count(ts.ReadFile("stderr"), "\n"); got != 0 && lines != 1 {
		ts.Fatalf("conclave %s: %d lines on stderr, want 1", strings.Join(args[1:], " "), lines)
	}
}

// record DIR [open]: a small record, finished or not.
func record(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(makeRecord(ts.MkAbs(args[0]), len(args) == 1))
}

func makeRecord(dir string, whole bool) error {
	f, err := folder.Create(filepath.Dir(dir), filepath.Base(dir), false)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	entries := []transcript.Entry{
		{Kind: "header", Step: "brief", Evidence: transcript.ByProgram, Facts: transcript.Facts{"format": 1, "ceremony": "rotate",
			"id": "KC-1", "practice": false, "program": "conclave", "vault": "/v"}},
		{Kind: "step", Step: "brief", Evidence: transcript.ByProgram, Facts: transcript.Facts{"state": "begun", "title": "Briefing"}},
		{Kind: "read", Step: "brief", Claimed: "Olga", Evidence: transcript.ByKeyboard, Facts: transcript.Facts{"title": "brief"}},
	}
	if whole {
		entries = append(entries, transcript.Entry{Kind: "closed", Step: "close", Claimed: "Olga", Evidence: transcript.ByKeyboard,
			Facts: transcript.Facts{"verdict": "done", "overrides": []string{}}})
	}
	for _, e := range entries {
		if _, err := f.Append(e); err != nil {
			return err
		}
	}
	if whole {
		_, err = f.Seal()
	}
	return err
}

// replace FILE OLD NEW: the first OLD in the file becomes NEW.
func replace(ts *testscript.TestScript, _ bool, args []string) {
	name := ts.MkAbs(args[0])
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(name, []byte(strings.Replace(text, args[1], args[2], 1)), 0o600))
}

// cutline FILE drop N | swap N | tail BYTES
func cutline(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	lines := strings.SplitAfter(text, "\n")
	switch args[1] {
	case "drop":
		lines = append(lines[:n-1], lines[n:]...)
	case "swap":
		lines[n-1], lines[n] = lines[n], lines[n-1]
	case "tail":
		lines = []string{text[:len(text)-n]}
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Join(lines, "")), 0o600))
}

func chmod(ts *testscript.TestScript, _ bool, args []string) {
	mode, err := strconv.ParseUint(args[0], 8, 32)
	ts.Check(err)
	ts.Check(os.Chmod(ts.MkAbs(args[1]), fs.FileMode(mode)))
}

// TestEveryByte flips each byte of a transcript: verify DIR never says that it
// is what it was.
func TestEveryByte(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "r")
	if err := makeRecord(dir, true); err != nil {
		t.Fatal(err)
	}
	verify := func() int {
		return command.Run([]string{"transcript", "verify", dir}, os.Stdin, &bytes.Buffer{}, &bytes.Buffer{}, nil)
	}
	if got := verify(); got != command.CodeDone {
		t.Fatalf("a good record: code %d", got)
	}
	name := filepath.Join(dir, "transcript.jsonl")
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		if err := os.WriteFile(name, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := verify(); got != command.CodeChanged && got != command.CodeStopped {
			t.Fatalf("byte %d changed: code %d", i, got)
		}
	}
}

// TestHelpFits looks at the help page of every command: one screen.
func TestHelpFits(t *testing.T) {
	for _, name := range []string{"", "init", "unseal", "rekey", "rotate", "generate-root", "recover", "rehearse", "status", "doctor", "serve", "transcript", "transcript verify", "transcript report", "transcript sign", "transcript disclose", "transcript verifier", "custody", "custody add", "custody show", "guide", "watch", "version"} {
		var out bytes.Buffer
		args := append(strings.Fields(name), "-h")
		if got := command.Run(args, os.Stdin, &out, &bytes.Buffer{}, nil); got != 0 {
			t.Errorf("%s -h: code %d", name, got)
		}
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if len(lines) > 24 {
			t.Errorf("%s -h has %d lines, want at most 24:\n%s", name, len(lines), out.String())
		}
		for _, l := range lines {
			if len(l) > 80 {
				t.Errorf("%s -h: a line of %d columns: %s", name, len(l), l)
			}
			if strings.Contains(l, "--") {
				t.Errorf("%s -h shows two dashes: %s", name, l)
			}
		}
	}
}
