package record

import "conclave/ceremony/transcript"

// Token is what the record says of the key that wraps the vault's keys, and of
// the token that holds it.
type Token struct {
	Equipment transcript.Facts `json:"equipment,omitempty"`
	Key       transcript.Facts `json:"key,omitempty"`
	SelfTest  []string         `json:"self_test,omitempty"`
	Objects   *Objects         `json:"objects,omitempty"` // before and after; of a new key nil where it is in the token of the old one
}

// token is where an event about a key goes.
func (p *Page) token(f transcript.Facts) *Token {
	if f.Text("which") != "new" {
		return &p.Token
	}
	if p.New == nil {
		p.New = &Token{}
	}
	return p.New
}
