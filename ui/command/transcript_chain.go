package command

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"conclave/assets/clean"
	"conclave/ceremony/custodian"
	"conclave/ceremony/folder"
	"conclave/ceremony/transcript"
)

// link is one record of a vault's history.
type link struct {
	*read
	shares map[string]*shareEvents // by person
}

// shareEvents is what the records say that a person did with shares.
type shareEvents struct{ issued, proven, entered, refused int }

// maxPeople bounds what a hostile record makes us keep.
const maxPeople = 10_000

// vaultKey tells histories apart.
type vaultKey struct {
	practice bool
	vault    string
}

// history is the records of one vault, oldest first, and what is wrong with them.
type history struct {
	links   []*link
	gaps    []string // records that are missing or have no end
	changed []string // what is not what it claims
}

// verifyChain lists the histories of all vaults whose records lie in dirs.
func (p *Process) verifyChain(dirs []string, head *transcript.Head) error {
	vaults, err := gather(dirs)
	if err != nil {
		return err
	}
	keys := slices.SortedFunc(maps.Keys(vaults), func(a, b vaultKey) int { return cmp.Compare(a.vault, b.vault) })
	chains, err := custodyIn(dirs)
	if err != nil {
		return err
	}
	if len(keys) > 1 && head != nil {
		return usage("the records are of %d vaults, and -head is of one. Nothing was checked.", len(keys))
	}
	code, err := p.verifyRuns(dirs)
	if err != nil {
		return err
	}
	for _, k := range keys {
		h := &history{links: vaults[k]}
		if err := h.judge(); err != nil {
			return err
		}
		anchored := false
		if last := h.links[len(h.links)-1]; head != nil {
			last.rep.Compare(*head, "the head that was given", true)
			if anchored = last.rep.Anchored; !anchored {
				h.changed = append(h.changed, "the head that was given is not the last record's")
			}
		}
		h.print(p, k, anchored)
		switch {
		case len(h.changed) > 0:
			code = CodeChanged
		case len(h.gaps) > 0:
			code = max(code, CodeStopped)
		}
		code = max(code, p.verifyCustody(k, chains, h.links))
	}
	for _, k := range slices.SortedFunc(maps.Keys(chains), func(a, b vaultKey) int { return cmp.Compare(a.vault, b.vault) }) {
		code = max(code, p.verifyCustody(k, chains, nil)) // no record of that vault is here
	}
	switch code {
	case CodeChanged:
		return &ending{code, "The history is not what it claims. Nothing was changed by this check; take other copies of the records, and compare heads with the paper."}
	case CodeStopped:
		return &ending{code, "The history has gaps. Nothing was changed by this check; find the records that are missing, and ask the people what happened."}
	}
	return nil
}

