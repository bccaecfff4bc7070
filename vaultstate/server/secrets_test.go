package server_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/server"
	"conclave/vaultstate/server/servertest"
)

// TestHeldShare: the share that waits for Commit is not sent into an operation
// that changed meanwhile.
func TestHeldShare(t *testing.T) {
	theirs, _ := strangers(t, 1)
	for _, d := range servertest.Dialects[:5] {
		r := newRoom(t, d)
		op := r.operation(vaultstate.Rekey, nil)
		begin(t, r.v, op)
		from := r.f.Shares
		if p := submit(t, r.v, op.ID, r.held[:3]...); p.Phase != vaultstate.PhaseReady || r.f.Shares != from+2 {
			t.Fatalf("%s: %+v, %d shares", d.Name, p, r.f.Shares-from)
		}
		r.f.Stranger("rekey", theirs[0].key)
		if _, err := r.v.Commit(t.Context(), op.ID); !errors.Is(err, vaultstate.ErrChanged) || r.f.Shares != from+2 {
			t.Errorf("%s: %v, %d shares", d.Name, err, r.f.Shares-from)
		}
	}
}

// TestPad: the one-time pad is drawn here, anew each time, from the servers' own
// alphabet.
func TestPad(t *testing.T) {
	r := newRoom(t, servertest.Dialects[0])
	for range 20 {
		begin(t, r.v, vaultstate.Operation{ID: "g", Kind: vaultstate.GenerateRoot})
		if err := r.v.Cancel(t.Context(), "g"); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	var all strings.Builder
	for _, otp := range r.f.OTPs {
		if seen[otp] || len(otp) != 26 || strings.Trim(otp, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") != "" {
			t.Errorf("the pad %q", otp)
		}
		seen[otp] = true
		all.WriteString(otp)
	}
	if len(r.f.OTPs) != 20 {
		t.Errorf("%d pads", len(r.f.OTPs))
	}
	for _, c := range "Az9" { // 520 characters miss none of the three but once in thousands
		if !strings.ContainsRune(all.String(), c) {
			t.Errorf("no pad has a %c", c)
		}
	}
}

// TestSender: whatever carries a share, a token or a one-time pad goes through it,
// so does an init; a look without a token does not. A body is wiped afterwards.
func TestSender(t *testing.T) {
	for _, d := range servertest.Dialects[:2] { // the second wants a token for everything
		r := newRoom(t, d)
		var bodies []secret.Bytes
		shares, tokens, pads := 0, 0, 0
		v, err := server.Open(t.Context(), server.Config{Address: r.f.URL, Token: secret.Take([]byte(r.f.Root)),
			Sender: func(ctx context.Context, q server.Request) (server.Answer, error) {
				share := bytes.Contains(q.Body.Expose(), []byte(`"key":"`))
				if q.Method == http.MethodGet && q.Token.Len() == 0 {
					t.Errorf("%s: %s is a look without a token", d.Name, q.Path)
				}
				if q.Target.Address != r.f.URL || share && d.Name == servertest.Dialects[0].Name && q.Token.Len() > 0 {
					t.Errorf("%s: the target is %+v, and a token where none is wanted: %t", d.Name, q.Target, q.Token.Len() > 0)
				}
				if share {
					shares++
				}
				if q.Token.Len() > 0 {
					tokens++
				}
				if bytes.Contains(q.Body.Expose(), []byte(`"otp":"`)) {
					pads++
				}
				bodies = append(bodies, q.Body)
				return server.Send(ctx, q)
			}})
		if err != nil {
			t.Fatal(err)
		}
		r.v = v
		from := r.f.Shares
		r.held = r.finish(r.operation(vaultstate.RecoveryRekey, nil), nil)
		r.finish(r.operation(vaultstate.Rekey, nil), nil)
		r.finish(vaultstate.Operation{ID: "root", Kind: vaultstate.GenerateRoot}, nil)
		if shares != r.f.Shares-from || shares != 3+2+2+2 || pads != 1 {
			t.Errorf("%s: %d shares and %d pads went through it, and %d shares arrived", d.Name, shares, pads, r.f.Shares-from)
		}
		for _, b := range bodies {
			if b.Len() > 0 {
				t.Errorf("%s: a body was not wiped", d.Name)
			}
		}
		for _, x := range v.Exchanges() {
			if x.Share {
				shares--
			}
			if x.Token {
				tokens--
			}
		}
		if shares != 0 || tokens != 0 {
			t.Errorf("%s: %d shares and %d tokens more went through it than the exchanges say", d.Name, shares, tokens)
		}
	}
}

// TestSenderInit: an init goes through it, whose answer has the shares.
func TestSenderInit(t *testing.T) {
	for _, d := range servertest.Dialects {
		f := servertest.New(t, d)
		through, said := 0, 0
		v, err := server.Open(t.Context(), server.Config{Address: f.URL, Sender: func(ctx context.Context, q server.Request) (server.Answer, error) {
			if q.Path == "sys/init" {
				through++
			}
			return server.Send(ctx, q)
		}})
		if err != nil {
			t.Fatal(err)
		}
		begin(t, v, vaultstate.Operation{ID: "i", Kind: vaultstate.Init, Shares: 3, Threshold: 2, RootToken: true})
		for _, x := range v.Exchanges() {
			if x.Path == "init" && x.Method != http.MethodGet {
				said++ // two, where one without recovery keys was refused
			}
		}
		if through == 0 || through != said {
			t.Errorf("%s: %d inits of %d went through it", d.Name, through, said)
		}
		_ = v.Close()
	}
}

// TestNoSecretIsPublic: shares and tokens are in no progress, outcome, exchange,
// status or error, also where the server repeats them.
func TestNoSecretIsPublic(t *testing.T) {
	var said bytes.Buffer
	say := func(what any, err error) { fmt.Fprintf(&said, "%+v %#v %s %v\n", what, what, what, err) }
	for _, d := range servertest.Dialects {
		if !offers(d, vaultstate.GenerateRoot) {
			continue
		}
		r := newRoom(t, d)
		r.f.Echo = true
		canaries := [][]byte{[]byte(r.f.Root)}
		bad := r.held[2].Clone()
		bad.Expose()[0] ^= 1
		for _, s := range append(r.held, bad) {
			canaries = append(canaries, s.Expose())
		}
		for _, kind := range withQuorum {
			if !offers(d, kind) {
				continue
			}
			op := r.operation(kind, nil)
			say(r.v.Begin(t.Context(), op))
			say(r.v.Submit(t.Context(), op.ID, []secret.Bytes{r.held[0], r.held[1], bad}))
			say(r.v.Commit(t.Context(), op.ID))
			p, err := r.v.Submit(t.Context(), op.ID, r.held[:3])
			say(p, err)
			if p.Phase == vaultstate.PhaseIssue {
				issue, err := r.v.Take(t.Context(), op.ID)
				say(issue, err)
				for i, s := range issue.Shares {
					canaries = append(canaries, s.Plain.Expose())
					say(r.v.Verify(t.Context(), op.ID, i+1, bad))
					say(r.v.Verify(t.Context(), op.ID, i+1, s.Plain))
				}
				if issue.Token != nil {
					canaries = append(canaries, issue.Token.Plain.Expose())
				}
				if len(issue.Shares) > 0 {
					r.held = received(t, issue, nil)
					bad = r.held[1].Clone()
					bad.Expose()[0] ^= 1
					r.held = append(r.held, r.held[0])[:3]
				}
			}
			say(r.v.Progress(t.Context(), op.ID))
			say(r.v.Commit(t.Context(), op.ID))
			say(r.v.Status(t.Context()))
			if r.f.Threshold != 3 {
				break
			}
		}
		say(r.v.Exchanges(), nil)
		for _, otp := range r.f.OTPs {
			if otp != "" {
				canaries = append(canaries, []byte(otp))
			}
		}
		for _, c := range canaries {
			for _, form := range [][]byte{c, []byte(hex.EncodeToString(c)), []byte(base64.StdEncoding.EncodeToString(c))} {
				if len(form) < 12 {
					t.Fatal("a canary is too short")
				}
				if bytes.Contains(said.Bytes(), form[:12]) {
					t.Errorf("%s: a secret is in what is public", d.Name)
				}
			}
		}
	}
	if !strings.Contains(said.String(), "repeats a secret that was sent") {
		t.Error("the server repeated nothing: this test shows less than it says")
	}
}
