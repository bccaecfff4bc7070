package server

import (
	"net/url"
	"slices"
	"strings"

	"conclave/assets/clean"
	"conclave/hsm/secret"
)

// Variable is one that is set and that means something to programs like this
// one. Value is "set" where it could be a secret.
type Variable struct{ Name, Value string }

// shown are the endings of names whose values are no secrets.
var shown = []string{"_ADDR", "_CACERT", "_CAPATH", "_CLIENT_CERT", "_NAMESPACE", "_SKIP_VERIFY", "_TLS_SERVER_NAME",
	"_CLIENT_TIMEOUT", "_MAX_RETRIES", "_PROXY", "_FORMAT", "_LOG_LEVEL"}

// Variables lists what of an environment ("NAME=value", as os.Environ gives it)
// the record shows: BAO_*, VAULT_*, *_PROXY, and where Go's TLS looks for
// certificates. The connection itself reads none of them but those two.
func Variables(environ []string) []Variable {
	var list []Variable
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		if value == "" || !meant(name) {
			continue
		}
		list = append(list, Variable{clean.Clean(name), public(name, value)})
	}
	slices.SortFunc(list, func(a, b Variable) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func meant(name string) bool {
	upper := strings.ToUpper(name)
	return strings.HasPrefix(upper, "BAO_") || strings.HasPrefix(upper, "VAULT_") || strings.HasSuffix(upper, "_PROXY") ||
		upper == "SSL_CERT_FILE" || upper == "SSL_CERT_DIR"
}

func public(name, value string) string {
	upper := strings.ToUpper(name)
	open := strings.HasPrefix(upper, "SSL_") || slices.ContainsFunc(shown, func(end string) bool { return strings.HasSuffix(upper, end) })
	if !open {
		return "set"
	}
	if u, err := url.Parse(value); strings.Contains(value, "@") && (err != nil || u.User != nil) {
		return "set"
	}
	return clean.Clean(value)
}

// FromEnvironment is the configuration that the usual variables make, BAO_*
// before VAULT_*. It is for whoever fills in flags: Open reads no variable. A
// variable's value was a string long before: the token's copy in locked memory
// is the caller's to wipe. Proxies are not among them: a plan names one.
func FromEnvironment(environ []string) Config {
	get := func(name string) string {
		for _, prefix := range []string{"BAO_", "VAULT_"} {
			for _, e := range environ {
				if value, ok := strings.CutPrefix(e, prefix+name+"="); ok && value != "" {
					return value
				}
			}
		}
		return ""
	}
	return Config{
		Address:        get("ADDR"),
		CAFile:         get("CACERT"),
		CA:             []byte(get("CACERT_BYTES")),
		CAPath:         get("CAPATH"),
		ServerName:     get("TLS_SERVER_NAME"),
		ClientCertFile: get("CLIENT_CERT"),
		ClientKeyFile:  get("CLIENT_KEY"),
		Namespace:      get("NAMESPACE"),
		SkipVerify:     slices.Contains([]string{"1", "t", "true"}, strings.ToLower(get("SKIP_VERIFY"))),
		Token:          secret.Take([]byte(get("TOKEN"))),
	}
}
