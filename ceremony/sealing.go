package ceremony

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"conclave/assets/clean"
	"conclave/ceremony/transcript"
	"conclave/hsm"
)

// The record's checkpoint is signed by a key in the HSM where the plan says so.
// The head is known only after the last event, so the key is met with the HSM,
// tried before people sign off, and used when the record is sealed, while the
// login still stands: no PIN is asked for it. Such a signature is made with a key
// in the same HSM, by whoever can log in: it is nobody's sign-off.

// sealing is where the key that signs the record stands.
type sealing struct {
	key      hsm.SigningKey
	note     transcript.NoteKey
	before   transcript.NoteKey // of the earlier record, where it is another
	missing  bool
	generate going
	shown    bool

	tried   bool
	why     string // it did not sign, in a sentence
	lost    bool   // …because the login was lost
	without bool   // people go on without its signature
	signed  bool   // the checkpoint is
}

// signing-key's results.
const firstKey, sameKey, otherKey = "first", "same", "other"

// signs tells whether the plan wants the record signed by the HSM.
func (r *Run) signs() bool { return r.plan.SignRecord.Label != "" }

// signingToDo tells whether the key has still to be met.
func (r *Run) signingToDo() bool { return r.signs() && !r.sealing.shown }

// meetSigningKey finds the key, or has it made, and has it read aloud.
func (r *Run) meetSigningKey() *page {
	s := &r.sealing
	label := r.plan.SignRecord.Label
	switch {
	case s.key.Label == "" && !s.missing:
		return r.work("find the key that signs the record", Prompt{IfPowerFails: "nothing has been changed."}, r.findSigningKey)
	case s.key.Label == "":
		p := r.confirmTwice(&s.generate, Prompt{Badge: "CHANGES THE HSM", Action: "Make the key that signs the record", Word: "GENERATE",
			Changes: fmt.Sprintf("a new key pair %q in the token %s, for signatures; its private half can never leave it", label, r.token.Label),
			Stays:   "the storage, and every key that is in the token now",
			Undo:    "none here: a key is destroyed with the vendor's tool"}, "make the key in the HSM that signs the record")
		if p != nil {
			return p
		}
		return r.work("make the key that signs the record", Prompt{IfPowerFails: "the key may exist in the HSM; the storage is as it was."},
			func(ctx context.Context) ([]string, error) {
				key, err := r.hsm.GenerateSigningKey(ctx, label)
				if err != nil {
					return nil, err
				}
				return r.takeSigningKey(key)
			})
	}
	return r.readSigningKey()
}

func (r *Run) findSigningKey(ctx context.Context) ([]string, error) {
	want := r.plan.SignRecord
	key, err := r.hsm.FindSigningKey(ctx, want.Label)
	if errors.Is(err, hsm.ErrKeyNotFound) {
		if want.Generate {
			r.sealing.missing = true
			return []string{"the key does not exist yet"}, nil
		}
		return nil, &toldError{Problem{Happened: fmt.Sprintf("The token %s has no key %q to sign the record.", r.token.Label, want.Label),
			State: r.stands(), Do: "Compare token and label with the plan. If a new key is meant, sign_record_generate = true has it made.", Code: err.Error()}, err}
	}
	if err != nil {
		return nil, err
	}
	return r.takeSigningKey(key)
}

// takeSigningKey records the key, and whether an earlier record has another.
func (r *Run) takeSigningKey(key hsm.SigningKey) ([]string, error) {
	s := &r.sealing
	n, err := transcript.NewNoteKey(transcript.HSMKeyName(key.Label, r.plan.Practice), key.Public)
	if err != nil {
		return nil, fmt.Errorf("the key %q: %w", key.Label, err)
	}
	result, before := firstKey, ""
	if o := r.env.Roster; o != nil && o.SigningKey != "" {
		was, err := transcript.ParseNoteKey(o.SigningKey)
		if err != nil {
			return nil, fmt.Errorf("the earlier record's key that signs: %w", err)
		}
		result, before = sameKey, o.SigningKey
		if !was.Same(n) {
			result, s.before = otherKey, was
		}
	}
	attributes := []string{}
	for name, value := range key.Attributes {
		attributes = append(attributes, name+"="+value)
	}
	slices.Sort(attributes)
	sum := n.SHA256()
	err = r.record("signing-key", Program, "", facted(transcript.Facts{"label": key.Label, "type": key.Type, "key": n.Line(), "sha256": hex.EncodeToString(sum[:]),
		"generated": key.Generated, "result": result, "id": key.ID, "before": before}, lists{"attributes": attributes}))
	if err != nil {
		return nil, err
	}
	s.key, s.note = key, n
	return []string{fmt.Sprintf("%s key %q", key.Type, key.Label)}, nil
}

