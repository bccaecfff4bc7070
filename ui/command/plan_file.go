package command

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"conclave/assets/clean"
	"conclave/ceremony/custodian"
	"conclave/ceremony/plan"
	"conclave/hsm/secret"
	"conclave/vaultstate"
)

// besides are the flags that may stand beside -plan: they say where and how a
// ceremony is held, not what was agreed. What weakens a rule among them has to
// be accepted in the plan (Bind).
var besides = []string{"plan", "dir", "plain", "allow-piped-secrets", "allow-recorder", "hsm-pin-file", "target", "help", "format"}

// maxLibrary is the largest PKCS#11 library that is hashed.
const maxLibrary = 256 << 20

// readPlan reads the plan that -plan names, once, and takes its values as if
// they were flags. A flag or a variable that says otherwise, or more, is a
// mistake. It returns the file's digest for the agreed plan.
func (f *flags) readPlan(kind vaultstate.Kind) ([]plan.Value, error) {
	if f.plan == "" {
		return nil, nil
	}
	src, err := f.read("plan", f.plan, plan.MaxDocument)
	if err != nil {
		return nil, usage("-plan: %v. Nothing was touched.", err)
	}
	return f.usePlan(kind, src)
}

// usePlan is readPlan for the bytes of the file that were read already.
func (f *flags) usePlan(kind vaultstate.Kind, src []byte) ([]plan.Value, error) {
	name, err := filepath.Abs(f.plan)
	if err != nil {
		return nil, fmt.Errorf("finding the plan: %w", err)
	}
	doc, err := plan.Parse(name, src)
	if err != nil {
		return nil, usage("-plan: %v. Nothing was touched; see conclave plan check.", err)
	}
	if doc.Kind != kind {
		return nil, usage("-plan: %s is of a ceremony %q, and the command is of %q. Nothing was touched.", clean.Clean(f.plan), doc.Kind, kind)
	}
	if err := errors.Join(f.take(doc), contradicted(doc)); err != nil {
		return nil, usage("%s. Nothing was touched.", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	f.doc, f.docSHA256 = doc, sha256Hex(src)
	return []plan.Value{{Name: "plan", Text: filepath.Base(name) + ", SHA-256 " + f.docSHA256, Source: "flag -plan"}}, nil
}

// take sets the flags that a plan sets, and finds those that were typed besides.
func (f *flags) take(doc *plan.Document) error {
	var bad []error
	typed := map[string]bool{}
	f.set.Visit(func(flag *pflag.Flag) { typed[flag.Name] = true })
	set := func(name, value, source string) {
		flag := f.set.Lookup(name)
		switch {
		case flag == nil:
			bad = append(bad, fmt.Errorf("%s says %s, and this ceremony has no such value", source, name))
		case typed[name] && flag.Value.String() != value:
			bad = append(bad, fmt.Errorf("flag -%s says %q, %s says %q", name, clean.Clean(flag.Value.String()), source, clean.Clean(value)))
		default:
			if err := f.set.Set(name, value); err != nil {
				bad = append(bad, fmt.Errorf("%s: %w", source, err))
			}
		}
		delete(typed, name)
	}
	for _, s := range doc.Settings {
		if s.Flag != plan.Approvals { // no flag says those
			set(s.Flag, s.Text, doc.Source(s))
		}
	}
	if doc.Accepts("no-witness") {
		set("no-witness", "true", "the plan")
	}
	var keys []string
	for _, e := range doc.People {
		switch e.Role {
		case custodian.Operator:
			set(string(e.Role), e.Name, "the plan")
		case custodian.Witness:
			if e.KeyFile != "" {
				set("witness-pgp-key", e.KeyFile, "the plan")
			}
			if !typed["witness"] {
				f.witnesses = append(f.witnesses, e.Name)
			}
		case custodian.Custodian:
			if e.KeyFile != "" {
				keys = append(keys, e.KeyFile)
			}
			if !typed["custodian"] {
				f.custodians = append(f.custodians, e.Name)
			}
		case custodian.PINHolder, custodian.Auditor, custodian.Approver, custodian.Room, custodian.Program: // arrange takes them
		}
	}
	if names := doc.With(custodian.Witness); typed["witness"] && slices.Equal(f.witnesses, names) {
		delete(typed, "witness")
	}
	if len(keys) > 0 {
		set("recovery-pgp-keys", strings.Join(keys, ","), "the plan")
	}
	f.set.VisitAll(func(flag *pflag.Flag) {
		if typed[flag.Name] && !slices.Contains(besides, flag.Name) {
			bad = append(bad, fmt.Errorf("flag -%s says %q, and the plan %s does not say it", flag.Name, clean.Clean(flag.Value.String()), clean.Clean(filepath.Base(doc.Name))))
		}
	})
	return errors.Join(bad...)
}

// contradicted finds variables that say what the plan does not. A PIN is not
// named here: it is an override that the plan accepts or not.
func contradicted(doc *plan.Document) error {
	var bad []error
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		short, ok := strings.CutPrefix(name, "BAO_HSM_")
		if !ok {
			short, ok = strings.CutPrefix(name, "VAULT_HSM_")
		}
		if !ok || short == "PIN" || value == "" {
			continue
		}
		s, said := doc.Setting("hsm-" + strings.ToLower(strings.ReplaceAll(short, "_", "-")))
		switch {
		case !said:
			bad = append(bad, fmt.Errorf("environment %s says %q, and the plan %s does not say it", name, clean.Clean(value), clean.Clean(filepath.Base(doc.Name))))
		case s.Text != value:
			bad = append(bad, fmt.Errorf("environment %s says %q, %s says %q", name, clean.Clean(value), doc.Source(s), clean.Clean(s.Text)))
		}
	}
	return errors.Join(bad...)
}

// agreed resolves a request and, with a plan's file, holds the one against the
// other.
func (f *flags) agreed(q plan.Request, now time.Time) (*plan.Plan, error) {
	q.Warnings = f.warnings
	agreed, err := q.Resolve(now)
	switch {
	case err == nil && f.doc != nil:
		f.said(agreed)
		err = f.doc.Bind(agreed)
	case err == nil:
		agreed.Unplanned()
	}
	if err != nil {
		return nil, usage("%s. Nothing was touched.", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	if err := f.approve(agreed, now); err != nil {
		return nil, err
	}
	if err := agreed.Recoverable(now); err != nil {
		return nil, usage("%v. Nothing was touched.", err)
	}
	return agreed, screened(reasons(agreed.Overrides), secret.Bytes{})
}

// said gives the values that a plan's file said their line in it.
func (f *flags) said(agreed *plan.Plan) {
	for i, v := range agreed.Values {
		if s, ok := f.doc.Setting(v.Name); ok && strings.HasPrefix(v.Source, "flag") {
			agreed.Values[i].Source = f.doc.Source(s)
		}
	}
}

// programValues are the digests of the programs that a ceremony runs: this one
// and the HSM's library, under its real path.
func programValues(library string) ([]plan.Value, error) {
	own, err := ownSHA256()
	if err != nil {
		return nil, err
	}
	values := []plan.Value{{Name: "program", Text: "SHA-256 " + own, Source: "self-reported"}}
	if library == "" {
		return values, nil
	}
	return withLibrary(values, library)
}

// withLibrary adds the digest of a library's file.
func withLibrary(values []plan.Value, library string) ([]plan.Value, error) {
	text := "not hashed: "
	real, err := filepath.EvalSymlinks(library)
	if err == nil {
		var b []byte
		if b, _, err = readFile(real, maxLibrary); err == nil {
			text = real + ", SHA-256 " + sha256Hex(b)
		}
	}
	if err != nil {
		// The system's loader looks in more places than we do.
		text += err.Error()
	}
	return append(values, plan.Value{Name: plan.LibraryFile, Text: text, Source: "read before the ceremony"}), nil
}
