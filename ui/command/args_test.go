package command

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"conclave/ceremony/plan"
	"conclave/vaultstate"
	"conclave/vaultstate/serverconfig"
)

func TestRewrite(t *testing.T) {
	root, _ := (&Process{Now: time.Now}).root()
	tests := []struct{ in, want string }{
		{"init -plain", "init --plain"},
		{"init --plain", "init --plain"},
		{"init -h", "init --help"},
		{"status -storage -plain", "status --storage -plain"}, // a value may begin with a dash
		{"status -storage=-plain -format=json", "status --storage=-plain --format=json"},
		{"init -custodian -A -custodian --B -plain", "init --custodian -A --custodian --B --plain"},
		{"transcript verify - -head x", "transcript verify - --head x"},
		{"transcript verify -- -dir", "transcript verify -- -dir"},
	}
	for _, tt := range tests {
		if got := strings.Join(rewrite(root, strings.Fields(tt.in)), " "); got != tt.want {
			t.Errorf("rewrite(%s) = %s, want %s", tt.in, got, tt.want)
		}
	}
}

// TestNoLetters: no flag has one letter, and none takes a secret.
func TestNoLetters(t *testing.T) {
	root, _ := (&Process{Now: time.Now}).root()
	for name := range withValues(root) {
		if len(name) < 2 {
			t.Errorf("there is a flag -%s", name)
		}
		for _, bad := range []string{"hsm-pin", "pin", "share", "token", "password", "passphrase"} {
			if name == bad {
				t.Errorf("a secret would stand on the command line: -%s", name)
			}
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, name := range []string{"BAO_API_ADDR", "VAULT_API_ADDR", "BAO_REDIRECT_ADDR", "VAULT_REDIRECT_ADDR", "BAO_ADVERTISE_ADDR", "VAULT_ADVERTISE_ADDR"} {
		t.Setenv(name, "") // cleared for the test, put back after it
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct{ text, want string }{
		{`listener "tcp" { address = "127.0.0.1:8201" tls_disable = true }`, "[http://127.0.0.1:8201]"},
		{`listener "tcp" { address = "0.0.0.0:8200" }`, "[https://127.0.0.1:8200]"},
		{`listener "tcp" { address = "[::]:8200" }`, "[https://127.0.0.1:8200]"},
		{`listener "tcp" { address = ":8200" }`, "[https://127.0.0.1:8200]"},
		{`listener "tcp" { }`, "[https://127.0.0.1:8200]"},
		{`listener "unix" { address = "/run/bao.sock" }`, "[]"},
		{`api_addr = "https://bao.example.com/"`, "[https://bao.example.com]"},
	}
	for _, tt := range tests {
		cfg, err := serverconfig.Parse("x.hcl", []byte(tt.text+"\n"))
		if err != nil {
			t.Fatalf("%s: %v", tt.text, err)
		}
		if got := fmt.Sprint(addresses(cfg)); got != tt.want {
			t.Errorf("addresses of %s = %s, want %s", tt.text, got, tt.want)
		}
	}
}

func TestFreshID(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 11, 24, 16, 2, 3, 0, time.UTC)
	for _, want := range []string{"KC-2026-11-24-160203", "KC-2026-11-24-160203.2", "KC-2026-11-24-160203.3"} {
		got, err := freshID(dir, false, now)
		if err != nil || got != want {
			t.Fatalf("freshID = %s, %v; want %s", got, err, want)
		}
		if err := os.Mkdir(filepath.Join(dir, "2026-11-24-"+got+"-init"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPINFile(t *testing.T) {
	tests := []struct {
		name, text, want string
		mode             os.FileMode
		bad              string
	}{
		{"plain", "1234", "1234", 0o600, ""},
		{"one newline", "1234\n", "1234", 0o600, ""},
		{"only one", "1234\n\n", "1234\n", 0o600, ""},
		{"blanks are the PIN's", " 12 34 \r\n", " 12 34 ", 0o400, ""},
		{"others read it", "1234", "", 0o640, "others can read"},
		{"others write it", "1234", "", 0o602, "others can read"},
		{"empty", "\n", "", 0o600, "is empty"},
		{"large", strings.Repeat("1", maxPIN+1), "", 0o600, "more than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "pin")
			if err := os.WriteFile(name, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(name, tt.mode); err != nil {
				t.Fatal(err)
			}
			tg := &target{hsm: &serverconfig.HSM{}, login: "typed"}
			defer tg.Wipe()
			err := tg.setPIN(&flags{pinFile: name})
			if tt.bad != "" {
				if err == nil || !strings.Contains(err.Error(), tt.bad) {
					t.Fatalf("setPIN = %v, want %q", err, tt.bad)
				}
				return
			}
			if err != nil || string(tg.pin.Expose()) != tt.want {
				t.Fatalf("setPIN = %v, the PIN is %q, want %q", err, tg.pin.Expose(), tt.want)
			}
			if tg.login != "file "+name || len(tg.overrides) != 1 {
				t.Errorf("it is recorded as %q, %v", tg.login, tg.overrides)
			}
		})
	}
	if err := (&target{hsm: &serverconfig.HSM{}}).setPIN(&flags{pinFile: t.TempDir()}); err == nil {
		t.Error("a directory was taken for a PIN file")
	}
}

// TestConfigKept: of a configuration a blank stands in place of a PIN in what is
// kept and hashed, since a digest with it would let somebody try PINs. Where it
// stands a second time, or the PIN comes from elsewhere and is in the file, too,
// nothing is.
func TestConfigKept(t *testing.T) {
	for text, want := range map[string]string{
		`seal "pkcs11" { lib = "l" pin = "1234" }`:          `seal "pkcs11" { lib = "l" pin = "(blanked)" }`,
		`seal "pkcs11" { lib = "l" pin = "string://1234" }`: `seal "pkcs11" { lib = "l" pin = "(blanked)" }`,
		`seal "pkcs11" { lib = "l" pin = "1234" } # 1234`:   "",
		`seal "pkcs11" { lib = "l" }`:                       `seal "pkcs11" { lib = "l" }`,
		`seal "pkcs11" { lib = "l" } # 9753`:                "", // that is the PIN of the environment
	} {
		t.Setenv("BAO_HSM_PIN", "")
		if strings.Contains(text, "9753") {
			t.Setenv("BAO_HSM_PIN", "9753")
		}
		name := filepath.Join(t.TempDir(), "Bao.hcl")
		if err := os.WriteFile(name, []byte(text+"\nstorage \"file\" { path = \"s\" }\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		f := newFlags(&cobra.Command{})
		f.config = name
		at, err := f.target()
		if err != nil {
			t.Fatal(err)
		}
		at.Wipe()
		if len(f.files) != 1 {
			t.Fatalf("%s: %d files", text, len(f.files))
		}
		kept := f.files[0]
		i := slices.IndexFunc(at.values, func(v plan.Value) bool { return v.Name == "config" })
		switch says := at.values[i].Text; {
		case want == "" && (kept.Keep != "" || kept.Data != nil || !strings.Contains(says, "not hashed: what is secret stands in it a second time")):
			t.Errorf("%s: kept %q, and the plan says %q", text, kept.Data, says)
		case want != "" && (kept.Keep != "bao.hcl" || !strings.HasPrefix(string(kept.Data), want+"\n") || !strings.Contains(says, "SHA-256 "+kept.SHA256())):
			t.Errorf("%s: kept %q, and the plan says %q", text, kept.Data, says)
		case strings.Contains(want, "blanked") != strings.Contains(says, "is blanked"):
			t.Errorf("%s: the plan says %q", text, says)
		}
	}
}

func TestWhy(t *testing.T) {
	tests := []struct {
		s    status
		kind vaultstate.Kind
		want string
	}{
		{status{Initialized: true, HSM: hsmState{State: answers}}, vaultstate.Init, "this vault is initialised"},
		{status{HSM: hsmState{State: answers}}, vaultstate.Rotate, "there is no vault yet"},
		{status{HSM: hsmState{State: answers}}, vaultstate.Init, ""},
		{status{Initialized: true, HSM: hsmState{State: doesNotAnswer}}, vaultstate.Rekey, "the HSM does not answer"},
		{status{Initialized: true, HSM: hsmState{State: notNamed}}, plan.Unseal, "no HSM is named"},
		{status{Initialized: true, HSM: hsmState{State: answers}, Servers: []string{"x"}}, vaultstate.Rekey, "stop the server first"},
		{status{Initialized: true, HSM: hsmState{State: answers}}, vaultstate.GenerateRoot, ""},
		{status{Initialized: true, HSM: hsmState{State: notNamed}, Servers: []string{"x"}, holders: true}, plan.Drill, ""},
		{status{Initialized: true, HSM: hsmState{State: answers}}, plan.Drill, "no record says who holds a share"},
		{status{holders: true}, plan.Drill, "there is no vault yet"},
	}
	for _, tt := range tests {
		if got := tt.s.why(tt.kind); got != tt.want {
			t.Errorf("why(%s) = %q, want %q", tt.kind, got, tt.want)
		}
	}
}

func TestKeyFiles(t *testing.T) {
	dir := t.TempDir()
	var names []string
	for i := range 3 {
		name := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(name, []byte{byte(i)}, 0o600); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	files, err := (&named{}).keyFiles("recovery-pgp-keys", names[0]+",@"+names[1]+", "+names[2])
	if err != nil || len(files) != 3 || !slices.Equal(files[1].Data, []byte{1}) || files[1].Name != names[1] {
		t.Errorf("keyFiles = %v, %v", files, err)
	}
	for _, bad := range []string{names[0] + ",", "keybase:alice", filepath.Join(dir, "none"), dir} {
		if _, err := (&named{}).keyFiles("recovery-pgp-keys", bad); err == nil {
			t.Errorf("keyFiles(%s) was accepted", bad)
		}
	}
}
