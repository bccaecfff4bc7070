package command

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"conclave/assets/clean"
	"conclave/ceremony"
	"conclave/ceremony/custodian"
	"conclave/ceremony/folder"
	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
)

// before is what the earlier records of the vault say: of the one that
// -previous names, else of the last that lies in -dir.
func (f *flags) before(q *plan.Request) (*custodian.Roster, error) {
	dir, source := f.previous, "flag -previous"
	if dir != "" && f.takes != "" {
		dir, source = f.takes, "the interrupted run of this plan"
	}
	switch dir {
	case "none":
		q.Values = append(q.Values, plan.Value{Name: "previous", Text: "none", Source: source})
		return nil, nil
	case "":
		last, err := lastOf(f.dir, q.Storage)
		if last == nil || err != nil {
			return nil, err
		}
		dir, source = last.Dir, "found in "+f.dir
	}
	ro, hint, err := previousRoster(dir)
	if err != nil {
		return nil, err
	}
	f.recordsBefore = dir
	text := fmt.Sprintf("%s, %s, head %s", dir, ro.Ceremony, ro.Head)
	if hint {
		text += ", its roster.json alone: the records before it are not here, and nothing shows that they give it"
	}
	if ro.Outcome == "interrupted" {
		text += ", INTERRUPTED: what it left is looked at in the step Vault"
	}
	q.Values = append(q.Values, plan.Value{Name: "previous", Text: text, Source: source, Day: f.previous == ""})
	return ro, nil
}

// lastOf is the last record of a vault among those in dir, or nil.
func lastOf(dir, storage string) (*folder.Found, error) {
	found, err := folder.Find(dir)
	if err != nil {
		return nil, usage("-dir: %v. Nothing was touched.", err)
	}
	found = slices.DeleteFunc(found, func(f folder.Found) bool {
		return f.Report.Header.Facts.Text("vault") != storage || f.Report.Header.Practice
	})
	if len(found) == 0 {
		return nil, nil
	}
	last := newestOf(found)
	return &last, nil
}

func newestOf(found []folder.Found) folder.Found {
	return slices.MaxFunc(found, func(a, b folder.Found) int {
		if s := sequence(a.Report) - sequence(b.Report); s != 0 {
			return s
		}
		return a.Report.Header.Time.Compare(b.Report.Header.Time)
	})
}

// previousRoster derives who holds what from the record of the ceremony before
// and those that it follows, which lie beside it. dir may also be the directory
// that holds them all: then the last of them is meant.
//
// Where the older records are not there, roster.json of the last counts, if it
// names that record's own head: it is a hint then.
func previousRoster(dir string) (ro *custodian.Roster, hint bool, err error) {
	last, err := readRecord(dir)
	parent := filepath.Dir(filepath.Clean(dir))
	if errors.Is(err, folder.ErrNoRecord) {
		last, err = newest(dir)
		parent = dir
	}
	if err != nil {
		return nil, false, usage("-previous: %v. Nothing was touched.", err)
	}
	if last.rep.Code() == CodeChanged {
		return nil, false, &ending{CodeChanged, fmt.Sprintf("The record before, %s, is not what it claims: %s. Nothing was touched; find another copy of it, or the reason.", clean.Clean(last.name), last.rep.Problem)}
	}
	chain, whole, err := chainTo(parent, last)
	if err != nil {
		return nil, false, err
	}
	if !whole {
		if ro, err = rosterBeside(last); err == nil {
			return ro, true, nil
		}
		return nil, false, usage("-previous: the records before %s are not beside it, and %v. Nothing was touched; put them into one directory.", clean.Clean(last.name), err)
	}
	for _, r := range chain {
		if ro, err = custodian.DeriveFrom(ro, r.events, r.rep); err != nil {
			return nil, false, &ending{CodeChanged, fmt.Sprintf("The records in %s do not make a history: %v. Nothing was touched.", clean.Clean(parent), err)}
		}
		found, err := rosterFile(r)
		switch {
		case err != nil:
			return nil, false, err
		case found != nil && !ro.Same(found):
			return nil, false, &ending{CodeChanged, fmt.Sprintf("roster.json in %s is not what the records give: somebody changed it. Nothing was touched; find another copy of the record, or the reason.", clean.Clean(r.name))}
		}
	}
	return ro, false, nil
}

// newest is the last record of a directory, by sequence.
func newest(dir string) (*read, error) {
	found, err := folder.Find(dir)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(f folder.Found) bool { return f.Report.Head.Count == 0 })
	if len(found) == 0 {
		return nil, fmt.Errorf("%s holds no record", clean.Clean(dir))
	}
	return readRecord(newestOf(found).Dir)
}

// sealedBy are the keys of a token that the records in dir say to seal, or to have
// sealed, other vaults than this one.
func sealedBy(dir, storage, serial string) ([]ceremony.SealedBy, error) {
	found, err := folder.Find(dir)
	if err != nil {
		return nil, fmt.Errorf("looking for other vaults' records: %w", err)
	}
	var list []ceremony.SealedBy
	for _, f := range found {
		vault := f.Report.Header.Facts.Text("vault")
		if vault == storage || f.Report.Header.Practice {
			continue
		}
		b, err := rosterFile(&read{name: f.Dir})
		if err != nil || b == nil {
			continue // its own ceremonies say what is wrong with it
		}
		ro, err := custodian.Decode(b)
		if err != nil || ro.HSM != serial {
			continue
		}
		for _, ref := range append([]string{ro.SealKey}, ro.OldSealKeys...) {
			list = append(list, ceremony.SealedBy{Ref: ref, Whose: clean.Clean(vault) + ", by the record " + clean.Clean(filepath.Base(f.Dir))})
		}
	}
	return list, nil
}

func sequence(rep transcript.Report) int { return rep.Header.Facts.Number("sequence") }

// chainTo is the records from the vault's first to last, as far as they lie in
// parent; whole tells whether none is missing.
func chainTo(parent string, last *read) (chain []*read, whole bool, err error) {
	found, err := folder.Find(parent)
	if err != nil {
		return nil, false, err
	}
	byHead := map[string]string{}
	for _, f := range found {
		byHead[f.Report.Head.String()] = f.Dir
	}
	chain = []*read{last}
	for r := last; ; {
		head := r.rep.Header.Facts.Text("previous_head")
		if head == "" {
			return chain, true, nil
		}
		dir, ok := byHead[head]
		if !ok || len(chain) > len(found) {
			return chain, false, nil
		}
		if r, err = readRecord(dir); err != nil {
			return nil, false, err
		}
		chain = append([]*read{r}, chain...)
	}
}

// rosterFile is roster.json of a record, nil if it has none.
func rosterFile(r *read) ([]byte, error) {
	rec, err := folder.OpenRecord(r.name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rec.Close() }() // only read
	b, err := rec.Get("roster.json")
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

func rosterBeside(r *read) (*custodian.Roster, error) {
	b, err := rosterFile(r)
	if err != nil {
		return nil, err
	}
	if b == nil {
		return nil, errors.New("it has no roster.json")
	}
	ro, err := custodian.Decode(b)
	if err != nil {
		return nil, err
	}
	if ro.Head != r.rep.Head.String() {
		return nil, errors.New("its roster.json is of another record")
	}
	return ro, nil
}
