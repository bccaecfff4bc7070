package rehearse

import (
	"fmt"
	"os"
)

// Configure writes openbao.hcl anew: the directory may have moved, and its paths
// are absolute; or the vault is wrapped with another key since.
func (w *World) Configure() error {
	text := fmt.Sprintf(`# PRACTICE: made by a rehearsal of Conclave. Everything in this directory is
# throw-away; the PIN below protects nothing.
#
# To start a real OpenBao on the practice vault, while no rehearsal runs (2.5, in
# a build with PKCS#11):
#
#   SOFTHSM2_CONF="%[1]s/softhsm2.conf" bao server -config="%[1]s/openbao.hcl"
#   BAO_ADDR=http://%[3]s bao status

storage "file" {
  path = "%[2]s"
}

seal "pkcs11" {
  lib         = "%[4]s"
  token_label = "%[5]s"
  pin         = "%[6]s"
  key_label   = "%[7]s"
  key_id      = "%[8]s"
}

listener "tcp" {
  address     = "%[3]s"
  tls_disable = true
}

api_addr = "http://%[3]s"
`, w.Dir, w.Storage, Address, w.HSM.Lib, w.HSM.TokenLabel, PIN, w.HSM.KeyLabel, w.HSM.KeyID)
	if err := os.WriteFile(w.Config, []byte(text), 0o600); err != nil {
		return fmt.Errorf("writing the practice server's configuration: %w", err)
	}
	return nil
}
