package ceremony_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"conclave/ceremony/transcript"
	"conclave/hsm"
	"conclave/hsm/secret"
	"conclave/vaultstate/vaulttest"
)

// clock moves on by a tenth of a second with every look.
type clock struct{ ticks int }

var morning = time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)

func (c *clock) now() time.Time {
	c.ticks++
	return morning.Add(time.Duration(c.ticks) * 100 * time.Millisecond)
}

func (c *clock) both() (time.Time, time.Duration) {
	now := c.now()
	return now, now.Sub(morning)
}

// paper is a transcript in memory.
type paper struct{ bytes.Buffer }

func (*paper) Sync() error { return nil }

var errDisk = errors.New("no space left on device")

// journal is a transcript that counts, and can fail at the n-th append.
type journal struct {
	*transcript.Writer
	paper  *paper
	n      int
	failAt int    // 0: never
	failOn string // a kind
}

func newJournal(c *clock) *journal {
	p := &paper{}
	return &journal{Writer: transcript.NewWriter(p, c.both), paper: p}
}

func (j *journal) Append(e transcript.Entry) (transcript.Event, error) {
	j.n++
	if j.failAt > 0 && j.n >= j.failAt || j.failOn == e.Kind {
		return transcript.Event{}, errDisk
	}
	return j.Writer.Append(e)
}

func (j *journal) Head() (uint64, [sha256.Size]byte) {
	h := j.Writer.Head()
	return h.Count, h.SHA256
}

// shelf keeps files in memory.
type shelf struct {
	files      map[string][]byte
	failAt     int // the n-th Put fails once
	puts       int
	challenges shelfOf // they are kept apart: tests count the files that matter
}

// shelfOf are files of which the n-th is lost once.
type shelfOf struct {
	files  map[string][]byte
	failAt int
	puts   int
}

