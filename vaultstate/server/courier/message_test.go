package courier

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"conclave/hsm/secret"
	"conclave/vaultstate/server"
)

func take(s string) secret.Bytes { return secret.Take([]byte(s)) }

func aRequest() server.Request {
	return server.Request{
		Target: server.Target{
			Address: "https://vault.example:8200", CA: []byte("-----BEGIN"), ServerName: "vault", ClientCert: []byte("-----BEGIN C"), ClientKey: take("-----BEGIN K"),
			Namespace: "ns", Proxy: "http://proxy:3128", SkipVerify: true, Pin: [32]byte{1, 2, 3}, Timeout: 7 * time.Second,
		},
		Method: "PUT", Path: "sys/rekey/update", Token: take("s.token"), Body: take(`{"key":"MTIz"}`),
	}
}

func encoded(t testing.TB, r server.Request) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := writeRequest(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestRequest: every field of a request arrives. By reflection, so that a new one
// is not forgotten.
func TestRequest(t *testing.T) {
	want := aRequest()
	for _, v := range []reflect.Value{reflect.ValueOf(want), reflect.ValueOf(want.Target)} {
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("%s is not in this test", v.Type().Field(i).Name)
			}
		}
	}
	for name, r := range map[string]server.Request{"all": want, "none": {}} {
		got, err := readRequest(bytes.NewReader(encoded(t, r)))
		if err != nil {
			t.Fatal(err)
		}
		if !got.Token.Equal(r.Token) || !got.Body.Equal(r.Body) || !got.Target.ClientKey.Equal(r.Target.ClientKey) {
			t.Errorf("%s: key, token or body differ", name)
		}
		for _, s := range []*secret.Bytes{&got.Token, &got.Body, &got.Target.ClientKey, &r.Token, &r.Body, &r.Target.ClientKey} {
			*s = secret.Bytes{}
		}
		if a, b := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", r); a != b {
			t.Errorf("%s: got %s, want %s", name, a, b)
		}
	}
}

// TestAnswer: answers and errors arrive, and with them what somebody branches on.
func TestAnswer(t *testing.T) {
	for _, c := range []struct {
		a   server.Answer
		err error
	}{
		{server.Answer{Status: 200, Body: take(`{"a":1}`), Pin: [32]byte{9}}, nil},
		{server.Answer{Status: 307, Location: "https://other/v1/x"}, nil},
		{server.Answer{Pin: [32]byte{9}}, fmt.Errorf("asking x: %w", server.ErrPinned)},
		{server.Answer{}, fmt.Errorf("asking x: %w", server.ErrUnsafe)},
		{server.Answer{}, fmt.Errorf("asking x: %w", context.DeadlineExceeded)},
		{server.Answer{}, fmt.Errorf("asking x: %w", context.Canceled)},
		{server.Answer{}, errors.New("asking x: \x1b[2J connection refused")},
	} {
		var b bytes.Buffer
		if err := writeAnswer(&b, c.a, c.err); err != nil {
			t.Fatal(err)
		}
		got, err := readAnswer(&b)
		if got.Status != c.a.Status || got.Location != c.a.Location || got.Pin != c.a.Pin || !got.Body.Equal(c.a.Body) {
			t.Errorf("%+v became %+v", c.a, got)
		}
		if c.err == nil != (err == nil) {
			t.Fatalf("%v became %v", c.err, err)
		}
		for _, is := range []error{server.ErrPinned, server.ErrUnsafe, context.DeadlineExceeded, context.Canceled} {
			if errors.Is(err, is) != errors.Is(c.err, is) {
				t.Errorf("%v: branched on as %v: %t", c.err, is, errors.Is(err, is))
			}
		}
		if err != nil && (strings.Contains(err.Error(), "\x1b") || !strings.HasPrefix(err.Error(), "asking x")) {
			t.Errorf("it says %q", err)
		}
	}
}

