package worker

import (
	"slices"
	"strings"
)

// What the worker gets of the program's environment. Everything else stays
// outside: variables with PINs and tokens above all (BAO_HSM_PIN,
// VAULT_TOKEN), and what makes a library log in clear (PKCS11SPY).
var (
	general = []string{"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH",
		"XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "DBUS_SYSTEM_BUS_ADDRESS", "DBUS_SESSION_BUS_ADDRESS"}
	vendors = []string{
		"SOFTHSM2_CONF",         // SoftHSM
		"KRYOPTIC_CONF",         // Kryoptic
		"P11_KIT_",              // p11-kit
		"NSS_",                  // NSS
		"OPENCRYPTOKI_",         // openCryptoki
		"TPM2_PKCS11_", "TSS2_", // tpm2-pkcs11
		"OPENSC_CONF", "PCSCLITE_", // smart cards
		"YUBIHSM_PKCS11_CONF", // YubiHSM
		"CKNFAST_", "NFAST_",  // nShield
		"ChrystokiConfigurationPath", // Luna
		"ET_PTKC_", "ET_HSM_",        // ProtectToolkit
		"CS_PKCS11_", "CRYPTOSERVER", // Utimaco
		"SECUROSYS_", "PRIMUS_", // Primus
		"CLOUDHSM_CONF", "LIQUIDSECURITY_", // CloudHSM, Marvell
	}
)

// Environment is the environment of the worker: what the lists above name in
// environ, then extra, then the settings of its C allocator. These make free
// overwrite what it frees: the binding to PKCS#11 copies the PIN and the
// plaintexts to the C heap and frees them as they are. (The cache of freed
// blocks is off, since it is not overwritten.)
func Environment(environ, extra []string) []string {
	var env []string
	for _, kv := range environ {
		name, _, ok := strings.Cut(kv, "=")
		vendor := slices.ContainsFunc(vendors, func(v string) bool { return name == v || strings.HasSuffix(v, "_") && strings.HasPrefix(name, v) })
		if ok && (slices.Contains(general, name) || vendor) && !strings.Contains(name, "PIN") {
			env = append(env, kv)
		}
	}
	env = append(env, extra...)
	return append(env, "GLIBC_TUNABLES=glibc.malloc.perturb=165:glibc.malloc.tcache_count=0")
}
