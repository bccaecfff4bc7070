package command

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"conclave/assets/clean"
	"conclave/ceremony/custodian"
)

// voidSet is a set that never counted and of which files lie beside the records.
type voidSet struct {
	Set      string   `json:"set"`
	Ceremony string   `json:"ceremony"`
	Files    []string `json:"files"`
}

// setNote is what the armor of a share's file says of its set.
var setNote = regexp.MustCompile(`(?m)^Comment: (?:PRACTICE[^\n]{0,80}?)?Share [0-9]+ of set ([0-9a-f]{32}), ceremony ([^\n]{1,200}?)\. It counts only`)

// mostArmor is how much of a file is looked at, mostLoose how many files.
const (
	mostArmor = 4096
	mostLoose = 10_000
)

// voidSets are the sets that the records call void, or that they do not know at
// all, with their files in the records' directories and beside them.
func (k *knowledge) voidSets() ([]voidSet, error) {
	if k.roster == nil {
		return nil, nil
	}
	sets := map[string]custodian.Set{}
	for _, s := range k.roster.Sets {
		sets[s.ID] = s
	}
	var list []voidSet
	add := func(set, ceremony, file string) {
		i := slices.IndexFunc(list, func(v voidSet) bool { return v.Set == set })
		if i < 0 {
			list, i = append(list, voidSet{Set: set, Ceremony: ceremony}), len(list)
		}
		list[i].Files = append(list[i].Files, file)
	}
	dirs := []string{k.dir}
	for _, f := range k.found {
		dirs = append(dirs, filepath.Join(f.Dir, "shares"))
	}
	looked := 0
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("looking for files of void sets: %w", err)
		}
		for _, e := range entries {
			if looked++; !e.Type().IsRegular() || !strings.HasSuffix(e.Name(), ".asc") || looked > mostLoose {
				continue
			}
			file := filepath.Join(dir, e.Name())
			id, ceremony, ok := setOf(file)
			if s, known := sets[id]; ok && known && s.State == custodian.Void {
				add(id, s.Ceremony, file)
			} else if ok && !known && dir != k.dir {
				add(id, ceremony, file) // no record has it: it never counted
			}
		}
	}
	return list, nil
}

// setOf reads of which set a share's file is.
func setOf(file string) (set, ceremony string, ok bool) {
	f, err := os.OpenFile(file, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0) // #nosec G304 -- found in the operator's directory
	if err != nil {
		return "", "", false
	}
	defer func() { _ = f.Close() }() // only read
	b, err := io.ReadAll(io.LimitReader(f, mostArmor))
	m := setNote.FindSubmatch(b)
	if err != nil || m == nil {
		return "", "", false
	}
	return string(m[1]), clean.Clean(string(m[2])), true
}

// text says what a void set is, and does not tell anybody to destroy anything:
// the records may have been changed.
func (v voidSet) text() string {
	return fmt.Sprintf("set %s of %s never counted, by these records: %d files (%s). None of them is a share of this vault; the custodians are told before anything is thrown away.",
		clean.Clean(v.Set[:8]), clean.Clean(v.Ceremony), len(v.Files), clean.Cut(strings.Join(v.Files, ", "), 400))
}
