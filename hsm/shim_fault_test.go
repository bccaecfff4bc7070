//go:build cgo

package hsm_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"conclave/hsm"
)

// TestShimSessionDropped: a session that saw an error is not used again, and the
// others go on.
func TestShimSessionDropped(t *testing.T) {
	s := newShimmed(t)
	token := s.ready()
	blob := s.wrap()
	s.Set("C_Decrypt return 0x40 times 1")
	if _, err := token.Unwrap(t.Context(), blob); !errors.Is(err, hsm.ErrWrongKey) {
		t.Fatalf("Unwrap gives %v, want %v", err, hsm.ErrWrongKey)
	}
	if got := s.count("C_CloseSession"); got != 1 {
		t.Errorf("%d sessions were closed after an error, want 1", got)
	}
	pid := token.Worker()
	s.Set()
	s.opens(blob)
	if got := s.count("C_OpenSession"); got != 1 {
		t.Errorf("%d sessions were opened after an error, want 1", got)
	}
	s.Set()
	s.opens(blob)
	if got := s.count("C_OpenSession") + s.count("C_Login"); got != 0 {
		t.Errorf("an unwrap without a fault before it opened %d sessions", got)
	}
	if token.Worker() != pid {
		t.Error("a wrong ciphertext took the worker")
	}
}

// TestShimStaleSession: what a new session heals is tried once more, and no more
// often than that.
func TestShimStaleSession(t *testing.T) {
	s := newShimmed(t)
	token := s.ready()
	blob := s.wrap()
	for _, code := range []uint{0x60, 0x82, 0x90, 0xB0, 0xB3} {
		s.Set(fmt.Sprintf("C_DecryptInit return %#x times 1", code))
		s.opens(blob)
		if got := s.count("C_DecryptInit"); got != 2 {
			t.Errorf("0x%X: C_DecryptInit was called %d times, want 2", code, got)
		}
		if got := s.count("C_Login"); got != 0 {
			t.Errorf("0x%X: C_Login was called %d times, want 0", code, got)
		}
	}
	s.Set("C_DecryptInit return 0x90")
	if _, err := token.Unwrap(t.Context(), blob); err == nil {
		t.Error("Unwrap succeeds in spite of a fault each time")
	}
	if got := s.count("C_DecryptInit"); got != 2 {
		t.Errorf("C_DecryptInit was called %d times, want 2", got)
	}
}

// TestShimHang: a call that does not return ends with its process in time.
func TestShimHang(t *testing.T) {
	for _, call := range []string{"C_Encrypt", "C_FindObjectsInit", "C_Login", "C_GetTokenInfo"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			s := newShimmed(t)
			s.cfg.Timeout = 2 * time.Second
			token := s.ready()
			blob := s.wrap()
			pid := token.Worker()
			s.Set(call + " delay 60000")
			key := rootKey()
			defer key.Wipe()
			began := time.Now()
			var err error
			switch call {
			case "C_Login", "C_GetTokenInfo":
				err = token.Login(t.Context(), pin(testPIN))
			default:
				_, err = token.Wrap(t.Context(), key)
			}
			if !errors.Is(err, hsm.ErrTimeout) {
				t.Errorf("a call that hangs gives %v, want %v", err, hsm.ErrTimeout)
			}
			if took := time.Since(began); took < s.cfg.Timeout || took > 10*s.cfg.Timeout {
				t.Errorf("it took %s, with a limit of %s", took, s.cfg.Timeout)
			}
			s.gone(pid)
			if _, err := token.FindKey(t.Context()); !errors.Is(err, hsm.ErrNotLoggedIn) {
				t.Errorf("the next call gives %v, want %v", err, hsm.ErrNotLoggedIn)
			}
			s.works(blob)
		})
	}
}

// TestShimSilent: while a call is not answered, and only then, since when is
// known; a login, in which people may type at the token, does not count.
func TestShimSilent(t *testing.T) {
	s := newShimmed(t)
	token := s.ready()
	if !token.Waiting().IsZero() {
		t.Error("it waits, and nothing was asked")
	}
	for call, counts := range map[string]bool{"C_Encrypt": true, "C_Login": false} {
		s.Set(call + " delay 1500")
		asked := time.Now()
		ended := make(chan error, 1)
		go func() {
			if call == "C_Login" {
				ended <- token.Login(t.Context(), pin(testPIN))
				return
			}
			key := rootKey()
			defer key.Wipe()
			_, err := token.Wrap(t.Context(), key)
			ended <- err
		}()
		longest := time.Duration(0)
		for done := false; !done; {
			select {
			case err := <-ended:
				if err != nil {
					t.Fatalf("%s: %v", call, err)
				}
				done = true
			case <-time.After(10 * time.Millisecond):
				if since := token.Waiting(); !since.IsZero() && since.After(asked) {
					longest = max(longest, time.Since(since))
				}
			}
		}
		if (longest > time.Second) != counts {
			t.Errorf("%s: it was silent for %s", call, longest)
		}
		if !token.Waiting().IsZero() {
			t.Errorf("%s: it waits although all is answered", call)
		}
	}
}

