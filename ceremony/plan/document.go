package plan

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"conclave/assets/clean"
	"conclave/ceremony/custodian"
	"conclave/vaultstate"
)

// MaxDocument is the largest plan file. A parser that calls itself for every
// bracket needs a bound.
const MaxDocument = 64 << 10

// Document is a plan file as it was read. Nothing that it names was opened yet.
type Document struct {
	Name string // the file; what it names is beside it
	Kind vaultstate.Kind

	// Settings are the values under the names of the flags that would say the
	// same, in the order that the program has for them. Paths are already
	// relative to where Name is.
	Settings []Setting
	People   []Entry

	accepted []acceptance
	src      []byte
}

// Setting is one value and where it is written.
type Setting struct {
	Flag, Text string
	where      hcl.Range
}

// Entry is a person of a plan, and the key that what is for them is encrypted to.
type Entry struct {
	custodian.Person
	KeyFile     string // "": none
	KeyText     string // of an approver, where the key itself stands in the plan
	Fingerprint string // lower-case hex, as the person's own card has it
	Mail        string // one person is known by it under two names
	where       hcl.Range
}

type acceptance struct {
	id, reason string
	where      hcl.Range
}

// Mistakes are all that is wrong with a plan file, each with its line.
type Mistakes struct {
	Count int
	Text  string // lines for a person, with the source
}

func (m *Mistakes) Error() string {
	if m.Count == 1 {
		return "the plan has a mistake:\n" + m.Text
	}
	return fmt.Sprintf("the plan has %d mistakes:\n%s", m.Count, m.Text)
}

// Parse reads a plan file and reports everything that is wrong in it at once.
// An argument that nothing acts on is refused, not passed over.
func Parse(name string, src []byte) (*Document, error) {
	d := &Document{Name: name, src: src}
	if len(src) > MaxDocument {
		return nil, &Mistakes{1, fmt.Sprintf("%s has more than %d bytes", clean.Clean(name), MaxDocument)}
	}
	file, diags := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, d.mistakes(diags)
	}
	r := reader{d: d}
	r.root(file.Body)
	if r.diags.HasErrors() {
		return nil, d.mistakes(r.diags)
	}
	return d, nil
}

// mistakes writes diagnostics with the lines they are about.
func (d *Document) mistakes(diags hcl.Diagnostics) *Mistakes {
	var out bytes.Buffer
	w := hcl.NewDiagnosticTextWriter(&out, map[string]*hcl.File{d.Name: {Bytes: d.src}}, 0, false)
	// The parser keeps arguments in a map: the order is ours.
	slices.SortStableFunc(diags, func(a, b *hcl.Diagnostic) int { return begins(a) - begins(b) })
	count := 0
	for _, diag := range diags {
		if diag.Severity == hcl.DiagError {
			count++
		}
		_ = w.WriteDiagnostic(diag) // into memory
	}
	var lines []string
	for line := range strings.Lines(out.String()) {
		lines = append(lines, clean.Cut(strings.ReplaceAll(strings.TrimRight(line, "\r\n"), "\t", "    "), 400))
	}
	return &Mistakes{count, strings.TrimRight(strings.Join(lines, "\n"), "\n")}
}

func begins(d *hcl.Diagnostic) int {
	if d.Subject == nil {
		return MaxDocument // of the whole plan
	}
	return d.Subject.Start.Byte
}

// Setting finds a value by the name of its flag.
func (d *Document) Setting(flag string) (Setting, bool) {
	for _, s := range d.Settings {
		if s.Flag == flag {
			return s, true
		}
	}
	return Setting{}, false
}

// Source says where a setting is written. The file's name is not in it: the
// hash of the agreed plan shall not depend on how the file was named.
func (d *Document) Source(s Setting) string {
	return fmt.Sprintf("plan line %d", s.where.Start.Line)
}

// Organisations are people's organisations by their names.
func (d *Document) Organisations() map[string]string {
	return d.said(func(e Entry) string { return e.Organisation })
}

// ReportsTo, Sites and Mail are what the plan says besides of people, by their
// names.
func (d *Document) ReportsTo() map[string]string {
	return d.said(func(e Entry) string { return e.ReportsTo })
}

// Sites are where custodians keep their shares.
func (d *Document) Sites() map[string]string {
	return d.said(func(e Entry) string { return e.Site })
}

// Mail are people's addresses.
func (d *Document) Mail() map[string]string {
	return d.said(func(e Entry) string { return e.Mail })
}

func (d *Document) said(of func(Entry) string) map[string]string {
	m := map[string]string{}
	for _, e := range d.People {
		if text := of(e); text != "" {
			m[e.Name] = text
		}
	}
	return m
}

// Approvers are those who sign the plan, with where their keys are.
func (d *Document) Approvers() []Entry {
	return slices.DeleteFunc(slices.Clone(d.People), func(e Entry) bool { return e.Role != custodian.Approver })
}

// PINHolders are the names of those who type a part of the PIN.
func (d *Document) PINHolders() []string { return d.With(custodian.PINHolder) }

// With are the names of the people of a role, in their order.
func (d *Document) With(role custodian.Role) []string {
	var names []string
	for _, e := range d.People {
		if e.Role == role {
			names = append(names, e.Name)
		}
	}
	return names
}

// beside makes a path that is written in the plan one of the working directory.
func (d *Document) beside(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(d.Name), path)
}

// tidy makes a fingerprint as people write it one of hex digits.
func tidy(fingerprint string) string {
	return strings.ToLower(strings.NewReplacer(" ", "", ":", "", "\u00a0", "").Replace(fingerprint))
}
