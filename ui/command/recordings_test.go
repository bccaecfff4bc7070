package command_test

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"conclave/hsm/secret"
	"conclave/vaultstate/server/servertest"
	"conclave/vaultstate/share"
)

var update = flag.Bool("update", false, "write the golden files")

// recorded is a refusal that a real server gave, as it was recorded.
type recorded struct {
	method, path string // below /v1/
	status       int    // 0: the connection was cut
	body         string
	last         bool // the second share's request, not the first
}

// name is the refusal without what differs from one recording to the next.
func (r recorded) name() string {
	var a struct{ Errors []string }
	_ = json.Unmarshal([]byte(r.body), &a) // none is none
	text := strings.Join(strings.Fields(strings.Join(a.Errors, "; ")), " ")
	if r.status == 0 {
		text = "the connection is cut"
	}
	which := ""
	if r.last {
		which = " (the last share)"
	}
	return fmt.Sprintf("%s %s%s: %d %s", r.method, r.path, which, r.status, uuid.ReplaceAllString(text, "NONCE"))
}

var uuid = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// stands tells whether it comes as often as it is asked: looks do, and an init,
// which is tried without recovery keys first.
func (r recorded) stands() bool {
	return r.method == http.MethodGet || r.path == "sys/init" && !strings.Contains(r.body, "a positive number of shares")
}

// refusals are those of all recordings, each once.
func refusals(t *testing.T) (list []recorded) {
	t.Helper()
	files, err := filepath.Glob("../../vaultstate/server/testdata/http-*.json")
	if err != nil || len(files) != 7 {
		t.Fatal(files, err)
	}
	seen := map[string]bool{}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var r struct {
			Flows []struct {
				Exchanges []struct {
					Method, Path string
					Status       int
					Response     json.RawMessage
				}
			}
		}
		if err := json.Unmarshal(raw, &r); err != nil {
			t.Fatal(err)
		}
		for _, flow := range r.Flows {
			for _, e := range flow.Exchanges {
				one := recorded{e.Method, strings.TrimPrefix(e.Path, "/v1/"), e.Status, string(e.Response), false}
				if (e.Status == 0 || e.Status >= 400) && !seen[one.name()] {
					seen[one.name()] = true
					list = append(list, one)
				}
			}
		}
	}
	// A connection that is cut after the request, at every change.
	for _, path := range []string{"sys/init", "sys/rekey-recovery-key/init", "sys/rekey-recovery-key/update", "sys/rekey-recovery-key/verify",
		"sys/rekey/update", "sys/generate-root/attempt", "sys/generate-root/update"} {
		list = append(list, recorded{method: http.MethodPut, path: path})
		if strings.HasSuffix(path, "/update") || strings.HasSuffix(path, "/verify") {
			list = append(list, recorded{method: http.MethodPut, path: path, last: true})
		}
	}
	list = append(list, recorded{method: http.MethodPost, path: "sys/rotate"}, recorded{method: http.MethodPost, path: "auth/token/revoke-self"})
	slices.SortFunc(list, func(a, b recorded) int { return strings.Compare(a.path+a.name(), b.path+b.name()) })
	return list
}

// scene is the ceremony in which a path is asked, and at which kind of server.
type scene struct {
	dialect int // of servertest.Dialects
	empty   bool
	args    []string
}

var scenes = map[string]scene{
	"sys/init":                {0, true, []string{"init", "-recovery-shares=3", "-recovery-threshold=2"}},
	"sys/rekey-recovery-key/": {0, false, []string{"rekey", "-target=recovery", "-key-shares=3", "-key-threshold=2"}},
	"sys/rotate/recovery/":    {3, false, []string{"rekey", "-target=recovery", "-key-shares=3", "-key-threshold=2"}},
	"sys/rekey/":              {0, false, []string{"rekey"}},
	"sys/rotate/root/":        {3, false, []string{"rekey"}},
	"sys/generate-root/":      {0, false, []string{"generate-root"}},
	"sys/generate-root-token": {3, false, []string{"generate-root"}},
	"sys/rotate":              {0, false, []string{"rotate"}},
	"auth/token/":             {0, false, []string{"generate-root"}},
}

func sceneOf(t *testing.T, path string) scene {
	t.Helper()
	best := ""
	for prefix := range scenes {
		if strings.HasPrefix(path, prefix) && len(prefix) > len(best) {
			best = prefix
		}
	}
	if best == "" {
		t.Fatalf("no ceremony asks %s", path)
	}
	return scenes[best]
}

