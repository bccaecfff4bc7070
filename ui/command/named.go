package command

import (
	"fmt"
	"path/filepath"

	"conclave/ceremony"
	"conclave/ceremony/folder"
)

// named are the files that a plan or a flag names. Each is opened once: what was
// read then is hashed, parsed and kept in the record.
type named struct {
	files    []ceremony.Named
	warnings []string // who could change one, in sentences for the plan
}

// read reads a file that what names.
func (n *named) read(what, name string, most int64) ([]byte, error) {
	b, warned, err := readNamed(name, most)
	if err != nil {
		return nil, err
	}
	n.keep(what, name, warned, b)
	return b, nil
}

// keep has the record keep what was read of a file.
func (n *named) keep(what, name, warned string, b []byte) {
	n.add(ceremony.Named{What: what, Name: name, Keep: folder.FileName(filepath.Base(name)), Data: b}, warned)
}

func (n *named) add(f ceremony.Named, warned string) {
	n.files = append(n.files, f)
	if warned != "" {
		n.warnings = append(n.warnings, warned)
	}
}

// configText is what the agreed plan says of a configuration's bytes.
func configText(f ceremony.Named) string {
	switch {
	case f.Keep == "":
		return fmt.Sprintf("%s, not hashed: %s", f.Name, f.Note)
	case f.Note != "":
		return fmt.Sprintf("%s, SHA-256 %s, %s", f.Name, f.SHA256(), f.Note)
	}
	return fmt.Sprintf("%s, SHA-256 %s", f.Name, f.SHA256())
}
