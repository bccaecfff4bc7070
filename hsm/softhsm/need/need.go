// Package need is the one way for a test to skip: it finds the tool that a test
// cannot do without, or skips the test.
//
// It promises that a missing tool is a failure, not a skip, where the
// environment variable REQUIRE (names separated by commas) names the tool, and
// that every use leaves one line in the file that CONCLAVE_TOOLS_LOG names:
//
//	tool TAB version TAB package.Test TAB outcome
//
// where the outcome is "run", "skipped" or "missing" (required, so the test
// failed). Tools with daemons (onlyRequired) are not looked for, and leave no
// line, unless REQUIRE names them. A build without cgo, which can load no library, skips what needs
// SoftHSM even so. `make test` prints its table from these lines. A test whose result
// "go test" had cached leaves no line; a new file name each time prevents that,
// since the variable's value is part of the cache's key.
//
// It does not promise that the tool works, only that it is there.
package need

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

// Tool returns the path of the named tool. If the tool is missing, the test
// ends: skipped, or failed if REQUIRE names the tool.
//
// The names are those of find; any other is looked up in PATH as it is.
func Tool(t testing.TB, name string) string {
	t.Helper()
	if slices.Contains(onlyRequired, name) && !Required(name) {
		t.Skipf("this test needs %s and runs only where REQUIRE names it (make test-tokens)", name)
	}
	path, err := find(name)
	outcome := "run"
	switch {
	case err == nil:
	case Required(name) && !errors.Is(err, errNoCgo):
		outcome = "missing"
	default:
		outcome = "skipped"
	}
	if file := os.Getenv("CONCLAVE_TOOLS_LOG"); file != "" {
		if err := record(t, file, name, path, outcome); err != nil {
			t.Fatalf("recording the use of %s: %v", name, err)
		}
	}
	switch outcome {
	case "missing":
		t.Fatalf("%s is missing and REQUIRE names it: %v", name, err)
	case "skipped":
		t.Skipf("%s is missing: %v", name, err)
	}
	return path
}

// onlyRequired are the tools with daemons and waits of their own. Their tests
// are skipped without a line in the log where REQUIRE does not name them.
var onlyRequired = []string{"opencryptoki", "tpm2", "p11kit"}

// errNoCgo is the one excuse that REQUIRE accepts: the machine has the library,
// the build cannot load it. Such builds test what needs no token.
var errNoCgo = errors.New("this build was made without cgo and loads no library")

// Required tells whether REQUIRE names a tool.
func Required(name string) bool {
	return slices.ContainsFunc(strings.Split(os.Getenv("REQUIRE"), ","), func(r string) bool {
		return strings.TrimSpace(r) == name
	})
}

// softHSMPaths are where distributions put SoftHSM's library.
var softHSMPaths = []string{
	"/usr/lib/softhsm/libsofthsm2.so",                   // Debian, Ubuntu, Arch
	"/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",  // Debian, Ubuntu
	"/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so", // the same on arm64
	"/usr/lib64/pkcs11/libsofthsm2.so",                  // Fedora
	"/usr/lib64/softhsm/libsofthsm2.so",                 // Fedora, older
	"/usr/lib64/libsofthsm2.so",                         // openSUSE
	"/usr/lib/pkcs11/libsofthsm2.so",                    // Arch
	"/usr/lib/libsofthsm2.so",                           // Alpine
	"/usr/local/lib/softhsm/libsofthsm2.so",             // built from source
	"/opt/homebrew/lib/softhsm/libsofthsm2.so",          // Homebrew
}

// nssPaths are where distributions put NSS's softoken.
var nssPaths = []string{
	"/usr/lib/x86_64-linux-gnu/libsoftokn3.so",      // Debian, Ubuntu
	"/usr/lib/aarch64-linux-gnu/libsoftokn3.so",     // the same on arm64
	"/usr/lib/x86_64-linux-gnu/nss/libsoftokn3.so",  // older
	"/usr/lib/aarch64-linux-gnu/nss/libsoftokn3.so", // older, on arm64
	"/usr/lib64/libsoftokn3.so",                     // Fedora, openSUSE
	"/usr/lib/libsoftokn3.so",                       // Arch, Alpine
}

