package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"conclave/assets/clean"
	"conclave/ceremony/custodian"
	"conclave/ceremony/folder"
	"conclave/ceremony/plan"
	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/server"
)

// A ceremony acts on a running server where -address or the plan names one, or
// where BAO_ADDR or VAULT_ADDR does and nothing names a local vault.

// serverFlags say which server, and how it is reached.
type serverFlags struct {
	address, caCert, serverName, namespace, proxy, certificate, nodes string
	clientCert, clientKey                                             string
}

func (f *flags) serverFlags() {
	s := f.set
	s.StringVar(&f.serving.address, "address", "", "a running server in place of a local vault, its `URL`")
	s.StringVar(&f.serving.caCert, "ca-cert", "", "a `FILE` with the CA certificates of the server, PEM")
	s.StringVar(&f.serving.clientCert, "client-cert", "", "a `FILE` with the certificate that shows the server who we are, PEM")
	s.StringVar(&f.serving.clientKey, "client-key", "", "a `FILE` with its key, PEM; nobody else may read it")
	s.StringVar(&f.serving.serverName, "tls-server-name", "", "the `NAME` in its certificate, where the address has another")
	s.StringVar(&f.serving.namespace, "namespace", "", "the `NAMESPACE` at the server")
	s.StringVar(&f.serving.proxy, "proxy", "", "the `URL` of a proxy; the environment's are not used")
	s.StringVar(&f.serving.certificate, "certificate", "", "the SHA-256 of the public key of the server's certificate, `HEX`; of further nodes after it, and commas")
	s.StringVar(&f.serving.nodes, "node", "", "of an unseal: `URLS` of further nodes, and commas")
	for _, rare := range []string{"ca-cert", "client-cert", "client-key", "tls-server-name", "namespace", "proxy", "certificate", "node"} {
		s.Lookup(rare).Hidden = true // the page is full; README has them
	}
}

// serverTarget is a running server, and where each value comes from.
type serverTarget struct {
	config    server.Config
	plan      plan.Server
	values    []plan.Value
	overrides []plan.Override
	tokenFrom string // "" if there is none
	variables []string
}

func (t *serverTarget) Wipe() {
	if t != nil {
		t.config.Token.Wipe()
		t.config.ClientKey.Wipe()
	}
}

// onServer tells whether the ceremony acts on a running server.
func (f *flags) onServer() (bool, error) {
	local := f.config != "" || f.storage != ""
	switch {
	case f.serving.address != "" && local:
		return false, usage("-address names a running server, and -config or -storage a local vault. Nothing was touched; say one.")
	case f.serving.address != "":
		return true, nil
	case local || f.doc != nil:
		return false, nil
	}
	return server.FromEnvironment(addressOnly(os.Environ())).Address != "", nil
}

// addressOnly leaves the secrets of an environment where they are.
func addressOnly(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(e string) bool { return !strings.Contains(e, "_ADDR=") })
}

// forgetToken unsets the variables that hold a token, once they were read.
func forgetToken() error {
	for _, name := range []string{"BAO_TOKEN", "VAULT_TOKEN"} {
		if err := os.Unsetenv(name); err != nil {
			return fmt.Errorf("clearing %s: %w", name, err)
		}
	}
	return nil
}

