package worker

import (
	"context"
	"fmt"
	"time"

	"conclave/hsm/secret"
)

// The calls of a Client, one a request. Each takes the time that the library
// may need; what the numbers mean is PKCS#11's.

// Library is what was loaded and what it says of itself.
type Library struct {
	Path         string // as the loader found it
	Manufacturer string
	Description  string
	Version      string
}

// Load loads and initialises the library, once in the life of a worker.
func (c *Client) Load(ctx context.Context, limit time.Duration, path string) (Library, error) {
	var l Library
	err := c.do(ctx, limit, opLoad, func(p *packer) { p.str(path) }, func(u *unpacker) {
		l = Library{u.str(), u.str(), u.str(), u.str()}
	})
	return l, err
}

// maxSlots is how many slots an answer holds.
const maxSlots = 200

// mostSlots is more than any library has: one that lists more does not say how
// many there are.
const mostSlots = 10 * maxSlots

// Slots lists the slots with a token.
func (c *Client) Slots(ctx context.Context, limit time.Duration) ([]uint, error) {
	var slots []uint
	for from, more := uint64(0), true; more; from += maxSlots {
		err := c.do(ctx, limit, opSlots, func(p *packer) { p.num(from) }, func(u *unpacker) {
			n := u.num()
			more = n == maxSlots
			for ; n > 0 && !u.bad; n-- {
				slots = append(slots, uint(u.num()))
			}
		})
		if err != nil {
			return nil, err
		}
		if len(slots) > mostSlots {
			return nil, fmt.Errorf("the library lists more than %d slots: its list cannot be right", mostSlots)
		}
	}
	return slots, nil
}

// Token reads the token's own words.
func (c *Client) Token(ctx context.Context, limit time.Duration, slot uint) (TokenInfo, error) {
	var t TokenInfo
	err := c.do(ctx, limit, opToken, func(p *packer) { p.num(uint64(slot)) }, func(u *unpacker) {
		t = TokenInfo{u.str(), u.str(), u.str(), u.str(), u.str(), uint(u.num()), uint(u.num()), uint(u.num()), u.str()}
	})
	return t, err
}

// Login ends a login that there is and calls C_Login once: with the PIN, or at
// the token's own pad if pin is empty. The worker keeps the PIN for Relogin,
// until Logout.
func (c *Client) Login(ctx context.Context, limit time.Duration, slot uint, pin secret.Bytes) error {
	return c.do(ctx, limit, opLogin, func(p *packer) { p.num(uint64(slot)); p.flag(c.ReadWrite); p.bytes(pin.Expose()) }, nil)
}

// Relogin logs out and in again with the kept PIN; with restart the library is
// finalised and initialised in between, and the token found again by label and
// serial. It returns the token's slot.
func (c *Client) Relogin(ctx context.Context, limit time.Duration, restart bool) (uint, error) {
	var slot uint
	err := c.do(ctx, limit, opRelogin, func(p *packer) { p.flag(restart) }, func(u *unpacker) { slot = uint(u.num()) })
	return slot, err
}

// Logout logs out and wipes the kept PIN.
func (c *Client) Logout(ctx context.Context, limit time.Duration) error {
	return c.do(ctx, limit, opLogout, nil, nil)
}

// Object is what to find: objects with exactly this label and id,
// where these are given.
type Object struct {
	Label string
	ID    []byte
}

// maxHandles is how many handles an answer holds of each class; of more, only
// the number is of use.
const maxHandles = 64

// Find returns the handles of all objects that fit (the first 64 of them), a list
// for each of at most three classes: one request, and a search for each.
func (c *Client) Find(ctx context.Context, limit time.Duration, o Object, classes ...uint) ([][]Handle, error) {
	found := make([][]Handle, len(classes))
	err := c.do(ctx, limit, opFind, func(p *packer) {
		p.str(o.Label)
		p.bytes(o.ID)
		p.num(uint64(len(classes)))
		for _, class := range classes {
			p.num(uint64(class))
		}
	}, func(u *unpacker) {
		gen := u.num()
		for i := range found {
			for n := u.num(); n > 0 && !u.bad; n-- {
				found[i] = append(found[i], Handle{gen, u.num()})
			}
		}
	})
	return found, err
}

// MostObjects is how many objects of a token are counted.
const MostObjects = 20_000

