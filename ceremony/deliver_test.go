package ceremony_test

import (
	"strings"
	"testing"
	"time"

	"conclave/ceremony"
	"conclave/ceremony/plan"
	"conclave/vaultstate/local"
	"conclave/vaultstate/pgp"
)

func (s *site) openVault() *local.Vault {
	s.t.Helper()
	v, err := local.Open(local.Options{Storage: "/vault", Seal: guarded{s.seal, s.token}, Practice: true, FS: s.disk, Now: s.clock.now})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = v.Close() })
	return v
}

// made is when keys are made: before the day of every test, and before today.
var made = time.Date(2025, 1, 2, 9, 0, 0, 0, time.UTC)

// keyFor makes a practice key for somebody.
func (s *site) keyFor(name string) plan.File {
	s.t.Helper()
	private, public, err := pgp.GenerateKey(name, made)
	if err != nil {
		s.t.Fatal(err)
	}
	s.pgp[name] = private
	armored, err := public.Armor(true)
	if err != nil {
		s.t.Fatal(err)
	}
	return plan.File{Name: strings.ToLower(strings.Fields(name)[0]) + ".asc", Data: armored}
}

// publicKey is the file of a key that somebody has already.
func (s *site) publicKey(name string) plan.File {
	s.t.Helper()
	key, err := s.pgp[name].Key()
	if err != nil {
		s.t.Fatal(err)
	}
	return plan.File{Name: strings.ToLower(strings.Fields(name)[0]) + ".asc", Data: key.Binary}
}

// openPGP is an init with a PGP key for each share, and one for the token.
func (s *site) openPGP(token bool) *room {
	s.t.Helper()
	q := s.request(ceremony.Init)
	for _, name := range five {
		q.RecoveryKeys = append(q.RecoveryKeys, s.keyFor(name))
	}
	if token {
		f := s.keyFor("Olga Example")
		q.RootTokenKey = &f
	}
	return s.open(ceremony.Init, q)
}

// TestPGP: shares and token are on disk before the screen changes; nobody sees
// one; each file decrypts to its custodian's share.
func TestPGP(t *testing.T) {
	s := newSite(t)
	m := s.openPGP(true)
	m.drive(func(p ceremony.Prompt) bool { return at(p, "issue", ceremony.Attest) })
	if len(m.shelf.files) != 11 { // with the public keys of five
		t.Fatalf("%d files are there when the page is", len(m.shelf.files))
	}
	s.must(m)
	for _, p := range m.prompts {
		if p.Kind == ceremony.Show {
			t.Errorf("%s is shown a %s", p.By.Name, p.Reveal.What)
		}
	}
	for i, e := range m.find("share") {
		name := strings.ToLower(strings.ReplaceAll(five[i], " ", "-"))
		if f := e.Facts.Text("file"); !strings.HasSuffix(f, name+".asc") || e.Facts.Text("pgp") == "" || e.Facts.Text("delivery") != "pgp" {
			t.Errorf("share %d: %v", i+1, e.Facts)
		}
	}
	token, err := s.pgp["Olga Example"].Decrypt(m.shelf.files["root-token.asc"])
	if err != nil || token.Len() < 20 {
		t.Errorf("the token's file: %v", err)
	}
	s.secrets = append(s.secrets, token)
	m.canary()
	if e := m.find("token"); len(e) != 1 || e[0].Facts.Text("file") != "root-token.asc" || e[0].Facts.Text("fate") != "use" {
		t.Errorf("the record says %v", e)
	}
	if !s.works(three(s.held)...) {
		t.Error("the shares do not work")
	}
}

// TestNoToken: root-token=none makes none, and there is no step for it.
func TestNoToken(t *testing.T) {
	s := newSite(t)
	q := s.request(ceremony.Init)
	q.RootToken = "none"
	m := s.must(s.open(ceremony.Init, q))
	if len(m.find("token"))+len(m.find("shown")) != 5 {
		t.Error("a token was shown or recorded")
	}
}

// TestSkipProof commits without proofs, as an override that is named.
func TestSkipProof(t *testing.T) {
	s := newSite(t)
	q := s.request(ceremony.Init)
	q.SkipProof = true
	m := s.must(s.open(ceremony.Init, q))
	rep, _ := m.events()
	if !strings.Contains(strings.Join(rep.Overrides, "\n"), "The new shares are not proven before they count.") {
		t.Errorf("the overrides are %q", rep.Overrides)
	}
	if len(m.find("proven")) > 0 {
		t.Error("something was proven")
	}
	if last := m.find("closed")[0]; !strings.Contains(strings.Join(last.Facts.List("overrides"), " "), "skipped-proofs") {
		t.Errorf("the close says %v", last.Facts)
	}
	if !s.works(three(s.held)...) {
		t.Error("the shares do not work")
	}
}

// TestNoWitness: the operator alone confirms, as an override.
func TestNoWitness(t *testing.T) {
	s := initialised(t)
	q := s.request(ceremony.Rekey)
	q.Witness, q.NoWitness = "", true
	m := s.must(s.open(ceremony.Rekey, q))
	var words []string
	for _, e := range m.find("confirmed") {
		words = append(words, e.Facts.Text("word"))
	}
	if strings.Count(strings.Join(words, " "), "REKEY") != 1 {
		t.Errorf("confirmed: %q", words)
	}
	rep, _ := m.events()
	if len(rep.Overrides) != 1 || !strings.HasPrefix(rep.Overrides[0], "No witness") {
		t.Errorf("the overrides are %q", rep.Overrides)
	}
}

// TestSentences: after a recovery rekey page and record say that the
// replaced shares work again on older copies; after an init, that a default
// OpenBao closes sys/generate-root.
func TestSentences(t *testing.T) {
	for _, c := range []struct {
		ceremony ceremony.Ceremony
		want     string
	}{
		{ceremony.RecoveryRekey, "They work again on any older copy of it."},
		{ceremony.Init, "A default OpenBao from 2.5.3 on closes sys/generate-root"},
	} {
		s := newSite(t)
		if c.ceremony.ID != "init" {
			s = initialised(t)
		}
		m := s.must(s.open(c.ceremony, s.request(c.ceremony)))
		page := ""
		for _, p := range m.prompts {
			if at(p, "checks", ceremony.Attest) {
				page = strings.Join(p.Text, " ")
			}
		}
		record := ""
		for _, e := range m.find("attested") {
			record += strings.Join(e.Facts.List("lines"), " ")
		}
		if !strings.Contains(page, c.want) || !strings.Contains(record, c.want) {
			t.Errorf("%s: the page says %q, the record %q", c.ceremony.ID, page, record)
		}
	}
}

// TestHonesty is rule S10: the first page says it.
func TestHonesty(t *testing.T) {
	s := newSite(t)
	m := s.open(ceremony.Init, s.request(ceremony.Init))
	m.do(m.run.Start())
	if text := strings.Join(m.run.Prompt().Text, " "); !strings.Contains(text, ceremony.Honesty) || !strings.Contains(text, "PRACTICE") {
		t.Errorf("the first page says %q", text)
	}
	m.abort()
}
