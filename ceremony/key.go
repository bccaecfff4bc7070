package ceremony

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"conclave/ceremony/transcript"
	"conclave/hsm"
	"conclave/vaultstate"
)

// testHSM finds the key, and has it wrap and unwrap.
func (r *Run) testHSM(ctx context.Context) ([]string, error) {
	if r.key.Ref == "" {
		key, err := r.hsm.FindKey(ctx)
		if errors.Is(err, hsm.ErrKeyNotFound) {
			if r.mayGenerate() {
				r.met.missing = true
				return []string{"the key does not exist yet"}, nil
			}
			return nil, r.noKey(err)
		}
		if err != nil {
			return nil, err
		}
		if err := r.ownKey(key); err != nil {
			return nil, err
		}
		r.key = key
	}
	if err := r.mayWrap(); err != nil {
		return nil, err
	}
	lines, err := r.hsm.SelfTest(ctx)
	if err != nil {
		return nil, err
	}
	if r.key.Mechanism == "" { // it is chosen by now
		found, err := r.hsm.FindKey(ctx)
		if err != nil {
			return nil, err
		}
		found.Generated = r.key.Generated
		r.key = found
	}
	if !r.met.keyed {
		if err := r.recordKey(); err != nil {
			return nil, err
		}
		r.met.keyed = true
	}
	if s := r.keyOrigin(); s != "" {
		r.env.progress(Line{Mark: Warn, Text: s})
	}
	texts := []string{}
	for _, l := range lines {
		texts = append(texts, l.Text)
		mark := Good
		if l.Warn {
			mark = Warn
		}
		r.env.progress(Line{Mark: mark, Text: l.Text, Took: l.Took})
	}
	facts := transcript.Facts{"lines": texts}
	if r.device.second {
		facts["which"] = r.which()
	}
	if err := r.record("self-test", Program, "", facts); err != nil {
		return nil, err
	}
	if r.device.second { // the first token's bytes are in the generator
		r.met.tested = true
		return texts, nil
	}
	source, err := r.seed(ctx)
	if err != nil {
		return nil, err
	}
	r.met.tested = true
	return append(texts, source), nil
}

// seed has the HSM's random bytes mixed into those of the operating system,
// before the first secret is made. A token that gives none stops nothing: the
// record says so.
func (r *Run) seed(ctx context.Context) (string, error) {
	facts := transcript.Facts{"sources": "operating system and token " + r.token.Label}
	err := r.hsm.Seed(ctx)
	if loginEnded(err) {
		return "", err
	}
	if err != nil {
		facts["sources"], facts["why"] = "operating system only", err.Error()
		r.env.progress(Line{Mark: Warn, Text: "random bytes: " + facts.Text("sources")})
	}
	return "random bytes: " + facts.Text("sources"), r.record("entropy", Program, "", facts)
}

// noKey is rule S4: the key is named, and what would make it.
func (r *Run) noKey(err error) error {
	label := "of the configured label and id"
	if text := r.hsmValue("key-label"); text != "" {
		label = fmt.Sprintf("with the label %q", text)
	}
	p := Problem{Happened: "The token " + r.token.Label + " has no key " + label + ".", State: "Nothing is changed, in the HSM or in the storage.",
		Do: "Compare token, label and id with the plan: without this key the vault cannot be opened.", Code: err.Error()}
	if r.plan.Kind == vaultstate.Init {
		p.Do = "Compare label and id with the plan. If a new key is meant, -hsm-generate-key (generate_key = true in the seal stanza) has it made in the HSM."
	}
	switch {
	case r.doomed:
		p.Do = "Compare token, label and id with the plan. A key that is not there needs no retire."
	case r.device.second:
		p.Do = "Compare label and id with the plan. If a new key is meant, -new-hsm-generate-key (generate_key = true in new_hsm) has it made in the HSM."
	}
	return &toldError{p, err}
}

