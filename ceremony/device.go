package ceremony

import (
	"conclave/ceremony/plan"
	"conclave/hsm"
	"conclave/vaultstate"
)

// device is a wrapping key in a token, and how far the run has got with it. A
// ceremony has one; a rewrap a second one, for the key that the vault moves to,
// and a retire for the key that it destroys.
// The steps act on the one that Run has at hand.
type device struct {
	hsm      HSM
	token    hsm.Info
	key      hsm.Key
	loggedIn bool
	met      met
	pin      pinMark // while somebody is logged in
	objects  objects

	second bool // the vault moves to it
	doomed bool // the second one, and it is destroyed
	shared bool // it is in the token of the first: one login, one list of objects
}

// met is where the meeting of a device stands.
type met struct {
	found, compared, tested bool
	keyed                   bool // the key is in the record
	tried                   bool // the PIN that need not be typed
	finalTry                bool
	rested                  bool // nobody is logged in, because of a break
	missing                 bool
	generate                going
	clock                   otherClock // the token's
}

// devices are all of them; those that share a token as well.
func (r *Run) devices() []*device {
	if !r.plan.UsesHSM() {
		return nil
	}
	if r.second == nil {
		return []*device{r.first}
	}
	return []*device{r.first, r.second}
}

// tokens are the devices with a login of their own.
func (r *Run) tokens() []*device {
	if !r.plan.UsesHSM() {
		return nil // a server's HSM is its own
	}
	if r.second == nil || r.second.shared {
		return []*device{r.first}
	}
	return []*device{r.first, r.second}
}

// with has f act on another device.
func (r *Run) with(d *device, f func() error) error {
	was := r.device
	r.device = d
	defer func() { r.device = was }()
	return f()
}

// which is how the record tells the second device from the first: by the word
// new, or old of one that is destroyed.
func (d *device) which() string {
	switch {
	case d.doomed:
		return "old"
	case d.second:
		return "new"
	}
	return ""
}

// hsmValue is a value of the plan about the device at hand.
func (r *Run) hsmValue(name string) string {
	switch {
	case r.doomed:
		name = plan.OldHSM + name
	case r.device.second:
		name = plan.NewHSM + name
	default:
		name = plan.HSM + name
	}
	for _, v := range r.plan.Values {
		if v.Name == name {
			return v.Text
		}
	}
	return ""
}

// mayGenerate tells whether a missing key may be made.
func (r *Run) mayGenerate() bool {
	if r.device.second {
		return r.plan.NewGenerate
	}
	return r.plan.Kind == vaultstate.Init && r.plan.GenerateKey
}
