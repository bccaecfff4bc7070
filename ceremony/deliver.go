package ceremony

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"strings"
	"time"

	"conclave/ceremony/custodian"
	"conclave/ceremony/transcript"
	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/pgp"
	"conclave/vaultstate/share"
)

// delivery is what the steps that hand out new shares and a root token
// remember.
type delivery struct {
	taken     bool // the vault has handed the issue over
	issue     *vaultstate.Issue
	set       string
	shares    []vaultstate.IssuedShare // of the issue, or known of an earlier run
	announced bool                     // the set is in the record
	recorded  int                      // shares that are in the record, their files on disk
	filed     bool                     // all of it
	files     map[int]fileOf           // by share number, as this run wrote them
	token     fileOf
	told      bool         // where the files lie was shown
	next      int          // index of the next share to show
	sight                  // who said that nobody else sees the screen
	since     time.Time    // when the share was shown first
	qr        qrState      // whether it is shown as a QR code
	text      secret.Bytes // what is shown
	last      Person
	back      bool
	tokenOut  bool
	tokenBack bool // who was shown it, and is not the operator, gave the keyboard back
	fate      string
	terms     filled // of the root token, as the operator said them
	termed    bool
}

// fileOf is a file in the ceremony's directory.
type fileOf struct{ name, sha256 string }

func (d *delivery) wipe() {
	d.issue.Wipe()
	d.text.Wipe()
}

// handOutStep writes encrypted shares to disk before the screen changes, or
// shows plain ones to one person at a time.
func handOutStep() []Step {
	return []Step{{ID: "issue", Title: "Hand out", By: Custodian, Next: handOut,
		Needs: func(r *Run) bool { return r.resume.id == "" },
		Note:  func(r *Run) string { return fmt.Sprintf("%d of %d", r.delivery.next, r.plan.Shares) }}}
}

func handOut(r *Run) *page {
	d := &r.delivery
	nothing := "nothing counts: the vault is as it was."
	why := r.unreasoned(plainShares)
	switch {
	case len(why) > 0:
		return r.askWhyPlain(why[0])
	case !r.begun && r.remote():
		if p := r.beforehand(goServer); p != nil {
			return p
		}
		return r.work("have the server make its keys", Prompt{IfPowerFails: "the server may be initialised, and its answer lost: it is asked before anything else.",
			Lines: []Line{{Text: "one request, which is not sent twice; the answer may take minutes where the HSM is slow"}}}, r.begin)
	case !r.begun: // an init: nobody's authority is needed
		return r.work("make the new keys", Prompt{IfPowerFails: nothing,
			Lines: []Line{{Text: "made, wrapped by the HSM, staged on disk, and opened again from there"}}}, r.begin)
	case !d.filed:
		return r.work("take the new shares", Prompt{IfPowerFails: nothing}, r.takeIssue)
	case len(r.plan.Keys) > 0 && !d.told:
		return r.tellFiles()
	case len(r.plan.Keys) > 0:
		return nil
	case d.next < len(d.shares) && !d.private:
		from := d.last
		if from.Name == "" {
			from = r.person(Operator)
		}
		return r.unseen(viewing{"share", d.shares[d.next].Number, r.receivers()[d.next], from})
	case d.next < len(d.shares) && d.qr == qrAsked:
		return r.askQR(r.receivers()[d.next])
	case d.next < len(d.shares) && d.qr == qrShown:
		return r.showQR(r.receivers()[d.next])
	case d.next < len(d.shares):
		return r.showShare()
	case !d.back:
		return r.backTo(d.last, &d.back)
	}
	return nil
}

// takeIssue takes what is issued from the vault, once, and files what is
// encrypted at once: nothing else happens between. Cut off by a full disk, it
// goes on where it was.
func (r *Run) takeIssue(ctx context.Context) ([]string, error) {
	d := &r.delivery
	if !d.taken {
		if err := r.keepKeys(); err != nil { // nothing is lost yet
			return nil, err
		}
		if err := r.guard(ctx); err != nil {
			return nil, err
		}
		issue, err := r.env.Vault.Take(ctx, r.op)
		if err != nil {
			return nil, err
		}
		d.issue, d.set, d.shares, d.taken = issue, issue.Set, issue.Shares, true
	}
	if len(d.shares) > 0 && !d.announced {
		if err := r.record("issued", Program, "", transcript.Facts{"set": d.set, "shares": r.plan.Shares, "threshold": r.plan.Threshold}); err != nil {
			return nil, err
		}
		d.announced = true
	}
	var done []string
	for d.recorded < len(d.shares) {
		name, err := r.recordShare(d.shares[d.recorded], r.receivers()[d.recorded])
		if err != nil {
			return nil, err
		}
		d.recorded++
		if name != "" {
			done = append(done, name)
		}
	}
	if t := d.issue.Token; t != nil && t.Encrypted != nil {
		sum, err := r.file(rootFile, t.Encrypted)
		if err != nil {
			return nil, err
		}
		d.token = fileOf{rootFile, sum}
		done = append(done, rootFile)
	}
	d.filed = true
	return done, nil
}

const rootFile = "root-token.asc"

