package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"conclave/hsm/secret"
)

// refusal is an answer that is no success, as an error. It holds no secret.
type refusal struct {
	status   int
	messages []string
}

func refuse(status int, messages ...string) *refusal { return &refusal{status, messages} }

func (r *refusal) Error() string { return strings.Join(r.messages, "; ") }

func (r *refusal) answer() *answer {
	list := r.messages
	if list == nil {
		list = []string{}
	}
	a := object(public("errors", list))
	a.status, a.says = r.status, r.Error()
	return a
}

// answer is the status and the body of an answer. It owns its body, which lies
// in locked memory.
type answer struct {
	status int
	body   secret.Bytes
	says   string // of a refusal: for the record
	issued bool   // it has what people hold from now on, and nothing else has
}

func (a *answer) wipe() { a.body.Wipe() }

func noContent() *answer { return &answer{status: http.StatusNoContent} }

const writeTime = 30 * time.Second

// write sends the answer. That the caller is gone is known to nobody else.
func (a *answer) write(w http.ResponseWriter, method string) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if a.status != http.StatusNoContent {
		h.Set("Content-Type", "application/json")
	}
	w.WriteHeader(a.status)
	// Whoever does not read shall not hold up the session.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTime))
	if method != http.MethodHead && a.body.Len() > 0 {
		_, _ = w.Write(a.body.Expose())
	}
}

// member is one member of an answer: public, or texts that JSON need not escape.
type member struct {
	name   string
	public any
	secret []secret.Bytes
	list   bool // of the secret: an array, else its one text
}

func public(name string, value any) member { return member{name: name, public: value} }

// hidden is a secret text, which stays the caller's.
func hidden(name string, s secret.Bytes) member {
	return member{name: name, secret: []secret.Bytes{s}}
}

func hiddenList(name string, list []secret.Bytes) member {
	return member{name: name, secret: list, list: true}
}

// object is an answer with the status 200 and a JSON object, which is put
// together in locked memory.
func object(members ...member) *answer {
	var parts [][]byte
	size := 0
	add := func(p []byte) {
		parts = append(parts, p)
		size += len(p)
	}
	sep := "{"
	for _, m := range members {
		add([]byte(sep + `"` + m.name + `":`))
		sep = ","
		m.parts(add)
	}
	add([]byte("}\n"))
	a := &answer{status: http.StatusOK, body: secret.New(size)}
	at := 0
	for _, p := range parts {
		at += secret.Copy(a.body.Expose()[at:], p)
	}
	return a
}

// parts are the pieces of a member's value; of a secret the secret's own bytes.
func (m member) parts(add func([]byte)) {
	if m.secret == nil && !m.list {
		b, err := json.Marshal(m.public)
		if err != nil {
			panic("api: an answer that is no JSON") // numbers, strings, lists and maps of them
		}
		add(b)
		return
	}
	if m.list {
		add([]byte("["))
	}
	for i, s := range m.secret {
		if i > 0 {
			add([]byte(","))
		}
		add([]byte(`"`))
		add(s.Expose())
		add([]byte(`"`))
	}
	if m.list {
		add([]byte("]"))
	}
}

// wrapped is how the endpoints answer that take a token: the members in data, and
// at the top as well.
func wrapped(data map[string]any, top bool) *answer {
	list := []member{}
	if top {
		for name, v := range data {
			list = append(list, public(name, v))
		}
	}
	return object(append(list, public("request_id", uuid()), public("lease_id", ""), public("renewable", false), public("lease_duration", 0),
		public("data", data), public("wrap_info", nil), public("warnings", nil), public("auth", nil))...)
}
