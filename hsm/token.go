// Package hsm speaks to one token over PKCS#11: it finds it, logs in, finds or
// makes the wrapping key, wraps and unwraps with it, and tests it.
//
// It promises:
//   - the library runs in a process of its own (hsm/worker): a hang ends as
//     ErrTimeout, a crash as ErrWorker, and the next call starts a new one,
//     where nobody is logged in (ErrNotLoggedIn);
//   - exactly one token and exactly one key fit what was asked for, or an error
//     lists those that do;
//   - a PIN is tried once for each call of Login and never by itself again,
//     with one exception: GenerateKey and SelfTest log in anew with the PIN
//     that the token accepted before, which the worker keeps until Logout;
//   - a failed call of the library is an *Error: a sentence, the call and its
//     code;
//   - a blob is the message that OpenBao's pkcs11 seal stores (BlobInfo), with
//     the configured "label:id", and besides with the mechanism that made it;
//     it is opened with that mechanism, never by trying;
//   - where no mechanism is configured, the first symmetric one is chosen that
//     passes the self-test (AES-GCM, AES-CBC-PAD and AES-CBC, both with HMAC);
//     RSA-OAEP is used only by name, PKCS#1 v1.5 never (TestMatrix);
//   - AES-GCM blobs hold the nonce that the token really used; a MAC is made in
//     the token and compared here;
//   - a key that was found and is not any more is ErrTokenGone, and the next call
//     looks in a new process (TestStoreAway);
//   - every call that used or made a key is counted until Calls is asked.
//
// It does not promise that a blob made with RSA-OAEP is authentic: anybody with
// the public key can make one. Nor that a key which the token calls
// non-extractable cannot be had: it reports what the token says.
//
// # AES-CBC with HMAC
//
// For tokens without AES-GCM. No server that Conclave knows opens such a blob;
// Vault Enterprise uses the same mechanisms, in a format that is not published.
// Version 1 of ours is a BlobInfo with
//
//	ciphertext             AES-CBC of the plaintext with PKCS#7 padding
//	iv                     16 random bytes
//	hmac                   HMAC-SHA256, 32 bytes, with a key of its own
//	key_info.mechanism     0x1085 (the token pads) or 0x1082 (padded here): the
//	                       ciphertext is the same
//	key_info.hmac_mechanism  0x251
//	key_info.key_id, .hmac_key_id  "label:id" of each
//	key_info.flags         1: the version
//
// The HMAC is made over
//
//	"conclave/aes-cbc-hmac-sha256/v1" and a zero byte
//	mechanism, hmac_mechanism           uint64 each, big endian
//	key_id, hmac_key_id, iv, ciphertext each after its length, a uint32
package hsm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"conclave/hsm/worker"
)

// defaultTimeout is what a call may take if Config does not say.
const defaultTimeout = 30 * time.Second

// Token is one token and the worker that speaks to it. Its methods may be
// called from several goroutines.
type Token struct {
	cfg Config
	*link

	chosen uint            // the mechanism, where none is configured; 0: not yet. Under mu
	nonces map[string]bool // that the token chose itself. Under mu
	made   bool            // GenerateKey made the key and did not come to its end. Under mu
}

// link is the connection to a token. Tokens made by Other share one: the worker,
// the login and the calls.
type link struct {
	// turn is held for writing while a login changes, for reading by all other
	// calls: waiting for people at the token's pad is no silence of the HSM.
	turn sync.RWMutex

	talks atomic.Pointer[worker.Client] // the last worker, also while it starts

	mu       sync.Mutex
	w        *worker.Client // nil or dead: the next call starts another
	lib      worker.Library
	info     Info
	loggedIn bool
	closed   bool
	calls    []Call
	found    map[string]bool // keys that were found, by name
}

// Open starts the worker, loads the library in it and finds the token.
func Open(ctx context.Context, cfg Config) (*Token, error) {
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	t := &Token{cfg: cfg, link: &link{}}
	if _, err := t.Info(ctx); err != nil {
		_ = t.Close()
		return nil, err
	}
	return t, nil
}

// Other is another wrapping key in the same token, over the same connection: who
// is logged in is logged in for both. Of cfg only what names the key and how it
// is used is taken. Either's Close ends both.
func (t *Token) Other(cfg Config) *Token {
	c := t.cfg
	c.KeyLabel, c.KeyID, c.HMACKeyLabel, c.HMACKeyID = cfg.KeyLabel, cfg.KeyID, cfg.HMACKeyLabel, cfg.HMACKeyID
	c.Mechanism, c.OAEPHash, c.RSAEncrypt = cfg.Mechanism, cfg.OAEPHash, cfg.RSAEncrypt
	return &Token{cfg: c, link: t.link}
}

