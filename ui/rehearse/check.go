package rehearse

import (
	"bytes"
	"errors"
	"fmt"

	"conclave/ceremony/folder"
	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/share"
)

// Check looks at the record of a ceremony that ended well, by other means than
// the ceremony's own: the transcript against head.txt, the roster against all
// transcripts; each new share is opened with its custodian's key, and they make
// the recovery key that the record names, with every share taking part; the root
// token decrypts. It returns what it found in sentences, or the first thing that
// is not so.
func (w *World) Check(record string) ([]string, error) {
	list, rep, err := events(record)
	if err != nil {
		return nil, err
	}
	switch {
	case rep.Code() != 0:
		return nil, fmt.Errorf("checking the record: the transcript is %s: %s", rep.State, rep.Problem)
	case len(rep.Compared) == 0:
		return nil, errors.New("checking the record: there is no head.txt")
	case rep.Last.Kind != "closed":
		return nil, fmt.Errorf("checking the record: it ends with %q", rep.Last.Kind)
	case !rep.Header.Practice || !rep.Last.Practice:
		return nil, errors.New("checking the record: its lines are not marked as practice")
	}
	found := []string{fmt.Sprintf("The transcript verifies: %d events, and head.txt names the last.", rep.Head.Count)}
	if err := w.Refresh(); err != nil {
		return found, err
	}
	for _, check := range []func(string, []transcript.Event) (string, error){w.checkRoster, w.checkShares, w.checkToken} {
		sentence, err := check(record, list)
		if err != nil {
			return found, err
		}
		if sentence != "" {
			found = append(found, sentence)
		}
	}
	return found, nil
}

// checkRoster compares roster.json with what all transcripts give.
func (w *World) checkRoster(record string, _ []transcript.Event) (string, error) {
	r, err := folder.OpenRecord(record)
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := r.Get("roster.json")
	if err != nil {
		return "", err
	}
	if !w.Roster.Same(b) {
		return "", errors.New("checking the record: roster.json is not what the transcripts give")
	}
	return "The roster is what the transcripts give.", nil
}

// checkShares opens the shares of the set that the ceremony put in place. It may
// be one that an earlier ceremony, which was cut off, handed out.
func (w *World) checkShares(_ string, list []transcript.Event) (string, error) {
	switch vaultstate.Kind(list[0].Facts.Text("ceremony")) {
	case vaultstate.Init, vaultstate.RecoveryRekey, vaultstate.Recover:
	case vaultstate.Rewrap:
		if _, issues := last(list, "issued"); !issues {
			return "", nil
		}
	case vaultstate.Rekey, vaultstate.Rotate, vaultstate.ReEncrypt, vaultstate.GenerateRoot, plan.Unseal, plan.Retire, plan.Drill, plan.RevokeRoot:
		return "", nil
	}
	set, ok := w.set(false)
	issued, here := last(list, "issued")
	if !ok || here && set.ID != issued.Facts.Text("set") {
		return "", errors.New("checking the shares: the set that was handed out is not the one that counts")
	}
	var shares []secret.Bytes
	defer func() { secret.WipeAll(shares) }()
	for _, h := range set.Holdings {
		raw, err := w.share(set, h)
		if errors.Is(err, errNotKept) {
			return "The shares were shown on the screen: who wrote them down has proven them, and nobody else can check them.", nil
		}
		if err != nil {
			return "", fmt.Errorf("checking the shares: %w", err)
		}
		shares = append(shares, raw)
	}
	if len(shares) != set.Shares {
		return "", fmt.Errorf("checking the shares: %d of %d are in the record", len(shares), set.Shares)
	}
	key, err := combine(shares, set.Threshold)
	if err != nil {
		return "", fmt.Errorf("checking the shares: %w", err)
	}
	defer key.Wipe()
	if got := vaultstate.KeyDigest("recovery-key", key).String(); got != w.Roster.RecoveryKey {
		return "", errors.New("checking the shares: they do not make the recovery key that the record names")
	}
	return fmt.Sprintf("All %d shares open with their custodians' keys and make the recovery key.", set.Shares), nil
}

// combine makes the key of the last threshold shares, and sees that the others
// lie on the same polynomial.
func combine(shares []secret.Bytes, threshold int) (secret.Bytes, error) {
	if len(shares) == 1 {
		return shares[0].Clone(), nil
	}
	turned := append(append([]secret.Bytes{}, shares[len(shares)-threshold:]...), shares[:len(shares)-threshold]...)
	bad, err := share.SamePolynomial(turned, threshold)
	if err != nil {
		return secret.Bytes{}, err
	}
	if len(bad) > 0 {
		return secret.Bytes{}, fmt.Errorf("%d of them do not belong to the others", len(bad))
	}
	return share.Combine(turned[:threshold])
}

// checkToken decrypts the root token with the operator's key.
func (w *World) checkToken(record string, list []transcript.Event) (string, error) {
	token, ok := last(list, "token")
	if !ok || token.Facts.Text("delivery") != "pgp" {
		return "", nil
	}
	r, err := folder.OpenRecord(record)
	if err != nil {
		return "", err
	}
	defer r.Close()
	message, err := r.Get("root-token.asc")
	if err != nil {
		return "", err
	}
	key, err := w.private(operatorName)
	if err != nil {
		return "", err
	}
	text, err := key.Decrypt(message)
	if err != nil {
		return "", fmt.Errorf("checking the root token: %w", err)
	}
	defer text.Wipe()
	if !bytes.HasPrefix(text.Expose(), []byte("s.")) && !bytes.HasPrefix(text.Expose(), []byte("hvs.")) {
		return "", errors.New("checking the root token: what was decrypted is no token")
	}
	return "The root token decrypts with " + operatorName + "'s key.", nil
}

func last(list []transcript.Event, kind string) (transcript.Event, bool) {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].Kind == kind {
			return list[i], true
		}
	}
	return transcript.Event{}, false
}