// gather reads all records in or directly below dirs, each once.
func gather(dirs []string) (map[vaultKey][]*link, error) {
	vaults := map[vaultKey][]*link{}
	seen := map[string]bool{}
	add := func(dir string) error {
		l := &link{shares: map[string]*shareEvents{}}
		var err error
		if l.read, err = scanRecord(dir, l.note); err != nil {
			return err
		}
		if head := l.rep.Head.String(); l.rep.Code() != CodeChanged {
			if seen[head] {
				return nil // a copy
			}
			seen[head] = true
		}
		k := vaultKey{l.rep.Header.Practice, l.rep.Header.Facts.Text("vault")}
		vaults[k] = append(vaults[k], l)
		return nil
	}
	for _, dir := range dirs {
		err := add(dir)
		if errors.Is(err, folder.ErrNoRecord) {
			found, e := folder.Find(dir)
			if err = e; len(found) == 0 && err == nil {
				err = failed("%s holds no transcript. Nothing was checked.", clean.Clean(dir))
			}
			for _, f := range found {
				if err == nil {
					err = add(f.Dir)
				}
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return vaults, nil
}

// note counts what the event says that somebody did with a share.
func (l *link) note(ev transcript.Event) error {
	who := ev.Claimed
	if ev.Kind == "share" || ev.Kind == "proven" {
		who = ev.Facts.Text("custodian")
	}
	s := l.shares[who]
	if s == nil {
		if s = new(shareEvents); len(l.shares) >= maxPeople {
			return nil
		}
	}
	switch ev.Kind {
	case "share":
		s.issued++
	case "proven":
		s.proven++
	case "share-entered":
		if ev.Facts.Text("result") == "good" {
			s.entered++
		} else {
			s.refused++
		}
	default:
		return nil
	}
	l.shares[who] = s
	return nil
}

// name is how a record is called where something is wrong with it.
func (l *link) name() string {
	return clean.Clean(cmp.Or(l.rep.Header.Facts.Text("id"), l.read.name))
}

// judge puts the records in order and looks whether each follows the one before.
func (h *history) judge() error {
	slices.SortStableFunc(h.links, func(a, b *link) int {
		return cmp.Or(sequence(a.rep)-sequence(b.rep), a.rep.Header.Time.Compare(b.rep.Header.Time))
	})
	var last *link
	var roster *custodian.Roster
	whole := true // from the first on, so that rosters can be derived
	for _, l := range h.links {
		whole = h.follows(last, l) && whole
		if whole && l.rep.Code() != CodeChanged {
			if err := l.compareRoster(roster); err != nil {
				return err
			}
			next, err := deriveNext(roster, l.read.name)
			if err != nil {
				h.changed = append(h.changed, l.name()+": "+err.Error())
				whole = false
			}
			roster = next
		}
		switch l.rep.State {
		case transcript.Interrupted:
			h.gaps = append(h.gaps, l.name()+" has no end: the ceremony was interrupted")
		case transcript.Broken, transcript.Changed:
			h.changed = append(h.changed, l.name()+": "+l.rep.Problem)
		case transcript.Open:
			h.changed = append(h.changed, l.name()+" is a chain of custody in the place of a ceremony's record")
		case transcript.Closed:
		}
		last = l
	}
	return nil
}

// follows tells whether l names the record before it, and that is there.
func (h *history) follows(last, l *link) bool {
	names, n := l.rep.Header.Facts.Text("previous_head"), sequence(l.rep)
	switch {
	case last == nil && names == "":
		return true
	case last == nil:
		h.gaps = append(h.gaps, missing(1, n-1)+" before "+l.name())
	case n == sequence(last.rep):
		h.changed = append(h.changed, fmt.Sprintf("%s and %s are both number %d of the vault", last.name(), l.name(), n))
	case names == last.rep.Head.String() && n == sequence(last.rep)+1:
		if said := l.rep.Header.Facts.Text("previous_outcome"); said != "" && said != folder.Outcome(last.rep) && last.rep.Code() != CodeChanged {
			h.changed = append(h.changed, fmt.Sprintf("%s says that %s was %s, and it is %s", l.name(), last.name(), said, folder.Outcome(last.rep)))
			return false
		}
		return true
	case n > sequence(last.rep)+1:
		h.gaps = append(h.gaps, missing(sequence(last.rep)+1, n-1)+" before "+l.name())
	case last.rep.Code() == CodeChanged:
		return false // said already
	default:
		h.changed = append(h.changed, l.name()+" names another record before it than "+last.name())
	}
	return false
}

func missing(from, to int) string {
	if from >= to {
		return fmt.Sprintf("number %d is missing", from)
	}
	return fmt.Sprintf("numbers %d to %d are missing", from, to)
}

func (l *link) compareRoster(before *custodian.Roster) error {
	if !l.dir || l.rep.Code() != CodeDone {
		return nil
	}
	rec, err := folder.OpenRecord(l.read.name)
	if err != nil {
		return err
	}
	defer func() { _ = rec.Close() }() // only read
	l.roster(rec, before)
	return nil
}