// serverTarget brings together flags and environment.
func (f *flags) serverTarget() (_ *serverTarget, err error) {
	environ := os.Environ()
	env := server.FromEnvironment(environ)
	t := &serverTarget{config: server.Config{Token: env.Token}}
	defer func() {
		if err != nil {
			t.Wipe()
		}
	}()
	if err := t.identity(environ, cmp.Or(f.serving.clientCert, env.ClientCertFile), cmp.Or(f.serving.clientKey, env.ClientKeyFile)); err != nil {
		return nil, err
	}
	var bad []error
	take := func(flag, typed, variable, found string) string {
		switch {
		case typed != "":
			t.values = append(t.values, plan.Value{Name: flag, Text: typed, Source: "flag -" + flag})
			if f.doc != nil && found != "" && found != typed {
				bad = append(bad, fmt.Errorf("environment %s says %q, and the plan says %q", variable, clean.Clean(found), clean.Clean(typed)))
			}
			return typed
		case found != "" && f.doc != nil:
			bad = append(bad, fmt.Errorf("environment %s says %q, and the plan does not say it", variable, clean.Clean(found)))
		case found != "":
			t.values = append(t.values, plan.Value{Name: flag, Text: found, Source: "environment " + variable})
		}
		return found
	}
	c := &t.config
	c.Address = take("address", f.serving.address, "*_ADDR", env.Address)
	c.CAFile = take("ca-cert", f.serving.caCert, "*_CACERT", env.CAFile)
	if f.doc != nil || c.CAFile == "" && len(env.CA) == 0 { // else it is not used
		c.CAPath = take("ca-path", "", "*_CAPATH", env.CAPath)
	}
	if f.doc != nil && len(env.CA) > 0 {
		bad = append(bad, errors.New("environment *_CACERT_BYTES has a certificate, and the plan does not say it"))
	}
	c.ClientCertFile = take("client-cert", f.serving.clientCert, "*_CLIENT_CERT", env.ClientCertFile)
	c.ClientKeyFile = take("client-key", f.serving.clientKey, "*_CLIENT_KEY", env.ClientKeyFile)
	c.SkipVerify = take("skip-verify", "", "*_SKIP_VERIFY", map[bool]string{true: "true"}[env.SkipVerify]) != ""
	c.ServerName = take("tls-server-name", f.serving.serverName, "*_TLS_SERVER_NAME", env.ServerName)
	c.Namespace = take("namespace", f.serving.namespace, "*_NAMESPACE", env.Namespace)
	c.Proxy = take("proxy", f.serving.proxy, "", "")
	certificates := take("certificate", strings.ToLower(strings.ReplaceAll(f.serving.certificate, " ", "")), "", "")
	for _, n := range strings.Split(take("node", f.serving.nodes, "", ""), ",") {
		if n = strings.TrimSpace(n); n != "" {
			c.Nodes = append(c.Nodes, n)
		}
	}
	if err := errors.Join(bad...); err != nil {
		return nil, usage("%s. Nothing was touched.", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	if c.CAFile != "" {
		pem, err := f.read("ca-cert", c.CAFile, maxConfig)
		if err != nil {
			return nil, usage("-ca-cert: %v. Nothing was touched.", err)
		}
		c.CA = pem
		t.values = append(t.values, plan.Value{Name: "ca-cert", Text: "SHA-256 " + sha256Hex(pem), Source: "of the file"})
	} else if len(env.CA) > 0 {
		c.CA = env.CA
		t.values = append(t.values, plan.Value{Name: "ca-cert", Text: "SHA-256 " + sha256Hex(env.CA), Source: "environment *_CACERT_BYTES"})
	}
	if err := t.readCAPath(); err != nil {
		return nil, err
	}
	t.plan = plan.Server{Address: c.Address, Nodes: c.Nodes, Namespace: c.Namespace, ServerName: c.ServerName, CACert: c.CAFile, Proxy: c.Proxy, SkipVerify: c.SkipVerify}
	if err := t.pin(certificates); err != nil {
		return nil, usage("-certificate: %v. Nothing was touched.", err)
	}
	if c.Token.Len() > 0 {
		t.tokenFrom = "environment"
		t.overrides = append(t.overrides, plan.Override{ID: "given-token", Sentence: "Single control: whoever can read the environment has the server's token."})
	}
	for _, v := range server.Variables(environ) {
		t.variables = append(t.variables, v.Name+"="+v.Value)
	}
	return t, nil
}

// holdServer holds a ceremony on a running server. The record begins before the
// server is asked for anything but its certificate and its state.
func (p *Process) holdServer(ctx context.Context, kind vaultstate.Kind, f *flags, digest []plan.Value) error {
	t, err := f.serverTarget()
	if e := errors.Join(forgetToken(), forgetPIN()); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	defer t.Wipe()
	t.values = append(t.values, digest...)
	j := Job{Parent: f.dir, Now: p.Now, Server: &t.config}
	there, err := os.ReadDir(f.dir)
	switch {
	case err != nil:
		return usage("-dir: %s is not a directory that can be read. Nothing was touched; make it first.", clean.Clean(f.dir))
	case f.id != "" && used(there, f.id):
		if err := f.takeUp(there); err != nil {
			return err
		}
	}
	q, roster, err := p.serverRequest(kind, f, t)
	if err != nil {
		return err
	}
	if err := p.finish(f, q, roster, &j); err != nil {
		return err
	}
	j.Machine.Token, j.Machine.Variables = t.tokenFrom, t.variables
	front, err := p.front(f.plain)
	if err != nil {
		return err
	}
	front.piped = f.piped
	out, dir, err := p.assembled(ctx, front, j)
	return errors.Join(p.end(out, dir, err), front.close())
}

// serverRequest is all that is asked for of a server, but for what depends on
// the terminal.
func (p *Process) serverRequest(kind vaultstate.Kind, f *flags, t *serverTarget) (plan.Request, *custodian.Roster, error) {
	q := plan.Request{Kind: kind, Storage: t.config.Address, Server: &t.plan, Values: t.values, Overrides: t.overrides}
	if err := f.request(&q); err != nil {
		return q, nil, err
	}
	if kind == vaultstate.Rekey { // what a local vault takes for 1
		q.KeyShares, q.KeyThreshold, q.StoredShares = f.number("key-shares", f.keyShares), f.number("key-threshold", f.keyThreshold), f.number("stored-shares", f.storedShares)
	}
	if q.ID == "" {
		var err error
		if q.ID, err = freshID(f.dir, false, p.Now()); err != nil {
			return q, nil, err
		}
	}
	if err := noSecrets(q, secret.Bytes{}); err != nil {
		return q, nil, err
	}
	if err := screened([]text{{"address", q.Storage}, {"node", strings.Join(t.plan.Nodes, " ")}, {"namespace", t.plan.Namespace}, {"proxy", t.plan.Proxy}, {"tls-server-name", t.plan.ServerName}}, t.config.Token); err != nil {
		return q, nil, err
	}
	roster, err := f.before(&q)
	if err != nil {
		return q, nil, err
	}
	q.Known, q.Earlier = known(roster), roster != nil
	if err := f.drills(&q, roster, p.Now()); err != nil {
		return q, nil, err
	}
	programs, err := programValues("")
	q.Values = append(q.Values, programs...)
	return q, roster, err
}

// finish resolves a request and fills in the rest of a job.
func (p *Process) finish(f *flags, q plan.Request, roster *custodian.Roster, j *Job) error {
	number, err := folder.NextRun(f.dir, false)
	if err != nil {
		return usage("-dir: %v. Nothing was touched.", err)
	}
	j.Run, j.Named = number.Number, f.files
	q.Values = append(q.Values, f.taken...)
	q.Values = append(q.Values, runValue(f.dir, number))
	j.Roster = roster
	if err := p.terminal(f, &q); err != nil {
		return err
	}
	if j.Plan, err = f.agreed(q, p.Now()); err != nil {
		return err
	}
	if err := p.offline(j.Plan); err != nil {
		return err
	}
	j.Network = p.up
	j.Machine, err = p.machine(describeTerminal(f.plain, p.pipedIn()))
	return err
}
