package server_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"conclave/hsm/secret"
	"conclave/vaultstate/server"
)

// exchange is one of a recording of a real server.
type exchange struct {
	Method   string          `json:"method"`
	Path     string          `json:"path"`
	Token    bool            `json:"token_sent"`
	Request  map[string]any  `json:"request"`
	Status   int             `json:"status"`
	Response json.RawMessage `json:"response"`
}

type recording struct {
	Server string `json:"server"`
	Flows  []struct {
		Flow      string     `json:"flow"`
		Exchanges []exchange `json:"exchanges"`
	} `json:"flows"`
}

// rewrite replaces texts before the recording is read: a nonce that a flow
// would have had without a step that the driver never makes.
func readRecording(t *testing.T, file string, rewrite ...string) recording {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	var r recording
	if err := json.Unmarshal([]byte(strings.NewReplacer(rewrite...).Replace(string(raw))), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r recording) flow(t *testing.T, names ...string) (list []exchange) {
	t.Helper()
	for _, n := range names {
		found := false
		for _, f := range r.Flows {
			if f.Flow == n {
				list, found = append(list, f.Exchanges...), true
			}
		}
		if !found {
			t.Fatalf("%s has no flow %q", r.Server, n)
		}
	}
	return list
}

// meanings are what the messages of the recordings mean. A message that is not
// here is not known to be understood.
var meanings = map[string]string{
	"is already initialized":                   "other", // sys/init is asked
	"invalid recovery configuration":           "other",
	"not applicable to seal type":              "other",
	"incorrect number of PGP keys":             "other",
	"must specify a positive number of shares": "other",
	"unsupported path":                         "closed",
	"unsupported operation":                    "closed",
	"permission denied":                        "forbidden",
	"already in progress":                      "pending",
	"incorrect nonce supplied":                 "nonce",
	"already been provided":                    "duplicate",
	"must be the same length":                  "quorum",
	"shorter than minimum":                     "quorum",
	"does not match submitted values":          "quorum",
	"incorrect key shares supplied":            "quorum",
	"verification must be performed":           "finished",
	"no rotation in progress":                  "nothing",
	"no recovery rekey in progress":            "nothing",
	"no root generation in progress":           "nothing",
	"node is not active":                       "standby",
	"Vault is sealed":                          "sealed",
}

// TestRecordings: every answer of every recorded server is understood.
func TestRecordings(t *testing.T) {
	files, err := filepath.Glob("testdata/http-*.json")
	if err != nil || len(files) < 7 {
		t.Fatal(files, err)
	}
	seen := map[string]bool{}
	for _, file := range files {
		r := readRecording(t, filepath.Base(file))
		for _, f := range r.Flows {
			for _, e := range f.Exchanges {
				at := file + ", " + f.Flow + ", " + e.Method + " " + e.Path
				switch {
				case e.Status == 0 || e.Status == 204 || strings.HasSuffix(e.Path, "/health") || strings.HasSuffix(e.Path, "/leader"):
				case e.Status >= 400:
					known := false
					for text, want := range meanings {
						if strings.Contains(string(e.Response), text) {
							known, seen[text] = true, true
							if got := server.ReasonOf(e.Status, e.Response); got != want {
								t.Errorf("%s: %s means %q, want %q", at, e.Response, got, want)
							}
						}
					}
					if !known {
						t.Errorf("%s: what does %s mean?", at, e.Response)
					}
				default:
					if err := server.Decoded(kindOf(e), e.Response); err != nil {
						t.Errorf("%s: %v", at, err)
					}
				}
			}
		}
	}
	for text := range meanings {
		if !seen[text] {
			t.Errorf("no recording says %q", text)
		}
	}
}

func kindOf(e exchange) string {
	path := strings.TrimPrefix(e.Path, "/v1/sys/")
	switch {
	case strings.HasSuffix(e.Path, "/lookup-self"):
		return "lookup"
	case path == "unseal":
		return "seal-status"
	case strings.HasPrefix(path, "rotate/"), strings.HasPrefix(path, "generate-root-token/"):
		return "data"
	}
	return path
}

// TestDecodeToken decodes what a real server encoded, and nothing else.
func TestDecodeToken(t *testing.T) {
	const encoded, otp = "OlZnKBIqTz8dIz0zEQk4PAoFUDANARI0NQk", "IxWojCzxWEIaaFprmd1fOLzavN"
	decode := func(encoded, otp string) (string, error) {
		token, err := server.DecodeToken(secret.Take([]byte(encoded)), secret.Take([]byte(otp)))
		return string(token.Expose()), err
	}
	if got, err := decode(encoded, otp); err != nil || !strings.HasPrefix(got, "s.") || len(got) != 26 {
		t.Errorf("%q, %v", got, err)
	}
	for _, c := range [][2]string{{encoded[1:], otp}, {encoded, otp[1:]}, {"", ""}, {encoded + "=", otp}, {"!" + encoded[1:], otp}, {encoded, otp[:25] + "\xff"}} {
		if _, err := decode(c[0], c[1]); err == nil {
			t.Errorf("%q is taken", c)
		}
	}
}

// TestOddAnswers: keys and tokens are plain strings, and counts are no strings.
func TestOddAnswers(t *testing.T) {
	for _, c := range [][2]string{
		{"init", `{"recovery_keys":["\u0041\u0041"]}`}, {"init", `{"root_token":"a\nb"}`}, {"init", `{"root_token":5}`}, {"init", `{"recovery_keys":"aa"}`}, {"init", `[]`},
		{"data", `{}{}`}, {"data", `{"data":null}`}, {"data", `{"data":{"keys":[1]}}`}, {"other", `{"n":"3"}`}, {"other", `{"encoded_token":"ä"}`}, {"other", ``}, {"other", `{`},
	} {
		if err := server.Decoded(c[0], []byte(c[1])); err == nil {
			t.Errorf("%s is an answer", c[1])
		}
	}
}

// FuzzAnswers: no answer whatever makes the driver fail otherwise than with an
// error.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{
		`{"nonce":"n","started":true,"t":3,"n":5,"progress":0,"required":3,"pgp_fingerprints":null,"keys":["00"],"encoded_token":"a"}`,
		`{"request_id":"x","data":{"keys":["00","\u0000"],"keys":["11"],"verification_nonce":"v"}}`,
		`{"keys":[],"recovery_keys":["aa"],"root_token":"s.x"}`, `{"errors":["a","b"]}`, `{"data":null}`, `{"data":[]}`, `null`, `{"keys":null}`, `{"root_token":{}}`,
	} {
		for _, path := range []string{"init", "seal-status", "key-status", "lookup", "data", "other"} {
			f.Add(path, 400, []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, path string, status int, body []byte) {
		if err := server.Decoded(path, body); err == nil && len(body) == 0 {
			t.Error("nothing is an answer")
		}
		_ = server.ReasonOf(status, body)
	})
}
