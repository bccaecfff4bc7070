package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"conclave/assets"
	"conclave/assets/clean"
	"conclave/ceremony/plan"
	"conclave/hsm"
	"conclave/hsm/secret"
	"conclave/ui/term"
	"conclave/vaultstate/pgp"
	"conclave/vaultstate/storage"
)

// finding is one line of the doctor.
type finding struct {
	what  string
	level string // "ok", "warning", or "do": something is to be done
	text  string
}

const (
	fine    = "ok"
	warning = "warning"
	todo    = "do"
)

func (p *Process) doctorCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "doctor [-config FILE | -storage DIR] [flags]", Short: "Check machine, terminal, HSM, storage, PGP keys before the day", Args: cobra.NoArgs,
		Long: "One line each: ok, warning, or what to do. No PIN is asked for and nothing is\nchanged. Exit code 1 if something is to be done.",
	}
	f := newFlags(c)
	common(f.set)
	f.set.StringVar(&f.keys, "recovery-pgp-keys", "", "`FILES` with a public key each, separated by commas")
	f.rootTokenKeyFlag()
	c.RunE = func(c *cobra.Command, _ []string) error { return p.doctor(c.Context(), f) }
	return c
}

func (p *Process) doctor(ctx context.Context, f *flags) error {
	list := append(p.aboutMachine(), p.aboutRoom(os.DirFS("/"), os.Getenv)...)
	t, err := f.target()
	if e := forgetPIN(); e != nil {
		return e
	}
	switch {
	case err == nil:
		defer t.Wipe()
		list = append(list, t.aboutStorage(ctx)...)
		list = append(list, t.aboutHSM(ctx)...)
	case f.config == "" && f.storage == "" && f.hsm["hsm-lib"] != nil && *f.hsm["hsm-lib"] == "":
		list = append(list, finding{"vault", warning, "not looked at: name its configuration with -config, or its storage with -storage"})
	default:
		list = append(list, finding{"vault", todo, strings.TrimSuffix(err.Error(), " Nothing was touched.")})
	}
	list = append(list, f.aboutKeys("recovery-pgp-keys", f.keys, p.Now())...)
	list = append(list, f.aboutKeys("root-token-pgp-key", f.rootKey, p.Now())...)
	for _, w := range f.warnings {
		list = append(list, finding{"file", warning, w})
	}
	open := 0
	for _, l := range list {
		if l.level == todo {
			open++
		}
		for i, text := range fill(strings.Fields(oneLine(l.text)), 78-24, " ") {
			head := fmt.Sprintf("%-8s %-14s", l.level, l.what)
			if i > 0 {
				head = ""
			}
			fmt.Fprintf(p.Stdout, "%-24s%s\n", head, text)
		}
	}
	if open > 0 {
		return failed("%d of %d checks ask for something to be done. Nothing was changed; see the lines that begin with do.", open, len(list))
	}
	return nil
}

func (p *Process) aboutMachine() []finding {
	list := []finding{{"program", fine, "conclave " + version()}}
	if !build().cgo {
		list[0] = finding{"program", todo, "this build has no PKCS#11 (it was made without cgo): use one that was made with it"}
	}
	if kind := secret.Memory(); kind == secret.MemorySecret {
		list = append(list, finding{"memory", fine, "secrets lie in " + kind})
	} else {
		list = append(list, finding{"memory", warning, "secrets lie in " + kind})
	}
	for _, s := range p.Shortfalls {
		list = append(list, finding{"machine", warning, s})
	}
	if len(p.Shortfalls) == 0 {
		list = append(list, finding{"machine", fine, "core dumps are off, swap is off, keys are erased after use"})
	}
	out, ok := p.Stdout.(*os.File)
	if err := term.Usable(p.Stdin, out, os.Getenv); !ok || err != nil {
		if !ok {
			err = errors.New("this is no terminal")
		}
		list = append(list, finding{"terminal", warning, fmt.Sprintf("the screen cannot be used here (%v): with -plain it goes line by line", err)})
	} else {
		list = append(list, finding{"terminal", fine, describeTerminal(false, false)})
	}
	seen := p.seen()
	for _, r := range seen {
		level := warning
		if r.Refuse {
			level = todo
		}
		list = append(list, finding{"recorder", level, r.Sentence})
	}
	if len(seen) == 0 {
		list = append(list, finding{"recorder", fine, "nothing was seen that records this terminal; a camera never is"})
	}
	var ids []string
	for _, o := range ofTheMachine(seen, p.Shortfalls) {
		ids = append(ids, o.ID)
	}
	if len(ids) > 0 {
		list = append(list, finding{"overrides", warning, "a real ceremony asks why: " + strings.Join(ids, ", ") + "; a plan's file has to accept it"})
	}
	return list
}

func (t *target) aboutStorage(ctx context.Context) []finding {
	s, err := storage.Open(storage.OS, t.storage.Text)
	if err != nil {
		return []finding{{"storage", todo, err.Error()}}
	}
	list := []finding{{"storage", fine, clean.Clean(s.Root()) + " (" + t.storage.Source + ")"}}
	list = append(list, aboutOwner(s.Root(), os.Geteuid()))
	if err := s.Probe(); err != nil {
		list = append(list, finding{"exchange", todo, err.Error()})
	} else {
		list = append(list, finding{"exchange", fine, "two directories can be exchanged in one step here"})
	}
	found, unseen, err := s.Servers(ctx, t.addresses)
	switch {
	case err != nil:
		list = append(list, finding{"server", todo, err.Error()})
	case len(found) > 0:
		list = append(list, finding{"server", todo, "stop it before a ceremony: " + strings.Join(found, " ")})
	case unseen > 0:
		list = append(list, finding{"server", warning, fmt.Sprintf("none was seen, but %d processes of other users could not be looked into", unseen)})
	default:
		list = append(list, finding{"server", fine, "none runs on this storage"})
	}
	st, err := t.status(ctx)
	if err != nil {
		return append(list, finding{"vault", todo, err.Error()})
	}
	list = append(list, st.findings()...)
	for _, n := range t.notices {
		list = append(list, finding{"configuration", warning, fmt.Sprintf("%s:%d: %s", clean.Clean(n.File), n.Line, n.Text)})
	}
	return list
}

