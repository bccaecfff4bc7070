package ceremony_test

import (
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/custody"
	"conclave/ceremony/plan"
	"conclave/hsm"
)

// backup is the same key in a token with a serial number of its own.
func backup(serial string) *token {
	b := newToken()
	b.info.Serial = serial
	return b
}

func (s *site) backupDrill() *room {
	s.t.Helper()
	q := s.request(ceremony.Drill)
	q.Drilling.Proof, q.Custodians = plan.ProofHSM, nil
	return s.open(ceremony.Drill, q)
}

// TestDrillOfBackup: the vault is opened through a token with another serial
// number than the last ceremony's, and the record says so. Nobody types a share.
func TestDrillOfBackup(t *testing.T) {
	s := reissued(t)
	before, hsm := s.status().Storage, s.roster.HSM
	if hsm == "" {
		t.Fatal("the roster does not say which HSM was used")
	}
	s.token = backup("BACKUP-1")
	m := s.backupDrill()
	s.must(m)
	for _, p := range m.prompts {
		if p.Kind == ceremony.AskShare {
			t.Fatal("a share was asked for")
		}
	}
	found := m.find("backup-opened")
	if len(found) != 1 || found[0].Facts.Text("serial") != "BACKUP-1" || !found[0].Facts.Flag("known") || len(found[0].Facts.List("checks")) == 0 {
		t.Errorf("the record: %+v", found)
	}
	if got := m.run.Outcome().Sentence; !strings.HasPrefix(got, "The vault opens through the backup of the HSM, token ") {
		t.Error(got)
	}
	if s.status().Storage != before || s.roster.HSM != hsm {
		t.Errorf("the storage changed, or the backup counts as the HSM: %s, %s", hsm, s.roster.HSM)
	}
	var h custody.History
	h.Add(found[0])
	if !h.Opened.Equal(found[0].Time) {
		t.Errorf("what custody knows of it: %v", h.Opened)
	}

	// The HSM itself is no backup, and a ceremony that changes something goes on.
	s.token = backup(hsm)
	m = s.backupDrill()
	m.drive(func(p ceremony.Prompt) bool { return p.Problem != nil })
	if p := m.run.Prompt().Problem; p == nil || !strings.HasPrefix(p.Happened, "This is the HSM itself") {
		t.Errorf("the HSM itself: %+v", m.run.Prompt())
	}
}

// TestDrillOfWrongBackup: a token with another key does not open the vault.
func TestDrillOfWrongBackup(t *testing.T) {
	s := reissued(t)
	s.token = backup("BACKUP-2")
	s.seal.Err = hsm.ErrWrongKey
	defer func() { s.seal.Err = nil }()
	m := s.backupDrill()
	m.drive(func(p ceremony.Prompt) bool { return p.Problem != nil })
	if p := m.run.Prompt().Problem; p == nil || len(m.find("backup-opened")) > 0 {
		t.Errorf("another key: %+v", m.run.Prompt())
	}
}
