package record

import "conclave/ceremony/transcript"

// NewKey is the key that a rewrap moved the vault to, and its token where it is
// another.
type NewKey struct {
	Equipment transcript.Facts `json:"equipment,omitempty"`
	Key       transcript.Facts `json:"key,omitempty"`
	SelfTest  []string         `json:"self_test,omitempty"`
	Objects   *Objects         `json:"objects,omitempty"` // nil: it is in the token of the old key
}

// newKey is where an event about the new key goes; nil for one about the key
// that the vault was wrapped with.
func (p *Page) newKey(f transcript.Facts) *NewKey {
	if f.Text("which") != "new" {
		return nil
	}
	if p.New == nil {
		p.New = &NewKey{}
	}
	return p.New
}