func (r *Run) recordKey() error {
	k := r.key
	facts := facted(transcript.Facts{"label": k.Label, "id": k.ID, "ref": k.Ref, "type": k.Type,
		"mechanism": k.Mechanism, "oaep_hash": k.OAEPHash, "generated": k.Generated},
		lists{"attributes": attributeTexts(k.Attributes), "hmac_attributes": attributeTexts(k.HMACAttributes)})
	if k.HMACRef != "" {
		facts["hmac_ref"] = k.HMACRef
	}
	if r.device.second {
		facts["which"] = r.which()
	}
	return r.record("key", Program, "", facts)
}

func attributeTexts(attributes map[string]string) []string {
	var texts []string
	for name, value := range attributes {
		texts = append(texts, name+"="+value)
	}
	slices.Sort(texts)
	return texts
}

// generateKey makes the missing key after operator and witness agreed: what is
// made in an HSM is not taken back here.
func (r *Run) generateKey() *page {
	p := r.confirmTwice(&r.met.generate, Prompt{Badge: "CHANGES THE HSM", Action: "Make the wrapping key", Word: "GENERATE",
		Changes: r.newKeys(),
		Stays:   "the storage, and every key that is in the token now",
		Undo:    "none in this ceremony; conclave retire destroys a key that nothing needs"}, "make the wrapping key in the HSM")
	if p != nil {
		return p
	}
	return r.work("make the key in the HSM", Prompt{IfPowerFails: "the key may exist in the HSM; the storage is as it was."},
		func(ctx context.Context) ([]string, error) {
			key, err := r.hsm.GenerateKey(ctx)
			if err != nil {
				return nil, err
			}
			r.key = key
			if key.HMACRef != "" {
				return []string{"key " + key.Ref + ", " + key.Type, "HMAC key " + key.HMACRef}, nil
			}
			return []string{"key " + key.Ref + ", " + key.Type}, nil
		})
}

// openState reads the state as it is, and compares it with the earlier record
// before anybody is asked for a share.
func (r *Run) openState(ctx context.Context) ([]string, error) {
	o, ok := r.env.Vault.(vaultstate.Opener)
	if !ok {
		r.hello.open = true
		return nil, nil
	}
	st, checks, err := o.Open(ctx, false, nil)
	if err != nil {
		return nil, err
	}
	r.before = st
	if r.hello.adopted == "" {
		if err := r.adopt(st); err != nil {
			return nil, err
		}
	}
	if err := r.record("target", Program, "", stateFacts(st)); err != nil {
		return nil, err
	}
	if err := r.known(st); err != nil {
		return nil, err
	}
	if err := r.voidLost(); err != nil {
		return nil, err
	}
	r.hello.open = true
	return checkTexts(checks), nil
}

func (r *Run) tellAdopted() *page {
	who := r.person(Operator)
	return &page{
		Prompt: Prompt{Kind: Attest, By: who, Heading: "An earlier ceremony was cut off after its commit", Text: []string{r.hello.adopted},
			Recorded: "that it was found, and the state that it left."},
		do: func(context.Context, Input) error {
			r.hello.told = true
			return r.record("attested", Operator, who.Name, transcript.Facts{"what": "a commit whose record was cut off", "lines": []string{r.hello.adopted}})
		},
	}
}

func stateFacts(st vaultstate.State) transcript.Facts {
	return facted(transcript.Facts{"digest": st.Storage.String(), "shares": st.Shares, "threshold": st.Threshold,
		"recovery_key": st.RecoveryKey.String(), "root_key": st.RootKey.String(), "seal_key": st.SealKeyID,
		"mechanism": st.Mechanism}, lists{"terms": termTexts(st)})
}

func termTexts(st vaultstate.State) []string {
	var terms []string
	for _, t := range st.Terms {
		terms = append(terms, fmt.Sprintf("%d %s", t.Term, t.Digest))
	}
	return terms
}

// activeTerm is the term under which new entries are encrypted.
func activeTerm(st vaultstate.State) uint32 {
	if n := len(st.Terms); n > 0 {
		return st.Terms[n-1].Term
	}
	return 0
}

func checkTexts(checks []vaultstate.Check) []string {
	var texts []string
	for _, c := range checks {
		texts = append(texts, c.Text)
	}
	return texts
}
