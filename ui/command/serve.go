package command

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"conclave/ceremony/custodian"
	"conclave/ceremony/plan"
	"conclave/vaultstate"
	"conclave/vaultstate/api"
)

// serving is a session of the API as it was asked for.
type serving struct {
	f *flags

	allow            []string
	kinds            []vaultstate.Kind
	socket, listen   string
	tokenFile        string
	length, idle     time.Duration
	plain, softToken bool
	agreed           *plan.Plan        // of -plan; nil: none
	before           *custodian.Roster // of the record before; nil: there is none, or nothing may be changed
}

// servable are the operations that -allow names.
var servable = []vaultstate.Kind{vaultstate.Init, vaultstate.Rekey, vaultstate.RecoveryRekey, vaultstate.Rotate, vaultstate.GenerateRoot}

// spentWait is how long a session that has done all that was allowed still answers:
// the command lines look at the result. Where a token was made, it may have to
// revoke itself, and -idle holds.
const spentWait = 10 * time.Second

// maxServe is the longest session: what stays open for days is a server.
const maxServe = 24 * time.Hour

// maxIdle is the longest wait for a request: what nobody uses is not left open.
const maxIdle = 15 * time.Minute

func (p *Process) serveCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "serve [-config FILE | -storage DIR] [flags]", Short: "The HTTP API in front of the vault, for automation; no ceremony", Args: cobra.NoArgs,
		Long: "Nobody is identified and no room is asked: the record says so. Without -allow\nit tells the status alone; a name there is one operation. The stock bao and\nvault commands work against it.",
	}
	s := &serving{f: newFlags(c)}
	common(s.f.set)
	set := s.f.set
	set.StringVar(&s.f.plan, "plan", "", "the plan of an init or a rotate with api = true, a `FILE`")
	set.StringSliceVar(&s.allow, "allow", nil, "`WHAT`: rekey, recovery-rekey or generate-root, once")
	set.StringVar(&s.socket, "socket", "", "the unix socket's `FILE`, in a directory of mode 0700")
	set.StringVar(&s.listen, "listen", "", "or at a loopback `ADDRESS`, 127.0.0.1:PORT, with a token")
	set.StringVar(&s.tokenFile, "token-file", "", "of -listen: the `FILE` that is made with the token")
	set.DurationVar(&s.length, "for", 10*time.Minute, "when it ends, a `DURATION`")
	set.DurationVar(&s.idle, "idle", 5*time.Minute, "how long it waits for a request, a `DURATION`")
	set.BoolVar(&s.plain, "allow-plain-shares", false, "shares without PGP keys: an override")
	set.BoolVar(&s.softToken, "allow-software-token", false, "a software token as HSM: an override")
	set.StringVar(&s.f.dir, "dir", ".", "the `DIR` in which the record's directory is made")
	set.StringVar(&s.f.id, "id", "", "the session's `ID`; without it one with date and time")
	s.f.acceptSealFlag()
	set.Lookup("accept-unauthenticated-seal").Hidden = true // the page is full; README has it
	c.RunE = func(c *cobra.Command, _ []string) error { return p.serve(c.Context(), s) }
	return c
}

// check refuses what the command line shows to be wrong.
func (s *serving) check() error {
	for _, name := range s.allow {
		k := vaultstate.Kind(strings.TrimSpace(name))
		if !slices.Contains(servable, k) {
			return usage("-allow=%s is not known: say init, rekey, recovery-rekey, rotate or generate-root. Nothing was touched.", name)
		}
		s.kinds = append(s.kinds, k)
	}
	switch {
	case len(s.allow) > 1:
		return usage("-allow=%s: a session does one operation, then it ends. Nothing was touched; name one, and begin another session for the next.", strings.Join(s.allow, ","))
	case len(s.allow) > 0 && s.f.plan != "":
		return usage("-plan and -allow: a session does one operation, then it ends, and the plan says which. Nothing was touched; leave one of them out.")
	case s.length <= 0 || s.length > maxServe:
		return usage("-for=%s: a session lasts up to %s. Nothing was touched.", s.length, maxServe)
	case s.idle <= 0 || s.idle > maxIdle:
		return usage("-idle=%s: it waits up to %s for a request. Nothing was touched.", s.idle, maxIdle)
	case s.listen != "" && s.socket != "":
		return usage("-listen and -socket: it answers at one of them. Nothing was touched.")
	case s.listen == "" && s.tokenFile != "":
		return usage("-token-file: only a session on loopback has a token; at a unix socket the kernel says who asks. Nothing was touched.")
	}
	return nil
}

