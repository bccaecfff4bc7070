package command_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// play N [FILE...] -- ARGS: the program in plain mode, with a person at the
// other end of the pipe who does what the prompts ask. Shares are asked from the
// FILEs, one a line, in order. It ends with exit code N. What it printed is in
// the file played.
func play(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("play cannot be negated")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	at := 1
	var shares []string
	for ; args[at] != "--"; at++ {
		shares = append(shares, strings.Fields(ts.ReadFile(args[at]))...)
	}
	p := &player{shares: shares}
	got, text, err := p.run(lookPath(ts, "conclave"), ts, args[at+1:])
	ts.Check(os.WriteFile(ts.MkAbs("played"), text, 0o600))
	if err != nil {
		ts.Fatalf("%v\n%s", err, text)
	}
	if got != want {
		ts.Fatalf("conclave %s: exit code %d, want %d\n%s", strings.Join(args[at+1:], " "), got, want, text)
	}
}

func lookPath(ts *testscript.TestScript, name string) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	ts.Fatalf("%s is not in PATH", name)
	return ""
}

// player answers prompts.
type player struct{ shares []string }

var (
	asked = regexp.MustCompile(`\[[a-z-]+\] ([^\n]*): $`)
	stop  = regexp.MustCompile(`(\d) = Stop`)
	word  = regexp.MustCompile(`Type ([A-Z]+) `)
)

func (p *player) run(path string, ts *testscript.TestScript, args []string) (code int, text []byte, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, path, args...) // #nosec G204 -- a test's own program
	c.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "TERM", "SOFTHSM2_CONF", "BAO_HSM_PIN", "VAULT_HSM_PIN", "BAO_HSM_LIB"} {
		c.Env = append(c.Env, name+"="+ts.Getenv(name))
	}
	in, err := c.StdinPipe()
	if err != nil {
		return 0, nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return 0, nil, err
	}
	c.Stdout, c.Stderr = w, w
	if err := c.Start(); err != nil {
		return 0, nil, err
	}
	_ = w.Close()
	text, err = p.talk(in, r)
	_ = in.Close()
	end := c.Wait()
	var exit *exec.ExitError
	if errors.As(end, &exit) {
		return exit.ExitCode(), text, err
	}
	return 0, text, errors.Join(err, end)
}

// talk reads to the end and answers on the way.
func (p *player) talk(in io.Writer, out io.Reader) ([]byte, error) {
	var all bytes.Buffer
	page := 0 // where the text since the last answer begins
	buf := make([]byte, 4096)
	for {
		n, err := out.Read(buf)
		all.Write(buf[:n])
		if errors.Is(err, io.EOF) {
			return all.Bytes(), nil
		}
		if err != nil {
			return all.Bytes(), err
		}
		m := asked.FindSubmatch(all.Bytes())
		if m == nil {
			continue
		}
		answer, err := p.answer(string(m[1]), string(all.Bytes()[page:]))
		page = all.Len()
		if err != nil {
			return all.Bytes(), err
		}
		// A prompt is answered once: the newline ends it.
		all.WriteString("\n")
		if _, err := io.WriteString(in, answer+"\n"); err != nil {
			return all.Bytes(), err
		}
	}
}

func (p *player) answer(prompt, page string) (string, error) {
	switch m := word.FindStringSubmatch(prompt); {
	case m != nil:
		return m[1], nil
	case strings.HasPrefix(prompt, "Press enter"):
		return "", nil
	case strings.HasPrefix(prompt, "Type the number"):
		// After a failure nothing is tried again.
		if m := stop.FindStringSubmatch(page); m != nil && strings.Contains(page, "Try again") {
			return m[1], nil
		}
		return "1", nil
	case strings.Contains(strings.ToLower(prompt), "share") && len(p.shares) > 0:
		s := p.shares[0]
		p.shares = p.shares[1:]
		return s, nil
	}
	return "", errors.New("the player does not know what to answer: " + prompt)
}

// shares FILE OUT: the recovery shares of a fixture, one a line, in hex.
func shares(ts *testscript.TestScript, _ bool, args []string) {
	var known map[string]any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &known))
	list, ok := known["recovery_keys_base64"].([]any)
	if !ok {
		ts.Fatalf("%s has no recovery shares", args[0])
	}
	var out []string
	for _, s := range list {
		b, err := base64.StdEncoding.DecodeString(s.(string))
		ts.Check(err)
		out = append(out, hex.EncodeToString(b))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.Join(out, "\n")+"\n"), 0o600))
}
