package custodian

import "conclave/ceremony/transcript"

// HandedOver is what is attested once every custodian has their encrypted file.
const HandedOver = "each custodian has their file"

// How a proof is recorded that a holder gave without typing their share.
const (
	ProofKey  = "key"  // they decrypted a challenge to the PGP key; nothing of the share was seen
	ProofFile = "file" // and brought the encrypted share that was handed out
)

// ProofHSM is what a drill of the HSM's backup is called in a plan.
const ProofHSM = "hsm-backup"

// KeyFile is where a ceremony's directory keeps the public key of a fingerprint,
// if a share was encrypted to it: a drill can challenge its holder years later.
func KeyFile(fingerprint string) string { return "keys/" + fingerprint + ".asc" }

// holders is what a ceremony's events say of people before shares are made.
type holders struct {
	organisations map[string]string // by names
	subkeys       map[string]string // by fingerprints of primary keys
	challenged    map[string]string // when a challenge was answered, by the same
}

func (h *holders) know(ev transcript.Event) {
	if h.organisations == nil {
		h.organisations, h.subkeys, h.challenged = map[string]string{}, map[string]string{}, map[string]string{}
	}
	switch f := ev.Facts; ev.Kind {
	case "person":
		h.organisations[f.Text("name")] = f.Text("organisation")
	case "pgp-key":
		h.subkeys[f.Text("fingerprint")] = f.Text("subkey")
	case "challenge":
		if f.Text("result") == "answered" && ev.Evidence == transcript.ByDecrypt {
			h.challenged[f.Text("fingerprint")] = stamp(ev.Time)
		}
	}
}

// delivered notes that a share of the set that is being issued left the program.
func (d *deriver) delivered(ev transcript.Event) {
	f := ev.Facts
	for i := range d.r.Sets {
		s := &d.r.Sets[i]
		if s.State != Pending || s.Ceremony != d.r.Ceremony {
			continue
		}
		for j := range s.Holdings {
			h := &s.Holdings[j]
			shown := ev.Kind == "shown" && f.Text("what") == "share" && f.Number("number") == h.Number && h.File == ""
			filed := ev.Kind == "attested" && f.Text("what") == HandedOver && h.File != ""
			if shown || filed {
				h.Delivered = stamp(ev.Time)
			}
		}
	}
}

// plain is the roster as programs wrote it that did not know these facts.
func (r *Roster) plain() *Roster {
	c := r.clone()
	for _, s := range c.Sets {
		for i := range s.Holdings {
			s.Holdings[i].Organisation, s.Holdings[i].Subkey, s.Holdings[i].Delivered = "", "", ""
		}
	}
	return c
}