// readSigningKey has the public key read aloud, and a changed one named.
func (r *Run) readSigningKey() *page {
	s, who := &r.sealing, r.person(Witness)
	lines := []Line{{Mark: Good, Text: "It is the key of the earlier record."}}
	switch {
	case s.before.Name != "":
		old := s.before.SHA256()
		lines = []Line{{Mark: Warn, Text: "ANOTHER KEY signed the earlier record: " + short(strings.ToUpper(hex.EncodeToString(old[:]))) + ", called " + s.before.Name}}
	case s.key.Generated:
		lines = []Line{{Mark: Good, Text: "It was made in this HSM now."}}
	case r.env.Roster == nil || r.env.Roster.SigningKey == "":
		lines = []Line{{Mark: Warn, Text: "It is not compared: no earlier record names one."}}
	}
	sum := s.note.SHA256()
	return &page{
		Prompt: Prompt{Kind: Attest, By: who, Heading: who.Name + ": read aloud the key that signs this record", Facts: aloud(sum), Lines: lines,
			Text:     []string{fmt.Sprintf("%s, %q: the SHA-256 of its public half. Keep it. What it signs is made with a key in the same HSM; it is nobody's signature.", s.key.Type, s.key.Label)},
			Recorded: "the public key, its attributes, and that it was read."},
		do: func(context.Context, Input) error {
			s.shown = true
			text := []string{"SHA-256 " + hex.EncodeToString(sum[:])}
			for _, l := range lines {
				text = append(text, l.Text)
			}
			return r.record("attested", who.Role, who.Name, transcript.Facts{"what": "the key that signs the record", "lines": text})
		},
	}
}

// trial is signed before the sign-off. It can be taken for no checkpoint.
const trial = "Conclave: a trial of the key, no record\n"

// trySigning sees that the key signs, before people sign off: a record that will
// lack its signature is known to them then.
func (r *Run) trySigning() *page {
	s := &r.sealing
	switch {
	case !r.signs() || s.tried || s.without:
		return nil
	case s.why != "":
		return r.askUnsigned()
	}
	power := "nothing has been changed."
	if r.committed {
		power = "the change is made."
	}
	return r.work("try the key that signs the record", Prompt{IfPowerFails: power}, func(ctx context.Context) ([]string, error) {
		sig, err := r.hsm.Sign(ctx, s.key.Label, []byte(trial))
		if err == nil && !s.key.Verify([]byte(trial), sig) {
			err = errors.New("the key under this label is not the one that was read aloud")
		}
		if err != nil {
			s.why, s.lost = sentence(r.env.Explain(err).Happened), loginEnded(err)
			return []string{"it does not sign: " + s.why}, nil
		}
		s.tried = true
		return []string{"it signs, and the signature is by the key that was read aloud"}, nil
	})
}

// askUnsigned is for people to decide: no signature keeps a record open.
func (r *Run) askUnsigned() *page {
	s, who := &r.sealing, r.person(Operator)
	choices := []Choice{
		{"again", "Try again", "the PIN is asked for if the login was lost"},
		{"without", "Go on without", "the record is sealed all the same; an override says that this signature is missing"},
	}
	return &page{
		Prompt: Prompt{Kind: Choose, By: who, Heading: "The HSM does not sign the record", Choices: choices,
			Problem:  &Problem{Happened: s.why, State: r.stands(), Do: "People's own signatures can be added later in any case."},
			Recorded: "what you choose."},
		do: func(_ context.Context, in Input) error {
			if !pick(choices, in.Choice) {
				return r.chooseAgain()
			}
			if in.Choice == "again" {
				if s.lost {
					r.loggedIn = false
				}
				s.why, s.lost = "", false
				return nil
			}
			s.without = true
			return r.override("unsigned-record", "The record is not signed by the HSM, though the plan says so.", who.Name, s.why)
		},
	}
}

// toSign tells whether the HSM signs what ends the record.
func (r *Run) toSign() bool { return r.sealing.key.Label != "" && !r.sealing.without && r.loggedIn }

// recordSealCall records the one call that comes when nothing can be recorded any
// more.
func (r *Run) recordSealCall() error {
	if !r.toSign() {
		return nil
	}
	text := fmt.Sprintf("C_Sign ×1 on %q, to come: at the seal, after the last event", r.sealing.key.Label)
	return r.record("calls", Program, "", transcript.Facts{"calls": []string{clean.Cut(text, mostObject)}})
}

// seal finishes the record, signed if it is to be. What the HSM does not sign is
// sealed unsigned: the record is whole, and unsigned says what it lacks.
func (r *Run) seal(ctx context.Context) error {
	s := &r.sealing
	if !r.toSign() {
		if s.key.Label != "" && !s.without {
			s.why = "Nobody was logged in at the HSM any more."
		}
		return r.env.seal()
	}
	// A stop of the people ends no call to the HSM halfway.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	err := r.env.seal(s.note.Signer(func(text []byte) ([]byte, error) {
		sig, err := r.hsm.Sign(ctx, s.key.Label, text)
		if err == nil && !s.key.Verify(text, sig) {
			err = errors.New("the key under this label is not the one that was read aloud")
		}
		return sig, err
	}))
	if errors.Is(err, transcript.ErrUnsigned) {
		s.why = sentence(r.env.Explain(err).Happened)
		return nil
	}
	s.signed = err == nil
	return err
}

// unsigned says that a signature is missing that should be there, "" if none is.
func (s *sealing) unsigned() string {
	switch {
	case s.key.Label == "" || s.signed:
		return ""
	case s.without:
		return "The checkpoint is not signed by the HSM."
	}
	return strings.TrimSpace("The checkpoint is NOT signed by the HSM, and the record is whole. " + s.why)
}

// sealedLines is the same for the page with the head.
func (s *sealing) sealedLines() []Line {
	switch text := s.unsigned(); {
	case text != "":
		return []Line{{Mark: Warn, Text: text}}
	case s.signed:
		return []Line{{Mark: Good, Text: "Signed with a key in the same HSM: " + s.note.Name}}
	}
	return nil
}
