package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"conclave/ceremony"
	"conclave/ceremony/plan"
	"conclave/ui"
	"conclave/ui/term"
	"conclave/vaultstate"
)

// menu makes the program without a command the menu.
func (p *Process) menu(root *cobra.Command) {
	f := ceremonyFlags(root)
	for _, name := range []string{"second-medium", "anchor", "adopt-state", "attendance", "retention-years", "drill-months", "backup-drill-months", "suspended-days",
		"hsm-slot", "hsm-token-serial", "hsm-key-id", "hsm-rsa-oaep-hash", "hsm-sign-record", "organisation"} {
		f.set.Lookup(name).Hidden = true // a plan says them; the page has no room
	}
	root.RunE = func(c *cobra.Command, _ []string) error {
		out, ok := p.Stdout.(*os.File)
		if !ok || term.Usable(p.Stdin, out, os.Getenv) != nil {
			help(c, nil)
			return usage("which command? The menu needs a terminal. Nothing was touched.")
		}
		return p.openMenu(c.Context(), out, f)
	}
}

// whatFor is one verb phrase a ceremony.
var whatFor = map[vaultstate.Kind]string{
	vaultstate.Init:          "make the keys, hand out the recovery shares",
	plan.Unseal:              "open and check every entry; changes nothing",
	vaultstate.Rekey:         "a new root key, wrapped by the HSM",
	vaultstate.RecoveryRekey: "new shares, or new holders",
	vaultstate.Rotate:        "a new data encryption key",
	vaultstate.ReEncrypt:     "every entry under the newest key alone",
	vaultstate.GenerateRoot:  "mint a root token without the server",
	vaultstate.Recover:       "new shares where the old are lost",
	vaultstate.Rewrap:        "another HSM key, or another HSM",
	plan.RevokeRoot:          "a root token is taken out of the storage",
	plan.Drill:               "every holder proves their share; no PIN",
	plan.Retire:              "the HSM key from before a rewrap is destroyed",
}

func (p *Process) openMenu(ctx context.Context, out *os.File, f *flags) error {
	m := &ui.Menu{Now: p.Now}
	if f.config == "" && f.storage == "" {
		m.Name, m.Facts = "No vault named", []string{"Name one with -config FILE, a server's configuration, or -storage DIR. A rehearsal needs none."}
		m.Possible = []ui.Entry{rehearseEntry, doctorEntry}
		m.Not = []ui.Entry{{ID: "ceremony", Title: "A ceremony", What: "no vault was named"}}
	} else if err := f.fillMenu(ctx, m); err != nil {
		return err
	}
	screen, err := ui.Open(p.Stdin, out, p.theme)
	if err != nil {
		return fmt.Errorf("opening the menu: %w", err)
	}
	chosen, err := screen.Menu(ctx, m)
	if err = errors.Join(err, screen.Close()); err != nil {
		return fmt.Errorf("showing the menu: %w", err)
	}
	switch chosen {
	case "":
		return nil
	case "rehearse":
		return p.rehearse(ctx, vaultstate.Init, &rehearsal{})
	case "doctor":
		return p.doctor(ctx, f)
	case "status":
		return p.showStatus(ctx, f, "text", "")
	}
	return p.hold(ctx, vaultstate.Kind(chosen), f)
}

var (
	rehearseEntry = ui.Entry{ID: "rehearse", Title: "Rehearse", What: "any of these, on a throw-away vault"}
	doctorEntry   = ui.Entry{ID: "doctor", Title: "Doctor", What: "check machine, HSM and storage"}
)

// title is a ceremony's name as a menu writes it.
func title(c ceremony.Ceremony) string {
	first, rest := c.Title[:1], c.Title[1:]
	return first + strings.ToLower(rest)
}

// fillMenu says what the vault is and what can be done with it now.
func (f *flags) fillMenu(ctx context.Context, m *ui.Menu) error {
	t, err := f.target()
	if err != nil {
		return err
	}
	// The PIN that was read here is read again by the ceremony: from a file or a
	// configuration it is there still.
	defer t.Wipe()
	s, err := t.status(ctx)
	if err != nil {
		return err
	}
	if err := s.judge(f, "", m.Now()); err != nil {
		return err
	}
	m.Name, m.Where = filepath.Base(s.Storage), s.Storage
	s.sayIn(m)
	m.Due = s.dueEntries(m.Now())
	for _, c := range ceremony.All {
		e := ui.Entry{ID: c.ID, Title: title(c), What: whatFor[vaultstate.Kind(c.ID)]}
		if k := vaultstate.Kind(c.ID); (k == vaultstate.Rewrap || k == vaultstate.ReEncrypt || k == plan.Retire) && s.HSM.State != answers {
			continue // from here it never begins: the page has no room to say so twice
		}
		if e.ID == string(plan.RevokeRoot) {
			continue // what is due names the token, and the command
		}
		if e.ID == string(plan.Drill) && !s.holders {
			continue // what is due says so
		}
		if why := s.why(vaultstate.Kind(c.ID)); why != "" {
			e.What = why
			m.Not = append(m.Not, e)
			continue
		}
		m.Possible = append(m.Possible, e)
	}
	m.Possible = append(m.Possible, rehearseEntry, doctorEntry)
	return nil
}

// sayIn writes the status as the menu's sentences.
func (s *status) sayIn(m *ui.Menu) {
	server := "No server was seen."
	if len(s.Servers) > 0 {
		server = "A server uses this storage."
	}
	if !s.Initialized {
		m.Facts = append(m.Facts, "No vault in "+s.Storage+" yet. "+server)
	} else {
		by := "Its HSM is not named."
		if s.HSM.State == answers {
			by = "Unsealed by the HSM " + s.HSM.Token + "."
		}
		m.Facts = append(m.Facts, "Initialised. "+by+" "+server,
			fmt.Sprintf("%d recovery shares, %d needed.", s.Shares, s.Threshold))
	}
	if s.HSM.State == doesNotAnswer {
		m.Warnings = append(m.Warnings, "The HSM does not answer.")
	}
	for _, l := range s.Left {
		m.Warnings = append(m.Warnings, l.Ceremony+": "+l.Text)
	}
}

// why says why a ceremony is not possible now, or "".
func (s *status) why(kind vaultstate.Kind) string {
	switch {
	case kind == vaultstate.Init && s.Initialized:
		return "this vault is initialised"
	case kind != vaultstate.Init && !s.Initialized:
		return "there is no vault yet"
	case kind == plan.Drill && !s.holders:
		return "no record says who holds a share"
	case kind == plan.Drill:
		return "" // without the HSM, and with the server running
	case s.HSM.State == notNamed:
		return "no HSM is named"
	case s.HSM.State != answers:
		return "the HSM does not answer"
	case kind == plan.RevokeRoot:
		return "say which token: conclave revoke-root -accessor"
	case kind == plan.Retire:
		return "say which key: conclave retire -old-hsm-key-label"
	case kind == vaultstate.Rewrap:
		return "say to which key: conclave rewrap -new-hsm-key-label"
	case len(s.Servers) > 0 && kind != plan.Unseal:
		return "stop the server first"
	}
	return ""
}
