//go:build cgo

package command_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"conclave/hsm/secret"
	"conclave/hsm/softhsm"
	"conclave/hsm/softhsm/need"
)

// site is a token, an empty storage and a place for records.
type site struct {
	*testing.T
	dir  string
	args []string // that name vault and HSM
	lib  string   // of the HSM
	env  []string
}

func newSite(t *testing.T) *site {
	t.Helper()
	need.Tool(t, "softhsm")
	s := &site{T: t, dir: t.TempDir()}
	pin := secret.Take([]byte("practice-1"))
	defer pin.Wipe()
	store, err := softhsm.Create(t.Context(), filepath.Join(s.dir, "hsm"), "practice", pin)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := store.MakeKey(t.Context(), pin, "key", "01")
	for _, d := range []string{"storage", "records", "sock"} {
		err = errors.Join(err, os.Mkdir(filepath.Join(s.dir, d), 0o700))
	}
	if err = errors.Join(err, os.WriteFile(filepath.Join(s.dir, "pin"), []byte("practice-1"), 0o600)); err != nil {
		t.Fatal(err)
	}
	s.lib = cfg.Lib
	s.args = []string{"serve", "-storage", filepath.Join(s.dir, "storage"), "-dir", filepath.Join(s.dir, "records"), "-hsm-lib", cfg.Lib, "-hsm-token-label", "practice",
		"-hsm-key-label", "key", "-hsm-key-id", "01", "-hsm-pin-file", filepath.Join(s.dir, "pin"), "-allow-software-token"}
	s.env = append([]string{"HOME=" + s.dir, "PATH=" + os.Getenv("PATH"), "XDG_RUNTIME_DIR=" + filepath.Join(s.dir, "sock")}, store.Env()...)
	return s
}

// plan writes the plan of a session: an init or a rotate. It says the vault and the
// HSM, which the command then need not.
func (s *site) plan(kind, id, more string) string {
	s.Helper()
	text := fmt.Sprintf(`ceremony %q {
  id  = %q
  api = true
%s
  vault {
    storage = %q
  }
  hsm {
    lib         = %q
    token_label = "practice"
    key_label   = "key"
    key_id      = "01"
  }
  operator "Olga" {}
  witness "Wim" {
    organisation = "Audit"
  }
  accept "api-session" {
    reason = "the cluster is made by a pipeline"
  }
  accept "given-pin" {
    reason = "nobody is there to type it"
  }
  accept "one-witness" {
    reason = "as ever"
  }
  accept "near-witness" {
    reason = "as ever"
  }
}
`, kind, id, more, filepath.Join(s.dir, "storage"), s.lib)
	switch more { // "-": not for the API; "!": nobody accepts it
	case "!":
		text = strings.NewReplacer("\n!\n", "\n", "  accept \"api-session\" {\n    reason = \"the cluster is made by a pipeline\"\n  }\n", "").Replace(text)
	case "-":
		text = strings.NewReplacer("  api = true\n-\n", "", "  accept \"api-session\" {\n    reason = \"the cluster is made by a pipeline\"\n  }\n", "").Replace(text)
	}
	name := filepath.Join(s.dir, id+".hcl")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
	return name
}

// byPlan starts a session of a plan.
func (s *site) byPlan(name string, more ...string) *running {
	s.Helper()
	return s.begin(append([]string{"serve", "-plan", name, "-dir", filepath.Join(s.dir, "records"), "-hsm-pin-file", filepath.Join(s.dir, "pin"), "-allow-software-token"}, more...))
}

// running is a session that answers.
type running struct {
	*site
	cmd            *exec.Cmd
	address, token string
	said, errs     bytes.Buffer
	ended          chan error
}

// begin starts a session and waits until it says where its record is.
func (s *site) begin(args []string) *running {
	s.Helper()
	self, err := os.Executable()
	if err != nil {
		s.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(s.Context(), 3*time.Minute)
	r := &running{site: s, ended: make(chan error, 1)}
	r.cmd = exec.CommandContext(ctx, self)
	r.cmd.Args = append([]string{"conclave"}, args...)
	r.cmd.Env, r.cmd.Stderr = s.env, &r.errs
	out, err := r.cmd.StdoutPipe()
	if err == nil {
		err = r.cmd.Start()
	}
	if err != nil {
		s.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		r.said.WriteString(lines.Text() + "\n")
		if a, ok := strings.CutPrefix(lines.Text(), "BAO_ADDR="); ok {
			r.address = a
		}
		if name, ok := strings.CutPrefix(lines.Text(), "BAO_TOKEN is in "); ok {
			b, err := os.ReadFile(name)
			if err != nil {
				s.Fatal(err)
			}
			if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
				s.Errorf("the file with the token: %v, %v", info.Mode(), err)
			}
			r.token = string(b)
		}
		if strings.HasPrefix(lines.Text(), "The record is in ") {
			break
		}
	}
	go func() { r.ended <- r.cmd.Wait() }()
	s.Cleanup(func() {
		cancel()
		r.ended <- <-r.ended
	})
	if r.address == "" {
		s.Fatalf("it does not serve:\n%s%s", r.said.String(), <-r.wait())
	}
	return r
}

// wait is what stood on stderr once it ended.
func (r *running) wait() chan string {
	c := make(chan string, 1)
	err := <-r.ended
	r.ended <- err
	c <- r.errs.String()
	return c
}

// stop ends the session and returns its last line and code.
func (r *running) stop() (string, int) {
	r.Helper()
	if err := r.cmd.Process.Signal(os.Interrupt); err != nil {
		r.Fatal(err)
	}
	return r.end()
}

func (r *running) end() (string, int) {
	r.Helper()
	last := <-r.wait()
	return last, r.cmd.ProcessState.ExitCode()
}

// threeInPlain is what a plan of an init says of the shares.
const threeInPlain = `  recovery {
    shares    = 3
    threshold = 2
  }
  accept "plain-shares" {
    reason = "a test"
  }
  custodian "Alice" {}
  custodian "Bob" {}
  custodian "Carol" {}
`

// recorded checks the record with our own command, and that none of the secrets is
// in any file of it.
func (s *site) recorded(secrets ...string) {
	s.Helper()
	dirs, err := filepath.Glob(filepath.Join(s.dir, "records", "*-serve"))
	if err != nil || len(dirs) == 0 {
		s.Fatalf("the record: %v, %v", dirs, err)
	}
	p := &player{dir: s.dir, env: s.env}
	for _, d := range dirs {
		if code, out, err := p.run("transcript", "verify", d); err != nil || code != 0 || !strings.Contains(string(out), "No ceremony was held.") {
			s.Errorf("verify: %d, %v\n%s", code, err, out)
		}
		report, err := os.ReadFile(filepath.Join(d, "report.txt"))
		if err != nil || !strings.Contains(strings.Join(strings.Fields(string(report)), " "), "no person was identified, no share was proven") ||
			!strings.HasPrefix(string(report), "Record of an API session: no ceremony\n") || !strings.Contains(string(report), "/v1/") {
			s.Errorf("the report does not say what it is: %v\n%s", err, report)
		}
		if err := filepath.WalkDir(d, func(name string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			b, err := os.ReadFile(name)
			for _, x := range secrets {
				if len(x) < 10 || bytes.Contains(b, []byte(x)) {
					s.Errorf("%s holds a secret, or there is none to look for", name)
				}
			}
			return err
		}); err != nil {
			s.Error(err)
		}
	}
}
