package plan

import (
	"slices"
	"strings"
)

// What the holders of shares prove in a drill. Only a proof of the share shows
// that the share is there.
const (
	ProofShare  = "share"  // it is typed, and compared with its fingerprint in the record
	ProofKey    = "key"    // a challenge to the PGP key that it was encrypted to is decrypted
	ProofQuorum = "quorum" // as many as are needed are combined, and compared with the HSM's key
	// Not the shares but a backup of the HSM is proven: the vault opens through it.
	ProofHSM = "hsm-backup"
)

// Proofs are all of them, in the order of the manual.
var Proofs = []string{ProofShare, ProofKey, ProofQuorum, ProofHSM}

// DrillRequest is what is asked of a drill. The zero value is a drill as usual.
type DrillRequest struct {
	Proof      string // "": the share
	CompareKey bool   // open the vault, and compare its recovery key with the record
}

// UsesHSM tells whether the ceremony opens the vault through its HSM. A drill
// compares shares with the record alone, unless the plan asks for more.
func (p *Plan) UsesHSM() bool {
	if p.Server != nil {
		return false
	}
	return p.Kind != Drill || p.Proof == ProofQuorum || p.Proof == ProofHSM || p.CompareKey || p.SignRecord.Label != "" || p.Anchor || p.AdoptState != ""
}

func (q Request) drilling(p *Plan, refuse func(string, string, ...any)) {
	if q.Kind != Drill {
		return
	}
	proof, source := q.Drilling.Proof, "flag"
	if proof == "" {
		proof, source = ProofShare, "default"
	}
	switch {
	case !slices.Contains(Proofs, proof):
		refuse("proof", "%q: say one of %s", proof, strings.Join(Proofs, ", "))
	case proof == ProofKey && len(q.RecoveryKeys) == 0:
		refuse("proof", "a challenge to the holders' keys needs their public keys, and the plan names none")
	case proof != ProofKey && len(q.RecoveryKeys) > 0:
		refuse("recovery-pgp-keys", "with proof = %s nothing is encrypted to a key; leave the keys out, or say proof = key", proof)
	}
	if q.Server != nil && (proof == ProofHSM || q.Drilling.CompareKey) {
		refuse("proof", "the recovery key is in the server's own storage, under its HSM, which is not reached from here; the server itself says whether a quorum is good: proof = quorum")
	}
	p.Proof, p.CompareKey = proof, q.Drilling.CompareKey
	p.Values = append(p.Values, Value{Name: "proof", Text: proof, Source: source})
	if p.CompareKey {
		p.Values = append(p.Values, Value{Name: "compare-recovery-key", Text: "true", Source: "flag"})
	}
}

// overrideDrill: a drill as usual never has two shares in memory. Of a PIN that
// a configuration holds it makes no use.
func (p *Plan) overrideDrill(add func(id, sentence string)) {
	if p.Kind == Drill && p.Proof == ProofQuorum {
		add("quorum-in-memory", "As many shares as are needed lie in the memory of this one machine together, only to prove them.")
	}
	if p.Kind == Drill && !p.UsesHSM() {
		p.Overrides = slices.DeleteFunc(slices.Clone(p.Overrides), func(o Override) bool { return o.ID == "given-pin" })
		p.Values = slices.DeleteFunc(p.Values, func(v Value) bool { return v.Name == "hsm-pin" })
	}
}
