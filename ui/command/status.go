package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"conclave/assets/clean"
	"conclave/ceremony/custody"
	"conclave/hsm"
	"conclave/hsm/secret"
	"conclave/ui"
	"conclave/vaultstate/local"
)

// status is what `conclave status` says. Its first fields are named as Vault's
// own status names them.
type status struct {
	Type         string `json:"type"`
	Initialized  bool   `json:"initialized"`
	Sealed       bool   `json:"sealed"`
	Shares       int    `json:"n"`
	Threshold    int    `json:"t"`
	RecoverySeal bool   `json:"recovery_seal"`
	StorageType  string `json:"storage_type"`

	Storage  string   `json:"storage"`
	Source   string   `json:"storage_source"`
	Digest   string   `json:"core_sha256"`
	SealKey  string   `json:"seal_key"`
	SealHow  string   `json:"seal_mechanism"`
	HSM      hsmState `json:"hsm"`
	Servers  []string `json:"servers"`
	Left     []left   `json:"leftovers"`
	Warnings []string `json:"warnings"`

	Records []string       `json:"records"` // which records were read, and whether anything confirms them
	Due     []custody.Item `json:"due"`
	Void    []voidSet      `json:"void_sets"`

	Server *serverState `json:"server,omitempty"` // nil: a local vault

	now     time.Time
	holders bool // a record says who holds a share
}

// hsmState is what the HSM says without a login.
type hsmState struct {
	State  string `json:"state"` // "answers", "does not answer", "not named"
	Token  string `json:"token"`
	Serial string `json:"serial"`
	PIN    string `json:"pin"`
	Error  string `json:"error"`
}

type left struct {
	Ceremony string    `json:"ceremony"`
	Kind     string    `json:"kind"`
	State    string    `json:"state"`
	Path     string    `json:"path"`
	Made     time.Time `json:"made"`
	CanUndo  bool      `json:"can_undo"`
	Text     string    `json:"text"`
}

func (p *Process) statusCommand() *cobra.Command {
	var format, head string
	c := &cobra.Command{
		Use: "status [-config FILE | -storage DIR | -address URL] [-dir DIR]", Short: "What the vault and its HSM are; asks nothing, changes nothing", Args: cobra.NoArgs,
		Long: "Exit code 0: initialised, and the HSM that unseals it answers; 2: sealed (its\nHSM does not answer or is not named) or not initialised; 1: an error.",
	}
	f := newFlags(c)
	f.serverFlags()
	common(f.set)
	f.set.StringVar(&f.dir, "dir", ".", "the `DIR` with the vault's records: they say what is due")
	f.set.StringVar(&head, "head", "", "the newest record's `HEAD`, from paper: then it is verified")
	f.set.StringVar(&format, "format", "text", "`FORMAT`: text or json")
	c.RunE = func(c *cobra.Command, _ []string) error { return p.showStatus(c.Context(), f, format, head) }
	return c
}

func (p *Process) showStatus(ctx context.Context, f *flags, format, head string) error {
	if format != "text" && format != "json" {
		return failed("-format=%s is not known: say text or json.", format)
	}
	s, err := f.status(ctx)
	if err != nil {
		return asError(err)
	}
	if err := s.judge(f, head, p.Now()); err != nil {
		return asError(err)
	}
	if format == "json" {
		err = s.json(p.Stdout)
	} else {
		err = s.text(p.Stdout)
	}
	if err != nil {
		return fmt.Errorf("printing the status: %w", err)
	}
	return s.ending()
}

// status is of a running server, or of a local vault.
func (f *flags) status(ctx context.Context) (*status, error) {
	remote, err := f.onServer()
	if err != nil {
		return nil, err
	}
	if remote {
		return f.serverStatus(ctx)
	}
	t, err := f.target()
	if e := forgetPIN(); err == nil {
		err = e
	}
	if err != nil {
		return nil, err
	}
	defer t.Wipe()
	return t.status(ctx)
}

// asError gives a mistake the code 1: with status, 2 means sealed.
func asError(err error) error {
	var end *ending
	if errors.As(err, &end) && end.code == CodeUsage {
		return &ending{CodeFailed, end.text}
	}
	return err
}

// describer reads whose key a blob names. It holds no key itself.
type describer struct{}

var errNoToken = errors.New("there is no token here")

func (describer) Wrap(context.Context, secret.Bytes) ([]byte, error) { return nil, errNoToken }
func (describer) Unwrap(context.Context, []byte) (secret.Bytes, error) {
	return secret.Bytes{}, errNoToken
}
func (describer) Describe(blob []byte) (hsm.KeyRef, error) { return (&hsm.Token{}).Describe(blob) }

// status looks at the storage, for a server, and at the token.
func (t *target) status(ctx context.Context) (*status, error) {
	v, err := local.Open(local.Options{Storage: t.storage.Text, Seal: describer{}, Addresses: t.addresses})
	if err != nil {
		return nil, err
	}
	defer func() { _ = v.Close() }() // nothing was begun
	st, err := v.Status(ctx)
	if err != nil {
		return nil, err
	}
	s := &status{
		Type: st.SealType, Initialized: st.Initialized, Shares: st.Shares, Threshold: st.Threshold,
		RecoverySeal: st.Initialized, StorageType: "file", Storage: st.Name, Source: t.storage.Source,
		Digest: st.Storage.String(), SealKey: st.SealKeyID, SealHow: st.SealMechanism, Servers: []string{}, Left: []left{}, Warnings: []string{},
	}
	for _, l := range st.Pending {
		s.Left = append(s.Left, left{string(l.ID), string(l.Kind), l.State, l.Path, l.Made, l.CanUndo, l.Text})
	}
	s.Warnings = append(s.Warnings, st.Warnings...)
	for _, n := range t.notices {
		s.Warnings = append(s.Warnings, fmt.Sprintf("%s:%d: %s.", n.File, n.Line, n.Text))
	}
	found, unseen, err := servers(ctx, t)
	if err != nil {
		return nil, err
	}
	s.Servers = append(s.Servers, found...)
	if unseen > 0 {
		s.Warnings = append(s.Warnings, fmt.Sprintf("%d processes of other users could not be looked into: a server among them would not be seen.", unseen))
	}
	s.HSM = t.lookAtHSM(ctx)
	s.Sealed = !st.Initialized || s.HSM.State != answers
	return s, nil
}

