package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"conclave/assets/clean"
	"conclave/ceremony/custodian"
	"conclave/ceremony/signature"
)

// Approver is somebody who signs the plan before the day. They need not be in
// the room, and are not the operator.
type Approver struct {
	custodian.Person
	File   string // with the key; "the plan" where it stands there
	SHA256 string // of the key as it was given
	Key    signature.Key

	Approval *Approval // nil: they have not signed
}

// Approval is a good signature of an approver over the Approvable text.
type Approval struct {
	File   string
	SHA256 string // of the signature
	Text   string // SHA-256 of what was signed
	Data   []byte
}

// ApproverKey asks for an approver: a name, and the public key that counts.
type ApproverKey struct {
	Name, Organisation string
	Key                File
}

// Known is a key that an earlier record of the vault has, and whose it was.
type Known struct {
	Name, Key, Ceremony string
	// Anchored: something outside of that record confirms it, and its ceremony
	// changed the vault. Only such a key counts for a recover.
	Anchored bool
}

const approvable = "Conclave: the plan of a key ceremony, for approval"

// Approvable is what approvers sign: the agreed plan without what is only known
// on the day. That is the number of the run, the record that happens to be the
// last in its directory, where the PIN comes from, and warnings that depend on
// the date. Weakened rules are in it as the plan accepts them.
func (p *Plan) Approvable() []string {
	lines := []string{approvable}
	lines = append(lines, p.head(false)...)
	lines = append(lines, p.people()...)
	for _, a := range p.accepted {
		lines = append(lines, fmt.Sprintf("accept %s: %s", a.id, clean.Clean(a.reason)))
	}
	return lines
}

// ApprovableText is Approvable as it is signed, each line ended by a newline.
func (p *Plan) ApprovableText() []byte {
	return []byte(strings.Join(p.Approvable(), "\n") + "\n")
}

// Approved are those whose approval is there.
func (p *Plan) Approved() []Approver {
	var list []Approver
	for _, a := range p.Approvers {
		if a.Approval != nil {
			list = append(list, a)
		}
	}
	return list
}

// Unapproved is how many approvals fail to what the plan demands.
func (p *Plan) Unapproved() int { return max(0, p.Approvals-len(p.Approved())) }

// Approve takes signatures of approvers. One that does not verify, is of another
// text, or by nobody whom the plan names, is refused with its file and the
// reason: what looks like an approval and is none must not lie there unnoticed.
func (p *Plan) Approve(files []File, now time.Time) error {
	text := p.ApprovableText()
	sum := sha256.Sum256(text)
	var bad []error
	for _, f := range files {
		i, err := p.approver(f, text, now)
		if err == nil && p.Approvers[i].Approval != nil {
			err = fmt.Errorf("the approval of %s is there already, in %s", clean.Clean(p.Approvers[i].Name), clean.Clean(p.Approvers[i].Approval.File))
		}
		if err != nil {
			bad = append(bad, &Problem{clean.Clean(f.Name), err.Error()})
			continue
		}
		of := sha256.Sum256(f.Data)
		p.Approvers[i].Approval = &Approval{File: f.Name, SHA256: hex.EncodeToString(of[:]), Text: hex.EncodeToString(sum[:]), Data: f.Data}
	}
	return errors.Join(bad...)
}

// approver finds whose signature a file is.
func (p *Plan) approver(f File, text []byte, now time.Time) (int, error) {
	kind, err := signature.KindOf(f.Data)
	if err != nil {
		return 0, err
	}
	worst := fmt.Errorf("no approver of the plan has a key of the kind %s", kind)
	for i, a := range p.Approvers {
		if a.Key.Kind != kind {
			continue
		}
		r, err := a.Key.CheckPlan(text, f.Data, now)
		switch {
		case err == nil:
			return i, nil
		case errors.Is(err, signature.ErrWrong):
			return 0, fmt.Errorf("%w: it is of another plan, or the plan was changed since (by the key %s)", err, r.Key)
		case errors.Is(err, signature.ErrOtherKey):
			worst = fmt.Errorf("%w, %s, which is of no approver of the plan", err, r.Key)
		default:
			return 0, err
		}
	}
	return 0, worst
}

// approvers takes the keys of those who approve.
func (q Request) approvers(p *Plan, refuse func(string, string, ...any)) {
	for _, a := range q.Approvers {
		key, err := signature.ReadKey(a.Name, a.Key.Data)
		if err != nil {
			refuse("approver", "the key of %s, %s: %v", clean.Clean(a.Name), clean.Clean(a.Key.Name), err)
			continue
		}
		sum := sha256.Sum256(a.Key.Data)
		p.Approvers = append(p.Approvers, Approver{Person: custodian.Person{Name: person(a.Name), Role: custodian.Approver, Organisation: a.Organisation},
			File: a.Key.Name, SHA256: hex.EncodeToString(sum[:]), Key: key})
	}
	n, source := len(q.Approvers), "default"
	if q.Approvals.Given {
		n, source = q.Approvals.Value, "flag"
		if n < 1 || n > len(q.Approvers) {
			refuse("approvals", "%d: there are %d approvers", n, len(q.Approvers))
			return
		}
	}
	if p.Approvals = n; n > 0 {
		p.Values = append(p.Values, Value{Name: "approvals", Text: fmt.Sprintf("%d of %d approvers", n, len(q.Approvers)), Source: source})
	}
}

// knownApprovers holds approvers' keys against those of earlier records: a key
// that appears for the first time proves nobody.
func (p *Plan) knownApprovers(add func(level, id, format string, args ...any)) {
	for _, a := range p.Approvers {
		name, same, other := clean.Clean(a.Name), Known{}, Known{}
		for _, k := range p.Known {
			switch {
			case k.Key == a.Key.ID && Same(k.Name, a.Name):
				same = k
			case k.Key == a.Key.ID, Same(k.Name, a.Name):
				other = k
			}
		}
		switch {
		case same.Key != "":
			add(LevelInfo, "", "The key of the approver %s is the one that %s has.", name, clean.Clean(same.Ceremony))
		case other.Key == a.Key.ID && other.Key != "":
			add(LevelWarning, "new-approver", "The key of the approver %s is that of %s in %s.", name, clean.Clean(other.Name), clean.Clean(other.Ceremony))
		case other.Key != "":
			add(LevelWarning, "new-approver", "The key of the approver %s is another than in %s: there it was %s.", name, clean.Clean(other.Ceremony), other.Key)
		case p.Earlier:
			add(LevelWarning, "new-approver", "The key of the approver %s is in no earlier record: whoever wrote the plan chose it.", name)
		default:
			add(LevelInfo, "", "There is no earlier record that could have the key of the approver %s: whoever wrote the plan chose it.", name)
		}
	}
}
