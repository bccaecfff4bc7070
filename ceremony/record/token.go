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
	at := &p.New
	switch f.Text("which") {
	case "old":
		at = &p.Old
	case "new":
	default:
		return &p.Token
	}
	if *at == nil {
		*at = &Token{}
	}
	return *at
}

// second are the key besides the first one, with the word that tells it from
// that.
func (p *Page) second() (*Token, string) {
	if p.Old != nil {
		return p.Old, "old"
	}
	return p.New, "new"
}
