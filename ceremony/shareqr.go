package ceremony

import (
	"context"
	"fmt"

	"conclave/assets"
	"conclave/ceremony/transcript"
)

// qrState is where a share stands on its way to being shown as a QR code: only
// when its custodian asks for it, after a warning, and each time anew.
type qrState int

const (
	qrNone qrState = iota
	qrAsked
	qrShown
)

// qrWanted is the answer to a page with a share that asks for its QR code.
const qrWanted = "qr"

// shareQR is the override that the first QR code of a share is.
const (
	shareQR     = "share-qr"
	shareQRSays = "A share was shown as a QR code. Whatever camera saw the screen, a phone included, has the share."
	shareAsQR   = "share as a QR code" // in events, where a share in groups is a "share"
	qrSeconds   = 30
)

// askQR warns before a share is shown as a QR code. That it is shown is in the
// record before the screen has it.
func (r *Run) askQR(who Person) *page {
	d := &r.delivery
	number := d.shares[d.next].Number
	choices := []Choice{
		{"no", "No, back to the lines", "the share is shown in groups, to be written down"},
		{"yes", fmt.Sprintf("Show the QR code for %d seconds", qrSeconds), "the record says so, among the overrides"},
	}
	return &page{
		Prompt: Prompt{Kind: Choose, By: who, Heading: fmt.Sprintf("%s: show share %d as a QR code?", who.Name, number),
			Text: assets.Text("share-qr"), Choices: choices,
			Recorded: "that the code was shown, to whom, from when to when; an override."},
		do: func(_ context.Context, in Input) error {
			switch {
			case !pick(choices, in.Choice):
				return r.chooseAgain()
			case in.Choice == "no":
				d.qr = qrNone
				return nil
			}
			if err := r.override(shareQR, shareQRSays, who.Name, "asked for when the share was shown"); err != nil {
				return err
			}
			d.qr = qrShown
			return r.record("showing", Program, "", transcript.Facts{"what": shareAsQR, "to": who.Name, "number": number})
		},
	}
}

// showQR shows the share as a QR code, then goes back to its lines.
func (r *Run) showQR(who Person) *page {
	d := &r.delivery
	s := d.shares[d.next]
	d.text.Wipe()
	d.text = r.scheme().Groups(s.Plain)
	from := r.now()
	return &page{
		Prompt: Prompt{Kind: Show, By: who, Heading: fmt.Sprintf("%s: share %d of %d as a QR code. Only your scanner looks.", who.Name, s.Number, len(d.shares)),
			Text:     []string{"No phone, no camera: a picture of this is the share."},
			Reveal:   &Reveal{What: "share", Text: d.text, Group: 7, Seconds: qrSeconds, Fingerprint: s.Fingerprint.String(), Code: true},
			Recorded: "that it was shown, from when to when."},
		do: func(context.Context, Input) error {
			d.text.Wipe()
			d.qr = qrNone
			return r.record("shown", Custodian, who.Name, transcript.Facts{"what": shareAsQR, "to": who.Name, "number": s.Number,
				"from": stamp(from), "until": stamp(r.now())})
		},
	}
}
