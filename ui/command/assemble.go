package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"conclave/ceremony"
	"conclave/ceremony/custodian"
	"conclave/ceremony/folder"
	"conclave/ceremony/plan"
	"conclave/ceremony/record"
	"conclave/ceremony/transcript"
	"conclave/hsm"
	"conclave/hsm/secret"
	"conclave/ui"
	"conclave/ui/term"
	"conclave/vaultstate"
	"conclave/vaultstate/local"
	"conclave/vaultstate/server"
	"conclave/vaultstate/server/courier"
)

// Job is a ceremony to hold, resolved and checked.
type Job struct {
	Plan      *plan.Plan
	Parent    string         // the directory in which the record's directory is made
	Server    *server.Config // nil: a local vault. The caller wipes its token
	HSM       hsm.Config
	OtherHSM  *hsm.Config  // what a rewrap moves to or a retire destroys; nil: there is none
	PIN       secret.Bytes // empty: it is typed. The run owns it
	Addresses []string     // where the vault's server would answer
	Roster    *custodian.Roster
	Machine   ceremony.Machine
	Network   func() ([]string, error) // the interfaces that are up
	Named     []ceremony.Named         // the files that were named, as they were read
	Run       int                      // the number that the plan names; 0 if it names none
	Progress  func(ceremony.Line)
	Now       func() time.Time
	Settle    time.Duration // see Process
}

// Assembled is a ceremony with everything it acts on. Whoever assembled it
// closes it.
type Assembled struct {
	Run    *ceremony.Run
	Folder *folder.Folder
	vault  interface {
		vaultstate.Vault
		io.Closer
	}
	medium *folder.Medium // nil for none
	token  *lateToken
	second *lateToken // of a rewrap or a retire; nil: there is none
}

// Assemble opens the vault and makes the record's directory. The HSM is not
// asked yet.
func Assemble(ctx context.Context, j Job) (_ *Assembled, err error) {
	ceremonyOf, ok := ceremony.ByID(string(j.Plan.Kind))
	if !ok {
		return nil, fmt.Errorf("assembling: there is no ceremony %q", j.Plan.Kind)
	}
	if j.Now == nil {
		j.Now = time.Now
	}
	a := &Assembled{token: &lateToken{cfg: j.HSM}}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	if err := a.openVault(ctx, j); err != nil {
		return nil, err
	}
	chain, err := custodyHead(j.Parent, j.Plan.Storage, j.Plan.Practice)
	if err != nil {
		return nil, err
	}
	name := folder.Name(j.Now(), j.Plan.ID, string(j.Plan.Kind), j.Plan.Practice)
	if err := a.openMedium(j.Plan, name); err != nil {
		return nil, err
	}
	a.Folder, err = folder.Create(j.Parent, name, j.Plan.Practice)
	if err != nil {
		return nil, err
	}
	number, err := folder.Enter(j.Parent, filepath.Base(a.Folder.Dir()), j.Plan.Practice)
	if err == nil && j.Run > 0 && number.Number != j.Run {
		err = fmt.Errorf("another ceremony began in %s meanwhile: this would be run %d, and the plan says %d", j.Parent, number.Number, j.Run)
	}
	if err != nil {
		return nil, err
	}
	env := ceremony.Env{
		Plan: j.Plan, Vault: a.vault, Journal: a.Folder, Shelf: a.Folder, Roster: j.Roster, Custody: chain,
		Machine: j.Machine, Named: j.Named, Now: j.Now, Number: ceremony.Numbering{Run: number.Number, Head: number.Head, Outcome: number.Outcome}, Explain: ui.Explain, Progress: j.Progress, PIN: j.PIN,
		Seal: func(signers ...transcript.Signer) error {
			_, err := a.Folder.SealSigned(signers, rosterOf(j.Roster), report, reportHTML)
			return err
		},
	}
	if j.Server == nil {
		env.HSM = a.token
	} else if j.Server.Token.Len() > 0 {
		env.Token = j.Server.Token.Clone()
	}
	if a.second != nil {
		env.OtherHSM = a.second
	}
	env.ReadFile = func(name string, most int64) ([]byte, error) {
		b, _, err := readFile(name, most)
		return b, err
	}
	env.Sealed = func(serial string) ([]ceremony.SealedBy, error) { return sealedBy(j.Parent, j.Plan.Storage, serial) }
	env.Network = j.Network
	env.Displays = func() []string { return term.Displays(os.DirFS("/"), os.Getenv) }
	if a.medium != nil {
		env.Medium = a.medium
	}
	a.Run = ceremony.New(ceremonyOf, env)
	return a, nil
}

