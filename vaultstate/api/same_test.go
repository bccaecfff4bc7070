//go:build cgo

package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"conclave/hsm/softhsm/need"
	"conclave/vaultstate/vaulttest/openbao"
)

// TestSameAsOpenBao: a real OpenBao with an HSM seal refuses the same requests
// with the same status and message, but for the deliberate differences.
func TestSameAsOpenBao(t *testing.T) {
	bin := need.Tool(t, "openbao")
	need.Tool(t, "softhsm")
	address := openbao.New(t, bin, openbao.OpenEndpoints)
	send := func(x bad) (int, []string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), x.method, address+"/v1/"+x.path, strings.NewReader(x.body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		code, _, says := read(t, resp)
		return code, says
	}
	compare := func(list []bad) {
		t.Helper()
		for _, x := range list {
			if x.ours && x.path == "sys/init" {
				continue // it would initialise it
			}
			code, says := send(x)
			same := code == x.status && (x.message == "" || slices.Contains(says, x.message))
			if same == x.ours {
				t.Errorf("%s (%s %s): OpenBao answers %d %q; deliberately different: %t", x.name, x.method, x.path, code, says, x.ours)
			}
			if x.ours {
				send(bad{method: http.MethodDelete, path: "sys/rekey/init"})
				send(bad{method: http.MethodDelete, path: "sys/rekey-recovery-key/init"})
				send(bad{method: http.MethodDelete, path: "sys/generate-root/attempt"})
			}
		}
	}
	compare(beforeInit)
	if code, says := send(bad{method: http.MethodPut, path: "sys/init", body: `{"recovery_shares":3,"recovery_threshold":2}`}); code != http.StatusOK {
		t.Fatalf("init of OpenBao: %d %q", code, says)
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if code, _ := send(bad{method: http.MethodGet, path: "sys/health"}); code == http.StatusOK {
			break
		}
	}
	compare(afterInit)
}