// notAsked are the recorded requests that no ceremony makes, and why.
func notAsked(r recorded) string {
	switch {
	case r.path == "sys/health":
		return "its status is what is asked for"
	case r.method == http.MethodDelete && r.status == http.StatusNotFound:
		return "nothing was begun where the endpoint is closed"
	}
	return ""
}

// TestRecordedPages: every refusal that a real server gave, at the point of a
// ceremony where it can come, and the page that people see then.
func TestRecordedPages(t *testing.T) {
	list := refusals(t)
	pages := make([]string, len(list))
	t.Run("all", func(t *testing.T) {
		for i, r := range list {
			if why := notAsked(r); why != "" {
				pages[i] = "no page: " + why + "\n"
				continue
			}
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				pages[i] = pageOf(t, r)
			})
		}
	})
	var all strings.Builder
	for i, r := range list {
		fmt.Fprintf(&all, "== %s\n%s\n", r.name(), pages[i])
	}
	file := filepath.Join("testdata", "recorded-pages.txt")
	if *update {
		if err := os.WriteFile(file, []byte(all.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := all.String(); got != string(want) {
		t.Errorf("the pages are not those of %s: look at them, then run this test with -update\n%s", file, got)
	}
}

// pageOf plays the ceremony into the refusal, and is what the page says.
func pageOf(t *testing.T, r recorded) string {
	t.Helper()
	sc := sceneOf(t, r.path)
	f := servertest.New(t, servertest.Dialects[sc.dialect])
	p := &player{dir: t.TempDir(), shown: map[string]string{}, env: []string{"HOME=" + t.TempDir(), "TERM=dumb"}}
	if !sc.empty {
		key := secret.Random(32)
		parts, err := share.Split(key, 3, 2)
		if err != nil {
			t.Fatal(err)
		}
		f.Initialized, f.Sealed, f.N, f.Threshold, f.Key = true, false, 3, 2, key.Expose()
		f.Root = "s.0123456789abcdefghijklmn"
		f.Tokens[f.Root] = "accessor"
		p.token = f.Root
		for _, s := range parts[:2] {
			p.shares = append(p.shares, hex.EncodeToString(s.Expose()))
		}
	}
	at, err := url.Parse(f.URL)
	if err != nil {
		t.Fatal(err)
	}
	behind := httputil.NewSingleHostReverseProxy(at)
	var came atomic.Int32
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		at := int32(1)
		if r.last {
			at = 2
		}
		if q.Method != r.method || q.URL.Path != "/v1/"+r.path || came.Add(1) != at && !r.stands() {
			behind.ServeHTTP(w, q)
			return
		}
		if r.status == 0 {
			behind.ServeHTTP(httptest.NewRecorder(), q)
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(r.status)
		_, _ = w.Write([]byte(r.body))
	}))
	t.Cleanup(front.Close)
	p.stopAt = "The server does not take this token" // it would be asked for ever
	args := append(slices.Clone(sc.args), "-address", front.URL, "-dir", ".", "-plain", "-allow-piped-secrets", "-operator", "Olga", "-witness", "Wim",
		"-custodian", "Alice", "-custodian", "Bob", "-custodian", "Carol")
	code, text, err := p.run(args...)
	if err != nil && len(p.shares) > 0 {
		t.Errorf("%s: %v\n%s", r.name(), err, text)
	}
	if came.Load() == 0 {
		t.Errorf("%s: it was never asked\n%s", r.name(), text)
	}
	said := problems(string(text))
	return fmt.Sprintf("exit code %d\n%s", code, strings.ReplaceAll(said, front.URL, "https://bao:8200"))
}

var accessor = regexp.MustCompile(`accessor "[0-9a-f]{16}"`)

var problem = regexp.MustCompile(`(?m)^\[[a-z-]+\] [A-Z][A-Z ]+[A-Z]\. `)

// problems are the pages of a session on which something went wrong, and how it
// ended.
func problems(text string) string {
	var out []string
	inside := false
	for _, line := range strings.Split(text, "\n") {
		switch {
		case problem.MatchString(line):
			inside = !strings.Contains(line, "] CHANGES THE SERVER. ") // a confirmation
		case strings.Contains(line, "] Recorded: "), line == "":
			inside = false
		}
		if inside || strings.HasPrefix(line, "conclave: ") {
			line, _, _ = strings.Cut(line, " The record is in ")
			out = append(out, accessor.ReplaceAllString(uuid.ReplaceAllString(line, "NONCE"), `accessor "ACCESSOR"`))
		}
	}
	return strings.Join(slices.Compact(out), "\n") + "\n"
}