// recordShare files a share if it is encrypted, and records whose it is.
func (r *Run) recordShare(s vaultstate.IssuedShare, who Person) (string, error) {
	facts := transcript.Facts{"number": s.Number, "custodian": who.Name, "set": r.delivery.set,
		"fingerprint": s.Fingerprint.String(), "pgp": s.PGP, "delivery": "screen"}
	name := ""
	if s.Encrypted != nil {
		name = shareFile(s.Number, who)
		armored, err := pgp.ArmorNoted(s.Encrypted, r.plan.Practice, r.armorNote(s.Number))
		if err != nil {
			return "", fmt.Errorf("writing %s in armor: %w", name, err)
		}
		sum, err := r.putFile(name, armored)
		if err != nil {
			return "", err
		}
		if r.delivery.files == nil {
			r.delivery.files = map[int]fileOf{}
		}
		r.delivery.files[s.Number] = fileOf{name, sum}
		if r.env.Medium != nil {
			facts["medium"] = r.env.Medium.Path(".")
		}
		facts["delivery"], facts["file"], facts["sha256"] = "pgp", name, sum
	}
	return name, r.record("share", Program, "", facts)
}

// keepKeys keeps the public keys beside the shares that are encrypted to them.
func (r *Run) keepKeys() error {
	for _, k := range r.plan.Keys {
		armored, err := k.Armor(r.plan.Practice)
		if err != nil {
			return fmt.Errorf("keeping the public key %s: %w", k.Fingerprint, err)
		}
		if _, err = r.env.Shelf.Put(custodian.KeyFile(k.Fingerprint), armored); err != nil {
			return err
		}
	}
	return nil
}

func (r *Run) file(name string, message []byte) (string, error) {
	armored, err := pgp.Armor(message, r.plan.Practice)
	if err != nil {
		return "", fmt.Errorf("writing %s in armor: %w", name, err)
	}
	return r.env.Shelf.Put(name, armored)
}

var notPlain = regexp.MustCompile(`[^a-z0-9]+`)

// shareFile names the file of an encrypted share; the number keeps names that
// read alike apart.
func shareFile(number int, who Person) string {
	return fmt.Sprintf("shares/%d-%s.asc", number, plainName(who))
}

// plainName is somebody's name as a part of a file's.
func plainName(who Person) string {
	s := strings.Trim(notPlain.ReplaceAllString(strings.ToLower(who.Name), "-"), "-")
	if s == "" {
		s = string(who.Role)
	}
	return s[:min(len(s), 40)]
}

func (r *Run) tellFiles() *page {
	d, who := &r.delivery, r.person(Operator)
	// The directory is long, and the same for all.
	facts := []Fact{{"all lie in", path.Dir(r.env.Shelf.Path(shareFile(1, who)))}}
	for i, s := range d.shares {
		to := r.receivers()[i]
		facts = append(facts, Fact{fmt.Sprintf("%d %s", s.Number, to.Name), path.Base(r.env.Shelf.Path(shareFile(s.Number, to)))})
	}
	lines := []Line{{Mark: Good, Text: fmt.Sprintf("%d files are on disk and were read back", len(d.shares))}}
	if m := r.env.Medium; m != nil {
		lines = append(lines, Line{Mark: Good, Text: "a copy of each is on the second medium, " + m.Path(".") + ", and was read back"})
	}
	return &page{
		Prompt: Prompt{Kind: Attest, By: who, Heading: who.Name + ": give each custodian their file", Facts: facts,
			Text: []string{"Each file is encrypted to its custodian's PGP key. They decrypt it on a device of their own and prove the share in the next step. " +
				"Until all have done so nothing is changed."},
			Lines:    lines,
			Recorded: "each file's name and SHA-256, for whom. No share."},
		do: func(context.Context, Input) error {
			d.told, d.next = true, len(d.shares)
			return r.record("attested", Operator, who.Name, transcript.Facts{"what": custodian.HandedOver})
		},
	}
}

// showShare shows one share to its custodian, in groups with check characters,
// until they say that it is written down. Then it is wiped: what is typed back
// is compared with its fingerprint.
func (r *Run) showShare() *page {
	d := &r.delivery
	s, who := d.shares[d.next], r.receivers()[d.next]
	d.text.Wipe()
	d.text = r.scheme().Groups(s.Plain)
	if d.since.IsZero() {
		d.since = r.now()
	}
	return &page{
		Prompt: Prompt{Kind: Show, By: who,
			Heading: fmt.Sprintf("%s: share %d of %d. Only %s looks at this screen.", who.Name, s.Number, len(d.shares), strings.Fields(who.Name + " .")[0]),
			Reveal:  &Reveal{What: "share", Text: d.text, Group: 7, Words: share.Words(s.Fingerprint), Seconds: 90, Fingerprint: s.Fingerprint.String(), Offers: true},
			Text:    []string{"You type it back, so a slip of the pen is found."}, Recorded: "shown once, from when to when. No character of it."},
		do: func(_ context.Context, in Input) error {
			d.text.Wipe()
			if in.Choice == qrWanted {
				d.qr = qrAsked
				return nil
			}
			s.Plain.Wipe()
			err := r.record("shown", Custodian, who.Name, transcript.Facts{"what": "share", "to": who.Name, "number": s.Number,
				"from": stamp(d.since), "until": stamp(r.now())})
			if err != nil {
				return err
			}
			d.next, d.sight, d.last, d.since = d.next+1, sight{}, who, time.Time{}
			return nil
		},
	}
}
