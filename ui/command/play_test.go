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
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"conclave/ceremony/custodian"
	"conclave/vaultstate/pgp"
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
	p := &player{dir: ts.MkAbs("."), shown: map[string]string{}}
	for ; args[at] != "--"; at++ {
		p.shares = append(p.shares, strings.Fields(ts.ReadFile(args[at]))...)
	}
	for _, name := range []string{"PATH", "HOME", "TERM", "SOFTHSM2_CONF", "BAO_HSM_PIN", "VAULT_HSM_PIN"} {
		p.env = append(p.env, name+"="+ts.Getenv(name))
	}
	got, text, err := p.run(args[at+1:]...)
	ts.Check(os.WriteFile(ts.MkAbs("played"), text, 0o600))
	if err != nil {
		ts.Fatalf("%v\n%s", err, text)
	}
	if got != want {
		ts.Fatalf("conclave %s: exit code %d, want %d\n%s", strings.Join(args[at+1:], " "), got, want, text)
	}
}

// player answers prompts.
type player struct {
	dir    string
	env    []string
	shares []string          // of the quorum, in order
	shown  map[string]string // the shares that were shown, by first name
	proofs int               // shares that were typed back
	killAt int               // kill the program instead of typing this one back; 0: never
	holder string            // who has the keyboard
	pin    string            // of the token, where it is typed
	pins   map[string]string // of several, by their labels
	token  string            // the root token that was shown, or is typed where a server wants one
	stopAt string            // on the page with this text the input ends; "": never
	keeps  bool              // a root token is not revoked at the end
	drops  bool              // what an earlier run left at a server is cancelled
	use    bool              // what the records call an old share is used all the same

	devices map[string]*pgp.Private // what decrypts challenges, by first names
	brings  map[string]string       // the files of shares that are brought, by the same
	cards   map[string]string       // fingerprints of their keys, by the same
}

var (
	asked = regexp.MustCompile(`\[[a-z-]+\] ([^\n]*): $`)
	stop  = regexp.MustCompile(`(\d) = Stop`)
	word  = regexp.MustCompile(`^Type ([A-Z]+|\S+:\S+) `)
	token = regexp.MustCompile(`(?m)\] token: ([^\n,]+)`)
	root  = regexp.MustCompile(`(?m)^\[token\] ((?:s|hvs)\.\S+)$`)
	lines = regexp.MustCompile(`(?m)^\[issue\] \d+: (\S.{7}\S)$`)

	number    = regexp.MustCompile(`\d+`)
	challenge = regexp.MustCompile(`(?m)\] file: (\S+challenges\S+)$`)

	errKill = errors.New("the program is killed here")
	errStop = errors.New("the input ends here")
)

// run runs the test's own binary under the name conclave. A program that was
// killed has code -1.
func (p *player) run(args ...string) (code int, text []byte, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, self) // #nosec G204 -- this very program
	c.Args = append([]string{"conclave"}, args...)
	c.Dir, c.Env = p.dir, p.env
	in, err := c.StdinPipe()
	if err != nil {
		return 0, nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = r.Close() }() // only read
	c.Stdout, c.Stderr = w, w
	err = c.Start()
	_ = w.Close() // the child has it
	if err != nil {
		return 0, nil, err
	}
	text, err = p.talk(in, r)
	if errors.Is(err, errKill) {
		err = c.Process.Kill()
	}
	if errors.Is(err, errStop) {
		err = nil
	}
	_ = in.Close() // the child's reading has ended
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
		if err != nil {
			return all.Bytes(), err
		}
		page = all.Len()
		all.WriteString("\n") // a prompt is answered once
		if _, err := io.WriteString(in, answer+"\n"); err != nil {
			return all.Bytes(), err
		}
	}
}

