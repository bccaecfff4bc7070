package command

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"conclave/assets/clean"
	"conclave/ceremony/custody"
	"conclave/ceremony/folder"
	"conclave/ceremony/signature"
	"conclave/ceremony/transcript"
)

// custody checks a chain of custody beyond its lines: each entry says what its
// event needs, and each signature is of that entry in that place.
func (r *read) custody(events []transcript.Event, trust *signature.Trust, now time.Time) {
	if r.rep.Code() == CodeChanged {
		return
	}
	c, err := custody.Read(events, r.rep)
	if err != nil {
		r.rep.Refuse(err.Error())
		return
	}
	r.remark("entries", fmt.Sprintf("%d, of which %d stand", len(c.Entries), len(c.Standing())))
	known := cmp.Or(trust, &signature.Trust{})
	for _, e := range c.Entries {
		statement, sig, signed := c.Signature(e)
		if !signed {
			continue
		}
		s, err := known.Check(statement, sig, c.Practice, now)
		about := fmt.Sprintf("entry %d", e.Seq)
		switch {
		case errors.Is(err, signature.ErrWrong):
			r.rep.Refuse(about + ": its signature is of something else")
		case err != nil:
			r.remark(about, "its signature is not counted: "+err.Error())
		case s.Trusted:
			r.people = append(r.people, person{s.Who, s.Key})
			r.remark(about, "signed by "+s.Who)
		case trust != nil:
			r.remark(about, "signed by a key that -trust does not name: "+s.Key)
		case s.Checked:
			r.remark(about, "signed, and good; whose key it is only -trust can tell: "+s.Key)
		default:
			r.remark(about, "signed; not checked: only -trust can give the key: "+s.Key)
		}
	}
}

// custodyIn reads the chains of custody in dirs, by vault.
func custodyIn(dirs []string) (map[vaultKey][]*foundChain, error) {
	chains := map[vaultKey][]*foundChain{}
	for _, dir := range dirs {
		files, err := folder.CustodyFiles(dir)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			f := &foundChain{file: file}
			if f.events, f.rep, err = folder.ReadCustody(file); err != nil {
				return nil, err
			}
			k := vaultKey{f.rep.Header.Practice, f.rep.Header.Facts.Text("vault")}
			chains[k] = append(chains[k], f)
		}
	}
	return chains, nil
}

// foundChain is a file with a chain of custody.
type foundChain struct {
	file   string
	events []transcript.Event
	rep    transcript.Report
}

// verifyCustody prints what the chain of a vault shows, and takes it off the
// map. Nothing from the file begins a line.
func (p *Process) verifyCustody(k vaultKey, chains map[vaultKey][]*foundChain, links []*link) (code int) {
	list := chains[k]
	delete(chains, k)
	var gaps, changed []string
	if len(list) == 0 {
		for _, l := range links {
			if n := l.rep.Header.Facts.Number("custody_events"); n > 0 {
				gaps = append(gaps, fmt.Sprintf("%s names a chain of custody of %d events, and there is none here", l.name(), n))
			}
		}
		if gaps == nil {
			return CodeDone
		}
	}
	kind := "CUSTODY"
	if k.practice {
		kind = "PRACTICE: CUSTODY"
	}
	fmt.Fprintf(p.Stdout, "%s\n  vault %s\n\n", kind, clean.Clean(k.vault))
	if len(list) > 1 {
		changed = append(changed, fmt.Sprintf("there are %d chains of this vault", len(list)))
	}
	for _, f := range list {
		g, c := f.judge(links)
		gaps, changed = append(gaps, g...), append(changed, c...)
		fmt.Fprintf(p.Stdout, "  %s: %d events, head %s\n", clean.Clean(f.file), f.rep.Head.Count, f.rep.Head)
	}
	for _, part := range []struct {
		label string
		list  []string
	}{{"gap", gaps}, {"problem", changed}} {
		for i, s := range part.list {
			if i == maxMissing {
				s = fmt.Sprintf("and %d more", len(part.list)-maxMissing)
			}
			if i <= maxMissing {
				fmt.Fprintf(p.Stdout, "  %-8s %s\n", part.label, clean.Clean(s))
			}
		}
	}
	verdict := "CONSISTENT: the chain's lines fit together, and it is what the records name."
	switch {
	case len(changed) > 0:
		verdict, code = "CHANGED: the chain of custody is not what it claims.", CodeChanged
	case len(gaps) > 0:
		verdict, code = "GAPS: what is here is consistent, and something that is named is not here.", CodeStopped
	}
	fmt.Fprintf(p.Stdout, "\n%s\nEntries after the last that a record names could be gone: only a card shows that.\n\n", verdict)
	return code
}

// judge holds a chain against the records of its vault.
func (f *foundChain) judge(links []*link) (gaps, changed []string) {
	if f.rep.Code() == CodeChanged {
		return nil, []string{fmt.Sprintf("line %d: %s", f.rep.Line, f.rep.Problem)}
	}
	if f.rep.Torn > 0 {
		gaps = append(gaps, fmt.Sprintf("the last line is torn: %d bytes of an entry that was cut off", f.rep.Torn))
	}
	if f.rep.Head.Count == 0 {
		return append(gaps, f.file+" is empty"), nil
	}
	c, err := custody.Read(f.events, f.rep)
	if err != nil {
		return gaps, []string{err.Error()}
	}
	var found []folder.Found
	for _, l := range links {
		found = append(found, folder.Found{Dir: l.read.name, Report: l.rep})
	}
	if err := againstRecords(found, f.events, c); err != nil {
		changed = append(changed, err.Error())
	}
	// The records that entries name come one after the other.
	last := -1
	named := func(what, head string) {
		if head == "" {
			return
		}
		i := slices.IndexFunc(links, func(l *link) bool { return l.rep.Head.String() == head })
		switch {
		case i < 0:
			gaps = append(gaps, fmt.Sprintf("%s names a record that is not here, or was changed or went on since: head %s", what, head[:min(8, len(head))]))
		case i < last:
			changed = append(changed, fmt.Sprintf("%s names %s, and an entry before it a later record", what, links[i].name()))
		}
		last = max(last, i)
	}
	named("its beginning", c.Began)
	for _, e := range c.Entries {
		named(fmt.Sprintf("entry %d", e.Seq), e.Facts.Text("record_head"))
	}
	return gaps, changed
}
