package rehearse

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"conclave/ceremony/folder"
	"conclave/ceremony/plan"
	"conclave/vaultstate/pgp"
)

// The practice people.
const (
	operatorName = "Olga Example"
	witnessName  = "Wim Waters"
)

// pinHolders type a part of the PIN each.
var pinHolders = []string{"Pat Pine", "Quinn Quick"}

var names = []string{"Alice Adams", "Bob Baker", "Carol Chen", "Dora Dean", "Erik Esser", "Fay Fisher", "Gus Green", "Hana Holt", "Ivan Ivory"}

// custodianNames are the first n custodians.
func custodianNames(n int) []string {
	list := slices.Clone(names[:min(n, len(names))])
	for i := len(list) + 1; i <= n; i++ {
		list = append(list, fmt.Sprintf("Custodian %d", i))
	}
	return list
}

// makePeople makes the keys of those who have none yet.
func (w *World) makePeople() error {
	for _, name := range append([]string{operatorName}, custodianNames(w.Shares)...) {
		if _, err := w.private(name); err != nil {
			return err
		}
	}
	return nil
}

// keyPath is where a person's key pair lies; the public key is beside it.
func (w *World) keyPath(name string) string {
	return filepath.Join(w.Dir, custodiansName, "PRACTICE-"+folder.FileName(name)+".asc")
}

func (w *World) publicPath(name string) string {
	return filepath.Join(w.Dir, custodiansName, "PRACTICE-"+folder.FileName(name)+".pub.asc")
}

// private reads a person's practice key pair, or makes it.
func (w *World) private(name string) (*pgp.Private, error) {
	b, err := os.ReadFile(w.keyPath(name)) // #nosec G304 -- below the practice directory
	if errors.Is(err, fs.ErrNotExist) {
		return w.makeKey(name)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the practice key of %s: %w", name, err)
	}
	p, err := pgp.ReadPrivate(b)
	if err != nil {
		return nil, fmt.Errorf("reading the practice key of %s: %w", name, err)
	}
	return p, nil
}

func (w *World) makeKey(name string) (*pgp.Private, error) {
	p, key, err := pgp.GenerateKey(name, time.Now())
	if err != nil {
		return nil, err
	}
	both, err := p.Armor()
	if err != nil {
		return nil, err
	}
	public, err := key.Armor(true)
	if err != nil {
		return nil, fmt.Errorf("writing the practice key of %s: %w", name, err)
	}
	// The public key first: a pair that is there is complete.
	if err := os.WriteFile(w.publicPath(name), public, 0o600); err != nil {
		return nil, fmt.Errorf("writing the practice key of %s: %w", name, err)
	}
	if err := os.WriteFile(w.keyPath(name), both, 0o600); err != nil {
		return nil, fmt.Errorf("writing the practice key of %s: %w", name, err)
	}
	return p, nil
}

// publicKey is the file that a share for the person is encrypted to.
func (w *World) publicKey(name string) (plan.File, error) {
	if _, err := w.private(name); err != nil {
		return plan.File{}, err
	}
	b, err := os.ReadFile(w.publicPath(name)) // #nosec G304 -- below the practice directory
	if err != nil {
		return plan.File{}, fmt.Errorf("reading the practice key of %s: %w", name, err)
	}
	return plan.File{Name: w.publicPath(name), Data: b}, nil
}