// Info reads the token's own words again, without a login.
func (t *Token) Info(ctx context.Context) (Info, error) {
	t.turn.RLock()
	defer t.turn.RUnlock()
	return t.read(ctx)
}

// read is Info for callers that hold turn.
func (t *Token) read(ctx context.Context) (Info, error) {
	w, err := t.worker(ctx)
	if err != nil {
		return Info{}, err
	}
	info, err := t.find(ctx, w)
	if err != nil {
		return Info{}, t.check(w, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.info = info
	return info, nil
}

// Close logs out, lets the library finish and ends the worker.
func (t *Token) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	if t.w != nil {
		_ = t.w.Close() // it ends, whatever it answers
	}
	return nil
}

// Worker is the process id of the worker, 0 if there is none.
func (t *Token) Worker() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.w == nil || t.w.Dead() != nil {
		return 0
	}
	return t.w.PID()
}

// worker returns a living worker with the library loaded.
func (t *Token) worker(ctx context.Context) (*worker.Client, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, fmt.Errorf("%w: it was closed", ErrWorker)
	}
	if t.w != nil && t.w.Dead() == nil {
		return t.w, nil
	}
	t.w, t.loggedIn = nil, false
	w, lib, err := start(ctx, t.cfg.Lib, t.cfg.Env, t.cfg.Timeout, t.talks.Store)
	if err != nil {
		return nil, explain(err, t.cfg.Timeout, t.contextLocked())
	}
	w.ReadWrite = t.cfg.ReadWrite
	t.w, t.lib = w, lib
	return w, nil
}

// Waiting is since when the HSM has not answered a call; zero: it has answered
// all. It never waits itself.
func (t *Token) Waiting() time.Time {
	if w := t.talks.Load(); w != nil {
		return w.Waiting()
	}
	return time.Time{}
}

// start makes a worker with the library loaded. It is given to started before
// the library is asked for anything.
func start(ctx context.Context, lib string, env []string, limit time.Duration, started func(*worker.Client)) (*worker.Client, worker.Library, error) {
	if !worker.Available {
		return nil, worker.Library{}, ErrNoPKCS11
	}
	if lib == "" {
		return nil, worker.Library{}, fmt.Errorf("%w: no path was given", ErrNoLibrary)
	}
	w, err := worker.Start(env)
	if err != nil {
		return nil, worker.Library{}, fmt.Errorf("%w: %w", ErrWorker, err)
	}
	started(w)
	l, err := w.Load(ctx, limit, lib)
	if err != nil {
		_ = w.Close() // the error is the library's
		return nil, worker.Library{}, err
	}
	return w, l, nil
}

// check looks at the error of a call for what it means to the next one: after
// a token that is gone, or that was not there, only a new process is sure to see
// it. (p11-kit's client starts without its server, and shows no slot ever after.)
func (t *Token) check(w *worker.Client, err error) error {
	switch {
	case errors.Is(err, ErrTokenGone), errors.Is(err, ErrTokenNotFound):
		t.end(w)
	case errors.Is(err, ErrNotLoggedIn):
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.w == w {
			t.loggedIn = false
		}
	}
	return err
}

// end ends a worker; the next call starts another one.
func (t *Token) end(w *worker.Client) {
	t.mu.Lock()
	if t.w == w {
		t.w, t.loggedIn = nil, false
	}
	t.mu.Unlock()
	_ = w.Close() // it ends, whatever it answers
}

// context is what sentences may name.
func (t *Token) context() tokenContext {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.contextLocked()
}

func (t *Token) contextLocked() tokenContext {
	label, serial := t.info.Label, t.info.Serial
	if label == "" {
		label, serial = t.cfg.TokenLabel, t.cfg.TokenSerial
	}
	return tokenContext{Lib: t.cfg.Lib, Label: label, Serial: serial, KeyLabel: t.cfg.KeyLabel, KeyID: t.cfg.KeyID,
		HMACKeyLabel: t.cfg.HMACKeyLabel, HMACKeyID: t.cfg.HMACKeyID,
		Mechanism: cmp.Or(t.cfg.Mechanism, mechanismName(t.chosen)), PIN: t.info.PIN, MinPIN: t.info.MinPIN, MaxPIN: t.info.MaxPIN}
}
