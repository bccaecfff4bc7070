package ui

import (
	"fmt"
	"io"
	"path/filepath"

	tea "github.com/charmbracelet/bubbletea"

	"conclave/assets/clean"
	"conclave/ceremony"
	"conclave/hsm/secret"
	"conclave/ui/gpg"
	"conclave/ui/term"
)

// Decrypt has gpg decrypt a file on the terminal, which is its own meanwhile.
type Decrypt func(file string) (secret.Bytes, gpg.Tool, error)

// decryption is the part of an entry that gpg can fill: whoever is asked names
// the file, the terminal is lent to gpg and its pinentry, and what gpg yields is
// the answer. It is kept here, in no message.
type decryption struct {
	sealed  *ceremony.Sealed
	decrypt Decrypt
	exec    func(tea.ExecCommand, tea.ExecCallback) tea.Cmd

	naming  bool
	running bool
	file    pathField
	refused string // why the name was not taken
	text    secret.Bytes
	tool    gpg.Tool
	err     error
	failed  *ceremony.Problem // of the last run
}

// decryptedMsg is said when the terminal is back. What was decrypted is not in it.
type decryptedMsg struct{ of *decryption }

func (d *decryption) offers() bool { return d.sealed != nil && d.decrypt != nil }

// name opens the line for the file's name.
func (d *decryption) name() {
	d.naming, d.file, d.refused, d.failed = true, newPathField(), "", nil
}

// lent tells whether gpg has the terminal.
func (d *decryption) lent() bool { return d.running }

// key takes a key while the file is named. back is true if it was left.
func (d *decryption) key(k keyPress) (back bool, cmd tea.Cmd) {
	d.refused = ""
	switch {
	case keyEsc.is(k):
		d.naming = false
		return true, nil
	case !keyEnter.is(k):
		return false, d.file.press(k)
	}
	name := d.file.String()
	if name == "" {
		name = d.sealed.File
	}
	switch {
	case name == "":
		d.refused = "Name the file that is encrypted to you."
		return false, nil
	case ceremony.SecretShape(name):
		d.file, d.refused = newPathField(), "This looks like a share or a key, not like a file. It was dropped."
		return false, nil
	}
	d.naming, d.running = false, true
	return false, d.exec(&lending{d: d, file: name}, func(error) tea.Msg { return decryptedMsg{d} })
}

// decrypts takes what concerns gpg: the key for it, the file's name, the end.
func (d *decryption) decrypts(msg tea.Msg, e *entry) (in *ceremony.Input, cmd tea.Cmd, taken bool) {
	switch msg := msg.(type) {
	case tapMsg:
		if msg.id == e.id && msg.note.Key == term.KeyDecrypt && d.offers() {
			e.wipe()
			d.name()
			return nil, nil, true
		}
	case keyPress:
		if !d.naming {
			return nil, nil, false
		}
		back, cmd := d.key(msg)
		if back {
			e.show()
		}
		return nil, cmd, true
	case completedMsg:
		d.file.completed(msg)
		return nil, nil, d.naming
	case decryptedMsg:
		if msg.of != d {
			return nil, nil, true
		}
		if in = d.done(); in == nil {
			e.show()
		}
		return in, nil, true
	}
	return nil, nil, false
}

// done takes what gpg left: an answer, or why there is none.
func (d *decryption) done() *ceremony.Input {
	d.running = false
	if d.err != nil || d.text.Len() == 0 {
		d.failed = gpg.Problem(d.err)
		d.drop()
		return nil
	}
	in := &ceremony.Input{Secret: d.text.Clone(), Source: "gpg", Program: d.tool.Path, ProgramSHA256: d.tool.SHA256}
	d.drop()
	return in
}

// drop wipes what was decrypted and not given on.
func (d *decryption) drop() {
	d.text.Wipe()
	d.text, d.err = secret.Bytes{}, nil
}

// lending runs gpg while Bubble Tea has let go of the terminal.
type lending struct {
	d    *decryption
	file string
	out  io.Writer
}

func (l *lending) SetStdin(io.Reader)    {}
func (l *lending) SetStdout(w io.Writer) { l.out = w }
func (l *lending) SetStderr(io.Writer)   {}

// Run says on the terminal what happens there, and does it.
func (l *lending) Run() error {
	if l.out != nil {
		// A terminal that is gone is met when the page is drawn again.
		_, _ = fmt.Fprintf(l.out, "gpg decrypts %s. It asks for what it needs. ctrl+c goes back to the ceremony.\n", clean.Clean(l.file))
	}
	l.d.text, l.d.tool, l.d.err = l.d.decrypt(l.file)
	return nil
}

// foot is the line for the name, instead of what is typed otherwise.
func (d *decryption) foot(a area) []string {
	hint := a.para("Better on a device of your own: here gpg holds the plaintext in memory that is not locked.")
	switch {
	case d.refused != "":
		hint = a.para(d.refused)
	case d.file.hint(a) != nil:
		hint = d.file.hint(a)
	case d.sealed.File != "" && len(d.file.text) == 0:
		hint = append(a.para("enter alone takes: "+filepath.Base(d.sealed.File)), hint...)
	}
	return join(a.para("The file that gpg shall decrypt:"), []string{a.field(d.file.String())}, hint)
}

func (d *decryption) keys() []binding {
	return []binding{keyEnter.as("run gpg", "run gpg"), keyTab, keyEsc.as("back to typing", "back"), keyClear.as("clear", "clear"), keyBlank, keyStop}
}

// with puts the key after the first.
func (d *decryption) with(keys []binding) []binding {
	if !d.offers() {
		return keys
	}
	return append([]binding{keys[0], keyDecrypt}, keys[1:]...)
}
