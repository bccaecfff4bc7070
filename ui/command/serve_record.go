package command

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"conclave/ceremony"
	"conclave/ceremony/custodian"
	"conclave/ceremony/folder"
	"conclave/ceremony/transcript"
	"conclave/vaultstate"
)

// sessionRecord is the record of a session: a directory as a ceremony has it,
// with events that nobody is behind.
type sessionRecord struct {
	folder    *folder.Folder
	overrides []string          // ids
	before    *custodian.Roster // of the record before
	chained   bool              // it stands in the vault's history
	begun     time.Time
	now       func() time.Time
}

// sessionRecord begins the record: what it is, the overrides, HSM and vault.
func (p *Process) sessionRecord(s *serving, t *target, at *place, m met) (_ *sessionRecord, err error) {
	own, err := ownSHA256()
	if err != nil {
		return nil, err
	}
	f, err := folder.Create(s.f.dir, folder.Name(p.Now(), s.f.id, transcript.Session, false), false)
	if err != nil {
		return nil, err
	}
	r := &sessionRecord{folder: f, before: s.before, chained: len(s.kinds) > 0, begun: p.Now(), now: p.Now}
	defer func() {
		if err != nil {
			_ = r.Close() // the first error tells more
		}
	}()
	run, err := folder.Enter(s.f.dir, filepath.Base(f.Dir()), false)
	if err != nil {
		return nil, err
	}
	var values []string
	for _, v := range t.values {
		values = append(values, v.Name+" = "+v.Text+" ("+v.Source+")")
	}
	if s.agreed != nil {
		values = s.agreed.Text()
	}
	events := []func() error{
		r.event("header", s.place(transcript.Facts{"format": 1, "ceremony": transcript.Session, "id": s.f.id, "purpose": noCeremony, "practice": false,
			"program": "conclave " + version(), "program_sha256": own, "os": system(), "vault": t.storage.Text, "plan": values,
			"run": run.Number, "run_before": run.Head, "run_before_outcome": run.Outcome})),
	}
	for _, o := range s.overrides(t) {
		r.overrides = append(r.overrides, o.ID)
		events = append(events, r.event("override", transcript.Facts{"id": o.ID, "sentence": o.Sentence}))
	}
	i, k := m.info, m.key
	events = append(events,
		r.event("equipment", transcript.Facts{"library": i.Library, "library_sha256": i.LibrarySHA256, "library_info": i.LibraryInfo, "token": i.Label,
			"manufacturer": i.Manufacturer, "model": i.Model, "serial": i.Serial, "firmware": i.Firmware, "software": i.Software, "login": t.login}),
		r.event("key", transcript.Facts{"label": k.Label, "id": k.ID, "ref": k.Ref, "type": k.Type, "mechanism": k.Mechanism, "generated": m.generated}),
		r.event("self-test", transcript.Facts{"lines": testTexts(m)}),
		r.event("target", targetFacts(m)),
		r.event("api-session", transcript.Facts{"listen": at.address, "person": "nobody was identified", "allow": kindNames(s.kinds),
			"for_s": int(s.length.Seconds()), "idle_s": int(s.idle.Seconds())}))
	note := func(e transcript.Entry) error {
		_, err := f.Append(e)
		return err
	}
	events = append(events, func() error { return ceremony.KeepNamed(s.f.files, f.Put, note) }, func() error { return s.keepKeys(r) })
	if s.agreed != nil {
		events = append(events, func() error { return ceremony.KeepApprovals(s.agreed, f.Put, note) })
	}
	for _, e := range events {
		if err := e(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func testTexts(m met) []string {
	list := []string{}
	for _, l := range m.tests {
		list = append(list, l.Text)
	}
	return list
}

func kindNames(kinds []vaultstate.Kind) []string {
	list := []string{}
	for _, k := range kinds {
		list = append(list, string(k))
	}
	return list
}

func targetFacts(m met) transcript.Facts {
	st := m.state
	f := transcript.Facts{"storage": m.status.Name, "initialized": m.status.Initialized, "digest": m.status.Storage.String()}
	if !m.status.Initialized {
		return f
	}
	f["shares"], f["threshold"], f["seal_key"], f["mechanism"] = st.Shares, st.Threshold, st.SealKeyID, st.Mechanism
	f["recovery_key"], f["root_key"] = st.RecoveryKey.String(), st.RootKey.String()
	var terms []string
	for _, t := range st.Terms {
		terms = append(terms, fmt.Sprintf("%d %s", t.Term, t.Digest))
	}
	f["terms"] = terms
	return f
}

func (r *sessionRecord) event(kind string, facts transcript.Facts) func() error {
	return func() error { return r.Note(kind, facts) }
}

// Note appends one event that nobody is behind.
func (r *sessionRecord) Note(kind string, facts map[string]any) error {
	_, err := r.folder.Append(transcript.Entry{Kind: kind, Step: "serve", Evidence: transcript.ByProgram, Facts: facts})
	return err
}

// Keep writes a file of the record.
func (r *sessionRecord) Keep(name string, data []byte) (string, error) {
	return r.folder.Put(name, data)
}

// Close releases the directory.
func (r *sessionRecord) Close() error { return r.folder.Close() }

// close ends the record and seals it.
func (r *sessionRecord) close(verdict string) error {
	err := r.Note("closed", transcript.Facts{"verdict": noCeremony + " " + strings.TrimSpace(verdict), "overrides": r.overrides,
		"duration": r.now().Sub(r.begun).Round(time.Second).String()})
	if err != nil {
		return err
	}
	makers := []folder.Maker{report, reportHTML}
	if r.chained {
		makers = append(makers, rosterOf(r.before))
	}
	_, err = r.folder.Seal(makers...)
	return err
}
