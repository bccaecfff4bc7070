package server_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"conclave/hsm/secret"
	"conclave/vaultstate/server"
)

// replay is a server that answers as it was recorded. Every request that changes
// something must be the next recorded one that was not skipped. A look at what is
// pending, which the driver takes oftener than the recording did, is answered
// from the recording if it has one there, else with what the last answer said.
type replay struct {
	t       *testing.T
	list    []exchange
	all     []exchange // of the whole recording: what was seen at any time
	at      int
	seen    map[int]bool          // looks that were answered
	skip    func(e exchange) bool // requests that the driver never makes
	state   map[string]m          // what a GET answers, by path
	encoded func(otp string) string
	otp     string
	url     string
}

func newReplay(t *testing.T, all recording, list []exchange, skip func(e exchange) bool) *replay {
	r := &replay{t: t, list: list, skip: skip, state: map[string]m{}, seen: map[int]bool{}}
	for _, f := range all.Flows {
		r.all = append(r.all, f.Exchanges...)
	}
	s := httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(s.Close)
	r.url = s.URL
	return r
}

func (r *replay) open(token bool) *server.Vault {
	r.t.Helper()
	c := server.Config{Address: r.url}
	if token {
		c.Token = secret.Take([]byte("s.TESTtokenTESTtokenTESTto"))
	}
	v, err := server.Open(r.t.Context(), c)
	if err != nil {
		r.t.Fatal(err)
	}
	v.SetNow(func() time.Time { return time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC) })
	return v
}

func changes(e exchange) bool { return e.Method != http.MethodGet }

func (r *replay) skipped(e exchange) bool { return r.skip != nil && r.skip(e) }

// done fails if something recorded was not asked for.
func (r *replay) done() {
	r.t.Helper()
	for _, e := range r.list[r.at:] {
		if changes(e) && !r.skipped(e) {
			r.t.Errorf("never sent: %s %s %v", e.Method, e.Path, e.Request)
		}
	}
}

func (r *replay) serve(w http.ResponseWriter, req *http.Request) {
	token := req.Header.Get("X-Vault-Token") != ""
	var e exchange
	if req.Method == http.MethodGet {
		e = r.look(req.URL.Path, token)
	} else {
		e = r.act(req, token)
	}
	if e.Status == 0 {
		panic(http.ErrAbortHandler) // as the recorded server did
	}
	w.WriteHeader(e.Status)
	if e.Status != http.StatusNoContent {
		_, _ = w.Write(e.Response)
	}
}

func (r *replay) look(path string, token bool) exchange {
	for i := r.at; i < len(r.list); i++ {
		e := r.list[i]
		if changes(e) && !r.skipped(e) {
			break
		}
		if e.Method == http.MethodGet && e.Path == path && e.Token == token && !r.seen[i] {
			r.seen[i] = true
			if e.Status == http.StatusOK {
				r.state[path] = object(e.Response)
			}
			return e
		}
	}
	if s, ok := r.state[path]; ok {
		body, _ := json.Marshal(s)
		return exchange{Status: http.StatusOK, Response: body}
	}
	if path == "/v1/sys/health" {
		return exchange{Status: http.StatusOK, Response: []byte("{}")}
	}
	// As it was at some time with nothing pending, initialised and unsealed.
	for _, e := range r.all {
		if o := inner(object(e.Response)); e.Method == http.MethodGet && e.Path == path && e.Token == token &&
			o["started"] != true && o["sealed"] != true && o["initialized"] != false {
			return e
		}
	}
	return exchange{Status: http.StatusForbidden, Response: []byte(`{"errors":["permission denied"]}`)}
}

func object(raw []byte) m {
	var o m
	_ = json.Unmarshal(raw, &o)
	return o
}

// inner is the part of an answer that the older endpoints have at the top.
func inner(o m) m {
	if data, ok := o["data"].(map[string]any); ok {
		return data
	}
	return o
}

func (r *replay) act(req *http.Request, token bool) exchange {
	raw, _ := io.ReadAll(req.Body)
	got := object(raw)
	for i := r.at; i < len(r.list); i++ {
		e := r.list[i]
		if !changes(e) || r.skipped(e) {
			continue
		}
		r.at = i + 1
		r.compare(e, req, token, got)
		r.follow(e)
		if r.otp != "" && r.encoded != nil {
			if data := inner(object(e.Response)); data["encoded_token"] != "" && data["complete"] == true {
				data["encoded_token"] = r.encoded(r.otp)
				e.Response, _ = json.Marshal(m{"data": data})
			}
		}
		return e
	}
	r.t.Errorf("%s %s is not recorded here", req.Method, req.URL.Path)
	return exchange{Status: http.StatusTeapot}
}