// List returns the handles of all objects that the login sees, up to
// MostObjects of them, those with the lowest numbers and at most `most`; and
// how many there are.
func (c *Client) List(ctx context.Context, limit time.Duration, most int) (list []Handle, count int, err error) {
	for more := true; more && len(list) < most; {
		after := uint64(0)
		if n := len(list); n > 0 {
			after = list[n-1].object
		}
		err := c.do(ctx, limit, opList, func(p *packer) { p.num(after) }, func(u *unpacker) {
			gen := u.num()
			count = int(min(u.num(), MostObjects))
			n := u.num()
			more = n == maxHandles
			for ; n > 0 && !u.bad; n-- {
				h := Handle{gen, u.num()}
				u.bad = u.bad || h.object <= after // it would never end
				after = h.object
				list = append(list, h)
			}
		})
		if err != nil {
			return nil, 0, err
		}
	}
	return list[:min(most, len(list))], count, nil
}

// Attributes reads attributes one by one. What the token does not have or does
// not give is absent.
func (c *Client) Attributes(ctx context.Context, limit time.Duration, h Handle, types ...uint) (map[uint][]byte, error) {
	values := map[uint][]byte{}
	err := c.do(ctx, limit, opAttributes, func(p *packer) {
		p.num(h.gen)
		p.num(h.object)
		p.num(uint64(len(types)))
		for _, t := range types {
			p.num(uint64(t))
		}
	}, func(u *unpacker) {
		for n := u.num(); n > 0 && !u.bad; n-- {
			t := uint(u.num())
			values[t] = append([]byte(nil), u.bytes()...)
		}
	})
	return values, err
}

// MaxRandom is how many bytes Random draws at most: some tokens refuse many.
const MaxRandom = 256

// Random returns n bytes of the token's generator; the caller owns them.
func (c *Client) Random(ctx context.Context, limit time.Duration, n int) (secret.Bytes, error) {
	if n < 1 || n > MaxRandom {
		return secret.Bytes{}, fmt.Errorf("drawing random bytes: %d is not between 1 and %d", n, MaxRandom)
	}
	var out secret.Bytes
	err := c.do(ctx, limit, opRandom, func(p *packer) {
		p.num(uint64(n)) //nolint:gosec // it is between 1 and MaxRandom
	}, func(u *unpacker) {
		b := u.bytes()
		out = secret.New(len(b))
		secret.Copy(out.Expose(), b)
	})
	if err == nil && out.Len() != n {
		err = fmt.Errorf("%w: %d random bytes in place of %d", errFrame, out.Len(), n)
	}
	if err != nil {
		out.Wipe()
		return secret.Bytes{}, err
	}
	return out, nil
}

// Generate makes a key in the token that cannot leave it: an AES key or a generic
// secret (for HMAC) of bits bits, or an RSA pair, with this label and id.
func (c *Client) Generate(ctx context.Context, limit time.Duration, keyType, bits uint, label string, id []byte) error {
	return c.do(ctx, limit, opGenerate, func(p *packer) {
		p.num(uint64(keyType))
		p.num(uint64(bits))
		p.str(label)
		p.bytes(id)
	}, nil)
}

// GeneratePair makes a key pair in the token that signs and cannot leave it, on
// the curve that params name (CKA_EC_PARAMS).
func (c *Client) GeneratePair(ctx context.Context, limit time.Duration, keyType uint, params []byte, label string, id []byte) error {
	return c.do(ctx, limit, opGeneratePair, func(p *packer) {
		p.num(uint64(keyType))
		p.bytes(params)
		p.str(label)
		p.bytes(id)
	}, nil)
}

// CreateData makes a private data object (CKO_DATA) in the token. Its value is
// no secret: it comes from a record.
func (c *Client) CreateData(ctx context.Context, limit time.Duration, application, label string, value []byte) error {
	return c.do(ctx, limit, opCreateData, func(p *packer) {
		p.str(application)
		p.str(label)
		p.bytes(value)
	}, nil)
}

// Destroy destroys an object of the token.
func (c *Client) Destroy(ctx context.Context, limit time.Duration, h Handle) error {
	return c.do(ctx, limit, opDestroy, func(p *packer) {
		p.num(h.gen)
		p.num(h.object)
	}, nil)
}

// InitToken makes a new token in a slot: for a token of our own (hsm/softhsm).
// It erases whatever the slot holds.
func (c *Client) InitToken(ctx context.Context, limit time.Duration, slot uint, label string, officer, user secret.Bytes) error {
	return c.do(ctx, limit, opInitToken, func(p *packer) {
		p.num(uint64(slot))
		p.str(label)
		p.bytes(officer.Expose())
		p.bytes(user.Expose())
	}, nil)
}
