package command

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"conclave/ceremony"
	"conclave/ceremony/folder"
	"conclave/vaultstate/serverconfig"
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

// readConfig reads a server's configuration. What is kept and hashed of it has a
// blank in place of a PIN: who knows the rest of the file could try PINs against
// a digest.
func readConfig(name string) (cfg *serverconfig.Config, kept ceremony.Named, warned string, err error) {
	if name == "" {
		return nil, kept, "", nil
	}
	text, info, err := readSecret(name, maxConfig)
	if err == nil {
		warned, err = whoWrites(name, info, os.Geteuid())
	}
	defer text.Wipe()
	if err != nil {
		return nil, kept, "", usage("-config: %v. Nothing was touched.", err)
	}
	cfg, err = serverconfig.Parse(name, text.Expose())
	if err != nil {
		return nil, kept, "", usage("%v. Nothing was touched.", err)
	}
	public, ok := serverconfig.Public(text.Expose())
	switch {
	case !ok:
		return cfg, unkept(name), warned, nil
	case !bytes.Equal(public, text.Expose()):
		kept.Note = "what is secret in it is blanked"
	}
	kept.What, kept.Name, kept.Keep, kept.Data = "config", name, folder.FileName(filepath.Base(name)), public
	return cfg, kept, warned, nil
}

// unkept is a configuration of which the record keeps nothing.
func unkept(name string) ceremony.Named {
	return ceremony.Named{What: "config", Name: name, Note: "what is secret stands in it a second time"}
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
