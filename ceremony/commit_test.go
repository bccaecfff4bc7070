//go:build !race

package ceremony_test

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"conclave/ceremony"
	"conclave/vaultstate/local"
	"conclave/vaultstate/vaulttest"
)

// TestCommitFaults has each call to the file system in the commit fail once. The
// people try again; what the ceremony then says to be done is on disk, also the
// exchange whose fsync failed. Every fifth call: make test-long asks for all.
func TestCommitFaults(t *testing.T) {
	for _, c := range []ceremony.Ceremony{ceremony.Init, ceremony.Rekey, ceremony.ReEncrypt, ceremony.GenerateRoot} {
		failed, every := 0, 5
		if os.Getenv("CONCLAVE_LONG") != "" {
			every = 1
		}
		for n := 1; ; n += every {
			s := siteFor(t, c)
			m := s.open(c, s.request(c))
			set := false
			m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
				if at(p, "commit", ceremony.Work) && !set {
					set = true
					s.disk.Fail(n, syscall.EIO, false)
				}
				if isFailure(p) {
					failed++
					return ceremony.Input{Choice: "again"}, true
				}
				return ceremony.Input{}, false
			}
			before := failed
			m.drive(func(p ceremony.Prompt) bool { return p.StepID == "checks" })
			if failed == before {
				break // no call of the commit is left to fail
			}
			if live, disk := s.onDisk(s.disk), s.onDisk(s.disk.Crash(vaulttest.Lost)); live != disk {
				t.Errorf("%s, call %d: it was said to be done, and on disk is %s in place of %s", c.ID, n, disk, live)
			}
		}
		if failed < 10 {
			t.Errorf("%s: %d calls failed", c.ID, failed)
		}
		t.Logf("%s: %d calls failed once, and it was on disk", c.ID, failed)
	}
}

// onDisk is what a disk has: the digest of core/ and how many tokens.
func (s *site) onDisk(d *vaulttest.Disk) string {
	s.t.Helper()
	v, err := local.Open(local.Options{Storage: "/vault", Seal: guarded{s.seal, s.token}, Practice: true, FS: d})
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = v.Close() }()
	st, err := v.Status(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	tokens, _ := d.ReadDir("/vault/sys/token/id") // an absent one has none
	return fmt.Sprintf("%v, %s, %d tokens", st.Initialized, st.Storage, len(tokens))
}
