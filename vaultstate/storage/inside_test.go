package storage

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"conclave/vaultstate"
)

func goodMeta() Meta {
	d := strings.Repeat("ab", 32)
	return Meta{
		Format: metaFormat, ID: "KC-1", Kind: vaultstate.Rekey, Set: "00", Base: d, New: d,
		Made: time.Unix(1, 0).UTC(), Phase: PhaseIssued,
		Added: []Added{{Key: "sys/token/id/h1", SHA256: d}}, Facts: []byte(`{"a":1}`),
	}
}

func TestMetaIsStrict(t *testing.T) {
	good, err := encodeMeta(goodMeta())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decodeMeta(good); err != nil {
		t.Fatal(err)
	}
	text := string(good)
	for name, bad := range map[string]string{
		"twice":      strings.Replace(text, `"set"`, `"set": "x", "set"`, 1),
		"case":       strings.Replace(text, `"set"`, `"Set"`, 1),
		"unknown":    strings.Replace(text, `"set"`, `"sett"`, 1),
		"format":     strings.Replace(text, `"format": 1`, `"format": 2`, 1),
		"path":       strings.Replace(text, `KC-1`, `../x`, 1),
		"phase":      strings.Replace(text, `issued`, `done`, 1),
		"digest":     strings.Replace(text, `abab`, `ABab`, 1),
		"core":       strings.Replace(text, `sys/token/id/h1`, `core/keyring`, 1),
		"after":      text + "{}",
		"white":      text + " ",
		"null facts": strings.Replace(text, `"kind": "rekey"`, `"kind": null`, 1),
	} {
		if bad == text {
			t.Fatalf("%s changes nothing", name)
		}
		if _, err := decodeMeta([]byte(bad)); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	for i := range good {
		if _, err := decodeMeta(good[:i]); err == nil {
			t.Errorf("the first %d bytes were taken", i)
		}
	}
}

func FuzzMeta(f *testing.F) {
	good, err := encodeMeta(goodMeta())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"format":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := decodeMeta(data)
		if err != nil {
			return
		}
		again, err := encodeMeta(m)
		if err != nil || string(again) != string(data) {
			t.Errorf("%q reads and writes back as %q, %v", data, again, err)
		}
	})
}

func FuzzEntry(f *testing.F) {
	for _, s := range []string{`{"Value":"AAAA"}` + "\n", `{"Value":null}`, `{"Value":"AA=="}x`, `{"value":"AAAA"}`, `[]`,
		`{"Value":""}` + "\n", `{"Value":"AAAA\n"}` + "\n", "{\"Value\":\"AA\nAA\"}\n", `{"Value":"AB=="}` + "\n", `{"Value":"\u0041AAA"}` + "\n", `{"Value":"AAAA","Value":"BBBB"}` + "\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := decodeEntry(data)
		slow, slowErr := decodeJSON(data)
		if (err == nil) != (slowErr == nil) || string(v) != string(slow) || (v == nil) != (slow == nil) {
			t.Fatalf("%q reads as %x, %v, and slowly as %x, %v", data, v, err, slow, slowErr)
		}
		if err != nil {
			return
		}
		again, err := encodeEntry(v)
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("{\"Value\":%q}\n", base64.StdEncoding.EncodeToString(v)); string(again) != want {
			t.Errorf("wrote %q, want %q", again, want)
		}
		if w, err := decodeEntry(again); err != nil || string(w) != string(v) {
			t.Errorf("%x reads back as %x, %v", v, w, err)
		}
	})
}

func TestMountsBelow(t *testing.T) {
	table := `22 1 8:1 / / rw - ext4 /dev/sda1 rw
30 22 8:2 / /srv/va\040ult/core rw - ext4 /dev/sdb rw
31 22 8:2 / /srv/va\040ult/core2 rw - ext4 /dev/sdb rw
32 22 8:2 / /srv/va\040ult/core/hsm rw - ext4 /dev/sdb rw
`
	got, err := mountsBelow(strings.NewReader(table), "/srv/va ult/core")
	if err != nil || len(got) != 2 || got[0] != "/srv/va ult/core" || got[1] != "/srv/va ult/core/hsm" {
		t.Errorf("found %q, %v", got, err)
	}
}

// process is an entry of a made-up /proc.
type process struct {
	name, args, cwd string
	fd              string // besides that of /dev/null; "none": it has none at all
}

func TestProcesses(t *testing.T) {
	root := "/srv/vault"
	for name, c := range map[string]struct {
		p    process
		want string
	}{
		"server in it":         {process{"bao", "bao server -config=x", root, ""}, "Process 77 (bao) runs in the storage directory."},
		"renamed server":       {process{"secrets", "/opt/secrets server", root + "/x", ""}, "runs in the storage directory"},
		"server naming it":     {process{"vault", "vault server -config=" + root + "/c.hcl", "/", ""}, "names the storage directory"},
		"open file":            {process{"cp", "cp", "/", root + "/core/_keyring"}, "open"},
		"shell in it":          {process{"bash", "-bash", root, ""}, ""},
		"server elsewhere":     {process{"bao", "bao server", "/srv/vault2", "/srv/vault2/core/_keyring"}, ""},
		"thread of the kernel": {process{"kworker", "", root, "none"}, ""},
		"name with controls":   {process{"ba\x1bo", "x server", root, ""}, "Process 77 (bao)"},
	} {
		t.Run(name, func(t *testing.T) {
			proc := t.TempDir()
			dir := filepath.Join(proc, "77")
			if err := os.MkdirAll(filepath.Join(dir, "fd"), 0o700); err != nil {
				t.Fatal(err)
			}
			write := func(file, text string) {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write("comm", c.p.name+"\n")
			write("cmdline", strings.ReplaceAll(c.p.args, " ", "\x00")+"\x00")
			for link, to := range map[string]string{"cwd": c.p.cwd, "fd/0": "/dev/null", "fd/3": c.p.fd} {
				if to == "" || c.p.fd == "none" && strings.HasPrefix(link, "fd/") {
					continue
				}
				if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
					t.Fatal(err)
				}
			}
			found, _, err := processes(proc, root)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(found, " ")
			if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	serve := func(status int, body string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v1/sys/seal-status" {
				t.Errorf("asked for %s", r.URL.Path)
			}
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"sealed":true}`))
	}))
	t.Cleanup(secure.Close)
	gone := httptest.NewServer(nil)
	gone.Close()
	for name, c := range map[string]struct{ address, want string }{
		"server":        {serve(200, `{"sealed":false}`), "A server answers"},
		"TLS":           {secure.URL, "A server answers"},
		"host and port": {strings.TrimPrefix(serve(200, `{"sealed":true}`), "http://"), "A server answers"},
		"other":         {serve(404, "no"), "Something answers"},
		"balancer":      {serve(503, "no backend"), ""},
		"nobody":        {gone.URL, ""},
	} {
		got := answers(context.Background(), c.address)
		if (c.want == "") != (got == "") || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
