package server

import (
	"context"
	"fmt"
	"net/http"

	"conclave/vaultstate"
)

// Access is how an operation can be reached.
type Access string

// The ways of access.
const (
	AccessOpen     Access = "open"        // shares alone
	AccessToken    Access = "token"       // the token that was given is needed besides
	AccessNoToken  Access = "no token"    // one is needed, and none was given
	AccessRefused  Access = "refused"     // the token that was given may not
	AccessClosed   Access = "closed"      // nothing that does it answers at this address
	AccessNotASeal Access = "unsupported" // the seal knows no such thing
)

// Way is where and how the server does one kind of operation, found by asking.
type Way struct {
	Kind   vaultstate.Kind
	Path   string // below /v1/sys/
	Access Access
	Text   string // a sentence: what is so, and what the operator can do

	start  string // the endpoint below Path that says what is pending
	inData bool
}

// usable tells whether the operation can be begun.
func (w Way) usable() bool { return w.Access == AccessOpen || w.Access == AccessToken }

type candidate struct {
	path, start string
	inData      bool
}

// candidates are the endpoints for a kind, preferred first: where both answer,
// they are two doors to one operation, and the older one looks at each share's
// length.
var candidates = map[vaultstate.Kind][]candidate{
	vaultstate.RecoveryRekey: {{"rekey-recovery-key", "init", false}, firstKeys},
	vaultstate.Rekey:         {{"rekey", "init", false}, {"rotate/root", "init", true}},
	vaultstate.GenerateRoot:  {{"generate-root", "attempt", false}, {"generate-root-token", "attempt", true}},
	vaultstate.Rotate:        {{"rotate", "", true}},
}

// firstKeys is the one that can make recovery keys where there are none.
var firstKeys = candidate{"rotate/recovery", "init", true}

var asked = []vaultstate.Kind{vaultstate.Rekey, vaultstate.RecoveryRekey, vaultstate.Rotate, vaultstate.GenerateRoot}

// Ways asks the server what it can do, and how. It changes nothing.
func (v *Vault) Ways(ctx context.Context) ([]Way, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, err := v.active(ctx); err != nil {
		return nil, err
	}
	return v.askWays(ctx)
}

func (v *Vault) askWays(ctx context.Context) ([]Way, error) {
	var list []Way
	for _, kind := range asked {
		w, err := v.findWay(ctx, kind)
		if err != nil {
			return nil, err
		}
		list = append(list, w)
	}
	return list, nil
}

// way is the way for a kind; an error if it cannot be gone.
func (v *Vault) way(ctx context.Context, kind vaultstate.Kind) (Way, error) {
	w, err := v.findWay(ctx, kind)
	if err != nil {
		return Way{}, err
	}
	return w.checked()
}

func (w Way) checked() (Way, error) {
	switch w.Access {
	case AccessOpen, AccessToken:
		return w, nil
	case AccessNoToken, AccessRefused:
		return w, fmt.Errorf("%w: %s", ErrToken, w.Text)
	case AccessNotASeal:
		return w, fmt.Errorf("%w: %s", vaultstate.ErrUnsupported, w.Text)
	case AccessClosed:
	}
	return w, fmt.Errorf("%w: %s", ErrClosed, w.Text)
}

// findWay takes the first candidate that answers. One that wants a token is
// better than one that refuses ours, and that than one that is closed.
func (v *Vault) findWay(ctx context.Context, kind vaultstate.Kind) (Way, error) {
	best := Way{Kind: kind, Access: AccessClosed}
	rank := map[Access]int{AccessClosed: 0, AccessRefused: 1, AccessNoToken: 2, AccessToken: 3, AccessOpen: 4, AccessNotASeal: 5}
	for i, c := range candidates[kind] {
		access, err := v.probe(ctx, c)
		if err != nil {
			return Way{}, fmt.Errorf("asking whether %s can be done: %w", kind, err)
		}
		if i == 0 || rank[access] > rank[best.Access] {
			best = Way{Kind: kind, Path: c.path, Access: access, start: c.start, inData: c.inData}
		}
		if best.usable() || access == AccessNotASeal {
			break
		}
	}
	best.Text = say(best)
	return best, nil
}

func (c candidate) question() string {
	if c.start == "" {
		return "key-status" // rotate itself would do it
	}
	return c.path + "/" + c.start
}

// probe asks what is pending, first without the token. Without one, a server
// that does not know a path says that it wants one.
func (v *Vault) probe(ctx context.Context, c candidate) (Access, error) {
	get := call{method: http.MethodGet, path: c.question()}
	err := v.tell(ctx, v.self, get)
	if reasonOf(err) == isForbidden {
		if v.c.Token.Len() == 0 {
			return AccessNoToken, nil
		}
		get.token = v.c.Token
		if err = v.tell(ctx, v.self, get); err == nil {
			return AccessToken, nil
		}
	}
	switch reasonOf(err) { //nolint:exhaustive // the others are failures
	case isForbidden:
		return AccessRefused, nil
	case isClosed:
		return AccessClosed, nil
	case isNoSeal:
		return AccessNotASeal, nil
	}
	if err != nil {
		return "", err
	}
	return AccessOpen, nil
}

// say is a way in a sentence.
func say(w Way) string {
	at := "sys/" + w.Path
	switch w.Access {
	case AccessOpen:
		return fmt.Sprintf("%s is done at %s, with shares alone.", w.Kind, at)
	case AccessToken:
		if w.Kind == vaultstate.Rotate {
			return fmt.Sprintf("%s is done at %s, with the token and without shares.", w.Kind, at)
		}
		return fmt.Sprintf("%s is done at %s, with shares and the token.", w.Kind, at)
	case AccessNoToken:
		if w.Kind == vaultstate.Rotate {
			return fmt.Sprintf("%s needs a token at %s. Give one.", w.Kind, at)
		}
		return fmt.Sprintf("%s needs a token at %s, if the server knows that at all: without one it says the same either way. Give a token.", w.Kind, at)
	case AccessRefused:
		return fmt.Sprintf("The token may not use %s. Give one whose policy allows reading and updating it, with sudo.", at)
	case AccessNotASeal:
		return "The server has a Shamir seal: it has no recovery keys. Its unseal keys are made anew with -target=unseal."
	case AccessClosed:
	}
	switch w.Kind { //nolint:exhaustive // the others have no option
	case vaultstate.GenerateRoot:
		return "generate-root is closed at this address, as newer servers have it by default. Open it for the ceremony with " +
			"disable_unauthed_generate_root_endpoints = false in a listener of its own (a unix socket or a loopback address), " +
			"or make the token with a privileged one (auth/token/create)."
	case vaultstate.Rekey, vaultstate.RecoveryRekey:
		return fmt.Sprintf("%s is closed at this address, as newer servers have it by default, and no endpoint that takes a token answers either. "+
			"Open it for the ceremony with disable_unauthed_rekey_endpoints = false in a listener of its own (a unix socket or a loopback address).", w.Kind)
	}
	return fmt.Sprintf("The server does not answer at %s.", at)
}