// compare wants the recorded request. Three things may differ: a one-time pad,
// which we make, the nonce of a cancellation, which the recording left out or
// made up, and which of the new shares verify.
func (r *replay) compare(e exchange, req *http.Request, token bool, got m) {
	want := maps.Clone(e.Request)
	if want == nil {
		want = map[string]any{}
	}
	if otp, ok := got["otp"].(string); ok && strings.HasSuffix(e.Path, "/attempt") {
		r.otp = otp
		delete(got, "otp")
	}
	if e.Method == http.MethodDelete {
		delete(got, "nonce")
		delete(want, "nonce")
	}
	if strings.HasSuffix(e.Path, "/verify") {
		delete(got, "key")
		delete(want, "key")
	}
	if e.Method != req.Method || e.Path != req.URL.Path || e.Token != token || !reflect.DeepEqual(got, want) {
		r.t.Errorf("the driver sends %s %s, token %t: %v\nrecorded is %s %s, token %t: %v", req.Method, req.URL.Path, token, got, e.Method, e.Path, e.Token, want)
	}
}

// follow keeps what a look would say after this answer.
func (r *replay) follow(e exchange) {
	base := e.Path[:strings.LastIndex(e.Path, "/")]
	start := base + "/init"
	if strings.Contains(base, "generate-root") {
		start = base + "/attempt"
	}
	o := object(e.Response)
	data := inner(o)
	switch {
	case e.Method == http.MethodDelete:
		delete(r.state, start)
	case e.Status == http.StatusOK && data["complete"] == true && strings.HasSuffix(e.Path, "/verify"):
		delete(r.state, start)
	case e.Status == http.StatusOK && data["complete"] == true && data["verification_required"] == true:
		if s := inner(r.state[start]); s != nil {
			s["progress"], s["verification_nonce"] = 0, data["verification_nonce"]
			r.state[base+"/verify"] = wrapped(o, m{"nonce": data["verification_nonce"], "started": true, "n": s["n"], "t": s["t"], "progress": 0})
		}
	case e.Status == http.StatusOK && data["complete"] == true:
		delete(r.state, start)
	case e.Status == http.StatusOK && data["started"] == true && strings.HasSuffix(e.Path, "/verify"):
		r.state[e.Path] = o
	case e.Status == http.StatusOK && data["started"] == true:
		r.state[start] = o
	case e.Status == http.StatusOK && strings.HasSuffix(e.Path, "/unseal"):
		r.state["/v1/sys/seal-status"] = o
	case bytes.Contains(e.Response, []byte("does not match")):
		inner(r.state[start])["progress"] = 0
	}
}

func wrapped(like, data m) m {
	if _, ok := like["data"]; ok {
		return m{"data": data}
	}
	return data
}

// keys are the shares of a flow's last answer with some, as raw bytes.
func keys(t *testing.T, list []exchange, name string) (shares []secret.Bytes) {
	t.Helper()
	for _, e := range list {
		if k, ok := inner(object(e.Response))[name].([]any); ok && len(k) > 0 {
			shares = nil
			for _, x := range k {
				shares = append(shares, fromBase64(t, x))
			}
		}
	}
	if shares == nil {
		t.Fatalf("the recording has no %s", name)
	}
	return shares
}

func fromBase64(t *testing.T, x any) secret.Bytes {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(fmt.Sprint(x))
	if err != nil {
		t.Fatal(err)
	}
	return secret.Take(b)
}

// sentShares are the shares of a flow's requests, in order.
func sentShares(t *testing.T, list []exchange) (sent []secret.Bytes) {
	t.Helper()
	for _, e := range list {
		if k, ok := e.Request["key"].(string); ok && k != "zzzz" {
			sent = append(sent, fromBase64(t, k))
		}
	}
	return sent
}

// never is what the driver does not do: name a wrong nonce, give a share twice
// or garbage for one, begin what is pending, use a token where none is needed.
func never(e exchange) bool {
	said := string(e.Response)
	return strings.HasPrefix(fmt.Sprint(e.Request["nonce"]), "00000000") || e.Request["key"] == "zzzz" ||
		strings.Contains(said, "already been provided") || strings.Contains(said, "already in progress") ||
		strings.Contains(said, "incorrect nonce")
}
