package ceremony_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"conclave/ceremony"
	"conclave/ceremony/custodian"
	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/local"
	"conclave/vaultstate/share"
)

// room is one run of a ceremony with people who do what they are asked.
type room struct {
	s        *site
	vault    vaultstate.Vault
	local    *local.Vault
	journal  *journal
	shelf    *shelf
	run      *ceremony.Run
	fresh    map[string]secret.Bytes // new shares, until they count
	seen     strings.Builder         // everything that was on the screen, but secrets
	prompts  []ceremony.Prompt
	sealed   int
	signedBy []string
	// on answers in place of the good people, if it says so.
	on func(ceremony.Prompt) (ceremony.Input, bool)
	// wrap puts something between the run and the vault.
	env ceremony.Env
}

func (s *site) open(c ceremony.Ceremony, q plan.Request) *room {
	s.t.Helper()
	return s.openWith(c, q, nil)
}

func (s *site) openWith(c ceremony.Ceremony, q plan.Request, change func(*ceremony.Env)) *room {
	s.t.Helper()
	p, err := q.Resolve(time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	o := local.Options{Storage: "/vault", Seal: guarded{s.seal, s.token}, Practice: true, FS: s.disk, Now: s.clock.now}
	next := s.moving(p, &o)
	v, err := local.Open(o)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = v.Close() })
	m := &room{s: s, vault: v, local: v, journal: newJournal(s.clock), shelf: &shelf{files: map[string][]byte{}}, fresh: map[string]secret.Bytes{}}
	m.env = ceremony.Env{Plan: p, Vault: v, HSM: s.token, Journal: m.journal, Shelf: m.shelf, Roster: s.roster,
		Machine: ceremony.Machine{Program: "test", OS: "linux", Host: "room", Memory: "memfd_secret", Terminal: "test", Login: "typed"},
		Now:     s.clock.now, Seal: m.seal,
		Explain: func(err error) ceremony.Problem { return ceremony.Problem{Happened: "It failed: " + err.Error() + "."} },
	}
	if next != nil {
		m.env.OtherHSM = next
	}
	if change != nil {
		change(&m.env)
	}
	m.vault = m.env.Vault
	m.run = ceremony.New(c, m.env)
	return m
}

// seal signs as a folder does.
func (m *room) seal(signers ...transcript.Signer) error {
	m.sealed++
	m.signedBy = nil
	for _, s := range signers {
		if _, err := s.Sign([]byte("a checkpoint\n")); err != nil {
			return fmt.Errorf("%w: %w", transcript.ErrUnsigned, err)
		}
		m.signedBy = append(m.signedBy, s.Name())
	}
	return nil
}

// do runs a job in place.
func (m *room) do(job ceremony.Job) {
	m.s.t.Helper()
	if err := m.run.Finish(job(context.Background())); err != nil {
		m.s.t.Fatal(err)
	}
	m.look()
}

// look notes what is on the screen.
func (m *room) look() {
	p := m.run.Prompt()
	m.prompts = append(m.prompts, p)
	if first, _, _ := strings.Cut(p.Action, " "); p.Kind == ceremony.Confirm && slices.Contains([]string{"A", "An", "The", "One", "No"}, first) {
		m.s.t.Errorf("%q does not follow \"Type %s to\"", p.Action, p.Word)
	}
	fmt.Fprintf(&m.seen, "%+v %+v %+v %+v\n", p, m.run.Header(), m.run.Script(), m.run.Recent(100))
	if p.Problem != nil {
		fmt.Fprintf(&m.seen, "%+v\n", *p.Problem)
	}
	if p.Reveal != nil {
		fmt.Fprintf(&m.seen, "%+v\n", *p.Reveal)
	}
}

// drive plays the ceremony until it is over or stop says so.
func (m *room) drive(stop func(ceremony.Prompt) bool) {
	m.s.t.Helper()
	if len(m.prompts) == 0 {
		m.do(m.run.Start())
	}
	for i := 0; !m.run.Done(); i++ {
		if i > 600 {
			m.s.t.Fatalf("the ceremony does not end: %+v", m.run.Prompt())
		}
		p := m.run.Prompt()
		if stop != nil && stop(p) {
			return
		}
		m.answer(m.input(p))
	}
}

func (m *room) answer(in ceremony.Input) {
	m.s.t.Helper()
	in.Stamp = m.run.Prompt().Stamp
	job, err := m.run.Answer(in)
	if err != nil {
		m.s.t.Fatalf("Answer: %v", err)
	}
	m.do(job)
}