// findings are the doctor's lines of the vault itself.
func (s *status) findings() []finding {
	text := "not initialised"
	if s.Initialized {
		text = fmt.Sprintf("initialised, %d recovery shares, %d needed, sealed by key %s", s.Shares, s.Threshold, clean.Clean(s.SealKey))
	}
	list := []finding{{"vault", fine, text}}
	if s.SealHow == hsm.RSAOAEP {
		list = append(list, finding{"seal", warning, strings.Join(assets.Text("unauthenticated-seal"), " ")})
	}
	for _, l := range s.Left {
		level := todo
		if l.State == "rollback" {
			level = warning
		}
		list = append(list, finding{"leftover", level, l.Text + " It lies in " + clean.Clean(l.Path) + "; `operator migrate` would copy it."})
	}
	if len(s.Left) == 0 {
		list = append(list, finding{"leftover", fine, "nothing of an earlier ceremony"})
	}
	return list
}

// aboutHSM finds token and key. Nobody logs in, so a key that is private is not
// seen.
func (t *target) aboutHSM(ctx context.Context) []finding {
	if !t.named() {
		return []finding{{"HSM", warning, "not looked at: no library was named (-hsm-lib, BAO_HSM_LIB, or the seal stanza)"}}
	}
	cfg, err := t.tokenConfig()
	if err != nil {
		return []finding{{"HSM", todo, err.Error()}}
	}
	token, err := hsm.Open(ctx, cfg)
	if err != nil {
		return []finding{{"HSM", todo, hsmSentence(err)}}
	}
	defer func() { _ = token.Close() }() // only looked at
	i, err := token.Info(ctx)
	if err != nil {
		return []finding{{"HSM", todo, hsmSentence(err)}}
	}
	list := []finding{
		{"library", fine, clean.Clean(i.Library) + ", SHA-256 " + i.LibrarySHA256},
		{"token", fine, fmt.Sprintf("%s, %s %s, serial %s, firmware %s", clean.Clean(i.Label), clean.Clean(i.Manufacturer), clean.Clean(i.Model), clean.Clean(i.Serial), clean.Clean(i.Firmware))},
	}
	if i.Software {
		list = append(list, finding{"token", warning, "it is a software token: its keys are files on this machine"})
	}
	list = append(list, aboutPIN(i.PIN))
	return append(list, aboutKey(ctx, token, t.generates()))
}

func aboutPIN(s hsm.PINState) finding {
	switch s {
	case hsm.PINCountLow:
		return finding{"PIN", warning, "a wrong PIN was entered since the last right one"}
	case hsm.PINFinalTry:
		return finding{"PIN", todo, "one more wrong PIN locks the token: have whoever keeps it check it first"}
	case hsm.PINLocked:
		return finding{"PIN", todo, "it is locked: the security officer must reset it with the vendor's tool"}
	case hsm.PINNotSet:
		return finding{"PIN", todo, "none is set: the security officer must set one with the vendor's tool"}
	case hsm.PINOK:
	}
	return finding{"PIN", fine, "no warning from the token; it was not tried"}
}

func aboutKey(ctx context.Context, token *hsm.Token, generates bool) finding {
	k, err := token.FindKey(ctx)
	switch {
	case err == nil:
		return finding{"key", fine, clean.Clean(k.Ref) + ", " + k.Type + ", " + cmp.Or(k.Mechanism, "mechanism not configured: the first that passes is taken")}
	case errors.Is(err, hsm.ErrNotLoggedIn), errors.Is(err, hsm.ErrKeyNotFound) && !generates:
		return finding{"key", warning, "not seen without a login, which most keys need; the ceremony looks again after it"}
	case errors.Is(err, hsm.ErrKeyNotFound):
		return finding{"key", warning, "not seen without a login; if it is not there, init makes it (generate_key is on)"}
	}
	return finding{"key", todo, hsmSentence(err)}
}

func (n *named) aboutKeys(flag, names string, now time.Time) []finding {
	files, err := n.keyFiles(flag, names)
	if err != nil {
		return []finding{{"PGP key", todo, strings.TrimSuffix(err.Error(), " Nothing was touched.")}}
	}
	var list []finding
	seen := map[string]string{}
	for _, f := range files {
		list = append(list, aboutPGP(f, now, seen))
	}
	return list
}

func aboutPGP(f plan.File, now time.Time, seen map[string]string) finding {
	k, err := pgp.Read(f.Name, f.Data)
	if err != nil {
		return finding{"PGP key", todo, err.Error()}
	}
	if other, twice := seen[k.Fingerprint]; twice {
		return finding{"PGP key", todo, clean.Clean(f.Name) + " is the same key as " + clean.Clean(other)}
	}
	seen[k.Fingerprint] = f.Name
	level, notes := fine, []string{clean.Clean(f.Name), k.Fingerprint, k.Algorithm}
	for _, found := range k.Preflight(now, now.AddDate(1, 0, 0)) {
		switch found.Level {
		case pgp.LevelError:
			level = todo
		case pgp.LevelWarning:
			if level == fine {
				level = warning
			}
		case pgp.LevelInfo:
			continue
		}
		notes = append(notes, found.Text)
	}
	return finding{"PGP key", level, strings.Join(notes, "  ")}
}
