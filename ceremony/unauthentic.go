package ceremony

import (
	"context"
	"fmt"
	"strings"

	"conclave/assets"
	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
	"conclave/hsm"
	"conclave/vaultstate"
)

// RSA-OAEP authenticates nothing: whoever has the public key, which a token
// gives without a login, can wrap a recovery key of their own. A vault that is
// sealed so opens and every ceremony runs on it; a new one is sealed so only
// where the plan accepts it by name, and all that is shown of it says so.

// unauthentic is the override's id.
const unauthentic = "unauthenticated-seal"

// Unauthentic is the standing warning.
var Unauthentic = strings.Join(assets.Text(unauthentic), " ")

// unauthentic tells whether the vault is sealed so, or will be.
func (r *Run) unauthentic() bool {
	if r.second != nil && r.committed {
		return r.second.key.Mechanism == hsm.RSAOAEP
	}
	if r.plan.Kind == vaultstate.Init {
		return r.plan.AcceptUnauthenticated || r.key.Mechanism == hsm.RSAOAEP
	}
	return r.status.SealMechanism == hsm.RSAOAEP
}

// standing is the warning where there is reason for it.
func (r *Run) standing() []string {
	if r.unauthentic() {
		return []string{Unauthentic}
	}
	return nil
}

// warnOfSeal records the warning, once it is known of a vault that exists.
func (r *Run) warnOfSeal() error {
	if r.plan.Kind == vaultstate.Init || !r.unauthentic() {
		return nil
	}
	for _, o := range r.overrides {
		if o.ID == unauthentic {
			return nil
		}
	}
	const why = "the vault was sealed so before this ceremony"
	r.overrides = append(r.overrides, plan.Override{ID: unauthentic, Sentence: Unauthentic, Why: why})
	return r.record("override", Program, "", transcript.Facts{"id": unauthentic, "sentence": Unauthentic, "why": why})
}

// mayWrap refuses a key that would seal this vault without authentication.
func (r *Run) mayWrap() error {
	sealed := r.status.SealMechanism
	if r.device.second {
		sealed = ""
	}
	switch {
	case r.doomed: // it wraps nothing of the vault any more
		return nil
	case r.key.Mechanism != hsm.RSAOAEP || sealed == hsm.RSAOAEP:
		return nil
	case r.plan.Kind != vaultstate.Init && !r.device.second:
		return &toldError{Problem{Happened: "The vault is sealed with " + sealed + ", and the key " + r.key.Ref + " would seal it with RSA-OAEP.",
			State: "Nothing is changed.", Do: "Name the AES key: whoever can write the storage could replace the recovery key otherwise.",
			Code: hsm.ErrUnauthentic.Error()}, hsm.ErrUnauthentic}
	case !r.plan.AcceptUnauthenticated:
		return &toldError{Problem{Happened: "The key " + r.key.Ref + " is an RSA key, and the plan does not accept a seal that authenticates nothing.",
			State: "Nothing is changed.", Do: "Use an AES key; or name the mechanism CKM_RSA_PKCS_OAEP and set accept_unauthenticated_seal in the plan.",
			Code: hsm.ErrUnauthentic.Error()}, hsm.ErrUnauthentic}
	}
	return nil
}

// tellUnknown: with this seal and no record before, nobody can say whose
// recovery key it is.
func (r *Run) tellUnknown() *page {
	who := r.person(Operator)
	text := []string{Unauthentic, "No earlier record was given. Whether this recovery key is the one that the custodians hold, Conclave cannot know: " +
		"it can have been replaced since. With the record of the ceremony before (-previous) it is compared."}
	return &page{
		Prompt: Prompt{Kind: Attest, By: who, Heading: who.Name + ": nobody can know whose recovery key this is", Text: text,
			Recorded: "that it was said, and that no record was given."},
		do: func(context.Context, Input) error {
			r.hello.unknown = true
			return r.record("attested", Operator, who.Name, transcript.Facts{"what": "it cannot be known whether the recovery key was replaced", "lines": text})
		},
	}
}

// newKeys says what a generation makes, by the mechanism that was agreed.
func (r *Run) newKeys() string {
	hmac := r.hsmValue("hmac-key-label")
	mechanism := strings.ToUpper(r.hsmValue("mechanism"))
	in := " in the token " + r.token.Label
	switch {
	case strings.Contains(mechanism, "OAEP") || mechanism == "9" || strings.HasSuffix(mechanism, "0X0009"):
		return "a new RSA-2048 pair" + in + "; its private key can never leave it"
	case hmac == "" || strings.Contains(mechanism, "GCM"):
		return "a new AES-256 key" + in + "; it can never leave it"
	case mechanism == "":
		return fmt.Sprintf("a new AES-256 key%s, and the HMAC key %q if AES-GCM does not pass with it; they can never leave it", in, hmac)
	}
	return fmt.Sprintf("a new AES-256 key and the HMAC key %q%s; they can never leave it", hmac, in)
}