// modules are where distributions put a PKCS#11 library by this name.
func modules(file string) []string {
	return []string{
		"/usr/lib/x86_64-linux-gnu/pkcs11/" + file,  // Debian, Ubuntu
		"/usr/lib/aarch64-linux-gnu/pkcs11/" + file, // the same on arm64
		"/usr/lib64/pkcs11/" + file,                 // Fedora, openSUSE
		"/usr/lib/pkcs11/" + file,                   // Arch
	}
}

func find(name string) (string, error) {
	switch name {
	case "softhsm": // the PKCS#11 library; softhsm2-util is not needed
		if !loads {
			return "", errNoCgo
		}
		if lib := os.Getenv("SOFTHSM2_LIB"); lib != "" {
			return firstFile(lib)
		}
		return firstFile(softHSMPaths...)
	case "nss": // the PKCS#11 library; certutil is not needed
		if !loads {
			return "", errNoCgo
		}
		if lib := os.Getenv("NSS_SOFTOKEN"); lib != "" {
			return firstFile(lib)
		}
		return firstFile(nssPaths...)
	case "opencryptoki": // its soft token, and its daemon
		return moduleWith("pkcsslotd", "libopencryptoki.so")
	case "tpm2": // tpm2-pkcs11, and a TPM in software
		return moduleWith("swtpm", "libtpm2_pkcs11.so")
	case "p11kit": // p11-kit's client, and its server
		return moduleWith("p11-kit", "p11-kit-client.so")
	case "cc":
		return exec.LookPath(cmp.Or(os.Getenv("CC"), "cc"))
	case "openbao":
		return exec.LookPath(cmp.Or(os.Getenv("OPENBAO_BIN"), "bao"))
	case "vault":
		return exec.LookPath(cmp.Or(os.Getenv("VAULT_BIN"), "vault"))
	case "root": // no file: the right to look into other processes
		if os.Geteuid() != 0 {
			return "", fmt.Errorf("the effective user id is %d, not 0", os.Geteuid())
		}
		return "/", nil
	}
	return exec.LookPath(name)
}

// moduleWith is the path of a PKCS#11 library that needs a program beside it.
func moduleWith(program, file string) (string, error) {
	if !loads {
		return "", errNoCgo
	}
	if _, err := exec.LookPath(program); err != nil {
		return "", err
	}
	return firstFile(modules(file)...)
}

func firstFile(paths ...string) (string, error) {
	for _, p := range paths {
		if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() {
			return p, nil
		}
	}
	return "", fmt.Errorf("none of these is a file: %s", strings.Join(paths, ", "))
}

// record appends one line; a single write to a file opened for appending keeps
// lines of concurrent tests apart.
func record(t testing.TB, file, name, path, outcome string) error {
	v := "-"
	if outcome == "run" {
		v = version(t.Context(), name, path)
	}
	f, err := os.OpenFile(filepath.Clean(file), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%s\t%s\t%s.%s\t%s\n", name, v, testedPackage(), t.Name(), outcome)
	return cmp.Or(err, f.Close())
}

// version asks the tool; "?" if it does not say.
func version(ctx context.Context, name, path string) string {
	args := []string{path, "--version"}
	switch name {
	case "softhsm":
		args[0] = "softhsm2-util"
	case "tmux":
		args[1] = "-V"
	case "openbao", "vault":
		args[1] = "version"
	case "root":
		args = []string{"uname", "-sr"}
	case "tpm2":
		args[0] = "swtpm"
	case "nss", "opencryptoki", "p11kit":
		return filepath.Base(path) // it does not say
	}
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).Output() //nolint:gosec // the tool that the test will run anyway
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if err != nil || line == "" {
		return "?"
	}
	return strings.Join(strings.Fields(line), " ")
}

// testedPackage is the import path of the package under test.
func testedPackage() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Path != "" {
		return strings.TrimSuffix(info.Path, ".test")
	}
	return strings.TrimSuffix(filepath.Base(os.Args[0]), ".test")
}
