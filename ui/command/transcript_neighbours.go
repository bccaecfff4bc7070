package command

import (
	"errors"
	"fmt"
	"path/filepath"

	"conclave/assets/clean"
	"conclave/ceremony/custodian"
	"conclave/ceremony/folder"
	"conclave/ceremony/transcript"
)

// followed looks at the record of a later ceremony: if that names this one's
// head, it is an anchor.
func (r *read) followed(dir string) error {
	if r.dir && within(r.name, dir) {
		return usage("-previous: %s lies in the record itself, and what comes with it anchors nothing. Nothing was checked.", clean.Clean(dir))
	}
	next, err := scanRecord(dir, func(transcript.Event) error { return nil })
	if errors.Is(err, folder.ErrNoRecord) {
		return usage("-previous: %s holds no transcript. Nothing was checked.", clean.Clean(dir))
	}
	if err != nil {
		return err
	}
	h := next.rep.Header.Facts
	switch names := h.Text("previous_head"); {
	case next.rep.Code() == CodeChanged:
		r.rep.Refuse("the record that -previous names is itself not what it claims")
	case names == r.rep.Head.String():
		r.rep.Anchor("the record in " + clean.Clean(dir) + ", which follows it")
	case h.Text("vault") != r.rep.Header.Facts.Text("vault"):
		return usage("-previous: %s is the record of another vault. Nothing was checked.", clean.Clean(dir))
	case h.Number("sequence") != sequence(r.rep)+1:
		return usage("-previous: %s is number %d of the vault, and number %d is needed, which follows this one. Nothing was checked.",
			clean.Clean(dir), h.Number("sequence"), sequence(r.rep)+1)
	default:
		r.rep.Refuse("the record of the ceremony that follows names another head before it")
	}
	return nil
}

// history compares the roster of a record that follows others with what all of
// them give, if they lie beside it.
func (r *read) history() error {
	if !r.dir || r.rep.Code() != CodeDone || r.rep.Header.Facts.Text("previous_head") == "" {
		return nil
	}
	rec, err := folder.OpenRecord(r.name)
	if err != nil {
		return err
	}
	defer func() { _ = rec.Close() }() // only read
	if found, err := rec.Get("roster.json"); err != nil || len(found) == 0 {
		return nil
	}
	dirs, err := r.chain()
	if err != nil {
		return err
	}
	if dirs == nil {
		r.rep.Notes = append(r.rep.Notes, transcript.Note{About: "roster.json", Text: "not compared: the records before this one are not beside it"})
		return nil
	}
	var before *custodian.Roster
	for _, dir := range dirs {
		if before, err = deriveNext(before, dir); err != nil {
			r.rep.Refuse("the records before this one do not make a history: " + err.Error())
			return nil
		}
	}
	r.roster(rec, before)
	return nil
}

// chain is the directories of the records from the vault's first to the one
// before r, or nil if one is not beside it.
func (r *read) chain() ([]string, error) {
	abs, err := filepath.Abs(r.name)
	if err != nil {
		return nil, fmt.Errorf("looking for the records before: %w", err)
	}
	found, err := folder.Find(filepath.Dir(abs))
	if err != nil {
		return nil, nil //nolint:nilerr // what lies beside the record need not be readable
	}
	byHead := map[string]folder.Found{}
	for _, f := range found {
		byHead[f.Report.Head.String()] = f
	}
	var dirs []string
	for head := r.rep.Header.Facts.Text("previous_head"); head != ""; {
		f, ok := byHead[head]
		if !ok || len(dirs) > len(found) {
			return nil, nil
		}
		dirs = append([]string{f.Dir}, dirs...)
		head = f.Report.Header.Facts.Text("previous_head")
	}
	return dirs, nil
}

func deriveNext(before *custodian.Roster, dir string) (*custodian.Roster, error) {
	rec, err := folder.OpenRecord(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rec.Close() }() // only read
	t, err := rec.Transcript()
	if err != nil {
		return nil, err
	}
	defer func() { _ = t.Close() }() // only read
	return custodian.Derive(before, t)
}