func (p *player) answer(prompt, page string) (string, error) {
	if list := lines.FindAllStringSubmatch(page, -1); list != nil {
		text := ""
		for _, l := range list {
			text += l[1]
		}
		p.shown[p.holder] = text
	}
	if m := root.FindStringSubmatch(page); m != nil {
		p.token = m[1]
	}
	if p.devices != nil && strings.Contains(page, "decrypt your challenge") {
		return p.code(page)
	}
	switch m := word.FindStringSubmatch(prompt); {
	case strings.HasPrefix(prompt, "groups "):
		text := ""
		for _, n := range number.FindAllString(prompt, -1) {
			g, err := strconv.Atoi(n)
			if err != nil {
				return "", err
			}
			text += p.cards[p.holder][4*(g-1):4*g] + " "
		}
		return text, nil
	case strings.HasPrefix(prompt, "file"):
		return p.brings[p.holder], nil
	case p.stopAt != "" && strings.Contains(page, p.stopAt):
		return "", errStop
	case m != nil:
		if m[1] != "SHOW" {
			p.holder = m[1]
		}
		return m[1], nil
	case prompt == "key's backup":
		return "a clone in the other safe", nil
	case strings.HasPrefix(prompt, "made for"):
		return "to move a mount", nil
	case strings.HasPrefix(prompt, "revoked by"):
		return "", nil // what is offered
	case prompt == "snapshot":
		return "1234 5678 9abc def0, with the operator", nil
	case strings.Contains(page, "[room]"), strings.Contains(page, "[keep]"), strings.Contains(page, "numbers of those"): // a line that may stay empty
		return "", nil
	case strings.Contains(page, "[people]") && !strings.HasPrefix(prompt, "Press enter"):
		return "", nil // who checked that they are who they say
	case prompt == "PIN" && p.pins != nil:
		m := token.FindStringSubmatch(page)
		if m == nil {
			return "", errors.New("of which token is the PIN?")
		}
		return p.pins[m[1]], nil
	case prompt == "PIN":
		return p.pin, nil
	case prompt == "token":
		return p.token, nil
	case prompt == "part 1 of the PIN":
		return p.pin[:5], nil
	case prompt == "part 2 of the PIN":
		return p.pin[5:], nil
	case prompt == "reason" && strings.Contains(page, "[revoke]"):
		return "it is needed for the tests that follow, until tonight", nil
	case prompt == "reason" && strings.Contains(page, "why is the ceremony held here"): // where the machine of the test has swap
		return "a test", nil
	case prompt == "reason": // of shares that are shown
		return "no keys yet", nil
	case strings.HasPrefix(prompt, "Press enter"):
		return "", nil
	case strings.HasPrefix(prompt, "Type the number"):
		if p.use && strings.Contains(page, "3 = Use it all the same") {
			return "3", nil
		}
		if p.drops && strings.Contains(page, "2 = Cancel it") {
			return "2", nil
		}
		if p.keeps && strings.Contains(page, "2 = Leave it") {
			return "2", nil
		}
		// After a failure nothing is tried again.
		if m := stop.FindStringSubmatch(page); m != nil && (strings.Contains(page, "Try again") || strings.Contains(page, "is wrong")) {
			return m[1], nil
		}
		return "1", nil
	case prompt == "Share" && (strings.Contains(page, "[prove]") || strings.Contains(page, "type your new share back")):
		if p.proofs++; p.proofs == p.killAt {
			return "", errKill
		}
		return p.shown[p.holder], nil
	case prompt == "Share" && len(p.shares) > 0:
		s := p.shares[0]
		p.shares = p.shares[1:]
		return s, nil
	}
	return "", errors.New("the player does not know what to answer: " + prompt)
}

// code is what the holder's own device makes of a challenge.
func (p *player) code(page string) (string, error) {
	m := challenge.FindStringSubmatch(page)
	key := p.devices[p.holder]
	if m == nil || key == nil {
		return "NONE", nil
	}
	b, err := os.ReadFile(filepath.Join(p.dir, m[1]))
	if err != nil {
		return "", err
	}
	text, err := key.Decrypt(b)
	if err != nil {
		return "", err
	}
	defer text.Wipe()
	said := strings.TrimSpace(string(text.Expose()))
	return said[strings.LastIndex(said, ":")+1:], nil
}

// known are the recovery shares of the fixture, in hex.
func known(file string) ([]string, error) {
	b, err := os.ReadFile(file) // #nosec G304 -- of the tests
	if err != nil {
		return nil, err
	}
	var k struct {
		Shares []string `json:"recovery_keys_base64"`
	}
	if err := json.Unmarshal(b, &k); err != nil {
		return nil, err
	}
	var out []string
	for _, s := range k.Shares {
		raw, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return nil, err
		}
		out = append(out, hex.EncodeToString(raw))
	}
	return out, nil
}

// shares FILE OUT: the recovery shares of a fixture, one a line.
func shares(ts *testscript.TestScript, _ bool, args []string) {
	list, err := known(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.Join(list, "\n")+"\n"), 0o600))
}

// TestResume kills a recovery rekey of a real vault when one of three new shares
// is proven. The next run finds record and staged state, and goes on at the
// second. Then the new shares authorise, and the old do not.
func TestResume(t *testing.T) {
	t.Parallel()
	v := newAESVault(t)
	common := append(v.config(), "-dir", "..", "-plain", "-allow-piped-secrets", "-operator", "Olga", "-witness", "Wim",
		"-custodian", "Alice", "-custodian", "Bob", "-custodian", "Carol")
	rekey := []string{"rekey", "-target=recovery", "-key-shares=3", "-key-threshold=2"}

	v.shares, v.killAt = v.old[:3], 2
	v.want(-1, "[prove]", rekey, common, []string{"-id", "one"})
	v.killAt = 0
	v.want(0, "Go on with it: 1 of 3 shares are proven", rekey, common, []string{"-id", "two"})
	checkHolders(t, filepath.Join(v.work, "*-two-recovery-rekey"), "Alice", "Bob", "Carol")

	v.shares = []string{v.shown["ALICE"], v.shown["BOB"]}
	v.want(0, "data encryption key is rotated", []string{"rotate", "-id", "three"}, common)
	v.shares = v.old[:2]
	v.want(3, "do not make the recovery key", []string{"rotate", "-id", "four"}, common)
}

// checkHolders reads the roster of the one record that fits the pattern.
func checkHolders(t *testing.T, pattern string, want ...string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(pattern, "roster.json"))
	if err != nil || len(found) != 1 {
		t.Fatalf("rosters: %v, %v", found, err)
	}
	b, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	ro, err := custodian.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(ro.People(), " "); got != strings.Join(want, " ") {
		t.Errorf("the roster names %s, want %s", got, strings.Join(want, " "))
	}
}
