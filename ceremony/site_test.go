package ceremony_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/custodian"
	"conclave/ceremony/plan"
	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/local"
	"conclave/vaultstate/pgp"
	"conclave/vaultstate/share"
	"conclave/vaultstate/vaulttest"
)

var five = []string{"Alice Adams", "Bob Baker", "Carol Chen", "Dora Dean", "Erik Esser"}

// site is a place where ceremonies are held: a disk, an HSM, people with what
// they hold, and the records so far.
type site struct {
	t        *testing.T
	disk     *vaulttest.Disk
	seal     *vaulttest.Seal
	token    *token
	clock    *clock
	roster   *custodian.Roster
	held     map[string]secret.Bytes // by custodian: the share that counts
	old      map[string]secret.Bytes // …and the one before
	pgp      map[string]*pgp.Private
	practice bool
	// encrypted: in the tests of kills, new shares go into files, on two media.
	encrypted bool
	secrets   []secret.Bytes // all that were ever seen, for the canary
	n         int            // ceremonies so far
	next      *second        // of a rewrap: what the vault moves to
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, disk: vaulttest.NewDisk(), seal: vaulttest.NewSeal(), token: newToken(), clock: &clock{},
		held: map[string]secret.Bytes{}, old: map[string]secret.Bytes{}, pgp: map[string]*pgp.Private{}, practice: true}
	s.disk.MkdirAll("/vault")
	return s
}

var first *site // that initialised copies

// initialised is a site whose vault has five shares, three of which are needed.
func initialised(t *testing.T) *site {
	t.Helper()
	if first == nil {
		s := newSite(t)
		s.must(s.open(ceremony.Init, s.request(ceremony.Init)))
		first = s
	}
	s := *first
	s.t, s.token, s.disk = t, newToken(), first.disk.Crash(vaulttest.Kept)
	s.held, s.old, s.pgp = maps.Clone(first.held), map[string]secret.Bytes{}, map[string]*pgp.Private{}
	s.secrets = slices.Clone(first.secrets)
	s.clock = &clock{first.clock.ticks}
	return &s
}

// siteFor has the vault that a ceremony begins with.
func siteFor(t *testing.T, c ceremony.Ceremony) *site {
	t.Helper()
	if c.ID == "init" {
		return newSite(t)
	}
	s := initialised(t)
	if c.ID == "re-encrypt" {
		s.must(s.open(ceremony.Rotate, s.request(ceremony.Rotate)))
	}
	return s
}

func (s *site) scheme() share.Scheme { return share.Scheme{Practice: s.practice} }

func (s *site) request(c ceremony.Ceremony) plan.Request {
	s.n++
	q := plan.Request{Kind: vaultstate.Kind(c.ID), ID: fmt.Sprintf("KC-%d", s.n), Purpose: "a test", Practice: s.practice, Storage: "/vault", Config: "/etc/bao.hcl",
		Operator: "Olga Example", Witness: "Wim Waters", Values: []plan.Value{{Name: "hsm-key-label", Text: "bao-root-key", Source: "flag"}}}
	switch c.ID {
	case "init", "recovery-rekey", "recover":
		if c.ID == "recover" {
			q.Recovery.Reason = plan.Loss
		}
		q.RecoveryShares, q.RecoveryThreshold = plan.Number{Value: 5, Given: true}, plan.Number{Value: 3, Given: true}
		q.Custodians = five
	case "rekey", "rotate", "generate-root":
		q.Custodians = five[:3]
	case "rewrap":
		q.Custodians = five[:3]
		q.Rewrap = plan.RewrapRequest{KeyRef: "test:02", Generate: true}
	case "drill":
		q.Custodians = five
	case "revoke-root":
		q.Accessor = "OfAPaperThatIsNotHeld123"
		if s.roster == nil {
			break
		}
		for _, t := range s.roster.Tokens {
			if t.Fate != custodian.Revoked {
				q.Accessor = t.Accessor
			}
		}
	case "retire":
		q.Retire.KeyRef = wornKey
	}
	return q
}

// card is what stands on somebody's card in groups of the fingerprint.
func (s *site) card(name string, groups []int) string {
	s.t.Helper()
	key, err := s.pgp[name].Key()
	if err != nil {
		s.t.Fatal(err)
	}
	var out []string
	for _, g := range groups {
		out = append(out, strings.ToUpper(key.Fingerprint[4*g-4:4*g]))
	}
	return strings.Join(out, " ")
}

// works tells whether three shares authorise something.
func (s *site) works(shares ...secret.Bytes) bool {
	s.t.Helper()
	s.token.loggedIn = true
	defer func() { s.token.loggedIn = false }()
	v, err := local.Open(local.Options{Storage: "/vault", Seal: guarded{s.seal, s.token}, Practice: true, FS: s.disk})
	if err != nil {
		s.t.Fatal(err)
	}
	defer v.Close()
	s.n++
	id := vaultstate.ID(fmt.Sprintf("try-%d", s.n))
	if _, err := v.Begin(s.t.Context(), vaultstate.Operation{ID: id, Kind: vaultstate.Rekey}); err != nil {
		s.t.Fatal(err)
	}
	_, err = v.Submit(s.t.Context(), id, shares)
	if e := v.Cancel(s.t.Context(), id); e != nil {
		s.t.Fatal(e)
	}
	return err == nil
}

func three(from map[string]secret.Bytes) []secret.Bytes {
	return []secret.Bytes{from[five[0]], from[five[2]], from[five[4]]}
}