// TestAnswerRefused: no answer and an error at once, no status that is none, and
// nothing that moves the cursor, whatever the child says.
func TestAnswerRefused(t *testing.T) {
	pin := make([]byte, 32)
	for name, f := range map[string][][]byte{
		"an error with a body":  {number(isFailure), number(0), pin, nil, []byte("e"), []byte("body")},
		"an error and a status": {number(isPinned), number(200), pin, nil, []byte("e"), nil},
		"a text in an answer":   {number(isAnswer), number(200), pin, nil, []byte("e"), nil},
		"no status":             {number(isAnswer), number(0), pin, nil, nil, nil},
		"a status too great":    {number(isAnswer), number(1000), pin, nil, nil, nil},
		"another code":          {number(isFailure + 1), number(0), pin, nil, []byte("e"), nil},
		"a short pin":           {number(isAnswer), number(200), pin[1:], nil, nil, nil},
	} {
		var b bytes.Buffer
		if err := write(&b, kindAnswer, f...); err != nil {
			t.Fatal(err)
		}
		if a, err := readAnswer(&b); !errors.Is(err, errFrame) || a.Body.Len() > 0 {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
	var b bytes.Buffer
	if err := write(&b, kindAnswer, number(isFailure), number(0), pin, nil, []byte("\x1b[2J"), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := readAnswer(&b); strings.Contains(err.Error(), "\x1b") {
		t.Errorf("it says %q", err)
	}
}

// TestLengths: as many bytes go over the socket for a long share as for a short
// one, or for none.
func TestLengths(t *testing.T) {
	r := aRequest()
	for _, n := range []int{0, 1, 44, 2000} {
		if r.Body = secret.New(n); len(encoded(t, r)) != frameSize {
			t.Errorf("%d bytes for a body of %d", len(encoded(t, r)), n)
		}
	}
}

// TestRefused: every truncation is refused, and every change of a byte that is not
// in a field.
func TestRefused(t *testing.T) {
	good := encoded(t, aRequest())
	length := int(binary.BigEndian.Uint32(good[8:]))
	for n := range good {
		if _, err := readRequest(bytes.NewReader(good[:n])); !errors.Is(err, errFrame) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
	fields := map[int]bool{}
	for at := headSize; at < headSize+length; {
		n := int(binary.BigEndian.Uint32(good[at:]))
		for i := range n {
			fields[at+4+i] = true
		}
		at += 4 + n
	}
	for i := range good {
		for _, x := range []byte{1, 0x80} {
			if fields[i] {
				continue
			}
			b := bytes.Clone(good)
			b[i] ^= x
			// More follows: a length that is too long finds something.
			r, err := readRequest(io.MultiReader(bytes.NewReader(b), bytes.NewReader(make([]byte, 2*frameSize))))
			if !errors.Is(err, errFrame) || r.Target.ClientKey.Len() > 0 || r.Token.Len() > 0 || r.Body.Len() > 0 {
				t.Errorf("byte %d: %v", i, err)
			}
		}
	}
	skip := headSize + 4 + 10 + 4 + 32 + 4 // behind the CA and the pin
	for at, name := range map[int]string{skip: "skip-verify that is neither", skip + 12: "a time limit below zero"} {
		b := bytes.Clone(good)
		b[at] |= 0x80
		if r, err := readRequest(bytes.NewReader(b)); !errors.Is(err, errFrame) || r.Token.Len() > 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := readAnswer(bytes.NewReader(good)); !errors.Is(err, errFrame) {
		t.Errorf("a request as an answer: %v", err)
	}
}

// TestTooLong: nothing is written of a request that is too long; the longest
// arrives.
func TestTooLong(t *testing.T) {
	for name, change := range map[string]func(*server.Request){
		"CA":          func(r *server.Request) { r.Target.CA = make([]byte, maxCA+1) },
		"certificate": func(r *server.Request) { r.Target.ClientCert = make([]byte, maxCA+1) },
		"key":         func(r *server.Request) { r.Target.ClientKey = secret.New(maxClientKey + 1) },
		"path":        func(r *server.Request) { r.Path = strings.Repeat("p", maxText+1) },
		"token":       func(r *server.Request) { r.Token = secret.New(maxText + 1) },
		"body":        func(r *server.Request) { r.Body = secret.New(maxBody + 1) },
	} {
		r := aRequest()
		change(&r)
		var b bytes.Buffer
		if err := writeRequest(&b, r); !errors.Is(err, errTooLong) || b.Len() > 0 {
			t.Errorf("%s: %v, %d bytes", name, err, b.Len())
		}
		r.Body.Wipe()
	}
	r := aRequest()
	r.Target.CA, r.Body = make([]byte, maxCA), secret.New(maxBody)
	got, err := readRequest(bytes.NewReader(encoded(t, r)))
	if err != nil || len(got.Target.CA) != maxCA || got.Body.Len() != maxBody {
		t.Errorf("the longest: %v", err)
	}
	secret.WipeAll([]secret.Bytes{r.Body, got.Body})
}

// FuzzMessages: what is taken for a request is written again as the same bytes, so
// that there is one form of each; an error comes without secrets. The zeros at the
// end are put there: the fuzzer would spend its time on them.
func FuzzMessages(f *testing.F) {
	add := func(b []byte) { f.Add(bytes.TrimRight(b, "\x00")) }
	add(encoded(f, aRequest()))
	add(encoded(f, server.Request{}))
	for _, err := range []error{nil, server.ErrPinned, errors.New("refused")} {
		var b bytes.Buffer
		if err := writeAnswer(&b, server.Answer{Status: 200, Location: "l", Body: take("{}")}, err); err != nil {
			f.Fatal(err)
		}
		add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		in = append(in, make([]byte, frameSize-len(in)%frameSize)...)
		rest := bytes.NewReader(in)
		r, err := readRequest(rest)
		if err == nil && !bytes.Equal(in[:len(in)-rest.Len()], encoded(t, r)) {
			t.Error("a request is written in other bytes than it was read from")
		}
		if err != nil && (r.Target.ClientKey.Len() > 0 || r.Token.Len() > 0 || r.Body.Len() > 0) {
			t.Error("an error, and something was read")
		}
		wipe(r)
		a, err := readAnswer(bytes.NewReader(in))
		if err != nil && a.Body.Len() > 0 || err == nil && (a.Status < 100 || a.Status > 999) {
			t.Errorf("the answer %+v, %v", a, err)
		}
		a.Body.Wipe()
	})
}
