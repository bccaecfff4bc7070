//go:build linux && !race && (amd64 || arm64)

package secret_test

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"conclave/hsm/secret"
	"conclave/hsm/secret/memscan"
)

// copying makes this test binary the process that TestRegisters scans.
const copying = "CONCLAVE_TEST_COPYING"

func TestMain(m *testing.M) {
	if how := os.Getenv(copying); how != "" {
		copyAround(how == "plain")
		return
	}
	os.Exit(m.Run())
}

// TestRegisters copies a secret about while the garbage collector interrupts,
// which saves the registers of whatever runs, and then looks for it in the
// process. The same with Go's own copy leaves some of it.
func TestRegisters(t *testing.T) {
	if n := leftBy(t, "ours") + leftBy(t, "ours"); n > 0 {
		t.Errorf("%d copies of the secret are left", n)
	}
	found := 0
	for tries := 0; found == 0 && tries < 10; tries++ {
		found = leftBy(t, "plain")
	}
	if found == 0 && runtime.GOARCH == "amd64" {
		t.Error("plain copies were not found out: this test shows nothing")
	}
}

func leftBy(t *testing.T, how string) int {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), copying+"="+how)
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
	text := make([]byte, size)
	_, _ = rand.Read(text)
	if _, err := in.Write(text); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("the process says %q: %v", line, err)
	}
	r, err := memscan.Scan(cmd.Process.Pid, memscan.Forms("secret", text)...)
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return len(r.Hits)
}

const size = 66 // a share in hex

// copyAround reads a secret, copies it for a moment, wipes all and waits.
func copyAround(plain bool) {
	s := secret.New(size)
	if _, err := io.ReadFull(os.Stdin, s.Expose()); err != nil {
		panic(err)
	}
	stop := make(chan bool)
	ended := make(chan bool)
	go func() {
		defer close(ended)
		c := secret.New(size)
		defer c.Wipe()
		for {
			select {
			case <-stop:
				return
			default:
			}
			for range 20_000 {
				if plain {
					copy(c.Expose(), s.Expose())
				} else {
					secret.Copy(c.Expose(), s.Expose())
				}
			}
			d := s.Clone()
			d.Wipe()
			d = s.Slice(0, size)
			d.Wipe()
		}
	}()
	for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); {
		runtime.GC()
	}
	close(stop)
	<-ended
	s.Wipe()
	fmt.Println("wiped")
	_, _ = io.Copy(io.Discard, os.Stdin) // until it has been scanned
}
