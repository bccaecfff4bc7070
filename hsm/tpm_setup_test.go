//go:build cgo

package hsm_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"conclave/hsm"
	"conclave/hsm/secret"
	"conclave/hsm/softhsm/need"
)

// tpm is a TPM in software.
type tpm struct {
	*testing.T
	state string
	port  int
	tcti  string // how to reach it
	cmd   *exec.Cmd
}

// newTPM starts a new TPM and makes a token in it.
func newTPM(t *testing.T) (*tpm, hsm.Config) {
	t.Helper()
	lib := need.Tool(t, "tpm2")
	d := startTPM(t)
	cfg := hsm.Config{Lib: lib, TokenLabel: "ceremony", KeyLabel: "vault", KeyID: "01", Env: []string{
		"TPM2_PKCS11_STORE=" + t.TempDir(), "TPM2_PKCS11_TCTI=" + d.tcti}}
	d.initToken(cfg, 1)
	return d, cfg
}

// initToken makes a token in a slot, of which there is always one more than
// tokens.
func (d *tpm) initToken(cfg hsm.Config, slot uint) {
	d.Helper()
	w := load(d.T, cfg)
	officer, p := pin("so-pin"), pin(testPIN)
	defer secret.WipeAll([]secret.Bytes{officer, p})
	if err := w.InitToken(d.Context(), limit, slot, cfg.TokenLabel, officer, p); err != nil {
		d.Fatal(err)
	}
	_ = w.Close()
	// C_InitToken leaves an object in the TPM, which has room for three. Where there
	// is a resource manager, that is its business.
	d.tool("TPM2TOOLS_TCTI="+d.tcti, "tpm2_flushcontext", "-t")
}

// startTPM starts a new TPM.
func startTPM(t *testing.T) *tpm {
	t.Helper()
	d := &tpm{T: t, state: t.TempDir(), port: freePorts(t)}
	d.tcti = fmt.Sprintf("swtpm:host=127.0.0.1,port=%d", d.port)
	d.start()
	t.Cleanup(d.kill)
	return d
}

func (d *tpm) start() {
	d.Helper()
	d.cmd = exec.Command("swtpm", "socket", "--tpm2", "--tpmstate", "dir="+d.state, "--flags", "not-need-init,startup-clear", //nolint:noctx // kill ends it
		"--server", fmt.Sprintf("type=tcp,bindaddr=127.0.0.1,port=%d", d.port), "--ctrl", fmt.Sprintf("type=tcp,bindaddr=127.0.0.1,port=%d", d.port+1))
	if err := d.cmd.Start(); err != nil {
		d.Fatal(err)
	}
	eventually(d.T, "swtpm listens", func() bool {
		c, err := (&net.Dialer{}).DialContext(d.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", d.port+1))
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

func (d *tpm) kill() {
	_ = d.cmd.Process.Kill()
	_ = d.cmd.Wait()
}

// tool runs one of the TPM's tools.
func (d *tpm) tool(env string, args ...string) {
	d.Helper()
	cmd := exec.CommandContext(d.Context(), args[0], args[1:]...)
	cmd.Env = append(os.Environ(), strings.Fields(env)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		d.Fatalf("%s: %v: %s", args[0], err, out)
	}
}

// managedTPM puts a resource manager before the TPM and makes a token behind it
// with the vendor's tool, which alone makes AES keys: "vault" and, for the HMAC,
// "mac".
func managedTPM(t *testing.T) hsm.Config {
	t.Helper()
	lib := need.Tool(t, "tpm2")
	d := startTPM(t)
	address := "unix:path=" + filepath.Join(t.TempDir(), "bus")                                       // not in /tmp, where it would stay
	run(t, exec.Command("dbus-daemon", "--session", "--nofork", "--nopidfile", "--address="+address)) //nolint:noctx // the cleanup ends it
	store := t.TempDir()
	env := []string{"DBUS_SESSION_BUS_ADDRESS=" + address, "TPM2_PKCS11_TCTI=tabrmd:bus_type=session",
		"TPM2TOOLS_TCTI=tabrmd:bus_type=session", "TPM2_PKCS11_STORE=" + store}
	eventually(t, "the bus listens", func() bool {
		_, err := os.Stat(strings.TrimPrefix(address, "unix:path="))
		return err == nil
	})
	manager := exec.Command("tpm2-abrmd", "--allow-root", "--session", "--tcti="+d.tcti) //nolint:noctx // the cleanup ends it
	manager.Env = append(os.Environ(), env...)
	run(t, manager)
	eventually(t, "the resource manager answers", func() bool {
		cmd := exec.CommandContext(t.Context(), "tpm2_getrandom", "1")
		cmd.Env = append(os.Environ(), env...)
		return cmd.Run() == nil
	})
	for _, args := range [][]string{
		{"init"},
		{"addtoken", "--pid=1", "--label=ceremony", "--sopin=so-pin", "--userpin=" + testPIN},
		{"addkey", "--algorithm=aes256", "--label=ceremony", "--key-label=vault", "--id=k", "--userpin=" + testPIN},
		{"addkey", "--algorithm=hmac:sha256", "--label=ceremony", "--key-label=mac", "--id=m", "--userpin=" + testPIN},
	} {
		d.tool(strings.Join(env, " "), append(append([]string{"tpm2_ptool"}, args...), "--path="+store)...)
	}
	return hsm.Config{Lib: lib, Env: env, TokenLabel: "ceremony", KeyLabel: "vault", KeyID: "6b", HMACKeyLabel: "mac", HMACKeyID: "6d"}
}

// run starts a daemon that ends with the test.
func run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// freePorts finds a port such that the next one is free as well.
func freePorts(t *testing.T) int {
	t.Helper()
	var listen net.ListenConfig
	for {
		a, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := a.Addr().(*net.TCPAddr).Port
		b, err := listen.Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", port+1))
		_ = a.Close()
		if err == nil {
			_ = b.Close()
			return port
		}
	}
}
