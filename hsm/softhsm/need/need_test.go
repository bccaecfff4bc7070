package need

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// fakeTB takes down how a test would have ended.
type fakeTB struct {
	testing.TB
	ctx   context.Context
	ended string
}

func (*fakeTB) Helper()                    {}
func (*fakeTB) Name() string               { return "TestOfSomething/case" }
func (f *fakeTB) Context() context.Context { return f.ctx }
func (f *fakeTB) Skipf(format string, args ...any) {
	f.ended = "skip: " + fmt.Sprintf(format, args...)
	runtime.Goexit()
}
func (f *fakeTB) Fatalf(format string, args ...any) {
	f.ended = "fatal: " + fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// call runs Tool as a test would, and returns the path and how the test ended.
func call(t *testing.T, name string) (path, ended string) {
	t.Helper()
	f := &fakeTB{TB: t, ctx: t.Context()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		path = Tool(f, name)
	}()
	<-done
	return path, f.ended
}

func TestTool(t *testing.T) {
	lib := filepath.Join(t.TempDir(), "libsofthsm2.so")
	if err := os.WriteFile(lib, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "tool")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho tool 1.2; echo more\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	const missing = "/no/such/file"
	for _, c := range []struct {
		what, tool, variable, value, require string
		path, ended, line                    string
	}{
		{"found by its variable", "softhsm", "SOFTHSM2_LIB", lib, "", lib, "", "\trun"},
		{"found and required", "softhsm", "SOFTHSM2_LIB", lib, "softhsm", lib, "", "\trun"},
		{"missing", "softhsm", "SOFTHSM2_LIB", missing, "", "", "skip: softhsm is missing", "softhsm\t-\t%s\tskipped"},
		{"missing, another required", "softhsm", "SOFTHSM2_LIB", missing, "gpg,softhsm2,tmux", "", "skip: softhsm is missing", "softhsm\t-\t%s\tskipped"},
		{"missing and required", "softhsm", "SOFTHSM2_LIB", missing, "gpg, softhsm", "", "fatal: softhsm is missing and REQUIRE", "softhsm\t-\t%s\tmissing"},
		{"a directory is no library", "softhsm", "SOFTHSM2_LIB", filepath.Dir(lib), "", "", "skip: ", "softhsm\t-\t%s\tskipped"},
		{"a compiler", "cc", "CC", script, "", script, "", "cc\ttool 1.2\t%s\trun"},
		{"no compiler", "cc", "CC", missing, "cc", "", "fatal: cc is missing", "cc\t-\t%s\tmissing"},
		{"a server", "openbao", "OPENBAO_BIN", script, "", script, "", "openbao\ttool 1.2\t%s\trun"},
		{"no server", "openbao", "OPENBAO_BIN", missing, "", "", "skip: openbao is missing", "openbao\t-\t%s\tskipped"},
		{"any other name comes from PATH", "tool", "PATH", filepath.Dir(script), "", script, "", "tool\ttool 1.2\t%s\trun"},
		{"and may be missing there", "tool", "PATH", "/", "", "", "skip: tool is missing", "tool\t-\t%s\tskipped"},
	} {
		t.Run(c.what, func(t *testing.T) {
			if c.tool == "softhsm" && !loads {
				c.path, c.ended, c.line = "", "skip: softhsm is missing: this build was made without cgo", "softhsm\t-\t%s\tskipped"
			}
			log := filepath.Join(t.TempDir(), "log")
			t.Setenv("CONCLAVE_TOOLS_LOG", log)
			t.Setenv("REQUIRE", c.require)
			t.Setenv(c.variable, c.value)
			path, ended := call(t, c.tool)
			if path != c.path {
				t.Errorf("the path is %q, want %q", path, c.path)
			}
			if !strings.HasPrefix(ended, c.ended) || (ended == "") != (c.ended == "") {
				t.Errorf("the test ended with %q, want %q", ended, c.ended)
			}
			got, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			want := strings.ReplaceAll(c.line, "%s", "conclave/hsm/softhsm/need.TestOfSomething/case") + "\n"
			if !strings.HasSuffix(string(got), want) || strings.Count(string(got), "\t") != 3 {
				t.Errorf("the log holds %q, want %q", got, want)
			}
		})
	}
}

// TestOnlyRequired: what takes daemons is skipped, and not listed as missing,
// where nobody asked for it; asked for, it fails like the others.
func TestOnlyRequired(t *testing.T) {
	for _, name := range onlyRequired {
		log := filepath.Join(t.TempDir(), "log")
		t.Setenv("CONCLAVE_TOOLS_LOG", log)
		t.Setenv("REQUIRE", "softhsm,nss")
		want := "skip: this test needs " + name + " and runs only where REQUIRE names it (make test-tokens)"
		if path, ended := call(t, name); path != "" || ended != want {
			t.Errorf("%s gives %q, %q; want %q", name, path, ended, want)
		}
		if _, err := os.Stat(log); err == nil {
			t.Errorf("%s is in the log", name)
		}
		t.Setenv("REQUIRE", "softhsm,"+name)
		t.Setenv("PATH", "/")
		want = "fatal: " + name + " is missing and REQUIRE names it"
		if !loads {
			want = "skip: " + name + " is missing: this build was made without cgo"
		}
		if path, ended := call(t, name); path != "" || !strings.HasPrefix(ended, want) {
			t.Errorf("required, %s gives %q, %q; want %q", name, path, ended, want)
		}
	}
}

func TestToolNeedsNoLog(t *testing.T) {
	t.Setenv("CONCLAVE_TOOLS_LOG", "")
	t.Setenv("REQUIRE", "")
	if _, ended := call(t, "no-such-tool"); !strings.HasPrefix(ended, "skip: ") {
		t.Errorf("the test ended with %q, want a skip", ended)
	}
	t.Setenv("CONCLAVE_TOOLS_LOG", "/no/such/directory/log")
	if _, ended := call(t, "no-such-tool"); !strings.HasPrefix(ended, "fatal: recording") {
		t.Errorf("the test ended with %q, want a failure to record", ended)
	}
}

func TestRoot(t *testing.T) {
	t.Setenv("CONCLAVE_TOOLS_LOG", "")
	t.Setenv("REQUIRE", "")
	path, ended := call(t, "root")
	if isRoot := os.Geteuid() == 0; isRoot != (path == "/") || isRoot != (ended == "") {
		t.Errorf("root gives %q, %q with user id %d", path, ended, os.Geteuid())
	}
}

func TestEveryVersionIsALine(t *testing.T) {
	for _, name := range []string{"softhsm", "gpg", "tmux", "cc", "root", "python3", "opencryptoki", "tpm2", "p11kit"} {
		path, err := find(name)
		if err != nil {
			t.Logf("%s: %v", name, err)
			continue
		}
		v := version(t.Context(), name, path)
		t.Logf("%s: %s", name, v)
		if v == "" || strings.ContainsAny(v, "\t\n") {
			t.Errorf("the version of %s is %q", name, v)
		}
	}
}
