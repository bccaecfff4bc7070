//go:build linux && !race

package memscan_test

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"conclave/hsm/secret/memscan"
	"conclave/hsm/softhsm/need"
)

// TestMain is also the process that is scanned: it keeps what it reads from
// standard input in the form that its argument names, says so, and waits.
func TestMain(m *testing.M) {
	if form := os.Getenv("MEMSCAN_KEEP"); form != "" {
		os.Exit(keep(form))
	}
	os.Exit(m.Run())
}

func keep(form string) int {
	// 33 masked bytes: the secret itself must be nowhere but where it is kept.
	masked := make([]byte, 33)
	if _, err := io.ReadFull(os.Stdin, masked); err != nil {
		return 1
	}
	where := make([]byte, 4096)
	if form == "secret memory" {
		fd, err := unix.MemfdSecret(0)
		if err != nil || unix.Ftruncate(fd, 4096) != nil {
			fmt.Println("none")
			return 0
		}
		if where, err = unix.Mmap(fd, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
			return 1
		}
	}
	raw := where[:33]
	for i, b := range masked {
		raw[i] = b ^ 0x5a
	}
	var kept any
	switch form {
	case "bytes", "secret memory":
		kept = raw
	case "hex":
		kept = hex.EncodeToString(raw)
	case "base64":
		kept = base64.StdEncoding.EncodeToString(raw)
	case "runes":
		kept = []rune(hex.EncodeToString(raw)) // and the text, if the heap still has it
	case "part":
		kept = append([]byte(nil), raw[20:32]...)
	case "less": // and nothing beside it that makes it more by chance
		less := append([]byte{^raw[19]}, raw[20:31]...)
		kept = append(less, ^raw[31])
	}
	if form != "bytes" && form != "secret memory" {
		clear(raw)
	}
	fmt.Println("ready")
	_, _ = bufio.NewReader(os.Stdin).ReadByte() // until the test closes it
	fmt.Fprintln(io.Discard, kept)
	return 0
}

// start runs a process that keeps secret in a form.
func start(t *testing.T, form string, secret []byte) (pid int, said string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "MEMSCAN_KEEP="+form)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	masked := make([]byte, len(secret))
	for i, b := range secret {
		masked[i] = b ^ 0x5a
	}
	if _, err := in.Write(masked); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fscanln(out, &said); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid, said
}

func random(t *testing.T, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func TestScan(t *testing.T) {
	need.Tool(t, "root")
	for _, c := range []struct {
		form string
		want string // the needle that must be found, "" for none at all
	}{
		{"bytes", "share, bytes"},
		{"hex", "share, hex"},
		{"base64", "share, base64"},
		{"runes", "share, hex as UTF-32"},
		{"part", "share, bytes"},
		{"less", ""},
	} {
		t.Run(c.form, func(t *testing.T) {
			secret := random(t, 33)
			pid, _ := start(t, c.form, secret)
			r, err := memscan.Scan(pid, memscan.Forms("share", secret)...)
			if err != nil {
				t.Fatal(err)
			}
			t.Log(r)
			if got := r.Found("share"); (got > 0) != (c.want != "") || r.Found(c.want) == 0 && c.want != "" {
				t.Errorf("kept as %s: found %d times, as %q %d times", c.form, got, c.want, r.Found(c.want))
			}
		})
	}
}

// TestPlant: a canary in the process is found, and is gone when it was removed.
func TestPlant(t *testing.T) {
	need.Tool(t, "root")
	canary := random(t, 33)
	pid, _ := start(t, "less", random(t, 33))
	needles := memscan.Forms("canary", canary)
	for _, want := range []int{0, 1, 0} {
		var remove func() error
		if want == 1 {
			var err error
			if remove, err = memscan.Plant(pid, canary); err != nil {
				t.Fatal(err)
			}
		}
		r, err := memscan.Scan(pid, needles...)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Found("canary"); got != want {
			t.Errorf("found %d times, want %d: %v", got, want, r)
		}
		if remove != nil {
			if err := remove(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestSecretMemory: pages of memfd_secret are counted as not readable.
func TestSecretMemory(t *testing.T) {
	need.Tool(t, "root")
	secret := random(t, 33)
	pid, said := start(t, "secret memory", secret)
	if said == "none" {
		t.Log("this kernel has no memfd_secret")
		return
	}
	r, err := memscan.Scan(pid, memscan.Forms("share", secret)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(r, r.Unread)
	if r.Found("share") != 0 || r.UnreadBytes < 4096 {
		t.Errorf("found %d times, %d bytes could not be read", r.Found("share"), r.UnreadBytes)
	}
}

// TestWipedNeedle: a needle that was wiped before the scan is refused.
func TestWipedNeedle(t *testing.T) {
	if _, err := memscan.Scan(os.Getpid(), memscan.Forms("share", make([]byte, 33))...); err == nil {
		t.Error("33 zero bytes are looked for")
	}
}

// TestFindInText: 12 characters in a row are found, in every form, and fewer are
// not.
func TestFindInText(t *testing.T) {
	needles := memscan.Forms("secret", []byte("Quartz:lamp:Heron"))
	for text, want := range map[string]bool{
		"it is Quartz:lamp:Heron": true, "uartz:lamp:He": true, "Quartz:lamp": false, "517561727a3a6c616d703a4865726f6e": true, "UXVhcnR6OmxhbXA6SGVyb24=": true, "": false,
	} {
		got, err := memscan.Find([]byte(text), needles...)
		if err != nil || (len(got) > 0) != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

// TestRun: of a secret with few different characters more of them are asked for.
func TestRun(t *testing.T) {
	needles := memscan.Run(24, memscan.Forms("cells", []byte("010220310230201302103220132")))
	for text, want := range map[string]bool{"x10220310230201302103220": false, "x102203102302013021032201": true} {
		got, err := memscan.Find([]byte(text), needles...)
		if err != nil || (len(got) > 0) != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}