func (s *shelf) Put(name string, data []byte) (string, error) {
	files, puts, failAt := s.files, &s.puts, s.failAt
	if strings.HasPrefix(name, "challenges/") {
		if s.challenges.files == nil {
			s.challenges.files = map[string][]byte{}
		}
		files, puts, failAt = s.challenges.files, &s.challenges.puts, s.challenges.failAt
	}
	if *puts++; *puts == failAt {
		return "", errDisk
	}
	if was, ok := files[name]; ok && !bytes.Equal(was, data) {
		return "", fs.ErrExist
	}
	files[name] = bytes.Clone(data)
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

func (s *shelf) Get(name string) ([]byte, error) {
	b, ok := s.files[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return b, nil
}

func (s *shelf) Path(name string) string { return "/record/" + name }

// pin is the token's. It must appear nowhere.
const pin = "PIN-canary-7351"

// token is an HSM with sentinels for what goes wrong.
type token struct {
	clock    func() time.Time // of its own; nil: none
	info     hsm.Info
	key      hsm.Key
	noKey    bool
	doubts   bool // the self-test has something to say
	loggedIn bool
	logins   int
	err      map[string]error // by method; removed once it was returned
	calls    []string
	used     []hsm.Call
	total    map[string]int // of calls, by function
	more     []hsm.Object   // besides the key
	data     map[string][][]byte
	count    int // of objects, if not all are described
}

func (k *token) Inventory(context.Context) (hsm.Inventory, error) {
	if err := k.call("Inventory"); err != nil {
		return hsm.Inventory{}, err
	}
	if !k.loggedIn {
		return hsm.Inventory{}, hsm.ErrNotLoggedIn
	}
	list := slices.Clone(k.more)
	if !k.noKey {
		list = append(list, hsm.Object{Class: "secret key", Label: k.key.Label, ID: k.key.ID, Type: k.key.Type, Attributes: k.key.Attributes})
	}
	return hsm.Inventory{Objects: list, Count: max(k.count, len(list))}, nil
}

func (k *token) Data(_ context.Context, label string) ([][]byte, error) {
	if err := k.call("Data"); err != nil {
		return nil, err
	}
	return k.data[label], nil
}

func (k *token) PutData(_ context.Context, label string, value []byte) error {
	if err := k.call("PutData"); err != nil {
		return err
	}
	if !k.loggedIn {
		return hsm.ErrNotLoggedIn
	}
	if k.data == nil {
		k.data = map[string][][]byte{}
	}
	k.data[label] = [][]byte{value}
	if len(value) == 0 {
		delete(k.data, label)
	}
	return nil
}

func (k *token) Calls() []hsm.Call {
	list := k.used
	k.used = nil
	return list
}

// uses counts a call on the key.
func (k *token) uses(function string) {
	k.total[function]++
	for i, c := range k.used {
		if c.Function == function {
			k.used[i].Times++
			return
		}
	}
	k.used = append(k.used, hsm.Call{Function: function, Key: `"bao-root-key" with id 01`, Times: 1})
}

func newToken() *token {
	return &token{
		info: hsm.Info{Library: "/usr/lib/softhsm/libsofthsm2.so", LibrarySHA256: hex.EncodeToString(make([]byte, 32)), LibraryInfo: "test 1.0",
			Label: "vault-hsm", Manufacturer: "ACME", Model: "A1", Serial: "0042", Firmware: "1.2", Slot: 3, PIN: hsm.PINOK},
		key: hsm.Key{Label: "bao-root-key", ID: "01", Ref: "test:01", Type: "AES-256", Mechanism: "CKM_AES_GCM",
			Attributes: map[string]string{"CKA_SENSITIVE": "true", "CKA_EXTRACTABLE": "false", "CKA_NEVER_EXTRACTABLE": "true", "CKA_LOCAL": "true"}},
		err: map[string]error{}, total: map[string]int{},
	}
}

func (k *token) call(name string) error {
	k.calls = append(k.calls, name)
	err := k.err[name]
	delete(k.err, name)
	return err
}

func (k *token) Info(context.Context) (hsm.Info, error) {
	if k.clock != nil {
		k.info.Clock = k.clock()
	}
	return k.info, k.call("Info")
}

func (k *token) Login(_ context.Context, typed secret.Bytes) error {
	if err := k.call("Login"); err != nil {
		return err
	}
	k.logins++
	switch {
	case k.info.ProtectedPath && typed.Len() == 0:
	case k.info.PIN == hsm.PINLocked:
		return hsm.ErrPINLocked
	case string(typed.Expose()) != pin:
		k.info.PIN = map[hsm.PINState]hsm.PINState{hsm.PINOK: hsm.PINCountLow, hsm.PINCountLow: hsm.PINFinalTry, hsm.PINFinalTry: hsm.PINLocked}[k.info.PIN]
		if k.info.PIN == hsm.PINLocked {
			return hsm.ErrPINLocked
		}
		return hsm.ErrPINIncorrect
	}
	k.info.PIN, k.loggedIn = hsm.PINOK, true
	return nil
}

func (k *token) Logout(context.Context) error {
	k.loggedIn = false
	return k.call("Logout")
}

func (k *token) FindKey(context.Context) (hsm.Key, error) {
	if err := k.call("FindKey"); err != nil {
		return hsm.Key{}, err
	}
	if k.noKey {
		return hsm.Key{}, hsm.ErrKeyNotFound
	}
	return k.key, nil
}

func (k *token) GenerateKey(context.Context) (hsm.Key, error) {
	if err := k.call("GenerateKey"); err != nil {
		return hsm.Key{}, err
	}
	k.noKey, k.key.Generated = false, true
	k.uses("C_GenerateKey")
	return k.key, nil
}

// signingKey is the private key of the fake token.
var signingKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

func (k *token) FindSigningKey(_ context.Context, label string) (hsm.SigningKey, error) {
	if err := k.call("FindSigningKey"); err != nil {
		return hsm.SigningKey{}, err
	}
	spki, err := x509.MarshalPKIXPublicKey(signingKey.Public())
	return hsm.SigningKey{Label: label, ID: "02", Type: "Ed25519", Public: spki, Attributes: map[string]string{"CKA_SIGN": "true"}}, err
}

func (k *token) GenerateSigningKey(ctx context.Context, label string) (hsm.SigningKey, error) {
	if err := k.call("GenerateSigningKey"); err != nil {
		return hsm.SigningKey{}, err
	}
	made, err := k.FindSigningKey(ctx, label)
	made.Generated = true
	return made, err
}

func (k *token) Sign(_ context.Context, _ string, message []byte) ([]byte, error) {
	if !k.loggedIn {
		return nil, hsm.ErrNotLoggedIn
	}
	if err := k.call("Sign"); err != nil {
		return nil, err
	}
	return ed25519.Sign(signingKey, message), nil
}

func (k *token) SelfTest(context.Context) ([]hsm.TestLine, error) {
	if !k.loggedIn {
		return nil, hsm.ErrNotLoggedIn
	}
	return []hsm.TestLine{{Text: "wrapped and unwrapped 32 bytes, and they are the same"}, {Text: "refused a changed blob", Warn: k.doubts}}, k.call("SelfTest")
}

func (k *token) Seed(context.Context) error { return k.call("Seed") }

// guarded is a seal that works only while somebody is logged in at the token.
type guarded struct {
	*vaulttest.Seal
	token *token
}

func (g guarded) Wrap(ctx context.Context, plain secret.Bytes) ([]byte, error) {
	if !g.token.loggedIn {
		return nil, hsm.ErrNotLoggedIn
	}
	g.token.uses("C_Encrypt")
	return g.Seal.Wrap(ctx, plain)
}

func (g guarded) Unwrap(ctx context.Context, blob []byte) (secret.Bytes, error) {
	if !g.token.loggedIn {
		return secret.Bytes{}, hsm.ErrNotLoggedIn
	}
	g.token.uses("C_Decrypt")
	return g.Seal.Unwrap(ctx, blob)
}

func otherSigningKey() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, ed25519.SeedSize))
}
