package command

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"conclave/assets/clean"
	"conclave/ceremony/custodian"
	"conclave/ceremony/custody"
	"conclave/ceremony/folder"
	"conclave/ceremony/transcript"
	"conclave/vaultstate"
)

// knowledge is what lies in a directory about a vault: its records, with the
// roster that follows from them, and its chain of custody.
type knowledge struct {
	dir, vault string
	practice   bool
	found      []folder.Found // the vault's records
	newest     *folder.Found  // nil: there is none
	roster     *custodian.Roster
	history    custody.History
	chain      *custody.Chain // nil: there is none
	chainFile  string
	verified   string   // how the newest record's head was confirmed; "" if it was not
	problems   []string // what is not what it claims
}

// know reads what dir holds about a vault. What is damaged is a problem, and no
// error: a status that says nothing at all would help nobody. head is one that
// the newest record is compared with; nil for none.
func know(dir, vault string, head *transcript.Head) (*knowledge, error) {
	k := &knowledge{dir: dir, vault: vault}
	all, err := folder.Find(dir)
	if err != nil {
		return nil, usage("-dir: %v. Nothing was touched.", err)
	}
	for _, practice := range []bool{false, true} {
		k.found = slices.DeleteFunc(slices.Clone(all), func(f folder.Found) bool {
			return f.Report.Header.Facts.Text("vault") != vault || f.Report.Header.Practice != practice
		})
		if k.practice = practice; len(k.found) > 0 {
			break
		}
	}
	if k.practice = k.practice && len(k.found) > 0; len(k.found) > 0 {
		newest := newestOf(k.found)
		k.newest = &newest
		k.records()
	}
	k.readChain()
	k.confirm(head)
	return k, nil
}

// records derives the roster and gathers what else the records say.
func (k *knowledge) records() {
	var err error
	if k.roster, _, err = previousRoster(k.newest.Dir); err != nil {
		k.problems = append(k.problems, problemOf(err))
	}
	last, err := readRecord(k.newest.Dir)
	if err != nil {
		k.problems = append(k.problems, problemOf(err))
		return
	}
	chain, whole, err := chainTo(filepath.Dir(k.newest.Dir), last)
	if err != nil {
		k.problems = append(k.problems, problemOf(err))
		return
	}
	if !whole {
		k.problems = append(k.problems, "Records are missing: the oldest here, "+clean.Clean(chain[0].name)+", names one before it.")
	}
	for _, r := range chain {
		for _, ev := range r.events {
			k.history.Add(ev)
		}
	}
}

// problemOf is the first sentence of an error: what happened.
func problemOf(err error) string {
	var end *ending
	if errors.As(err, &end) {
		text, _, _ := strings.Cut(strings.TrimPrefix(end.text, "-previous: "), ". Nothing was touched")
		return sentence(oneLine(text))
	}
	return sentence(oneLine(err.Error()))
}

func (k *knowledge) readChain() {
	k.chainFile = folder.CustodyPath(k.dir, k.vault, k.practice)
	events, rep, err := folder.ReadCustody(k.chainFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return
	case err == nil && rep.Code() == CodeChanged:
		err = fmt.Errorf("the chain of custody %s is broken in line %d: %s", k.chainFile, rep.Line, rep.Problem)
	case err == nil && rep.Torn > 0:
		k.problems = append(k.problems, "The last line of the chain of custody is torn: the next entry sets it aside.")
	}
	if err == nil && rep.Head.Count > 0 {
		k.chain, err = custody.Read(events, rep)
	}
	if err == nil && k.chain != nil {
		err = againstRecords(k.found, events, k.chain)
	}
	if err != nil {
		k.problems = append(k.problems, sentence(oneLine(err.Error())))
	}
}

// custodyHead is the head of a vault's chain of custody, for the header of the
// ceremony that begins: what is in the chain now cannot be taken away unseen.
func custodyHead(dir, vault string, practice bool) (transcript.Head, error) {
	_, rep, err := folder.ReadCustody(folder.CustodyPath(dir, vault, practice))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return transcript.Head{}, nil
	case err != nil:
		return transcript.Head{}, err
	case rep.Code() == CodeChanged:
		return transcript.Head{}, fmt.Errorf("the chain of custody of this vault is broken in line %d: find another copy of it, or move it away and say so in the record: %w", rep.Line, vaultstate.ErrChanged)
	}
	return rep.Head, nil
}

// againstRecords holds a chain against the records that name its head: what they
// name must be in it.
func againstRecords(found []folder.Found, events []transcript.Event, c *custody.Chain) error {
	for _, f := range found {
		h := f.Report.Header.Facts
		n, want := h.Number("custody_events"), h.Text("custody_head")
		if n == 0 || f.Report.Code() == CodeChanged {
			continue
		}
		id := clean.Clean(cmp.Or(h.Text("id"), f.Dir))
		switch {
		case n > len(events):
			return fmt.Errorf("the chain of custody has %d events, and the record of %s names %d: entries are gone", len(events), id, n)
		case n == len(events) && want != c.Head.String(), n < len(events) && want != events[n].Prev:
			return fmt.Errorf("the record of %s names another line in event %d of the chain of custody", id, n)
		}
	}
	return nil
}

// confirm compares the newest record with a head that lay elsewhere.
func (k *knowledge) confirm(head *transcript.Head) {
	switch {
	case head == nil:
	case k.newest == nil:
		k.problems = append(k.problems, "A head was given, and there is no record of this vault here.")
	case k.newest.Report.Head.SHA256 == head.SHA256 && k.newest.Report.Code() != CodeChanged:
		k.verified = "by the head that you gave"
	default:
		k.problems = append(k.problems, "The head that was given is not that of the newest record here: one is missing, or was changed.")
	}
}

// head is that of the newest record, "" if there is none.
func (k *knowledge) head() string {
	if k.newest == nil {
		return ""
	}
	return k.newest.Report.Head.String()
}

// state is what health is judged by, but for the vault's own words.
func (k *knowledge) state() custody.State {
	return custody.State{Roster: k.roster, History: k.history, Chain: k.chain}
}

// sentences say which records these are and whether anything from outside
// confirms them.
func (k *knowledge) sentences() []string {
	if k.newest == nil {
		return append([]string{"none of this vault in " + clean.Clean(k.dir)}, k.problems...)
	}
	f := k.newest.Report.Header.Facts
	list := []string{fmt.Sprintf("%d, the newest %s (%s), %s", len(k.found), clean.Clean(f.Text("id")), clean.Clean(f.Text("ceremony")), folder.Outcome(k.newest.Report))}
	if k.practice {
		list[0] = "PRACTICE: " + list[0]
	}
	if k.verified != "" {
		list = append(list, "Verified "+k.verified+".")
	} else {
		list = append(list, "Not verified: whoever can write there can have changed them. Give the head on paper with -head. Nobody destroys a share on their word.")
	}
	return append(list, k.problems...)
}