// input is what good people answer.
func (m *room) input(p ceremony.Prompt) ceremony.Input {
	if m.on != nil {
		if in, ok := m.on(p); ok {
			return in
		}
	}
	switch p.Kind {
	case ceremony.People:
		return ceremony.Input{Present: slices.Repeat([]bool{true}, len(p.People))}
	case ceremony.AskSecret:
		if p.Sealed != nil {
			return ceremony.Input{Secret: m.challenge(p), Source: "typed"}
		}
		return ceremony.Input{Secret: secret.Take([]byte(pin)), Source: "typed"}
	case ceremony.AskShare:
		if p.Entry.Proving && p.StepID != "drill" {
			return m.typed(m.received(p.By.Name))
		}
		return m.typed(m.s.held[p.By.Name])
	case ceremony.Form:
		return filled(p, map[string]string{"backup": "1234 5678 9abc def0, with the security officer", "why": "the server has not run yet", "keeper": "this disk, Olga", "till": "2026-12-24", "for": "to move a mount", "spent": "2026-12-24"})
	case ceremony.HandOver, ceremony.Confirm, ceremony.Rest:
		return ceremony.Input{Text: p.Word}
	case ceremony.Show:
		m.write(p)
	case ceremony.Choose:
		return ceremony.Input{Choice: p.Choices[0].ID}
	case ceremony.Ask:
		if p.StepID == "issue" && p.Default == "" {
			return ceremony.Input{Text: "no custodian has a key yet"}
		}
		if p.StepID == "authority" {
			return ceremony.Input{Text: "the box with the shares was lost"}
		}
		if p.Field == "key's backup" {
			return ceremony.Input{Text: "a clone, with the security officer"}
		}
		if len(p.Groups) > 0 {
			return ceremony.Input{Text: m.s.card(p.By.Name, p.Groups)}
		}
	case ceremony.Read, ceremony.Work, ceremony.Attest:
	}
	return ceremony.Input{}
}

// challenge is the code of somebody's challenge, decrypted from its file and
// kept for the canary.
func (m *room) challenge(p ceremony.Prompt) secret.Bytes {
	m.s.t.Helper()
	file := m.shelf.challenges.files[strings.TrimPrefix(p.Sealed.File, "/record/")]
	text, err := m.s.pgp[p.By.Name].Decrypt(file)
	if err != nil {
		m.s.t.Fatalf("decrypting %s: %v", p.Sealed.File, err)
	}
	const length = 24 // five groups of four
	n := text.Len() - 1
	code := text.Slice(n-length, n)
	m.s.secrets = append(m.s.secrets, code, secret.Take(bytes.ReplaceAll(code.Expose(), []byte("-"), nil)))
	return code.Clone()
}

// typed is a share as its custodian types it, in groups.
func (m *room) typed(raw secret.Bytes) ceremony.Input {
	return ceremony.Input{Secret: m.s.scheme().Groups(raw), Source: "typed"}
}

// write is a custodian who writes down what is shown.
func (m *room) write(p ceremony.Prompt) {
	m.s.t.Helper()
	if p.Reveal.What != "share" {
		m.s.secrets = append(m.s.secrets, p.Reveal.Text.Clone())
		return
	}
	n := 33
	if p.Reveal.Text.Len() == 75 {
		n = 32
	}
	raw, _, err := m.s.scheme().Parse(p.Reveal.Text, n)
	if err != nil {
		m.s.t.Fatalf("reading what was shown: %v", err)
	}
	m.fresh[p.By.Name] = raw
	m.s.secrets = append(m.s.secrets, raw)
}

// received is the new share of a custodian, decrypted if it lies in a file.
func (m *room) received(name string) secret.Bytes {
	m.s.t.Helper()
	if raw, ok := m.fresh[name]; ok {
		return raw
	}
	key := m.s.pgp[name]
	for file, b := range m.shelf.files {
		if key == nil || strings.HasPrefix(file, "challenges/") || !strings.Contains(file, strings.ToLower(strings.Fields(name)[0])) {
			continue
		}
		text, err := key.Decrypt(b)
		if err != nil {
			m.s.t.Fatalf("decrypting %s: %v", file, err)
		}
		raw, form, err := m.s.scheme().Parse(text, 33)
		if err != nil || form != share.InHex {
			m.s.t.Fatalf("the file of %s is not the hex share: %v", name, err)
		}
		m.fresh[name] = raw
		m.s.secrets = append(m.s.secrets, raw)
	}
	return m.fresh[name]
}

// must plays a ceremony to its good end and lets its result count.
func (s *site) must(m *room) *room {
	s.t.Helper()
	m.drive(nil)
	m.expect(ceremony.CodeDone)
	m.count()
	return m
}

// count makes the new shares those that count, and derives the roster.
func (m *room) count() {
	m.s.t.Helper()
	m.s.moved(m.env.Plan)
	for name, raw := range m.fresh {
		m.s.old[name] = m.s.held[name]
		m.s.held[name] = raw
	}
	m.keepRecord()
}

func (m *room) keepRecord() {
	m.s.t.Helper()
	ro, err := custodian.Derive(m.s.roster, bytes.NewReader(m.journal.paper.Bytes()))
	if err != nil {
		m.s.t.Fatal(err)
	}
	m.s.roster = ro
}

// at tells whether a prompt is of a step and a kind.
func at(p ceremony.Prompt, step string, kind ceremony.Kind) bool {
	return p.StepID == step && p.Kind == kind
}
