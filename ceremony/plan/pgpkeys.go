package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"conclave/assets/clean"
	"conclave/vaultstate"
	"conclave/vaultstate/pgp"
)

// keys reads the PGP keys and refuses those that cannot decrypt, before
// anything else happens: one unusable key in an init locks everybody out.
func (q Request) keys(p *Plan, now time.Time, refuse func(string, string, ...any)) {
	until := now.AddDate(0, q.drill(), 0)
	all := []pgp.Key{}
	for _, f := range q.RecoveryKeys {
		k, problems := p.readKey(f, now, until)
		if len(problems) > 0 && f.FromRecord {
			p.Warnings = append(p.Warnings, problems[0]+" It is not challenged: its holder types the share.")
			continue
		}
		for _, text := range problems {
			refuse("recovery-pgp-keys", "%s", text)
		}
		if k != nil {
			p.Keys, all = append(p.Keys, *k), append(all, k.Key)
		}
	}
	for _, same := range pgp.Duplicates(all) {
		for _, i := range same[1:] {
			refuse("recovery-pgp-keys", "%s and %s are the same key: two shares would go to one person", p.Keys[same[0]].File, p.Keys[i].File)
		}
	}
	one := func(field string, f *File) *Key {
		if f == nil {
			return nil
		}
		k, problems := p.readKey(*f, now, until)
		for _, text := range problems {
			refuse(field, "%s", text)
		}
		return k
	}
	p.WitnessKey, p.RootTokenKey = one("witness-pgp-key", q.WitnessKey), one("root-token-pgp-key", q.RootTokenKey)
	if k := p.RootTokenKey; k != nil && q.RootTokenPrint != "" && tidy(q.RootTokenPrint) != k.Fingerprint {
		refuse("root-token-fingerprint", "%s has the fingerprint %s, not %s", clean.Clean(k.File), k.Fingerprint, clean.Clean(q.RootTokenPrint))
	}
	for _, of := range p.Keys {
		if p.WitnessKey != nil && of.Fingerprint == p.WitnessKey.Fingerprint {
			refuse("witness-pgp-key", "%s and %s are the same key: a witness who holds a share watches over themselves", of.File, p.WitnessKey.File)
		}
	}
}

// readKey reads the key of a file and says why it cannot be used; nil if there
// is none in it. What is weak about it is a warning of the plan.
func (p *Plan) readKey(f File, now, until time.Time) (*Key, []string) {
	k, err := pgp.Read(f.Name, f.Data)
	if err != nil {
		return nil, []string{err.Error()}
	}
	var problems []string
	for _, finding := range k.Preflight(now, until) {
		switch text := f.Name + ": " + finding.Text; finding.Level {
		case pgp.LevelError:
			problems = append(problems, text+" Have its holder export a key that can be used.")
		case pgp.LevelWarning:
			p.Warnings = append(p.Warnings, text)
		case pgp.LevelInfo:
		}
	}
	sum := sha256.Sum256(f.Data)
	return &Key{File: f.Name, SHA256: hex.EncodeToString(sum[:]), Key: k}, problems
}

// confirmsTwice tells whether operator and witness confirm a change in such a
// ceremony.
func confirmsTwice(k vaultstate.Kind) bool { return k != Unseal && k != Drill }

// challenge: whoever has a key in the plan shows that they can decrypt with it,
// unless the plan says none.
func (q Request) challenge(p *Plan, refuse func(string, string, ...any)) {
	keys := len(p.Keys) > 0 || p.WitnessKey != nil || p.RootTokenKey != nil
	text, source := "keys", "default"
	if q.Challenge != "" {
		text, source = q.Challenge, "flag"
	}
	switch {
	case q.WitnessKey != nil && !confirmsTwice(q.Kind):
		refuse("witness-pgp-key", "a %s changes nothing that a witness confirms, so their key is not needed", q.Kind)
	case source == "flag" && !p.Issues() && q.WitnessKey == nil && q.RootTokenKey == nil:
		refuse("challenge", "a %s without a witness' PGP key compares no keys and challenges nobody", q.Kind)
	case q.WitnessKey != nil && q.NoWitness:
		refuse("witness-pgp-key", "there is a key, and no witness whose it is")
	case text != "keys" && text != "none":
		refuse("challenge", "%q: say keys or none", text)
	case keys:
		p.Challenge = text == "keys"
		p.Values = append(p.Values, Value{Name: "challenge", Text: text, Source: source})
	case source == "flag" && text == "keys" && len(q.RecoveryKeys) == 0 && q.WitnessKey == nil && q.RootTokenKey == nil:
		refuse("challenge", "nobody has a PGP key in this plan, so nobody can be challenged")
	}
}
