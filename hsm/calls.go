package hsm

import (
	"errors"
	"slices"

	"conclave/hsm/worker"
)

// Call is how often a function of PKCS#11 used or made a key. It is what an
// HSM's own log can be compared with.
type Call struct {
	Function string // "C_Decrypt"
	Key      string // label and id by which the key was asked for
	Times    int
	Failed   int // of them: what the token refused or did not answer
}

// Calls returns the calls since it was asked last, in the order of each one's
// first, and counts anew.
func (t *Token) Calls() []Call {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := t.calls
	t.calls = nil
	return list
}

// count counts a call that was made. What the worker refused did not reach the
// token; what was cut off may have.
func (t *Token) count(function, key string, err error) {
	for _, not := range []error{worker.ErrStale, worker.ErrNotLoggedIn, worker.ErrTooLong} {
		if errors.Is(err, not) {
			return
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.IndexFunc(t.calls, func(c Call) bool { return c.Function == function && c.Key == key })
	if i < 0 {
		i = len(t.calls)
		t.calls = append(t.calls, Call{Function: function, Key: key})
	}
	t.calls[i].Times++
	if err != nil {
		t.calls[i].Failed++
	}
}