const (
	answers       = "answers"
	doesNotAnswer = "does not answer"
	notNamed      = "not named"
)

// lookAtHSM finds the token and reads its words. Nobody logs in.
func (t *target) lookAtHSM(ctx context.Context) hsmState {
	if !t.named() {
		return hsmState{State: notNamed}
	}
	cfg, err := t.tokenConfig()
	if err != nil {
		return hsmState{State: doesNotAnswer, Error: err.Error()}
	}
	token, err := hsm.Open(ctx, cfg)
	if err != nil {
		return hsmState{State: doesNotAnswer, Error: hsmSentence(err)}
	}
	defer func() { _ = token.Close() }() // only looked at
	info, err := token.Info(ctx)
	if err != nil {
		return hsmState{State: doesNotAnswer, Error: hsmSentence(err)}
	}
	return hsmState{State: answers, Token: clean.Clean(info.Label), Serial: clean.Clean(info.Serial), PIN: string(info.PIN)}
}

// hsmSentence is what happened and what to do. What is not a failed call of the
// library has whole sentences of its own, with what was asked for and what is
// there.
func hsmSentence(err error) string {
	var call *hsm.Error
	if !errors.As(err, &call) {
		return oneLine(err.Error())
	}
	e := ui.Explain(err)
	text := e.Happened + " " + e.Do
	if e.Code != "" {
		text += " (" + e.Code + ")"
	}
	return oneLine(text)
}

func (s *status) ending() error {
	switch {
	case s.Server != nil && s.Initialized && s.Sealed:
		return &ending{2, "The server is sealed. Nothing was changed; conclave unseal opens it."}
	case s.Server != nil && s.Initialized:
		return nil
	case !s.Initialized:
		return &ending{2, "The vault is not initialised. Nothing was changed; conclave init makes one."}
	case s.HSM.State == notNamed:
		return &ending{2, "The vault is sealed as far as can be seen: no HSM was named. Nothing was changed; name it with -config or -hsm-lib."}
	case s.Sealed:
		return &ending{2, "The vault is sealed: its HSM does not answer. Nothing was changed; see the line HSM."}
	}
	return nil
}

func (s *status) json(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(s)
}

func (s *status) text(w io.Writer) error {
	if s.Server != nil {
		return s.serverText(w)
	}
	yes := map[bool]string{true: "yes", false: "no"}
	rows := [][2]string{
		{"Vault", clean.Clean(s.Storage) + "   (" + clean.Clean(s.Source) + ")"},
		{"Initialized", yes[s.Initialized]},
		{"Sealed", yes[s.Sealed]},
	}
	if s.Initialized {
		rows = append(rows, [2]string{"Seal", s.Type + ", key " + clean.Clean(s.SealKey) + ", " + clean.Clean(s.SealHow)},
			[2]string{"Recovery shares", fmt.Sprintf("%d, %d needed", s.Shares, s.Threshold)},
			[2]string{"State of core/", "SHA-256 " + s.Digest})
	}
	switch s.HSM.State {
	case answers:
		rows = append(rows, [2]string{"HSM", fmt.Sprintf("token %s, serial %s, PIN %s", s.HSM.Token, s.HSM.Serial, s.HSM.PIN)})
	case notNamed:
		rows = append(rows, [2]string{"HSM", "not named: use -config or -hsm-lib"})
	default:
		rows = append(rows, [2]string{"HSM", "does not answer: " + s.HSM.Error})
	}
	rows = append(rows, listRows("Server", s.Servers, "none seen")...)
	var lefts []string
	for _, l := range s.Left {
		lefts = append(lefts, clean.Clean(l.Ceremony)+" ("+l.State+"): "+l.Text+" "+clean.Clean(l.Path))
	}
	rows = append(rows, listRows("Leftovers", lefts, "none")...)
	rows = append(rows, listRows("Warnings", s.Warnings, "none")...)
	rows = append(rows, s.healthRows()...)
	return printRows(w, rows)
}

// printRows writes labels and values, folded.
func printRows(w io.Writer, rows [][2]string) error {
	for _, r := range rows {
		lines := wrap(r[1], 80-16)
		for i, l := range lines {
			label := r[0]
			if i > 0 {
				label = ""
			}
			if _, err := fmt.Fprintf(w, "%-16s%s\n", label, l); err != nil {
				return err
			}
		}
	}
	return nil
}

func listRows(label string, list []string, none string) [][2]string {
	if len(list) == 0 {
		return [][2]string{{label, none}}
	}
	var rows [][2]string
	for _, s := range list {
		rows = append(rows, [2]string{label, clean.Cut(s, 1000)})
		label = ""
	}
	return rows
}

// wrap breaks a text between words.
func wrap(s string, width int) []string {
	return fill(strings.Fields(s), width, " ")
}
