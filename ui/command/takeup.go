package command

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"conclave/assets/clean"
	"conclave/ceremony/folder"
	"conclave/ceremony/plan"
)

// A plan's id is used once. Where every run that was begun under it was cut off
// before its end, the same plan file takes it up again: as the record ID.2, then
// ID.3, each of which names the one before. A record that was closed or stopped
// uses the id up, and so does one that another file began.

// takeUp gives the run an id of its own, or says why the plan cannot be used
// again. there are the entries of -dir.
func (f *flags) takeUp(there []os.DirEntry) error {
	dir := clean.Clean(f.dir)
	if f.doc == nil {
		return usage("-id: %s holds a record of the id %s, and an id is used once. Nothing was touched; take another.", dir, clean.Clean(f.id))
	}
	found, err := folder.Find(f.dir)
	if err != nil {
		return usage("-dir: %v. Nothing was touched.", err)
	}
	refuse := func(name, why string) error {
		return usage("-plan: the id %s is used up: %s %s. Nothing was touched; make a plan with another id.", clean.Clean(f.id), clean.Clean(name), why)
	}
	last, began := 0, ""
	for _, r := range found {
		h := r.Report.Header.Facts
		id := h.Text("id")
		switch {
		case r.Report.Head.Count == 0:
			continue // cut off before its first line: it says nothing
		case id != f.id && !numbered(id, f.id):
			continue
		case !planned(h.List("plan"), f.docSHA256) && id != f.id:
			continue // another plan's own id
		case !planned(h.List("plan"), f.docSHA256):
			return refuse(id, "was begun with another plan file, or with none")
		}
		switch was := folder.Outcome(r.Report); was {
		case "interrupted":
		case "closed":
			return refuse(id, "was closed: the ceremony was held")
		case "aborted":
			return refuse(id, "was stopped by its people")
		default:
			return refuse(id, "is "+was)
		}
		if err := folder.InUse(r.Dir); err != nil {
			return usage("-plan: %v. Nothing was touched; the ceremony %s is held at this moment.", err, clean.Clean(id))
		}
		if n := sequence(r.Report); began == "" || n >= last {
			last, began, f.takes = n, id, r.Dir
		}
	}
	own := f.id
	for n := 2; used(there, f.id); n++ {
		f.id = fmt.Sprintf("%s.%d", own, n)
	}
	if began != "" {
		f.taken = []plan.Value{{Name: "takes up", Text: began + ", interrupted; begun with the same plan file", Source: "found in " + f.dir}}
	}
	return nil
}

// numbered tells whether an id is of a later run of a plan: ID.2.
func numbered(id, first string) bool {
	n, ok := strings.CutPrefix(id, first+".")
	if !ok {
		return false
	}
	i, err := strconv.Atoi(n)
	return err == nil && i > 1
}

// planned tells whether an agreed plan names the plan file by its digest.
func planned(agreed []string, sum string) bool {
	return slices.ContainsFunc(agreed, func(line string) bool {
		return strings.HasPrefix(line, "plan = ") && strings.HasSuffix(line, ", SHA-256 "+sum+" (flag -plan)")
	})
}
