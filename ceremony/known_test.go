package ceremony_test

import (
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/vaultstate/vaulttest"
)

// elsewhere plays a ceremony of which no record is kept, as a server would
// have made the change, or another program.
func (s *site) elsewhere(c ceremony.Ceremony) {
	s.t.Helper()
	record := s.roster
	s.must(s.open(c, s.request(c)))
	s.roster = record
}

// TestTermKeys: every key of the keyring that the last ceremony left is compared,
// not the newest alone.
func TestTermKeys(t *testing.T) {
	rotated := func(s *site) { s.must(s.open(ceremony.Rotate, s.request(ceremony.Rotate))) }
	for name, c := range map[string]struct {
		change func(*site)
		says   string
	}{
		"an older term": {func(s *site) {
			older := s.disk.Crash(vaulttest.Kept)
			rotated(s)
			s.disk = older
		}, "an older state was put back: its encryption key is of term 1, and KC-2 left term 2"},
		"an older state that was rotated again": {func(s *site) {
			older, record := s.disk.Crash(vaulttest.Kept), s.roster
			rotated(s)
			last := s.roster
			s.disk, s.roster = older, record
			s.elsewhere(ceremony.Rotate)
			s.roster = last
		}, "its encryption key of term 2 is not the one that KC-2 left: it was changed outside Conclave"},
		"… and once more": {func(s *site) {
			older, record := s.disk.Crash(vaulttest.Kept), s.roster
			rotated(s)
			last := s.roster
			s.disk, s.roster = older, record
			s.elsewhere(ceremony.Rotate)
			s.elsewhere(ceremony.Rotate)
			s.roster = last
		}, "its encryption key of term 2 is not the one that KC-2 left"},
		"a term taken out": {func(s *site) {
			rotated(s)
			s.elsewhere(ceremony.ReEncrypt)
		}, "its encryption key of term 1, which KC-2 left, is missing: it was changed outside Conclave"},
	} {
		t.Run(name, func(t *testing.T) {
			s := initialised(t)
			c.change(s)
			s.stopped(c.says)

			q := s.request(ceremony.Rotate)
			q.AdoptState = "the disk was restored from the backup of Sunday"
			m := s.must(s.open(ceremony.Rotate, q))
			if e := m.find("adopted"); len(e) != 1 || len(e[0].Facts.List("found")) != 1 || !strings.Contains(strings.ToLower(e[0].Facts.List("found")[0]), strings.ToLower(c.says)) {
				t.Errorf("%v", e)
			}
			s.must(s.open(ceremony.Unseal, s.request(ceremony.Unseal))) // nothing is left to adopt
		})
	}
}

// TestTermsKnown: a server that rotates by itself changes nothing that was left,
// and what ceremonies change is in their records.
func TestTermsKnown(t *testing.T) {
	s := initialised(t)
	s.elsewhere(ceremony.Rotate)
	for _, c := range []ceremony.Ceremony{ceremony.Unseal, ceremony.Rekey, ceremony.Rotate, ceremony.ReEncrypt, ceremony.Rewrap, ceremony.Rotate} {
		s.must(s.open(c, s.request(c)))
	}
}
