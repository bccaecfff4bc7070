//go:build linux && !race

package courier

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"conclave/hsm/secret"
	"conclave/hsm/secret/memscan"
	"conclave/hsm/softhsm/need"
	"conclave/vaultstate/server"
	"conclave/vaultstate/server/servertest"
)

// parent is the argument with which this test binary is the process that sends
// and is then scanned.
const parent = "courier-test-parent"

// TestLeavesNothing sends shares and a token from a process, with plain HTTP and
// with TLS and a client's key, and looks for them in it afterwards. The same
// requests sent with server.Send are found, so the scan would see a copy; and the
// server got all.
func TestLeavesNothing(t *testing.T) {
	need.Tool(t, "root")
	for _, how := range []string{"courier", "here"} {
		share, token := random(t), random(t)
		mine := servertest.Certificate(t)
		key := keyPEM(t, mine)
		line := strings.Split(string(key.Expose()), "\n")[1]
		arrived := 0
		answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if strings.Contains(string(body), string(share)) && r.Header.Get("X-Vault-Token") == string(token) {
				arrived++
			}
			_, _ = w.Write(body) // the answer has the share as well
		})
		plain, encrypted := httptest.NewServer(answer), httptest.NewUnstartedServer(answer)
		encrypted.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert} // #nosec G402 -- Go's own least version
		encrypted.StartTLS()
		defer plain.Close()
		defer encrypted.Close()
		pid, end := sends(t, how, plain.URL, encrypted.URL, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: encrypted.Certificate().Raw})),
			string(servertest.PEM(mine)), share, token, key.Expose())
		forms := append(memscan.Forms("share", share), memscan.Forms("token", token)...)
		forms = append(append(forms, memscan.Forms("key's line", []byte(line))...), memscan.Forms("key", scalar(t, mine))...)
		r, err := memscan.Scan(pid, forms...)
		if err != nil {
			t.Fatal(err)
		}
		end()
		t.Log(how, r)
		if arrived != 20 {
			t.Errorf("%s: %d requests of 20 arrived whole", how, arrived)
		}
		switch {
		case how == "courier" && len(r.Hits) > 0:
			t.Errorf("%d copies are left", len(r.Hits))
		case how == "here" && (r.Found("share") == 0 || r.Found("token") == 0 || r.Found("key") == 0):
			t.Error("sent from the process itself, they are not found in it: this test shows nothing")
		}
	}
}

// random is a secret of 44 letters.
func random(t *testing.T) []byte {
	t.Helper()
	return []byte(rand.Text() + rand.Text()[:18])
}

// scalar is the private key itself.
func scalar(t *testing.T, c *tls.Certificate) []byte {
	t.Helper()
	k, ok := c.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		t.Fatal("the key is of another type")
	}
	b, err := k.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// masked keeps a secret off the pages on which it would be found.
func masked(b []byte) []byte {
	m := make([]byte, len(b))
	for i := range b {
		m[i] = b[i] ^ 0x15
	}
	return m
}

// sends starts the process that sends, and waits until it has.
func sends(t *testing.T, how, plain, tls, ca, cert string, share, token, key []byte) (pid int, end func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0], parent, how, plain, tls, ca, cert) //nolint:noctx // end ends it
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
	all := append(append(masked(share), masked(token)...), byte(len(key)>>8), byte(len(key)))
	if _, err := in.Write(append(all, masked(key)...)); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "sent\n" {
		t.Fatalf("the process says %q: %v", line, err)
	}
	return cmd.Process.Pid, func() {
		_ = in.Close()
		_ = cmd.Wait()
	}
}

// sendAround is that process.
func sendAround(how, plain, tls, ca, cert string) {
	read := func(n int) secret.Bytes {
		s := secret.New(n)
		if _, err := io.ReadFull(os.Stdin, s.Expose()); err != nil {
			panic(err)
		}
		for i := range s.Expose() {
			s.Expose()[i] ^= 0x15
		}
		return s
	}
	share, token := read(44), read(44)
	var size [2]byte
	if _, err := io.ReadFull(os.Stdin, size[:]); err != nil {
		panic(err)
	}
	key := read(int(size[0])<<8 | int(size[1]))
	send := Send
	if how == "here" {
		send = server.Send
	}
	for range 10 {
		for _, to := range []server.Target{{Address: plain}, {Address: tls, CA: []byte(ca), ClientCert: []byte(cert), ClientKey: key}} {
			to.Timeout = 30 * time.Second
			a, err := send(context.Background(), server.Request{Target: to, Method: "PUT", Path: "sys/unseal", Token: token, Body: share})
			if err != nil || !a.Body.Equal(share) {
				panic(fmt.Sprint("no answer: ", err))
			}
			a.Body.Wipe()
		}
	}
	share.Wipe()
	token.Wipe()
	key.Wipe()
	fmt.Println("sent")
	_, _ = io.Copy(io.Discard, os.Stdin) // until it has been scanned
}

func init() { helper = sendAround }
