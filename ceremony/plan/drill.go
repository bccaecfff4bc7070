package plan

import (
	"slices"
	"strings"

	"conclave/ceremony/custodian"
)

// What the holders of shares prove in a drill.
const (
	ProofShare = "share" // it is typed, and compared with its fingerprint in the record
	// A challenge to the PGP key that it was encrypted to is decrypted, and the
	// file that they brought compared with the record. The share is not decrypted.
	ProofKey    = custodian.ProofKey
	ProofQuorum = "quorum" // as many as are needed are combined, and compared with the HSM's key
	// Not the shares but a backup of the HSM is proven: the vault opens through it.
	ProofHSM = custodian.ProofHSM
)

// Proofs are all of them, in the order of the manual.
var Proofs = []string{ProofShare, ProofKey, ProofQuorum, ProofHSM}

// DrillRequest is what is asked of a drill. The zero value is a drill as usual.
type DrillRequest struct {
	Proof      string // "": the key of those whose public key is here, the share of the others
	CompareKey bool   // open the vault, and compare its recovery key with the record
	Confirmed  string // what, outside of the records, confirms the one that issued the shares; "": nothing
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
	switch {
	case proof != "":
	case len(p.Keys) > 0:
		proof, source = ProofKey, "default: of those whose public key is here"
	default:
		proof, source = ProofShare, "default"
	}
	switch {
	case !slices.Contains(Proofs, proof):
		refuse("proof", "%q: say one of %s", proof, strings.Join(Proofs, ", "))
	case proof == ProofKey && len(q.RecoveryKeys) == 0:
		refuse("proof", "a challenge to the holders' keys needs their public keys: the plan names none, and the records keep none of theirs")
	case proof == ProofKey && len(p.Keys) == 0 && q.RecoveryKeys[0].FromRecord:
		refuse("proof", "none of the public keys in the records can be used any more")
	case proof != ProofKey && len(p.Keys) > 0:
		refuse("recovery-pgp-keys", "with proof = %s nothing is encrypted to a key; leave the keys out, or say proof = key", proof)
	}
	if q.Server != nil && (proof == ProofHSM || q.Drilling.CompareKey) {
		refuse("proof", "the recovery key is in the server's own storage, under its HSM, which is not reached from here; the server itself says whether a quorum is good: proof = quorum")
	}
	p.Proof, p.CompareKey, p.Confirmed = proof, q.Drilling.CompareKey, q.Drilling.Confirmed
	p.Values = append(p.Values, Value{Name: "proof", Text: proof, Source: source})
	if p.Confirmed != "" {
		p.Values = append(p.Values, Value{Name: "confirmed by", Text: p.Confirmed, Source: "outside of the records"})
	}
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