// TestShimCrash: a library that crashes takes its process and nothing else.
func TestShimCrash(t *testing.T) {
	s := newShimmed(t)
	token := s.ready()
	blob := s.wrap()
	for _, how := range []string{"C_Decrypt crash", "C_Decrypt exit", "C_FindObjects crash"} {
		s.Set(how)
		pid := token.Worker()
		if _, err := token.Unwrap(t.Context(), blob); !errors.Is(err, hsm.ErrWorker) {
			t.Errorf("%s gives %v, want %v", how, err, hsm.ErrWorker)
		}
		s.gone(pid)
		s.Set()
		if _, err := token.Unwrap(t.Context(), blob); !errors.Is(err, hsm.ErrNotLoggedIn) {
			t.Errorf("%s: the next call gives %v, want %v", how, err, hsm.ErrNotLoggedIn)
		}
		if got := s.count("C_Login"); got != 0 {
			t.Errorf("%s: %d logins by itself, want 0", how, got)
		}
		s.works(blob)
	}
}

// TestShimCrashAtStart: a library that crashes or hangs before there is a token.
func TestShimCrashAtStart(t *testing.T) {
	s := newShimmed(t)
	s.cfg.Timeout = 2 * time.Second
	for how, want := range map[string]error{
		"C_Initialize crash": hsm.ErrWorker, "C_GetSlotList crash": hsm.ErrWorker,
		"C_Initialize delay 60000": hsm.ErrTimeout,
	} {
		s.Set(how)
		token, err := hsm.Open(t.Context(), s.cfg)
		if err == nil {
			_ = token.Close()
		}
		if !errors.Is(err, want) {
			t.Errorf("%s gives %v, want %v", how, err, want)
		}
	}
}

// TestShimLostKey: a token that says it made a key and did not keep it.
func TestShimLostKey(t *testing.T) {
	s := newShimmed(t)
	s.ready()
	s.cfg.KeyLabel, s.cfg.KeyID = "lost", ""
	token := s.open()
	s.login()
	s.Set("C_GenerateKey lie")
	k, err := token.GenerateKey(t.Context())
	if !errors.Is(err, hsm.ErrKeyNotFound) || !strings.Contains(err.Error(), "did not keep") {
		t.Errorf("GenerateKey gives %v, %v, want %v", k, err, hsm.ErrKeyNotFound)
	}
	if got := s.count("C_GenerateKey"); got != 1 {
		t.Errorf("C_GenerateKey was called %d times, want 1", got)
	}
	s.Set()
	if _, err := token.GenerateKey(t.Context()); err != nil {
		t.Errorf("once the token keeps keys: %v", err)
	}
}

// TestShimCutOffAfterMaking: what fails behind the making of a key costs another
// try, which goes on with that key: none is made, and it is not called a stranger's.
func TestShimCutOffAfterMaking(t *testing.T) {
	s := newShimmed(t)
	s.ready()
	s.cfg.KeyLabel, s.cfg.KeyID = "cut off", ""
	token := s.open()
	s.login()
	s.Set("C_GetTokenInfo return 0xB3") // at the login after the restart of the library
	if _, err := token.GenerateKey(t.Context()); err == nil || !strings.Contains(err.Error(), "0xB3") || s.count("C_GenerateKey") != 1 {
		t.Fatalf("GenerateKey gives %v, which names the code that the token gave, with %d keys made", err, s.count("C_GenerateKey"))
	}
	s.Set()
	s.login()
	k, err := token.GenerateKey(t.Context())
	if err != nil || !k.Generated || s.count("C_GenerateKey") != 0 {
		t.Errorf("the next try gives %+v, %v, with %d more keys made", k, err, s.count("C_GenerateKey"))
	}
	if _, err := token.GenerateKey(t.Context()); !errors.Is(err, hsm.ErrKeyExists) {
		t.Errorf("a third one gives %v, want %v", err, hsm.ErrKeyExists)
	}
}

// TestShimCallCounts prints what one operation costs at the token.
func TestShimCallCounts(t *testing.T) {
	s := newShimmed(t)
	token := s.ready()
	blob := s.wrap()
	s.opens(blob)
	key := rootKey()
	defer key.Wipe()
	var table strings.Builder
	for _, o := range []struct {
		name string
		most int // more would be a step back
		do   func() error
	}{
		{"info", 8, func() error { _, err := token.Info(t.Context()); return err }},
		{"login", 16, func() error { return token.Login(t.Context(), pin(testPIN)) }},
		{"find", 60, func() error { _, err := token.FindKey(t.Context()); return err }},
		{"wrap", 20, func() error { _, err := token.Wrap(t.Context(), key); return err }},
		{"unwrap", 20, func() error {
			plain, err := token.Unwrap(t.Context(), blob)
			plain.Wipe()
			return err
		}},
		{"self-test", 140, func() error { _, err := token.SelfTest(t.Context()); return err }},
		{"logout", 4, func() error { return token.Logout(t.Context()) }},
	} {
		s.Set()
		if err := o.do(); err != nil {
			t.Fatalf("%s: %v", o.name, err)
		}
		counts := map[string]int{}
		var order []string
		for _, c := range s.Calls() {
			if counts[c]++; counts[c] == 1 {
				order = append(order, c)
			}
		}
		fmt.Fprintf(&table, "%-10s %3d ", o.name, len(s.Calls()))
		for _, c := range order {
			fmt.Fprintf(&table, " %s %d", c, counts[c])
		}
		table.WriteByte('\n')
		if n := len(s.Calls()); n == 0 || n > o.most {
			t.Errorf("%s makes %d calls, want 1 to %d", o.name, n, o.most)
		}
	}
	t.Log("PKCS#11 calls an operation:\n" + table.String())
}