// openVault opens the storage directory, or the connection to the server.
func (a *Assembled) openVault(ctx context.Context, j Job) error {
	if j.Server != nil {
		c := *j.Server
		c.Sender = courier.Send  // what is secret leaves from a process of its own
		c.Token = secret.Bytes{} // the run uses it, once it knows that it is needed
		v, err := server.Open(ctx, c)
		if err == nil {
			a.vault = v
		}
		return err
	}
	o := local.Options{Storage: j.Plan.Storage, Seal: a.token, Addresses: j.Addresses, Practice: j.Plan.Practice, Settle: j.Settle, Now: j.Now}
	if j.OtherHSM != nil {
		a.second = &lateToken{cfg: *j.OtherHSM}
		if !j.Plan.OtherToken {
			a.second.of = a.token
		}
		if j.Plan.Kind == vaultstate.Rewrap {
			o.NewSeal = a.second
		}
	}
	v, err := local.Open(o)
	if err == nil {
		a.vault = v
	}
	return err
}

// Waiting is since when an HSM has not answered; zero: they all have.
func (a *Assembled) Waiting() time.Time {
	since := a.token.waiting()
	if a.second != nil && a.second.of == nil && since.IsZero() {
		since = a.second.waiting()
	}
	return since
}

// Close wipes what is left of the run, gives the locks back and ends the
// process with the HSM's library. It may be called again.
func (a *Assembled) Close() error {
	var errs []error
	if a.Run != nil {
		a.Run.Close()
	}
	if a.vault != nil {
		errs = append(errs, a.vault.Close())
	}
	errs = append(errs, a.token.Close())
	if a.second != nil {
		errs = append(errs, a.second.Close())
	}
	if a.medium != nil {
		errs = append(errs, a.medium.Close())
	}
	if a.Folder != nil {
		errs = append(errs, a.Folder.Close())
	}
	*a = Assembled{token: &lateToken{}}
	return errors.Join(errs...)
}

// rosterOf makes roster.json of a record that follows the one before.
func rosterOf(before *custodian.Roster) folder.Maker {
	return func(events []transcript.Event, rep transcript.Report) (string, []byte, error) {
		ro, err := custodian.DeriveFrom(before, events, rep)
		if err != nil {
			return "", nil, err
		}
		b, err := ro.Encode()
		return "roster.json", b, err
	}
}

func report(events []transcript.Event, rep transcript.Report) (string, []byte, error) {
	var b bytes.Buffer
	err := record.New(events, rep).Text(&b)
	return "report.txt", b.Bytes(), err
}

func reportHTML(events []transcript.Event, rep transcript.Report) (string, []byte, error) {
	var b bytes.Buffer
	err := record.New(events, rep).HTML(&b)
	return "report.html", b.Bytes(), err
}

// freshID is an id that no record in parent has: a plan's id is used once.
func freshID(parent string, practice bool, now time.Time) (string, error) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return "", fmt.Errorf("looking for earlier records: %w", err)
	}
	first := plan.DefaultID(practice, now)
	id := first
	for i := 2; used(entries, id); i++ {
		id = fmt.Sprintf("%s.%d", first, i)
	}
	return id, nil
}

// used tells whether the name of a record holds an id.
func used(entries []os.DirEntry, id string) bool {
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool { return strings.Contains(e.Name(), "-"+id+"-") })
}
