package rehearse

import (
	"strings"

	"conclave/vaultstate/pgp"
)

// card is what stands on somebody's card: groups of the fingerprint of their
// practice key, counted from 1.
func (w *World) card(name string, groups []int) (string, error) {
	f, err := w.publicKey(name)
	if err != nil {
		return "", err
	}
	key, err := pgp.Read(f.Name, f.Data)
	if err != nil {
		return "", err
	}
	var out []string
	for _, g := range groups {
		out = append(out, strings.ToUpper(key.Fingerprint[4*(g-1):4*g]))
	}
	return strings.Join(out, " "), nil
}