// serve runs a session. What can be wrong with the command is found before the
// HSM is asked and the record begins.
func (p *Process) serve(ctx context.Context, s *serving) error {
	if err := s.check(); err != nil {
		return err
	}
	t, err := s.byPlan(ctx, p)
	if e := forgetPIN(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	defer t.Wipe()
	if t.pin.Len() == 0 {
		return usage("nobody is asked for a PIN here: name a file of mode 0600 with -hsm-pin-file, or have it in BAO_HSM_PIN or the configuration. Nothing was touched.")
	}
	if err := s.apart(t); err != nil {
		return err
	}
	cfg, err := t.hsmConfig()
	if err != nil {
		return err
	}
	if slices.Contains(s.kinds, vaultstate.Init) {
		accepted, err := t.acceptsSeal(vaultstate.Init, cfg)
		if err != nil {
			return err
		}
		if accepted {
			t.overrides = append(t.overrides, plan.Override{ID: "unauthenticated-seal", Sentence: "The seal is RSA-OAEP, which authenticates nothing."})
		}
	}
	there, err := os.ReadDir(s.f.dir)
	switch {
	case err != nil:
		return usage("-dir: %s is not a directory that can be read. Nothing was touched; make it first.", s.f.dir)
	case s.f.id != "" && used(there, s.f.id):
		return usage("-id=%s: there is a record with this id in %s, and an id is used once. Nothing was touched.", s.f.id, s.f.dir)
	case s.f.id == "":
		if s.f.id, err = freshID(s.f.dir, false, p.Now()); err != nil {
			return err
		}
	}
	return p.session(ctx, s, t, cfg)
}

// apart refuses the address of the vault's own server: who asks there would be
// taken for one of its clients, and this program for the server.
func (s *serving) apart(t *target) error {
	for _, a := range t.addresses {
		_, host, _ := strings.Cut(a, "://")
		if s.listen != "" && host == s.listen {
			return usage("-listen=%s is where the server of this configuration answers. Nothing was touched; take another port.", s.listen)
		}
	}
	return nil
}

// listener makes the socket, or listens on loopback with a new token. close takes
// away what it made.
func (s *serving) listener(ctx context.Context, refused func(who, why string)) (at *place, err error) {
	at = &place{}
	defer func() {
		if err != nil {
			at.close()
		}
	}()
	if s.listen == "" && s.socket == "" || s.listen != "" && s.tokenFile == "" {
		if at.dir, err = os.MkdirTemp(os.Getenv("XDG_RUNTIME_DIR"), "conclave-serve-"); err != nil {
			return at, fmt.Errorf("making a directory for the socket: %w", err)
		}
	}
	if s.listen != "" {
		return at, at.loopback(ctx, s)
	}
	name := s.socket
	if name == "" {
		name = at.dir + "/api.sock"
	}
	if name, err = filepath.Abs(name); err != nil {
		return at, fmt.Errorf("naming the socket: %w", err)
	}
	at.listener, err = api.Listen(name, refused)
	at.address = "unix://" + name
	return at, err
}

// place is where a session answers.
type place struct {
	listener net.Listener
	address  string // as *_ADDR takes it
	host     string // of a request over loopback
	token    *sessionToken
	dir      string // which it made; "" for none
}

func (at *place) loopback(ctx context.Context, s *serving) (err error) {
	if at.listener, err = api.ListenLoopback(ctx, s.listen); err != nil {
		return usage("%v. Nothing was touched.", err)
	}
	at.host = at.listener.Addr().String()
	at.address = "http://" + at.host
	name := s.tokenFile
	if name == "" {
		name = at.dir + "/token"
	}
	at.token, err = newSessionToken(name)
	return err
}

// close ends listening and removes what was made for it.
func (at *place) close() {
	if at.listener != nil {
		_ = at.listener.Close() // it may be closed already
	}
	at.token.remove()
	if at.dir != "" {
		_ = os.RemoveAll(at.dir) // nothing of it is needed any more
	}
}
